//! asyncio's event loop as plain data, exact to the turn.
//!
//! A run goes in turns, as asyncio's `_run_once` does:
//!
//! 1. timers that were cancelled are dropped from the front, so that they never move the clock;
//! 2. if nothing is ready, time jumps to the first deadline; without one, the run has deadlocked;
//! 3. every timer that is due goes to the end of the ready queue;
//! 4. what was ready at the start of the turn runs, in order; what becomes ready meanwhile waits for the next turn.
//!
//! The state is ids in vectors: no closure, no `Rc`, no boxed future. So it can be copied in the middle of a run,
//! recognised again, and used for the next run without allocating.
//!
//! Two freedoms are asked through the door, and only where asyncio leaves them open: the order of timers that are due
//! at one instant, and the order of sets of tasks. A third belongs to the program: how long a sleep with a range lasts.
//! Only if the program says so there are two more, which asyncio does not have: what is ready may run in any order, and
//! the harness may cancel.
//!
//! Knows nothing of files, TOML, wall clocks, or of how a trace is told.

mod barrier;
mod beginning;
mod callback;
mod cancel;
mod completed;
mod condition;
mod cut;
mod deadlock;
mod eager;
mod event;
mod footprint;
mod future;
mod gather;
mod library;
mod lock;
mod object;
mod queue;
mod result;
mod running;
mod semaphore;
mod shield;
mod shutdown;
mod task;
mod task_group;
mod timeout;
mod timers;
mod wait;
mod wait_for;

use std::hash::{Hash as _, Hasher};

use completed::Completions;
use cut::Cutting;
use footprint::Watch;
use future::{Callback, Future, Futures, Owner};
use gather::Gather;
use object::{Object, Waiter};
use running::Running;
use shield::Shield;
use shutdown::Phase;
use task::Task;
use task_group::Group;
use timeout::Deadline;
use timers::Timers;
use wait::Wait;

use crate::choice::{Choice, Choices, Cut, Kind, Options, Question};
use crate::id::{FutureId, InstanceId, TaskId};
use crate::machine::{Footprint, KeyHasher, Machine, Size, Watched};
use crate::program::{Error, Found, Memory, Messages, Program, Source, Texts};
use crate::reuse::clone_in_place;
use crate::time::{Nanos, Time};
use crate::trace::{Fingerprint, Moment, Outcome, Recorder, Requester, Trace, What};

/// One run of a program on asyncio's event loop.
///
/// ```
/// # use atropos::{choice::Ordinary, event_loop::EventLoop, harness::strategies, machine::Machine, scenario::Scenario};
/// # let scenario = Scenario::parse(include_str!("../../scenarios/first.toml"), &strategies()).unwrap();
/// # let program = scenario.program(Some("gather-cancel-wrong"), None).unwrap();
/// let mut event_loop = EventLoop::new(&program);
/// event_loop.run(&mut Ordinary);
/// let plain = event_loop.fingerprint();
///
/// event_loop.reset(); // and again, without allocating
/// event_loop.run(&mut Ordinary);
/// assert_eq!(event_loop.fingerprint(), plain);
/// ```
#[derive(Debug)]
pub struct EventLoop<'p> {
    program: &'p Program,
    recorder: Recorder,
    outcome: Option<Outcome>,
    /// The number of the current turn, from 1.
    turn: u32,
    /// How many turns have passed since time moved.
    turns_at_one_instant: u32,
    now: Time,
    /// What runs in this turn, how far it has come, up to where there is nothing to be asked or cut, and where the turn
    /// ends: before the end of what is ready only if that may run in any order.
    batch: Vec<Handle>,
    batch_next: usize,
    batch_clear: usize,
    batch_end: usize,
    /// For whom each of the batch runs, as far as that has been asked.
    batch_whose: Vec<FutureId>,
    /// What runs in the next turn.
    ready: Vec<Handle>,
    timers: Timers<Timer>,
    tasks: Vec<Task>,
    futures: Futures,
    gathers: Vec<Gather>,
    waits: Vec<Wait>,
    objects: Vec<Object>,
    deadlines: Vec<Deadline>,
    shields: Vec<Shield>,
    groups: Vec<Group>,
    completions: Vec<Completions>,
    /// How many tasks have been started at once within each other, and have not come to wait.
    starts: u32,
    memory: Memory,
    phase: Phase,
    /// Whether the loop stops at the end of this turn.
    stopping: bool,
    /// What has left the loop while main was waited for.
    left_by: Option<Error>,
    cutting: Cutting,
    /// What a search wants to know of each step.
    watch: Option<Box<Watch>>,
    scratch: Scratch,
}

