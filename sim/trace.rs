//! What happened in a run: its events, its questions, and exactly one outcome.
//!
//! An event is sixteen plain bytes, recorded where the thing happens; a run is a vector of them, reused from run to
//! run and hashed in one go. [`Trace::iter`] gives them back with the turn and the time at which each happened.
//!
//! Knows nothing of how any of it is drawn, or of which machine ran.

mod link;
mod names;
mod sites;
mod waits;

use crate::choice::{Choice, Kind, Log};
use crate::id::{FutureId, HostId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::program::{Error, ErrorType, Operation, Program, Stage, Texts, Value};
use crate::reuse::clone_in_place;
use crate::time::Time;

pub use link::{Carries, Fate, Leg, Message, Serves};
pub use names::{Names, Whose};
pub use sites::{Dormant, Frame, Sites};
pub use waits::{Owner, Waits};

/// A recorded run. It ends in its outcome, which cannot be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What was asked, in order.
    pub choices: Vec<Asked>,
    /// How it ended.
    pub outcome: Outcome,
    /// The texts that were put together on the way; the others are the program's.
    pub texts: Texts,
    /// Where real futures were suspended, if that was recorded; no part of the fingerprint.
    pub sites: Sites,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Main returned.
    Finished(Value),
    /// Main raised, so the program ended with this error.
    Failed(Error),
    /// Nothing was ready, no timer was set, and main had not ended: every unfinished task waits for another.
    Deadlocked,
    /// The bodies executed more steps than the program's limit.
    OutOfSteps,
    /// More turns than the program's limit passed at one instant.
    Livelocked,
}

/// Where tasks ended up at the moment when main ended, each task but main counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tally {
    /// Returned.
    pub finished: u32,
    /// Raised.
    pub failed: u32,
    /// Ended as cancelled.
    pub cancelled: u32,
    /// Were still running, or had not even started.
    pub running: u32,
    /// When main ended, or when the run did if main never ended.
    pub ended: Time,
}

/// One event with its place in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The turn of the event loop, from 1; 0 before the first.
    pub turn: u32,
    /// The virtual time.
    pub time: Time,
    /// What happened.
    pub what: What,
}

/// What can happen. Every variant names the task, or the future, that it happens to.
#[expect(missing_docs, reason = "the fields are what the line above each variant says")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A task was created by `by`.
    Created { task: TaskId, by: TaskId, instance: InstanceId },
    /// A task's first line runs.
    Started { task: TaskId },
    /// The program printed.
    Printed { task: TaskId, text: TextId },
    /// `sleep(0)`: the task goes to the end of the queue.
    Yielded { task: TaskId },
    /// The task sleeps until `until`.
    Slept { task: TaskId, until: Time },
    /// The task awaits a future that is not done.
    Awaited { task: TaskId, future: FutureId },
    /// The task awaits the first event that `wait` was asked for among `count` futures.
    Waited { task: TaskId, count: u32, until: Option<Time> },
    /// The task runs a coroutine in place.
    Called { task: TaskId, instance: InstanceId },
    /// That coroutine returned.
    CallReturned { task: TaskId, value: Value },
    /// The task goes on because of `by`.
    Resumed { task: TaskId, by: Wake },
    /// Somebody asked a task to cancel, and it was accepted.
    CancelRequested { task: TaskId, by: Requester, message: Option<TextId> },
    /// Somebody asked a task to cancel, and it was refused because the task had been done since turn `since`.
    CancelRefused { task: TaskId, by: Requester, since: u32 },
    /// The same for a gather's future; its children are asked next.
    GatherCancelRequested { future: FutureId, by: Requester, message: Option<TextId> },
    /// The gather's future had been done since turn `since`; no child is asked.
    GatherCancelRefused { future: FutureId, by: Requester, since: u32 },
    /// The harness is about to cancel a task, which is in this phase: at the operation `site` of `instance`, or not
    /// started.
    Cut { task: TaskId, phase: Phase, instance: InstanceId, site: u32 },
    /// `CancelledError` is raised inside the task, where it waits.
    CancelDelivered { task: TaskId, message: Option<TextId> },
    /// A failure or cancellation that the scenario declares strikes at a point of the coroutine that the task runs,
    /// which is another instance than its own while it runs one in place.
    Struck { task: TaskId, instance: InstanceId, point: u16 },
    /// A step raised.
    Raised { task: TaskId, error: Error },
    /// An `except` of the class `clause` caught it.
    Caught { task: TaskId, error: Error, clause: ErrorType },
    /// The task ended with a result.
    Finished { task: TaskId, value: Value },
    /// The task ended with an error.
    Failed { task: TaskId, error: Error },
    /// The task ended as cancelled.
    Cancelled { task: TaskId, message: Option<TextId> },
    /// A gather was made for `children` distinct children.
    Gathered { future: FutureId, by: TaskId, children: u32 },
    /// `count` of its children, made one after the other, the first of them `first`. A gather has as many of these as it
    /// needs for all of its children, in their order, those counted that were given twice.
    Children { future: FutureId, first: FutureId, count: u32 },
    /// A gather's future has its results.
    GatherFinished { future: FutureId },
    /// A gather's future has an error: its first failing or cancelled child's, or its own cancellation.
    GatherFailed { future: FutureId, error: Error },
    /// The task has taken the result, or the error, out of a future that was done.
    Taken { task: TaskId, future: FutureId },
    /// The `finally` with the number `finally` of a coroutine that the task runs.
    Cleanup { task: TaskId, instance: InstanceId, finally: u32, stage: Stage },
    /// `wait` gives `done` and `pending` futures to the task.
    WaitReturned { task: TaskId, done: u32, pending: u32, timed_out: bool },
    /// Main has ended, or an error has left the loop; `run()` cancels the `left` tasks that have not ended.
    ShutdownBegan { left: u32 },
    /// A task's error that nobody retrieved, told by `run()` during its shutdown.
    UnhandledInShutdown { task: TaskId, error: Error },
    /// The loop was closed and the task never ended.
    Dropped { task: TaskId },
    /// A real future was polled and is not done.
    Suspended { task: TaskId },
    /// Everybody waits for ever, and yet a real future gets on when it is polled: it was not woken when it should have been.
    WakeLost { task: TaskId },
    /// The task waits inside `wait_for`: until `until` at the latest, or until what it has cancelled is done.
    WaitingFor { task: TaskId, future: FutureId, until: Option<Time> },
    /// The task waits for the `left` tasks of the group that it leaves.
    LeavingGroup { task: TaskId, left: u32 },
    /// The task waits inside `as_completed` for the next of `left` futures.
    AwaitingNext { task: TaskId, left: u32 },
    /// A callback that the task has made is called.
    CalledBack { task: TaskId },
    /// It raised, and the loop's exception handler is told.
    CallbackFailed { task: TaskId, error: Error },
    /// A future that the file declares is there, before anything runs.
    Declared { future: FutureId, object: ObjectId },
    /// A future was made that shields `inner`.
    Shielded { future: FutureId, by: TaskId, inner: FutureId },
    /// The task has entered a timeout, or set it anew; nothing is for ever.
    TimeoutSet { task: TaskId, until: Option<Time> },
    /// The task uses an object and has to wait, maybe once more.
    Blocked { task: TaskId, operation: Operation, object: ObjectId },
    /// The task has used an object. `count` is what it says then: of a lock and an event 1 if it is locked or set, of a
    /// semaphore the permits that are left, of a queue the items in it, after `task_done` and `join` those not done,
    /// after `notify` the waiters that sleep on.
    Used { task: TaskId, operation: Operation, object: ObjectId, count: u32 },
    /// The task sends its request number `request` for `url` to a host.
    Requested { task: TaskId, request: u32, host: HostId, url: TextId },
    /// The host has answered with a status, and wants to be left alone for so many seconds.
    Responded { task: TaskId, request: u32, status: u16, retry_after: Option<u32> },
    /// What a host does with a request that came from the host of the tasks.
    Served { host: HostId, request: u32, does: Serves },
    /// What becomes of a message between two hosts.
    Carried { message: Message, fate: Fate },
    /// The outage with this number of the program's begins, or is over; it strikes `host` first of all.
    Outage { outage: u32, host: HostId, is_over: bool },
    /// A question and its answer.
    Chose(Choice),
}

