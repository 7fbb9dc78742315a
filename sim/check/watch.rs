//! A watch on the runs of a test: a poll that never returns must not hang the test.
//!
//! Knows nothing of what runs.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::executor::{Ongoing, Registry};

/// How long is waited for a poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How often is looked.
    pub(super) interval: Duration,
    /// So many looks in a row may see the same poll.
    pub(super) looks: u32,
}

/// Twenty seconds.
pub(super) const PATIENCE: Patience = Patience { interval: Duration::from_millis(100), looks: 200 };

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
    patience: Patience,
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
        match result.recv_timeout(patience.interval) {
            Ok(result) => {
                _ = thread.join();
                return (result, looks.told(patience.interval));
            }
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(payload) => resume_unwind(payload),
                Ok(()) => unreachable!("a thread that is done has sent its result"),
            },
            Err(RecvTimeoutError::Timeout) => looks.look(names.ongoing()),
        }
        if let Some((Ongoing { task, .. }, _)) = looks.last.iter().find(|(_, in_a_row)| *in_a_row >= patience.looks) {
            let seconds = (patience.interval * patience.looks).as_secs();
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
    /// How many saw a poll that the look before had seen.
    slow: u32,
    /// What the last look saw, and how many looks before it had seen the same in a row.
    last: Vec<(Ongoing, u32)>,
    /// Whose poll was seen twice.
    whose: Option<String>,
}

impl Looks {
    fn look(&mut self, ongoing: Vec<Ongoing>) {
        self.all += 1;
        let before = std::mem::take(&mut self.last);
        let in_a_row =
            |poll: &Ongoing| before.iter().find(|(other, _)| other == poll).map_or(0, |(_, count)| count + 1);
        self.last =
            ongoing.into_iter().map(|poll| (in_a_row(&poll), poll)).map(|(count, poll)| (poll, count)).collect();
        if let Some((poll, _)) = self.last.iter().find(|(_, in_a_row)| *in_a_row > 0) {
            self.slow += 1;
            self.whose = Some(poll.task.clone());
        }
    }

    fn told(&self, interval: Duration) -> Option<String> {
        let whose = self.whose.as_ref().filter(|_| self.slow >= SLOW && self.all <= 2 * self.slow)?;
        Some(format!(
            "most of the real time went by in polls of `{whose}` that take {interval:?} or longer, while virtual time stands \
             still: what blocks or computes for so long belongs into atropos::tokio::task::spawn_blocking\n"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;
    use crate::check::{Check, Sim};

    /// What is said of a test in which the `nth` call polls for ever, or for half a minute if nobody sees it.
    #[expect(clippy::disallowed_methods, reason = "real time is what is watched")]
    fn told_of_a_hung_poll(check: Check, nth: u32) -> String {
        let (is_over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(1)));
        let seen = is_over.clone();
        let test = move |sim: Sim| {
            let (seen, calls) = (seen.clone(), calls.clone());
            async move {
                sim.choose(1_000);
                if calls.fetch_add(1, Ordering::Relaxed) == nth {
                    (0..3_000).take_while(|_| !seen.load(Ordering::Relaxed)).for_each(|_| {
                        std::thread::sleep(Duration::from_millis(10));
                    });
                }
            }
        };
        let patience = Patience { interval: Duration::from_millis(20), looks: 50 };
        let check = Check { patience, ..check };
        let told = catch_unwind(AssertUnwindSafe(|| check.find(test))).expect_err("the poll is seen");
        is_over.store(true, Ordering::Relaxed);
        told.downcast_ref::<String>().unwrap().clone()
    }

    #[test]
    fn a_poll_that_never_returns_is_told_and_does_not_hang_the_test() {
        let told = told_of_a_hung_poll(Check::new(), 1);
        assert!(told.starts_with("a poll of `main` has not returned for 1 seconds: it loops without"), "{told}");
    }

    #[test]
    fn a_poll_that_never_returns_is_seen_when_all_other_threads_are_done() {
        let told = told_of_a_hung_poll(Check::new().runs(400).jobs(const { NonZero::new(3).unwrap() }), 100);
        assert!(told.starts_with("a poll of `main` has not returned for 1 seconds"), "{told}");
    }

    /// Each poll takes as long as a few dozen looks, so that it is seen twice however late the looks come.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is what is to be found")]
    fn work_that_holds_up_the_virtual_clock_is_told() {
        let patience = Patience { interval: Duration::from_millis(10), looks: 60_000 };
        let check = Check { patience, ..Check::new() };
        let found = check.runs(2).find(|_| async { std::thread::sleep(Duration::from_millis(300)) });
        assert!(found.covered.contains("went by in polls of `main` that take 10ms or longer"), "{}", found.covered);
    }

    #[test]
    fn slow_polls_are_told_if_most_looks_see_them() {
        let looks = |polls: &[u64]| {
            let mut looks = Looks::default();
            polls.iter().for_each(|&poll| looks.look(vec![Ongoing { thread: 0, poll, task: "load".to_owned() }]));
            looks.told(PATIENCE.interval)
        };
        assert!(looks(&[1, 1, 1, 2, 2, 2, 3, 3, 3]).is_some_and(|told| told.contains("polls of `load`")));
        assert_eq!(looks(&[1, 1, 2, 3, 4, 5, 5, 6, 7]), None);
        assert_eq!(looks(&[1, 1]), None, "a machine may be busy for a moment");
    }
}
