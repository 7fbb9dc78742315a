//! What all runs of a program have in common: everything up to the first question.
//!
//! A run is a function of its answers, so until something is asked there is but one. Whoever makes many runs makes that
//! part once, and begins each with a copy of it.
//!
//! Knows nothing of who makes many runs.

use super::EventLoop;
use crate::choice::{Choices, Question};
use crate::id::FutureId;
use crate::machine::Machine as _;
use crate::program::Program;

impl<'p> EventLoop<'p> {
    /// A run that goes on with the handle in which something is asked for the first time; or with nothing at all, if
    /// that never happens.
    ///
    /// ```
    /// # use atropos::{choice::Seeded, event_loop::EventLoop, harness::strategies, machine::Machine, scenario::Scenario};
    /// # let scenario = Scenario::parse(include_str!("../../scenarios/first.toml"), &strategies()).unwrap();
    /// # let program = scenario.program(Some("gather-cancel-wrong"), None).unwrap();
    /// let mut from_start = EventLoop::new(&program);
    /// let beginning = EventLoop::at_first_question(&program);
    /// let mut event_loop = beginning.clone();
    /// for seed in 0..10 {
    ///     from_start.reset();
    ///     from_start.run(&mut Seeded::new(seed));
    ///     event_loop.clone_from(&beginning); // this is quicker
    ///     event_loop.run(&mut Seeded::new(seed));
    ///     assert_eq!(event_loop.trace(), from_start.trace());
    /// }
    /// ```
    pub fn at_first_question(program: &'p Program) -> EventLoop<'p> {
        let mut event_loop = EventLoop::new(program);
        let (mut listener, mut handles) = (Listener { is_asked: false }, 0_u64);
        while event_loop.step(&mut listener).is_some() && !listener.is_asked {
            handles += 1;
        }
        event_loop.reset();
        for _ in 0..handles {
            event_loop.step(&mut listener);
        }
        event_loop
    }
}

/// Notes whether anybody is asked, or told how far the run has come.
struct Listener {
    is_asked: bool,
}

impl Choices for Listener {
    fn answer(&mut self, _: &Question<'_>) -> u64 {
        self.is_asked = true;
        0
    }

    fn goes_on(&mut self, _: FutureId) {
        self.is_asked = true;
    }
}