/// To whom an event happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A task.
    Task(TaskId),
    /// The future of a gather.
    Gather(FutureId),
    /// A host of the network.
    Host(HostId),
    /// The event loop itself, or `run()`.
    EventLoop,
}

impl What {
    /// To whom it happens.
    pub fn subject(self) -> Subject {
        match self {
            What::Created { task, .. }
            | What::Started { task }
            | What::Printed { task, .. }
            | What::Yielded { task }
            | What::Slept { task, .. }
            | What::Awaited { task, .. }
            | What::Waited { task, .. }
            | What::Called { task, .. }
            | What::CallReturned { task, .. }
            | What::Resumed { task, .. }
            | What::CancelRequested { task, .. }
            | What::CancelRefused { task, .. }
            | What::CancelDelivered { task, .. }
            | What::Struck { task, .. }
            | What::Cut { task, .. }
            | What::Raised { task, .. }
            | What::Caught { task, .. }
            | What::Finished { task, .. }
            | What::Failed { task, .. }
            | What::Cancelled { task, .. }
            | What::Taken { task, .. }
            | What::Cleanup { task, .. }
            | What::WaitReturned { task, .. }
            | What::UnhandledInShutdown { task, .. }
            | What::Suspended { task }
            | What::WakeLost { task }
            | What::Blocked { task, .. }
            | What::WaitingFor { task, .. }
            | What::TimeoutSet { task, .. }
            | What::LeavingGroup { task, .. }
            | What::AwaitingNext { task, .. }
            | What::CalledBack { task }
            | What::CallbackFailed { task, .. }
            | What::Used { task, .. }
            | What::Requested { task, .. }
            | What::Responded { task, .. }
            | What::Dropped { task } => Subject::Task(task),
            What::Served { host, .. } | What::Outage { host, .. } => Subject::Host(host),
            What::Carried { message, fate: Fate::Sent } => Subject::Host(message.from),
            What::Carried { message, .. } => Subject::Host(message.to),
            What::GatherCancelRequested { future, .. }
            | What::GatherCancelRefused { future, .. }
            | What::Gathered { future, .. }
            | What::Shielded { future, .. }
            | What::Declared { future, .. }
            | What::Children { future, .. }
            | What::GatherFinished { future }
            | What::GatherFailed { future, .. } => Subject::Gather(future),
            What::ShutdownBegan { .. } => Subject::EventLoop,
            What::Chose(choice) => match choice.kind {
                Kind::TimerOrder
                | Kind::ReadyOrder
                | Kind::PollOrder
                | Kind::Cut
                | Kind::Outage
                | Kind::MessageOrder => Subject::EventLoop,
                Kind::TaskSetOrder
                | Kind::SleepLength
                | Kind::Failure
                | Kind::Chosen
                | Kind::Branch
                | Kind::MessageLatency
                | Kind::MessageLoss => Subject::Task(choice.subject),
            },
        }
    }
}

/// Why a task goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wake {
    /// It had yielded.
    Yield,
    /// Its sleep is over.
    Timer,
    /// The future that it awaited is done.
    Future(FutureId),
    /// A real future, or the task that it belongs to, was woken by another one that was polled.
    Task(TaskId),
    /// The object that it waits for lets it look again.
    Object(ObjectId),
    /// What it waits for inside asyncio's library is there.
    Library,
}

/// Who asks for a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requester {
    /// A task.
    Task(TaskId),
    /// The scenario's `[[cancel]]`, from outside of every task.
    Outside,
    /// `run()`, after main has ended.
    Shutdown,
    /// A timeout of the task itself.
    Timeout,
    /// A task group, of its parent and of its tasks.
    TaskGroup,
    /// A callback of the program's own.
    Callback,
    /// The harness, which cuts where it likes.
    Harness,
}

