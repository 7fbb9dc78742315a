//! Cancellation: who is asked, what is accepted, and which message arrives.
//!
//! `cancel()` goes down the chain of what is awaited, in one call, to the innermost thing that can be cancelled; only
//! where that refuses does the task remember to raise `CancelledError` in its next step.
//!
//! Knows nothing of who asks beyond what the trace is told.

use super::task::{Own, WaitsFor};
use super::{EventLoop, Handle, Owner, future};
use crate::id::{FutureId, TaskId, TextId};
use crate::machine::{Access, Object};
use crate::program::{Error, ErrorType, Messages, Value};
use crate::trace::{Requester, What};

/// A chain of cancellations went deeper than Python's recursion allows, or in a circle.
#[derive(Debug)]
pub(super) struct TooDeep;

impl TooDeep {
    /// What Python says then.
    pub(super) const MESSAGE: &str = "maximum recursion depth exceeded";
}

/// How many gathers may be nested in each other: half as many as Python's recursion limit lets, so that the stack of
/// a test's thread is enough in a debug build.
const DEEPEST_NEST: u32 = 500;

impl EventLoop<'_> {
    /// `future.cancel(message)`: whether it was accepted.
    #[inline(always)]
    pub(super) fn cancel(&mut self, future: FutureId, by: Requester, message: Option<TextId>) -> Result<bool, TooDeep> {
        self.cancel_nested(future, by, message, 0)
    }

    pub(super) fn cancel_nested(
        &mut self,
        future: FutureId,
        by: Requester,
        message: Option<TextId>,
        depth: u32,
    ) -> Result<bool, TooDeep> {
        // A gather may be reached in as many ways as there are paths to it, so each visit is a step.
        if depth > DEEPEST_NEST || !self.memory.charge(1) {
            return Err(TooDeep);
        }
        if self.is_watched() {
            self.touch_cancel(future);
        }
        match self.futures[future].owner {
            Owner::Task(task) => self.cancel_task(task, by, message, depth),
            Owner::Gather(gather) => self.cancel_gather(gather, by, message, depth),
            Owner::Shield | Owner::Nobody => Ok(self.cancel_plain(future, by, message)),
        }
    }

    /// Goes along the tasks that await each other, to the one that awaits something else. A loop rather than a
    /// recursion: the chain may be as long as there are tasks, and no longer unless it is a circle.
    fn cancel_task(
        &mut self,
        mut task: TaskId,
        by: Requester,
        message: Option<TextId>,
        depth: u32,
    ) -> Result<bool, TooDeep> {
        let mut is_first = true;
        for _ in 0..self.tasks.len() + 1 {
            if self.is_watched() {
                self.touch_cancelled(task);
            }
            let state = &mut self.tasks[task.index()];
            if self.futures[state.future].is_done() {
                if is_first {
                    let since = self.futures[state.future].done_since;
                    self.recorder.record(What::CancelRefused { task, by, since });
                }
                return Ok(false);
            }
            self.recorder.record(What::CancelRequested { task, by, message });
            state.cancel_requested = true;
            state.cancels += 1;
            self.memory.charge(1);
            is_first = false;
            match state.waits_for {
                WaitsFor::Sleep | WaitsFor::Wait(_) | WaitsFor::Object(_) | WaitsFor::Library
                    if matches!(state.own, Own::Pending) =>
                {
                    state.own = Own::Cancelled(message);
                    self.ready.push(Handle::Wakeup(task));
                    return Ok(true);
                }
                WaitsFor::Future(future) if !self.futures[future].is_done() => {
                    if let Owner::Task(next) = self.futures[future].owner {
                        task = next;
                        continue;
                    }
                    if self.cancel_nested(future, by, message, depth + 1)? {
                        return Ok(true);
                    }
                }
                _ => {}
            }
            // It has not started, has yielded, runs, or its wakeup is queued: the next step raises, and whatever it
            // was to be told is lost.
            let state = &mut self.tasks[task.index()];
            state.must_cancel = true;
            self.futures[state.future].cancel_message = message;
            return Ok(true);
        }
        Err(TooDeep)
    }

    /// A task that was cancelled while it ran passes that on to what it awaits now.
    pub(super) fn cancel_awaited(&mut self, task: TaskId, future: FutureId, message: Option<TextId>) -> bool {
        if self.futures[future].is_done() {
            return false;
        }
        self.cancel(future, Requester::Task(task), message).unwrap_or(false)
    }

    /// `future.result()`, which takes the error of a cancelled task out of it where the profile says so.
    pub(super) fn take_result(&mut self, future: FutureId) -> Result<Value, Error> {
        self.touch(Object::Future(future), Access::Looks);
        match self.futures[future].result {
            future::Result::Finished(value) => Ok(value),
            future::Result::Failed(error) => Err(error),
            future::Result::Cancelled => Err(self.take_cancelled_error(future)),
            future::Result::Pending => Err(self.invalid_state("Result is not set.")),
        }
    }

    /// `future.exception()`, likewise.
    pub(super) fn take_exception(&mut self, future: FutureId) -> Result<Value, Error> {
        self.touch(Object::Future(future), Access::Looks);
        match self.futures[future].result {
            future::Result::Finished(_) => Ok(Value::None),
            future::Result::Failed(error) => Ok(Value::Error(error)),
            future::Result::Cancelled => Err(self.take_cancelled_error(future)),
            future::Result::Pending => Err(self.invalid_state("Exception is not set.")),
        }
    }

    /// The error that a cancelled future raises in whoever asks.
    pub(super) fn take_cancelled_error(&mut self, future: FutureId) -> Error {
        self.touch(Object::Future(future), Access::Changes);
        let state = &mut self.futures[future];
        match self.program.profile.messages {
            Messages::FirstTaker => {
                let kept = Error::cancelled(state.cancel_message);
                state.cancelled_error.take().unwrap_or(kept)
            }
            Messages::DroppedAtTask => Error::cancelled(state.cancel_message),
            Messages::None => Error::cancelled(None),
        }
    }

    fn invalid_state(&mut self, message: &str) -> Error {
        let message = Some(self.memory.texts().intern(message));
        Error { ty: ErrorType::INVALID_STATE_ERROR, message }
    }
}
