//! The one door through which everything free in a run is asked.
//!
//! A machine that could go on in more than one way puts a [`Question`] and takes a number below its bound. Who answers
//! is none of its business: [`Ordinary`] says what CPython itself would do, [`Seeded`] draws from a seed,
//! [`Replay`] repeats a [`Log`], [`Given`] takes any numbers. Three rules keep logs short and readable:
//!
//! - **zero is the ordinary answer**: what CPython (or tokio) would do, and the minimum of a range;
//! - **a forced move is not a question**: with one option nothing is asked;
//! - **a question shows what it decides**: its kind, its subject, and its options by name.
//!
//! Knows nothing of what asks, of files, or of what an answer leads to.

mod generator;
mod given;
mod log;

pub use generator::{Generator, Seeded};
pub use given::Given;
pub use log::{Choice, Divergence, Log, Replay};

use crate::id::{FutureId, TaskId};

/// Something that could go more than one way.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Which freedom this is.
    pub kind: Kind,
    /// Whose freedom: the task that sleeps, or that walks a set; main for what belongs to nobody.
    pub subject: TaskId,
    /// What there is to choose from; option 0 is the ordinary one.
    pub options: Options<'a>,
}

/// What a [`Question`] offers.
#[derive(Clone, Copy, Debug)]
pub enum Options<'a> {
    /// One of these futures is next: a task's, or a gather's.
    Futures(&'a [FutureId]),
    /// A number of nanoseconds from `min` to `max`, both included; the answer counts from `min`.
    Range {
        /// The least, and the ordinary one.
        min: u64,
        /// The greatest.
        max: u64,
    },
}

/// The freedoms that exist. Each names the real one that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Which of the timers that are due at one instant fires next. Real deadlines differ by microseconds that no
    /// program controls; ordinary is the order in which the timers were set.
    TimerOrder = 0,
    /// Which task of a set comes next: asyncio keeps tasks in sets ordered by address. Ordinary is creation order.
    TaskSetOrder = 1,
    /// How long a sleep with a range lasts: a request's latency, a disk's mood. Ordinary is the minimum.
    SleepLength = 2,
}

/// Why a freedom exists, which a report has to keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It really varies from run to run of the real thing.
    Varies,
    /// Another runtime, or another version of this one, may do it.
    OtherRuntime,
    /// Only a fault does it.
    Fault,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Kind; 3] = [Kind::TimerOrder, Kind::TaskSetOrder, Kind::SleepLength];

    /// The kind with this number, if there is one.
    pub fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(number)).copied()
    }

    /// Its name in traces, logs and messages.
    pub fn label(self) -> &'static str {
        match self {
            Kind::TimerOrder => "timer-order",
            Kind::TaskSetOrder => "task-set-order",
            Kind::SleepLength => "sleep-length",
        }
    }

    /// Why this freedom exists.
    pub fn class(self) -> Class {
        match self {
            Kind::TimerOrder | Kind::TaskSetOrder | Kind::SleepLength => Class::Varies,
        }
    }
}

impl Question<'_> {
    /// How many answers there are; an answer is below it.
    pub fn bound(&self) -> u64 {
        match self.options {
            Options::Futures(futures) => futures.len() as u64,
            Options::Range { min, max } => max - min + 1,
        }
    }
}

/// Answers questions. All of exploring, replaying, shrinking and fuzzing are different answerers of this door.
pub trait Choices {
    /// An answer below `question.bound()`, which is at least two.
    fn answer(&mut self, question: &Question<'_>) -> u64;
}

impl<C: Choices + ?Sized> Choices for &mut C {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        (**self).answer(question)
    }
}

/// Answers zero to everything: the plain run, in which each thing happens as CPython does it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ordinary;

impl Choices for Ordinary {
    fn answer(&mut self, _: &Question<'_>) -> u64 {
        0
    }
}
