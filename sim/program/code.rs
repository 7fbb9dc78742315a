//! The operations that steps become.
//!
//! Structure is gone here: `if`, `while` and `for` are jumps, `try` is a table of guards as in CPython 3.11 and
//! later, and `finally` is written out on each way that leaves it. What an operation needs is an index into one of the
//! program's tables.
//!
//! Knows nothing of what executes it.

use std::collections::BTreeSet;

use crate::id::{InstanceId, TextId};
use crate::time::{Nanos, Time};

use super::{Error, ErrorType, ExprId, Operation};

/// A local variable of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Local(pub u16);

/// A constant in which the instances of a body differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// The code of a `[[task]]` or of main.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// The name of the `[[task]]` as the file writes it, such as `task {i}`; main's is `main`.
    pub name: String,
    /// The operations, run from the first; the last is a `Return`.
    pub ops: Vec<Op>,
    /// What catches what, innermost first.
    pub guards: Vec<Guard>,
    /// The names of the locals; a name that no scenario can write belongs to a loop or to a `finally`.
    pub locals: Vec<String>,
    /// What `{t.key}` reads: keys by number, and the slot of each.
    pub keys: Vec<(u16, Slot)>,
    /// The names of the points, by number.
    pub points: Vec<String>,
}

/// While one of `from..to` runs, an error goes to `target`, and into the local `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The first operation that is guarded.
    pub from: u32,
    /// One past the last.
    pub to: u32,
    /// Where to go on.
    pub target: u32,
    /// Where the error is kept.
    pub error: Local,
}

/// A text that a step gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Text {
    /// Known before the run, though it may differ from instance to instance.
    Const(Slot),
    /// Put together when the step runs: an index into [`Program::templates`](super::Program::templates).
    Template(u32),
}

/// Where a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this coroutine.
    Local(Local),
    /// In the whole program: an index into [`Program::shared`](super::Program::shared).
    Shared(u16),
}

/// When `wait` returns, under asyncio's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// `ALL_COMPLETED`
    AllCompleted,
    /// `FIRST_COMPLETED`
    FirstCompleted,
    /// `FIRST_EXCEPTION`
    FirstException,
}

