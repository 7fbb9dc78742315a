//! What a body awaits and what it makes tasks of.
//!
//! Knows nothing of how a machine makes one.

use crate::id::{FutureId, ListId};
use crate::machine::{Access, Object};

use super::super::effects::{Effects, FutureState, Next};
use super::super::memory::{Found, Progress, Source};
use super::super::{Error, ErrorType, ExprId, Op, Value};
use super::{DEEPEST_CALL, Flow, Run, SPENT, STARTED_TWICE};

impl<R: Effects> Run<'_, R> {
    pub(super) fn await_value(&mut self, op: &Op, what: ExprId) -> Result<Flow, Error> {
        let awaited = self.eval(what)?;
        self.looks_at(awaited);
        match awaited {
            // Awaiting something done takes no turn, and cannot be cancelled.
            Value::Handle(future) if self.rt.state(future) != FutureState::Pending => {
                let value = self.taken(future)?;
                self.bind_input(op, value);
                Ok(Flow::On)
            }
            Value::Handle(future) => Ok(Flow::Out(Next::Await(future))),
            Value::Coroutine(_) | Value::Call(_) if self.is_deepest() => {
                Err(self.error(ErrorType::RECURSION_ERROR, "maximum recursion depth exceeded"))
            }
            Value::Call(instance) => Ok(Flow::Out(Next::Call(instance, Source::Call))),
            Value::Coroutine(instance) => match self.rt.memory().start_object(instance) {
                Progress::Unstarted => Ok(Flow::Out(Next::Call(instance, Source::Object))),
                Progress::Started => Err(self.error(ErrorType::RUNTIME_ERROR, STARTED_TWICE)),
                Progress::Ended => Err(self.error(ErrorType::RUNTIME_ERROR, SPENT)),
            },
            _ => Err(self.error(ErrorType::TYPE_ERROR, "this can't be used in 'await' expression")),
        }
    }

    /// Notes that something depends on what this value names.
    pub(super) fn looks_at(&mut self, value: Value) {
        match value {
            Value::Handle(future) => self.rt.touch(Object::Future(future), Access::Looks),
            Value::Coroutine(instance) => self.rt.touch(Object::Instance(instance), Access::Changes),
            _ => {}
        }
    }

    fn is_deepest(&self) -> bool {
        self.rt.memory_ref().depth(self.frame) >= DEEPEST_CALL
    }

    /// Makes a task of a coroutine; a handle stays what it is.
    pub(super) fn start(&mut self, value: Value) -> Result<FutureId, Error> {
        self.task_of(value, Found::ByName)
    }

    /// The same, but only whoever makes the task has it.
    pub(super) fn start_unfound(&mut self, value: Value) -> Result<FutureId, Error> {
        self.task_of(value, Found::ByNobody)
    }

    fn task_of(&mut self, value: Value, found: Found) -> Result<FutureId, Error> {
        self.looks_at(value);
        match value {
            Value::Handle(future) => Ok(future),
            Value::Call(_) | Value::Coroutine(_) if self.rt.is_deepest_start() => {
                Err(self.error(ErrorType::RECURSION_ERROR, "maximum recursion depth exceeded"))
            }
            Value::Call(instance) => self.rt.spawn(instance, Source::Call, found),
            Value::Coroutine(instance) => match self.rt.memory().start_object(instance) {
                Progress::Unstarted => self.rt.spawn(instance, Source::Object, found),
                Progress::Started => Err(self.error(ErrorType::RUNTIME_ERROR, STARTED_TWICE)),
                Progress::Ended => self.rt.spawn(instance, Source::Spent, found),
            },
            _ => Err(self.error(ErrorType::TYPE_ERROR, "a coroutine was expected")),
        }
    }

    /// `create_task`, which takes no task.
    pub(super) fn start_new(&mut self, value: Value) -> Result<FutureId, Error> {
        if let Value::Handle(_) = value {
            return Err(self.error(ErrorType::TYPE_ERROR, "a coroutine was expected"));
        }
        self.start(value)
    }

    /// A list with a task for each item of one that may still grow.
    pub(super) fn each_started(
        &mut self,
        list: ListId,
        start: impl Fn(&mut Self, Value) -> Result<FutureId, Error>,
    ) -> Result<Value, Error> {
        let started = self.rt.memory().new_list();
        let count = self.rt.memory_ref().list(list).len();
        self.rt.memory().charge_items(count);
        let mut at = 0;
        while let Some(&one) = self.rt.memory_ref().list(list).get(at) {
            let task = start(self, one)?;
            self.rt.memory().list_mut(started).push(Value::Handle(task));
            at += 1;
        }
        Ok(Value::List(started))
    }

    /// Makes a task of a coroutine, for a task group.
    pub(super) fn start_in(&mut self, group: u32, value: Value) -> Result<FutureId, Error> {
        if let Some(why) = self.rt.group_refusal(group) {
            return Err(self.error(ErrorType::RUNTIME_ERROR, &why));
        }
        let task = self.start_new(value)?;
        self.rt.add_to_group(group, task);
        Ok(task)
    }

    /// A new list with a task for each coroutine of `list`, and how many tasks that made; the same coroutine object
    /// twice is the same task. An open gather is given each as soon as it is there.
    pub(super) fn start_all(&mut self, list: ListId, open: Option<u32>) -> Result<(ListId, u32), Error> {
        let memory = self.rt.memory();
        let started = memory.new_list();
        let count = memory.list(list).len();
        memory.charge_items(count);
        let mut handles = std::mem::take(memory.list_mut(started));
        handles.reserve(count);
        let mut new = 0;
        // What starts at once may change the list.
        let list = if self.program.eager_tasks { self.rt.memory().copy_of(list) } else { list };
        for at in 0..count {
            let items = self.rt.memory_ref().list(list);
            let item = items[at];
            self.looks_at(item);
            let items = self.rt.memory_ref().list(list);
            let handle = match item {
                Value::Handle(_) => item,
                // One that has not been started is not further up: nothing needs to be looked for.
                Value::Coroutine(instance)
                    if self.rt.memory_ref().is_started(instance)
                        && let Some(earlier) = items[..at].iter().position(|&earlier| earlier == item) =>
                {
                    handles[earlier]
                }
                _ => {
                    new += 1;
                    Value::Handle(self.start(item)?)
                }
            };
            if let (Some(gather), Value::Handle(child)) = (open, handle) {
                self.rt.give_child(gather, child);
            }
            handles.push(handle);
        }
        *self.rt.memory().list_mut(started) = handles;
        Ok((started, new))
    }

    /// What `wait` waits for, as handles.
    pub(super) fn wait_set(&mut self, list: ListId) -> Result<ListId, Error> {
        let takes_coroutines = self.program.profile.wait_takes_coroutines;
        if self.rt.memory_ref().list(list).is_empty() {
            let kind = if takes_coroutines { "coroutines" } else { "Tasks" };
            return Err(self.error(ErrorType::VALUE_ERROR, &format!("Set of {kind}/Futures is empty.")));
        }
        let all_handles = self.rt.memory_ref().list(list).iter().all(|item| matches!(item, Value::Handle(_)));
        if !all_handles && !takes_coroutines {
            let message = "Passing coroutines is forbidden, use tasks explicitly.";
            return Err(self.error(ErrorType::TYPE_ERROR, message));
        }
        Ok(self.start_all(list, None)?.0)
    }
}
