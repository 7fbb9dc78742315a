//! What a step asks of asyncio's own library, beyond tasks, sleeps, gathers and waits.
//!
//! Knows nothing of how any of it is done; that is a machine's affair.

use crate::id::{FutureId, ObjectId};
use crate::time::Nanos;

use super::{Error, Operation, Value};

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
    /// It leaves what it has entered, with an error or without.
    Leave(Value, Option<Error>),
}
