//! What a running body asks of the loop: the loop, the answers, and the task that runs.
//!
//! Knows nothing of turns; all of this happens at once.

use super::{EventLoop, Owner};
use crate::choice::{Choices, Question};
use crate::id::{FutureId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::machine::{Access, Object};
use crate::program::{Effects, Error, Found, FutureState, Inquiry, Memory, Op, Source, Value};
use crate::time::Time;
use crate::trace::{Requester, What};

pub(super) struct Running<'a, 'p, C: ?Sized> {
    pub(super) event_loop: &'a mut EventLoop<'p>,
    pub(super) choices: &'a mut C,
    pub(super) task: TaskId,
}

impl<C: Choices + ?Sized> Effects for Running<'_, '_, C> {
    fn memory(&mut self) -> &mut Memory {
        &mut self.event_loop.memory
    }

    fn memory_ref(&self) -> &Memory {
        &self.event_loop.memory
    }

    fn current(&self) -> TaskId {
        self.task
    }

    fn current_future(&self) -> FutureId {
        self.event_loop.tasks[self.task.index()].future
    }

    fn now(&self) -> Time {
        self.event_loop.now
    }

    #[inline(always)]
    fn record(&mut self, what: What) {
        self.event_loop.recorder.record(what);
    }

    fn ask(&mut self, question: &Question<'_>) -> u64 {
        self.event_loop.ask(self.choices, question)
    }

    fn touch_op(&mut self, op: &Op) {
        if self.event_loop.is_watched() {
            self.event_loop.touch_op(op);
        }
    }

    fn touch(&mut self, object: Object, access: Access) {
        self.event_loop.touch(object, access);
    }

    fn spawn(&mut self, instance: InstanceId, source: Source, found: Found) -> Result<FutureId, Error> {
        self.touch(Object::Numbers, Access::Changes);
        self.touch(Object::Instance(instance), Access::Changes);
        let future = self.event_loop.create_task(instance, source, found, self.task);
        if self.event_loop.program.eager_tasks {
            let started = self.event_loop.start_at_once(future, self.choices);
            started.map_err(|error| self.event_loop.raised(self.task, error))?;
        }
        Ok(future)
    }

    fn is_deepest_start(&self) -> bool {
        self.event_loop.is_deepest_start()
    }

    #[inline(always)]
    fn cancel(&mut self, future: FutureId, message: Option<TextId>) -> Result<bool, Error> {
        let task = self.task;
        let accepted = self.event_loop.cancel_as_python(future, Requester::Task(task), message);
        accepted.map_err(|error| self.event_loop.raised(task, error))
    }

    fn cancel_all(&mut self, message: Option<TextId>) -> Result<(), Error> {
        let (others, order) = self.event_loop.unfinished(Some(self.task), self.choices);
        for at in 0..self.memory_ref().list(others).len() {
            let other = self.memory_ref().handle(others, at);
            let before = self.event_loop.watch_item(order.number, order.item(other));
            let asked = self.cancel(other, message);
            if asked.is_err() {
                self.event_loop.watch_broken_off(&order);
            }
            asked?;
            self.event_loop.watch_item_done(before);
        }
        Ok(())
    }

    fn open_gather(&mut self) -> Option<u32> {
        self.event_loop.program.eager_tasks.then(|| self.event_loop.open_gather(self.task))
    }

    fn give_child(&mut self, gather: u32, child: FutureId) {
        self.event_loop.give_child(gather, child);
    }

    fn gather(&mut self, open: Option<u32>, children: ListId, new: u32, return_exceptions: bool) -> FutureId {
        self.touch(Object::Numbers, Access::Changes);
        if let Some(gather) = open {
            return self.event_loop.close_gather(gather, children, return_exceptions, self.task);
        }
        self.event_loop.begin_gather(children, new, return_exceptions, self.task)
    }

    fn state(&self, future: FutureId) -> FutureState {
        self.event_loop.futures[future].state()
    }

    fn result(&mut self, future: FutureId) -> Result<Value, Error> {
        self.event_loop.take_result(future)
    }

    fn exception(&mut self, future: FutureId) -> Result<Value, Error> {
        self.event_loop.take_exception(future)
    }

    fn order_set(&mut self, list: ListId) {
        self.touch(Object::Everything, Access::Changes);
        self.event_loop.order_set(list, self.task, self.choices);
    }

    fn instance_of(&self, future: FutureId) -> Option<InstanceId> {
        match self.event_loop.futures[future].owner {
            Owner::Task(task) => Some(self.event_loop.tasks[task.index()].instance),
            _ => None,
        }
    }

    fn cancelling(&self, future: FutureId) -> Option<u32> {
        match self.event_loop.futures[future].owner {
            Owner::Task(task) => Some(self.event_loop.tasks[task.index()].cancels),
            _ => None,
        }
    }

    fn expired(&mut self, timeout: u32) -> bool {
        self.touch(Object::Deadline(timeout), Access::Looks);
        self.event_loop.is_expired(timeout)
    }

    fn call_off(&mut self, callback: u32) {
        self.event_loop.call_off(callback);
    }

    fn is_called_off(&mut self, callback: u32) -> bool {
        self.touch(Object::Deadline(callback), Access::Looks);
        self.event_loop.is_called_off(callback)
    }

    fn completions_left(&self, iterator: u32) -> u32 {
        self.event_loop.completions_left(iterator)
    }

    fn group_refusal(&mut self, group: u32) -> Option<String> {
        self.touch(Object::Group(group), Access::Looks);
        self.event_loop.group_refusal(group)
    }

    fn add_to_group(&mut self, group: u32, task: FutureId) {
        self.event_loop.add_to_group(group, task, self.choices);
    }

    fn inquire(&mut self, object: ObjectId, inquiry: Inquiry) -> Value {
        self.touch(Object::Synchronizer(object), Access::Looks);
        self.event_loop.inquire(object, inquiry)
    }
}
