//! What went wrong in one run, in one sentence with names.
//!
//! Knows nothing of how it was found.

use crate::id::{InstanceId, ObjectId, TaskId, TextId};
use crate::program::{Make, Operation, Program, Stage};
use crate::time::{Nanos, Time};
use crate::trace::{Dormant, Frame, Moment, Outcome, Owner, Requester, Trace, What};
use crate::verdict::{Ending, Finding, Oracle, Unmet};

use super::limits::limit;
use super::names::{Doing, Names, counted, listed, printable};
use super::sites::Site;
use super::trace::{now, requester};

/// The sentence about something that nobody has to ask for.
pub(super) fn finding(program: &Program, trace: &Trace, finding: &Finding) -> String {
    let mut names = Names::new(program, trace);
    let moments: Vec<Moment> = trace.iter().collect();
    moments.iter().for_each(|moment| names.see(moment.what));
    let run = Run { program, trace, names, moments };
    let task = finding.task.map_or(TaskId::MAIN, |(task, _)| task);
    let who = run.names.marked(task);
    let class = finding.error.map(|error| program.error_types.name(error));
    match finding.oracle {
        Oracle::LostCancel => {
            let how = if class.is_some() { "instead" } else { "as if nothing had happened" };
            format!("{who} was cancelled{}, and {} {how}.", run.cancelled(task), run.end(task))
        }
        Oracle::OutlivesMain => format!("{who} was still there when main ended{}.", run.doing_at_mains_end(task)),
        Oracle::CleanupCutShort => match run.cut_short(task) {
            how if how.is_empty() => format!("a `finally` of {who} did not come to its end."),
            how => format!("{who} was cancelled{how}, and its `finally` did not come to its end."),
        },
        Oracle::LostResult => {
            let what = class.unwrap_or("result");
            match run.cancelled(task) {
                how if how.is_empty() => format!("{who} timed out, and the {what} of what it waited for is lost."),
                how => format!("{who} was cancelled{how}, and the {what} of what it awaited is lost."),
            }
        }
        Oracle::LostWakeup if program.is_rust() => {
            let now = run.names.doing(task).map(|doing| format!(" {} and", now(&run.names, doing))).unwrap_or_default();
            format!("nothing goes on, but {who}{now} could: whoever should have woken it has not.")
        }
        Oracle::LostWakeup => run.lost_wakeup(task),
        Oracle::Overtaken => {
            let what = run.last_use(task).map_or("something".to_owned(), |(_, object)| run.names.object(object));
            format!("{who} waited for {what}, and again and again others got it who had asked later.")
        }
        Oracle::RetryTooSoon => run.retry_too_soon(task),
        Oracle::ConnectionLeftOpen => format!("{who} has ended, and a connection that it opened was never closed."),
        Oracle::Deadlock if !trace.sites.dormant().is_empty() => run.futurelock(),
        Oracle::Deadlock => format!("nothing can go on: {}.", deadlock(&run.names, trace)),
        Oracle::Livelock => run.livelock(),
        Oracle::Unsettled => run.unsettled(),
        Oracle::Panicked => run.panic(task),
        Oracle::LateEffect => run.late_effect(task),
        Oracle::OutlivesOwner => {
            let now = run.names.doing(task).map(|doing| format!(": it {}", now(&run.names, doing))).unwrap_or_default();
            format!("{who} was still there at the end although what had made it was cut{now}.")
        }
        Oracle::MainFailed if program.is_rust() => {
            stopped(&format!("main {}", trace.error().map(|error| run.names.error(error)).unwrap_or_default()))
        }
        Oracle::MainFailed => {
            let ended = if task == TaskId::MAIN { "failed" } else { "ended the whole run" };
            format!("{who} {ended}{}, which nothing in the file accounts for.", run.error(task))
        }
        Oracle::AssertionFailed => format!("an `assert` failed in {who}{}.", run.error(task)),
    }
}

/// The sentence about an expectation.
pub(super) fn unmet(unmet: &Unmet) -> String {
    let (expected, found) = (printable(&unmet.expected), printable(&unmet.found));
    format!("the scenario expects {expected}, but found {found}.")
}

