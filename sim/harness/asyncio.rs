//! A program on the simulated event loop, with its judge: the experiment behind `explore`, `replay` and `shrink`.
//!
//! Knows nothing of which choices are tried.

use std::sync::Arc;

use crate::choice::{Choices, Ordinary};
use crate::event_loop::EventLoop;
use crate::experiment::{Experiment, Ran, Run};
use crate::explore::exhaustive::{self, Bounds, Searched, Searching};
use crate::judge::Judge;
use crate::machine::{Footsteps, Machine, Openings};
use crate::program::Program;
use crate::trace::{Moment, Trace};
use crate::verdict::{Expectation, Verdict};

/// A program, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Asyncio {
    program: Arc<Program>,
    expectation: Expectation,
}

impl Asyncio {
    /// An experiment with this program. How long its runs are, for the cuts, must have been measured.
    pub fn new(program: Arc<Program>, expectation: Expectation) -> Asyncio {
        Asyncio { program, expectation }
    }

    /// The same with another program.
    pub(super) fn with_program(self, program: Arc<Program>) -> Asyncio {
        Asyncio { program, ..self }
    }

    /// Goes through all its runs.
    pub fn search(&self, bounds: Bounds, watch: &mut dyn FnMut(Searching) -> bool) -> Searched {
        let judge = Judge::with_oracles(&self.expectation, &self.program);
        exhaustive::search(&self.program, EventLoop::new(&self.program), judge, bounds, watch)
    }
}

/// Writes into the program how many handles its ordinary run has, and how many victims, so that cuts can be drawn. Other
/// orders may take a little longer, so there is a quarter more room.
pub(super) fn measure(program: &mut Program) {
    let openings = EventLoop::new(program).openings(&mut Ordinary, 0);
    leave_room(program, &openings);
}

/// Cuts may come as long as the measured run, and a quarter longer.
pub(super) fn leave_room(program: &mut Program, openings: &Openings) {
    for (cuts, tasks) in program.cuts.iter_mut().zip(&openings.tasks) {
        cuts.handles = openings.handles + openings.handles / 4 + 1;
        cuts.tasks = *tasks;
    }
}

impl Experiment for Asyncio {
    fn program(&self) -> Arc<Program> {
        self.program.clone()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        let judge = Judge::with_oracles(&self.expectation, &self.program);
        Box::new(Runs { event_loop: EventLoop::new(&self.program), judge, verdict: Verdict::default() })
    }
}

struct Runs<'a> {
    event_loop: EventLoop<'a>,
    judge: Judge<'a>,
    verdict: Verdict,
}

impl Run for Runs<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        self.event_loop.reset();
        let outcome = self.event_loop.run(choices);
        self.judge.reset();
        self.event_loop.moments().for_each(|moment| self.judge.see(moment, self.event_loop.texts()));
        self.verdict = self.judge.end(outcome);
        let (fingerprint, order) = self.event_loop.fingerprint_and_order();
        Ran { fingerprint, order, outcome, tally: self.judge.tally(), is_good: self.verdict.is_good() }
    }

    fn trace(&self) -> Trace {
        self.event_loop.trace()
    }

    fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.event_loop.moments().for_each(see);
    }

    fn footsteps(&mut self, choices: &mut dyn Choices) -> Footsteps {
        self.event_loop.reset();
        self.event_loop.begin_search();
        let mut footsteps = Footsteps::default();
        while self.event_loop.step(choices).is_some() {
            let watched = self.event_loop.watched();
            if let Some(whose) = watched.whose {
                footsteps.add(whose, watched.parts.into_iter().flat_map(|part| part.touches));
            }
        }
        footsteps
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        self.event_loop.reset();
        self.event_loop.openings(choices, most)
    }
}
