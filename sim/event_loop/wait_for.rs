//! `wait_for`, as long as it was a coroutine that waits for a task of its own, and of today's what it does with a
//! timeout of 0; the rest of today's is a `timeout` around an `await`.
//!
//! A cancellation of the caller that comes when the task is done and the caller has not run yet is lost.
//!
//! Knows nothing of what it waits for.

use super::library::Call;
use super::object::Waiter;
use super::task::{Progress, WaitsFor};
use super::{Callback, EventLoop, future};
use crate::id::{FutureId, TaskId};
use crate::program::{Error, ErrorType, Value, WaitFor};
use crate::time::Nanos;
use crate::trace::{Requester, What};

/// A `wait_for` that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WaitingFor {
    future: FutureId,
    /// The deadline that is called off on the way out.
    deadline: Option<u32>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// It waits for the future or the deadline.
    Waiting,
    /// It has cancelled the future and waits for it; then it raises the caller's own cancellation, or sees what the
    /// future has come to.
    Cancelling(Option<Error>),
}

impl EventLoop<'_> {
    pub(super) fn wait_for(&mut self, task: TaskId, future: FutureId, timeout: Nanos) -> Progress {
        self.touch_future(future);
        if timeout == Nanos(0) {
            if self.futures[future].is_done() {
                return Some(self.result_in(task, future));
            }
            return self.cancel_and_wait(task, WaitingFor { future, deadline: None, stage: Stage::Cancelling(None) });
        }
        let until = self.now + timeout;
        let waiter = self.next_waiter(task);
        let deadline = Some(self.wake_at(waiter, until));
        self.add_done_callback(future, Callback::Release(waiter));
        self.recorder.record(What::WaitingFor { task, future, until: Some(until) });
        self.tasks[task.index()].call = Call::WaitFor(WaitingFor { future, deadline, stage: Stage::Waiting });
        self.begin_own(task, WaitsFor::Library);
        None
    }

    pub(super) fn go_on_waiting_for(
        &mut self,
        task: TaskId,
        waiting: WaitingFor,
        input: Result<Value, Error>,
    ) -> Progress {
        let waiter = self.waiter_of(task);
        let future = waiting.future;
        self.touch_future(future);
        let result = match waiting.stage {
            Stage::Waiting if self.futures[future].is_done() => self.result_in(task, future),
            Stage::Waiting => {
                self.futures.remove_callback(future, Callback::Release(waiter));
                let progress =
                    self.cancel_and_wait(task, WaitingFor { stage: Stage::Cancelling(input.err()), ..waiting });
                progress?
            }
            Stage::Cancelling(own) => {
                self.futures.remove_callback(future, Callback::Release(waiter));
                match (input, own) {
                    (Err(error), _) | (Ok(_), Some(error)) => Err(error),
                    (Ok(_), None) => self.what_came_of_it(task, waiting),
                }
            }
        };
        if let Some(deadline) = waiting.deadline {
            self.call_off(deadline);
        }
        Some(result)
    }

    /// Cancels the future and waits until it is done.
    fn cancel_and_wait(&mut self, task: TaskId, waiting: WaitingFor) -> Progress {
        let future = waiting.future;
        let waiter = self.next_waiter(task);
        self.add_done_callback(future, Callback::Release(waiter));
        if self.cancel(future, Requester::Task(task), None).is_err() {
            self.futures.remove_callback(future, Callback::Release(waiter));
            let error = self.python_error(ErrorType::RECURSION_ERROR, super::cancel::TooDeep::MESSAGE);
            return Some(Err(self.raised(task, error)));
        }
        self.recorder.record(What::WaitingFor { task, future, until: None });
        self.tasks[task.index()].call = Call::WaitFor(waiting);
        self.begin_own(task, WaitsFor::Library);
        None
    }

    /// It has timed out, and the future is done, maybe in spite of that.
    fn what_came_of_it(&mut self, task: TaskId, waiting: WaitingFor) -> Result<Value, Error> {
        let profile = &self.program.profile;
        let result = self.futures[waiting.future].result;
        let counts = match (profile.wait_for, result) {
            (_, future::Result::Cancelled) => false,
            // A timeout of 0 lets errors through even there.
            (WaitFor::TimeoutWins, future::Result::Failed(error)) => {
                waiting.deadline.is_none() && !error.is_cancelled()
            }
            (WaitFor::TimeoutWins, _) => false,
            (_, future::Result::Failed(error)) => !error.is_cancelled(),
            _ => true,
        };
        if counts {
            return self.result_in(task, waiting.future);
        }
        if result == future::Result::Cancelled {
            // Whoever asks for the result takes the error out of it.
            self.take_cancelled_error(waiting.future);
        }
        let error = Error::new(self.timeout_error());
        Err(self.raised(task, error))
    }

    /// `future.result()`, where an error that comes out of it comes up in `task`.
    pub(super) fn result_in(&mut self, task: TaskId, future: FutureId) -> Result<Value, Error> {
        self.recorder.record(What::Taken { task, future });
        self.take_result(future).map_err(|error| self.raised(task, error))
    }

    /// The waiter with which the task is going to wait next.
    pub(super) fn next_waiter(&self, task: TaskId) -> Waiter {
        Waiter { task, serial: self.tasks[task.index()].own_serial + 1 }
    }
}