/// Who waits for whom: the circle if there is one, otherwise everybody who waits.
fn deadlock(names: &Names<'_>, trace: &Trace) -> String {
    let name = |owner: &Owner| match owner {
        Owner::Task(task) => names.marked(*task),
        Owner::Gather(number) => format!("gather {number}"),
        Owner::Shield(number) => format!("shield {number}"),
        Owner::Declared(object) => names.object(*object),
    };
    let circle: Vec<String> = trace.cycle().iter().map(name).collect();
    if let [first, rest @ ..] = circle.as_slice() {
        let rest: String = rest.iter().map(|next| format!("{next}, which waits for ")).collect();
        return format!("{first} waits for {rest}{first}");
    }
    let waits = names.unfinished().map(|(task, doing)| format!("{} {}", names.marked(task), now(names, doing)));
    let waits: Vec<String> = waits.collect();
    // Where one of them has several parts, a comma would not tell where the next one begins.
    let has_parts = waits.iter().any(|wait| [", ", " and "].iter().any(|part| wait.contains(part)));
    if !has_parts {
        return listed(&waits, MOST_WAITS);
    }
    let (shown, left) = waits.split_at(waits.len().min(MOST_WAITS));
    let more = if left.is_empty() { String::new() } else { format!("; and {} more", left.len()) };
    shown.join("; ") + &more
}

/// A sentence that ends in somebody's own words, which may have brought their stop along.
fn stopped(sentence: &str) -> String {
    let has_stop = sentence.trim_end_matches(['"', '\'']).ends_with(['.', '!', '?', '…']);
    format!("{sentence}{}", if has_stop { "" } else { "." })
}

/// So many who wait are told.
const MOST_WAITS: usize = 6;

/// A run and its names at the end.
struct Run<'a> {
    program: &'a Program,
    trace: &'a Trace,
    names: Names<'a>,
    moments: Vec<Moment>,
}

