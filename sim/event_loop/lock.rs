//! `Lock`: handed over in the order of asking. Who is woken takes it only when it runs, but nobody comes in between.
//!
//! Knows nothing of conditions, which have a lock and ask for it by what stands here.

use super::EventLoop;
use super::object::{Use, remove};
use super::task::Progress;
use crate::id::{ObjectId, TaskId};
use crate::program::{Error, ErrorType, Value};

impl EventLoop<'_> {
    pub(super) fn acquire_lock(&mut self, task: TaskId, used: Use) -> Progress {
        let lock = self.lock_of(used.object);
        if self.try_lock(lock) {
            return Some(Ok(Value::Bool(true)));
        }
        self.queue_for_lock(task, used, lock);
        None
    }

    /// Takes the lock if it is free and nobody is waiting who was not cancelled.
    pub(super) fn try_lock(&mut self, lock: ObjectId) -> bool {
        let state = self.object(lock);
        let is_free = state.value == 0 && state.waiters.iter().all(|&waiter| self.is_waiter_cancelled(waiter));
        if is_free {
            self.object_mut(lock).value = 1;
        }
        is_free
    }

    pub(super) fn queue_for_lock(&mut self, task: TaskId, used: Use, lock: ObjectId) {
        let waiter = self.block(task, used);
        self.object_mut(lock).waiters.push_back(waiter);
    }

    /// A waiter goes on: it has the lock, or it was cancelled and sees to it that the next one is woken.
    pub(super) fn leave_lock_queue(
        &mut self,
        task: TaskId,
        lock: ObjectId,
        input: Result<Value, Error>,
    ) -> Result<Value, Error> {
        let waiter = self.waiter_of(task);
        remove(&mut self.object_mut(lock).waiters, waiter);
        if let Err(error) = input {
            if self.object(lock).value == 0 {
                self.wake_first_of_lock(lock);
            }
            return Err(error);
        }
        self.object_mut(lock).value = 1;
        Ok(Value::Bool(true))
    }

    pub(super) fn release_lock(&mut self, lock: ObjectId) -> Result<Value, Error> {
        if self.object(lock).value == 0 {
            return Err(self.python_error(ErrorType::RUNTIME_ERROR, "Lock is not acquired."));
        }
        self.object_mut(lock).value = 0;
        self.wake_first_of_lock(lock);
        Ok(Value::None)
    }

    /// The first one only: if it is done already, it goes on by itself and passes this on.
    fn wake_first_of_lock(&mut self, lock: ObjectId) {
        if let Some(&first) = self.object(lock).waiters.front() {
            self.wake(first);
        }
    }
}
