//! What a file is explored on: the simulated event loop, tokio tasks, or a simulated network if it has hosts.
//!
//! Knows nothing of how either makes its runs.

use std::sync::Arc;

#[cfg(feature = "network")]
use super::OnNetwork;
use super::{Asyncio, OnTokio};
use crate::experiment::{Experiment, Run};
use crate::program::Program;

/// The experiment of a file.
#[derive(Clone, Debug)]
pub enum RunsOn {
    /// On the event loop.
    Asyncio(Asyncio),
    /// As tokio tasks.
    Tokio(OnTokio),
    /// On a network.
    #[cfg(feature = "network")]
    Network(OnNetwork),
}

impl RunsOn {
    fn inner(&self) -> &dyn Experiment {
        match self {
            RunsOn::Asyncio(experiment) => experiment,
            RunsOn::Tokio(experiment) => experiment,
            #[cfg(feature = "network")]
            RunsOn::Network(experiment) => experiment,
        }
    }
}

impl Experiment for RunsOn {
    fn program(&self) -> Arc<Program> {
        self.inner().program()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        self.inner().begin()
    }
}
