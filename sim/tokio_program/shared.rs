//! What all tasks of a run share: memory, recorder, answers, and a table of futures with who waits for them.
//!
//! It is borrowed for a moment at a time and never across an await, so tasks cannot meet in it.
//!
//! Knows nothing of what the tasks do.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::cut::{Cutter, Spell};
use super::task::{Gather, Task};
use crate::body::{self, Guest, Http, Recording, Spawner, Timer, Who};
use crate::choice::{Kind, Options, Question};
use crate::id::{FutureId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::program::{
    Effects, Error, ErrorType, Found, FrameId, FutureState, Inquiry, Memory, Next, Program, Source, Value, resume,
};
use crate::time::{Nanos, Time};
use crate::trace::{Outcome, Phase, Requester, Trace, What};

pub(super) struct Shared {
    pub(super) program: Arc<Program>,
    pub(super) recording: Recording,
    /// The network, if it runs on one; then whoever drives that knows when nothing is left to happen.
    pub(super) http: Option<Rc<dyn Http>>,
    /// Makes its tasks.
    pub(super) spawner: Rc<dyn Spawner>,
    /// How many places for a cut between two polls are to be listed, if they are.
    pub(super) listed: Cell<Option<usize>>,
    /// The cuts between two polls, if there may be any.
    pub(super) cutter: RefCell<Option<Cutter>>,
    state: RefCell<State>,
}

/// Aborts a task, or a future that is polled in place.
pub(super) type Abort = Box<dyn Fn()>;

struct State {
    memory: Memory,
    recording: Recording,
    /// When the root was polled first.
    start: Option<Instant>,
    tasks: Vec<FutureId>,
    futures: Vec<Entry>,
    /// Every wait of the run, in the order of their beginnings.
    spells: Vec<Spell>,
    /// By task, its last wait.
    last_spells: Vec<Option<usize>>,
    /// How the run ended, once it has: from then on nothing is recorded.
    outcome: Option<Outcome>,
    root: Option<Waker>,
}

/// Where a task is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whereabouts {
    future: FutureId,
    /// Whose code it runs, and the operation at which it waits.
    pub(super) instance: InstanceId,
    /// As above.
    pub(super) site: u32,
    /// The how manieth wait it is; 0 before the start.
    pub(super) visit: u32,
}

impl Whereabouts {
    /// Its future.
    pub(super) fn future(self) -> FutureId {
        self.future
    }
}

/// Something that can be awaited: a task, or a gather.
struct Entry {
    /// The task with its coroutine; nothing for a gather.
    task: Option<(TaskId, InstanceId)>,
    state: FutureState,
    /// What it ended with, once it has.
    result: Result<Value, Error>,
    abort: Option<Abort>,
    wakers: Vec<Waker>,
}

impl Shared {
    pub(super) fn new(
        program: Arc<Program>,
        recording: Recording,
        http: Option<Rc<dyn Http>>,
        spawner: Rc<dyn Spawner>,
    ) -> Rc<Shared> {
        let mut memory = Memory::default();
        memory.reset(&program);
        let state = State {
            memory,
            recording: recording.clone(),
            start: None,
            tasks: Vec::new(),
            futures: Vec::new(),
            spells: Vec::new(),
            last_spells: Vec::new(),
            outcome: None,
            root: None,
        };
        let (listed, cutter, state) = (Cell::default(), RefCell::default(), RefCell::new(state));
        Rc::new(Shared { program, recording, http, spawner, listed, cutter, state })
    }

    /// Whether whoever polls tells of moments, and when everybody waits for ever.
    pub(super) fn is_told_moments(&self) -> bool {
        self.http.is_none() && self.spawner.tells_moments()
    }

    /// Before anything has run: asks for the cuts that come between two polls, if somebody tells of those.
    pub(super) fn plan_cuts(&self) {
        if self.is_told_moments() {
            *self.cutter.borrow_mut() = Some(Cutter::new(self));
        }
    }

    /// From here on the clock of the run is running.
    pub(super) fn begin(&self) {
        self.state.borrow_mut().start = Some(body::now());
    }

