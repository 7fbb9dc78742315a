//! What is not ordinary in a run, as named points: which order, which lengths, which faults.
//!
//! Knows nothing of why any of it leads to a failure.

use crate::choice::{Choice, Class, Kind};
use crate::id::TaskId;
use crate::program::Program;
use crate::time::{Nanos, Time};
use crate::trace::{Moment, Requester, Trace, Wake, What};

use super::names::{Names, counted, grouped, quoted};
use super::network;
use super::sites::Site;

/// Everything that is not ordinary in the run, in the order of the run; first of all whether it is in plain order. Cuts
/// may come at any time of `window` instead of theirs.
pub(super) fn points(program: &Program, trace: &Trace, window: Option<(Time, Time)>) -> Vec<String> {
    let moments: Vec<Moment> = trace.iter().collect();
    let mut names = Names::new(program, trace);
    let (mut points, mut is_plain) = (Vec::new(), true);
    for (at, moment) in moments.iter().enumerate() {
        names.see(moment.what);
        match moment.what {
            What::Cut { task, phase, instance, site } => {
                let site = Site::new(instance, site, names.instance_of_task(task)).seen(trace, task);
                let (who, when) = (names.marked(task), site.when(program, phase));
                let verb = if program.is_rust() { "drop" } else { "cancel" };
                points.push(format!("{verb} {who} {}, {when}", time(moment.time, window)));
            }
            What::Chose(choice) if choice.answer != 0 && choice.kind != Kind::Cut => {
                is_plain &= choice.kind.class() == Class::Fault;
                points.push(point(&names, choice, moment.time, &moments[at + 1..]));
            }
            _ => {}
        }
    }
    if is_plain {
        points.insert(0, "plain order".to_owned());
    }
    points
}

fn time(time: Time, window: Option<(Time, Time)>) -> String {
    match window {
        Some((from, to)) if from < to => format!("at any time from {from} to {to}"),
        _ => format!("at {time}"),
    }
}

/// A choice that is not the ordinary one; `rest` is what happens after it.
fn point(names: &Names<'_>, choice: Choice, time: Time, rest: &[Moment]) -> String {
    let Choice { kind, subject, bound, answer, chosen, .. } = choice;
    let chosen = chosen.and_then(|future| names.owner(future)).unwrap_or(subject);
    let who = names.marked(chosen);
    let others = |what: &str| match bound - 1 {
        1 => format!("the other one that is {what}"),
        others => format!("the other {} that are {what}", grouped(others)),
    };
    match kind {
        Kind::MessageLatency | Kind::MessageOrder | Kind::MessageLoss | Kind::Outage => {
            network::point(names, choice, time).unwrap_or_default()
        }
        Kind::TimerOrder => {
            let other = if bound == 2 { woken_next(time, chosen, rest) } else { None };
            let than = other.map_or_else(|| others("due"), |other| names.marked(other));
            format!("{who} wakes before {than} at {time}")
        }
        Kind::TaskSetOrder => {
            let walker = names.marked(subject);
            format!("{who} comes before {} in a set that {walker} walks at {time}", others("left"))
        }
        Kind::ReadyOrder => format!("{who} runs before {} at {time} (beyond asyncio)", others("ready")),
        Kind::SleepLength => {
            let who = names.marked(subject);
            let until = rest.iter().find_map(|moment| match moment.what {
                What::Slept { task, until } if task == subject => Some(until),
                _ => None,
            });
            let length = until.map_or(Nanos(answer), |until| Nanos(until.0 - time.0));
            format!("sleep of {who} at {time} lasts {length} instead of {}", Nanos(length.0 - answer))
        }
        Kind::PollOrder => format!("{who} is polled before {} at {time}", others("ready")),
        Kind::Branch => format!("{who} polls the last branch of its `select!` first at {time}"),
        Kind::Chosen => format!("the test chooses {answer} of {bound} in {who} at {time}"),
        Kind::Cut => format!("a cut: number {answer} of {}", bound - 1),
        Kind::Failure => {
            let point = rest.iter().find_map(|moment| match moment.what {
                What::Struck { instance, point, .. } => Some(quoted(names.point(instance, point))),
                _ => None,
            });
            let point = point.map(|point| format!(" at point {point}")).unwrap_or_default();
            format!("the failure fires in {}{point} at {time}", names.marked(subject))
        }
    }
}

/// The task beside `first` that is woken next by what is due at `time`.
fn woken_next(time: Time, first: TaskId, rest: &[Moment]) -> Option<TaskId> {
    let now = rest.iter().take_while(|moment| moment.time == time);
    now.filter_map(|moment| match moment.what {
        What::Resumed { task, by: Wake::Timer }
        | What::WaitReturned { task, timed_out: true, .. }
        | What::CancelRequested { task, by: Requester::Outside, .. } => Some(task),
        _ => None,
    })
    .find(|&task| task != first)
}

/// The points of a run in a sentence; of many, the first.
pub(super) fn told(points: &[String]) -> String {
    const MOST: usize = 6;
    let shown = points.len().min(MOST);
    let mut told = points[..shown].join("; ");
    if shown < points.len() {
        let more = counted((points.len() - shown) as u64, "more choice", "more choices");
        told.push_str(&format!(
            "; and {more} that {} not ordinary",
            if points.len() - shown == 1 { "is" } else { "are" }
        ));
    }
    told
}
