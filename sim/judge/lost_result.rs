//! The oracle `lost-result`: what a task awaited was there, and was lost with the task's cancellation or timeout.
//!
//! The oracle speaks if a task awaited a future that was done with a value other than `None`, or with an error, and
//! instead of it got `CancelledError`, because it was cancelled between being woken and running; and if nobody takes
//! that result, before or afterwards: by awaiting it, by `result` or `exception`, or by the result of a gather that it
//! belongs to. It also speaks if `wait_for` came back when that future was done, and did not take its result. `run()` takes the errors that it reports. A gather has a value if one of its children has one, or failed.
//!
//! Silent about the result of a declared future, because no event says whether that is `None`; and where the cancellation is
//! `run()`'s own: main has ended, and nobody is left who wants the result.
//!
//! Knows nothing of what the result is.

use super::oracles::Found;
use crate::id::{FutureId, TaskId};
use crate::program::{ErrorType, Value};
use crate::reuse::clone_in_place;
use crate::trace::{Owner, Waits, Wake, What};
use crate::verdict::Oracle;

/// What the futures of a run hold, and who lost it.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct LostResult {
    /// By number.
    futures: Vec<Future>,
    lost: Vec<(TaskId, FutureId)>,
    main_has_ended: bool,
}

clone_in_place!(LostResult { futures, lost, main_has_ended });

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Future {
    holds: Held,
    is_taken: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Held {
    /// Nothing, or nothing that could be missed.
    #[default]
    Nothing,
    Value,
    Error(ErrorType),
}

impl LostResult {
    pub(super) fn reset(&mut self) {
        self.futures.clear();
        self.lost.clear();
        self.main_has_ended = false;
    }

    pub(super) fn see(&mut self, what: What, waits: &Waits) {
        match what {
            What::Finished { task, value } if value != Value::None => {
                self.future(waits.future_of(task), waits).holds = Held::Value;
            }
            What::Failed { task, error } => {
                self.future(waits.future_of(task), waits).holds = Held::Error(error.ty);
            }
            What::GatherFinished { future }
                if waits.children(future).any(|child| self.holds(child) != Held::Nothing) =>
            {
                self.future(future, waits).holds = Held::Value;
            }
            What::GatherFailed { future, error } if !error.is_cancelled() => {
                self.future(future, waits).holds = Held::Error(error.ty);
            }
            What::Resumed { by: Wake::Future(future), .. } | What::Taken { future, .. } => {
                self.future(future, waits).is_taken = true;
            }
            What::UnhandledInShutdown { task, .. } => self.future(waits.future_of(task), waits).is_taken = true,
            What::ShutdownBegan { .. } => self.main_has_ended = true,
            What::CancelDelivered { task, .. } | What::Resumed { task, by: Wake::Library } if !self.main_has_ended => {
                let awaited = waits.awaited_by(task).filter(|&future| waits.is_done(future));
                let missed = awaited.filter(|&future| self.holds(future) != Held::Nothing);
                self.lost.extend(missed.map(|future| (task, future)));
            }
            _ => {}
        }
    }

    pub(super) fn end(&self, waits: &Waits, found: &mut Found) {
        if self.lost.is_empty() {
            return;
        }
        let mut is_taken: Vec<bool> = self.futures.iter().map(|future| future.is_taken).collect();
        // A gather is younger than its children, so this takes what is in it before that is looked at itself.
        for at in (0..is_taken.len()).rev().filter(|&at| is_gather(at, waits)) {
            let gather = FutureId(at as u32);
            if !is_taken[at] {
                continue;
            }
            // Of one that has failed, only an error has come out.
            let has_failed = matches!(self.holds(gather), Held::Error(_));
            for child in waits.children(gather) {
                let comes_out = !has_failed || matches!(self.holds(child), Held::Error(_));
                if let Some(is_taken) = is_taken.get_mut(child.index()) {
                    *is_taken |= comes_out;
                }
            }
        }
        for &(task, future) in self.lost.iter().filter(|(_, future)| !is_taken[future.index()]) {
            let error = match self.holds(future) {
                Held::Error(error) => Some(error),
                _ => None,
            };
            found.add(Oracle::LostResult, task, waits, error);
        }
    }

    fn holds(&self, future: FutureId) -> Held {
        self.futures.get(future.index()).map_or(Held::Nothing, |future| future.holds)
    }

    fn future(&mut self, future: FutureId, waits: &Waits) -> &mut Future {
        if self.futures.len() <= future.index() {
            self.futures.resize(waits.futures(), Future::default());
        }
        &mut self.futures[future.index()]
    }
}

fn is_gather(at: usize, waits: &Waits) -> bool {
    matches!(waits.owner(FutureId(at as u32)), Owner::Gather(_) | Owner::Shield(_))
}

#[cfg(test)]
mod tests {
    use super::super::oracles::tests::*;
    use super::*;

    fn resumed(task: TaskId, future: FutureId) -> What {
        What::Resumed { task, by: Wake::Future(future) }
    }

    #[test]
    fn a_value_that_was_there_is_lost_unless_somebody_takes_it() {
        let lost = [awaits(A, future(B)), gave(B), asked(A), told(A), cancelled(A)];
        check(&[&lost], &["lost-result a"]);
        check(&[&lost, &[What::Taken { task: MAIN, future: future(B) }]], &[]);
        check(&[&[awaits(MAIN, future(B))], &lost, &[resumed(MAIN, future(B))]], &[]);
        check(&[&[awaits(A, future(B)), returned(B), asked(A), told(A), cancelled(A)]], &[]);
        check(&[&[awaits(A, future(B)), asked(A), asked(B), told(B), cancelled(B), told(A), cancelled(A)]], &[]);
        check(&[&[awaits(A, future(B)), gave(B), resumed(A, future(B)), asked(A), told(A), cancelled(A)]], &[]);
    }

    #[test]
    fn an_error_is_lost_as_well() {
        let lost = [awaits(A, future(B)), failed(B), asked(A), told(A), cancelled(A)];
        check(&[&lost], &["lost-result a ValueError"]);
        check(&[&lost, &[What::UnhandledInShutdown { task: B, error: BROKEN }]], &[]);
    }

    #[test]
    fn nobody_wants_it_once_main_has_ended() {
        let left = What::ShutdownBegan { left: 1 };
        let events = [awaits(A, future(B)), returned(C), gave(B), returned(MAIN), left, told(A), cancelled(A)];
        check(&[&events], &["outlives-main a"]);
    }

    #[test]
    fn what_a_gather_gives_is_what_its_children_gave() {
        let children = gathered(B, 2);
        let finished = What::GatherFinished { future: GATHER };
        let cut = [finished, asked(A), told(A), cancelled(A)];
        check(&[&children, &[awaits(A, GATHER), gave(B), returned(C)], &cut], &["lost-result a"]);
        check(&[&children, &[awaits(A, GATHER), returned(B), returned(C)], &cut], &[]);
        // The child's own is in the gather's, if somebody takes that.
        let lost = [awaits(A, future(B)), gave(B), returned(C), asked(A), told(A), cancelled(A)];
        check(&[&children, &lost, &[finished]], &["lost-result a"]);
        check(&[&children, &lost, &[finished, resumed(MAIN, GATHER)]], &[]);
        let failed = What::GatherFailed { future: GATHER, error: BROKEN };
        check(&[&children, &lost, &[failed, resumed(MAIN, GATHER)]], &["lost-result a"]);
    }
}
