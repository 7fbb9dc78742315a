//! A run being recorded, and read again: its events, and its questions beside them.
//!
//! Knows nothing of what an event means.

use super::event::{Event, NOTHING};
use super::{Fingerprint, Moment, Outcome, Sites, Trace, What};
use crate::choice::{Choice, Kind};
use crate::id::{FutureId, TaskId};
use crate::program::Texts;
use crate::reuse::clone_in_place;
use crate::time::Time;

/// Events being recorded.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Vec<Event>,
    choices: Vec<Asked>,
    /// The turn and the time at which the first of them happened.
    from: (u32, Time),
}

clone_in_place!(Recorder { events, choices, from });

impl Recorder {
    /// Forgets everything and keeps the memory.
    pub fn reset(&mut self) {
        self.events.clear();
        self.choices.clear();
        self.from = (0, Time::ZERO);
    }

    /// Shows what has happened since the last time, and forgets it.
    pub fn drain(&mut self, mut see: impl FnMut(Moment)) {
        let mut last = self.from;
        for moment in self.iter() {
            last = (moment.turn, moment.time);
            see(moment);
        }
        self.from = self.events.iter().rev().find_map(|event| event.as_turn()).unwrap_or(last);
        self.events.clear();
        self.choices.clear();
    }

    /// From here on it is this turn, at this time.
    #[inline]
    pub fn turn(&mut self, number: u32, time: Time) {
        self.events.push(Event::turn(number, time));
    }

    /// Records what happened. Inlined, so that what is recorded is packed where it is known what it is.
    #[inline(always)]
    pub fn record(&mut self, what: What) {
        match Event::of(what) {
            Ok(event) => self.events.push(event),
            Err(choice) => self.record_choice(choice),
        }
    }

    #[inline]
    fn record_choice(&mut self, choice: Choice) {
        self.choices.push(Asked::new(choice, self.events.len() as u32));
    }

    /// The trace of a run that ended like this.
    pub fn trace(&self, outcome: Outcome, texts: &Texts) -> Trace {
        Trace {
            events: self.events.clone(),
            choices: self.choices.clone(),
            outcome,
            texts: texts.clone(),
            sites: Sites::default(),
        }
    }

    /// What [`Trace::fingerprint`] would say, without making a trace.
    pub fn fingerprint(&self, outcome: Outcome, texts: &Texts) -> Fingerprint {
        self.fingerprint_and_order(outcome, texts).0
    }

    /// The same and [`Recorder::order`], which is part of it.
    pub fn fingerprint_and_order(&self, outcome: Outcome, texts: &Texts) -> (Fingerprint, u64) {
        let order = self.order();
        (super::fingerprint(order, &self.choices, outcome, texts), order)
    }

    /// A hash of what happened, whatever was asked: distinct orders have distinct ones.
    pub fn order(&self) -> u64 {
        super::order(&self.events)
    }

    /// What happened so far, in order, without what was asked: half of it may be questions.
    pub fn happened(&self) -> impl Iterator<Item = Moment> {
        moments(&self.events, &[], self.from)
    }

    /// What happened and was asked so far, in order.
    pub fn iter(&self) -> impl Iterator<Item = Moment> {
        moments(&self.events, &self.choices, self.from)
    }

    /// The same without what `beginning` has, from which this was copied in this turn and at this time.
    pub fn since(&self, beginning: &Recorder, (turn, time): (u32, Time)) -> impl Iterator<Item = Moment> {
        let choices = &self.choices[beginning.choices.len()..];
        let mut moments =
            Moments { events: &self.events, choices, at: beginning.events.len(), choice_at: 0, turn, time };
        moments.next_choice(choices);
        moments
    }
}

/// A question and its answer in 32 bytes, and before which event it was put. Apart from the events, so that two runs in
/// which the same happened have the same ones, whatever was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Asked {
    bound: u64,
    answer: u64,
    before: u32,
    subject: u32,
    chosen: u32,
    site: u16,
    kind: u16,
}

