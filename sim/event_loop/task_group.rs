//! `TaskGroup`: tasks that its block waits for on the way out. The first one that fails has the others cancelled, and the
//! block too if it still runs; what has failed is raised together, as an exception group.
//!
//! Knows nothing of what the tasks do.

use super::cancel::TooDeep;
use super::library::Call;
use super::object::Waiter;
use super::task::{Progress, WaitsFor};
use super::{Callback, EventLoop, future};
use crate::choice::Choices;
use crate::id::{FutureId, ListId, TaskId};
use crate::machine::{Access, Object};
use crate::program::{Error, ErrorType, TaskGroups, Value};
use crate::trace::{Requester, What};

/// A task group that was entered.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Group {
    parent: TaskId,
    is_exiting: bool,
    is_aborting: bool,
    has_cancelled_parent: bool,
    /// Its tasks in creation order, at least those whose end it has not noted, and how many these are. In the place of
    /// another one stands its number.
    tasks: ListId,
    left: u32,
    /// What has failed, in the order in which that was noted.
    errors: ListId,
    /// The first of it that leaves the loop, or such an error of the block's: then the group raises that alone.
    alone: Option<Error>,
    /// The parent, where it waits for the last task.
    on_completed: Option<Waiter>,
}

/// A parent on its way out of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leaving {
    group: u32,
    /// With what the block has ended.
    error: Option<Error>,
    /// The cancellation that is raised if nothing has failed.
    propagate: Option<Error>,
    /// Whether that is the newest thing that has been raised in the task: then raising it is no news.
    is_newest: bool,
}

impl Group {
    /// Its tasks, at least those whose end it has not noted.
    pub(super) fn tasks(&self) -> ListId {
        self.tasks
    }
}

impl Leaving {
    /// The number of the group.
    pub(super) fn group(&self) -> usize {
        self.group as usize
    }
}

