//! What can happen in a run, to whom, and why.
//!
//! Knows nothing of how it is recorded.

use crate::choice::{Choice, Owner};
use crate::id::{FutureId, HostId, InstanceId, ObjectId, TaskId, TextId};
use crate::program::{Error, ErrorType, Operation, Stage, Value};
use crate::time::Time;

use super::link::{Fate, Message, Serves};

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
    /// A future that the task had polled was dropped where it waited, without having been woken: the place with this number.
    /// That is seen only in runs in which places are recorded.
    WaitDropped { task: TaskId, place: u32 },
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
    /// What the task puts into a queue or takes out of it by the use that follows; a list is not told.
    Item { task: TaskId, value: Value },
    /// Nothing can go on any more, and this is one of the futures that the task waits for inside `wait` or `as_completed`, or at
    /// the end of a task group.
    Lacks { task: TaskId, future: FutureId },
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
            | What::WaitDropped { task, .. }
            | What::WakeLost { task }
            | What::Blocked { task, .. }
            | What::WaitingFor { task, .. }
            | What::TimeoutSet { task, .. }
            | What::LeavingGroup { task, .. }
            | What::AwaitingNext { task, .. }
            | What::CalledBack { task }
            | What::CallbackFailed { task, .. }
            | What::Used { task, .. }
            | What::Item { task, .. }
            | What::Lacks { task, .. }
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
            What::Chose(choice) => match choice.kind.owner() {
                Owner::EventLoop | Owner::Tokio | Owner::Network => Subject::EventLoop,
                Owner::Subject => Subject::Task(choice.subject),
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
