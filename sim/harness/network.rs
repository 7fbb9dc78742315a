//! A program with hosts: the experiment on a simulated network.
//!
//! Knows nothing of which choices are tried.

use std::sync::Arc;

use super::asyncio::leave_room;
use super::tokio::Runs;
use crate::body::Recording;
use crate::choice::{Choices, Lent, Ordinary, lend};
use crate::experiment::{Experiment, Run};
use crate::network::Simulation;
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
        Box::new(Runs::new(&self.program, &self.expectation, |choices, _| {
            lend(choices, || run(&self.program, Box::new(Lent)))
        }))
    }
}