impl EventLoop<'_> {
    pub(super) fn enter_group(&mut self, parent: TaskId) -> Value {
        let (tasks, errors) = (self.memory.new_list(), self.memory.new_list());
        self.groups.push(Group {
            parent,
            is_exiting: false,
            is_aborting: false,
            has_cancelled_parent: false,
            tasks,
            left: 0,
            errors,
            alone: None,
            on_completed: None,
        });
        Value::TaskGroup(self.groups.len() as u32 - 1)
    }

    /// Why the group takes no more tasks, if it does not: in asyncio's words, with what it shows of a group in them.
    pub(super) fn group_refusal(&self, group: u32) -> Option<String> {
        let group = &self.groups[group as usize];
        let why = match group {
            Group { is_exiting: true, left: 0, .. } => "is finished",
            Group { is_aborting: true, .. } => "is shutting down",
            _ => return None,
        };
        let counts = [("tasks", group.left as usize), ("errors", self.memory.list(group.errors).len())];
        let counts = counts.into_iter().filter(|&(_, count)| count > 0);
        let counts: String = counts.map(|(what, count)| format!(" {what}={count}")).collect();
        let phase = if group.is_aborting { "cancelling" } else { "entered" };
        Some(format!("TaskGroup <TaskGroup{counts} {phase}> {why}"))
    }

    /// A task was made for the group. One that has started at once may be done.
    pub(super) fn add_to_group<C: Choices + ?Sized>(&mut self, group: u32, task: FutureId, choices: &mut C) {
        self.touch_group(group);
        if self.futures[task].is_done() {
            return self.count_end(group, task, choices);
        }
        let Group { tasks, left, .. } = &mut self.groups[group as usize];
        *left += 1;
        let list = self.memory.list_mut(*tasks);
        // One that has started at once may have made others for the group by now.
        let at = list.partition_point(|&item| number(item) < task);
        list.insert(at, Value::Handle(task));
        self.add_done_callback(task, Callback::Group(group));
    }

    /// A task of the group is done: the group's callback.
    pub(super) fn group_task_done<C: Choices + ?Sized>(&mut self, group: u32, task: FutureId, choices: &mut C) {
        self.note_end(group, task);
        self.count_end(group, task, choices);
    }

    fn count_end<C: Choices + ?Sized>(&mut self, group: u32, task: FutureId, choices: &mut C) {
        self.watch_count(Object::Group(group));
        self.touch(Object::Future(task), Access::Looks);
        let Group { parent, is_aborting, has_cancelled_parent, left, errors, on_completed, .. } =
            self.groups[group as usize];
        if let Some(waiter) = on_completed.filter(|_| left == 0) {
            self.watch_full(Object::Group(group));
            self.wake(waiter);
        }
        let future::Result::Failed(error) = self.futures[task].result else { return };
        self.touch_group(group);
        self.memory.list_mut(errors).push(Value::Error(error));
        self.note_alone(group, error);
        let parent = self.tasks[parent.index()].future;
        self.touch(Object::Future(parent), Access::Looks);
        if !is_aborting && !has_cancelled_parent && !self.futures[parent].is_done() {
            if self.abort_group(group, choices).is_err() {
                // The loop's exception handler is told, and the parent is not cancelled.
                return;
            }
            self.groups[group as usize].has_cancelled_parent = true;
            // Nobody is there to be told that the recursion was too deep.
            _ = self.cancel(parent, Requester::TaskGroup, None);
        }
    }

    fn note_alone(&mut self, group: u32, error: Error) {
        let Group { alone, .. } = &mut self.groups[group as usize];
        *alone = alone.or(Some(error).filter(|error| error.ty.leaves_loop()));
    }

    /// Takes a task out of the group; out of the list only together with as many others as stay.
    fn note_end(&mut self, group: u32, task: FutureId) {
        let Group { tasks, left, .. } = &mut self.groups[group as usize];
        let list = self.memory.list_mut(*tasks);
        let at = list.partition_point(|&item| number(item) < task);
        list[at] = Value::Int(i64::from(task.0));
        *left -= 1;
        if list.len() >= 2 * *left as usize {
            list.retain(|item| matches!(item, Value::Handle(_)));
        }
    }

    /// Cancels every task of the group that is not done. They are a set, so in any order. Whoever calls this fails with
    /// what comes out of a cancel that goes in a circle, and nobody after that one is cancelled.
    fn abort_group<C: Choices + ?Sized>(&mut self, group: u32, choices: &mut C) -> Result<(), TooDeep> {
        let Group { parent, tasks, .. } = self.groups[group as usize];
        self.groups[group as usize].is_aborting = true;
        let victims = self.memory.new_list();
        for at in 0..self.memory.list(tasks).len() {
            let victim = self.memory.list(tasks)[at];
            if let Value::Handle(_) = victim {
                self.memory.list_mut(victims).push(victim);
            }
        }
        let order = self.order_walk(victims, parent, choices);
        let mut aborted = Ok(());
        for at in 0..self.memory.list(victims).len() {
            let victim = self.memory.handle(victims, at);
            let before = self.watch_item(order.number, order.item(victim));
            self.touch(Object::Future(victim), Access::Looks);
            if aborted.is_ok() && !self.futures[victim].is_done() {
                aborted = self.cancel(victim, Requester::TaskGroup, None).map(|_| ());
            }
            self.watch_item_done(before);
        }
        if aborted.is_err() {
            self.watch_broken_off(&order);
        }
        self.memory.recycle(victims);
        aborted
    }

    /// The same for the parent on its way out, in which that is raised.
    fn abort_from_within<C: Choices + ?Sized>(
        &mut self,
        task: TaskId,
        group: u32,
        choices: &mut C,
    ) -> Result<(), Error> {
        self.abort_group(group, choices).map_err(|TooDeep| {
            let error = self.python_error(ErrorType::RECURSION_ERROR, TooDeep::MESSAGE);
            self.raised(task, error)
        })
    }

    pub(super) fn leave_group<C: Choices + ?Sized>(
        &mut self,
        task: TaskId,
        group: u32,
        error: Option<Error>,
        choices: &mut C,
    ) -> Progress {
        self.touch_group(group);
        self.groups[group as usize].is_exiting = true;
        if let Some(error) = error {
            self.note_alone(group, error);
        }
        let mut propagate = error.filter(|error| error.is_cancelled());
        if self.program.profile.task_groups == TaskGroups::UncancelFirst && self.uncancel_parent(group) {
            propagate = None;
        }
        if error.is_some()
            && !self.groups[group as usize].is_aborting
            && let Err(error) = self.abort_from_within(task, group, choices)
        {
            return Some(Err(error));
        }
        self.wait_for_group(task, Leaving { group, error, propagate, is_newest: true })
    }

    pub(super) fn go_on_leaving<C: Choices + ?Sized>(
        &mut self,
        task: TaskId,
        mut leaving: Leaving,
        input: Result<Value, Error>,
        choices: &mut C,
    ) -> Progress {
        self.touch_group(leaving.group);
        self.groups[leaving.group as usize].on_completed = None;
        if let Err(error) = input {
            leaving.is_newest = false;
            if !self.groups[leaving.group as usize].is_aborting {
                leaving.propagate = Some(error);
                leaving.is_newest = true;
                if let Err(error) = self.abort_from_within(task, leaving.group, choices) {
                    return Some(Err(error));
                }
            }
        }
        self.wait_for_group(task, leaving)
    }

    /// Waits until every task is done, however often it is cancelled meanwhile.
    fn wait_for_group(&mut self, task: TaskId, leaving: Leaving) -> Progress {
        let left = self.groups[leaving.group as usize].left;
        if left == 0 {
            return Some(self.end_of_group(task, leaving));
        }
        self.groups[leaving.group as usize].on_completed = Some(self.next_waiter(task));
        self.recorder.record(What::LeavingGroup { task, left });
        self.tasks[task.index()].call = Call::Group(leaving);
        self.begin_own(task, WaitsFor::Library);
        None
    }

    fn end_of_group(&mut self, task: TaskId, leaving: Leaving) -> Result<Value, Error> {
        let Leaving { group, error, mut propagate, is_newest } = leaving;
        if let Some(alone) = self.groups[group as usize].alone {
            return Err(if is_newest && error == Some(alone) { alone } else { self.raised(task, alone) });
        }
        let is_last = self.program.profile.task_groups == TaskGroups::UncancelLast;
        if is_last && self.uncancel_parent(group) {
            propagate = None;
        }
        let errors = self.groups[group as usize].errors;
        if let Some(error) = propagate.filter(|_| self.memory.list(errors).is_empty()) {
            return Err(if is_newest { error } else { self.raised(task, error) });
        }
        if let Some(error) = error.filter(|error| !error.is_cancelled()) {
            self.memory.list_mut(errors).push(Value::Error(error));
        }
        if self.memory.list(errors).is_empty() {
            return Ok(Value::None);
        }
        if is_last && self.tasks[task.index()].cancels > 0 {
            // Cancelled from outside as well: that is raised where the parent waits next.
            self.uncancel(task);
            let future = self.tasks[task.index()].future;
            _ = self.cancel(future, Requester::TaskGroup, None);
        }
        let error = self.memory.new_error_group(&self.program.error_types, "unhandled errors in a TaskGroup", errors);
        Err(self.raised(task, error))
    }

    /// Takes the group's own request back, if there was one; whether no other is left.
    fn uncancel_parent(&mut self, group: u32) -> bool {
        let Group { parent, has_cancelled_parent, .. } = self.groups[group as usize];
        has_cancelled_parent && self.uncancel(parent) == 0
    }
}

/// The task that stands in a group's list, or has stood there.
fn number(item: Value) -> FutureId {
    match item {
        Value::Handle(task) => task,
        Value::Int(noted) => FutureId(noted as u32),
        other => unreachable!("a group has tasks, not {other:?}"),
    }
}
