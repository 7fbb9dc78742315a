//! What a run means: what was expected of it, and which expectations it did not meet.
//!
//! Knows nothing of how it is judged or told.

use crate::program::ErrorType;
use crate::time::Nanos;
use crate::trace::Outcome;

/// What a scenario expects of a run. What is not given is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// How many tasks have returned when main ends.
    pub finished: Option<u32>,
    /// How many have failed.
    pub failed: Option<u32>,
    /// How many were cancelled.
    pub cancelled: Option<u32>,
    /// How many are still running.
    pub running: Option<u32>,
    /// When main ends.
    pub ended: Option<Nanos>,
    /// How the run ends.
    pub outcome: Option<Ending>,
    /// The error that main fails with.
    pub raises: Option<ErrorType>,
    /// Everything that the program prints, line by line.
    pub prints: Option<Vec<String>>,
}

/// An [`Outcome`] without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Main returned.
    Finished,
    /// Main raised.
    Failed,
    /// Everything waits for something else.
    Deadlocked,
    /// The step limit was reached.
    OutOfSteps,
    /// Time stood still for too many turns.
    Livelocked,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Ending; 5] =
        [Ending::Finished, Ending::Failed, Ending::Deadlocked, Ending::OutOfSteps, Ending::Livelocked];

    /// As scenarios and reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Finished => "finished",
            Ending::Failed => "failed",
            Ending::Deadlocked => "deadlocked",
            Ending::OutOfSteps => "out-of-steps",
            Ending::Livelocked => "livelocked",
        }
    }
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Ending {
        match outcome {
            Outcome::Finished(_) => Ending::Finished,
            Outcome::Failed(_) => Ending::Failed,
            Outcome::Deadlocked => Ending::Deadlocked,
            Outcome::OutOfSteps => Ending::OutOfSteps,
            Outcome::Livelocked => Ending::Livelocked,
        }
    }
}

/// The judgement of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What was expected and did not happen; empty is good.
    pub unmet: Vec<Unmet>,
}

/// One expectation that a run did not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Its key in `[expect]`.
    pub key: &'static str,
    /// What the scenario says.
    pub expected: String,
    /// What the run did.
    pub found: String,
}

impl Verdict {
    /// Whether the run is as expected.
    pub fn is_good(&self) -> bool {
        self.unmet.is_empty()
    }
}
