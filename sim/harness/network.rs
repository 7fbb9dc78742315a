//! A program with hosts: the experiment on a simulated network.
//!
//! Knows nothing of which choices are tried.

use std::sync::Arc;

use crate::body::Recording;
use crate::choice::{Choices, Lent, lend};
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
    let recording = Recording::new(choices);
    let simulation = Simulation::new(program.network.as_ref(), recording.clone());
    let (body, run) = tokio_program::on_network(program.clone(), recording, simulation.http());
    simulation.run(body).expect("the hosts of a program do not fail");
    run.trace()
}

impl Experiment for OnNetwork {
    fn program(&self) -> Arc<Program> {
        self.program.clone()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        let judge = Judge::with_oracles(&self.expectation, &self.program);
        Box::new(Runs { program: &self.program, judge, verdict: Verdict::default(), trace: None })
    }
}

struct Runs<'a> {
    program: &'a Arc<Program>,
    judge: Judge<'a>,
    verdict: Verdict,
    trace: Option<Trace>,
}

impl Run for Runs<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        let trace = lend(choices, || trace(self.program, Box::new(Lent)));
        self.judge.reset();
        trace.iter().for_each(|moment| self.judge.see(moment, &trace.texts));
        self.verdict = self.judge.end(trace.outcome);
        let ran = Ran {
            fingerprint: trace.fingerprint(),
            order: trace.order(),
            outcome: trace.outcome,
            tally: self.judge.tally(),
            is_good: self.verdict.is_good(),
        };
        self.trace = Some(trace);
        ran
    }

    fn trace(&self) -> Trace {
        self.trace.clone().expect("a run was made")
    }

    fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.trace.iter().flat_map(Trace::iter).for_each(see);
    }

    fn openings(&mut self, choices: &mut dyn Choices, _: usize) -> Openings {
        self.run(choices);
        Openings::default()
    }
}
