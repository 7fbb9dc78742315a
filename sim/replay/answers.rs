//! The answers of a replay in the making: cuts entry by entry, and wishes for single questions.
//!
//! Knows nothing of names.

use std::collections::BTreeMap;

use crate::choice::{Choices, Options, Question};
use crate::id::FutureId;
use crate::time::TICK;

/// What is to be chosen at a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// This future, the how manieth of those options that are it, from 1.
    Future(FutureId, usize),
    /// So many nanoseconds, or a time of so many.
    Length(u64),
    /// The message of this connection.
    Connection(u32),
    /// That it fires.
    Fires,
}

/// Answers that follow wishes where they can be met, and else the ordinary ones.
pub(super) struct Answers<'a> {
    /// By number of the question, those of cuts not counted.
    pub(super) wishes: &'a BTreeMap<usize, Wish>,
    /// By entry, the next one last.
    pub(super) cuts: Vec<Vec<u64>>,
    /// How many questions there have been, those of cuts not counted.
    pub(super) asked: usize,
}

impl Choices for Answers<'_> {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        if let Options::Cuts { .. } = question.options {
            let cuts = self.cuts.get_mut(usize::from(question.site));
            return cuts.and_then(Vec::pop).filter(|&answer| answer < question.bound()).unwrap_or(0);
        }
        let wish = self.wishes.get(&self.asked);
        self.asked += 1;
        match (wish, question.options) {
            (Some(&Wish::Future(future, nth)), Options::Futures(futures)) => {
                let same = (0..).zip(futures).filter(|&(_, &other)| other == future);
                same.map(|(at, _)| at).nth(nth - 1).unwrap_or(0)
            }
            (Some(&Wish::Length(length)), Options::Range { min, max }) if (min..=max).contains(&length) => length - min,
            (Some(&Wish::Length(length)), Options::Ticks { min, max })
                if length % TICK.0 == 0 && (min..=max).contains(&(length / TICK.0)) =>
            {
                length / TICK.0 - min
            }
            (Some(&Wish::Length(time)), Options::Moment { first, ticks })
                if time % TICK.0 == 0 && (first..first + ticks).contains(&(time / TICK.0)) =>
            {
                1 + time / TICK.0 - first
            }
            (Some(&Wish::Connection(connection)), Options::Connections(all)) => {
                (0..).zip(all).find(|&(_, &other)| other == connection).map_or(0, |(at, _)| at)
            }
            (Some(Wish::Fires), Options::Fire { .. }) => 1,
            _ => 0,
        }
    }
}
