//! What search drives: a run that goes on one step at a time, and where it can, forks and is recognised.
//!
//! Knows nothing of which machine it is.

use crate::choice::Choices;
use crate::id::TaskId;
use crate::trace::{Fingerprint, Outcome, Trace};

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