/// One operation. Its tag stands by itself, which makes it quick to tell apart.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
pub enum Op {
    /// `print(…)`
    Print(Text),
    /// `await asyncio.sleep(…)`; a range if the two differ. The slots hold nanoseconds.
    Sleep {
        /// The least.
        min: Slot,
        /// The most.
        max: Slot,
    },
    /// A named place where a failure or a cancellation may strike.
    Point(u16),
    /// `raise TYPE(…)`
    Raise {
        /// The class.
        ty: ErrorType,
        /// Its argument.
        message: Option<Text>,
    },
    /// `raise`, of the error in this local.
    Reraise(Local),
    /// `return …`
    Return(ExprId),
    /// `asyncio.create_task(…)`, of each if it is a list.
    Spawn {
        /// A coroutine, or a list of them.
        what: ExprId,
        /// The task group that it belongs to.
        group: Option<ExprId>,
        /// Where the task goes, or the list of tasks.
        into: Option<Local>,
    },
    /// `await …`
    Await {
        /// A handle, or a coroutine to run in place.
        what: ExprId,
        /// Where the result goes.
        into: Option<Local>,
    },
    /// `….cancel(…)`
    Cancel {
        /// The handle.
        what: ExprId,
        /// The message.
        message: Option<Text>,
        /// Where it is kept whether the cancel was accepted.
        accepted: Option<Local>,
    },
    /// Every task of `all_tasks()` but the current one is cancelled.
    CancelAll {
        /// The message.
        message: Option<Text>,
    },
    /// `asyncio.gather(…)`
    Gather {
        /// A list of coroutines and handles.
        what: ExprId,
        /// Whether errors are results.
        return_exceptions: bool,
        /// Where the future goes.
        into: Option<Local>,
    },
    /// `await asyncio.wait(…)`
    Wait {
        /// A list of handles.
        what: ExprId,
        /// At most this long, in nanoseconds.
        timeout: Option<Slot>,
        /// What it waits for.
        return_when: ReturnWhen,
        /// Where the done ones go.
        done: Option<Local>,
        /// Where the others go.
        pending: Option<Local>,
    },
    /// Asks a host for what is at a URL.
    Get {
        /// The URL.
        url: Text,
        /// At most this long, in nanoseconds.
        timeout: Option<Slot>,
        /// Where the status goes.
        into: Option<Local>,
    },
    /// `place = …`
    Set {
        /// What is bound.
        place: Place,
        /// To what.
        value: ExprId,
    },
    /// `place += …`: a list takes up what it is given, of anything else a new value is made.
    Add {
        /// What is bound.
        place: Place,
        /// What it is by now.
        before: ExprId,
        /// What is added.
        amount: ExprId,
    },
    /// `list.append(…)`
    Append {
        /// The list.
        list: ExprId,
        /// The new last item.
        item: ExprId,
    },
    /// `list.remove(…)`
    Remove {
        /// The list.
        list: ExprId,
        /// The item, which must be there.
        item: ExprId,
    },
    /// `assert …`
    Assert {
        /// What must hold.
        condition: ExprId,
        /// What is said otherwise.
        message: Option<Text>,
    },
    /// Goes on elsewhere.
    Jump(u32),
    /// Goes on elsewhere unless the condition holds.
    JumpUnless {
        /// The condition.
        condition: ExprId,
        /// Where.
        to: u32,
    },
    /// Goes on elsewhere unless the error in `error` is a `ty`; records that it was caught if it is.
    JumpUnlessCaught {
        /// The error.
        error: Local,
        /// What the clause catches.
        ty: ErrorType,
        /// Where.
        to: u32,
    },
    /// Goes on elsewhere unless `except*` catches something of what is left of an error; records that it was caught.
    JumpUnlessSplit {
        /// What is left: an error, or `None`.
        rest: Local,
        /// What the clause catches.
        ty: ErrorType,
        /// Where that goes.
        matched: Local,
        /// Where.
        to: u32,
    },
    /// The end of a `try` with `except*`: raises what its clauses have raised and what is left of the error.
    EndStar {
        /// The error.
        error: Local,
        /// What is left of it.
        rest: Local,
        /// What the clauses have raised, a list.
        raised: Local,
    },
    /// Begins a `for`: the list, or the end of a range, goes to the local after `cursor`, its start into `cursor`.
    Iterate {
        /// The first number of a range; nothing for a list or a text.
        from: Option<ExprId>,
        /// A list, a text, or the number at which a range ends.
        over: ExprId,
        /// Where the loop counts.
        cursor: Local,
    },
    /// Binds the next item, or leaves the loop.
    NextItem {
        /// Where the loop counts.
        cursor: Local,
        /// What is bound.
        item: Local,
        /// Where to go when there is none.
        done: u32,
    },
    /// Binds the list of the file's coroutines, each to be started once.
    Coroutines(Local),
    /// `await queue.put(…)`, `lock.release()`, and so on.
    Use {
        /// What is done.
        operation: Operation,
        /// With which object: the slot holds its number.
        object: Slot,
        /// What is put, or how many are notified.
        value: Option<ExprId>,
        /// Where the result goes.
        into: Option<Local>,
    },
    /// `future.set_exception(TYPE(…))`
    SetException {
        /// The future: the slot holds its number among the objects.
        object: Slot,
        /// The class.
        ty: ErrorType,
        /// Its argument.
        message: Option<Text>,
    },
    /// `await asyncio.wait_for(…)`, where that is a coroutine of its own.
    WaitFor {
        /// A handle, or a coroutine, which becomes a task.
        what: ExprId,
        /// How long, in nanoseconds.
        timeout: Slot,
        /// Where the result goes.
        into: Option<Local>,
    },
    /// `asyncio.shield(…)`
    Shield {
        /// A handle, or a coroutine, which becomes a task.
        what: ExprId,
        /// Where the future goes.
        into: Option<Local>,
    },
    /// `task.uncancel()`
    Uncancel {
        /// The task.
        what: ExprId,
        /// Where what is left goes.
        into: Option<Local>,
    },
    /// Enters `asyncio.timeout(…)`.
    EnterTimeout {
        /// How long, in nanoseconds; nothing is for ever.
        length: Option<Slot>,
        /// Where the timeout goes.
        into: Local,
    },
    /// Enters `asyncio.TaskGroup()`.
    EnterGroup {
        /// Where the group goes.
        into: Local,
    },
    /// `timeout.reschedule(…)`
    Reschedule {
        /// The timeout.
        what: ExprId,
        /// How long from now on, in nanoseconds.
        length: Option<Slot>,
    },
    /// `loop.call_soon(…)`, `loop.call_later(…)`, `future.add_done_callback(…)`
    Schedule {
        /// When.
        when: When,
        /// What is called: an index into [`Program::deferred`](super::Program::deferred).
        what: u32,
        /// Where the handle goes.
        into: Option<Local>,
    },
    /// `future.remove_done_callback(…)`
    RemoveCallback {
        /// What was added.
        what: ExprId,
        /// The future.
        from: ExprId,
        /// Where it goes how many there were.
        into: Option<Local>,
    },
    /// Begins a loop over `asyncio.as_completed(…)`.
    AsCompleted {
        /// A list of coroutines and handles.
        what: ExprId,
        /// At most this long, in nanoseconds.
        timeout: Option<Slot>,
        /// Where the number of the iterator goes.
        into: Local,
    },
    /// Awaits what it gives next, or leaves the loop.
    NextCompleted {
        /// What it goes over.
        what: ExprId,
        /// The number of the iterator.
        iterator: Local,
        /// What is bound.
        item: Local,
        /// Where to go when there is none.
        done: u32,
    },
    /// Leaves what was entered.
    Leave {
        /// What was entered.
        manager: Local,
        /// The error with which its block has ended.
        error: Option<Local>,
        /// If it is a task group, which one of the body: its tasks are waited for. A timeout is left at once.
        group: Option<u32>,
    },
    /// How far a `try` with a `finally` has come; only recorded. The copies of one `finally` have one number.
    Cleanup {
        /// Which `finally` of the body.
        finally: u32,
        /// How far.
        stage: Stage,
    },
}

