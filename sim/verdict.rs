//! What a run means: what was expected of it, and which expectations it did not meet.
//!
//! Knows nothing of how it is judged or told.

use crate::choice::{Choice, Class};
use crate::id::{InstanceId, TaskId};
use crate::program::{ErrorType, Pattern, Program};
use crate::time::Nanos;
use crate::trace::Outcome;

/// What a scenario expects of a run. What is not given is not checked.
///
/// How many tasks ended how, and when and how main did, is expected [without a fault](Under); what is printed in the
/// ordinary order only; all the rest in every run.
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
    /// In which ways runs end, over all of them: the lines that going through all runs lists.
    pub outcomes: Option<Vec<String>>,
    /// What does not happen.
    pub never: Option<Vec<EventPattern>>,
    /// What happens at least once.
    pub always: Option<Vec<EventPattern>>,
    /// What does not happen before something else has.
    pub before: Option<Vec<Before>>,
    /// What a task has to close before it ends, once for each time that it opened it.
    pub paired: Option<Vec<Paired>>,
    /// When main has ended.
    pub deadline: Option<Nanos>,
    /// What a search has to find: the scenario exists to be caught.
    pub must_find: Option<MustFind>,
    /// The oracles that are not asked, each with the reason.
    pub allow: Vec<(Oracle, String)>,
}

/// Under which circumstances a run came about: the gravest of its choices says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Under {
    /// In the ordinary order.
    #[default]
    Plain,
    /// In another order, or with other lengths of time.
    Order,
    /// With a fault that was injected.
    Fault,
}

impl Under {
    /// What one choice makes of a run.
    pub fn of(choice: Choice) -> Under {
        match choice.kind.class() {
            _ if choice.answer == 0 => Under::Plain,
            Class::Fault => Under::Fault,
            Class::Varies | Class::OtherRuntime => Under::Order,
        }
    }
}

/// Events that an expectation speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPattern {
    /// The tasks to which they happen, by the names of their coroutines.
    pub task: Pattern,
    /// What happens.
    pub does: Does,
}

/// What an [`EventPattern`] says of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Its first line runs.
    Started,
    /// It returns.
    Finished,
    /// It ends with an error; of this class, if one is given.
    Failed(Option<ErrorType>),
    /// It ends as cancelled.
    Cancelled,
    /// It raises an error, which may be caught.
    Raised(Option<ErrorType>),
    /// An `except` catches an error.
    Caught(Option<ErrorType>),
    /// It prints a line like this.
    Prints(Pattern),
}

/// `then` does not happen unless `first` has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// What has to come first.
    pub first: EventPattern,
    /// What may come only then.
    pub then: EventPattern,
}

/// In each task every `open` is followed by one `close` before the task ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paired {
    /// What has to be closed.
    pub open: EventPattern,
    /// What closes it.
    pub close: EventPattern,
}

/// What a search has to find in a scenario, and how soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MustFind {
    /// The name of an oracle, or the key of an expectation.
    pub what: &'static str,
    /// The tasks one of which it has to be about; all of a `[[task]]`, or none.
    pub task: Option<Pattern>,
    /// Within how many runs.
    pub within: u64,
}

impl MustFind {
    /// Whether a kind of failure is what is to be found.
    pub fn is_found(&self, program: &Program, identity: &Identity) -> bool {
        let is_about = |wanted: &Pattern| {
            let mut ids = (0..program.instances.len() as u32).map(InstanceId);
            ids.any(|id| Some(&program.body(id).name) == identity.subject.as_ref() && wanted.matches(program.name(id)))
        };
        identity.what == self.what && self.task.as_ref().is_none_or(is_about)
    }
}

impl Expectation {
    /// Whether a scenario does not want to hear of an oracle.
    pub fn allows(&self, oracle: Oracle) -> bool {
        self.allow.iter().any(|(allowed, _)| *allowed == oracle)
    }

    /// The keys of `[expect]`.
    pub const KEYS: [&str; 15] = [
        "finished",
        "failed",
        "cancelled",
        "running",
        "ended",
        "outcome",
        "raises",
        "prints",
        "outcomes",
        "never",
        "always",
        "before",
        "paired",
        "deadline",
        "must_find",
    ];
}

/// An [`Outcome`] without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl Finding {
    /// Whether it says of a run with this outcome that it ended so.
    pub fn is_how_it_ended(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Finished(_) => false,
            Outcome::Failed(error) => {
                matches!(self.oracle, Oracle::MainFailed | Oracle::AssertionFailed) && self.error == Some(error.ty)
            }
            Outcome::Deadlocked => self.oracle == Oracle::Deadlock,
            Outcome::OutOfSteps => self.oracle == Oracle::Unsettled,
            Outcome::Livelocked => self.oracle == Oracle::Livelock,
        }
    }
}