clone_in_place!(EventLoop<'p> {
    program,
    recorder,
    outcome,
    turn,
    turns_at_one_instant,
    now,
    batch,
    batch_next,
    batch_clear,
    batch_end,
    batch_whose,
    ready,
    timers,
    tasks,
    futures,
    gathers,
    waits,
    objects,
    deadlines,
    shields,
    groups,
    completions,
    starts,
    memory,
    phase,
    stopping,
    left_by,
    cutting,
    watch,
    scratch,
});

/// Something that the loop runs: asyncio's handle without its closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Handle {
    /// A task runs its first line, goes on after `sleep(0)`, or is told that it awaited itself.
    Step(TaskId),
    /// What a task awaited is done.
    Wakeup(TaskId),
    /// A timer that has become due.
    Fire(Timer),
    /// A gather counts a child.
    GatherChild { gather: u32, child: FutureId },
    /// A `wait` counts one of its futures.
    WaitChild { wait: u32, child: FutureId },
    /// A waiter inside asyncio's library is done, unless it is already.
    Release(Waiter),
    /// A task group notes that a task of its is done.
    GroupTask { group: u32, child: FutureId },
    /// An `as_completed` notes that one of its futures is done.
    Completed { iterator: u32, child: FutureId },
    /// What is shielded is done.
    ShieldInner(u32),
    /// A shield is done.
    ShieldOuter(u32),
    /// `run_until_complete` is told that its future is done.
    Stop,
    /// The task that does nothing in one of `run()`'s last rounds.
    ShutdownRound,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Timer {
    /// The sleep, or the timeout of the wait, that a task began as its `serial`-th; older ones are cancelled.
    Own { task: TaskId, serial: u32 },
    /// A deadline of the library's, unless it has been set anew since.
    Deadline { deadline: u32, serial: u32 },
    /// A cancellation from outside: an index into the program's.
    OutsideCancel(u32),
}

impl Timer {
    fn is_cancelled(self, tasks: &[Task], deadlines: &[Deadline]) -> bool {
        match self {
            Timer::Own { task, serial } => tasks[task.index()].own_serial != serial,
            Timer::Deadline { deadline, serial } => deadlines[deadline as usize].is_off(serial),
            Timer::OutsideCancel(_) => false,
        }
    }
}

/// Memory that is used again and again and means nothing in between, so a copy has its own.
#[derive(Debug, Default)]
struct Scratch {
    options: Vec<FutureId>,
    first_steps: Vec<Handle>,
}

impl Clone for Scratch {
    fn clone(&self) -> Scratch {
        Scratch::default()
    }

    fn clone_from(&mut self, _: &Scratch) {}
}

