//! A program as real tokio tasks that the executor polls: the experiment behind `--runtime tokio`.
//!
//! Knows nothing of which choices are tried.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::asyncio::leave_room;
use crate::choice::{Choices, Lent, Ordinary, Seeded};
use crate::executor::{Cuts, Executor, InAnyOrder, Registry, Setting};
use crate::experiment::{Experiment, Ran, Run};
use crate::judge::Judge;
use crate::machine::{Machine, Openings};
use crate::program::{Limits, Program};
use crate::tokio_program;
use crate::trace::{Moment, Trace};
use crate::verdict::{Expectation, Verdict};

/// A program as tokio tasks in any order, and what is expected of it.
#[derive(Clone, Debug)]
pub struct OnTokio {
    program: Arc<Program>,
    expectation: Expectation,
    /// What was seen in all runs: whether tokio draws numbers in them.
    seen: Arc<Registry>,
}

/// So many runs are made to see whether tokio has to be steered, which changes its runs.
const TRIED: u64 = 3;

/// The cuts are the program's own, and it counts its steps itself.
pub(super) const SETTING: Setting = Setting {
    cuts: Cuts { up_to: 0, moments: 0, victims: 0 },
    any_order: true,
    limits: Limits { steps: u64::MAX / 2, turns_at_one_instant: u32::MAX },
};

impl OnTokio {
    /// An experiment with this program. How long its runs are, for the cuts, must have been measured.
    pub fn new(program: Arc<Program>, expectation: Expectation) -> OnTokio {
        let experiment = OnTokio { program, expectation, seen: Arc::default() };
        experiment.make(&mut Ordinary, None);
        for seed in 0..TRIED {
            experiment.make(&mut Seeded::new(seed), None);
        }
        experiment
    }

    /// One run; if places for a cut are to be listed, at most so many of them.
    fn make(&self, choices: &mut dyn Choices, listed: Option<usize>) -> tokio_program::Run {
        let made = Cell::new(None);
        let make = || {
            let (body, run) = tokio_program::spawned_by(self.program.clone(), Box::new(Lent), Rc::new(InAnyOrder));
            if let Some(most) = listed {
                run.list_openings(most);
            }
            made.set(Some(run));
            body
        };
        Executor::new(&make, self.seen.clone(), SETTING).run(choices);
        made.take().expect("a run makes its body")
    }

    /// What happens in one run.
    pub(super) fn trace(&self, choices: &mut dyn Choices) -> Trace {
        self.make(choices, None).trace()
    }
}

/// How long the ordinary run is, and whom it has, so that cuts can be drawn.
pub(super) fn measure(program: &mut Program) {
    let experiment = OnTokio::new(Arc::new(program.clone()), Expectation::default());
    leave_room(program, &experiment.make(&mut Ordinary, Some(0)).openings(0));
}

impl Experiment for OnTokio {
    fn program(&self) -> Arc<Program> {
        self.program.clone()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        Box::new(Runs::new(&self.program, &self.expectation, move |choices, listed| self.make(choices, listed)))
    }
}

/// Runs of a program as tokio tasks, whoever makes them.
pub(super) struct Runs<'a, M> {
    make: M,
    judge: Judge<'a>,
    verdict: Verdict,
    last: Option<tokio_program::Run>,
}

impl<'a, M: FnMut(&mut dyn Choices, Option<usize>) -> tokio_program::Run> Runs<'a, M> {
    pub(super) fn new(program: &'a Program, expectation: &'a Expectation, make: M) -> Runs<'a, M> {
        let judge = Judge::with_oracles(expectation, program);
        Runs { make, judge, verdict: Verdict::default(), last: None }
    }

    fn made(&mut self, choices: &mut dyn Choices, listed: Option<usize>) -> Ran {
        let run = (self.make)(choices, listed);
        let trace = run.trace();
        self.judge.reset();
        trace.iter().for_each(|moment| self.judge.see(moment, &trace.texts));
        self.verdict = self.judge.end(trace.outcome);
        self.last = Some(run);
        Ran {
            fingerprint: trace.fingerprint(),
            order: trace.order(),
            outcome: trace.outcome,
            tally: self.judge.tally(),
            is_good: self.verdict.is_good(),
        }
    }
}

impl<M: FnMut(&mut dyn Choices, Option<usize>) -> tokio_program::Run> Run for Runs<'_, M> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        self.made(choices, None)
    }

    fn trace(&self) -> Trace {
        self.last.as_ref().expect("a run was made").trace()
    }

    fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        Run::trace(self).iter().for_each(see);
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        self.made(choices, Some(most));
        self.last.as_ref().map(|last| last.openings(most)).unwrap_or_default()
    }
}

impl<M> fmt::Debug for Runs<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runs")
    }
}
