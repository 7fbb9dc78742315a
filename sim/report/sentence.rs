//! What went wrong in one run, in one sentence with names.
//!
//! Knows nothing of how it was found.

use crate::id::TaskId;
use crate::program::Program;
use crate::time::Time;
use crate::trace::{Moment, Outcome, Requester, Trace, What};
use crate::verdict::{Finding, Oracle, Unmet};

use super::names::{Doing, Names, counted, grouped, listed, printable};
use super::sites::Site;

/// The sentence about something that nobody has to ask for.
pub(super) fn finding(program: &Program, trace: &Trace, finding: &Finding) -> String {
    let mut names = Names::new(program, trace);
    let moments: Vec<Moment> = trace.iter().collect();
    moments.iter().for_each(|moment| names.see(moment.what));
    let run = Run { program, names, moments };
    let task = finding.task.map_or(TaskId::MAIN, |(task, _)| task);
    let who = run.names.marked(task);
    match finding.oracle {
        Oracle::LostCancel => {
            format!("{who} was cancelled {}, and {} as if nothing had happened.", run.cancelled(task), run.end(task))
        }
        Oracle::OutlivesMain => format!("{who} was still there when main ended{}.", run.doing_at_mains_end(task)),
        Oracle::CleanupCutShort => {
            format!("{who} was cancelled {}, and its cleanup did not come to its end.", run.cancelled(task))
        }
        Oracle::LostResult => {
            format!("{who} was cancelled {}, and the result that it waited for is lost.", run.cancelled(task))
        }
        Oracle::Deadlock => format!("nothing can go on: {}.", deadlock(&run.names)),
        Oracle::Livelock => run.livelock(),
        Oracle::Unsettled => {
            let limit = grouped(program.limits.steps);
            format!("after {} the run never settles: it reaches its limit of {limit} steps.", run.last_fault())
        }
        Oracle::MainFailed => match trace.outcome {
            Outcome::Failed(error) => {
                format!("main failed with {}, and no fault accounts for it.", run.names.error(error))
            }
            _ => format!("main failed{}, and no fault accounts for it.", run.error(TaskId::MAIN)),
        },
        Oracle::AssertionFailed => format!("an assertion does not hold in {who}{}.", run.error(task)),
    }
}

/// The sentence about an expectation.
pub(super) fn unmet(unmet: &Unmet) -> String {
    let (expected, found) = (printable(&unmet.expected), printable(&unmet.found));
    format!("the scenario expects {expected}, but found {found}.")
}

/// Who waits for whom: a circle if there is one, otherwise everybody who waits.
fn deadlock(names: &Names<'_>) -> String {
    let circle = circle(names);
    if !circle.is_empty() {
        let waits: Vec<String> = (0..circle.len())
            .map(|at| {
                format!("{} waits for {}", names.marked(circle[at]), names.marked(circle[(at + 1) % circle.len()]))
            })
            .collect();
        return format!("{}, which is a circle", listed(&waits, MOST_WAITS));
    }
    let waits = names.unfinished().map(|(task, doing)| {
        let what = match doing {
            Doing::Starting | Doing::Running => "waits for nobody".to_owned(),
            Doing::Awaiting(future) => match names.children(future) {
                Some(children) => {
                    format!("waits for {} ({})", names.future(future), counted(children, "child", "children"))
                }
                None => format!("waits for `{}`", names.future(future)),
            },
            Doing::Blocked(operation, object) => format!("waits for {}.{}()", names.object(object), operation.method()),
            Doing::Waiting(count) => format!("waits for {}", counted(count, "future", "futures")),
        };
        format!("{} {what}", names.marked(task))
    });
    listed(&waits.collect::<Vec<_>>(), MOST_WAITS)
}

/// So many who wait are told.
const MOST_WAITS: usize = 6;

/// The tasks of the first circle of tasks that await each other; empty if there is none.
pub(super) fn circle(names: &Names<'_>) -> Vec<TaskId> {
    let mut next: Vec<Option<TaskId>> = vec![None; names.count()];
    for (task, doing) in names.unfinished() {
        if let Doing::Awaiting(future) = doing
            && names.children(future).is_none()
        {
            next[task.index()] = names.owner(future);
        }
    }
    // Who was met on the way from which start.
    let mut met: Vec<Option<usize>> = vec![None; next.len()];
    for start in 0..next.len() {
        let mut at = start;
        while met[at].is_none() {
            met[at] = Some(start);
            match next[at] {
                Some(task) => at = task.index(),
                None => break,
            }
        }
        if met[at] == Some(start) && next[at].is_some() {
            let first = TaskId(at as u32);
            let others = std::iter::successors(next[at], |task| next[task.index()]).take_while(|&task| task != first);
            return std::iter::once(first).chain(others).collect();
        }
    }
    Vec::new()
}

