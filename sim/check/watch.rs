//! A watch on the runs of a test: a poll that never returns must not hang the test.
//!
//! Knows nothing of what runs.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::executor::Registry;

/// How often is looked, and how often in a row the same poll may be seen.
const INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: u32 = 20;

/// Does the work on a thread of its own, which is called like this one, and watches it.
///
/// # Panics
///
/// If the work does, or if one poll has not returned for twenty seconds; its thread is left behind then, because nobody can
/// end it.
pub(super) fn watched<T: Send + 'static>(name: &str, names: &Registry, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = channel();
    let work = move || {
        // Nobody listens any more if it took too long.
        _ = done.send(work());
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(8 << 20).spawn(work);
    let thread = thread.expect("the system has room for one more thread");
    let (mut seen, mut times) = (None, 0);
    loop {
        match result.recv_timeout(INTERVAL) {
            Ok(result) => {
                _ = thread.join();
                return result;
            }
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(payload) => resume_unwind(payload),
                Ok(()) => unreachable!("a thread that is done has sent its result"),
            },
            Err(RecvTimeoutError::Timeout) => {
                let now = names.polled();
                times = if now.is_some() && now == seen { times + 1 } else { 0 };
                seen = now;
            }
        }
        if let Some((task, _)) = names.polled().filter(|_| times >= PATIENCE) {
            panic!(
                "a poll of `{task}` has not returned for {PATIENCE} seconds: it loops without an await, or blocks its thread \
                 (std::thread::sleep, a std lock, I/O). Runs have virtual time only; what blocks belongs into \
                 atropos::tokio::task::spawn_blocking"
            );
        }
    }
}