/// In which part of its life a task is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// None of its lines has run.
    NotStarted = 0,
    /// It waits, and what it waits for is not done.
    Waiting = 1,
    /// What it waited for is done, or it has yielded, and it has not run since.
    Woken = 2,
    /// It goes on after a cancellation, as in a handler or a `finally`.
    Cleanup = 3,
    /// A cancellation is on its way to it already.
    Again = 4,
    /// A real future is cut within its own poll: it returns that it is not done, and is dropped before anything else runs.
    OwnPoll = 5,
    /// A real future is done, and its result is dropped before anybody has taken it.
    ResultNotTaken = 6,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 7] = [
        Phase::NotStarted,
        Phase::Waiting,
        Phase::Woken,
        Phase::Cleanup,
        Phase::Again,
        Phase::OwnPoll,
        Phase::ResultNotTaken,
    ];

    /// Its name in reports and tokens.
    pub fn name(self) -> &'static str {
        match self {
            Phase::NotStarted => "not-started",
            Phase::Waiting => "waiting",
            Phase::Woken => "woken",
            Phase::Cleanup => "cleanup",
            Phase::Again => "again",
            Phase::OwnPoll => "own-poll",
            Phase::ResultNotTaken => "result-not-taken",
        }
    }
}

/// An event in sixteen bytes: kind, a small number, a subject, and 64 bits that depend on the kind.
///
/// Turns are events too (nothing else needs to say when it happened); [`Trace::iter`] takes them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Event {
    /// Kind in the low 8 bits, a small number in the next 24, the subject above.
    head: u64,
    payload: u64,
}

mod kind {
    pub const TURN: u8 = 0;
    pub const CREATED: u8 = 1;
    pub const STARTED: u8 = 2;
    pub const PRINTED: u8 = 3;
    pub const YIELDED: u8 = 4;
    pub const SLEPT: u8 = 5;
    pub const AWAITED: u8 = 6;
    pub const WAITED: u8 = 7;
    pub const CALLED: u8 = 8;
    pub const CALL_RETURNED: u8 = 9;
    pub const RESUMED: u8 = 10;
    pub const CANCEL_REQUESTED: u8 = 11;
    pub const CANCEL_REFUSED: u8 = 12;
    pub const GATHER_CANCEL_REQUESTED: u8 = 13;
    pub const GATHER_CANCEL_REFUSED: u8 = 14;
    pub const CANCEL_DELIVERED: u8 = 15;
    pub const STRUCK: u8 = 16;
    pub const RAISED: u8 = 17;
    pub const CAUGHT: u8 = 18;
    pub const FINISHED: u8 = 19;
    pub const FAILED: u8 = 20;
    pub const CANCELLED: u8 = 21;
    pub const GATHERED: u8 = 22;
    pub const GATHER_FINISHED: u8 = 23;
    pub const GATHER_FAILED: u8 = 24;
    pub const WAIT_RETURNED: u8 = 25;
    pub const SHUTDOWN_BEGAN: u8 = 26;
    pub const UNHANDLED_IN_SHUTDOWN: u8 = 27;
    pub const DROPPED: u8 = 28;
    pub const CUT: u8 = 29;
    pub const CHILDREN: u8 = 30;
    pub const TAKEN: u8 = 31;
    pub const CLEANUP: u8 = 32;
    pub const SUSPENDED: u8 = 60;
    pub const WAKE_LOST: u8 = 61;
    pub const BLOCKED: u8 = 40;
    pub const USED: u8 = 41;
    pub const WAITING_FOR: u8 = 42;
    pub const SHIELDED: u8 = 43;
    pub const TIMEOUT_SET: u8 = 44;
    pub const LEAVING_GROUP: u8 = 45;
    pub const DECLARED: u8 = 46;
    pub const REQUESTED: u8 = 64;
    pub const RESPONDED: u8 = 65;
    pub const SERVED: u8 = 66;
    pub const CARRIED: u8 = 67;
    pub const OUTAGE: u8 = 68;
    pub const AWAITING_NEXT: u8 = 47;
    pub const CALLED_BACK: u8 = 48;
    pub const CALLBACK_FAILED: u8 = 49;
}

/// A question and its answer in 32 bytes, and before which event it was put. Apart from the events, so that two runs in
/// which the same happened have the same ones, whatever was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Asked {
    bound: u64,
    answer: u64,
    before: u32,
    subject: u32,
    chosen: u32,
    site: u16,
    kind: u16,
}

impl Asked {
    fn new(Choice { kind, subject, site, bound, answer, chosen }: Choice, before: u32) -> Asked {
        let chosen = chosen.map_or(NOTHING, |future| future.0);
        Asked { bound, answer, before, subject: subject.0, chosen, site, kind: kind as u16 }
    }

    fn choice(&self) -> Choice {
        Choice {
            kind: Kind::from_number(self.kind as u8).expect("a recorded choice is of a known kind"),
            subject: TaskId(self.subject),
            site: self.site,
            bound: self.bound,
            answer: self.answer,
            chosen: (self.chosen != NOTHING).then_some(FutureId(self.chosen)),
        }
    }
}

/// `None` in 32 bits: no id reaches it.
const NOTHING: u32 = u32::MAX;

impl Event {
    /// A turn of the loop begins.
    pub fn turn(number: u32, time: Time) -> Event {
        Event::new(kind::TURN, 0, number, time.0)
    }

    #[inline]
    const fn new(kind: u8, small: u32, subject: u32, payload: u64) -> Event {
        Event { head: kind as u64 | (small as u64) << 8 | (subject as u64) << 32, payload }
    }

    fn kind(self) -> u8 {
        self.head as u8
    }

    fn small(self) -> u32 {
        (self.head as u32) >> 8
    }

    fn subject(self) -> u32 {
        (self.head >> 32) as u32
    }

    fn low(self) -> u32 {
        self.payload as u32
    }

