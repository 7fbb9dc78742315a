//! Who is there, and who waits for whom: a fold over the events.
//!
//! Future numbers are given out in creation order, to tasks, gathers and shields alike, so what a number stands for follows from
//! the events up to there. What a call of `wait` waits for is told only when nothing can go on any more.
//!
//! Knows nothing of why anybody waits, or of whether it is wrong.

use std::ops::Range;

use super::{Trace, What};
use crate::id::{FutureId, InstanceId, ObjectId, TaskId};
use crate::reuse::clone_in_place;

/// The tasks and gathers of a run, as far as the events have told.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Waits {
    futures: Vec<Future>,
    tasks: Vec<Task>,
    /// Gathers with some of their children each, and shields with what they shield: one by one, in the order in which they were made.
    families: Vec<(FutureId, Range<u32>)>,
    /// For whom else tasks wait when nothing can go on any more.
    lacks: Vec<(TaskId, FutureId)>,
    gathers: u32,
    shields: u32,
}

/// Whose future it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A task's.
    Task(TaskId),
    /// A gather's: the how manieth of the run, from 1.
    Gather(u32),
    /// A shield's: the how manieth of the run, from 1. What it shields is its only child.
    Shield(u32),
    /// Nobody's: the file declares it.
    Declared(ObjectId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Future {
    owner: Owner,
    is_done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Task {
    future: FutureId,
    instance: InstanceId,
    awaits: Option<FutureId>,
}

clone_in_place!(Waits { futures, tasks, families, lacks, gathers, shields });

impl Default for Waits {
    /// Main alone.
    fn default() -> Waits {
        let mut new = Waits {
            futures: Vec::new(),
            tasks: Vec::new(),
            families: Vec::new(),
            lacks: Vec::new(),
            gathers: 0,
            shields: 0,
        };
        new.reset();
        new
    }
}

impl Waits {
    /// Back to main alone, in the same memory.
    pub fn reset(&mut self) {
        self.futures.clear();
        self.tasks.clear();
        self.families.clear();
        self.lacks.clear();
        (self.gathers, self.shields) = (0, 0);
        self.add_task(InstanceId::MAIN);
    }

    fn add_task(&mut self, instance: InstanceId) {
        let (task, future) = (TaskId(self.tasks.len() as u32), FutureId(self.futures.len() as u32));
        self.futures.push(Future { owner: Owner::Task(task), is_done: false });
        self.tasks.push(Task { future, instance, awaits: None });
    }

    /// Takes one more event in.
    pub fn see(&mut self, what: What) {
        match what {
            What::Created { task, instance, .. } if task != TaskId::MAIN => self.add_task(instance),
            What::Gathered { .. } => {
                self.gathers += 1;
                self.futures.push(Future { owner: Owner::Gather(self.gathers), is_done: false });
            }
            What::Declared { object, .. } => {
                self.futures.push(Future { owner: Owner::Declared(object), is_done: false });
            }
            What::Shielded { future, inner, .. } => {
                self.shields += 1;
                self.futures.push(Future { owner: Owner::Shield(self.shields), is_done: false });
                self.families.push((future, inner.0..inner.0 + 1));
            }
            What::Children { future, first, count } => self.families.push((future, first.0..first.0 + count)),
            What::Lacks { task, future } => self.lacks.push((task, future)),
            What::Awaited { task, future } | What::WaitingFor { task, future, .. } => {
                self.tasks[task.index()].awaits = Some(future)
            }
            What::Resumed { task, .. } | What::CancelDelivered { task, .. } => self.tasks[task.index()].awaits = None,
            What::Finished { task, .. } | What::Failed { task, .. } | What::Cancelled { task, .. } => {
                let Task { future, awaits, .. } = &mut self.tasks[task.index()];
                *awaits = None;
                self.futures[future.index()].is_done = true;
            }
            // Nothing runs behind these, so they are done at once.
            What::GatherCancelRequested { future, .. } if !matches!(self.owner(future), Owner::Gather(_)) => {
                self.futures[future.index()].is_done = true;
            }
            What::GatherFinished { future } | What::GatherFailed { future, .. } => {
                self.futures[future.index()].is_done = true;
            }
            _ => {}
        }
    }

    /// How many tasks there have been, main counted.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// How many futures there have been.
    pub fn futures(&self) -> usize {
        self.futures.len()
    }

    /// Every task that has not ended, in creation order.
    pub fn unfinished(&self) -> impl Iterator<Item = TaskId> {
        (0..self.tasks.len() as u32).map(TaskId).filter(|&task| !self.is_done(self.future_of(task)))
    }

    /// The coroutine that a task was made of.
    pub fn instance_of(&self, task: TaskId) -> InstanceId {
        self.tasks[task.index()].instance
    }

    /// A task's own future.
    pub fn future_of(&self, task: TaskId) -> FutureId {
        self.tasks[task.index()].future
    }

    /// Whose future it is.
    pub fn owner(&self, future: FutureId) -> Owner {
        self.futures[future.index()].owner
    }

    /// Whether a future is done.
    pub fn is_done(&self, future: FutureId) -> bool {
        self.futures[future.index()].is_done
    }

    /// The future that a task awaits. It may be done already: then the task has been woken and has not run yet.
    pub fn awaited_by(&self, task: TaskId) -> Option<FutureId> {
        self.tasks[task.index()].awaits
    }

    /// The children of a gather, those counted that it was given twice.
    pub fn children(&self, gather: FutureId) -> impl DoubleEndedIterator<Item = FutureId> {
        let from = self.families.partition_point(|(other, _)| *other < gather);
        let to = self.families.partition_point(|(other, _)| *other <= gather);
        self.families[from..to].iter().flat_map(|(_, children)| children.clone().map(FutureId))
    }

    /// The first circle of those who wait for each other, from the first task in it; empty if there is none.
    pub fn cycle(&self) -> Vec<Owner> {
        let mut seen = vec![false; self.futures.len()];
        let mut is_on_way = vec![false; self.futures.len()];
        for start in self.unfinished().map(|task| self.future_of(task)) {
            if std::mem::replace(&mut seen[start.index()], true) {
                continue;
            }
            is_on_way[start.index()] = true;
            // The way from `start`: each future, and what of that for which it waits has not been gone to.
            let mut way = Vec::from([(start, self.waited_for(start))]);
            while let Some((here, ahead)) = way.last_mut() {
                let Some(next) = ahead.pop() else {
                    is_on_way[here.index()] = false;
                    way.pop();
                    continue;
                };
                if is_on_way[next.index()] {
                    let from = way.iter().position(|(other, _)| *other == next).unwrap_or(0);
                    return self.beginning_with_first_task(&way[from..]);
                }
                if !std::mem::replace(&mut seen[next.index()], true) {
                    is_on_way[next.index()] = true;
                    way.push((next, self.waited_for(next)));
                }
            }
        }
        Vec::new()
    }

    /// Who has not ended and waits for no task: at the end of a run in which nothing can go on, those on whom the others hang.
    pub fn stuck(&self) -> impl Iterator<Item = TaskId> {
        let hangs_on_others = |task: TaskId| {
            self.waited_for(self.future_of(task)).iter().any(|&it| !matches!(self.owner(it), Owner::Declared(_)))
        };
        self.unfinished().filter(move |&task| !hangs_on_others(task))
    }

    /// The futures that have to be done before this one, the first to be gone to last.
    fn waited_for(&self, future: FutureId) -> Vec<FutureId> {
        let pending = |future: &FutureId| !self.is_done(*future);
        match self.owner(future) {
            Owner::Task(task) => {
                let lacked = lacked_by(&self.lacks, task);
                self.awaited_by(task).into_iter().chain(lacked).filter(pending).rev().collect()
            }
            Owner::Declared(_) => Vec::new(),
            Owner::Gather(_) | Owner::Shield(_) => self.children(future).filter(pending).rev().collect(),
        }
    }

    fn beginning_with_first_task(&self, circle: &[(FutureId, Vec<FutureId>)]) -> Vec<Owner> {
        let mut owners: Vec<Owner> = circle.iter().map(|(future, _)| self.owner(*future)).collect();
        // Tasks are less than gathers, and somebody has to await a gather.
        let first = (0..owners.len()).min_by_key(|&at| owners[at]).unwrap_or(0);
        owners.rotate_left(first);
        owners
    }
}

/// For whom a task waits, of what is recorded in the order of the tasks when nothing can go on any more.
pub(crate) fn lacked_by(lacks: &[(TaskId, FutureId)], task: TaskId) -> impl DoubleEndedIterator<Item = FutureId> {
    let from = lacks.partition_point(|(other, _)| *other < task);
    let to = lacks.partition_point(|(other, _)| *other <= task);
    lacks[from..to].iter().map(|(_, future)| *future)
}

impl Trace {
    /// Who has not ended at the end of the run and waits for no task.
    pub fn stuck(&self) -> Vec<TaskId> {
        self.waits().stuck().collect()
    }

    fn waits(&self) -> Waits {
        let mut waits = Waits::default();
        self.iter().for_each(|moment| waits.see(moment.what));
        waits
    }

    /// The first circle of those who wait for each other at the end of the run, from the first task in it; empty if there is
    /// none.
    pub fn cycle(&self) -> Vec<Owner> {
        self.waits().cycle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: TaskId = TaskId::MAIN;

    fn circle(events: &[What]) -> Vec<Owner> {
        let mut waits = Waits::default();
        events.iter().for_each(|&what| waits.see(what));
        waits.cycle()
    }

    fn created(task: u32) -> What {
        What::Created { task: TaskId(task), by: MAIN, instance: InstanceId(task) }
    }

    fn awaited(task: u32, future: u32) -> What {
        What::Awaited { task: TaskId(task), future: FutureId(future) }
    }

    #[test]
    fn tasks_that_await_each_other_are_a_circle_and_who_awaits_them_is_not_in_it() {
        let chain = [created(1), created(2), created(3), awaited(0, 3), awaited(3, 2), awaited(2, 1)];
        assert_eq!(circle(&chain), []);
        let closed = [&chain[..], &[awaited(1, 3)]].concat();
        assert_eq!(circle(&closed), [1, 3, 2].map(|task| Owner::Task(TaskId(task))));
    }

    #[test]
    fn stuck_is_who_waits_for_no_task() {
        let lacks = |task, future| What::Lacks { task: TaskId(task), future: FutureId(future) };
        let mut waits = Waits::default();
        let events = [created(1), created(2), created(3), awaited(1, 2), lacks(0, 1), lacks(0, 3)];
        events.iter().for_each(|&what| waits.see(what));
        assert_eq!(waits.stuck().collect::<Vec<_>>(), [2, 3].map(TaskId));
        let closed = [&events[..], &[lacks(2, 1), lacks(2, 3)]].concat();
        assert_eq!(circle(&closed), [1, 2].map(|task| Owner::Task(TaskId(task))));
    }

    #[test]
    fn a_circle_may_go_through_a_gather() {
        let gather = FutureId(3);
        let events = [
            created(1),
            created(2),
            What::Gathered { future: gather, by: TaskId(2), children: 2 },
            What::Children { future: gather, first: FutureId(0), count: 2 },
            awaited(2, 3),
            awaited(1, 2),
        ];
        assert_eq!(circle(&events), [Owner::Task(TaskId(1)), Owner::Task(TaskId(2)), Owner::Gather(1)]);
        let done = [&events[..], &[What::GatherFinished { future: gather }]].concat();
        assert_eq!(circle(&done), []);
    }
}
