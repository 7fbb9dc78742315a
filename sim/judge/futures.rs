//! The judge of a run of real futures: nobody declares anything, so what is wrong is what went wrong in it.
//!
//! - `panicked`: a task panicked, or the test returned an error. Only the first one in a run: that a panic of one task goes
//!   through a `JoinHandle` and has another one panic is the same failure.
//! - `lost-wakeup`: everybody waits for ever, and somebody gets on when polled once more.
//! - `deadlock`, `livelock`, `unsettled`: the run ended so.
//!
//! Knows nothing of how a run came about, or of how a verdict is told.

use crate::id::{InstanceId, TaskId};
use crate::trace::{Counting, Moment, Outcome, Tally, What};
use crate::verdict::{Finding, Oracle, Verdict};

/// A judgement of a run of real futures in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Futures {
    counting: Counting,
    instances: Vec<InstanceId>,
    panicked: Option<Finding>,
    unwoken: Option<TaskId>,
}

impl Futures {
    /// Back to before the run, in the same memory.
    pub fn reset(&mut self) {
        self.counting = Counting::default();
        self.instances.clear();
        self.panicked = None;
        self.unwoken = None;
    }

    /// Takes one more event in.
    pub fn see(&mut self, moment: Moment) {
        self.counting.see(moment);
        match moment.what {
            What::Created { instance, .. } => self.instances.push(instance),
            What::Failed { task, error } => {
                let finding = self.finding(Oracle::Panicked, task);
                self.panicked.get_or_insert(Finding { error: Some(error.ty), ..finding });
            }
            What::WakeLost { task } => self.unwoken = Some(task),
            _ => {}
        }
    }

    /// Where the tasks have ended up so far.
    pub fn tally(&self) -> Tally {
        self.counting.tally()
    }

    /// The verdict on a run that ended like this after the events that were seen.
    pub fn end(&self, outcome: Outcome) -> Verdict {
        let mut findings: Vec<Finding> = self.panicked.into_iter().collect();
        let end = match outcome {
            Outcome::Finished(_) => None,
            Outcome::Failed(error) if findings.is_empty() => {
                Some(Finding { error: Some(error.ty), ..self.finding(Oracle::Panicked, TaskId::MAIN) })
            }
            Outcome::Failed(_) => None,
            Outcome::Deadlocked => Some(match self.unwoken {
                Some(task) => self.finding(Oracle::LostWakeup, task),
                None => self.finding(Oracle::Deadlock, TaskId::MAIN),
            }),
            Outcome::OutOfSteps => Some(self.finding(Oracle::Unsettled, TaskId::MAIN)),
            Outcome::Livelocked => Some(self.finding(Oracle::Livelock, TaskId::MAIN)),
        };
        findings.extend(end);
        Verdict { unmet: Vec::new(), findings }
    }

    fn finding(&self, oracle: Oracle, task: TaskId) -> Finding {
        let instance = self.instances.get(task.index()).copied().unwrap_or(InstanceId::MAIN);
        Finding { oracle, task: Some((task, instance)), error: None }
    }
}