    fn high(self) -> u32 {
        (self.payload >> 32) as u32
    }
}

#[inline]
fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[inline]
fn text_bits(text: Option<TextId>) -> u32 {
    text.map_or(NOTHING, |text| text.0)
}

fn text_from(bits: u32) -> Option<TextId> {
    (bits != NOTHING).then_some(TextId(bits))
}

fn error_from(event: Event) -> Error {
    Error { ty: ErrorType(event.high() as u16), message: text_from(event.low()) }
}

#[inline]
fn error_bits(error: Error) -> u64 {
    pair(u32::from(error.ty.0), text_bits(error.message))
}

/// A value as a small number that tells its type, and 64 bits.
fn value_bits(value: Value) -> (u32, u64) {
    match value {
        Value::Unbound => (0, 0),
        Value::None => (1, 0),
        Value::Bool(bool) => (2, u64::from(bool)),
        Value::Int(int) => (3, int as u64),
        Value::Text(text) => (4, u64::from(text.0)),
        Value::Handle(future) => (5, u64::from(future.0)),
        Value::Coroutine(instance) => (6, u64::from(instance.0)),
        Value::Call(instance) => (7, u64::from(instance.0)),
        Value::Timeout(timeout) => (10, u64::from(timeout)),
        Value::TaskGroup(group) => (11, u64::from(group)),
        Value::Callback(callback) => (12, u64::from(callback)),
        Value::Function(callback) => (13, u64::from(callback)),
        Value::List(list) => (8, u64::from(list.0)),
        Value::Tuple(list) => (14, u64::from(list.0)),
        Value::Error(error) => (9, error_bits(error)),
    }
}

fn value_from(event: Event) -> Value {
    let id = event.low();
    match event.small() {
        0 => Value::Unbound,
        2 => Value::Bool(id != 0),
        3 => Value::Int(event.payload as i64),
        4 => Value::Text(TextId(id)),
        5 => Value::Handle(FutureId(id)),
        6 => Value::Coroutine(InstanceId(id)),
        7 => Value::Call(InstanceId(id)),
        8 => Value::List(ListId(id)),
        9 => Value::Error(error_from(event)),
        10 => Value::Timeout(id),
        11 => Value::TaskGroup(id),
        12 => Value::Callback(id),
        13 => Value::Function(id),
        14 => Value::Tuple(ListId(id)),
        _ => Value::None,
    }
}

#[inline]
fn requester_bits(by: Requester) -> (u32, u32) {
    match by {
        Requester::Task(task) => (0, task.0),
        Requester::Outside => (1, 0),
        Requester::Shutdown => (2, 0),
        Requester::Harness => (3, 0),
        Requester::Timeout => (4, 0),
        Requester::TaskGroup => (5, 0),
        Requester::Callback => (6, 0),
    }
}

fn requester_from(event: Event) -> Requester {
    match event.small() {
        0 => Requester::Task(TaskId(event.high())),
        1 => Requester::Outside,
        2 => Requester::Shutdown,
        3 => Requester::Harness,
        4 => Requester::Timeout,
        5 => Requester::TaskGroup,
        _ => Requester::Callback,
    }
}

/// Events being recorded.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Vec<Event>,
    choices: Vec<Asked>,
    /// The turn and the time at which the first of them happened.
    from: (u32, Time),
}

clone_in_place!(Recorder { events, choices, from });

impl Recorder {
    /// Forgets everything and keeps the memory.
    pub fn reset(&mut self) {
        self.events.clear();
        self.choices.clear();
        self.from = (0, Time::ZERO);
    }

    /// Shows what has happened since the last time, and forgets it.
    pub fn drain(&mut self, mut see: impl FnMut(Moment)) {
        let mut last = self.from;
        for moment in self.iter() {
            last = (moment.turn, moment.time);
            see(moment);
        }
        let turns = self.events.iter().rev().find(|event| event.kind() == kind::TURN);
        self.from = turns.map_or(last, |turn| (turn.subject(), Time(turn.payload)));
        self.events.clear();
        self.choices.clear();
    }

    /// From here on it is this turn, at this time.
    #[inline]
    pub fn turn(&mut self, number: u32, time: Time) {
        self.events.push(Event::turn(number, time));
    }

