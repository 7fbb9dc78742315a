//! What somebody has of a long command while it goes on: how far it is, and Ctrl-C.
//!
//! Knows nothing of what takes long.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is printed where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// How far a command is: its message says at what it works, its prefix how much is done. On a terminal that is a bar;
/// elsewhere a line on standard error now and then, so that whoever reads the log of a machine knows that it goes on.
pub(super) struct Shown {
    bar: ProgressBar,
    /// Ends the thread that prints lines, when it is dropped.
    _lines: Option<Sender<()>>,
}

impl Shown {
    pub(super) fn new(message: String) -> Shown {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = "{msg} {wide_bar} {prefix}";
        let bar = bar.with_style(ProgressStyle::with_template(template).expect("the template is well written"));
        bar.set_message(message);
        let lines = (!io::stderr().is_terminal()).then(|| print_lines(bar.clone()));
        Shown { bar, _lines: lines }
    }
}

impl std::ops::Deref for Shown {
    type Target = ProgressBar;

    fn deref(&self) -> &ProgressBar {
        &self.bar
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Prints what the bar would show, until the sender is dropped.
fn print_lines(bar: ProgressBar) -> Sender<()> {
    let (sender, ended) = channel();
    std::thread::spawn(move || {
        let mut seconds = 0;
        while ended.recv_timeout(BETWEEN_LINES) == Err(RecvTimeoutError::Timeout) {
            seconds += BETWEEN_LINES.as_secs();
            let (message, prefix) = (bar.message(), bar.prefix());
            let done = if prefix.is_empty() { "nothing done yet" } else { &prefix };
            // Nobody has to read it.
            _ = writeln!(io::stderr(), "{message}: {done}, after {seconds}s");
        }
    });
    sender
}

/// Set once somebody has pressed Ctrl-C; whoever presses it again means it.
pub(super) fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = stop.clone();
    // Where it cannot be heard, Ctrl-C ends the process as it always does.
    _ = ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    stop
}
