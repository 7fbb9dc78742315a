//! Where real futures were suspended: the chain of awaits, from the task's own code down to what it waited in.
//!
//! Knows nothing of how any of it was found out.

use std::collections::BTreeMap;

use crate::id::TaskId;

/// A line of code that awaits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// The function, without its module: `upload`, or `Semaphore::acquire`. Empty if the build does not tell.
    pub function: String,
    /// The file, relative to the package where it can be.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if it is not known.
    pub column: u32,
    /// Whether the file belongs to the package under test, not to one of its dependencies.
    pub is_own: bool,
}

/// The awaits at which the tasks of one run were suspended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sites {
    /// By task, and by how often it had been polled.
    places: BTreeMap<(TaskId, u32), Vec<Frame>>,
    /// By number, where a future waited that was dropped there.
    dropped: BTreeMap<u32, Vec<Frame>>,
    /// Who was handed a lock and keeps it.
    dormant: Vec<Dormant>,
    /// Where another thread has woken somebody.
    outside: Vec<Vec<Frame>>,
    /// Who has made a task that is the runtime's alone, and how often it had been polled before.
    strays: Vec<(TaskId, u32)>,
}

/// A future that was handed a lock and has not given it on: its task does not poll it any more, or holds the lock itself,
/// and waits for a lock where it waited before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dormant {
    /// Whose it is.
    pub task: TaskId,
    /// Where it waits, the outermost await first.
    pub chain: Vec<Frame>,
    /// Who has woken it; nobody if it was the clock.
    pub woken_by: Option<TaskId>,
}

impl Sites {
    /// A task, polled so often, was suspended here: the outermost await first.
    pub fn add(&mut self, task: TaskId, polls: u32, chain: Vec<Frame>) {
        self.places.entry((task, polls)).or_insert(chain);
    }

    /// Where a task was suspended that had been polled so often, and that was not polled in vain since.
    pub fn at(&self, task: TaskId, polls: u32) -> Option<&[Frame]> {
        let (_, chain) = self.places.range((task, 0)..=(task, polls)).next_back()?;
        Some(chain)
    }

    /// A future that waited here was dropped: the outermost await first.
    pub fn add_dropped(&mut self, place: u32, chain: Vec<Frame>) {
        self.dropped.insert(place, chain);
    }

    /// Where a future waited that was dropped there, by its number; nothing if that is not to be told: the task went on to wait
    /// there with another one.
    pub fn dropped(&self, place: u32) -> Option<&[Frame]> {
        self.dropped.get(&place).map(Vec::as_slice)
    }

    /// A lock is handed to a future that keeps it.
    pub fn add_dormant(&mut self, dormant: Dormant) {
        self.dormant.push(dormant);
    }

    /// The futures that were handed a lock, of tasks that have not gone on since.
    pub fn dormant(&self) -> &[Dormant] {
        &self.dormant
    }

    /// Another thread has woken a task that waited here.
    pub fn add_outside(&mut self, chain: Vec<Frame>) {
        if !self.outside.contains(&chain) {
            self.outside.push(chain);
        }
    }

    /// Where tasks waited that another thread has woken.
    pub fn outside(&self) -> &[Vec<Frame>] {
        &self.outside
    }

    /// A task that had been polled so often has made one that is the runtime's alone.
    pub fn add_stray(&mut self, task: TaskId, polls: u32) {
        self.strays.push((task, polls));
    }

    /// Between which two places a task was that has made one that is the runtime's alone: nothing before its first poll, and
    /// nothing where it ended.
    pub fn strays(&self) -> impl Iterator<Item = [Option<&[Frame]>; 2]> {
        let place = |task, polls| self.places.get(&(task, polls)).map(Vec::as_slice);
        self.strays.iter().map(move |&(task, polls)| [place(task, polls), place(task, polls + 1)])
    }

    /// Every place, by task and number of polls.
    pub fn iter(&self) -> impl Iterator<Item = (TaskId, u32, &[Frame])> {
        self.places.iter().map(|(&(task, polls), chain)| (task, polls, chain.as_slice()))
    }
}

impl Frame {
    /// `src/upload.rs:57:20`
    pub fn place(&self) -> String {
        self.place_in(&self.file)
    }

    /// `upload.rs:57:20`
    pub fn short_place(&self) -> String {
        self.place_in(self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file))
    }

    /// `src/upload.rs:57:20 in upload`
    pub fn place_and_function(&self) -> String {
        if self.function.is_empty() { self.place() } else { format!("{} in {}", self.place(), self.function) }
    }

    fn place_in(&self, file: &str) -> String {
        match self.column {
            0 => format!("{file}:{}", self.line),
            column => format!("{file}:{}:{column}", self.line),
        }
    }
}