impl Asked {
    fn new(Choice { kind, subject, site, bound, answer, chosen }: Choice, before: u32) -> Asked {
        let chosen = chosen.map_or(NOTHING, |future| future.0);
        Asked { bound, answer, before, subject: subject.0, chosen, site, kind: kind as u16 }
    }

    pub(super) fn choice(&self) -> Choice {
        Choice {
            kind: Kind::from_number(self.kind as u8).expect("a recorded choice is of a known kind"),
            subject: TaskId(self.subject),
            site: self.site,
            bound: self.bound,
            answer: self.answer,
            chosen: (self.chosen != NOTHING).then_some(FutureId(self.chosen)),
        }
    }
}

/// Events and choices, each in its place; the first of them at this turn and time.
pub(super) fn moments<'a>(
    events: &'a [Event],
    choices: &'a [Asked],
    (turn, time): (u32, Time),
) -> impl Iterator<Item = Moment> + 'a {
    let mut moments = Moments { events, choices, at: 0, choice_at: 0, turn, time };
    moments.next_choice(choices);
    moments
}

struct Moments<'a> {
    events: &'a [Event],
    /// Those that are to come.
    choices: &'a [Asked],
    /// The next event, and the one before which the next choice was.
    at: usize,
    choice_at: usize,
    turn: u32,
    time: Time,
}

impl<'a> Moments<'a> {
    fn next_choice(&mut self, choices: &'a [Asked]) {
        self.choices = choices;
        self.choice_at = choices.first().map_or(usize::MAX, |asked| asked.before as usize);
    }
}

