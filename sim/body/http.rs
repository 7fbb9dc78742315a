//! How a body reaches the hosts of a network, whatever network that is.
//!
//! Knows nothing of sockets.

use std::pin::Pin;

use crate::id::{HostId, TaskId};

/// What is asked of a host: `GET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub task: TaskId,
    /// The host.
    pub host: HostId,
    /// The host's name, and its port.
    pub authority: (String, u16),
    /// What stands behind them in the URL.
    pub path: String,
}

/// What a host says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// For how many seconds it wants to be left alone, if it says that.
    pub retry_after: Option<u32>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody listens there.
    Refused,
    /// The connection ended before there was an answer.
    Reset,
    /// The host of the tasks has no port left: 16,384 requests have been sent in this run.
    NoPortLeft,
}

/// Sends requests and waits for answers.
pub trait Http {
    /// The number of the next request.
    fn next(&self) -> u32;

    /// Sends that request. Dropped, it closes its connection.
    fn get(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Result<Said, NoAnswer>>>>;
}
