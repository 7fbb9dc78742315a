//! A body that tells of its tasks itself, as it is seen by whoever polls it: there is one recording, with everything in it.
//!
//! Knows nothing of who is polled next.

use super::Recording;
use crate::id::FutureId;
use crate::trace::Outcome;

/// A body that tells of its tasks itself.
pub trait Guest {
    /// Where it does: questions belong there as well.
    fn recording(&self) -> Recording;

    /// Somebody is about to be polled, or everybody has been. `is_woken` says who is woken and not yet polled.
    fn moment(&self, is_woken: &dyn Fn(FutureId) -> bool);

    /// The run is over, and has ended so.
    fn end(&self, outcome: Outcome);
}
