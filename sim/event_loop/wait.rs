//! `wait`: a waiter that is released by a countdown or by a timeout, and what is done when it is.
//!
//! It never raises for the futures and never cancels them. What counts as done is looked up when the waiting task goes
//! on, so even with `FIRST_COMPLETED` more than one may be.
//!
//! Knows nothing of what it waits for.

use super::task::{Own, WaitsFor};
use super::{Callback, EventLoop, Handle, Timer, future};
use crate::id::{FutureId, ListId, TaskId};
use crate::machine::{Access, Object};
use crate::program::{ReturnWhen, Value};
use crate::time::Nanos;
use crate::trace::What;

/// One call of `wait`.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Wait {
    pub(super) task: TaskId,
    /// The futures, each once.
    over: ListId,
    left: u32,
    return_when: ReturnWhen,
    pub(super) timed_out: bool,
}

impl Wait {
    /// The futures, each once.
    pub(super) fn over(&self) -> ListId {
        self.over
    }
}

impl EventLoop<'_> {
    pub(super) fn begin_wait(&mut self, task: TaskId, over: ListId, timeout: Option<Nanos>, return_when: ReturnWhen) {
        let wait = self.waits.len() as u32;
        self.keep_each_once(over);
        let count = self.memory.list(over).len() as u32;
        let until = timeout.map(|timeout| self.now + timeout);
        self.recorder.record(What::Waited { task, count, until });
        self.waits.push(Wait { task, over, left: count, return_when, timed_out: false });
        for at in 0..count as usize {
            let future = self.memory.handle(over, at);
            self.add_done_callback(future, Callback::Wait(wait));
        }
        // Last, because a task that is to be cancelled already is woken behind the callbacks.
        let serial = self.begin_own(task, WaitsFor::Wait(wait));
        if let Some(until) = until {
            self.touch_timer(until);
            self.timers.set(until, Timer::Own { task, serial });
        }
    }

    /// A set has each future once; creation order is the ordinary order of one.
    pub(super) fn keep_each_once(&mut self, over: ListId) {
        let items = self.memory.list_mut(over);
        items.sort_unstable_by_key(|item| match item {
            Value::Handle(future) => *future,
            other => unreachable!("wait has handles, not {other:?}"),
        });
        items.dedup();
    }

    /// One of the futures is done: wait's callback, which may come when the wait is long over.
    pub(super) fn count_wait_child(&mut self, wait: u32, child: FutureId) {
        let count = Object::Countdown { is_wait: true, number: wait };
        self.watch_count(count);
        self.touch(Object::Future(child), Access::Looks);
        let state = &mut self.waits[wait as usize];
        state.left = state.left.saturating_sub(1);
        let is_enough = match state.return_when {
            ReturnWhen::AllCompleted => false,
            ReturnWhen::FirstCompleted => true,
            ReturnWhen::FirstException => matches!(self.futures[child].result, future::Result::Failed(_)),
        };
        let (task, left) = (state.task, state.left);
        if is_enough {
            self.touch(count, Access::Changes);
        }
        if is_enough || left == 0 {
            self.watch_full(count);
            self.touch(Object::Task(task), Access::Changes);
        }
        let task_state = &mut self.tasks[task.index()];
        let is_waiting = task_state.waits_for == WaitsFor::Wait(wait) && task_state.own == Own::Pending;
        if is_waiting && (is_enough || left == 0) {
            task_state.own = Own::Done;
            self.cancel_own_timer(task);
            self.ready.push(Handle::Wakeup(task));
        }
    }

    /// The waiting task goes on: the timer and the callbacks go, and if it was not cancelled the futures are sorted
    /// into done and pending ones, two lists in a row.
    pub(super) fn leave_wait(&mut self, task: TaskId, wait: u32, tell: bool) -> Value {
        self.cancel_own_timer(task);
        let Wait { over, timed_out, .. } = self.waits[wait as usize];
        let [done, pending] = self.memory.new_pair();
        for at in 0..self.memory.list(over).len() {
            let future = self.memory.handle(over, at);
            self.touch(Object::Future(future), Access::Changes);
            self.futures.remove_callback(future, Callback::Wait(wait));
            let list = if self.futures[future].is_done() { done } else { pending };
            self.memory.list_mut(list).push(Value::Handle(future));
        }
        self.memory.charge_items(self.memory.list(over).len());
        self.memory.recycle(over);
        self.memory.make_unordered(done);
        self.memory.make_unordered(pending);
        if tell {
            let [done, pending] = [done, pending].map(|list| self.memory.list(list).len() as u32);
            self.recorder.record(What::WaitReturned { task, done, pending, timed_out });
        }
        Value::List(done)
    }
}
