//! What was asked and answered in one run, and the answerer that says it again.
//!
//! The log is dense and strict: every question with its kind, subject, bound and answer. A replay that is asked
//! something else says where, instead of going on with answers that no longer mean anything.
//!
//! Knows nothing of where the answers came from.

use super::{Choices, Kind, Options, Question};
use crate::id::{FutureId, TaskId};

/// One question of a run and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Which freedom.
    pub kind: Kind,
    /// Whose.
    pub subject: TaskId,
    /// Which one of several.
    pub site: u16,
    /// How many answers there were.
    pub bound: u64,
    /// The one that was given; 0 is the ordinary one.
    pub answer: u64,
    /// Who was chosen by an answer that is not the ordinary one, where the options are futures.
    pub chosen: Option<FutureId>,
}

impl Choice {
    /// A question and its answer.
    #[inline(always)]
    pub fn new(question: &Question<'_>, answer: u64) -> Choice {
        let chosen = match question.options {
            Options::Futures(futures) if answer != 0 => Some(futures[answer as usize]),
            Options::Victims(futures) if answer != 0 => Some(futures[answer as usize - 1]),
            _ => None,
        };
        let &Question { kind, subject, site, .. } = question;
        Choice { kind, subject, site, bound: question.bound(), answer, chosen }
    }
}

/// Every choice of a run, in the order in which they were asked. All zeros, and an empty log, are the plain run.
pub type Log = Vec<Choice>;

/// Where a replay was asked something that its log does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The number of the question, from 0.
    pub at: usize,
    /// What the log has there; nothing when it is at its end.
    pub expected: Option<Choice>,
    /// What was asked; its answer is 0.
    pub found: Choice,
}

/// Repeats the answers of a [`Log`], and notes the first question that does not fit.
///
/// From there on it answers 0; what follows is the plain run of whatever program this is.
///
/// ```
/// use atropos::choice::{Choices, Kind, Options, Question, Replay};
/// use atropos::id::TaskId;
///
/// let mut replay = Replay::new(&[]);
/// let options = Options::Range { min: 1, max: 5 };
/// let question = Question { kind: Kind::SleepLength, subject: TaskId::MAIN, site: 0, options };
/// assert_eq!(replay.answer(&question), 0);
/// assert_eq!(replay.divergence().unwrap().at, 0);
/// ```
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    log: &'a [Choice],
    next: usize,
    divergence: Option<Divergence>,
}

impl<'a> Replay<'a> {
    /// An answerer that repeats `log`.
    pub fn new(log: &'a [Choice]) -> Replay<'a> {
        Replay { log, next: 0, divergence: None }
    }

    /// The first question that was not the log's, if there was one.
    pub fn divergence(&self) -> Option<&Divergence> {
        self.divergence.as_ref()
    }

    /// How many choices of the log were not asked for.
    pub fn left_over(&self) -> usize {
        self.log.len() - self.next
    }
}

impl Choices for Replay<'_> {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        if self.divergence.is_some() {
            return 0;
        }
        let found = Choice::new(question, 0);
        let expected = self.log.get(self.next).copied();
        match expected {
            Some(choice) if Choice { answer: 0, chosen: None, ..choice } == found && choice.answer < choice.bound => {
                self.next += 1;
                choice.answer
            }
            _ => {
                self.divergence = Some(Divergence { at: self.next, expected, found });
                0
            }
        }
    }
}
