//! The runtime in which a body runs unless it has hosts, and the clock of any body: both are tokio's, and paused.
//!
//! Knows nothing of what runs.

use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// A runtime on this thread, with virtual time and nothing else.
///
/// # Panics
///
/// If the operating system has nothing left to make a runtime of.
pub fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without threads and sockets can be built")
}

/// How late it is in the run that goes on on this thread.
#[expect(clippy::disallowed_methods, reason = "the clock is paused wherever a body runs")]
pub fn now() -> Instant {
    Instant::now()
}
