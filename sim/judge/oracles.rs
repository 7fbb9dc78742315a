//! What is looked for in every run that is explored, without being told: one fold for all oracles.
//!
//! Each oracle's file says when it speaks. Where an event leaves open whether something is wrong they are silent: a
//! false alarm costs more than a miss.
//!
//! Knows nothing of what the file expects, but for how the run is to end.

use super::cleanup::Cleanup;
use super::endings::Endings;
use super::lost_cancel::LostCancel;
use super::lost_result::LostResult;
use super::lost_wakeup::LostWakeup;
use super::overtaken::Overtaken;
use super::requests::Requests;
use crate::id::TaskId;
use crate::program::{ErrorType, Program};
use crate::reuse::clone_in_place;
use crate::time::Time;
use crate::trace::{Outcome, Waits, What};
use crate::verdict::{Expectation, Finding, Oracle};

/// All oracles over one run; see every event, in order, and ask at the end. Takes no memory once it has seen a run.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Oracles {
    /// Before the event that is seen.
    waits: Waits,
    lost_cancel: LostCancel,
    lost_result: LostResult,
    lost_wakeup: LostWakeup,
    overtaken: Overtaken,
    cleanup: Cleanup,
    requests: Requests,
    endings: Endings,
    found: Found,
}

clone_in_place!(Oracles { waits, lost_cancel, lost_result, lost_wakeup, overtaken, cleanup, requests, endings, found });

/// What has come to light.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Found {
    list: Vec<Finding>,
}

clone_in_place!(Found { list });

impl Found {
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// Something is wrong with a task.
    pub(super) fn add(&mut self, oracle: Oracle, task: TaskId, waits: &Waits, error: Option<ErrorType>) {
        self.list.push(Finding { oracle, task: Some((task, waits.instance_of(task))), error });
    }
}

impl Oracles {
    /// Oracles that have seen nothing of a run of `program`.
    pub fn new(program: &Program) -> Oracles {
        Oracles {
            waits: Waits::default(),
            lost_cancel: LostCancel::default(),
            lost_result: LostResult::default(),
            lost_wakeup: LostWakeup::new(program),
            overtaken: Overtaken::default(),
            cleanup: Cleanup::default(),
            requests: Requests::default(),
            endings: Endings::new(program),
            found: Found::default(),
        }
    }

    /// Back to before the run, in the same memory.
    pub fn reset(&mut self) {
        self.waits.reset();
        self.lost_cancel.reset();
        self.lost_result.reset();
        self.lost_wakeup.reset();
        self.overtaken.reset();
        self.cleanup.reset();
        self.requests.reset();
        self.endings.reset();
        self.found.list.clear();
    }

    /// Takes one more event in.
    #[inline]
    pub fn see(&mut self, now: Time, what: What) {
        if concerns_nobody(what) {
            self.lost_cancel.see_another();
        } else {
            self.tell_all(now, what);
        }
    }

    /// Each oracle is told what it goes by, and those that go by what comes directly after what, of everything.
    #[inline(never)]
    fn tell_all(&mut self, now: Time, what: What) {
        let Oracles { waits, lost_cancel, lost_result, lost_wakeup, overtaken, cleanup, requests, endings, found } =
            self;
        lost_cancel.see(what, waits, found);
        lost_wakeup.see(now, what, waits, found);
        match what {
            What::Finished { .. } | What::Failed { .. } | What::Cancelled { .. } => {
                lost_result.see(what, waits);
                cleanup.see(what, waits, found);
                endings.see(what, waits, found);
            }
            What::CancelRequested { .. } => {
                overtaken.see(what, waits, found);
                endings.see(what, waits, found);
            }
            What::CancelDelivered { .. } => {
                lost_result.see(what, waits);
                overtaken.see(what, waits, found);
            }
            What::Resumed { .. }
            | What::Taken { .. }
            | What::GatherFinished { .. }
            | What::GatherFailed { .. }
            | What::UnhandledInShutdown { .. } => lost_result.see(what, waits),
            What::ShutdownBegan { .. } => {
                lost_result.see(what, waits);
                outlives_main(waits, found);
            }
            What::Blocked { .. } | What::Used { .. } => overtaken.see(what, waits, found),
            What::Cleanup { .. } | What::Dropped { .. } => cleanup.see(what, waits, found),
            What::Requested { .. } | What::Responded { .. } | What::Carried { .. } => {
                requests.see(now, what, waits, found);
            }
            // What is left tells who is there, and who waits for whom.
            _ => {}
        }
        waits.see(what);
    }

    /// What is wrong with a run that ended like this after the events that were seen, and that the file does not allow.
    pub fn findings(&self, expectation: &Expectation, outcome: Outcome) -> Vec<Finding> {
        let mut found = self.found.clone();
        self.lost_result.end(&self.waits, &mut found);
        self.lost_wakeup.end(outcome, &self.waits, &mut found);
        self.requests.end(outcome, &self.waits, &mut found);
        self.endings.end(outcome, expectation, &self.waits, &mut found);
        found.list.retain(|finding| !expectation.allows(finding.oracle));
        found.list
    }
}

/// Most of what happens means nothing to any oracle but that it happened.
#[inline]
fn concerns_nobody(what: What) -> bool {
    matches!(
        what,
        What::Started { .. }
            | What::Printed { .. }
            | What::Yielded { .. }
            | What::Slept { .. }
            | What::Called { .. }
            | What::CallReturned { .. }
            | What::Struck { .. }
            | What::Raised { .. }
            | What::Chose(_)
    )
}

