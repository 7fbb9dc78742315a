//! Panics while runs are made: where and with which words, and no noise.
//!
//! Knows nothing of whose panic it is.

use std::cell::{Cell, RefCell};
use std::panic::{Location, PanicHookInfo};
use std::sync::Once;

use super::sites;

/// A panic of the code under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panic {
    /// `src/pool.rs:20:9`
    pub(crate) place: String,
    /// What it says.
    pub(crate) message: String,
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
    static PANICS: RefCell<Vec<Panic>> = const { RefCell::new(Vec::new()) };
}

static HOOK: Once = Once::new();

/// Does something during which panics of this thread are noted and not printed.
pub(crate) fn quietly<T>(what: impl FnOnce() -> T) -> T {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.try_with(Cell::get).unwrap_or(false) {
                before(info);
            } else {
                note(info);
            }
        }));
    });
    let _loud_again = Restore(IS_QUIET.replace(true));
    what()
}

/// Quiet or not as before, even if what was done panics.
struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        IS_QUIET.set(self.0);
    }
}

/// The panics since the last time, in their order.
pub(crate) fn take() -> Vec<Panic> {
    PANICS.take()
}

/// Said of sockets and the like.
const REAL_IO: &str = " (real I/O cannot be simulated here: give the code a channel or `tokio::io::duplex` instead, or run it on \
    the simulated network)";

fn note(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "somewhere".to_owned(), ToString::to_string);
    let message = info.payload_as_str().unwrap_or("a panic without words");
    // An assertion tells what it found in lines of their own.
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut message = lines.join("; ");
    if ["IO is disabled", "no reactor running"].iter().any(|sign| message.contains(sign)) {
        message.push_str(REAL_IO);
    }
    // Where in the package's own code a library was called that panics is looked up in the run that is told.
    let is_told = super::shared::current().is_some_and(|shared| shared.with_sites);
    let file = info.location().map(Location::file);
    if let Some(own) = file.filter(|file| is_told && !sites::is_own(file)).and_then(|_| sites::here()) {
        message = format!("called at {}: {message}", own.place_and_function());
    }
    // Within a panic while this is borrowed nothing can be noted any more.
    _ = PANICS.try_with(|panics| panics.try_borrow_mut().map(|mut panics| panics.push(Panic { place, message })));
}
