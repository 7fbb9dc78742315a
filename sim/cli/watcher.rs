//! How far exploring or a search has come, for whoever waits for it; and when it is to end.
//!
//! Knows nothing of what is looked for, or of how it is shown.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::progress::Shown;
use crate::explore::Progress;
use crate::explore::exhaustive::Searching;

/// Shows how far an exploration has come, and ends it when it is time.
pub(super) struct Watcher<'a> {
    stop: &'a AtomicBool,
    begun: Instant,
    time: Option<Duration>,
    shown: Shown,
}

impl<'a> Watcher<'a> {
    #[expect(clippy::disallowed_methods, reason = "the clock is on the door; no run sees it")]
    pub(super) fn new(stop: &'a AtomicBool, time: Option<Duration>, title: String) -> Watcher<'a> {
        Watcher { stop, begun: Instant::now(), time, shown: Shown::new(title) }
    }

    /// Whether to go on.
    pub(super) fn see(&mut self, progress: Progress) -> bool {
        let Progress { runs, of, orders, failing } = progress;
        let passed = self.begun.elapsed();
        match self.time {
            Some(time) => {
                self.shown.set_length(time.as_millis() as u64);
                self.shown.set_position(passed.as_millis() as u64);
            }
            None => {
                self.shown.set_length(of);
                self.shown.set_position(runs);
            }
        }
        let rate = runs as f64 / passed.as_secs_f64().max(0.001);
        self.shown.set_prefix(format!("{runs} runs, {rate:.0}/s, {orders} orders, {failing} failing"));
        !self.stop.load(Ordering::Relaxed) && self.time.is_none_or(|time| passed < time)
    }

    /// The same for a search through all runs, of which nobody knows how many there are.
    pub(super) fn see_search(&mut self, searching: Searching) -> bool {
        let Searching { runs, states, failures } = searching;
        let passed = self.begun.elapsed();
        let rate = states as f64 / passed.as_secs_f64().max(0.001);
        self.shown.set_prefix(format!("{states} states, {rate:.0}/s, {runs} runs, {failures} failures"));
        !self.stop.load(Ordering::Relaxed) && self.time.is_none_or(|time| passed < time)
    }

    /// All runs are made. What is printed from here on has the terminal for itself; making small what was found may still take
    /// a while.
    pub(super) fn done(&self) {
        // Where there is no terminal, lines go on to be printed: not of runs, which are no more.
        self.shown.set_prefix("all runs are made, what was found is made small");
        self.shown.finish_and_clear();
    }

    /// Runs a second, to be told to people only: it differs from time to time.
    pub(super) fn rate(&self, runs: u64) -> Option<f64> {
        io::stderr().is_terminal().then(|| runs as f64 / self.begun.elapsed().as_secs_f64().max(0.001))
    }
}