impl<'p> EventLoop<'p> {
    /// A run of `program` that has not begun.
    pub fn new(program: &'p Program) -> EventLoop<'p> {
        let mut new = EventLoop {
            program,
            recorder: Recorder::default(),
            outcome: None,
            turn: 0,
            turns_at_one_instant: 0,
            now: Time::ZERO,
            batch: Vec::new(),
            batch_next: 0,
            batch_clear: 0,
            batch_end: 0,
            batch_whose: Vec::new(),
            ready: Vec::new(),
            timers: Timers::default(),
            tasks: Vec::new(),
            futures: Futures::default(),
            gathers: Vec::new(),
            waits: Vec::new(),
            objects: object::make_all(program),
            deadlines: Vec::new(),
            shields: Vec::new(),
            groups: Vec::new(),
            completions: Vec::new(),
            starts: 0,
            memory: Memory::default(),
            phase: Phase::Main,
            stopping: false,
            left_by: None,
            cutting: Cutting::default(),
            watch: None,
            scratch: Scratch::default(),
        };
        new.reset();
        new
    }

    /// Back to the start, for another run of the same program in the same memory.
    pub fn reset(&mut self) {
        self.recorder.reset();
        self.outcome = None;
        self.turn = 0;
        self.turns_at_one_instant = 0;
        self.now = Time::ZERO;
        self.batch.clear();
        self.batch_next = 0;
        self.batch_clear = 0;
        self.batch_end = 0;
        self.batch_whose.clear();
        self.ready.clear();
        self.timers.clear();
        self.tasks.clear();
        self.futures.clear();
        self.gathers.clear();
        self.waits.clear();
        self.reset_objects();
        self.deadlines.clear();
        self.shields.clear();
        self.groups.clear();
        self.completions.clear();
        self.starts = 0;
        self.memory.reset(self.program);
        self.phase = Phase::Main;
        self.stopping = false;
        self.left_by = None;
        self.cutting.reset(self.program);
        self.watch = None;

        for (at, cancel) in (0..).zip(&self.program.outside_cancels) {
            self.timers.set(Time::ZERO + cancel.at, Timer::OutsideCancel(at));
        }
        let main = self.create_task(InstanceId::MAIN, Source::Call, Found::ByName, TaskId::MAIN);
        self.futures.add_callback(main, Callback::Stop);
        for object in self.program.bare_futures() {
            let future = self.futures.add(Owner::Nobody);
            self.recorder.record(What::Declared { future, object });
        }
    }

    /// What happened so far, in order.
    pub fn moments(&self) -> impl Iterator<Item = Moment> {
        self.recorder.iter()
    }

    /// The same without what happened before this was copied from `beginning`.
    pub fn moments_since(&self, beginning: &EventLoop<'_>) -> impl Iterator<Item = Moment> {
        self.recorder.since(&beginning.recorder, (beginning.turn, beginning.now))
    }

    /// The texts that were put together so far; the others are the program's.
    pub fn texts(&self) -> &Texts {
        self.memory.texts_ref()
    }

    /// [`Machine::fingerprint`], and a hash of what happened, whatever was asked: distinct orders have distinct ones.
    ///
    /// # Panics
    ///
    /// If the run has not ended.
    pub fn fingerprint_and_order(&self) -> (Fingerprint, u64) {
        self.recorder.fingerprint_and_order(self.outcome.expect("the run has ended"), self.memory.texts_ref())
    }

    /// Asks and cuts what comes before the next handles, in this turn or the next one; false once the run has ended.
    #[inline(never)]
    fn clear_more<C: Choices + ?Sized>(&mut self, choices: &mut C) -> bool {
        while self.outcome.is_none() {
            let left = self.batch_end - self.batch_next;
            if left > 0 {
                let clear = if self.program.schedule.ready_any_order { 1 } else { left };
                let clear = self.cutting.next_handles(clear);
                self.batch_clear = self.batch_next + clear;
                if clear == 0 {
                    self.watch_cut();
                    self.cut(choices);
                    continue;
                }
                if self.program.schedule.ready_any_order {
                    self.choose_handle(choices);
                }
                return true;
            }
            if self.is_between_phases() {
                self.go_to_next_phase(choices);
            } else {
                self.begin_turn(choices);
            }
        }
        false
    }

    /// Whether the loop has been stopped and its last turn is over.
    fn is_between_phases(&self) -> bool {
        self.stopping && self.batch_next == self.batch_end
    }

    fn go_to_next_phase<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        self.stopping = false;
        self.next_phase(choices);
    }

