//! What happened in a run: its events, its questions, and exactly one outcome.
//!
//! An event is sixteen plain bytes, recorded where the thing happens; a run is a vector of them, reused from run to
//! run and hashed in one go. [`Trace::iter`] gives them back with the turn and the time at which each happened.
//!
//! Knows nothing of how any of it is drawn, or of which machine ran.

mod event;
mod link;
mod names;
mod recorder;
mod sites;
mod tally;
mod waits;
mod what;

use crate::choice::Log;
use crate::id::TextId;
use crate::program::{Error, Program, Texts, Value};
use crate::time::Time;

use event::{error_bits, value_bits};
use recorder::moments;

pub use event::Event;
pub use link::{Carries, Fate, Leg, Message, Serves};
pub use names::{Names, Whose};
pub use recorder::{Asked, Recorder};
pub use sites::{Dormant, Frame, Sites};
pub use tally::{Counting, Tally};
pub(crate) use waits::lacked_by;
pub use waits::{Owner, Waits};
pub use what::{Phase, Requester, Subject, Wake, What};

/// A recorded run. It ends in its outcome, which cannot be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What was asked, in order.
    pub choices: Vec<Asked>,
    /// How it ended.
    pub outcome: Outcome,
    /// The texts that were put together on the way; the others are the program's.
    pub texts: Texts,
    /// Where real futures were suspended, if that was recorded; no part of the fingerprint.
    pub sites: Sites,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Main returned.
    Finished(Value),
    /// Main raised, so the program ended with this error.
    Failed(Error),
    /// Nothing was ready, no timer was set, and main had not ended: every unfinished task waits for another.
    Deadlocked,
    /// The bodies executed more steps than the program's limit.
    OutOfSteps,
    /// More turns than the program's limit passed at one instant.
    Livelocked,
}

/// One event with its place in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The turn of the event loop, from 1; 0 before the first.
    pub turn: u32,
    /// The virtual time.
    pub time: Time,
    /// What happened.
    pub what: What,
}

/// A hash of everything that happened in a run and everything that was asked: equal runs have equal ones, on every
/// machine. XXH3, 64 bits, over the events as little-endian bytes, the outcome, and the texts made on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

fn order(events: &[Event]) -> u64 {
    twox_hash::XxHash3_64::oneshot(bytemuck::cast_slice(events))
}

fn fingerprint(order: u64, choices: &[Asked], outcome: Outcome, texts: &Texts) -> Fingerprint {
    let (tag, (small, bits)): (u8, _) = match outcome {
        Outcome::Finished(value) => (0, value_bits(value)),
        Outcome::Failed(error) => (1, (0, error_bits(error))),
        Outcome::Deadlocked => (2, (0, 0)),
        Outcome::OutOfSteps => (3, (0, 0)),
        Outcome::Livelocked => (4, (0, 0)),
    };
    let (bytes, ends) = texts.bytes();
    let mut parts = [0; 6];
    parts[0] = order;
    parts[5] = twox_hash::XxHash3_64::oneshot(bytemuck::cast_slice(choices));
    parts[1] = u64::from(tag) | u64::from(small) << 8;
    parts[2] = bits;
    if !ends.is_empty() {
        parts[3] = twox_hash::XxHash3_64::oneshot(bytes.as_bytes());
        parts[4] = twox_hash::XxHash3_64::oneshot(bytemuck::cast_slice(ends));
    }
    Fingerprint(twox_hash::XxHash3_64::oneshot(bytemuck::cast_slice(&parts)))
}

impl Trace {
    /// The events in order, each with its turn and time.
    pub fn iter(&self) -> impl Iterator<Item = Moment> {
        moments(&self.events, &self.choices, (0, Time::ZERO))
    }

    /// The error that it ended with, if it did.
    pub fn error(&self) -> Option<Error> {
        if let Outcome::Failed(error) = self.outcome { Some(error) } else { None }
    }

    /// The choices of the run, which [`Replay`](crate::choice::Replay) repeats.
    pub fn log(&self) -> Log {
        self.choices.iter().map(|asked| asked.choice()).collect()
    }

    /// A hash of everything that happened and was asked.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(order(&self.events), &self.choices, self.outcome, &self.texts)
    }

    /// A hash of what happened, whatever was asked: distinct orders have distinct ones.
    pub fn order(&self) -> u64 {
        order(&self.events)
    }

    /// A text of the program or of this run.
    pub fn text<'a>(&'a self, program: &'a Program, id: TextId) -> &'a str {
        self.texts.get(id).unwrap_or_else(|| program.text(id))
    }

    /// Where the tasks ended up, at the moment when main ended.
    pub fn tally(&self) -> Tally {
        let mut counting = Counting::default();
        self.iter().for_each(|moment| counting.see(moment));
        counting.tally()
    }
}
