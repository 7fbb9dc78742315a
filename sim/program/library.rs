//! What a step asks of asyncio's own library, beyond tasks, sleeps, gathers and waits.
//!
//! Knows nothing of how any of it is done; that is a machine's affair.

use crate::id::{FutureId, ListId, ObjectId, TextId};
use crate::time::Nanos;

use super::{Error, Operation, Value};

/// What a callback calls, with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Callable {
    /// It prints.
    Print(TextId),
    /// It cancels a future.
    Cancel(FutureId, Option<TextId>),
    /// It cancels another callback.
    CallOff {
        /// Which.
        callback: u32,
        /// Whether it does so with a message, which no callback takes.
        has_message: bool,
    },
    /// It uses an object.
    Use {
        /// What it does.
        operation: Operation,
        /// With what.
        object: ObjectId,
        /// What is put, or how many are notified.
        value: Value,
    },
    /// `future.set_result(…)`, or `future.set_exception(…)`
    Settle(FutureId, Result<Value, Error>),
}

impl Callable {
    /// What a callback says that is cancelled with a message.
    pub const NO_MESSAGE: &str = "Handle.cancel() got an unexpected keyword argument 'msg'";
}

/// One call. The frame is resumed with what it gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Library {
    /// It uses an object.
    Use {
        /// What it does.
        operation: Operation,
        /// With what.
        object: ObjectId,
        /// What is put, or how many are notified.
        value: Value,
    },
    /// `await asyncio.wait_for(…)`, where that is a coroutine of its own.
    WaitFor {
        /// What it waits for.
        future: FutureId,
        /// How long.
        timeout: Nanos,
    },
    /// `asyncio.shield(…)`
    Shield(FutureId),
    /// `future.set_result(…)`, or `future.set_exception(…)`
    Settle(FutureId, Result<Value, Error>),
    /// `task.uncancel()`
    Uncancel(FutureId),
    /// It enters `asyncio.timeout(…)`.
    EnterTimeout(Option<Nanos>),
    /// It enters `asyncio.TaskGroup()`.
    EnterGroup,
    /// `timeout.reschedule(…)`, so much from now on.
    Reschedule(u32, Option<Nanos>),
    /// It makes a callback, to be called in the next turn, or after so long.
    Call(Callable, Option<Nanos>),
    /// It makes a callback of a future.
    CallWhenDone(Callable, FutureId),
    /// It takes a callback back from a future, or something that cannot be one of its callbacks.
    RemoveCallback(Option<u32>, FutureId),
    /// It begins `asyncio.as_completed(…)` over a list of handles.
    AsCompleted(ListId, Option<Nanos>),
    /// It awaits the next of that.
    NextCompleted(u32),
    /// It leaves what it has entered, with an error or without.
    Leave(Value, Option<Error>),
}