    /// Makes the task of main.
    pub(super) fn start_main(self: &Rc<Shared>) {
        let (who, main) = self.create(InstanceId::MAIN, TaskId::MAIN);
        let handle = self.spawner.spawn(Some(who), Box::pin(main.run())).abort_handle();
        self.can_be_aborted(who.future, Box::new(move || handle.abort()));
    }

    /// A new task, which somebody has to spawn.
    pub(super) fn create(self: &Rc<Shared>, instance: InstanceId, by: TaskId) -> (Who, Task) {
        let who = self.state.borrow_mut().add_task(instance, by);
        (who, Task::new(self.clone(), who.task, who.future, instance))
    }

    /// From here on, this is what aborting `future` is.
    pub(super) fn can_be_aborted(&self, future: FutureId, abort: Abort) {
        self.state.borrow_mut().futures[future.index()].abort = Some(abort);
    }

    /// Aborts a task or a gather; whether it had not ended.
    pub(super) fn abort(&self, future: FutureId, by: Requester) -> bool {
        self.state.borrow_mut().abort(future, by)
    }

    pub(super) fn abort_newest(&self, instance: InstanceId, by: Requester) {
        let mut state = self.state.borrow_mut();
        if let Some(future) = state.memory.newest(instance) {
            state.abort(future, by);
        }
    }

    pub(super) fn record(&self, what: What) {
        self.state.borrow_mut().record(what);
    }

