//! What search drives: a run that goes on one step at a time, and where it can, forks and is recognised.
//!
//! Knows nothing of which machine it is.

mod footprint;

use std::hash::{Hash, Hasher};

use crate::choice::{Choices, Cut};
use crate::id::{InstanceId, TaskId};
use crate::program::Texts;
use crate::time::{Nanos, Time};
use crate::trace::{Fingerprint, Moment, Outcome, Phase, Trace};

pub use footprint::{Access, Footsteps, Object, Order, Part, Root, Touch, Watched, conflict};

/// A run in progress.
pub trait Machine {
    /// Runs one handle: the smallest thing that runs without anything else in between. Returns nothing once the run
    /// has ended.
    fn step<C: Choices + ?Sized>(&mut self, choices: &mut C) -> Option<Footprint>;

    /// How the run ended, once it has.
    fn outcome(&self) -> Option<Outcome>;

    /// What happened so far; the outcome is the run's, so it has to have ended.
    ///
    /// # Panics
    ///
    /// If the run has not ended.
    fn trace(&self) -> Trace;

    /// What [`Trace::fingerprint`] would say, without making a trace.
    ///
    /// # Panics
    ///
    /// If the run has not ended.
    fn fingerprint(&self) -> Fingerprint;

    /// A copy that goes its own way from here, if the machine can make one. Only between handles.
    fn fork(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// Equal states have equal keys, if the machine can tell. The key leaves out how many turns it took to get here.
    /// Only between handles.
    fn key(&self) -> Option<u128> {
        None
    }

    /// As [`Machine::key`], but for what may come in any order anyhow: states that differ in nothing else have the same.
    fn free_key(&self) -> Option<u128> {
        self.key()
    }

    /// About how many bytes a fork takes.
    fn size(&self) -> usize
    where
        Self: Sized,
    {
        size_of::<Self>()
    }

    /// From here on, before its first step, the machine is searched: it says what its steps touch, and asks for each cut
    /// where it comes, so that what has not been asked has not been decided.
    fn begin_search(&mut self) {}

    /// What the last step touched, if the machine is searched.
    fn watched(&mut self) -> Watched {
        let parts = vec![Part { roots: Vec::new(), touches: vec![Touch::EVERYTHING] }];
        Watched { parts, ..Watched::default() }
    }

    /// Whether nothing is ready: with the next step time moves, or the run ends.
    fn is_at_rest(&self) -> bool {
        false
    }

    /// Shows what has happened since this was asked last, and forgets it; a machine that cannot fork need not.
    fn drain(&mut self, _: &mut dyn FnMut(Moment, &Texts)) {}

    /// How long it is from now to each deadline that is set.
    fn deadlines(&self) -> Vec<Nanos> {
        Vec::new()
    }

    /// The cuts that were asked for one by one, each with the number of its entry in the program.
    fn cuts_made(&self) -> &[(Cut, usize)] {
        &[]
    }

    /// What main has come to and what the shared variables hold, once the run has ended, in one line.
    fn result(&self) -> String {
        String::new()
    }

    /// Runs to the end.
    fn run<C: Choices + ?Sized>(&mut self, choices: &mut C) -> Outcome {
        while self.step(choices).is_some() {}
        self.outcome().expect("a run that takes no more steps has ended")
    }
}

/// What one handle touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The task that ran, if the handle was one task's.
    pub task: Option<TaskId>,
}

/// A place of a run where a cut fits: somebody is there who may be cancelled and is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// By which entry of [`Program::cuts`](crate::program::Program::cuts).
    pub entry: usize,
    /// The cut itself.
    pub cut: Cut,
    /// Its victim.
    pub task: TaskId,
    /// In which phase the victim is.
    pub phase: Phase,
    /// Whose code it runs, and the operation at which it is.
    pub instance: InstanceId,
    /// As above.
    pub site: u32,
    /// How often it has run: 0 before its start.
    pub visit: u32,
    /// How many handles have run since it last did, or since it was made.
    pub age: u64,
    /// The virtual time.
    pub time: Time,
}

/// Where a run could have been cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Openings {
    /// In the order of the run.
    pub list: Vec<Opening>,
    /// How many there were; more than are listed, if there were too many.
    pub total: u64,
    /// How many handles the run had.
    pub handles: u64,
    /// By entry, how many tasks there were who may be victims.
    pub tasks: Vec<u32>,
}

impl Openings {
    /// Adds more, but lists `most` in all.
    pub fn add(&mut self, openings: &[Opening], most: usize) {
        self.total += openings.len() as u64;
        let room = most.saturating_sub(self.list.len()).min(openings.len());
        self.list.extend_from_slice(&openings[..room]);
    }
}

/// About how many bytes a value takes elsewhere: half as many again as it gives to be hashed, because values of an enum take
/// as many as the largest of them.
#[derive(Default)]
pub struct Size(usize);

impl Size {
    /// The size of one value.
    pub fn of(value: &impl Hash) -> usize {
        let mut size = Size::default();
        value.hash(&mut size);
        size.bytes()
    }

    /// The size of everything that was written.
    pub fn bytes(&self) -> usize {
        self.0 * 3 / 2
    }
}

impl Hasher for Size {
    fn write(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn finish(&self) -> u64 {
        self.0 as u64
    }
}

/// A hash of 128 bits, behind the standard trait: XXH3.
#[derive(Default)]
pub struct KeyHasher(twox_hash::XxHash3_128);

impl KeyHasher {
    /// The key of one value.
    pub fn key(value: &impl Hash) -> u128 {
        let mut hasher = KeyHasher::default();
        value.hash(&mut hasher);
        hasher.finish_128()
    }

    /// The key of everything that was written.
    pub fn finish_128(&self) -> u128 {
        self.0.finish_128()
    }
}

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("a key has 128 bits")
    }
}
