//! From choices to a judged run: what exploring, replaying and shrinking go round and round; and what programs run on.
//!
//! Knows nothing of the machines, the judges or the files behind it.

use std::hash::Hash;
use std::sync::Arc;

use crate::choice::Choices;
use crate::machine::{Footsteps, Openings, Touch};
use crate::program::{Program, Texts};
use crate::trace::{Fingerprint, Moment, Outcome, Tally, Trace};
use crate::verdict::Verdict;

/// A program on a runtime, with what is expected of it. Several threads may make runs of one experiment at once; equal
/// choices give equal runs on all of them.
pub trait Experiment: Sync {
    /// What runs, with the names of everything that was met in the runs so far.
    fn program(&self) -> Arc<Program>;

    /// The memory for one run after the other.
    fn begin(&self) -> Box<dyn Run + '_>;
}

/// One run after the other, in the same memory.
pub trait Run {
    /// Makes a run, and forgets the one before.
    fn run(&mut self, choices: &mut dyn Choices) -> Ran;

    /// What happened in the last run.
    ///
    /// # Panics
    ///
    /// If there was none.
    fn trace(&self) -> Trace;

    /// What the last run means.
    fn verdict(&self) -> Verdict;

    /// Shows every event of the last run.
    fn each(&self, see: &mut dyn FnMut(Moment));

    /// Makes a run, and says what its steps touched, if the runtime knows.
    fn footsteps(&mut self, _: &mut dyn Choices) -> Footsteps {
        Footsteps::default()
    }

    /// Makes a run, and lists where it could have been cut: of more than `most` places, the first.
    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings;
}

/// A judgement that is made while a run goes on, as a search carries it along: it can be copied between two events, and
/// two that are equal will say the same about the same rest.
pub trait Judging: Clone + Hash {
    /// Takes one more event in. `texts` are the run's own.
    fn see(&mut self, moment: Moment, texts: &Texts);

    /// As what an event that is about to be seen counts, where the order of events matters to this judgement.
    fn touches(&self, moment: Moment, texts: &Texts, touch: &mut dyn FnMut(Touch));

    /// The verdict on a run that ended like this after the events that were seen.
    fn end(&self, outcome: Outcome) -> Verdict;

    /// Where the tasks have ended up so far.
    fn tally(&self) -> Tally;
}

/// Why a search has not seen everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bounded {
    /// Somebody said how many deviations there may be, and there could be more.
    Deviations(u32),
    /// What has to be remembered took more than its share of so many bytes.
    Memory(usize),
    /// A run asked more often than is kept.
    Depth(usize),
    /// Of some sleep not every length was tried.
    Lengths,
    /// So many runs hit a limit of the program's.
    Limits(u64),
    /// The ordinary run hit one, which nobody expects of it, so no other was made.
    Endless,
    /// It was stopped.
    Stopped,
    /// The machine cannot be forked.
    NoFork,
}

/// A run in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Of everything that happened and was asked.
    pub fingerprint: Fingerprint,
    /// A hash of everything that happened, whatever was asked.
    pub order: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Where the tasks ended up.
    pub tally: Tally,
    /// Whether nothing is wrong with it.
    pub is_good: bool,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// The simulated event loop of Python's asyncio.
    Asyncio,
    /// Real tokio tasks.
    Tokio,
    /// Hosts of a simulated network, on turmoil.
    Turmoil,
}

impl Runtime {
    /// Every runtime.
    pub const ALL: [Runtime; 3] = [Runtime::Asyncio, Runtime::Tokio, Runtime::Turmoil];

    /// As scenarios and commands write it.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Asyncio => "asyncio",
            Runtime::Tokio => "tokio",
            Runtime::Turmoil => "turmoil",
        }
    }

    /// The runtime called `name`.
    pub fn find(name: &str) -> Option<Runtime> {
        Runtime::ALL.into_iter().find(|runtime| runtime.name() == name)
    }
}