/// Main has ended, `run()` begins its shutdown, and tasks are left: each is a finding, however main came to its end. That
/// it was cancelled itself and left its children running is what this is about.
///
/// Silent about tasks that end in the turn in which main does, and where main never ends: or is cancelled as the others are,
/// because an error has left the loop.
fn outlives_main(waits: &Waits, found: &mut Found) {
    if !waits.is_done(waits.future_of(TaskId::MAIN)) {
        return;
    }
    for task in waits.unfinished() {
        found.add(Oracle::OutlivesMain, task, waits, None);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::id::{FutureId, InstanceId, TextId};
    use crate::program::{Error, Value, sample};
    use crate::time::Time;
    use crate::trace::Requester;

    pub(in crate::judge) const MAIN: TaskId = TaskId::MAIN;
    pub(in crate::judge) const A: TaskId = TaskId(1);
    pub(in crate::judge) const B: TaskId = TaskId(2);
    pub(in crate::judge) const C: TaskId = TaskId(3);
    /// A gather, made after the tasks.
    pub(in crate::judge) const GATHER: FutureId = FutureId(4);
    pub(in crate::judge) const CANCELLED: Error = Error::cancelled(None);
    pub(in crate::judge) const BROKEN: Error = Error::new(ErrorType::VALUE_ERROR);
    pub(in crate::judge) const RETURNED: Outcome = Outcome::Finished(Value::None);

    pub(in crate::judge) fn future(task: TaskId) -> FutureId {
        FutureId(task.0)
    }

    pub(in crate::judge) fn asked(task: TaskId) -> What {
        What::CancelRequested { task, by: Requester::Outside, message: None }
    }

    pub(in crate::judge) fn told(task: TaskId) -> What {
        What::CancelDelivered { task, message: None }
    }

    pub(in crate::judge) fn caught(task: TaskId) -> What {
        What::Caught { task, error: CANCELLED, clause: ErrorType::CANCELLED_ERROR }
    }

    pub(in crate::judge) fn caught_by_all(task: TaskId) -> What {
        What::Caught { task, error: CANCELLED, clause: ErrorType::BASE_EXCEPTION }
    }

    pub(in crate::judge) fn returned(task: TaskId) -> What {
        What::Finished { task, value: Value::None }
    }

    pub(in crate::judge) fn gave(task: TaskId) -> What {
        What::Finished { task, value: Value::Text(TextId(0)) }
    }

    pub(in crate::judge) fn failed(task: TaskId) -> What {
        What::Failed { task, error: BROKEN }
    }

    pub(in crate::judge) fn cancelled(task: TaskId) -> What {
        What::Cancelled { task, message: None }
    }

    pub(in crate::judge) fn awaits(task: TaskId, future: FutureId) -> What {
        What::Awaited { task, future }
    }

    /// Main gathers these.
    pub(in crate::judge) fn gathered(first: TaskId, count: u32) -> [What; 2] {
        [
            What::Gathered { future: GATHER, by: MAIN, children: count },
            What::Children { future: GATHER, first: future(first), count },
        ]
    }

    /// What the oracles find after these events, with tasks `a`, `b` and `c`: each as oracle, task and class.
    pub(in crate::judge) fn found(expectation: &Expectation, outcome: Outcome, events: &[&[What]]) -> Vec<String> {
        let program = sample::program(&["a", "b", "c"]);
        let mut oracles = Oracles::new(&program);
        let mut once = || {
            let created = [A, B, C].map(|task| What::Created { task, by: MAIN, instance: InstanceId(task.0) });
            created.iter().chain(events.iter().copied().flatten()).for_each(|&what| oracles.see(Time::ZERO, what));
            oracles.findings(expectation, outcome)
        };
        let first = once();
        oracles.reset();
        let program = sample::program(&["a", "b", "c"]);
        assert!(oracles == Oracles::new(&program), "a reset forgets everything");
        let tell = |finding: &Finding| {
            let name = finding.task.map(|(_, instance)| program.name(instance)).unwrap_or_default();
            let class = finding.error.map(|error| format!(" {}", program.error_types.name(error)));
            format!("{} {name}{}", finding.oracle.name(), class.unwrap_or_default())
        };
        first.iter().map(tell).collect()
    }

    /// As [`found`], for a run in which main returns and of which nothing is expected.
    pub(in crate::judge) fn check(events: &[&[What]], expected: &[&str]) {
        assert_eq!(found(&Expectation::default(), RETURNED, events), expected);
    }

    #[test]
    fn what_is_left_when_main_has_ended_outlives_it() {
        let left = What::ShutdownBegan { left: 2 };
        check(&[&[returned(B), returned(MAIN), left]], &["outlives-main a", "outlives-main c"]);
        check(&[&[returned(A), cancelled(B), failed(C), returned(MAIN)]], &[]);
        let cut = [told(MAIN), cancelled(MAIN), What::ShutdownBegan { left: 3 }];
        assert_eq!(found(&Expectation::default(), Outcome::Failed(CANCELLED), &[&cut])[..1], ["outlives-main a"]);
        check(&[&[failed(A), What::ShutdownBegan { left: 3 }, cancelled(MAIN), cancelled(B), cancelled(C)]], &[]);
    }

    #[test]
    fn what_is_allowed_is_not_told() {
        let expectation = Expectation { allow: vec![(Oracle::OutlivesMain, "a".to_owned())], ..Expectation::default() };
        let events = [returned(MAIN), What::ShutdownBegan { left: 3 }];
        assert_eq!(found(&expectation, RETURNED, &[&events]), [""; 0]);
    }
}
