//! One run: what the loop, the tasks and the handles of a test have in common. It lives on one thread, for one run.
//!
//! No borrow of it lasts while code of the user runs: that code may come back here through any handle.
//!
//! Knows nothing of who is polled next.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use tokio::task::{Id, LocalSet};
use tokio::time::{Duration, Instant};

use super::cut::Victims;
use super::ids;
use super::names::{Called, Registry};
use super::panics::{self, Panic};
use super::queue::{Aborts, Door, Queue};
use super::sim::Probe;
use super::sites::{self, Kept, LetGo, Places};
use super::strays::Local;
use crate::body::{Guest, Recording, Who, now};
use crate::choice::{Choice, Choices, Lent, Ordinary, Question};
use crate::id::{FutureId, InstanceId, TaskId, TextId};
use crate::program::{Error, ErrorType, Texts, Value};
use crate::time::Time;
use crate::trace::{Outcome, Recorder, Requester, Wake, What};

thread_local! {
    static CURRENT: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

/// Of more wakers that are left somewhere, only so many of the first and of the last are told: to find out the line of
/// each takes a millisecond.
const PLACES_MAX: usize = 256;

/// The run that goes on on this thread.
pub(super) fn current() -> Option<Rc<Shared>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Whether a run goes on on this thread.
pub(super) fn is_there() -> bool {
    CURRENT.try_with(|current| current.borrow().is_some()).unwrap_or(false)
}

/// Does something with the tasks behind a door, if they are those of the run that goes on on this thread.
pub(super) fn behind<T>(door: &Arc<Door>, what: impl FnOnce(&Queue) -> T) -> Option<T> {
    let done = CURRENT.try_with(|current| {
        let current = current.try_borrow().ok()?;
        let homes = current.as_ref()?.homes.try_borrow().ok()?;
        homes.iter().find(|home| home.queue.is_behind(door)).map(|home| what(&home.queue))
    });
    done.ok().flatten()
}

/// Makes a run the one of this thread as long as it is there.
pub(super) struct Entered;

impl Entered {
    pub(super) fn new(shared: Rc<Shared>) -> Entered {
        CURRENT.set(Some(shared));
        Entered
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// In which way main fails without a panic.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unpanicked {
    /// It has returned an error.
    Returned,
    /// What is watched was not given back.
    NotGivenBack,
    /// A host has failed.
    #[cfg(feature = "network")]
    Host,
}

/// A run.
pub(super) struct Shared {
    /// Where tasks are polled: one place, or each host of a network.
    homes: RefCell<Vec<Home>>,
    /// The one of them where they are polled now.
    home: Cell<usize>,
    pub(super) names: Arc<Registry>,
    pub(super) victims: RefCell<Victims>,
    /// Whether it is recorded where tasks wait.
    pub(super) with_sites: bool,
    /// The task whose turn it is.
    pub(super) turn: Cell<Option<TaskId>>,
    /// Waits until nothing else can run; see [`Settle`](super::sim::Settle).
    pub(super) settlers: RefCell<Settlers>,
    /// What is watched.
    pub(super) probes: RefCell<Vec<Watched>>,
    /// The future within the polled task that is polled and may be cut.
    pub(super) inside: Cell<Option<TaskId>>,
    /// When the run began; nothing on a network, whose time is that of its recording.
    start: Option<Instant>,
    /// How many polls there have been.
    pub(super) polls: Cell<u64>,
    /// How many tasks there are that are polled, and the most at once.
    alive: Cell<u32>,
    most_alive: Cell<u32>,
    tasks: RefCell<Vec<Task>>,
    /// Empty ones, used again.
    spare: RefCell<Vec<LocalSet>>,
    /// Whether questions call some tasks otherwise than by their own numbers.
    is_anyone_renamed: Cell<bool>,
    recording: Recording,
    /// The body, if it wants to be told of moments.
    pub(super) guest: Option<Rc<dyn Guest>>,
    /// Whether tasks are told of: not where they tell of themselves.
    is_told: bool,
    told: RefCell<Told>,
    /// What the root came to.
    end: Cell<Option<Result<(), Error>>>,
    is_closed: Cell<bool>,
    /// A panic of ours on a host, where tokio would keep it to itself.
    broken: Cell<Option<Box<dyn Any + Send>>>,
}

/// What is watched: its name, how much there was, and who says how much there is.
pub(super) type Watched = (String, i64, Box<dyn Probe>);

/// What a task is polled through, while it is.
pub(super) struct Polled {
    pub(super) set: LocalSet,
    pub(super) poke: Option<Waker>,
    pub(super) aborts: Aborts,
}

/// What a run leaves to the next one, because it takes long to make.
#[derive(Default)]
pub(super) struct Memory {
    /// Empty places for tasks.
    spare: Vec<LocalSet>,
    tasks: Vec<Task>,
    pub(super) recorder: Recorder,
}

/// Who waits until nothing else can run.
#[derive(Default)]
pub(super) struct Settlers {
    pub(super) waiting: Vec<(u64, Waker)>,
    pub(super) next: u64,
}

/// Where tasks are polled.
struct Home {
    queue: Rc<Queue>,
    /// What is spawned there past the [`twin`](super::twin), if there may be something: on a network there often is.
    strays: Option<Rc<Local>>,
}

struct Told {
    texts: Texts,
    time: Time,
    /// The wakers that were left somewhere.
    places: Vec<Arc<Kept>>,
    /// How many there have been.
    kept: u32,
    /// Those that were dropped although nobody had woken them, and how many there have been.
    dropped: Vec<LetGo>,
    let_go: u32,
    /// Who has made a task that is tokio's alone, and how often it had been polled before.
    strays: Vec<(TaskId, u32)>,
}

struct Task {
    instance: InstanceId,
    /// What a question about it calls it; nothing if there is none.
    who: Option<Who>,
    /// Where it is polled.
    home: usize,
    /// Its number with tokio.
    id: Option<Id>,
    /// Where tokio keeps it. Away while it is polled.
    set: Option<LocalSet>,
    /// Has tokio poll it.
    poke: Option<Waker>,
    /// What it is polled with. Away while it is polled, as are those of its set: a copy of each would take a while.
    waker: Option<Waker>,
    /// What its set is polled with.
    aborts: Option<Aborts>,
    /// How often it was polled without being done.
    suspensions: u32,
    was_polled: bool,
    is_over: bool,
    /// Whether tokio drew numbers in its polls.
    draws: bool,
}

impl Shared {
    /// A run of a runtime of its own, in which the first task is the root.
    pub(super) fn new(
        names: Arc<Registry>,
        victims: Victims,
        with_sites: bool,
        guest: Option<Rc<dyn Guest>>,
        memory: Memory,
    ) -> Shared {
        let Memory { spare, tasks, recorder } = memory;
        let looks = with_sites || victims.openings.is_some() || names.are_strays_local();
        let home = Home { queue: Rc::new(Queue::with_root(TaskId::MAIN)), strays: looks.then(Rc::default) };
        let own = || Recording::over(recorder, Box::new(Lent));
        let recording = guest.as_ref().map_or_else(own, |guest| guest.recording());
        let shared = Shared::on_network(recording, names, victims, with_sites);
        Shared {
            homes: RefCell::new(vec![home]),
            start: Some(now()),
            is_told: guest.is_none(),
            guest,
            spare: RefCell::new(spare),
            tasks: RefCell::new(tasks),
            ..shared
        }
    }

    /// A run on a network, which has this recording, and whose hosts are yet to come.
    pub(super) fn on_network(recording: Recording, names: Arc<Registry>, victims: Victims, with_sites: bool) -> Shared {
        Shared {
            homes: RefCell::default(),
            home: Cell::new(0),
            names,
            victims: RefCell::new(victims),
            with_sites,
            turn: Cell::new(None),
            settlers: RefCell::default(),
            probes: RefCell::default(),
            inside: Cell::new(None),
            start: None,
            polls: Cell::new(0),
            alive: Cell::new(0),
            most_alive: Cell::new(0),
            tasks: RefCell::default(),
            spare: RefCell::default(),
            is_anyone_renamed: Cell::new(false),
            recording,
            guest: None,
            is_told: true,
            told: RefCell::new(Told {
                texts: Texts::default(),
                time: Time::ZERO,
                places: Vec::new(),
                kept: 0,
                dropped: Vec::new(),
                let_go: 0,
                strays: Vec::new(),
            }),
            end: Cell::new(None),
            is_closed: Cell::new(false),
            broken: Cell::new(None),
        }
    }

    /// The same, with tasks that tell of themselves.
    pub(super) fn untold(self) -> Shared {
        Shared { is_told: false, ..self }
    }

    /// Whether it is one of several hosts.
    pub(super) fn is_on_network(&self) -> bool {
        self.start.is_none()
    }

    /// Whether it is looked at who spawns tasks past the twin.
    pub(super) fn looks_for_strays(&self) -> bool {
        self.with_sites || self.is_measured()
    }

    /// Whether it is listed where it could have been cut.
    pub(super) fn is_measured(&self) -> bool {
        self.victims.borrow().openings.is_some()
    }

    /// Tasks are polled there from here on.
    pub(super) fn enter(&self, home: usize) {
        self.home.set(home);
    }

    /// A host begins, or begins anew: nothing is left of what was there.
    pub(super) fn move_in(&self, home: usize) {
        self.drop_all_of(home);
        let mut homes = self.homes.borrow_mut();
        while homes.len() <= home {
            homes.push(Home { queue: Rc::default(), strays: None });
        }
        let new = Home { queue: Rc::default(), strays: Some(Rc::default()) };
        let before = std::mem::replace(&mut homes[home], new);
        drop(homes);
        drop(before);
    }

    /// Drops what is left of the tasks of a host, the last one first.
    pub(super) fn drop_all_of(&self, home: usize) {
        // What a destructor spawns goes the same way, as it would where a runtime is shut down.
        let before = self.home.replace(home);
        self.drop_some(|task| task.home == home);
        let strays = self.homes.borrow_mut().get_mut(home).and_then(|home| home.strays.take());
        drop(strays);
        self.drop_some(|task| task.home == home);
        self.home.set(before);
    }

    /// Who is woken there.
    pub(super) fn queue(&self) -> Rc<Queue> {
        self.homes.borrow()[self.home.get()].queue.clone()
    }

    /// What is spawned there past the twin, if that is kept.
    pub(super) fn strays(&self) -> Option<Rc<Local>> {
        self.homes.borrow()[self.home.get()].strays.clone()
    }

    /// A task or future that may be told apart begins to exist. If it is `ready` it is polled on its own.
    pub(super) fn create(&self, name: Called<'_>, by: Option<TaskId>, ready: bool) -> TaskId {
        let instance = self.names.task(name);
        let queue = self.queue();
        let task = {
            let mut tasks = self.tasks.borrow_mut();
            let task = TaskId(tasks.len() as u32);
            let home = self.home.get();
            let (waker, aborts) = queue.wakers(task);
            tasks.push(Task {
                instance,
                who: Some(Who { task, future: FutureId(task.0) }),
                home,
                id: None,
                set: None,
                poke: None,
                waker: Some(waker),
                aborts: Some(aborts),
                suspensions: 0,
                was_polled: false,
                is_over: false,
                draws: false,
            });
            task
        };
        self.record(What::Created { task, by: by.unwrap_or(task), instance });
        queue.add(task, ready);
        task
    }

    /// A question about a task calls it this.
    pub(super) fn call(&self, task: TaskId, who: Option<Who>) {
        self.is_anyone_renamed.set(true);
        self.tasks.borrow_mut()[task.index()].who = who;
    }

    /// What a question calls a task.
    pub(super) fn who(&self, task: TaskId) -> Option<Who> {
        self.tasks.borrow()[task.index()].who
    }

    /// What questions call these tasks; those that there are none about are left out.
    pub(super) fn futures(&self, tasks: &mut Vec<TaskId>, futures: &mut Vec<FutureId>) {
        futures.clear();
        if !self.is_anyone_renamed.get() {
            return futures.extend(tasks.iter().map(|task| FutureId(task.0)));
        }
        let known = self.tasks.borrow();
        tasks.retain(|task| {
            let who = known[task.index()].who;
            futures.extend(who.map(|who| who.future));
            who.is_some()
        });
    }

    /// Tells a body that somebody is about to be polled, or that everybody has been.
    pub(super) fn moment(&self, queue: &Queue) {
        let Some(guest) = &self.guest else { return };
        guest.moment(&|future| {
            let tasks = self.tasks.borrow();
            let mut all = (0..).map(TaskId).zip(tasks.iter());
            let task = all.find(|(_, task)| task.who.is_some_and(|who| who.future == future));
            task.is_some_and(|(task, _)| queue.is_woken(task))
        });
    }

    /// Where a task is polled.
    pub(super) fn is_at_home(&self, task: TaskId) -> bool {
        self.tasks.borrow()[task.index()].home == self.home.get()
    }

    /// A place for one task.
    pub(super) fn take_set(&self) -> LocalSet {
        self.alive.update(|alive| alive + 1);
        self.most_alive.set(self.most_alive.get().max(self.alive.get()));
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    pub(super) fn keep_set(&self, task: TaskId, id: Id, set: LocalSet) {
        let task = &mut self.tasks.borrow_mut()[task.index()];
        (task.id, task.set) = (Some(id), Some(set));
    }

    /// What a task is polled through: its set, what has tokio poll it, and the waker for the set.
    pub(super) fn begin_poll(&self, task: TaskId) -> Option<Polled> {
        let task = &mut self.tasks.borrow_mut()[task.index()];
        Some(Polled { set: task.set.take()?, poke: task.poke.take(), aborts: task.aborts.take()? })
    }

    /// It was polled and goes on.
    pub(super) fn end_poll(&self, task: TaskId, Polled { set, poke, aborts }: Polled) {
        let task = &mut self.tasks.borrow_mut()[task.index()];
        task.set = Some(set);
        task.poke = poke.or(task.poke.take());
        task.aborts = Some(aborts);
    }

    /// The task's set is empty.
    pub(super) fn is_gone(&self, set: LocalSet) {
        self.alive.update(|alive| alive - 1);
        self.spare.borrow_mut().push(set);
    }

    /// Takes what a task itself is polled with, and remembers what has tokio poll it.
    pub(super) fn take_waker(&self, task: TaskId, poke: &Waker) -> Option<Waker> {
        let known = &mut self.tasks.borrow_mut()[task.index()];
        if !known.was_polled {
            known.poke = Some(poke.clone());
        }
        known.waker.take()
    }

    /// Gives it back.
    pub(super) fn keep_waker(&self, task: TaskId, waker: Waker) {
        self.tasks.borrow_mut()[task.index()].waker = Some(waker);
    }

    /// The task is polled, for this reason.
    pub(super) fn polled(&self, task: TaskId, by: Wake) {
        let is_first = !std::mem::replace(&mut self.tasks.borrow_mut()[task.index()].was_polled, true);
        self.record(if is_first { What::Started { task } } else { What::Resumed { task, by } });
    }

    /// It was polled and is not done.
    pub(super) fn suspended(&self, task: TaskId) {
        if self.with_sites {
            sites::leave_those_who_wait(&mut self.told.borrow_mut().places, task, self.suspensions(task) + 1);
        }
        self.tasks.borrow_mut()[task.index()].suspensions += 1;
        self.record(What::Suspended { task });
    }

    pub(super) fn suspensions(&self, task: TaskId) -> u32 {
        self.tasks.borrow()[task.index()].suspensions
    }

    /// The end of a task, if it has not ended yet.
    pub(super) fn over(&self, task: TaskId, what: What) {
        let is_news =
            !self.is_closed.get() && !std::mem::replace(&mut self.tasks.borrow_mut()[task.index()].is_over, true);
        if is_news {
            self.record(what);
        }
    }

    /// How it ends that a task panics.
    pub(super) fn panicked(&self, task: TaskId, panic: &Panic) {
        let error = self.error(panic);
        self.over(task, What::Failed { task, error });
        if task == TaskId::MAIN {
            self.finish(Err(error));
        }
    }

    /// Main fails without a panic: in this way, which is told after its name by `how`.
    pub(super) fn failed(&self, way: Unpanicked, how: &str) {
        // Failures of one class are one failure.
        let ty = match way {
            Unpanicked::Returned => ErrorType::EXCEPTION,
            Unpanicked::NotGivenBack => ErrorType::ASSERTION_ERROR,
            #[cfg(feature = "network")]
            Unpanicked::Host => ErrorType::OS_ERROR,
        };
        let error = Error { ty, message: Some(self.text(how)) };
        self.over(TaskId::MAIN, What::Failed { task: TaskId::MAIN, error });
        self.finish(Err(error));
    }

    pub(super) fn error(&self, panic: &Panic) -> Error {
        Error { ty: self.names.panic(&panic.place), message: Some(self.text(&panic.message)) }
    }

    /// A text of the code under test.
    fn text(&self, text: &str) -> TextId {
        let name = |number: &str| {
            let is_it = |task: &&Task| task.id.is_some_and(|id| id.to_string() == number);
            let instance = self.tasks.borrow().iter().find(is_it).map(|task| task.instance);
            instance.and_then(|instance| self.names.name(instance))
        };
        self.told.borrow_mut().texts.intern(&ids::named(text, name))
    }

    /// What the root came to.
    pub(super) fn finish(&self, end: Result<(), Error>) {
        self.end.set(Some(end));
        self.recording.end();
    }

    /// Whether it came to something, or whoever tells of the run says so.
    pub(super) fn has_ended(&self) -> bool {
        self.recording.has_ended()
    }

    /// The run will not end by itself.
    pub(super) fn give_up(&self, outcome: Outcome) {
        self.recording.give_up(outcome);
    }

    /// The run cannot go on.
    pub(super) fn breaks(&self, panic: Box<dyn Any + Send>) {
        self.broken.set(Some(panic));
        self.give_up(Outcome::OutOfSteps);
    }

    /// Why it could not.
    pub(super) fn broken(&self) -> Option<Box<dyn Any + Send>> {
        self.broken.take()
    }

    pub(super) fn end(&self) -> Option<Result<(), Error>> {
        self.end.get()
    }

    /// From here on nothing is recorded.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
    }

    /// Whether that is so.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// The end: drops all that code of the user has left here, as long as that code may still come back; what it panics with
    /// by that, if it does.
    pub(super) fn leave(&self) -> Option<Panic> {
        self.close();
        panics::take();
        // A panic in here is noted.
        _ = catch_unwind(AssertUnwindSafe(|| {
            self.drop_some(|_| true);
            let strays: Vec<_> = self.homes.borrow_mut().iter_mut().filter_map(|home| home.strays.take()).collect();
            let (probes, settlers) = (self.probes.take(), self.settlers.take());
            drop((strays, probes, settlers));
        }));
        panics::take().pop()
    }

    /// Everybody waits for ever, and this task could go on: whoever should have woken it has not.
    pub(super) fn lost_wake(&self, task: TaskId) {
        self.is_closed.set(false);
        self.record(What::WakeLost { task });
        self.is_closed.set(true);
    }

    pub(super) fn record(&self, what: What) {
        if !self.is_closed.get() && (self.is_told || matches!(what, What::Chose(_))) {
            self.recording.record(self.time(), what);
        }
    }

    pub(super) fn print(&self, task: TaskId, text: &str) {
        let text = self.text(text);
        self.record(What::Printed { task, text });
    }

    /// The number of the next waker that is left somewhere.
    pub(super) fn next_kept(&self) -> u32 {
        let kept = &mut self.told.borrow_mut().kept;
        *kept += 1;
        *kept
    }

    /// A future keeps a waker.
    pub(super) fn keep(&self, kept: Arc<Kept>) {
        let places = &mut self.told.borrow_mut().places;
        if places.len() == PLACES_MAX {
            places.remove(PLACES_MAX / 2);
        }
        places.push(kept);
    }

    /// The last copy of a waker is dropped that nobody has woken. That is of interest if the task itself does it, in a poll.
    pub(super) fn let_go(&self, task: TaskId, kept: &Arc<Kept>) {
        let is_polled = match self.inside.get() {
            Some(inside) => inside == task,
            None => self.turn.get() == Some(task) && self.tasks.borrow()[task.index()].waker.is_none(),
        };
        if !is_polled || std::thread::panicking() {
            return;
        }
        let polls = self.suspensions(task) + 1;
        let place = {
            let Told { dropped, let_go, kept: newest, .. } = &mut *self.told.borrow_mut();
            if dropped.len() == PLACES_MAX {
                dropped.remove(PLACES_MAX / 2);
            }
            let place = *let_go;
            *let_go += 1;
            dropped.push(LetGo { place, kept: kept.clone(), polls, newest: *newest });
            place
        };
        self.record(What::WaitDropped { task, place });
    }

    /// How often that was noted.
    pub(super) fn strays_noted(&self) -> usize {
        self.told.borrow().strays.len()
    }

    /// A task that had been polled so often has made one that is tokio's alone.
    pub(super) fn has_strayed(&self, task: TaskId, polls: u32) {
        self.told.borrow_mut().strays.push((task, polls));
    }

    /// Looks at the clock.
    pub(super) fn look_at_clock(&self) -> Time {
        let Some(start) = self.start else {
            let now = self.recording.now();
            self.told.borrow_mut().time = now;
            return now;
        };
        let time = since(start);
        let mut told = self.told.borrow_mut();
        if time != told.time && !self.is_closed.get() {
            told.time = time;
            if !self.is_told {
                return time;
            }
            self.recording.turn(time);
        }
        time
    }

    /// How long the run has taken in tokio's time.
    pub(super) fn look_again(&self) -> Time {
        self.start.map_or(Time::ZERO, since)
    }

    /// tokio's time.
    pub(super) fn now(&self) -> Instant {
        now()
    }

    /// tokio's time when somebody last looked: while a round goes on, it stands still.
    pub(super) fn last_look(&self) -> Instant {
        self.start.map_or_else(now, |start| start + Duration::from_nanos(self.time().0))
    }

    /// The time when somebody last looked.
    pub(super) fn time(&self) -> Time {
        self.told.borrow().time
    }

    /// What is left for another run, once all tasks are dropped.
    pub(super) fn take_memory(&self) -> Memory {
        let mut tasks = self.tasks.take();
        tasks.clear();
        Memory { spare: self.spare.take(), tasks, ..Memory::default() }
    }

    /// Whether anybody waits for a time, as far as the body says.
    pub(super) fn waits_for_time(&self) -> bool {
        self.recording.timers().next.is_some()
    }

    /// Who makes what is made now: the future that is polled and may be cut, or else the task.
    pub(super) fn maker(&self) -> Option<TaskId> {
        self.inside.get().or_else(|| self.polled_task())
    }

    /// Who is polled, if anybody is.
    fn polled_task(&self) -> Option<TaskId> {
        self.homes.borrow()[self.home.get()].queue.running()
    }

    /// Who is polled, or main if nobody is.
    pub(super) fn running(&self) -> TaskId {
        self.polled_task().unwrap_or(TaskId::MAIN)
    }

    pub(super) fn instance(&self, task: TaskId) -> InstanceId {
        self.tasks.borrow()[task.index()].instance
    }

    /// The most tasks that there have been at once.
    pub(super) fn most_alive(&self) -> u32 {
        self.most_alive.get()
    }

    /// How many tasks and futures there have been.
    pub(super) fn count(&self) -> usize {
        self.tasks.borrow().len()
    }

    /// Asks, and notes question and answer.
    pub(super) fn ask(&self, question: &Question<'_>) -> u64 {
        if self.is_closed.get() {
            return Ordinary.answer(question);
        }
        let answer = self.recording.answer(question);
        self.record(What::Chose(Choice::new(question, answer)));
        answer
    }

    /// The tasks that tokio still has.
    pub(super) fn alive(&self) -> Vec<TaskId> {
        let tasks = self.tasks.borrow();
        (0..).map(TaskId).zip(tasks.iter()).filter(|(_, task)| task.set.is_some()).map(|(task, _)| task).collect()
    }

    /// Whether tokio may draw numbers when this task is polled: it has in this run, or in another when it had been polled so
    /// often.
    pub(super) fn may_draw(&self, task: TaskId) -> bool {
        let task = &self.tasks.borrow()[task.index()];
        task.draws || self.names.may_draw(task.instance, task.suspensions)
    }

    /// tokio has, in the poll of a task before which there had been so many.
    pub(super) fn has_drawn(&self, task: TaskId, poll: u32) {
        let task = &mut self.tasks.borrow_mut()[task.index()];
        task.draws = true;
        self.names.draw(task.instance, poll);
    }

    /// A task is going to be dropped because somebody aborted it.
    pub(super) fn aborted(&self, task: TaskId, by: Option<TaskId>) {
        let by = by.map_or(Requester::Harness, Requester::Task);
        self.record(What::CancelRequested { task, by, message: None });
    }

    /// Drops what tokio has of some tasks, the last one first. They keep their numbers, by which somebody may wake them.
    fn drop_some(&self, which: impl Fn(&Task) -> bool) {
        let mut is_over = false;
        while !is_over {
            is_over = true;
            for at in (0..self.count()).rev() {
                let set = {
                    let task = &mut self.tasks.borrow_mut()[at];
                    if which(task) { task.set.take() } else { None }
                };
                // Its destructors may spawn more.
                is_over &= set.is_none();
                drop(set);
            }
        }
    }

    /// What happened.
    pub(super) fn take_told(&self) -> (Recorder, Texts, Places) {
        let Told { texts, places, dropped, strays, .. } = &mut *self.told.borrow_mut();
        let places =
            Places { kept: std::mem::take(places), dropped: std::mem::take(dropped), strays: std::mem::take(strays) };
        // A body that tells of its tasks keeps its recording.
        let recorder = if self.guest.is_some() { Recorder::default() } else { self.recording.take() };
        (recorder, std::mem::take(texts), places)
    }
}

fn since(start: Instant) -> Time {
    let passed = now().saturating_duration_since(start);
    Time(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX))
}

/// What a task that is polled for this reason was woken by.
pub(super) fn reason(by: Option<TaskId>, task: TaskId) -> Wake {
    match by {
        None => Wake::Timer,
        Some(by) if by == task => Wake::Yield,
        Some(by) => Wake::Task(by),
    }
}

/// A value of a Rust task: nothing is known of it.
pub(super) const VALUE: Value = Value::None;
