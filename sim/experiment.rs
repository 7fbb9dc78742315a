//! From choices to a judged trace: the one thing that exploring, replaying and shrinking do over and over.
//!
//! Knows nothing of which machine runs, or of who answers.

use crate::choice::Choices;
use crate::trace::Trace;
use crate::verdict::Verdict;

/// Something that can be run again and again under different choices, and judged.
pub trait Experiment {
    /// One run.
    fn run(&mut self, choices: &mut dyn Choices) -> Trace;

    /// What that run means.
    fn judge(&self, trace: &Trace) -> Verdict;
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
