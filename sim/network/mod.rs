//! A body as one host of turmoil's simulated network.
//!
//! The host has a tokio runtime of its own, on a paused clock that turmoil moves one [`TICK`] at a time. So what runs here
//! runs as on tokio alone, and a virtual second costs a thousand ticks: a virtual hour some nine seconds of real time,
//! where tokio alone would jump. That is why a body is given a longest time.
//!
//! Everything that turmoil would draw is fixed: one seed, one epoch, one latency, no loss, no host before its turn. It
//! reports through `tracing`, and nobody here subscribes, so it prints nothing.
//!
//! Knows nothing of what the body does, or of the step language.

use std::cell::Cell;
use std::rc::Rc;

use tokio::time::Duration;

use crate::body::Body;

/// How far virtual time moves at once.
pub const TICK: Duration = Duration::from_millis(1);

/// How much virtual time a body gets where nobody says otherwise.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// The name of the host.
const HOST: &str = "program";

/// How long a message travels.
const LATENCY: Duration = Duration::from_millis(1);

/// Runs a body on a host of its own; whether it came to its end. One that did not was dropped after [`LONGEST`].
///
/// # Panics
///
/// If the body panics.
pub fn run(body: Body) -> bool {
    run_at_most(body, LONGEST)
}

/// The same with another longest time.
///
/// # Panics
///
/// If the body panics.
pub fn run_at_most(body: Body, at_most: Duration) -> bool {
    let ended = Rc::new(Cell::new(false));
    let mut sim = turmoil::Builder::new()
        .rng_seed(0)
        .epoch(epoch())
        .tick_duration(TICK)
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .fail_rate(0.0)
        // The body is stopped from inside, where its tasks can still be dropped in virtual time.
        .simulation_duration(at_most.saturating_mul(2) + TICK)
        .build();
    sim.client(HOST, {
        let ended = ended.clone();
        async move {
            let result = tokio::time::timeout(at_most, body.into_future()).await;
            ended.set(result.is_ok());
            Ok(())
        }
    });
    if let Err(error) = sim.run() {
        match error.downcast::<tokio::task::JoinError>().map(|error| error.try_into_panic()) {
            Ok(Ok(panic)) => std::panic::resume_unwind(panic),
            other => unreachable!("a host that never fails and cannot be late: {other:?}"),
        }
    }
    ended.get()
}

/// When the simulation begins, for whoever asks turmoil.
#[expect(clippy::disallowed_types, reason = "turmoil wants one, and this one is a constant")]
const fn epoch() -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH
}
