//! The oracles `retry-too-soon` and `connection-left-open`: what a program does with hosts that it asks.
//!
//! `retry-too-soon` speaks when a task sends a request to a host that has told another request to wait, with 429 and
//! `Retry-After`, and the time is not over. It is silent about what is sent at the very instant at which that answer came:
//! whoever sends it cannot have been told.
//!
//! `connection-left-open` speaks when a task has ended, and a connection on which it had sent something was not closed by the
//! end of the run. It is silent where a connection was still being opened, and where the run hit a limit.
//!
//! Knows nothing of messages that others send.

use super::oracles::Found;
use crate::id::{HostId, TaskId};
use crate::reuse::clone_in_place;
use crate::time::{Nanos, Time};
use crate::trace::{Carries, Fate, Outcome, Waits, What};
use crate::verdict::Oracle;

/// The requests of a run.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Requests {
    /// By number from 1.
    all: Vec<Request>,
    /// The hosts that want to be left alone: since when, and until when.
    quiet: Vec<(HostId, Time, Time)>,
}

clone_in_place!(Requests { all, quiet });

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Request {
    task: TaskId,
    host: HostId,
    is_open: bool,
}

impl Requests {
    pub(super) fn reset(&mut self) {
        self.all.clear();
        self.quiet.clear();
    }

    pub(super) fn see(&mut self, now: Time, what: What, waits: &Waits, found: &mut Found) {
        match what {
            What::Requested { task, host, .. } => {
                self.all.push(Request { task, host, is_open: false });
                let wants = self.quiet.iter().any(|&(other, from, until)| other == host && from < now && now < until);
                if wants {
                    found.add(Oracle::RetryTooSoon, task, waits, None);
                }
            }
            What::Responded { request, retry_after: Some(secs), .. } => {
                let Some(host) = self.of(request).map(|request| request.host) else { return };
                self.quiet.push((host, now, now + Nanos::from_secs(secs.into())));
            }
            What::Carried { message, fate: Fate::Sent } => {
                let is_client = message.from == HostId::CLIENT;
                let Some(request) = self.of(message.connection) else { return };
                match message.carries {
                    Carries::Data if is_client => request.is_open = true,
                    Carries::Fin | Carries::Rst if is_client => request.is_open = false,
                    Carries::Rst => request.is_open = false,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn of(&mut self, number: u32) -> Option<&mut Request> {
        self.all.get_mut(number.checked_sub(1)? as usize)
    }

    pub(super) fn end(&self, outcome: Outcome, waits: &Waits, found: &mut Found) {
        if matches!(outcome, Outcome::OutOfSteps | Outcome::Livelocked) {
            return;
        }
        for request in self.all.iter().filter(|request| request.is_open) {
            if waits.is_done(waits.future_of(request.task)) {
                found.add(Oracle::ConnectionLeftOpen, request.task, waits, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracles::tests::{A, B, RETURNED, returned};
    use super::*;
    use crate::id::{InstanceId, TextId};
    use crate::trace::Message;

    const SHOP: HostId = HostId(1);

    fn found(events: &[(u64, What)]) -> Vec<(Oracle, TaskId)> {
        let (mut requests, mut waits, mut found) = (Requests::default(), Waits::default(), Found::default());
        for task in [A, B] {
            waits.see(What::Created { task, by: TaskId::MAIN, instance: InstanceId(task.0) });
        }
        for &(secs, what) in events {
            requests.see(Time::ZERO + Nanos::from_secs(secs), what, &waits, &mut found);
            waits.see(what);
        }
        requests.end(RETURNED, &waits, &mut found);
        found.iter().map(|finding| (finding.oracle, finding.task.unwrap().0)).collect()
    }

    fn asks(task: TaskId, request: u32, host: HostId) -> What {
        What::Requested { task, request, host, url: TextId(0) }
    }

    fn told_to_wait(task: TaskId, request: u32) -> What {
        What::Responded { task, request, status: 429, retry_after: Some(10) }
    }

    #[test]
    fn a_host_that_wants_to_be_left_alone_is_left_alone_until_its_time_is_over() {
        let check = |secs: u64, host: HostId| {
            found(&[(0, asks(A, 1, SHOP)), (1, told_to_wait(A, 1)), (secs, asks(B, 2, host))])
        };
        assert_eq!(check(2, SHOP), [(Oracle::RetryTooSoon, B)]);
        assert_eq!(check(10, SHOP), [(Oracle::RetryTooSoon, B)]);
        assert_eq!(check(1, SHOP), [], "at that very instant nobody knew");
        assert_eq!(check(11, SHOP), []);
        assert_eq!(check(2, HostId(2)), [], "another host");
        let served = What::Responded { task: A, request: 1, status: 200, retry_after: None };
        assert_eq!(found(&[(0, asks(A, 1, SHOP)), (1, served), (2, asks(B, 2, SHOP))]), []);
    }

    #[test]
    fn who_ends_closes_what_was_opened() {
        let sent = |carries, from| {
            let message = Message { number: 1, from, to: SHOP, connection: 1, carries };
            What::Carried { message, fate: Fate::Sent }
        };
        let client = |carries| sent(carries, HostId::CLIENT);
        let check = |events: &[What]| {
            let all = [asks(A, 1, SHOP)].into_iter().chain(events.iter().copied());
            found(&all.map(|what| (0, what)).collect::<Vec<_>>())
        };
        let left = [(Oracle::ConnectionLeftOpen, A)];
        assert_eq!(check(&[client(Carries::Data), returned(A)]), left);
        assert_eq!(check(&[client(Carries::Data), sent(Carries::Fin, SHOP), returned(A)]), left);
        assert_eq!(check(&[client(Carries::Data), returned(A), client(Carries::Fin)]), []);
        assert_eq!(check(&[client(Carries::Data), returned(A), sent(Carries::Rst, SHOP)]), []);
        assert_eq!(check(&[client(Carries::Syn), returned(A)]), [], "it was never opened");
        assert_eq!(check(&[client(Carries::Data)]), [], "the task is still there");
    }
}
