//! `Event`: `set` wakes whoever waits, and what happens to the event before they run does not matter to them.
//!
//! Knows nothing of queues, which have one for `join`.

use super::EventLoop;
use super::object::{Use, remove};
use super::task::Progress;
use crate::id::{ObjectId, TaskId};
use crate::program::{Error, Value};

impl EventLoop<'_> {
    pub(super) fn wait_for_event(&mut self, task: TaskId, used: Use, event: ObjectId) -> Progress {
        if self.object(event).value > 0 {
            return Some(Ok(Value::Bool(true)));
        }
        let waiter = self.block(task, used);
        self.object_mut(event).waiters.push_back(waiter);
        None
    }

    pub(super) fn leave_event(
        &mut self,
        task: TaskId,
        event: ObjectId,
        input: Result<Value, Error>,
    ) -> Result<Value, Error> {
        let waiter = self.waiter_of(task);
        remove(&mut self.object_mut(event).waiters, waiter);
        input.map(|_| Value::Bool(true))
    }

    pub(super) fn set_event(&mut self, event: ObjectId) -> Value {
        if self.object(event).value == 0 {
            self.object_mut(event).value = 1;
            for at in 0..self.object(event).waiters.len() {
                self.wake(self.object(event).waiters[at]);
            }
        }
        Value::None
    }
}
