//! A program with hosts: the experiment on a simulated network, its tasks under our executor on a host of their own.
//!
//! Knows nothing of which choices are tried.

use std::rc::Rc;
use std::sync::Arc;

use super::asyncio::leave_room;
use crate::body::{Body, Recording};
use crate::choice::{Choices, Lent, Ordinary, lend};
use crate::executor::{self, Tasks};
use crate::experiment::{Experiment, Ran, Run};
use crate::id::HostId;
use crate::judge::Judge;
use crate::machine::Openings;
use crate::network::{Cost, Simulation};
use crate::program::{Limits, Program};
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

/// One run of a program, on a host called `client` beside its own hosts, and what it cost.
pub fn run_on_network(program: &Arc<Program>, choices: Box<dyn Choices>) -> (Trace, Cost) {
    let (run, cost) = run(program, choices);
    (run.trace(), cost)
}

fn run(program: &Arc<Program>, choices: Box<dyn Choices>) -> (tokio_program::Run, Cost) {
    let recording = Recording::new(choices);
    let simulation = Simulation::new(program.network.as_ref(), recording.clone());
    let tasks = Tasks::of_program(recording.clone(), SETTING);
    let client = tasks.host(HostId::CLIENT);
    let (body, run) = tokio_program::on_network(program.clone(), recording, simulation.http(), Rc::new(client.clone()));
    let body = Body::new(move || {
        client.begin();
        body.into_future()
    });
    let cost = simulation.run(body).expect("the hosts of a program do not fail");
    (run, cost)
}

/// A program is cut where it waits, not where it is polled, and counts its own steps.
const SETTING: executor::Setting = executor::Setting {
    cuts: executor::Cuts { up_to: 0, moments: 0, victims: 0 },
    any_order: true,
    limits: Limits { steps: u64::MAX / 2, turns_at_one_instant: u32::MAX },
};

/// How long the ordinary run is, and whom it has, so that cuts can be drawn.
pub(super) fn measure(program: &mut Program) {
    let openings = run(&Arc::new(program.clone()), Box::new(Ordinary)).0.openings(0);
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
        let (run, _) = lend(choices, || run(self.program, Box::new(Lent)));
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