/// A run and its names at the end.
struct Run<'a> {
    program: &'a Program,
    names: Names<'a>,
    moments: Vec<Moment>,
}

impl Run<'_> {
    /// How a task was cancelled, the last time: `while it waited at its 2nd await (sleep 1s)`, or `by main at 1s`.
    fn cancelled(&self, whom: TaskId) -> String {
        let found = self.moments.iter().rev().find_map(|moment| match moment.what {
            What::Cut { task, phase, instance, site } if task == whom => {
                Some(Site::new(instance, site, self.names.instance_of_task(task)).when_it_was(self.program, phase))
            }
            What::CancelRequested { task, by, .. } if task == whom && by != Requester::Harness => {
                let by = match by {
                    Requester::Task(by) => self.names.marked(by),
                    other => super::trace::requester(&self.names, other),
                };
                Some(format!("by {by} at {}", moment.time))
            }
            _ => None,
        });
        found.unwrap_or_else(|| "with another task that awaited it".to_owned())
    }

    /// What became of a task.
    fn end(&self, whose: TaskId) -> String {
        let end = self.moments.iter().rev().find_map(|moment| match moment.what {
            What::Finished { task, value } if task == whose => {
                let value = self.names.value(value);
                Some(if value == "None" { "went on to its end".to_owned() } else { format!("returned {value}") })
            }
            What::Failed { task, error } if task == whose => Some(format!("failed with {}", self.names.error(error))),
            What::Cancelled { task, .. } if task == whose => Some("ended as cancelled for another reason".to_owned()),
            _ => None,
        });
        end.unwrap_or_else(|| "went on".to_owned())
    }

    /// What a task was doing when main ended.
    fn doing_at_mains_end(&self, whose: TaskId) -> String {
        let end = self.moments.iter().position(|moment| match moment.what {
            What::Finished { task, .. } | What::Failed { task, .. } | What::Cancelled { task, .. } => {
                task == TaskId::MAIN
            }
            _ => false,
        });
        let Some(end) = end else { return String::new() };
        let before = self.moments[..end].iter().rev();
        let what = before.clone().find_map(|moment| match moment.what {
            What::Slept { task, until } if task == whose => Some(format!("; it would have slept until {until}")),
            What::Awaited { task, future } if task == whose => {
                Some(format!("; it waited for {}", self.names.future(future)))
            }
            What::Waited { task, count, .. } if task == whose => {
                Some(format!("; it waited for {}", counted(count, "future", "futures")))
            }
            What::Created { task, .. } if task == whose => Some(", and had not run a line".to_owned()),
            What::Started { task } | What::CancelDelivered { task, .. } | What::Resumed { task, .. }
                if task == whose =>
            {
                Some(String::new())
            }
            _ => None,
        });
        format!(" at {}{}", self.moments[end].time, what.unwrap_or_default())
    }

    /// The last error of a task.
    fn error(&self, whose: TaskId) -> String {
        let error = self.moments.iter().rev().find_map(|moment| match moment.what {
            What::Failed { task, error } | What::Raised { task, error } if task == whose => Some(error),
            _ => None,
        });
        error.map(|error| format!(": {}", self.names.error(error))).unwrap_or_default()
    }

    /// Who keeps an instant from passing.
    fn livelock(&self) -> String {
        const LOOKED_AT: usize = 200;
        let mut tasks: Vec<TaskId> = Vec::new();
        for moment in self.moments.iter().rev().take(LOOKED_AT) {
            if let What::Resumed { task, .. } | What::Started { task } = moment.what
                && !tasks.contains(&task)
            {
                tasks.push(task);
            }
        }
        tasks.sort_unstable();
        let names: Vec<String> = tasks.iter().map(|&task| self.names.marked(task)).collect();
        let (verb, time) = (if names.len() == 1 { "runs" } else { "run" }, self.end_time());
        format!(
            "time stands still at {time}: {} {verb} turn after turn, and nothing else happens.",
            listed(&names, MOST_WAITS)
        )
    }

    fn end_time(&self) -> Time {
        self.moments.last().map_or(Time::ZERO, |moment| moment.time)
    }

    fn last_fault(&self) -> String {
        let fault = self.moments.iter().rev().find_map(|moment| match moment.what {
            What::Cut { task, .. } => Some(format!("the cut of {} at {}", self.names.marked(task), moment.time)),
            What::Struck { task, .. } => Some(format!("the failure in {} at {}", self.names.marked(task), moment.time)),
            _ => None,
        });
        fault.unwrap_or_else(|| "the last fault".to_owned())
    }
}
