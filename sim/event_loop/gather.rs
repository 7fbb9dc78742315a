//! `gather`: counting children, ending with the first error, and cancelling all of them.
//!
//! The future that `gather` returns is never in the state *cancelled*: it carries the `CancelledError` as an error.
//! The first child that fails or is cancelled ends it; from then on its `cancel()` reaches nobody.
//!
//! Knows nothing of what its children do.

use super::cancel::TooDeep;
use super::{Callback, EventLoop, Handle, Owner, future};
use crate::id::{FutureId, ListId, TaskId, TextId};
use crate::machine::{Access, Object};
use crate::program::{Error, GatherDone, Messages, Value};
use crate::trace::{Requester, What};

/// A gather of asyncio.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Gather {
    pub(super) future: FutureId,
    /// The children as they were given, duplicates included.
    children: ListId,
    distinct: u32,
    counted: u32,
    return_exceptions: bool,
    cancel_requested: bool,
    /// Whether it is still being given its children, or has stayed so because one of them cannot be one.
    is_open: bool,
    /// Whether its children are being asked right now: who comes back here goes in a circle.
    asks_children: bool,
}

impl EventLoop<'_> {
    /// `gather(*children)`, called by a task; the `new` newest tasks were made for it.
    pub(super) fn begin_gather(&mut self, children: ListId, new: u32, return_exceptions: bool, by: TaskId) -> FutureId {
        let gather = self.gathers.len() as u32;
        let future = self.futures.add(Owner::Gather(gather));
        let inline = self.program.profile.gather_done == GatherDone::Inline;
        // gather goes from child to child: it makes a task, or asks to be told. So what is told at once stands between
        // the first steps of the new tasks, which are the last in the queue.
        let between = if inline { 0 } else { new as usize };
        let mut first_steps = std::mem::take(&mut self.scratch.first_steps);
        if between > 0 {
            first_steps.extend(self.ready.drain(self.ready.len() - between..));
        }
        let mut steps = first_steps.iter().copied().peekable();
        let (mut distinct, mut any_done) = (0, false);
        for item in self.memory.list(children) {
            let &Value::Handle(child) = item else { unreachable!("a gather has handles") };
            if let Some(watch) = &mut self.watch {
                watch.touch(Object::Future(child), Access::Changes);
            }
            let state = &mut self.futures[child];
            if std::mem::replace(&mut state.counted_by, future.0 + 1) == future.0 + 1 {
                continue; // the same child again
            }
            distinct += 1;
            if !state.is_done() {
                let owner = state.owner;
                self.futures.add_callback(child, Callback::Gather(gather));
                if let Owner::Task(task) = owner
                    && let Some(first_step) = steps.next_if_eq(&Handle::Step(task))
                {
                    self.ready.push(first_step);
                }
                continue;
            }
            any_done = true;
            if !inline {
                self.ready.push(Handle::GatherChild { gather, child });
            }
        }
        first_steps.clear();
        self.scratch.first_steps = first_steps;
        self.gathers.push(Gather {
            future,
            children,
            distinct,
            counted: 0,
            return_exceptions,
            cancel_requested: false,
            is_open: false,
            asks_children: false,
        });
        self.recorder.record(What::Gathered { future, by, children: distinct });
        self.record_children(future, children);
        if distinct == 0 {
            self.finish_gather(gather);
        } else if inline && any_done {
            self.count_done_children(gather);
        }
        future
    }

    /// The same where tasks start at once, in parts: what a child does in its first step finds the gather told of
    /// the children before it, and of no others.
    pub(super) fn open_gather(&mut self, by: TaskId) -> u32 {
        self.gathers.push(Gather {
            future: self.tasks[by.index()].future,
            children: self.memory.new_list(),
            distinct: 0,
            counted: 0,
            return_exceptions: false,
            cancel_requested: false,
            is_open: true,
            asks_children: false,
        });
        self.gathers.len() as u32 - 1
    }

    /// An open gather has its next child. Those that are done already are its list until it is closed.
    pub(super) fn give_child(&mut self, gather: u32, child: FutureId) {
        self.touch_future(child);
        let state = &mut self.gathers[gather as usize];
        let callback = Callback::Gather(gather);
        if self.futures[child].is_done() {
            let done = self.memory.list_mut(state.children);
            if !done.contains(&Value::Handle(child)) && !self.ready.contains(&Handle::GatherChild { gather, child }) {
                done.push(Value::Handle(child));
                state.distinct += 1;
            }
        } else if !self.futures.callbacks(child).any(|other| other == callback) {
            self.futures.add_callback(child, callback);
            state.distinct += 1;
        }
    }

    /// An open gather has all its children.
    pub(super) fn close_gather(
        &mut self,
        gather: u32,
        children: ListId,
        return_exceptions: bool,
        by: TaskId,
    ) -> FutureId {
        let future = self.futures.add(Owner::Gather(gather));
        let state = &mut self.gathers[gather as usize];
        let done = std::mem::replace(&mut state.children, children);
        (state.future, state.return_exceptions, state.is_open) = (future, return_exceptions, false);
        let distinct = state.distinct;
        self.recorder.record(What::Gathered { future, by, children: distinct });
        self.record_children(future, children);
        if distinct == 0 {
            self.finish_gather(gather);
        }
        for at in 0..self.memory.list(done).len() {
            let child = self.memory.handle(done, at);
            self.count_gather_child(gather, child);
        }
        self.memory.recycle(done);
        future
    }

    /// Says who the children are: mostly they were made one after the other.
    fn record_children(&mut self, future: FutureId, children: ListId) {
        let list = self.memory.list(children);
        let next_to = |a: &Value, b: &Value| matches!((a, b), (Value::Handle(a), Value::Handle(b)) if a.0 + 1 == b.0);
        for run in list.chunk_by(next_to) {
            let Value::Handle(first) = run[0] else { unreachable!("a gather has handles") };
            self.recorder.record(What::Children { future, first, count: run.len() as u32 });
        }
    }

    /// Counts the children that are done when `gather` is called, each once.
    fn count_done_children(&mut self, gather: u32) {
        let Gather { future, children, .. } = self.gathers[gather as usize];
        for at in 0..self.memory.list(children).len() {
            let child = self.memory.handle(children, at);
            if self.futures[child].is_done() && self.futures[child].counted_by == future.0 + 1 {
                self.futures[child].counted_by = 0;
                self.count_gather_child(gather, child);
            }
        }
    }

    /// A child is done: gather's callback.
    pub(super) fn count_gather_child(&mut self, gather: u32, child: FutureId) {
        let state = &mut self.gathers[gather as usize];
        state.counted += 1;
        let state = *state;
        let count = Object::Countdown { is_wait: false, number: gather };
        self.watch_count(count);
        self.touch(Object::Future(child), Access::Looks);
        if state.is_open || self.futures[state.future].is_done() {
            return;
        }
        if !state.return_exceptions {
            match self.futures[child].result {
                future::Result::Cancelled => {
                    self.touch(count, Access::Changes);
                    let error = self.take_cancelled_error(child);
                    return self.fail_gather(state.future, error);
                }
                future::Result::Failed(error) => {
                    self.touch(count, Access::Changes);
                    return self.fail_gather(state.future, error);
                }
                _ => {}
            }
        }
        if state.counted == state.distinct {
            self.watch_full(count);
            self.finish_gather(gather);
        }
    }

    /// Every child is done. A gather that was cancelled says so even if all its children went on regardless.
    fn finish_gather(&mut self, gather: u32) {
        let Gather { future, children, cancel_requested, .. } = self.gathers[gather as usize];
        let count = self.memory.list(children).len();
        if cancel_requested {
            let last = self.memory.handle(children, count - 1);
            let error = self.take_cancelled_error(last);
            return self.fail_gather(future, error);
        }
        let results = self.memory.new_list();
        self.memory.charge_items(count);
        for at in 0..count {
            let child = self.memory.handle(children, at);
            let entry = self.entry(child);
            self.memory.list_mut(results).push(entry);
        }
        self.recorder.record(What::GatherFinished { future });
        self.futures[future].result = future::Result::Finished(Value::List(results));
        self.tell(future);
    }

    /// What a child contributes to the results. A cancelled one's message is the future's own, or empty, and is not
    /// taken out of it.
    fn entry(&mut self, child: FutureId) -> Value {
        match self.futures[child].result {
            future::Result::Finished(value) => value,
            future::Result::Failed(error) => Value::Error(error),
            future::Result::Cancelled | future::Result::Pending => {
                let kept = self.futures[child].cancel_message;
                let message = match self.program.profile.messages {
                    Messages::None => None,
                    _ => Some(kept.unwrap_or_else(|| self.memory.texts().intern(""))),
                };
                Value::Error(Error::cancelled(message))
            }
        }
    }

    fn fail_gather(&mut self, future: FutureId, error: Error) {
        self.recorder.record(What::GatherFailed { future, error });
        self.futures[future].result = future::Result::Failed(error);
        self.tell(future);
    }

    /// `cancel()` on what `gather` returned: accepted if any child accepts.
    pub(super) fn cancel_gather(
        &mut self,
        gather: u32,
        by: Requester,
        message: Option<TextId>,
        depth: u32,
    ) -> Result<bool, TooDeep> {
        let Gather { future, children, asks_children, .. } = self.gathers[gather as usize];
        if asks_children {
            return Err(TooDeep);
        }
        if self.futures[future].is_done() {
            let since = self.futures[future].done_since;
            self.recorder.record(What::GatherCancelRefused { future, by, since });
            return Ok(false);
        }
        self.recorder.record(What::GatherCancelRequested { future, by, message });
        self.gathers[gather as usize].asks_children = true;
        let mut any = Ok(false);
        for at in 0..self.memory.list(children).len() {
            let child = self.memory.handle(children, at);
            match self.cancel_nested(child, by, message, depth + 1) {
                Ok(accepted) => any = any.map(|any| any | accepted),
                Err(too_deep) => {
                    any = Err(too_deep);
                    break;
                }
            }
        }
        let state = &mut self.gathers[gather as usize];
        state.asks_children = false;
        state.cancel_requested |= matches!(any, Ok(true));
        any
    }
}
