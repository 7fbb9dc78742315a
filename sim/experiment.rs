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
