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
        let new = (EventLoop::new(&self.program), judge);
        Box::new(Runs { program: &self.program, last: new, beginning: None, verdict: None })
    }
}

/// A run, and what has been made of its events.
type Judged<'a> = (EventLoop<'a>, Judge<'a>);

struct Runs<'a> {
    program: &'a Program,
    last: Judged<'a>,
    /// What is the same in every run, once there is more than one.
    beginning: Option<Judged<'a>>,
    /// On the last run, if there was one.
    verdict: Option<Verdict>,
}

impl<'a> Runs<'a> {
    /// Begins another run: as far as they all go the same way, that is made and judged once.
    fn begin(&mut self) {
        let (event_loop, judge) = &mut self.last;
        if self.verdict.is_none() {
            event_loop.reset();
            return judge.reset();
        }
        let (begun, begun_judge) = self.beginning.get_or_insert_with(|| {
            let begun = EventLoop::at_first_question(self.program);
            judge.reset();
            begun.moments().for_each(|moment| judge.see(moment, begun.texts()));
            (begun, judge.clone())
        });
        event_loop.clone_from(begun);
        judge.clone_from(begun_judge);
    }

    /// Judges what has happened since the run began.
    fn judge(&mut self) {
        let (event_loop, judge) = &mut self.last;
        let texts = event_loop.texts();
        match &self.beginning {
            Some((begun, _)) => event_loop.moments_since(begun).for_each(|moment| judge.see(moment, texts)),
            None => event_loop.moments().for_each(|moment| judge.see(moment, texts)),
        }
    }
}

impl Run for Runs<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        self.begin();
        let outcome = self.last.0.run(choices);
        self.judge();
        let (event_loop, judge) = &self.last;
        let verdict = self.verdict.insert(judge.end(outcome));
        let (fingerprint, order) = event_loop.fingerprint_and_order();
        Ran { fingerprint, order, outcome, tally: judge.tally(), is_good: verdict.is_good() }
    }

    fn trace(&self) -> Trace {
        self.last.0.trace()
    }

    fn verdict(&self) -> Verdict {
        self.verdict.clone().expect("there was a run")
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.last.0.moments().for_each(see);
    }

    fn footsteps(&mut self, choices: &mut dyn Choices) -> Footsteps {
        let event_loop = &mut self.last.0;
        event_loop.reset();
        event_loop.begin_search();
        let mut footsteps = Footsteps::default();
        while event_loop.step(choices).is_some() {
            let watched = event_loop.watched();
            if let Some(whose) = watched.whose {
                footsteps.add(whose, watched.parts.into_iter().flat_map(|part| part.touches));
            }
        }
        footsteps
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        self.last.0.reset();
        self.last.0.openings(choices, most)
    }
}
