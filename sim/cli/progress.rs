//! What somebody at a terminal has of a long command: a bar that shows how far it is, and Ctrl-C.
//!
//! Knows nothing of what takes long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar between what is done (its message) and numbers (its prefix); only a terminal shows it.
pub(super) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let template = "{msg} {wide_bar} {prefix}";
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well written"))
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
