//! The door to asyncio's library: what a step calls, and how a call goes on whose waiter is done.
//!
//! Knows nothing of what each call does.

use super::object::Use;
use super::task::Progress;
use super::task_group::Leaving;
use super::wait_for::WaitingFor;
use super::{EventLoop, Owner};
use crate::choice::Choices;
use crate::id::{FutureId, TaskId};
use crate::program::{Error, ErrorType, Library, Value};
use crate::trace::What;

/// A coroutine of asyncio's own, where it has stopped to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    None,
    /// Of a lock, a queue, and the like.
    Use(Use),
    WaitFor(WaitingFor),
    Group(Leaving),
    /// Of `as_completed`, by its number.
    Completed(u32),
}

impl EventLoop<'_> {
    /// A step of `task` calls the library. Nothing comes back if the task has to wait.
    pub(super) fn call_library<C: Choices + ?Sized>(
        &mut self,
        task: TaskId,
        call: Library,
        choices: &mut C,
    ) -> Progress {
        match call {
            Library::Use { operation, object, value } => {
                let progress = self.use_object(task, operation, object, value);
                // What does not have to wait for its error has made it itself.
                progress.map(|result| result.map_err(|error| self.raised(task, error)))
            }
            Library::WaitFor { future, timeout } => self.wait_for(task, future, timeout),
            Library::Shield(future) => Some(Ok(Value::Handle(self.shield(future, task)))),
            Library::Settle(future, result) => {
                Some(self.settle(future, result).map_err(|error| self.raised(task, error)))
            }
            Library::Call(what, length) => Some(Ok(self.call(task, what, length))),
            Library::CallWhenDone(what, future) => Some(Ok(self.call_when_done(task, what, future))),
            Library::RemoveCallback(callback, future) => Some(Ok(self.remove_done_callback(callback, future))),
            Library::AsCompleted(over, timeout) => Some(Ok(self.begin_completions(task, over, timeout))),
            Library::NextCompleted(iterator) => self.next_completed(task, iterator),
            Library::Uncancel(future) => Some(self.uncancel_handle(task, future)),
            Library::EnterTimeout(length) => Some(Ok(self.enter_timeout(task, length))),
            Library::Reschedule(timeout, length) => Some(self.reschedule(task, timeout, length)),
            Library::EnterGroup => Some(Ok(self.enter_group(task))),
            Library::Leave(Value::TaskGroup(group), error) => self.leave_group(task, group, error, choices),
            Library::Leave(Value::Timeout(timeout), error) => Some(self.leave_timeout(task, timeout, error)),
            Library::Leave(other, _) => unreachable!("nobody has entered {other:?}"),
        }
    }

    /// What the task's call waited for is there, or will not be.
    #[cold]
    pub(super) fn go_on_with_call<C: Choices + ?Sized>(
        &mut self,
        task: TaskId,
        input: Result<Value, Error>,
        choices: &mut C,
    ) -> Progress {
        match std::mem::replace(&mut self.tasks[task.index()].call, Call::None) {
            Call::None => Some(input),
            Call::Use(used) => self.go_on_using(task, used, input),
            Call::WaitFor(waiting) => self.go_on_waiting_for(task, waiting, input),
            Call::Completed(iterator) => self.go_on_completing(task, iterator, input),
            Call::Group(leaving) => self.go_on_leaving(task, leaving, input, choices),
        }
    }

    fn uncancel_handle(&mut self, task: TaskId, future: FutureId) -> Result<Value, Error> {
        match self.futures[future].owner {
            Owner::Task(other) => Ok(Value::Int(i64::from(self.uncancel(other)))),
            _ => {
                let error = self.python_error(ErrorType::ATTRIBUTE_ERROR, "this has no attribute 'uncancel'");
                Err(self.raised(task, error))
            }
        }
    }

    /// Takes one request to cancel back; returns how many are left.
    pub(super) fn uncancel(&mut self, task: TaskId) -> u32 {
        self.touch_task(task);
        self.touch_future(self.tasks[task.index()].future);
        let state = &mut self.tasks[task.index()];
        if state.cancels > 0 {
            state.cancels -= 1;
            if state.cancels == 0 && self.program.profile.uncancel_takes_back {
                state.must_cancel = false;
            }
        }
        state.cancels
    }

    /// An error of Python's own.
    pub(super) fn python_error(&mut self, ty: ErrorType, message: &str) -> Error {
        let message = (!message.is_empty()).then(|| self.memory.texts().intern(message));
        Error { ty, message }
    }

    /// Records that an error comes up in a task.
    pub(super) fn raised(&mut self, task: TaskId, error: Error) -> Error {
        self.recorder.record(What::Raised { task, error });
        error
    }
}
