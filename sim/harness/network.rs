//! A program with hosts: the experiment on a simulated network, its tasks under our executor on a host of their own.
//!
//! Knows nothing of which choices are tried.

use std::rc::Rc;
use std::sync::Arc;

use super::asyncio::leave_room;
use super::tokio::{Runs, SETTING};
use crate::body::{Body, Recording};
use crate::choice::{Choices, Lent, Ordinary, lend};
use crate::executor::Tasks;
use crate::experiment::{Experiment, Run};
use crate::id::HostId;
use crate::network::{Cost, Simulation};
use crate::program::Program;
use crate::tokio_program;
use crate::trace::Trace;
use crate::verdict::Expectation;

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
        Box::new(Runs::new(&self.program, &self.expectation, |choices, _| {
            lend(choices, || run(&self.program, Box::new(Lent)).0)
        }))
    }
}