    /// Begins a turn, or ends the run.
    #[inline(always)]
    fn begin_turn<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        if self.turn == 0 {
            self.plan_cuts(choices);
        }
        let first_due = self.first_due();
        if self.ready.is_empty() && self.batch_next == self.batch.len() {
            match first_due {
                // Nobody runs until then, so this is a moment of its own to be cancelled at.
                Some(due) if self.now < due => {
                    if self.cutting.next_handles(1) == 0 {
                        self.watch_cut();
                        return self.cut(choices);
                    }
                    self.now = due;
                    self.turns_at_one_instant = 0;
                    self.watch_instant();
                }
                Some(_) => {}
                None => {
                    self.tell_lacks();
                    return self.end(Outcome::Deadlocked);
                }
            }
        }
        self.turns_at_one_instant += 1;
        if self.turns_at_one_instant > self.program.limits.turns_at_one_instant {
            return self.end(Outcome::Livelocked);
        }
        self.turn += 1;
        self.recorder.turn(self.turn, self.now);
        if self.program.schedule.ready_any_order {
            self.keep_what_is_left();
        } else {
            self.batch.clear();
            std::mem::swap(&mut self.batch, &mut self.ready);
        }
        if self.is_watched() {
            self.watch_turn();
        }
        self.batch_next = 0;
        self.batch_clear = 0;
        if first_due.is_some_and(|due| due <= self.now) {
            self.fire_due_timers(choices);
        }
        self.batch_end = self.batch.len();
    }

    /// What the last turn has left over comes first in the next one.
    #[cold]
    fn keep_what_is_left(&mut self) {
        self.batch.drain(..self.batch_next);
        self.batch_whose.drain(..self.batch_next);
        self.batch.append(&mut self.ready);
    }

    /// The first deadline, once the cancelled timers before it are dropped.
    #[inline(always)]
    fn first_due(&mut self) -> Option<Time> {
        while self.timers.take_first_if(|_, timer| timer.is_cancelled(&self.tasks, &self.deadlines)).is_some() {}
        self.timers.first()
    }

    /// Moves the timers that are due to the end of the batch, those of one instant in any order if that is open.
    #[inline(never)]
    fn fire_due_timers<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        let first = self.batch.len();
        let mut options = std::mem::take(&mut self.scratch.options);
        options.clear();
        while let Some(timer) = self.timers.take_first_if(|due, _| due <= self.now) {
            if !timer.is_cancelled(&self.tasks, &self.deadlines) {
                self.batch.push(Handle::Fire(timer));
                options.push(self.whose(timer));
            }
        }
        if self.program.schedule.timers_any_order && options.len() > 1 {
            let before = if self.is_watched() { self.batch[first..].to_vec() } else { Vec::new() };
            let order = self.watch_order(before.len());
            let mut batch = std::mem::take(&mut self.batch);
            self.choose_order(choices, Kind::TimerOrder, TaskId::MAIN, &mut options, &mut batch[first..]);
            self.batch = batch;
            if let Some(order) = order {
                self.watch_timers(order, first, &before);
            }
        }
        self.scratch.options = options;
    }

    /// The future whose task a timer belongs to; what comes from outside stands under its victim's name.
    fn whose(&self, timer: Timer) -> FutureId {
        let task = match timer {
            Timer::Own { task, .. } => task,
            Timer::Deadline { deadline, .. } => self.whose_deadline(deadline),
            Timer::OutsideCancel(at) => {
                let victim = self.program.outside_cancels[at as usize].victim;
                return self.memory.newest(victim).unwrap_or(self.tasks[0].future);
            }
        };
        self.tasks[task.index()].future
    }

    /// Asks, place by place, which of the remaining `items` comes next. Answer 0 leaves an item where it is, another
    /// one swaps it in: so an order costs a number of questions that is linear in its length, and one deviation is
    /// one exchange.
    #[inline(never)]
    fn choose_order<T, C: Choices + ?Sized>(
        &mut self,
        choices: &mut C,
        kind: Kind,
        subject: TaskId,
        options: &mut [FutureId],
        items: &mut [T],
    ) {
        for at in 0..items.len() - 1 {
            let question = Question { kind, subject, site: 0, options: Options::Futures(&options[at..]) };
            let answer = self.ask(choices, &question) as usize;
            options.swap(at, at + answer);
            items.swap(at, at + answer);
        }
    }

    /// Makes any of what is ready the next, if that is open. What has become ready meanwhile is ready at once.
    #[inline(never)]
    fn choose_handle<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        self.batch.append(&mut self.ready);
        let mut whose = std::mem::take(&mut self.batch_whose);
        whose.extend(self.batch[whose.len()..].iter().map(|&handle| self.whose_handle(handle)));
        let options = &whose[self.batch_next..];
        if options.len() > 1 {
            self.watch_ready();
            let options = Options::Futures(options);
            let question = Question { kind: Kind::ReadyOrder, subject: TaskId::MAIN, site: 0, options };
            let next = self.batch_next + self.ask(choices, &question) as usize;
            whose.swap(self.batch_next, next);
            self.batch.swap(self.batch_next, next);
        }
        choices.goes_on(whose[self.batch_next]);
        self.batch_whose = whose;
    }

    /// Runs a handle where a search looks on, or where anything may run next. Turns then end only where it matters, because
    /// how long they are hangs on the order: the loop stops at once, and what is due now is ready at once.
    #[inline(never)]
    fn run_handle_freely<C: Choices + ?Sized>(&mut self, handle: Handle, choices: &mut C) -> Footprint {
        if self.is_watched() {
            self.watch_handle(handle);
        }
        let footprint = self.run_handle(handle, choices);
        if self.is_watched() {
            self.watch_handle_done();
        }
        let is_over = self.stopping || self.timers.first().is_some_and(|due| due <= self.now);
        if self.program.schedule.ready_any_order && is_over && self.outcome.is_none() {
            self.batch_end = self.batch_next;
        }
        footprint
    }

    /// The future that a handle is run for.
    fn whose_handle(&self, handle: Handle) -> FutureId {
        match handle {
            Handle::Step(task) | Handle::Wakeup(task) => self.tasks[task.index()].future,
            Handle::Fire(timer) => self.whose(timer),
            Handle::GatherChild { gather, .. } => self.gathers[gather as usize].future,
            Handle::WaitChild { wait, .. } => self.tasks[self.waits[wait as usize].task.index()].future,
            Handle::GroupTask { child, .. } | Handle::Completed { child, .. } => child,
            Handle::Release(waiter) => self.tasks[waiter.task.index()].future,
            Handle::ShieldInner(shield) | Handle::ShieldOuter(shield) => self.shields[shield as usize].outer,
            Handle::Stop | Handle::ShutdownRound => self.tasks[0].future,
        }
    }

    /// Every question of a run goes through here, so that each is recorded. Inlined, because which options there are is
    /// known where it is asked.
    #[inline(always)]
    fn ask<C: Choices + ?Sized>(&mut self, choices: &mut C, question: &Question<'_>) -> u64 {
        let answer = choices.answer(question);
        self.watch_question();
        self.recorder.record(What::Chose(Choice::new(question, answer)));
        answer
    }

    #[inline(always)]
    fn run_handle<C: Choices + ?Sized>(&mut self, handle: Handle, choices: &mut C) -> Footprint {
        let (task, input) = match handle {
            Handle::Step(task) => (task, self.step_input(task)),
            Handle::Wakeup(task) => (task, self.wakeup_input(task)),
            other => {
                self.run_callback(other, choices);
                return Footprint { task: None };
            }
        };
        self.resume_task(task, input, choices);
        Footprint { task: Some(task) }
    }

    /// Runs what is no task's.
    #[inline(always)]
    fn run_callback<C: Choices + ?Sized>(&mut self, handle: Handle, choices: &mut C) {
        match handle {
            Handle::Step(_) | Handle::Wakeup(_) => unreachable!("a task's own is run with the task"),
            Handle::Fire(timer) if timer.is_cancelled(&self.tasks, &self.deadlines) => {}
            Handle::Fire(Timer::Own { task, .. }) => self.own_timer_fired(task),
            Handle::Fire(Timer::Deadline { deadline, .. }) => self.deadline_passed(deadline),
            Handle::Fire(Timer::OutsideCancel(at)) => {
                let cancel = self.program.outside_cancels[at as usize];
                if let Some(victim) = self.memory.newest(cancel.victim) {
                    // Python 3.8 has no messages, and no step is at fault for this one.
                    let message = cancel.message.filter(|_| self.program.profile.messages != Messages::None);
                    // Nobody is there to be told that the recursion was too deep.
                    _ = self.cancel(victim, Requester::Outside, message);
                }
            }
            Handle::GatherChild { gather, child } => self.count_gather_child(gather, child),
            Handle::WaitChild { wait, child } => self.count_wait_child(wait, child),
            Handle::Release(waiter) => _ = self.wake(waiter),
            Handle::Completed { iterator, child } => self.count_completion(iterator, child),
            Handle::GroupTask { group, child } => self.group_task_done(group, child, choices),
            Handle::ShieldInner(shield) => self.shield_inner_done(shield),
            Handle::ShieldOuter(shield) => self.shield_outer_done(shield),
            Handle::Stop => self.stopping = true,
            Handle::ShutdownRound => self.ready.push(Handle::Stop),
        }
    }

    /// Queues whoever asked to be told that `future` is done.
    fn tell(&mut self, future: FutureId) {
        self.touch_future(future);
        self.futures[future].done_since = self.turn;
        let ready = &mut self.ready;
        self.futures.take_callbacks(future, |callback| ready.push(handle_for(callback, future)));
    }

    /// As `add_done_callback`: a future that is done already tells in the next turn.
    fn add_done_callback(&mut self, future: FutureId, callback: Callback) {
        self.touch_future(future);
        if self.futures[future].is_done() {
            self.ready.push(handle_for(callback, future));
        } else {
            self.futures.add_callback(future, callback);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
        self.cutting.handles = self.handles();
        self.batch_clear = self.batch_next;
    }

    /// Hashes the state but for what stands in queues.
    fn hash_unordered(&self, hasher: &mut impl Hasher) {
        (self.outcome, self.now, self.stopping, self.phase, self.left_by).hash(hasher);
        (&self.tasks, &self.gathers, &self.waits, &self.objects).hash(hasher);
        (&self.deadlines, &self.shields, &self.groups, &self.completions).hash(hasher);
        self.cutting.hash_state(self.handles(), hasher);
        self.futures.hash_state(hasher);
        self.memory.hash(hasher);
    }

    /// How many handles have run.
    fn handles(&self) -> u64 {
        self.cutting.handles - (self.batch_clear - self.batch_next) as u64
    }
}

