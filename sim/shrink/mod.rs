//! The smallest story of a failure: fewer choices of a run, and less of a scenario file, while it stays the same failure.
//!
//! The two halves do not know each other. [`choices`] makes a run's log smaller and leaves the program alone;
//! `document` makes the text of a scenario smaller and leaves to its caller under which answers it is run. Both are given
//! a closure that tries a candidate and says whether that is still the same failure, so that what "the same" means is
//! decided in one place, and not here. Both are deterministic: the same input and the same closure give the same
//! result, in the same number of runs.
//!
//! Knows nothing of machines, of how a scenario is read, or of what a failure is.

mod choices;
#[cfg(feature = "shrink")]
mod document;
#[cfg(feature = "shrink")]
mod edit;
#[cfg(feature = "shrink")]
mod rounder;

pub use choices::{Shrunk, Size, Window, choices, window};
#[cfg(feature = "shrink")]
pub use document::{Document, document};

use std::ops::Range;

/// How many runs one shrinking makes at most: what it has by then is its result.
pub const RUNS_MAX: usize = 10_000;

/// Leaves out as much of a list of `len` items as can be left out piece by piece: halves of it, then quarters, down to
/// single items, each size from the end to the front, because what comes later hangs on what comes before.
///
/// `leave_out` tries it with one range of what is left at that time and says how long the list is afterwards.
fn leave_out_pieces(len: usize, leave_out: &mut dyn FnMut(Range<usize>) -> usize) {
    let (mut len, mut size) = (len, len);
    while 0 < size {
        let mut end = len;
        while 0 < end {
            let start = end.saturating_sub(size);
            len = leave_out(start..end);
            end = start.min(len);
        }
        size = size.min(len + 1) / 2;
    }
}
