//! What happens on a network, in words: requests and answers, messages, what fails, and which of it was chosen.
//!
//! Knows nothing of where the words stand.

use crate::choice::{Choice, Kind};
use crate::id::TaskId;
use crate::program::{Begins, Program};
use crate::time::{Nanos, TICK, Time};
use crate::trace::{Fate, Leg, Message, Serves, What};

use super::names::{Names, counted, grouped};

/// What happens between hosts, after the name of whoever it happens to; nothing if it is something else.
pub(super) fn sentence(names: &Names<'_>, what: What) -> Option<String> {
    Some(match what {
        What::Requested { request, url, .. } => {
            format!("sends GET {} on connection {request}", names.printable(url))
        }
        What::Responded { request, status, retry_after, .. } => {
            format!("gets {status} on connection {request}{}", after(retry_after))
        }
        What::Served { request, does, .. } => served(&names.request(request), does),
        What::Carried { message, fate } => carried(names, message, fate),
        What::Outage { outage, is_over, .. } => names.outage(outage, is_over),
        _ => return None,
    })
}

fn after(retry_after: Option<u32>) -> String {
    retry_after.map(|secs| format!(", Retry-After {secs}s")).unwrap_or_default()
}

fn served(request: &str, does: Serves) -> String {
    match does {
        Serves::Arrived => format!("the {request} arrives"),
        Serves::Answered(status) => format!("answers {status} to the {request}"),
        Serves::Dropped => format!("drops the handler of the {request}"),
        Serves::Closed => format!("closes the connection of the {request} without an answer"),
        Serves::Reset => format!("resets the connection of the {request}"),
    }
}

fn carried(names: &Names<'_>, Message { from, to, connection, carries, .. }: Message, fate: Fate) -> String {
    let what = match connection {
        0 => carries.name().to_owned(),
        connection => format!("{} of connection {connection}", carries.name()),
    };
    let (from, to) = (names.host(from), names.host(to));
    match fate {
        Fate::Sent => format!("sends {what} to {to}"),
        Fate::Delivered => format!("gets {what} from {from}"),
        Fate::Held => format!("{what} from {from} is held back"),
        Fate::Lost => format!("{what} from {from} is lost"),
        Fate::CutOff => format!("{what} from {from} is lost: the link is partitioned"),
        Fate::HostDown => format!("{what} from {from} is lost: the host is down"),
        Fate::Refused => format!("refuses {what} from {from}: nobody listens"),
    }
}

/// The same as a cell of a task's lane: messages that do what they should are left out.
pub(super) fn cell(names: &Names<'_>, what: What) -> Option<(TaskId, String)> {
    match what {
        What::Requested { task, url, .. } => Some((task, format!("GET {}", names.printable(url)))),
        What::Responded { task, status, retry_after, .. } => {
            Some((task, format!("gets {status}{}", after(retry_after))))
        }
        What::Served { host, request, does } => {
            let host = names.host(host);
            let text = match does {
                Serves::Arrived => format!("{host}: request arrives"),
                Serves::Answered(status) => format!("{host} answers {status}"),
                Serves::Dropped => format!("{host} drops its handler"),
                Serves::Closed => format!("{host} closes the connection"),
                Serves::Reset => format!("{host} resets the connection"),
            };
            Some((names.requested_by(request)?, text))
        }
        // A message of somebody whose requests nobody knows is all that there is to be told.
        What::Carried { message, fate } if names.requested_by(message.connection).is_none() => {
            let who = if fate == Fate::Sent { message.from } else { message.to };
            Some((TaskId::MAIN, format!("{} {}", names.host(who), carried(names, message, fate))))
        }
        What::Carried { fate: Fate::Sent | Fate::Delivered, .. } => None,
        What::Carried { message, fate } => {
            let whose = names.requested_by(message.connection)?;
            Some((whose, format!("{}: {}", names.host(message.to), carried(names, message, fate))))
        }
        What::Outage { outage, is_over, .. } => Some((TaskId::MAIN, names.outage(outage, is_over))),
        _ => None,
    }
}

/// What was chosen of what a network leaves open; nothing for any other kind.
pub(super) fn chosen(names: &Names<'_>, Choice { kind, site, bound, answer, .. }: Choice) -> Option<String> {
    Some(match kind {
        Kind::MessageLatency => format!("{}: {} above the shortest", Leg::name_of(site), ticks(answer)),
        Kind::MessageOrder => format!("next of {bound} messages that are due: number {}", answer + 1),
        Kind::MessageLoss => format!("{}: lost", Leg::name_of(site)),
        Kind::Outage => format!("{} at {}", names.fault(u32::from(site)), begins(names.program(), site, answer)),
        _ => return None,
    })
}

/// The same as a named point of a story.
pub(super) fn point(names: &Names<'_>, choice: Choice, time: Time) -> Option<String> {
    let Choice { kind, subject, site, bound, answer, .. } = choice;
    Some(match kind {
        Kind::MessageLatency if site == Leg::Handling as u16 => {
            format!("the host of {} takes {} longer at {time}", names.marked(subject), ticks(answer))
        }
        Kind::MessageLatency => {
            let (leg, who) = (Leg::name_of(site), names.marked(subject));
            format!("\"{leg}\" of {who} at {time} travels {} longer", ticks(answer))
        }
        Kind::MessageOrder => {
            let others = match bound - 1 {
                1 => "the other one".to_owned(),
                others => format!("the other {}", grouped(others)),
            };
            format!("message {} of those due at {time} arrives before {others}", answer + 1)
        }
        Kind::MessageLoss => format!("\"{}\" of {} at {time} is lost", Leg::name_of(site), names.marked(subject)),
        Kind::Outage => format!("{} at {}", names.fault(u32::from(site)), begins(names.program(), site, answer)),
        _ => return None,
    })
}

/// What runs cost in which nobody knows when something happens next.
pub fn ticks_made(ticks: u64) -> String {
    let ticks = counted(ticks, "virtual millisecond was", "virtual milliseconds were");
    format!("{ticks} made one by one: nobody knows the timers of these hosts, so none is skipped\n")
}

fn ticks(answer: u64) -> Nanos {
    Nanos(answer * TICK.0)
}

/// When an outage begins by an answer that is not 0.
fn begins(program: &Program, site: u16, answer: u64) -> Time {
    let outage = program.network.as_ref().and_then(|network| network.wires.outages.get(usize::from(site)));
    let from = match outage.map(|outage| outage.begins) {
        Some(Begins::Within(from, _) | Begins::At(from)) => from.0.div_ceil(TICK.0),
        None => 0,
    };
    Time((from + answer - 1) * TICK.0)
}
