//! What a run means: what was expected of it, and which expectations it did not meet.
//!
//! Knows nothing of how it is judged or told.

use crate::id::{InstanceId, TaskId};
use crate::program::{ErrorType, Program};
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

/// The judgement of one run; good if both are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What was expected and did not happen.
    pub unmet: Vec<Unmet>,
    /// What is wrong whatever was expected, in the order in which it came to light.
    pub findings: Vec<Finding>,
}

/// Something that is wrong with a run, and that nobody has to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// Who says so.
    pub oracle: Oracle,
    /// The task that it is about, and what it runs.
    pub task: Option<(TaskId, InstanceId)>,
    /// The class of the error that it is about.
    pub error: Option<ErrorType>,
}

/// What is looked for in every run that is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oracle {
    /// A cancellation was delivered, or was on its way, and its task did not end as cancelled, though no handler took
    /// it.
    LostCancel,
    /// A task is still there when main has ended.
    OutlivesMain,
    /// A `finally` was entered and did not come to its end, or was never entered.
    CleanupCutShort,
    /// What a task awaited was there, and was lost with the task's cancellation.
    LostResult,
    /// Everything waits for something else.
    Deadlock,
    /// Time stands still.
    Livelock,
    /// After the last fault the run went on until its limit.
    Unsettled,
    /// Main ended with an error that neither the file nor a fault accounts for.
    MainFailed,
    /// An `assert` failed in a task.
    AssertionFailed,
}

/// What makes two failures the same: never the text of a message, nor the number of a task among its like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The oracle, or the key of the expectation.
    pub what: &'static str,
    /// The `[[task]]` that it is about.
    pub subject: Option<String>,
    /// The class of the error.
    pub error: Option<String>,
}

impl Oracle {
    /// Every oracle, the most telling first.
    pub const ALL: [Oracle; 9] = [
        Oracle::AssertionFailed,
        Oracle::MainFailed,
        Oracle::Deadlock,
        Oracle::Livelock,
        Oracle::Unsettled,
        Oracle::LostCancel,
        Oracle::CleanupCutShort,
        Oracle::LostResult,
        Oracle::OutlivesMain,
    ];

    /// As scenarios and reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Oracle::LostCancel => "lost-cancel",
            Oracle::OutlivesMain => "outlives-main",
            Oracle::CleanupCutShort => "cleanup-cut-short",
            Oracle::LostResult => "lost-result",
            Oracle::Deadlock => "deadlock",
            Oracle::Livelock => "livelock",
            Oracle::Unsettled => "unsettled",
            Oracle::MainFailed => "main-failed",
            Oracle::AssertionFailed => "assertion-failed",
        }
    }

    /// The oracle called `name`.
    pub fn find(name: &str) -> Option<Oracle> {
        Oracle::ALL.into_iter().find(|oracle| oracle.name() == name)
    }
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
        self.unmet.is_empty() && self.findings.is_empty()
    }

    /// What kinds of failure it holds, the first to be told first.
    pub fn identities(&self, program: &Program) -> Vec<Identity> {
        let findings = self.findings.iter().map(|finding| Identity {
            what: finding.oracle.name(),
            subject: finding.task.map(|(_, instance)| program.body(instance).name.clone()),
            error: finding.error.map(|error| program.error_types.name(error).to_owned()),
        });
        let unmet = self.unmet.iter().map(|unmet| Identity { what: unmet.key, subject: None, error: None });
        let mut all: Vec<Identity> = Vec::new();
        for identity in findings.chain(unmet) {
            if !all.contains(&identity) {
                all.push(identity);
            }
        }
        all
    }
}