fn handle_for(callback: Callback, future: FutureId) -> Handle {
    match callback {
        Callback::Wake(task) => Handle::Wakeup(task),
        Callback::Gather(gather) => Handle::GatherChild { gather, child: future },
        Callback::Wait(wait) => Handle::WaitChild { wait, child: future },
        Callback::Release(waiter) => Handle::Release(waiter),
        Callback::Group(group) => Handle::GroupTask { group, child: future },
        Callback::Completed(iterator) => Handle::Completed { iterator, child: future },
        Callback::Call(callback) => Handle::Fire(Timer::Deadline { deadline: callback, serial: 0 }),
        Callback::ShieldInner(shield) => Handle::ShieldInner(shield),
        Callback::ShieldOuter(shield) => Handle::ShieldOuter(shield),
        Callback::Stop => Handle::Stop,
    }
}

impl Machine for EventLoop<'_> {
    #[inline(always)]
    fn step<C: Choices + ?Sized>(&mut self, choices: &mut C) -> Option<Footprint> {
        if self.batch_next == self.batch_clear && !self.clear_more(choices) {
            return None;
        }
        let handle = self.batch[self.batch_next];
        self.batch_next += 1;
        if self.is_watched() || self.program.schedule.ready_any_order {
            return Some(self.run_handle_freely(handle, choices));
        }
        Some(self.run_handle(handle, choices))
    }

    fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    fn trace(&self) -> Trace {
        self.recorder.trace(self.outcome.expect("the run has ended"), self.memory.texts_ref())
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint_and_order().0
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn key(&self) -> Option<u128> {
        let mut hasher = KeyHasher::default();
        (&self.batch[self.batch_next..], &self.ready, self.timers.in_order()).hash(&mut hasher);
        self.hash_unordered(&mut hasher);
        Some(hasher.finish_128())
    }

    fn free_key(&self) -> Option<u128> {
        let mut hasher = KeyHasher::default();
        let mut timers = self.timers.in_order();
        timers.retain(|(_, timer)| !timer.is_cancelled(&self.tasks, &self.deadlines));
        if self.program.schedule.timers_any_order {
            timers.sort_unstable();
        }
        timers.hash(&mut hasher);
        let batch = &self.batch[self.batch_next..];
        if self.program.schedule.ready_any_order {
            let mut all = [batch, &self.ready].concat();
            all.sort_unstable();
            all.hash(&mut hasher);
        } else {
            (batch, &self.ready).hash(&mut hasher);
        }
        self.hash_unordered(&mut hasher);
        Some(hasher.finish_128())
    }

    fn size(&self) -> usize {
        let mut size = Size::default();
        (&self.batch, &self.ready, &self.batch_whose).hash(&mut size);
        self.hash_unordered(&mut size);
        let watch = self.watch.as_ref().map_or(0, |watch| watch.size());
        size_of::<Self>() + size.bytes() + self.timers.size() + self.cutting.size() + watch
    }

    fn begin_search(&mut self) {
        self.watch = Some(Box::default());
        self.cutting.ask_one_by_one(self.program);
    }

    fn watched(&mut self) -> Watched {
        self.watched_so_far()
    }

    fn is_at_rest(&self) -> bool {
        self.ready.is_empty() && self.batch_next == self.batch.len() && !self.stopping
    }

    fn drain(&mut self, see: &mut dyn FnMut(Moment, &Texts)) {
        let texts = self.memory.texts_ref();
        self.recorder.drain(|moment| see(moment, texts));
    }

    fn deadlines(&self) -> Vec<Nanos> {
        let timers = self.timers.in_order().into_iter();
        let timers = timers.filter(|(_, timer)| !timer.is_cancelled(&self.tasks, &self.deadlines));
        timers.map(|(due, _)| Nanos(due.0 - self.now.0)).collect()
    }

    fn cuts_made(&self) -> &[(Cut, usize)] {
        self.cutting.made()
    }

    fn result(&self) -> String {
        self.told_result()
    }
}
