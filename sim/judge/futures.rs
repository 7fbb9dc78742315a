//! The judge of a run of real futures: nobody declares anything, so what is wrong is what went wrong in it.
//!
//! - `panicked`: a task panicked. `main-failed`: the test returned an error, did not get back what it gave, or a host failed.
//!   Only the first one in a run: that a panic of one task goes through a `JoinHandle` and has another one panic is the same
//!   failure.
//! - `outlives-owner`, if that is asked for: a task is still there at the end although what had made it was cut.
//! - `late-effect`, if that is asked for: a task whose maker was cut notes what another one has noted since, which is the
//!   retry.
//! - `lost-wakeup`: everybody waits for ever, and somebody gets on when polled once more.
//! - `deadlock`, `livelock`, `unsettled`: the run ended so.
//!
//! Knows nothing of how a run came about, or of how a verdict is told.

use crate::id::{InstanceId, TaskId, TextId};
use crate::program::ErrorType;
use crate::trace::{Counting, Moment, Outcome, Tally, What};
use crate::verdict::{Finding, Oracle, Verdict};

/// A judgement of a run of real futures in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Futures {
    counting: Counting,
    /// By task: what it was made of, who has made it, whether it was cut, and whether it has ended.
    tasks: Vec<Known>,
    forbidden: Forbidden,
    /// What was noted, by whom, and when.
    notes: Vec<(TextId, TaskId, usize)>,
    /// How many cuts and notes there have been.
    seen: usize,
    late: Option<TaskId>,
    failed: Option<Finding>,
    unwoken: Option<TaskId>,
}

/// What is found fault with if somebody asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Forbidden {
    /// That a task is still there at the end although what had made it was cut.
    pub orphans: bool,
    /// That a task whose maker was cut notes something after another one has noted the same.
    pub late_effects: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Known {
    instance: InstanceId,
    by: TaskId,
    /// When, if it was.
    cut: Option<usize>,
    has_ended: bool,
}

impl Futures {
    /// A judge who finds fault with these as well.
    pub fn forbidding(forbidden: Forbidden) -> Futures {
        Futures { forbidden, ..Futures::default() }
    }

    /// Back to before the run, in the same memory.
    pub fn reset(&mut self) {
        self.counting = Counting::default();
        self.tasks.clear();
        self.notes.clear();
        self.seen = 0;
        self.late = None;
        self.failed = None;
        self.unwoken = None;
    }

    /// Takes one more event in. Inlined, so that an event is unpacked where it is looked at.
    #[inline(always)]
    pub fn see(&mut self, moment: Moment) {
        self.counting.see(moment);
        match moment.what {
            What::Created { instance, by, .. } => {
                self.tasks.push(Known { instance, by, cut: None, has_ended: false });
            }
            What::Cut { task, .. } => {
                self.seen += 1;
                self.tasks[task.index()].cut = Some(self.seen);
            }
            What::Printed { task, text } if self.forbidden.late_effects => self.note(task, text),
            What::Finished { task, .. } | What::Cancelled { task, .. } => self.tasks[task.index()].has_ended = true,
            What::Failed { task, error } => {
                self.tasks[task.index()].has_ended = true;
                let finding = self.failed(task, error.ty);
                self.failed.get_or_insert(finding);
            }
            What::WakeLost { task } => self.unwoken = Some(task),
            _ => {}
        }
    }

    /// When what has made the task was cut, or what has made that, if it was.
    fn orphaned(&self, mut task: TaskId) -> Option<usize> {
        while task != TaskId::MAIN {
            let by = self.tasks.get(task.index())?.by;
            let cut = self.tasks.get(by.index())?.cut;
            if cut.is_some() || by == task {
                return cut;
            }
            task = by;
        }
        None
    }

    fn note(&mut self, task: TaskId, text: TextId) {
        self.seen += 1;
        if let Some(cut) = self.orphaned(task) {
            let is_retry = |&(other_text, other, at): &(TextId, TaskId, usize)| {
                other_text == text && cut < at && self.orphaned(other).is_none()
            };
            if self.late.is_none() && self.notes.iter().any(is_retry) {
                self.late = Some(task);
            }
        }
        self.notes.push((text, task, self.seen));
    }

    /// Where the tasks have ended up so far.
    pub fn tally(&self) -> Tally {
        self.counting.tally()
    }

    /// The verdict on a run that ended like this after the events that were seen.
    pub fn end(&self, outcome: Outcome) -> Verdict {
        let mut findings: Vec<Finding> = self.failed.into_iter().collect();
        let end = match outcome {
            Outcome::Finished(_) => None,
            Outcome::Failed(error) if findings.is_empty() => Some(self.failed(TaskId::MAIN, error.ty)),
            Outcome::Failed(_) => None,
            Outcome::Deadlocked => Some(match self.unwoken {
                Some(task) => self.finding(Oracle::LostWakeup, task),
                None => self.finding(Oracle::Deadlock, TaskId::MAIN),
            }),
            Outcome::OutOfSteps => Some(self.finding(Oracle::Unsettled, TaskId::MAIN)),
            Outcome::Livelocked => Some(self.finding(Oracle::Livelock, TaskId::MAIN)),
        };
        findings.extend(end);
        findings.extend(self.late.map(|task| self.finding(Oracle::LateEffect, task)));
        if self.forbidden.orphans {
            let orphan =
                |task: &Known| !task.has_ended && task.by != TaskId::MAIN && self.tasks[task.by.index()].cut.is_some();
            let orphans = (0..).map(TaskId).zip(&self.tasks).filter(|(_, task)| orphan(task));
            findings.extend(orphans.map(|(task, _)| self.finding(Oracle::OutlivesOwner, task)));
        }
        Verdict { unmet: Vec::new(), findings }
    }

    /// That a task has failed; without a panic only main does. Each place that panics is a class of its own.
    fn failed(&self, task: TaskId, error: ErrorType) -> Finding {
        let oracle = if error.is_builtin() { Oracle::MainFailed } else { Oracle::Panicked };
        Finding { error: Some(error), ..self.finding(oracle, task) }
    }

    fn finding(&self, oracle: Oracle, task: TaskId) -> Finding {
        let instance = self.tasks.get(task.index()).map_or(InstanceId::MAIN, |task| task.instance);
        Finding { oracle, task: Some((task, instance)), error: None }
    }
}