    /// Records what happened. Inlined, so that what is recorded is packed where it is known what it is.
    #[inline(always)]
    pub fn record(&mut self, what: What) {
        let event = match what {
            What::Created { task, by, instance } => Event::new(kind::CREATED, 0, task.0, pair(by.0, instance.0)),
            What::Started { task } => Event::new(kind::STARTED, 0, task.0, 0),
            What::Printed { task, text } => Event::new(kind::PRINTED, 0, task.0, u64::from(text.0)),
            What::Yielded { task } => Event::new(kind::YIELDED, 0, task.0, 0),
            What::Slept { task, until } => Event::new(kind::SLEPT, 0, task.0, until.0),
            What::Awaited { task, future } => Event::new(kind::AWAITED, 0, task.0, u64::from(future.0)),
            What::Waited { task, count, until } => {
                Event::new(kind::WAITED, count, task.0, until.map_or(u64::MAX, |until| until.0))
            }
            What::Called { task, instance } => Event::new(kind::CALLED, 0, task.0, u64::from(instance.0)),
            What::CallReturned { task, value } => {
                let (tag, bits) = value_bits(value);
                Event::new(kind::CALL_RETURNED, tag, task.0, bits)
            }
            What::Resumed { task, by } => {
                let (tag, bits) = match by {
                    Wake::Yield => (0, 0),
                    Wake::Timer => (1, 0),
                    Wake::Future(future) => (2, u64::from(future.0)),
                    Wake::Task(task) => (9, u64::from(task.0)),
                    Wake::Object(object) => (3, u64::from(object.0)),
                    Wake::Library => (4, 0),
                };
                Event::new(kind::RESUMED, tag, task.0, bits)
            }
            What::CancelRequested { task, by, message } => {
                let (tag, by) = requester_bits(by);
                Event::new(kind::CANCEL_REQUESTED, tag, task.0, pair(by, text_bits(message)))
            }
            What::CancelRefused { task, by, since } => {
                let (tag, by) = requester_bits(by);
                Event::new(kind::CANCEL_REFUSED, tag, task.0, pair(by, since))
            }
            What::GatherCancelRequested { future, by, message } => {
                let (tag, by) = requester_bits(by);
                Event::new(kind::GATHER_CANCEL_REQUESTED, tag, future.0, pair(by, text_bits(message)))
            }
            What::GatherCancelRefused { future, by, since } => {
                let (tag, by) = requester_bits(by);
                Event::new(kind::GATHER_CANCEL_REFUSED, tag, future.0, pair(by, since))
            }
            What::Cut { task, phase, instance, site } => {
                Event::new(kind::CUT, phase as u32, task.0, pair(instance.0, site))
            }
            What::CancelDelivered { task, message } => {
                Event::new(kind::CANCEL_DELIVERED, 0, task.0, u64::from(text_bits(message)))
            }
            What::Struck { task, instance, point } => {
                Event::new(kind::STRUCK, 0, task.0, pair(instance.0, u32::from(point)))
            }
            What::Raised { task, error } => Event::new(kind::RAISED, 0, task.0, error_bits(error)),
            What::Caught { task, error, clause } => {
                Event::new(kind::CAUGHT, u32::from(clause.0), task.0, error_bits(error))
            }
            What::Finished { task, value } => {
                let (tag, bits) = value_bits(value);
                Event::new(kind::FINISHED, tag, task.0, bits)
            }
            What::Failed { task, error } => Event::new(kind::FAILED, 0, task.0, error_bits(error)),
            What::Cancelled { task, message } => Event::new(kind::CANCELLED, 0, task.0, u64::from(text_bits(message))),
            What::Gathered { future, by, children } => Event::new(kind::GATHERED, 0, future.0, pair(by.0, children)),
            What::Children { future, first, count } => Event::new(kind::CHILDREN, 0, future.0, pair(first.0, count)),
            What::Taken { task, future } => Event::new(kind::TAKEN, 0, task.0, u64::from(future.0)),
            What::Cleanup { task, instance, finally, stage } => {
                Event::new(kind::CLEANUP, stage as u32, task.0, pair(instance.0, finally))
            }
            What::GatherFinished { future } => Event::new(kind::GATHER_FINISHED, 0, future.0, 0),
            What::GatherFailed { future, error } => Event::new(kind::GATHER_FAILED, 0, future.0, error_bits(error)),
            What::WaitReturned { task, done, pending, timed_out } => {
                Event::new(kind::WAIT_RETURNED, u32::from(timed_out), task.0, pair(done, pending))
            }
            What::ShutdownBegan { left } => Event::new(kind::SHUTDOWN_BEGAN, 0, left, 0),
            What::UnhandledInShutdown { task, error } => {
                Event::new(kind::UNHANDLED_IN_SHUTDOWN, 0, task.0, error_bits(error))
            }
            What::Dropped { task } => Event::new(kind::DROPPED, 0, task.0, 0),
            What::Suspended { task } => Event::new(kind::SUSPENDED, 0, task.0, 0),
            What::WakeLost { task } => Event::new(kind::WAKE_LOST, 0, task.0, 0),
            What::WaitingFor { task, future, until } => {
                // The small field has 24 bits.
                Event::new(kind::WAITING_FOR, future.0.min(0xff_ffff), task.0, until.map_or(u64::MAX, |until| until.0))
            }
            What::Declared { future, object } => Event::new(kind::DECLARED, 0, future.0, u64::from(object.0)),
            What::LeavingGroup { task, left } => Event::new(kind::LEAVING_GROUP, 0, task.0, u64::from(left)),
            What::AwaitingNext { task, left } => Event::new(kind::AWAITING_NEXT, 0, task.0, u64::from(left)),
            What::CalledBack { task } => Event::new(kind::CALLED_BACK, 0, task.0, 0),
            What::CallbackFailed { task, error } => Event::new(kind::CALLBACK_FAILED, 0, task.0, error_bits(error)),
            What::Shielded { future, by, inner } => Event::new(kind::SHIELDED, 0, future.0, pair(by.0, inner.0)),
            What::TimeoutSet { task, until } => {
                Event::new(kind::TIMEOUT_SET, 0, task.0, until.map_or(u64::MAX, |until| until.0))
            }
            What::Blocked { task, operation, object } => {
                Event::new(kind::BLOCKED, operation as u32, task.0, u64::from(object.0))
            }
            What::Used { task, operation, object, count } => {
                Event::new(kind::USED, operation as u32, task.0, pair(object.0, count))
            }
            What::Requested { task, request, host, url } => {
                Event::new(kind::REQUESTED, host.0, task.0, pair(request, url.0))
            }
            What::Responded { task, request, status, retry_after } => {
                Event::new(kind::RESPONDED, u32::from(status), task.0, pair(request, retry_after.unwrap_or(NOTHING)))
            }
            What::Served { host, request, does } => Event::new(kind::SERVED, does.pack(), host.0, u64::from(request)),
            What::Carried { message, fate } => {
                Event::new(kind::CARRIED, message.pack(fate), message.connection, u64::from(message.number))
            }
            What::Outage { outage, host, is_over } => {
                Event::new(kind::OUTAGE, u32::from(is_over), host.0, u64::from(outage))
            }
            What::Chose(choice) => return self.record_choice(choice),
        };
        self.events.push(event);
    }

    #[inline]
    fn record_choice(&mut self, choice: Choice) {
        self.choices.push(Asked::new(choice, self.events.len() as u32));
    }

    /// The trace of a run that ended like this.
    pub fn trace(&self, outcome: Outcome, texts: &Texts) -> Trace {
        Trace {
            events: self.events.clone(),
            choices: self.choices.clone(),
            outcome,
            texts: texts.clone(),
            sites: Sites::default(),
        }
    }

