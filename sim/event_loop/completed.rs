//! `as_completed`: futures in the order in which they are done, each given away once.
//!
//! Where Python has a queue in it that anybody could wait for, the loop over it is the only one that does.
//!
//! Knows nothing of what it goes over.

use super::library::Call;
use super::object::Waiter;
use super::task::{Progress, WaitsFor};
use super::timeout::Then;
use super::{Callback, EventLoop};
use crate::id::{FutureId, ListId, TaskId};
use crate::program::{Error, ErrorType, Value};
use crate::time::Nanos;
use crate::trace::What;

/// A call of `as_completed`.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Completions {
    /// Who is not done.
    todo: ListId,
    /// Who is done and was not given away; `None` for each that a timeout has come before.
    done: ListId,
    /// How many were given away, and how many there are.
    given: u32,
    count: u32,
    deadline: Option<u32>,
    getter: Option<Waiter>,
}

impl Completions {
    /// Who is not done.
    pub(super) fn todo(&self) -> ListId {
        self.todo
    }
}

impl EventLoop<'_> {
    pub(super) fn begin_completions(&mut self, task: TaskId, over: ListId, timeout: Option<Nanos>) -> Value {
        let iterator = self.completions.len() as u32;
        self.keep_each_once(over);
        let count = self.memory.list(over).len() as u32;
        let done = self.memory.new_list();
        let getter = None;
        self.completions.push(Completions { todo: over, done, given: 0, count, deadline: None, getter });
        for at in 0..count as usize {
            let future = self.memory.handle(over, at);
            self.add_done_callback(future, Callback::Completed(iterator));
        }
        if let Some(timeout) = timeout.filter(|_| count > 0) {
            let deadline = self.add_deadline(Then::GiveUp(task, iterator));
            self.arm(deadline, self.now + timeout);
            self.completions[iterator as usize].deadline = Some(deadline);
        }
        Value::Int(i64::from(iterator))
    }

    pub(super) fn completions_left(&self, iterator: u32) -> u32 {
        let Completions { given, count, .. } = self.completions[iterator as usize];
        count - given
    }

    /// One of the futures is done.
    pub(super) fn count_completion(&mut self, iterator: u32, future: FutureId) {
        self.touch_completions(iterator);
        let Completions { todo, done, deadline, .. } = self.completions[iterator as usize];
        let before = self.memory.list(todo).len();
        self.memory.list_mut(todo).retain(|&other| other != Value::Handle(future));
        if self.memory.list(todo).len() == before {
            return;
        }
        self.memory.list_mut(done).push(Value::Handle(future));
        if let Some(deadline) = deadline.filter(|_| self.memory.list(todo).is_empty()) {
            self.call_off(deadline);
        }
        self.wake_getter(iterator);
    }

    /// The time is over for whoever is not done.
    pub(super) fn give_up_completions(&mut self, iterator: u32) {
        self.touch_completions(iterator);
        let Completions { todo, done, .. } = self.completions[iterator as usize];
        for at in 0..self.memory.list(todo).len() {
            let future = self.memory.handle(todo, at);
            self.touch_future(future);
            self.futures.remove_callback(future, Callback::Completed(iterator));
            self.memory.list_mut(done).push(Value::None);
            self.wake_getter(iterator);
        }
        self.memory.list_mut(todo).clear();
    }

    fn wake_getter(&mut self, iterator: u32) {
        if let Some(waiter) = self.completions[iterator as usize].getter {
            self.wake(waiter);
        }
    }

    /// Awaits the next one.
    pub(super) fn next_completed(&mut self, task: TaskId, iterator: u32) -> Progress {
        self.touch_completions(iterator);
        self.completions[iterator as usize].given += 1;
        self.take_completed(task, iterator)
    }

    pub(super) fn go_on_completing(&mut self, task: TaskId, iterator: u32, input: Result<Value, Error>) -> Progress {
        self.touch_completions(iterator);
        self.completions[iterator as usize].getter = None;
        match input {
            Ok(_) => self.take_completed(task, iterator),
            Err(error) => Some(Err(error)),
        }
    }

    fn take_completed(&mut self, task: TaskId, iterator: u32) -> Progress {
        let Completions { done, given, count, .. } = self.completions[iterator as usize];
        if self.memory.list(done).is_empty() {
            self.completions[iterator as usize].getter = Some(self.next_waiter(task));
            self.recorder.record(What::AwaitingNext { task, left: count - given + 1 });
            self.tasks[task.index()].call = Call::Completed(iterator);
            self.begin_own(task, WaitsFor::Library);
            return None;
        }
        Some(match self.memory.list_mut(done).remove(0) {
            Value::Handle(future) => self.result_in(task, future),
            _ => {
                let error = Error::new(self.timeout_error());
                Err(self.raised(task, error))
            }
        })
    }

    /// The class with which asyncio says that something took too long.
    pub(super) fn timeout_error(&self) -> ErrorType {
        if self.program.profile.has_timeouts { ErrorType::TIMEOUT_ERROR } else { ErrorType::ASYNCIO_TIMEOUT_ERROR }
    }
}
