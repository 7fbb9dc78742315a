//! What the tasks and futures of a run are called: a fold over its events.
//!
//! Events name tasks and futures by number. Future numbers are given out in creation order, to tasks, gathers
//! and shields alike, so what a number stands for follows from the events up to there.
//!
//! Knows nothing of what any of them does.

use super::What;
use crate::id::{FutureId, HostId, InstanceId, ObjectId, TaskId};
use crate::program::{Program, push_printable};

/// The tasks and futures that the events so far have introduced.
#[derive(Clone, Debug)]
pub struct Names<'p> {
    program: &'p Program,
    /// By number; main is there from the start.
    tasks: Vec<Task>,
    /// By number.
    futures: Vec<Whose>,
    /// How many tasks each instance has had.
    counts: Vec<u32>,
    gathers: u32,
    shields: u32,
    /// By number from 1: whose request it is, and the how manieth of that task's.
    requests: Vec<(TaskId, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Task {
    instance: InstanceId,
    /// Which task of its instance, from 1.
    ordinal: u32,
    /// How many gathers it has made.
    gathers: u32,
    /// How many shields.
    shields: u32,
}

/// Whose future it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A task's.
    Task(TaskId),
    /// A gather's.
    Gather {
        /// The how manieth of the run, from 1.
        number: u32,
        /// The how manieth of its maker, from 1.
        ordinal: u32,
        /// Who made it; main also where `run()` did.
        by: TaskId,
        /// For how many distinct children.
        children: u32,
    },
    /// A shield's.
    Shield {
        /// The how manieth of the run, from 1.
        number: u32,
        /// The how manieth of its maker, from 1.
        ordinal: u32,
        /// Who made it.
        by: TaskId,
    },
    /// Nobody's: the file declares it.
    Declared(ObjectId),
}

impl<'p> Names<'p> {
    /// Main alone.
    pub fn new(program: &'p Program) -> Names<'p> {
        let mut counts = vec![0; program.instances.len()];
        counts[InstanceId::MAIN.index()] = 1;
        let main = Task { instance: InstanceId::MAIN, ordinal: 1, gathers: 0, shields: 0 };
        let futures = vec![Whose::Task(TaskId::MAIN)];
        Names { program, tasks: vec![main], futures, counts, gathers: 0, shields: 0, requests: Vec::new() }
    }

    /// Takes one more event in.
    pub fn see(&mut self, what: What) {
        match what {
            What::Created { task, instance, .. } if task != TaskId::MAIN => {
                let count = &mut self.counts[instance.index()];
                *count += 1;
                self.tasks.push(Task { instance, ordinal: *count, gathers: 0, shields: 0 });
                self.futures.push(Whose::Task(task));
            }
            What::Gathered { future, children, by } => {
                debug_assert_eq!(future.index(), self.futures.len(), "futures are numbered in creation order");
                self.gathers += 1;
                let ordinal = self.tasks.get_mut(by.index()).map_or(0, |maker| {
                    maker.gathers += 1;
                    maker.gathers
                });
                self.futures.push(Whose::Gather { number: self.gathers, ordinal, by, children });
            }
            What::Shielded { future, by, .. } => {
                debug_assert_eq!(future.index(), self.futures.len(), "futures are numbered in creation order");
                self.shields += 1;
                let ordinal = self.tasks.get_mut(by.index()).map_or(0, |maker| {
                    maker.shields += 1;
                    maker.shields
                });
                self.futures.push(Whose::Shield { number: self.shields, ordinal, by });
            }
            What::Declared { object, .. } => self.futures.push(Whose::Declared(object)),
            What::Requested { task, .. } => {
                let before = self.requests.iter().filter(|(other, _)| *other == task).count();
                self.requests.push((task, before as u32 + 1));
            }
            _ => {}
        }
    }

    /// Whose request a connection was opened for.
    pub fn requested_by(&self, connection: u32) -> Option<TaskId> {
        Some(self.requests.get(connection.checked_sub(1)? as usize)?.0)
    }

    /// A request by whose it is: `request of worker 1`, `request 2 of worker 1`.
    pub fn request(&self, connection: u32) -> String {
        match connection.checked_sub(1).and_then(|at| self.requests.get(at as usize)) {
            Some(&(task, 1)) => format!("request of {}", self.task(task)),
            Some(&(task, ordinal)) => format!("request {ordinal} of {}", self.task(task)),
            None => format!("connection {connection}"),
        }
    }

    /// How many requests there are so far.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// What a host is called.
    pub fn host(&self, host: HostId) -> String {
        let name = self.program.network.as_ref().map(|network| network.name(host));
        name.map_or_else(|| format!("host {}", host.0), str::to_owned)
    }

    /// How many tasks there are so far, main counted.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// How many futures there are so far.
    pub fn futures(&self) -> usize {
        self.futures.len()
    }

    /// Which coroutine a task was made of.
    pub fn instance_of(&self, task: TaskId) -> Option<InstanceId> {
        self.tasks.get(task.index()).map(|task| task.instance)
    }

    /// Whose future it is; nothing for one that is not known.
    pub fn whose(&self, future: FutureId) -> Option<Whose> {
        self.futures.get(future.index()).copied()
    }

    /// A task's name; the second task of one instance is `name#2`.
    pub fn task(&self, task: TaskId) -> String {
        let Some(Task { instance, ordinal, .. }) = self.tasks.get(task.index()) else { return task.to_string() };
        let mut name = self.instance(*instance);
        if *ordinal > 1 {
            name.push_str(&format!("#{ordinal}"));
        }
        name
    }

    /// A coroutine's name.
    pub fn instance(&self, instance: InstanceId) -> String {
        let name = self.program.name(instance);
        let mut printable = String::with_capacity(name.len());
        name.chars().for_each(|c| push_printable(c, &mut printable));
        printable
    }
}
