//! `Condition`: a lock, and who waits to be notified. Who is, takes the lock back before it goes on, and nothing keeps
//! it from doing so: a cancellation that comes meanwhile is raised when it has the lock.
//!
//! Knows nothing of how a lock is handed over.

use super::EventLoop;
use super::object::{Stage, Use, remove};
use super::task::Progress;
use crate::id::{ObjectId, TaskId};
use crate::program::{Error, ErrorType, Value};
use crate::trace::What;

impl EventLoop<'_> {
    pub(super) fn wait_for_notify(&mut self, task: TaskId, used: Use) -> Progress {
        let condition = self.condition_of(used.object);
        let lock = self.part(condition);
        if self.object(lock).value == 0 {
            return Some(Err(self.python_error(ErrorType::RUNTIME_ERROR, "cannot wait on un-acquired lock")));
        }
        _ = self.release_lock(lock);
        let waiter = self.block(task, used);
        self.object_mut(condition).waiters.push_back(waiter);
        None
    }

    pub(super) fn go_on_after_notify(&mut self, task: TaskId, used: Use, input: Result<Value, Error>) -> Progress {
        let condition = self.condition_of(used.object);
        let lock = self.part(condition);
        let (waited, interrupted) = match used.stage {
            Stage::First => {
                let waiter = self.waiter_of(task);
                remove(&mut self.object_mut(condition).waiters, waiter);
                (input.map(|_| ()), None)
            }
            Stage::Reacquiring { waited, interrupted } => match self.leave_lock_queue(task, lock, input) {
                Ok(_) => return Some(self.end_of_wait(task, condition, waited, interrupted)),
                Err(error) => (waited, Some(error)),
            },
        };
        if self.try_lock(lock) {
            return Some(self.end_of_wait(task, condition, waited, interrupted));
        }
        self.queue_for_lock(task, Use { stage: Stage::Reacquiring { waited, interrupted }, ..used }, lock);
        None
    }

    /// The lock is taken back.
    fn end_of_wait(
        &mut self,
        task: TaskId,
        condition: ObjectId,
        waited: Result<(), Error>,
        interrupted: Option<Error>,
    ) -> Result<Value, Error> {
        let passes_on = self.program.profile.conditions_pass_notify_on;
        let error = match interrupted {
            Some(error) if passes_on => Some(error),
            Some(_) => {
                let error = Error::cancelled(None);
                self.recorder.record(What::Raised { task, error });
                Some(error)
            }
            None => waited.err(),
        };
        let Some(error) = error else { return Ok(Value::Bool(true)) };
        if passes_on {
            self.wake_first_pending(condition);
        }
        Err(error)
    }

    pub(super) fn notify(&mut self, condition: ObjectId, count: i64) -> Result<Value, Error> {
        if self.object(self.part(condition)).value == 0 {
            return Err(self.python_error(ErrorType::RUNTIME_ERROR, "cannot notify on un-acquired lock"));
        }
        let mut left = count;
        for at in 0..self.object(condition).waiters.len() {
            if left > 0 && self.wake(self.object(condition).waiters[at]) {
                left -= 1;
            }
        }
        Ok(Value::None)
    }
}
