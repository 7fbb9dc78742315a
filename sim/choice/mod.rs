//! The one door through which everything free in a run is asked.
//!
//! A machine that could go on in more than one way puts a [`Question`] and takes a number below its bound. Who answers
//! is none of its business: [`Ordinary`] says what CPython itself would do, [`Seeded`] draws from a seed,
//! [`Replay`] repeats a [`Log`], [`Given`] takes any numbers and [`Bytes`] those of a fuzzer. Three rules keep logs short and readable:
//!
//! - **zero is the ordinary answer**: what CPython (or tokio) would do, and the minimum of a range;
//! - **a forced move is not a question**: with one option nothing is asked;
//! - **a question shows what it decides**: its kind, its subject, and its options by name.
//!
//! Knows nothing of what asks, of files, or of what an answer leads to.

mod generator;
mod given;
mod lent;
mod log;
mod token;

pub use generator::{Generator, Seeded};
pub use given::{Bytes, Given};
pub use lent::{Lent, lend};
pub use log::{Choice, Divergence, Log, Replay};
pub use token::{BadToken, Deviation, Token};

use crate::id::{FutureId, TaskId};

/// Something that could go more than one way.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Which freedom this is.
    pub kind: Kind,
    /// Whose freedom: the task that sleeps, or that walks a set; main for what belongs to nobody.
    pub subject: TaskId,
    /// Which one of several: the number of the point for a failure, of the entry in the file for a cut or an outage, the
    /// leg of a message; otherwise 0.
    pub site: u16,
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
    /// A whole number of [ticks](crate::time::TICK) from `min` to `max`, both included; the answer counts from `min`.
    Ticks {
        /// The least, and the ordinary one.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// The message of one of these connections is next.
    Connections(&'a [u32]),
    /// Never, or at which of so many [ticks](crate::time::TICK): answer 1 is the first of them.
    Moment {
        /// The number of the first tick.
        first: u64,
        /// How many there are.
        ticks: u64,
    },
    /// Whether this failure fires here: no, or yes.
    Fire {
        /// How often a seed says yes, in a million.
        per_million: u32,
    },
    /// The next cancellation of the run's cut plan: none, or just before which handle of the run, and whom. Answer 1 is
    /// the first victim before the first handle, 2 the second victim there; see [`Cut`].
    Cuts {
        /// Before how many handles.
        handles: u64,
        /// How many victims there are.
        victims: u32,
        /// How many cancellations may still come, this one counted.
        left: u32,
    },
    /// Nobody, or which of these is cancelled right now: how a search asks, which goes on from here with each answer.
    Victims(&'a [FutureId]),
}

/// One cancellation of a cut plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cut {
    /// How many handles of the run run before it.
    pub handle: u64,
    /// The number of the victim among those who may be one, in creation order.
    pub victim: u32,
}

impl Cut {
    /// What an answer to [`Options::Cuts`] stands for; nothing for 0.
    ///
    /// ```
    /// use atropos::choice::Cut;
    /// assert_eq!(Cut::from_answer(6, 3), Some(Cut { handle: 1, victim: 2 }));
    /// assert_eq!(Cut { handle: 1, victim: 2 }.answer(3), 6);
    /// assert_eq!(Cut::from_answer(0, 3), None);
    /// ```
    pub fn from_answer(answer: u64, victims: u32) -> Option<Cut> {
        let at = answer.checked_sub(1)?;
        Some(Cut { handle: at / u64::from(victims), victim: (at % u64::from(victims)) as u32 })
    }

    /// Asks for all cancellations of a run, before it begins: for up to so many, one after the other, until the answer is
    /// nobody. `site` tells apart who may be cancelled for which reason.
    ///
    /// ```
    /// use atropos::choice::Cut;
    ///
    /// let mut answers = [6, 0, 1].into_iter();
    /// let planned: Vec<Cut> = Cut::plan(0, 3, 10, 3, |_| answers.next().unwrap()).collect();
    /// assert_eq!(planned, [Cut { handle: 1, victim: 2 }]);
    /// ```
    pub fn plan(
        site: u16,
        up_to: u32,
        handles: u64,
        victims: u32,
        mut ask: impl FnMut(&Question<'_>) -> u64,
    ) -> impl Iterator<Item = Cut> {
        let up_to = if handles == 0 || victims == 0 { 0 } else { up_to };
        (1..=up_to).rev().map_while(move |left| {
            let options = Options::Cuts { handles, victims, left };
            let question = Question { kind: Kind::Cut, subject: TaskId::MAIN, site, options };
            Cut::from_answer(ask(&question), victims)
        })
    }

    /// The answer that stands for it.
    pub fn answer(self, victims: u32) -> u64 {
        1 + self.handle * u64::from(victims) + u64::from(self.victim)
    }
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
    /// Which of everything that is ready runs next. asyncio has no such freedom; other runtimes do. Ordinary is first
    /// in, first out.
    ReadyOrder = 3,
    /// Who is cancelled by the harness, and when. Ordinary is nobody.
    Cut = 4,
    /// Whether an injected failure fires at a point. Ordinary is no.
    Failure = 5,
    /// Which of the woken tasks is polled next. On several threads tokio polls them in any order; ordinary is the order
    /// of its current-thread runtime, in which they were woken.
    PollOrder = 6,
    /// What a test leaves free itself: an answer of a server, a size, a chance. Ordinary is the first.
    Chosen = 7,
    /// How long a message between two hosts travels, or how long a host takes to answer. Ordinary is the minimum.
    MessageLatency = 8,
    /// Which of the messages that reach a host in one tick is first: the others come a tick later. Ordinary is that all
    /// come, in the order in which they were sent.
    MessageOrder = 9,
    /// Whether a message between two hosts is lost. Ordinary is no.
    MessageLoss = 10,
    /// When a link or a host fails, if it does. Ordinary is never.
    Outage = 11,
    /// Which branch of a `select!` without `biased` is polled first: tokio draws it. Ordinary is the first branch.
    Branch = 12,
}

/// Whose a freedom is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The loop that runs everything, or `run()`.
    EventLoop,
    /// tokio, who polls the tasks.
    Tokio,
    /// What is between the hosts.
    Network,
    /// The question's subject.
    Subject,
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
    pub const ALL: [Kind; 13] = [
        Kind::TimerOrder,
        Kind::TaskSetOrder,
        Kind::SleepLength,
        Kind::ReadyOrder,
        Kind::Cut,
        Kind::Failure,
        Kind::PollOrder,
        Kind::Chosen,
        Kind::MessageLatency,
        Kind::MessageOrder,
        Kind::MessageLoss,
        Kind::Outage,
        Kind::Branch,
    ];

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
            Kind::ReadyOrder => "ready-order",
            Kind::Cut => "cut",
            Kind::Failure => "failure",
            Kind::PollOrder => "poll-order",
            Kind::Chosen => "chosen",
            Kind::MessageLatency => "message-latency",
            Kind::MessageOrder => "message-order",
            Kind::MessageLoss => "message-loss",
            Kind::Outage => "outage",
            Kind::Branch => "branch",
        }
    }

    /// Whose freedom it is.
    pub fn owner(self) -> Owner {
        match self {
            Kind::TimerOrder | Kind::ReadyOrder | Kind::Cut => Owner::EventLoop,
            Kind::PollOrder => Owner::Tokio,
            Kind::MessageOrder | Kind::Outage => Owner::Network,
            Kind::TaskSetOrder
            | Kind::SleepLength
            | Kind::Failure
            | Kind::Chosen
            | Kind::Branch
            | Kind::MessageLatency
            | Kind::MessageLoss => Owner::Subject,
        }
    }

    /// Why this freedom exists.
    pub fn class(self) -> Class {
        match self {
            Kind::TimerOrder
            | Kind::TaskSetOrder
            | Kind::SleepLength
            | Kind::PollOrder
            | Kind::Chosen
            | Kind::MessageLatency
            | Kind::MessageOrder
            | Kind::Branch => Class::Varies,
            Kind::ReadyOrder => Class::OtherRuntime,
            Kind::Cut | Kind::Failure | Kind::MessageLoss | Kind::Outage => Class::Fault,
        }
    }
}

impl Question<'_> {
    /// How many answers there are; an answer is below it.
    #[inline(always)]
    pub fn bound(&self) -> u64 {
        match self.options {
            Options::Futures(futures) => futures.len() as u64,
            Options::Range { min, max } | Options::Ticks { min, max } => max - min + 1,
            Options::Connections(connections) => connections.len() as u64,
            Options::Moment { ticks, .. } => 1 + ticks,
            Options::Fire { .. } => 2,
            Options::Cuts { handles, victims, .. } => 1 + handles * u64::from(victims),
            Options::Victims(futures) => 1 + futures.len() as u64,
        }
    }
}

/// Answers questions. All of exploring, replaying, shrinking and fuzzing are different answerers of this door.
pub trait Choices {
    /// An answer below `question.bound()`, which is at least two.
    fn answer(&mut self, question: &Question<'_>) -> u64;

    /// Where anything that is ready may run next, this is what does: because it was the answer, or because there is nothing
    /// else. Only samplers listen, that go by how far each has come.
    fn goes_on(&mut self, _: FutureId) {}
}

impl<C: Choices + ?Sized> Choices for &mut C {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        (**self).answer(question)
    }

    fn goes_on(&mut self, future: FutureId) {
        (**self).goes_on(future);
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