    /// What [`Trace::fingerprint`] would say, without making a trace.
    pub fn fingerprint(&self, outcome: Outcome, texts: &Texts) -> Fingerprint {
        self.fingerprint_and_order(outcome, texts).0
    }

    /// The same and [`Recorder::order`], which is part of it.
    pub fn fingerprint_and_order(&self, outcome: Outcome, texts: &Texts) -> (Fingerprint, u64) {
        let order = self.order();
        (fingerprint(order, &self.choices, outcome, texts), order)
    }

    /// A hash of what happened, whatever was asked: distinct orders have distinct ones.
    pub fn order(&self) -> u64 {
        order(&self.events)
    }

    /// What happened so far, in order.
    pub fn iter(&self) -> impl Iterator<Item = Moment> {
        moments(&self.events, &self.choices, self.from)
    }

    /// The same without what `beginning` has, from which this was copied in this turn and at this time.
    pub fn since(&self, beginning: &Recorder, (turn, time): (u32, Time)) -> impl Iterator<Item = Moment> {
        let choices = &self.choices[beginning.choices.len()..];
        let mut moments =
            Moments { events: &self.events, choices, at: beginning.events.len(), choice_at: 0, turn, time };
        moments.next_choice(choices);
        moments
    }
}

/// A hash of everything that happened in a run and everything that was asked: equal runs have equal ones, on every
/// machine. XXH3, 64 bits, over the events as little-endian bytes, the outcome, and the texts made on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

fn order(events: &[Event]) -> u64 {
    twox_hash::XxHash3_64::oneshot(bytemuck::cast_slice(events))
}

fn fingerprint(order: u64, choices: &[Asked], outcome: Outcome, texts: &Texts) -> Fingerprint {
    let (tag, (small, bits)): (u8, _) = match outcome {
        Outcome::Finished(value) => (0, value_bits(value)),
        Outcome::Failed(error) => (1, (0, error_bits(error))),
        Outcome::Deadlocked => (2, (0, 0)),
        Outcome::OutOfSteps => (3, (0, 0)),
        Outcome::Livelocked => (4, (0, 0)),
    };
    let (bytes, ends) = texts.bytes();
    let mut parts = [0; 6];
    parts[0] = order;
    parts[5] = twox_hash::XxHash3_64::oneshot(bytemuck::cast_slice(choices));
    parts[1] = u64::from(tag) | u64::from(small) << 8;
    parts[2] = bits;
    if !ends.is_empty() {
        parts[3] = twox_hash::XxHash3_64::oneshot(bytes.as_bytes());
        parts[4] = twox_hash::XxHash3_64::oneshot(bytemuck::cast_slice(ends));
    }
    Fingerprint(twox_hash::XxHash3_64::oneshot(bytemuck::cast_slice(&parts)))
}

impl Trace {
    /// The events in order, each with its turn and time.
    pub fn iter(&self) -> impl Iterator<Item = Moment> {
        moments(&self.events, &self.choices, (0, Time::ZERO))
    }

    /// The error that it ended with, if it did.
    pub fn error(&self) -> Option<Error> {
        if let Outcome::Failed(error) = self.outcome { Some(error) } else { None }
    }

    /// The choices of the run, which [`Replay`](crate::choice::Replay) repeats.
    pub fn log(&self) -> Log {
        self.choices.iter().map(|asked| asked.choice()).collect()
    }

    /// A hash of everything that happened and was asked.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(order(&self.events), &self.choices, self.outcome, &self.texts)
    }

    /// A hash of what happened, whatever was asked: distinct orders have distinct ones.
    pub fn order(&self) -> u64 {
        order(&self.events)
    }

    /// A text of the program or of this run.
    pub fn text<'a>(&'a self, program: &'a Program, id: TextId) -> &'a str {
        self.texts.get(id).unwrap_or_else(|| program.text(id))
    }

    /// Where the tasks ended up, at the moment when main ended.
    pub fn tally(&self) -> Tally {
        let mut counting = Counting::default();
        self.iter().for_each(|moment| counting.see(moment));
        counting.tally()
    }
}

/// A [`Tally`] in the making: see every event, in order, and ask at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counting {
    /// Without the running ones, which are what is left.
    tally: Tally,
    created: u32,
    main_has_ended: bool,
}

impl Counting {
    /// Takes one more event in.
    #[inline(always)]
    pub fn see(&mut self, Moment { time, what, .. }: Moment) {
        if self.main_has_ended {
            return;
        }
        self.tally.ended = time;
        match what {
            What::Created { task, .. } if task != TaskId::MAIN => self.created += 1,
            What::Finished { task, .. } | What::Failed { task, .. } | What::Cancelled { task, .. }
                if task == TaskId::MAIN =>
            {
                self.main_has_ended = true;
            }
            What::Finished { .. } => self.tally.finished += 1,
            What::Failed { .. } => self.tally.failed += 1,
            What::Cancelled { .. } => self.tally.cancelled += 1,
            _ => {}
        }
    }

    /// The tally if the run ended here.
    pub fn tally(&self) -> Tally {
        let ended = self.tally.finished + self.tally.failed + self.tally.cancelled;
        Tally { running: self.created - ended, ..self.tally }
    }

    /// Whether main has ended; what happens later is `run()`'s shutdown and does not count.
    pub fn has_main_ended(&self) -> bool {
        self.main_has_ended
    }
}

/// Events and choices, each in its place; the first of them at this turn and time.
fn moments<'a>(
    events: &'a [Event],
    choices: &'a [Asked],
    (turn, time): (u32, Time),
) -> impl Iterator<Item = Moment> + 'a {
    let mut moments = Moments { events, choices, at: 0, choice_at: 0, turn, time };
    moments.next_choice(choices);
    moments
}

struct Moments<'a> {
    events: &'a [Event],
    /// Those that are to come.
    choices: &'a [Asked],
    /// The next event, and the one before which the next choice was.
    at: usize,
    choice_at: usize,
    turn: u32,
    time: Time,
}