/// What is looked for in every run that is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oracle {
    /// A cancellation was accepted, and its task did not end as cancelled, though no handler for cancellations took it.
    LostCancel,
    /// A task is still there when main has ended.
    OutlivesMain,
    /// A `finally` began and did not come to its end, or its task was dropped before.
    CleanupCutShort,
    /// What a task awaited was there, and was lost with the task's cancellation or timeout.
    LostResult,
    /// A task sleeps on, though what it waits for is there.
    LostWakeup,
    /// Others get again and again what a task has asked for before them.
    Overtaken,
    /// A host had said for how long it wants to be left alone, and was asked again before.
    RetryTooSoon,
    /// A task has ended, and a connection that it opened was never closed.
    ConnectionLeftOpen,
    /// Everything waits for something else.
    Deadlock,
    /// Time stands still.
    Livelock,
    /// After the last fault the run went on until its limit.
    Unsettled,
    /// Main ended with an error that neither the file nor a fault accounts for; in Rust code, without a panic.
    MainFailed,
    /// An `assert` failed in a task.
    AssertionFailed,
    /// A task was still there at the end although what had made it was cut.
    OutlivesOwner,
    /// A task whose maker was cut has done something after the retry has done it.
    LateEffect,
    /// Rust code panicked.
    Panicked,
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

impl Identity {
    /// The kinds of failure in the order in which they are told: what everybody sees, what the file asks for, and then
    /// what leads to the like in the end.
    pub fn rank(&self) -> usize {
        let oracle = Oracle::ALL.iter().position(|oracle| oracle.name() == self.what);
        let plain = Oracle::ALL.iter().position(|oracle| *oracle == Oracle::LostCancel).unwrap_or_default();
        oracle.map_or(plain, |at| at + usize::from(plain <= at))
    }
}

impl Oracle {
    /// Every oracle, the most telling first.
    pub const ALL: [Oracle; 16] = [
        Oracle::Panicked,
        Oracle::LateEffect,
        Oracle::OutlivesOwner,
        Oracle::AssertionFailed,
        Oracle::MainFailed,
        Oracle::Deadlock,
        Oracle::Livelock,
        Oracle::Unsettled,
        Oracle::LostCancel,
        Oracle::RetryTooSoon,
        Oracle::CleanupCutShort,
        Oracle::LostResult,
        Oracle::LostWakeup,
        Oracle::Overtaken,
        Oracle::ConnectionLeftOpen,
        Oracle::OutlivesMain,
    ];

    /// As scenarios and reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Oracle::LostCancel => "lost-cancel",
            Oracle::OutlivesMain => "outlives-main",
            Oracle::CleanupCutShort => "cleanup-cut-short",
            Oracle::LostResult => "lost-result",
            Oracle::LostWakeup => "lost-wakeup",
            Oracle::Overtaken => "overtaken",
            Oracle::RetryTooSoon => "retry-too-soon",
            Oracle::ConnectionLeftOpen => "connection-left-open",
            Oracle::Deadlock => "deadlock",
            Oracle::Livelock => "livelock",
            Oracle::Unsettled => "unsettled",
            Oracle::MainFailed => "main-failed",
            Oracle::AssertionFailed => "assertion-failed",
            Oracle::Panicked => "panicked",
            Oracle::OutlivesOwner => "outlives-owner",
            Oracle::LateEffect => "late-effect",
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
    /// The task that it is about, and what it runs, if it is about one.
    pub task: Option<(TaskId, InstanceId)>,
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
        let findings = self.findings.iter().map(|finding| finding.identity(program));
        let unmet = self.unmet.iter().map(|unmet| unmet.identity(program));
        let mut all: Vec<Identity> = Vec::new();
        for identity in findings.chain(unmet) {
            if !all.contains(&identity) {
                all.push(identity);
            }
        }
        all
    }
}

impl Finding {
    /// What makes it the same again.
    pub fn identity(&self, program: &Program) -> Identity {
        let error = self.error.map(|error| program.error_types.name(error).to_owned());
        Identity { what: self.oracle.name(), subject: subject(self.task, program), error }
    }
}

impl Unmet {
    /// What makes it the same again.
    pub fn identity(&self, program: &Program) -> Identity {
        Identity { what: self.key, subject: subject(self.task, program), error: None }
    }
}

fn subject(task: Option<(TaskId, InstanceId)>, program: &Program) -> Option<String> {
    task.map(|(_, instance)| program.body(instance).name.clone())
}
