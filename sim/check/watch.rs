//! A watch on the runs of a test: a poll that never returns must not hang the test.
//!
//! Knows nothing of what runs.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::executor::Registry;

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(100);

/// So many looks in a row may see the same poll.
pub(super) const PATIENCE: u32 = 200;

/// So many looks have to see a poll that the look before has seen, and half of all looks, if that is to be told.
const SLOW: u32 = 5;

/// Does the work on a thread of its own, which is called like this one, and watches it. Gives what came of it, and a
/// sentence if most of the time went by in polls that take long.
///
/// # Panics
///
/// If the work does, or if so many looks have seen the same poll; its thread is left behind then, because nobody can end it.
pub(super) fn watched<T: Send + 'static>(
    name: &str,
    names: &Registry,
    patience: u32,
    work: impl FnOnce() -> T + Send + 'static,
) -> (T, Option<String>) {
    let (done, result) = channel();
    let work = move || {
        // Nobody listens any more if it took too long.
        _ = done.send(work());
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(8 << 20).spawn(work);
    let thread = thread.expect("the system has room for one more thread");
    let mut looks = Looks::default();
    loop {
        match result.recv_timeout(INTERVAL) {
            Ok(result) => {
                _ = thread.join();
                return (result, looks.told());
            }
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(payload) => resume_unwind(payload),
                Ok(()) => unreachable!("a thread that is done has sent its result"),
            },
            Err(RecvTimeoutError::Timeout) => looks.look(names.polled()),
        }
        if let Some((task, _)) = looks.last.as_ref().filter(|_| looks.in_a_row >= patience) {
            let seconds = (INTERVAL * patience).as_secs();
            panic!(
                "a poll of `{task}` has not returned for {seconds} seconds: it loops without an await, or blocks its thread \
                 (std::thread::sleep, a std lock, I/O). Runs have virtual time only; what blocks belongs into \
                 atropos::tokio::task::spawn_blocking"
            );
        }
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Looks {
    all: u32,
    /// How many saw the same poll as the look before.
    slow: u32,
    in_a_row: u32,
    last: Option<(String, u64)>,
    /// Whose poll was seen twice.
    whose: Option<String>,
}

impl Looks {
    fn look(&mut self, polled: Option<(String, u64)>) {
        self.all += 1;
        if polled.is_some() && polled == self.last {
            self.slow += 1;
            self.in_a_row += 1;
            self.whose = polled.as_ref().map(|(task, _)| task.clone());
        } else {
            self.in_a_row = 0;
        }
        self.last = polled;
    }

    fn told(&self) -> Option<String> {
        let whose = self.whose.as_ref().filter(|_| self.slow >= SLOW && self.all <= 2 * self.slow)?;
        Some(format!(
            "most of the real time went by in polls of `{whose}` that take a tenth of a second or longer, while virtual time \
             stands still: what blocks or computes for so long belongs into atropos::tokio::task::spawn_blocking\n"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::check::experiment::{Futures, alone};
    use crate::check::{Check, Sim};

    #[test]
    fn a_poll_that_never_returns_is_told_and_does_not_hang_the_test() {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = is_over.clone();
        let test = move |_: Sim| {
            let seen = seen.clone();
            async move {
                while !seen.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            }
        };
        let names = Arc::new(Registry::default());
        let known = names.clone();
        let work = move || Futures::new(alone(test), &Check::new(), known);
        let told = catch_unwind(AssertUnwindSafe(|| watched("spins", &names, 10, work))).unwrap_err();
        is_over.store(true, Ordering::Relaxed);
        let told = told.downcast_ref::<String>().unwrap();
        assert!(told.starts_with("a poll of `main` has not returned for 1 seconds: it loops without"), "{told}");
    }

    #[test]
    fn slow_polls_are_told_if_most_looks_see_them() {
        let looks = |polls: &[u64]| {
            let mut looks = Looks::default();
            polls.iter().for_each(|&poll| looks.look(Some(("load".to_owned(), poll))));
            looks.told()
        };
        assert!(looks(&[1, 1, 1, 2, 2, 2, 3, 3, 3]).is_some_and(|told| told.contains("polls of `load`")));
        assert_eq!(looks(&[1, 1, 2, 3, 4, 5, 5, 6, 7]), None);
        assert_eq!(looks(&[1, 1]), None, "a machine may be busy for a moment");
    }
}
