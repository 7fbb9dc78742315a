//! Where the tasks of a run ended up.
//!
//! Knows nothing of how a run is recorded.

use super::{Moment, What};
use crate::id::TaskId;
use crate::time::Time;

/// Where tasks ended up at the moment when main ended, each task but main counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tally {
    /// Returned.
    pub finished: u32,
    /// Raised.
    pub failed: u32,
    /// Ended as cancelled.
    pub cancelled: u32,
    /// Were still running, or had not even started.
    pub running: u32,
    /// When main ended, or when the run did if main never ended.
    pub ended: Time,
}

/// A [`Tally`] in the making: see every event, in order, and ask at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counting {
    /// Without the running ones, which are what is left.
    tally: Tally,
    created: u32,
    main_has_ended: bool,
}

impl Counting {
    /// Takes one more event in.
    #[inline(always)]
    pub fn see(&mut self, Moment { time, what, .. }: Moment) {
        if self.main_has_ended {
            return;
        }
        self.tally.ended = time;
        match what {
            What::Created { task, .. } if task != TaskId::MAIN => self.created += 1,
            What::Finished { task, .. } | What::Failed { task, .. } | What::Cancelled { task, .. }
                if task == TaskId::MAIN =>
            {
                self.main_has_ended = true;
            }
            What::Finished { .. } => self.tally.finished += 1,
            What::Failed { .. } => self.tally.failed += 1,
            What::Cancelled { .. } => self.tally.cancelled += 1,
            _ => {}
        }
    }

    /// The tally if the run ended here.
    pub fn tally(&self) -> Tally {
        let ended = self.tally.finished + self.tally.failed + self.tally.cancelled;
        Tally { running: self.created - ended, ..self.tally }
    }

    /// Whether main has ended; what happens later is `run()`'s shutdown and does not count.
    pub fn has_main_ended(&self) -> bool {
        self.main_has_ended
    }
}