impl Iterator for Moments<'_> {
    type Item = Moment;

    /// Inlined, so that an event is unpacked where it is looked at.
    #[inline(always)]
    fn next(&mut self) -> Option<Moment> {
        loop {
            let Moments { turn, time, .. } = *self;
            if self.at == self.choice_at {
                let (asked, rest) = self.choices.split_first()?;
                self.next_choice(rest);
                return Some(Moment { turn, time, what: What::Chose(asked.choice()) });
            }
            let event = *self.events.get(self.at)?;
            self.at += 1;
            match event.as_turn() {
                None => return Some(Moment { turn, time, what: event.what() }),
                Some(next) => (self.turn, self.time) = next,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Carries, Fate, Message, Phase, Requester, Serves, Wake};
    use super::*;
    use crate::id::{HostId, InstanceId, ObjectId, TextId};
    use crate::program::{Error, ErrorType, Operation, Stage, Value};

    /// Every variant survives its sixteen bytes.
    #[test]
    fn events_come_back_as_they_were_recorded() {
        let (task, by, future) = (TaskId(3), Requester::Task(TaskId(1)), FutureId(9));
        let error = Error { ty: ErrorType::VALUE_ERROR, message: Some(TextId(5)) };
        let choice =
            Choice { kind: Kind::SleepLength, subject: task, site: 9, bound: 1 << 40, answer: 1 << 39, chosen: None };
        let all = [
            What::Cut { task, phase: Phase::Woken, instance: InstanceId(1), site: 70_000 },
            What::Created { task, by: TaskId(1), instance: InstanceId(2) },
            What::Started { task },
            What::Printed { task, text: TextId(7) },
            What::Yielded { task },
            What::Slept { task, until: Time(5) },
            What::Awaited { task, future },
            What::Waited { task, count: 3, until: None },
            What::Waited { task, count: 3, until: Some(Time(8)) },
            What::Called { task, instance: InstanceId(1) },
            What::CallReturned { task, value: Value::Int(-1) },
            What::Resumed { task, by: Wake::Yield },
            What::Resumed { task, by: Wake::Timer },
            What::Resumed { task, by: Wake::Future(future) },
            What::CancelRequested { task, by, message: None },
            What::CancelRefused { task, by: Requester::Outside, since: 4 },
            What::GatherCancelRequested { future, by: Requester::Shutdown, message: Some(TextId(1)) },
            What::GatherCancelRefused { future, by, since: 6 },
            What::CancelDelivered { task, message: Some(TextId(0)) },
            What::Struck { task, instance: InstanceId(4), point: 2 },
            What::Raised { task, error },
            What::Caught { task, error: Error::cancelled(None), clause: ErrorType(u16::MAX) },
            What::Finished { task, value: Value::Error(error) },
            What::Finished { task, value: Value::Bool(true) },
            What::Failed { task, error },
            What::Cancelled { task, message: None },
            What::Gathered { future, by: TaskId(1), children: 10 },
            What::Children { future, first: FutureId(3), count: 10 },
            What::Taken { task, future },
            What::Cleanup { task, instance: InstanceId(1), finally: 70_000, stage: Stage::Ended },
            What::GatherFinished { future },
            What::GatherFailed { future, error },
            What::WaitReturned { task, done: 1, pending: 2, timed_out: true },
            What::ShutdownBegan { left: 4 },
            What::UnhandledInShutdown { task, error },
            What::Dropped { task },
            What::Suspended { task },
            What::WakeLost { task },
            What::WaitDropped { task, place: 3 },
            What::Resumed { task, by: Wake::Task(TaskId(1)) },
            What::Resumed { task, by: Wake::Object(ObjectId(2)) },
            What::Resumed { task, by: Wake::Library },
            What::WaitingFor { task, future, until: Some(Time(8)) },
            What::WaitingFor { task, future, until: None },
            What::Shielded { future, by: TaskId(1), inner: FutureId(2) },
            What::TimeoutSet { task, until: Some(Time(8)) },
            What::TimeoutSet { task, until: None },
            What::LeavingGroup { task, left: 3 },
            What::AwaitingNext { task, left: 3 },
            What::CalledBack { task },
            What::CallbackFailed { task, error },
            What::Finished { task, value: Value::Callback(7) },
            What::Finished { task, value: Value::Function(7) },
            What::CancelRequested { task, by: Requester::Callback, message: None },
            What::Declared { future, object: ObjectId(1) },
            What::CancelRequested { task, by: Requester::TaskGroup, message: None },
            What::CancelRequested { task, by: Requester::Timeout, message: None },
            What::Blocked { task, operation: Operation::Join, object: ObjectId(1) },
            What::Used { task, operation: Operation::Acquire, object: ObjectId(1), count: 7 },
            What::Item { task, value: Value::Text(TextId(3)) },
            What::Lacks { task, future },
            What::Requested { task, request: 70_000, host: HostId(3), url: TextId(4) },
            What::Responded { task, request: 7, status: 429, retry_after: Some(30) },
            What::Responded { task, request: 7, status: 200, retry_after: None },
            What::Served { host: HostId(511), request: 7, does: Serves::Answered(599) },
            What::Served { host: HostId(1), request: 7, does: Serves::Dropped },
            What::Served { host: HostId(1), request: 7, does: Serves::Reset },
            What::Carried {
                message: Message {
                    number: 9,
                    from: HostId(511),
                    to: HostId(510),
                    connection: 70_000,
                    carries: Carries::Rst,
                },
                fate: Fate::Refused,
            },
            What::Outage { outage: 3, host: HostId(2), is_over: true },
            What::Chose(Choice { bound: 10, answer: 9, chosen: Some(future), ..choice }),
            What::Chose(choice),
        ];
        let mut recorder = Recorder::default();
        for (turn, &what) in (1_u32..).zip(&all) {
            recorder.turn(turn, Time(u64::from(turn) * 10));
            recorder.record(what);
        }
        let trace = recorder.trace(Outcome::Deadlocked, &Texts::default());
        let expected = (1_u32..).zip(&all).map(|(turn, &what)| Moment { turn, time: Time(u64::from(turn) * 10), what });
        assert_eq!(trace.iter().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(trace.log(), [Choice { bound: 10, answer: 9, chosen: Some(future), ..choice }, choice]);
    }
}