/// When a callback is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In the next turn.
    Soon,
    /// After so many nanoseconds.
    Later(Slot),
    /// When this future is done.
    Done(ExprId),
}

/// What a callback does. What it works on is known when it is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deferred {
    /// `print`
    Print(Text),
    /// `task.cancel`
    Cancel {
        /// The handle.
        what: ExprId,
        /// The message.
        message: Option<Text>,
    },
    /// `event.set`, `queue.put_nowait`, and so on: what does not wait.
    Use {
        /// What is done.
        operation: Operation,
        /// With which object: the slot holds its number.
        object: Slot,
        /// What is put, or how many are notified.
        value: Option<ExprId>,
    },
    /// `future.set_exception`
    SetException {
        /// The future: the slot holds its number among the objects.
        object: Slot,
        /// The class.
        ty: ErrorType,
        /// Its argument.
        message: Option<Text>,
    },
}

/// How far a `try` with a `finally` has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stage {
    /// The `try` has been entered: from here on the `finally` has to run.
    Armed = 0,
    /// The `finally` begins.
    Begun = 1,
    /// It has come to its end, or leaves by a `return`, `break` or `continue` of its own.
    Ended = 2,
}

impl Stage {
    /// Every stage, in the order of its number.
    pub const ALL: [Stage; 3] = [Stage::Armed, Stage::Begun, Stage::Ended];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Armed => "armed",
            Stage::Begun => "begun",
            Stage::Ended => "ended",
        }
    }
}

/// A step of a body at which a task may wait. A `finally` stands several times among the operations, and the copies of
/// a step are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Await {
    /// `await asyncio.sleep(…)`; every step has a slot of its own.
    Sleep(Slot),
    /// `await …`; every step has an expression of its own.
    Handle(ExprId),
    /// `await asyncio.wait(…)`
    Wait(ExprId),
    /// `await asyncio.wait_for(…)`, where that is a coroutine of its own.
    WaitFor(ExprId),
    /// `await queue.get()`, and so on; every step has a slot of its own.
    Use(Slot),
    /// The end of `async with asyncio.TaskGroup()`, by the number of the group.
    Group(u32),
    /// `get`: its URL.
    Get(Text),
    /// The next of `asyncio.as_completed(…)`; every loop has an expression of its own.
    Completed(ExprId),
}

impl Op {
    /// At which step a task may wait here.
    pub fn awaits(&self) -> Option<Await> {
        match *self {
            Op::Sleep { min, .. } => Some(Await::Sleep(min)),
            Op::Await { what, .. } => Some(Await::Handle(what)),
            Op::Wait { what, .. } => Some(Await::Wait(what)),
            Op::WaitFor { what, .. } => Some(Await::WaitFor(what)),
            Op::Use { operation, object, .. } if operation.waits() => Some(Await::Use(object)),
            Op::Leave { group, .. } => group.map(Await::Group),
            Op::Get { url, .. } => Some(Await::Get(url)),
            Op::NextCompleted { what, .. } => Some(Await::Completed(what)),
            _ => None,
        }
    }
}

impl Body {
    /// Every step at which a task may wait, in the order of the file, each with the number of its last operation: the
    /// last copy of a `finally` comes after all that it belongs to.
    pub fn awaits(&self) -> Vec<(u32, Await)> {
        let mut seen = BTreeSet::new();
        let awaits = (0..).zip(&self.ops).filter_map(|(at, op)| Some((at, op.awaits()?)));
        let mut awaits: Vec<(u32, Await)> = awaits.collect();
        awaits.reverse();
        awaits.retain(|&(_, step)| seen.insert(step));
        awaits.reverse();
        awaits
    }
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Action {
    /// Not before this time.
    pub from: Time,
    /// What is printed first.
    pub print: Option<TextId>,
    /// What strikes.
    pub strike: Strike,
    /// If it is up to the choices whether it does: an index into [`Program::failures`](super::Program::failures).
    pub asked: Option<u16>,
}

/// A failure that the harness may let fire at points, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How often a seed lets it fire at one of its points, in a million.
    pub per_million: u32,
    /// How many times it may fire in a run.
    pub up_to: u32,
}

/// Cancellations that the harness may put anywhere into a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// How many in a run.
    pub up_to: u32,
    /// Whether the tasks of an instance may be cancelled, by instance.
    pub victims: Vec<bool>,
    /// Before how many handles of the run, and how many tasks that may be victims there are. Both are measured on the
    /// ordinary run; with 0 nothing is asked.
    pub handles: u64,
    /// As above.
    pub tasks: u32,
}

/// What an [`Action`] does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strike {
    /// The task raises this.
    Raise(Error),
    /// The task cancels the newest task of this instance.
    Cancel(InstanceId, Option<TextId>),
}

/// A cancellation that nobody in the program asks for, as a `call_later` would do it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutsideCancel {
    /// When, from the start of the run.
    pub at: Nanos,
    /// The newest task of this instance; nothing happens if there is none.
    pub victim: InstanceId,
    /// The message.
    pub message: Option<TextId>,
}
