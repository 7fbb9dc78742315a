//! A program with hosts: the experiment on a simulated network.
//!
//! Knows nothing of which choices are tried.

use std::sync::Arc;

use super::asyncio::leave_room;
use crate::body::Recording;
use crate::choice::{Choices, Lent, Ordinary, lend};
use crate::experiment::{Experiment, Ran, Run};
use crate::judge::Judge;
use crate::machine::Openings;
use crate::network::Simulation;
use crate::program::Program;
use crate::tokio_program;
use crate::trace::{Moment, Trace};
use crate::verdict::{Expectation, Verdict};

/// A program as tokio tasks on one host of a network, and what is expected of it.
#[derive(Clone, Debug)]
pub struct OnNetwork {
    program: Arc<Program>,
    expectation: Expectation,
}

impl OnNetwork {
    /// An experiment with this program.
    pub fn new(program: Arc<Program>, expectation: Expectation) -> OnNetwork {
        OnNetwork { program, expectation }
    }
}

/// One run of a program, on a host called `client` beside its own hosts.
pub(super) fn trace(program: &Arc<Program>, choices: Box<dyn Choices>) -> Trace {
    run(program, choices).trace()
}

fn run(program: &Arc<Program>, choices: Box<dyn Choices>) -> tokio_program::Run {
    let recording = Recording::new(choices);
    let simulation = Simulation::new(program.network.as_ref(), recording.clone());
    let (body, run) = tokio_program::on_network(program.clone(), recording, simulation.http());
    simulation.run(body).expect("the hosts of a program do not fail");
    run
}

/// How long the ordinary run is, and whom it has, so that cuts can be drawn.
pub(super) fn measure(program: &mut Program) {
    let openings = run(&Arc::new(program.clone()), Box::new(Ordinary)).openings(0);
    leave_room(program, &openings);
}

impl Experiment for OnNetwork {
    fn program(&self) -> Arc<Program> {
        self.program.clone()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        let judge = Judge::with_oracles(&self.expectation, &self.program);
        Box::new(Runs { program: &self.program, judge, verdict: Verdict::default(), last: None })
    }
}

struct Runs<'a> {
    program: &'a Arc<Program>,
    judge: Judge<'a>,
    verdict: Verdict,
    last: Option<tokio_program::Run>,
}

impl Run for Runs<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        let run = lend(choices, || run(self.program, Box::new(Lent)));
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
        self.run(choices);
        self.last.as_ref().map(|last| last.openings(most)).unwrap_or_default()
    }
}