impl Run<'_> {
    /// The first request of a task to a host that had said how long to wait.
    fn retry_too_soon(&self, whose: TaskId) -> String {
        let who = self.names.marked(whose);
        let mut hosts = Vec::new();
        let mut quiet = Vec::new();
        for moment in &self.moments {
            match moment.what {
                What::Requested { task, host, .. } => {
                    hosts.push(host);
                    let told = |(other, from, _): &&(_, Time, u32)| *other == host && *from < moment.time;
                    if let Some((_, from, secs)) = quiet.iter().find(told).filter(|_| task == whose) {
                        let host = self.names.host(host);
                        return format!(
                            "{who} asks {host} at {}, which at {from} said 429 and to wait for {secs} seconds.",
                            moment.time
                        );
                    }
                }
                What::Responded { request, retry_after: Some(secs), .. } => {
                    let host = request.checked_sub(1).and_then(|at| hosts.get(at as usize)).copied();
                    quiet.extend(host.map(|host| (host, moment.time, secs)));
                }
                _ => {}
            }
        }
        format!("{who} asks a host that has said 429 and how long to wait.")
    }

    /// How a task was cancelled, the last time: ` while it waited at its 2nd await (sleep 1s)`, or ` by main at 1s`;
    /// empty if no event tells.
    fn cancelled(&self, whom: TaskId) -> String {
        let is_asked = |moment: &Moment| matches!(moment.what, What::CancelRequested { task, .. } if task == whom);
        self.moments.iter().rposition(is_asked).map_or_else(String::new, |at| self.cancelled_at(whom, at))
    }

    /// How a task was cancelled when a `finally` of it had begun that never came to its end; or else the last time.
    fn cut_short(&self, whom: TaskId) -> String {
        let mut begun: Vec<((InstanceId, u32), Option<usize>)> = Vec::new();
        for (at, moment) in self.moments.iter().enumerate() {
            match moment.what {
                What::Cleanup { task, instance, finally, stage: Stage::Begun } if task == whom => {
                    begun.push(((instance, finally), None));
                }
                What::Cleanup { task, instance, finally, stage: Stage::Ended } if task == whom => {
                    let ended = begun.iter().rposition(|(known, _)| *known == (instance, finally));
                    ended.map(|ended| begun.remove(ended));
                }
                What::CancelRequested { task, .. } if task == whom => {
                    begun.iter_mut().for_each(|(_, asked)| _ = asked.get_or_insert(at));
                }
                _ => {}
            }
        }
        let asked = begun.into_iter().find_map(|(_, asked)| asked);
        asked.map_or_else(|| self.cancelled(whom), |at| self.cancelled_at(whom, at))
    }

    /// How it was by the request that is this moment.
    fn cancelled_at(&self, whom: TaskId, at: usize) -> String {
        let What::CancelRequested { by, .. } = self.moments[at].what else { return String::new() };
        let (time, before) = (self.moments[at].time, self.moments[..at].iter().rev());
        let cut = before.map(|moment| moment.what).find(|what| matches!(what, What::Cut { .. }));
        match (by, cut) {
            (Requester::Harness, Some(What::Cut { task, phase, instance, site })) if task == whom => {
                let site = Site::new(instance, site, self.names.instance_of_task(task)).seen(self.trace, task);
                format!(" {}", site.when_it_was(self.program, phase))
            }
            (Requester::Harness, Some(What::Cut { task, .. })) => {
                format!(" along with {} at {time}", self.names.marked(task))
            }
            (Requester::Task(by), _) => format!(" by {} at {time}", self.names.marked(by)),
            _ => format!(" by {} at {time}", requester(&self.names, by)),
        }
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
        error.map(|error| format!(" with {}", self.names.error(error))).unwrap_or_default()
    }

    /// Who keeps what others wait for without ever looking at it.
    fn futurelock(&self) -> String {
        let Some(Dormant { task, chain, woken_by }) = self.trace.sites.dormant().first() else { return String::new() };
        let mut own: Vec<&Frame> = chain.iter().filter(|frame| frame.is_own).collect();
        own.reverse();
        let place = |frame: &&Frame| printable(&frame.place_and_function());
        let [at, from] = [0, 1].map(|at| own.get(at).map(place));
        let at = at.unwrap_or_else(|| "a place without source".to_owned());
        let from = from.map(|from| format!(", awaited from {from},")).unwrap_or_default();
        let by = woken_by.map(|by| format!(" by {}", self.names.marked(by))).unwrap_or_default();
        let owner = self.names.marked(*task);
        let waits: Vec<String> = self
            .names
            .unfinished()
            .map(|(task, doing)| {
                // The last wait of all, and from where it is awaited: the innermost line may be the one above.
                let chain = self.trace.sites.at(task, u32::MAX).unwrap_or_default();
                let outer = chain.iter().rev().filter(|frame| frame.is_own).nth(1).map(|frame| place(&frame));
                let outer = outer.map(|outer| format!(", awaited from {outer}")).unwrap_or_default();
                format!("{} {}{outer}", self.names.marked(task), now(&self.names, doing))
            })
            .collect();
        format!(
            "a futurelock: the lock waited for at {at}{from} was handed over{by}, and {owner}, which does not poll that \
             future any more or keeps the lock, does not give it on; behind it, {}.",
            listed(&waits, MOST_WAITS)
        )
    }

    /// What a task did that had been left behind, and who had done it before.
    fn late_effect(&self, whose: TaskId) -> String {
        let notes: Vec<(Time, TaskId, TextId)> = (self.moments.iter())
            .filter_map(|moment| match moment.what {
                What::Printed { task, text } => Some((moment.time, task, text)),
                _ => None,
            })
            .collect();
        let who = self.names.marked(whose);
        for (at, &(time, task, text)) in notes.iter().enumerate().filter(|(_, (_, task, _))| *task == whose) {
            let before = notes[..at].iter().rev().find(|(_, other, same)| *same == text && *other != task);
            if let Some((earlier, other, _)) = before {
                let (text, other) = (self.names.quoted(text), self.names.marked(*other));
                return format!(
                    "what had made {who} was cut, and it went on: {text} at {time}, after {other} had done it at {earlier}."
                );
            }
        }
        format!("what had made {who} was cut, and it did something after a retry had done it.")
    }

    /// The last operation and object for which a task had to wait.
    fn last_use(&self, whose: TaskId) -> Option<(Operation, ObjectId)> {
        self.moments.iter().rev().find_map(|moment| match moment.what {
            What::Blocked { task, operation, object } if task == whose => Some((operation, object)),
            _ => None,
        })
    }

    /// For what a task sleeps on, and that it is there.
    fn lost_wakeup(&self, whose: TaskId) -> String {
        let who = self.names.marked(whose);
        let Some((operation, object)) = self.last_use(whose) else { return format!("{who} sleeps on.") };
        let why = match (self.names.make(object), operation) {
            (Make::Lock, _) => "it is free",
            (Make::Semaphore(_), _) => "it has a permit",
            (Make::Event, _) => "it is set",
            (Make::Queue(_), Operation::Put) => "it has room",
            (Make::Queue(_), _) => "it has an item",
            (Make::Condition | Make::Barrier(_) | Make::Future, _) => {
                "there was a notification, which was lost with a task that was cancelled"
            }
        };
        format!("{who} sleeps on in {}.{}(), though {why}.", self.names.object(object), operation.method())
    }

    /// Where and with which words a task panicked.
    fn panic(&self, whose: TaskId) -> String {
        let who = self.names.marked(whose);
        let error = self.moments.iter().find_map(|moment| match moment.what {
            What::Failed { task, error } if task == whose => Some(error),
            _ => None,
        });
        match error.or(self.trace.error()) {
            // Main has come to its end, so it knew what to do with that, or did not look.
            Some(error) if matches!(self.trace.outcome, Outcome::Finished(_)) => format!(
                "{} That counts although main went on: if it is meant, catch it within the task, with `catch_unwind`.",
                stopped(&format!("{who} panicked at {}", self.names.error(error)))
            ),
            Some(error) => format!("{who} panicked at {}", self.names.error(error)),
            None => format!("{who} panicked."),
        }
    }

    /// Who keeps an instant from passing.
    fn livelock(&self) -> String {
        let tasks = self.busy();
        let names: Vec<String> = tasks.iter().map(|&(task, _)| self.names.marked(task)).collect();
        if names.is_empty() {
            return format!("time stands still at {}.", self.end_time());
        }
        let (verb, time) = (if names.len() == 1 { "runs" } else { "run" }, self.end_time());
        format!(
            "time stands still at {time}: {} {verb} turn after turn, and nothing else happens.",
            listed(&names, MOST_WAITS)
        )
    }

    /// Who has gone on to the end, and has not come to an end of its own.
    fn busy(&self) -> Vec<(TaskId, Doing)> {
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
        tasks.into_iter().filter_map(|task| Some((task, self.names.doing(task)?))).collect()
    }

    /// That a run goes on and on, since when, and who.
    fn unsettled(&self) -> String {
        let since = self.last_fault().map(|fault| format!("after {fault} ")).unwrap_or_default();
        let limit = limit(self.program, Ending::OutOfSteps);
        let busy: Vec<String> = self.busy().into_iter().map(|(task, doing)| self.goes_on(task, doing)).collect();
        let who = if busy.is_empty() { String::new() } else { format!(": {}", listed(&busy, MOST_WAITS)) };
        format!("{since}the run never comes to an end{who}. At {} it is given up after {limit}.", self.end_time())
    }

    /// A task, and where it waits between its turns.
    fn goes_on(&self, task: TaskId, doing: Doing) -> String {
        let who = self.names.marked(task);
        let asleep = self.moments.iter().rev().find_map(|moment| match moment.what {
            What::Slept { task: it, until } if it == task => Some(until.0.saturating_sub(moment.time.0)),
            _ => None,
        });
        match (doing, asleep) {
            (Doing::Running, Some(pause)) => format!("{who} sleeps for {}, again and again", Nanos(pause)),
            (Doing::Running | Doing::Starting, _) => format!("{who} goes on and on"),
            (doing, _) => format!("{who} {}, again and again", now(&self.names, doing)),
        }
    }

    fn end_time(&self) -> Time {
        self.moments.last().map_or(Time::ZERO, |moment| moment.time)
    }

    fn last_fault(&self) -> Option<String> {
        self.moments.iter().rev().find_map(|moment| match moment.what {
            What::Cut { task, .. } => Some(format!("the cut of {} at {}", self.names.marked(task), moment.time)),
            What::Struck { task, .. } => Some(format!("the failure in {} at {}", self.names.marked(task), moment.time)),
            _ => None,
        })
    }
}