    pub(super) fn memory(&self) -> RefMut<'_, Memory> {
        RefMut::map(self.state.borrow_mut(), |state| &mut state.memory)
    }

    /// Goes on with a frame.
    pub(super) fn resume(self: &Rc<Shared>, task: TaskId, frame: FrameId, input: Result<Value, Error>) -> Next {
        resume(&self.program, &mut self.running(task), frame, input)
    }

    /// What a body asks, on behalf of `task`.
    pub(super) fn running(self: &Rc<Shared>, task: TaskId) -> Running<'_> {
        Running { shared: self, state: self.state.borrow_mut(), task }
    }

    /// Puts a question, and records it with its answer.
    pub(super) fn ask(&self, question: &Question<'_>) -> u64 {
        self.state.borrow_mut().ask(question)
    }

    /// Every task so far, in creation order.
    pub(super) fn tasks(&self) -> Vec<(TaskId, InstanceId)> {
        let state = self.state.borrow();
        state.tasks.iter().filter_map(|future| state.futures[future.index()].task).collect()
    }

    /// Every wait so far.
    pub(super) fn spells(&self) -> Vec<Spell> {
        self.state.borrow().spells.clone()
    }

    /// A task begins to wait in a frame.
    pub(super) fn waits(&self, task: TaskId, frame: FrameId) {
        let (instance, site) = self.state.borrow().memory.site(frame);
        self.waits_at(task, instance, site);
    }

    /// A task begins to wait there.
    pub(super) fn waits_at(&self, task: TaskId, instance: InstanceId, site: u32) {
        let mut state = self.state.borrow_mut();
        let before = state.last_spells[task.index()];
        let visit = before.map_or(0, |at| state.spells[at].visit) + 1;
        let from = state.now();
        state.last_spells[task.index()] = Some(state.spells.len());
        state.spells.push(Spell { task, instance, site, visit, from, to: None });
    }

    /// A task does not wait any more.
    pub(super) fn goes_on(&self, task: TaskId) {
        let mut state = self.state.borrow_mut();
        let now = state.now();
        if let Some(at) = state.last_spells[task.index()] {
            state.spells[at].to.get_or_insert(now);
        }
    }

    /// Where a task is, as far as cuts are concerned: nothing if it has ended.
    pub(super) fn whereabouts(&self, task: TaskId) -> Option<Whereabouts> {
        let state = self.state.borrow();
        let future = state.tasks[task.index()];
        let entry = &state.futures[future.index()];
        let (_, own) = entry.task?;
        if entry.state != FutureState::Pending {
            return None;
        }
        let spell = state.last_spells[task.index()].map(|at| state.spells[at]);
        let (instance, site, visit) = match spell {
            Some(Spell { instance, site, visit, .. }) => (instance, site, visit),
            None => (own, 0, 0),
        };
        Some(Whereabouts { future, instance, site, visit })
    }

    /// The harness cancels a task between two polls.
    pub(super) fn cut_there(&self, task: TaskId, phase: Phase, at: Whereabouts) {
        let mut state = self.state.borrow_mut();
        state.record(What::Cut { task, phase, instance: at.instance, site: at.site });
        state.abort(at.future, Requester::Harness);
    }

    /// The harness cancels a task, if that has not ended.
    pub(super) fn cut(&self, task: TaskId) {
        let mut state = self.state.borrow_mut();
        let future = state.tasks[task.index()];
        if state.futures[future.index()].state != FutureState::Pending {
            return;
        }
        let own = state.futures[future.index()].task.map_or(InstanceId::MAIN, |(_, instance)| instance);
        let what = match state.last_spells[task.index()].map(|at| state.spells[at]) {
            Some(Spell { instance, site, .. }) => What::Cut { task, phase: Phase::Waiting, instance, site },
            None => What::Cut { task, phase: Phase::NotStarted, instance: own, site: 0 },
        };
        state.record(what);
        state.abort(future, Requester::Harness);
    }

    /// How long a sleep lasts.
    pub(super) fn length(&self, task: TaskId, min: Nanos, max: Nanos) -> Nanos {
        if min >= max {
            return min;
        }
        let options = Options::Range { min: min.0, max: max.0 };
        let question = Question { kind: Kind::SleepLength, subject: task, site: 0, options };
        Nanos(min.0 + self.ask(&question))
    }

    /// The virtual time.
    pub(super) fn now(&self) -> Time {
        self.state.borrow().now()
    }

    /// The instant of tokio's clock at which this length has passed since the start.
    pub(super) fn start_plus(&self, length: Nanos) -> Instant {
        self.state.borrow().start.expect("a run has started") + tokio::time::Duration::from_nanos(length.0)
    }

    /// A timer of the program, which keeps the run from counting as deadlocked.
    pub(super) fn timer(&self, due: Time) -> Timer {
        self.recording.timer(due)
    }

    /// Sleeps until this time of the run.
    pub(super) async fn sleep_until(&self, due: Time) {
        let _timer = self.timer(due);
        tokio::time::sleep_until(self.start_plus(Nanos(due.0))).await;
    }

    /// How a future stands, and a wake-up for whoever is polled here once it is done.
    pub(super) fn poll(&self, future: FutureId, context: &Context<'_>) -> Poll<FutureState> {
        let entry = &mut self.state.borrow_mut().futures[future.index()];
        if entry.state != FutureState::Pending {
            return Poll::Ready(entry.state);
        }
        // Only the last one is looked at, so that many may wait. Somebody else's turn in between puts a waker there twice,
        // and waking what is awake does nothing.
        if !entry.wakers.last().is_some_and(|waker| waker.will_wake(context.waker())) {
            entry.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// The end of a future, as a future: what its join handle would be if it had any number of them.
    pub(super) async fn done(self: Rc<Shared>, future: FutureId) -> Result<Value, Error> {
        std::future::poll_fn(|context| self.poll(future, context)).await;
        self.state.borrow().futures[future.index()].result
    }

    pub(super) fn is_done(&self, future: FutureId) -> bool {
        self.state.borrow().futures[future.index()].state != FutureState::Pending
    }

    /// A future is done: records `what`, and wakes who waits for it. Main's end is the run's.
    pub(super) fn settle(&self, future: FutureId, state: FutureState, result: Result<Value, Error>, what: What) {
        let mut borrowed = self.state.borrow_mut();
        borrowed.record(what);
        let now = borrowed.now();
        let task = borrowed.futures[future.index()].task;
        if let Some(at) = task.and_then(|(task, _)| borrowed.last_spells[task.index()]) {
            borrowed.spells[at].to.get_or_insert(now);
        }
        let entry = &mut borrowed.futures[future.index()];
        (entry.state, entry.result) = (state, result);
        let wakers = std::mem::take(&mut entry.wakers);
        let is_main = entry.task.is_some_and(|(task, _)| task == TaskId::MAIN);
        drop(borrowed);
        wakers.into_iter().for_each(Waker::wake);
        if is_main {
            self.end(result.map_or_else(Outcome::Failed, Outcome::Finished));
        }
    }

    /// The run ends, unless it has. Where main has returned, tokio drops every task that has not ended.
    pub(super) fn end(&self, outcome: Outcome) {
        let mut state = self.state.borrow_mut();
        if state.outcome.is_some() {
            return;
        }
        if matches!(outcome, Outcome::Finished(_) | Outcome::Failed(_)) {
            let left = state.futures.iter().filter(|entry| entry.state == FutureState::Pending);
            let left: Vec<TaskId> = left.filter_map(|entry| Some(entry.task?.0)).collect();
            left.into_iter().for_each(|task| state.record(What::Dropped { task }));
        }
        state.outcome = Some(outcome);
        state.recording.end();
        // An abort only marks the task: nothing is dropped in here.
        state.futures.iter().filter_map(|entry| entry.abort.as_ref()).for_each(|abort| abort());
        if let Some(root) = state.root.take() {
            root.wake();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.borrow().outcome.is_some()
    }

    /// The end of the run, as a future.
    pub(super) async fn ended(&self) {
        std::future::poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            state.root = Some(context.waker().clone());
            if state.outcome.is_some() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    pub(super) fn trace(&self) -> Trace {
        let state = self.state.borrow();
        self.recording.trace(state.outcome.expect("the run has ended"), state.memory.texts_ref())
    }
}

impl Guest for Shared {
    fn recording(&self) -> Recording {
        self.recording.clone()
    }

    fn moment(&self, is_woken: &dyn Fn(FutureId) -> bool) {
        if let Some(cutter) = &mut *self.cutter.borrow_mut() {
            cutter.moment(self, is_woken);
        }
    }

    fn end(&self, outcome: Outcome) {
        Shared::end(self, outcome);
    }
}

impl State {
    fn now(&self) -> Time {
        let start = self.start.expect("a run has started");
        Time(u64::try_from(body::now().duration_since(start).as_nanos()).unwrap_or(u64::MAX))
    }

    /// Every question of a run goes through here, so that each is recorded.
    fn ask(&mut self, question: &Question<'_>) -> u64 {
        self.recording.ask(self.now(), question)
    }

    fn record(&mut self, what: What) {
        if self.outcome.is_some() {
            return;
        }
        self.recording.record(self.now(), what);
    }

    fn add(&mut self, task: Option<(TaskId, InstanceId)>) -> FutureId {
        let (state, result) = (FutureState::Pending, Ok(Value::None));
        self.futures.push(Entry { task, state, result, abort: None, wakers: Vec::new() });
        FutureId(self.futures.len() as u32 - 1)
    }

    fn add_task(&mut self, instance: InstanceId, by: TaskId) -> Who {
        let task = TaskId(self.tasks.len() as u32);
        let future = self.add(Some((task, instance)));
        self.tasks.push(future);
        self.last_spells.push(None);
        self.memory.set_newest(instance, future);
        self.record(What::Created { task, by, instance });
        Who { task, future }
    }

    fn abort(&mut self, future: FutureId, by: Requester) -> bool {
        let entry = &self.futures[future.index()];
        let is_pending = entry.state == FutureState::Pending;
        let what = match (entry.task, is_pending) {
            (Some((task, _)), true) => What::CancelRequested { task, by, message: None },
            (Some((task, _)), false) => What::CancelRefused { task, by, since: 0 },
            (None, true) => What::GatherCancelRequested { future, by, message: None },
            (None, false) => What::GatherCancelRefused { future, by, since: 0 },
        };
        if let Some(abort) = &entry.abort {
            abort();
        }
        self.record(what);
        is_pending
    }
}

/// What a running body asks of tokio.
pub(super) struct Running<'a> {
    shared: &'a Rc<Shared>,
    state: RefMut<'a, State>,
    task: TaskId,
}

impl Running<'_> {
    fn pending(&mut self, message: &str) -> Error {
        let message = Some(self.memory().texts().intern(message));
        Error { ty: ErrorType::INVALID_STATE_ERROR, message }
    }
}

impl Effects for Running<'_> {
    fn memory(&mut self) -> &mut Memory {
        &mut self.state.memory
    }

    fn memory_ref(&self) -> &Memory {
        &self.state.memory
    }

    fn current(&self) -> TaskId {
        self.task
    }

    fn current_future(&self) -> FutureId {
        self.state.tasks[self.task.index()]
    }

    fn now(&self) -> Time {
        self.state.now()
    }

    fn record(&mut self, what: What) {
        self.state.record(what);
    }

    fn ask(&mut self, question: &Question<'_>) -> u64 {
        self.state.ask(question)
    }

    /// Every task is found by its name: only asyncio has `wait_for`.
    fn spawn(&mut self, instance: InstanceId, _: Source, _: Found) -> Result<FutureId, Error> {
        let who = self.state.add_task(instance, self.task);
        let task = Task::new(self.shared.clone(), who.task, who.future, instance);
        let handle = self.shared.spawner.spawn(Some(who), Box::pin(task.run())).abort_handle();
        self.state.futures[who.future.index()].abort = Some(Box::new(move || handle.abort()));
        Ok(who.future)
    }

    /// An abort takes no message, whatever the profile.
    fn cancel(&mut self, future: FutureId, _: Option<TextId>) -> Result<bool, Error> {
        Ok(self.state.abort(future, Requester::Task(self.task)))
    }

    fn cancel_all(&mut self, _: Option<TextId>) -> Result<(), Error> {
        for at in 0..self.state.tasks.len() {
            let future = self.state.tasks[at];
            if at != self.task.index() && self.state(future) == FutureState::Pending {
                self.state.abort(future, Requester::Task(self.task));
            }
        }
        Ok(())
    }

    fn gather(&mut self, _: Option<u32>, children: ListId, _: u32, return_exceptions: bool) -> FutureId {
        let count = self.memory_ref().list(children).len();
        let children: Vec<FutureId> = (0..count).map(|at| self.memory_ref().handle(children, at)).collect();
        let mut distinct = children.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let future = self.state.add(None);
        self.record(What::Gathered { future, by: self.task, children: distinct.len() as u32 });
        let gather = Gather::new(self.shared.clone(), future, children, return_exceptions);
        let who = Who { task: self.task, future };
        let handle = self.shared.spawner.spawn(Some(who), Box::pin(gather.run())).abort_handle();
        self.state.futures[future.index()].abort = Some(Box::new(move || handle.abort()));
        future
    }

    fn state(&self, future: FutureId) -> FutureState {
        self.state.futures[future.index()].state
    }

    fn result(&mut self, future: FutureId) -> Result<Value, Error> {
        match self.state(future) {
            FutureState::Pending => Err(self.pending("Result is not set.")),
            _ => self.state.futures[future.index()].result,
        }
    }

    fn exception(&mut self, future: FutureId) -> Result<Value, Error> {
        let result = self.state.futures[future.index()].result;
        match self.state(future) {
            FutureState::Pending => Err(self.pending("Exception is not set.")),
            FutureState::Cancelled => result,
            FutureState::Finished | FutureState::Failed => Ok(result.map_or_else(Value::Error, |_| Value::None)),
        }
    }

    /// Nothing here is a set: lists stay in creation order.
    fn order_set(&mut self, _: ListId) {}

    fn cancelling(&self, _: FutureId) -> Option<u32> {
        unreachable!("what only asyncio has is refused before it runs")
    }

    fn expired(&mut self, _: u32) -> bool {
        unreachable!("what only asyncio has is refused before it runs")
    }

    fn call_off(&mut self, _: u32) {
        unreachable!("what only asyncio has is refused before it runs")
    }

    fn is_called_off(&mut self, _: u32) -> bool {
        unreachable!("what only asyncio has is refused before it runs")
    }

    fn completions_left(&self, _: u32) -> u32 {
        unreachable!("what only asyncio has is refused before it runs")
    }

    fn group_refusal(&mut self, _: u32) -> Option<String> {
        unreachable!("what only asyncio has is refused before it runs")
    }

    fn add_to_group(&mut self, _: u32, _: FutureId) {
        unreachable!("what only asyncio has is refused before it runs")
    }

    fn inquire(&mut self, _: ObjectId, _: Inquiry) -> Value {
        unreachable!("what only asyncio has is refused before it runs")
    }

    fn instance_of(&self, future: FutureId) -> Option<InstanceId> {
        self.state.futures[future.index()].task.map(|(_, instance)| instance)
    }
}
