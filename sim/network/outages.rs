//! What fails when: partitions and holds of links, crashes of hosts, and their ends.
//!
//! Knows nothing of what a message is.

use super::time_of;
use super::wires::Messages;
use crate::body::Recording;
use crate::choice::{Kind, Options, Question};
use crate::id::{HostId, TaskId};
use crate::program::{Begins, Fault, Outage};
use crate::time::{TICK, Time};
use crate::trace::What;

/// The outages of a run by tick, the next one last.
pub(super) struct Outages(Vec<Change>);

/// The beginning or the end of an outage.
struct Change {
    tick: u64,
    /// Ends come before beginnings, then it goes by the order of the file.
    begins: bool,
    number: u32,
    what: Fault,
}

impl Outages {
    /// Asks for each outage that may be, when it is.
    pub(super) fn new(outages: &[Outage], recording: &Recording) -> Outages {
        let mut changes = Vec::new();
        for (number, outage) in (0_u32..).zip(outages) {
            let begins = match outage.begins {
                Begins::At(at) => Some(at.0.div_ceil(TICK.0)),
                Begins::Within(from, to) => {
                    let (first, last) = (from.0.div_ceil(TICK.0), to.0 / TICK.0);
                    let options = Options::Moment { first, ticks: (last + 1).saturating_sub(first).max(1) };
                    let site = number as u16;
                    let question = Question { kind: Kind::Outage, subject: TaskId::MAIN, site, options };
                    let answer = recording.ask(Time::ZERO, &question);
                    answer.checked_sub(1).map(|at| first + at)
                }
            };
            let Some(tick) = begins else { continue };
            changes.push(Change { tick, begins: true, number, what: outage.what });
            if let Some(lasts) = outage.lasts {
                let tick = tick + lasts.0.div_ceil(TICK.0).max(1);
                changes.push(Change { tick, begins: false, number, what: outage.what });
            }
        }
        changes.sort_by_key(|change| std::cmp::Reverse((change.tick, change.begins, change.number)));
        Outages(changes)
    }

    /// When something begins or ends next.
    pub(super) fn next(&self) -> Option<u64> {
        self.0.last().map(|change| change.tick)
    }

    /// Lets begin and end what is due; whether there was anything.
    pub(super) fn apply(
        &mut self,
        tick: u64,
        sim: &mut turmoil::Sim<'_>,
        messages: &mut Messages,
        recording: &Recording,
    ) -> bool {
        let mut any = false;
        while let Some(Change { begins, number, what, .. }) = self.0.pop_if(|change| change.tick <= tick) {
            any = true;
            let host = first_of(what);
            recording.record(time_of(tick), What::Outage { outage: number, host, is_over: !begins });
            match what {
                Fault::Partition(a, b) => messages.partition((a, b), begins, tick),
                Fault::Hold(a, b) => messages.hold((a, b), begins, tick),
                Fault::Crash(host) if begins => {
                    sim.crash(messages.address(host));
                    messages.crash(host);
                }
                Fault::Crash(host) => {
                    sim.bounce(messages.address(host));
                    messages.bounce(host, tick);
                }
            }
        }
        any
    }
}

/// Whom a trace blames: of a link, the host that answers.
fn first_of(what: Fault) -> HostId {
    match what {
        Fault::Partition(a, b) | Fault::Hold(a, b) => a.max(b),
        Fault::Crash(host) => host,
    }
}
