//! `Queue`: items, who waits for one, who waits to put one, and how many are not done.
//!
//! Nothing is handed over: who is woken looks again, and may find that somebody else was faster.
//!
//! Knows nothing of what the items are.

use std::collections::VecDeque;

use super::EventLoop;
use super::object::{Object, Use, Waiter, remove};
use super::task::Progress;
use crate::id::{ObjectId, TaskId};
use crate::program::{Error, ErrorType, Make, Value};

impl EventLoop<'_> {
    pub(super) fn is_full(&self, queue: ObjectId) -> bool {
        let state = self.object(queue);
        matches!(state.make, Make::Queue(most) if most > 0 && state.items.len() >= most as usize)
    }

    pub(super) fn put(&mut self, task: TaskId, used: Use) -> Progress {
        if self.is_full(used.object) {
            let waiter = self.block(task, used);
            self.object_mut(used.object).putters.push_back(waiter);
            return None;
        }
        Some(self.put_nowait(used.object, used.value))
    }

    pub(super) fn go_on_putting(&mut self, task: TaskId, used: Use, input: Result<Value, Error>) -> Progress {
        if let Err(error) = input {
            let is_room = !self.is_full(used.object);
            self.leave_queue(task, used.object, is_room, |object| &mut object.putters);
            return Some(Err(error));
        }
        self.put(task, used)
    }

    pub(super) fn put_nowait(&mut self, queue: ObjectId, item: Value) -> Result<Value, Error> {
        if self.is_full(queue) {
            return Err(self.python_error(ErrorType::QUEUE_FULL, ""));
        }
        let state = self.object_mut(queue);
        state.items.push_back(item);
        state.value += 1;
        let finished = self.part(queue);
        self.object_mut(finished).value = 0;
        self.wake_next(queue, |object| &mut object.waiters);
        Ok(Value::None)
    }

    pub(super) fn get(&mut self, task: TaskId, used: Use) -> Progress {
        if self.object(used.object).items.is_empty() {
            let waiter = self.block(task, used);
            self.object_mut(used.object).waiters.push_back(waiter);
            return None;
        }
        Some(self.get_nowait(used.object))
    }

    pub(super) fn go_on_getting(&mut self, task: TaskId, used: Use, input: Result<Value, Error>) -> Progress {
        if let Err(error) = input {
            let is_item = !self.object(used.object).items.is_empty();
            self.leave_queue(task, used.object, is_item, |object| &mut object.waiters);
            return Some(Err(error));
        }
        self.get(task, used)
    }

    pub(super) fn get_nowait(&mut self, queue: ObjectId) -> Result<Value, Error> {
        let Some(item) = self.object_mut(queue).items.pop_front() else {
            return Err(self.python_error(ErrorType::QUEUE_EMPTY, ""));
        };
        self.wake_next(queue, |object| &mut object.putters);
        Ok(item)
    }

    pub(super) fn task_done(&mut self, queue: ObjectId) -> Result<Value, Error> {
        let Some(left) = self.object(queue).value.checked_sub(1) else {
            return Err(self.python_error(ErrorType::VALUE_ERROR, "task_done() called too many times"));
        };
        self.object_mut(queue).value = left;
        if left == 0 {
            self.set_event(self.part(queue));
        }
        Ok(Value::None)
    }

    pub(super) fn join_queue(&mut self, task: TaskId, used: Use) -> Progress {
        if self.object(used.object).value == 0 {
            return Some(Ok(Value::None));
        }
        self.wait_for_event(task, used, self.part(used.object))
    }

    /// A waiter was cancelled; if it had been woken for something that is there, the next one is woken for it.
    fn leave_queue(
        &mut self,
        task: TaskId,
        queue: ObjectId,
        is_something: bool,
        line: fn(&mut Object) -> &mut VecDeque<Waiter>,
    ) {
        let waiter = self.waiter_of(task);
        remove(line(self.object_mut(queue)), waiter);
        if is_something && !self.is_waiter_cancelled(waiter) {
            self.wake_next(queue, line);
        }
    }

    /// Takes waiters out of a line until one is pending, and wakes that one.
    pub(super) fn wake_next(&mut self, object: ObjectId, line: fn(&mut Object) -> &mut VecDeque<Waiter>) -> bool {
        while let Some(waiter) = line(self.object_mut(object)).pop_front() {
            if self.wake(waiter) {
                return true;
            }
        }
        false
    }
}