impl<'a> Moments<'a> {
    fn next_choice(&mut self, choices: &'a [Asked]) {
        self.choices = choices;
        self.choice_at = choices.first().map_or(usize::MAX, |asked| asked.before as usize);
    }
}

impl Iterator for Moments<'_> {
    type Item = Moment;

    /// Inlined, so that an event is unpacked where it is looked at.
    #[inline(always)]
    fn next(&mut self) -> Option<Moment> {
        loop {
            let Moments { turn, time, .. } = *self;
            if self.at == self.choice_at {
                let (asked, rest) = self.choices.split_first()?;
                self.next_choice(rest);
                return Some(Moment { turn, time, what: What::Chose(asked.choice()) });
            }
            let event = *self.events.get(self.at)?;
            self.at += 1;
            if event.kind() != kind::TURN {
                return Some(Moment { turn, time, what: decode(event) });
            }
            self.turn = event.subject();
            self.time = Time(event.payload);
        }
    }
}

#[inline(always)]
fn decode(event: Event) -> What {
    let task = TaskId(event.subject());
    let future = FutureId(event.subject());
    let by = TaskId(event.high());
    match event.kind() {
        kind::CREATED => What::Created { task, by, instance: InstanceId(event.low()) },
        kind::STARTED => What::Started { task },
        kind::PRINTED => What::Printed { task, text: TextId(event.low()) },
        kind::YIELDED => What::Yielded { task },
        kind::SLEPT => What::Slept { task, until: Time(event.payload) },
        kind::AWAITED => What::Awaited { task, future: FutureId(event.low()) },
        kind::WAITED => {
            let until = (event.payload != u64::MAX).then_some(Time(event.payload));
            What::Waited { task, count: event.small(), until }
        }
        kind::CALLED => What::Called { task, instance: InstanceId(event.low()) },
        kind::CALL_RETURNED => What::CallReturned { task, value: value_from(event) },
        kind::RESUMED => {
            let by = match event.small() {
                0 => Wake::Yield,
                1 => Wake::Timer,
                9 => Wake::Task(TaskId(event.low())),
                2 => Wake::Future(FutureId(event.low())),
                3 => Wake::Object(ObjectId(event.low())),
                _ => Wake::Library,
            };
            What::Resumed { task, by }
        }
        kind::CANCEL_REQUESTED => {
            What::CancelRequested { task, by: requester_from(event), message: text_from(event.low()) }
        }
        kind::CANCEL_REFUSED => What::CancelRefused { task, by: requester_from(event), since: event.low() },
        kind::GATHER_CANCEL_REQUESTED => {
            What::GatherCancelRequested { future, by: requester_from(event), message: text_from(event.low()) }
        }
        kind::GATHER_CANCEL_REFUSED => {
            What::GatherCancelRefused { future, by: requester_from(event), since: event.low() }
        }
        kind::CUT => {
            let phase = Phase::ALL[event.small() as usize];
            What::Cut { task, phase, instance: InstanceId(event.high()), site: event.low() }
        }
        kind::CANCEL_DELIVERED => What::CancelDelivered { task, message: text_from(event.low()) },
        kind::STRUCK => What::Struck { task, instance: InstanceId(event.high()), point: event.low() as u16 },
        kind::RAISED => What::Raised { task, error: error_from(event) },
        kind::CAUGHT => What::Caught { task, error: error_from(event), clause: ErrorType(event.small() as u16) },
        kind::FINISHED => What::Finished { task, value: value_from(event) },
        kind::FAILED => What::Failed { task, error: error_from(event) },
        kind::CANCELLED => What::Cancelled { task, message: text_from(event.low()) },
        kind::GATHERED => What::Gathered { future, by, children: event.low() },
        kind::CHILDREN => What::Children { future, first: FutureId(event.high()), count: event.low() },
        kind::TAKEN => What::Taken { task, future: FutureId(event.low()) },
        kind::CLEANUP => {
            let stage = Stage::ALL[event.small() as usize];
            What::Cleanup { task, instance: InstanceId(event.high()), finally: event.low(), stage }
        }
        kind::GATHER_FINISHED => What::GatherFinished { future },
        kind::GATHER_FAILED => What::GatherFailed { future, error: error_from(event) },
        kind::WAIT_RETURNED => {
            What::WaitReturned { task, done: event.high(), pending: event.low(), timed_out: event.small() != 0 }
        }
        kind::SHUTDOWN_BEGAN => What::ShutdownBegan { left: event.subject() },
        kind::UNHANDLED_IN_SHUTDOWN => What::UnhandledInShutdown { task, error: error_from(event) },
        kind::DROPPED => What::Dropped { task },
        kind::SUSPENDED => What::Suspended { task },
        kind::WAKE_LOST => What::WakeLost { task },
        kind::WAITING_FOR => {
            let until = (event.payload != u64::MAX).then_some(Time(event.payload));
            What::WaitingFor { task, future: FutureId(event.small()), until }
        }
        kind::DECLARED => What::Declared { future, object: ObjectId(event.low()) },
        kind::LEAVING_GROUP => What::LeavingGroup { task, left: event.low() },
        kind::AWAITING_NEXT => What::AwaitingNext { task, left: event.low() },
        kind::CALLED_BACK => What::CalledBack { task },
        kind::CALLBACK_FAILED => What::CallbackFailed { task, error: error_from(event) },
        kind::SHIELDED => What::Shielded { future, by, inner: FutureId(event.low()) },
        kind::TIMEOUT_SET => {
            What::TimeoutSet { task, until: (event.payload != u64::MAX).then_some(Time(event.payload)) }
        }
        kind::BLOCKED => {
            let operation = Operation::ALL[event.small() as usize];
            What::Blocked { task, operation, object: ObjectId(event.low()) }
        }
        kind::USED => {
            let operation = Operation::ALL[event.small() as usize];
            What::Used { task, operation, object: ObjectId(event.high()), count: event.low() }
        }
        kind::REQUESTED => {
            What::Requested { task, request: event.high(), host: HostId(event.small()), url: TextId(event.low()) }
        }
        kind::RESPONDED => What::Responded {
            task,
            request: event.high(),
            status: event.small() as u16,
            retry_after: (event.low() != NOTHING).then_some(event.low()),
        },
        kind::SERVED => {
            What::Served { host: HostId(event.subject()), request: event.low(), does: Serves::unpack(event.small()) }
        }
        kind::CARRIED => {
            let (message, fate) = Message::unpack(event.small(), event.subject(), event.low());
            What::Carried { message, fate }
        }
        kind::OUTAGE => {
            What::Outage { outage: event.low(), host: HostId(event.subject()), is_over: event.small() != 0 }
        }
        other => unreachable!("no event has kind {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every variant survives its sixteen bytes.
    #[test]
    fn events_come_back_as_they_were_recorded() {
        let (task, by, future) = (TaskId(3), Requester::Task(TaskId(1)), FutureId(9));
        let error = Error { ty: ErrorType::VALUE_ERROR, message: Some(TextId(5)) };
        let choice =
            Choice { kind: Kind::SleepLength, subject: task, site: 9, bound: 1 << 40, answer: 1 << 39, chosen: None };
        let all = [
            What::Cut { task, phase: Phase::Woken, instance: InstanceId(1), site: 70_000 },
            What::Created { task, by: TaskId(1), instance: InstanceId(2) },
            What::Started { task },
            What::Printed { task, text: TextId(7) },
            What::Yielded { task },
            What::Slept { task, until: Time(5) },
            What::Awaited { task, future },
            What::Waited { task, count: 3, until: None },
            What::Waited { task, count: 3, until: Some(Time(8)) },
            What::Called { task, instance: InstanceId(1) },
            What::CallReturned { task, value: Value::Int(-1) },
            What::Resumed { task, by: Wake::Yield },
            What::Resumed { task, by: Wake::Timer },
            What::Resumed { task, by: Wake::Future(future) },
            What::CancelRequested { task, by, message: None },
            What::CancelRefused { task, by: Requester::Outside, since: 4 },
            What::GatherCancelRequested { future, by: Requester::Shutdown, message: Some(TextId(1)) },
            What::GatherCancelRefused { future, by, since: 6 },
            What::CancelDelivered { task, message: Some(TextId(0)) },
            What::Struck { task, instance: InstanceId(4), point: 2 },
            What::Raised { task, error },
            What::Caught { task, error: Error::cancelled(None), clause: ErrorType(u16::MAX) },
            What::Finished { task, value: Value::Error(error) },
            What::Finished { task, value: Value::Bool(true) },
            What::Failed { task, error },
            What::Cancelled { task, message: None },
            What::Gathered { future, by: TaskId(1), children: 10 },
            What::Children { future, first: FutureId(3), count: 10 },
            What::Taken { task, future },
            What::Cleanup { task, instance: InstanceId(1), finally: 70_000, stage: Stage::Ended },
            What::GatherFinished { future },
            What::GatherFailed { future, error },
            What::WaitReturned { task, done: 1, pending: 2, timed_out: true },
            What::ShutdownBegan { left: 4 },
            What::UnhandledInShutdown { task, error },
            What::Dropped { task },
            What::Suspended { task },
            What::WakeLost { task },
            What::Resumed { task, by: Wake::Task(TaskId(1)) },
            What::Resumed { task, by: Wake::Object(ObjectId(2)) },
            What::Resumed { task, by: Wake::Library },
            What::WaitingFor { task, future, until: Some(Time(8)) },
            What::WaitingFor { task, future, until: None },
            What::Shielded { future, by: TaskId(1), inner: FutureId(2) },
            What::TimeoutSet { task, until: Some(Time(8)) },
            What::TimeoutSet { task, until: None },
            What::LeavingGroup { task, left: 3 },
            What::AwaitingNext { task, left: 3 },
            What::CalledBack { task },
            What::CallbackFailed { task, error },
            What::Finished { task, value: Value::Callback(7) },
            What::Finished { task, value: Value::Function(7) },
            What::CancelRequested { task, by: Requester::Callback, message: None },
            What::Declared { future, object: ObjectId(1) },
            What::CancelRequested { task, by: Requester::TaskGroup, message: None },
            What::CancelRequested { task, by: Requester::Timeout, message: None },
            What::Blocked { task, operation: Operation::Join, object: ObjectId(1) },
            What::Used { task, operation: Operation::Acquire, object: ObjectId(1), count: 7 },
            What::Requested { task, request: 70_000, host: HostId(3), url: TextId(4) },
            What::Responded { task, request: 7, status: 429, retry_after: Some(30) },
            What::Responded { task, request: 7, status: 200, retry_after: None },
            What::Served { host: HostId(511), request: 7, does: Serves::Answered(599) },
            What::Served { host: HostId(1), request: 7, does: Serves::Dropped },
            What::Served { host: HostId(1), request: 7, does: Serves::Reset },
            What::Carried {
                message: Message {
                    number: 9,
                    from: HostId(511),
                    to: HostId(510),
                    connection: 70_000,
                    carries: Carries::Rst,
                },
                fate: Fate::Refused,
            },
            What::Outage { outage: 3, host: HostId(2), is_over: true },
            What::Chose(Choice { bound: 10, answer: 9, chosen: Some(future), ..choice }),
            What::Chose(choice),
        ];
        let mut recorder = Recorder::default();
        for (turn, &what) in (1_u32..).zip(&all) {
            recorder.turn(turn, Time(u64::from(turn) * 10));
            recorder.record(what);
        }
        let trace = recorder.trace(Outcome::Deadlocked, &Texts::default());
        let expected = (1_u32..).zip(&all).map(|(turn, &what)| Moment { turn, time: Time(u64::from(turn) * 10), what });
        assert_eq!(trace.iter().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(trace.log(), [Choice { bound: 10, answer: 9, chosen: Some(future), ..choice }, choice]);
    }
}
