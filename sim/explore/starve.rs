//! Starvation intervals: for a while some tasks do not run at all, whatever the others do.
//!
//! R. O'Callahan's chaos mode of the debugger rr (2016, described by its author, not in a paper): some threads have a low
//! priority, and up to a fifth of the time whoever has one does not run. What it finds is what needs many equal picks in a
//! row: that one of two tasks makes 14 steps while the other waits has a chance of 1 in 16,384 in a random walk.
//!
//! What differs here: who starves is drawn anew for each interval, with a share that is drawn as well, from a tenth of the
//! tasks to nine; an interval is as long as a power of two of questions about orders, up to as many as the ordinary run asks,
//! each of these lengths as likely as the others; on average four times as many questions are answered evenly in between,
//! which makes the fifth. Everything that is asked but orders is answered as [`Seeded`] does. If all that could be next
//! starve, they do not. No odds are published; those that the test below holds are our own.
//!
//! It is none of the samplers that take turns if nobody chooses: see the table in `snapshots/samplers/order-bugs.md`.
//!
//! Knows nothing of what the orders are of.

use crate::choice::{Choices, Generator, Options, Question, Seeded};
use crate::id::FutureId;

/// Whoever starves is not next.
#[derive(Clone, Debug)]
pub struct Starve {
    /// An interval is of at most two to this power of questions.
    power_max: u64,
    generator: Generator,
    others: Seeded,
    is_starving: bool,
    /// How many more questions come in this interval, or before the next one.
    left: u64,
    /// How many in ten starve.
    share: u64,
    /// By future, as far as it has been drawn: whether it starves in this interval.
    starves: Vec<Option<bool>>,
}

/// Evenly answered questions between two intervals: up to so many times the length of the one that comes, half of that on
/// average.
const BETWEEN_MAX: u64 = 8;

impl Starve {
    /// For runs with about so many questions about orders.
    pub fn new(questions: u64) -> Starve {
        Starve {
            power_max: u64::from(questions.max(1).ilog2()),
            generator: Generator::new(0),
            others: Seeded::new(0),
            is_starving: false,
            left: 0,
            share: 0,
            starves: Vec::new(),
        }
    }

    /// Begins the run of a seed.
    pub fn begin(&mut self, seed: u64) {
        self.generator = Generator::new(seed);
        self.others = Seeded::new(self.generator.below(u64::MAX));
        // A fifth of the runs begin with an interval.
        self.is_starving = self.generator.below(5) != 0;
        self.left = 0;
    }

    /// A question about an order has come: perhaps an interval begins, or ends.
    fn go_on(&mut self) {
        while self.left == 0 {
            self.is_starving = !self.is_starving;
            let length = 1 << self.generator.below(self.power_max + 1);
            self.left = if self.is_starving { length } else { self.generator.below(BETWEEN_MAX * length + 1) };
            self.share = 1 + self.generator.below(9);
            self.starves.clear();
        }
        self.left -= 1;
    }

    fn starves(&mut self, future: FutureId) -> bool {
        if self.starves.len() <= future.index() {
            self.starves.resize(future.index() + 1, None);
        }
        *self.starves[future.index()].get_or_insert_with(|| self.generator.below(10) < self.share)
    }
}

impl Choices for Starve {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        let Options::Futures(futures) = question.options else { return self.others.answer(question) };
        self.go_on();
        let mut fed: Vec<u64> = Vec::new();
        if self.is_starving {
            fed.extend((0..).zip(futures).filter(|&(_, &future)| !self.starves(future)).map(|(at, _)| at));
        }
        if fed.is_empty() {
            return self.generator.below(futures.len() as u64);
        }
        fed[self.generator.below(fed.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::tests::{orders, share};

    /// The bug that it is for: one of two tasks makes its first 14 steps before the other makes one. In a random walk one
    /// run in 8,192 begins like this.
    #[test]
    fn many_equal_picks_in_a_row_come_soon() {
        let mut starve = Starve::new(40);
        let found = orders(&[20, 20], 10_000, &mut starve, Starve::begin);
        // Worked out: a run begins with an interval in 1 of 5 cases; 16 or 32 of its lengths 1, 2, 4 … 32 will do, 2 of 6;
        // and just one of the two has to starve, which is so in 1 of 3 cases or more: some 1 in 45, and a little more,
        // because an interval may begin later.
        assert!(share(&found, |order| order[..14].iter().all(|&task| task == order[0]), 150..400));
    }

    /// Everything else stays as likely as in a random walk, or nearly: all orders of three tasks come.
    #[test]
    fn no_order_is_left_out() {
        let mut starve = Starve::new(2);
        let found = orders(&[1, 1, 1], 6_000, &mut starve, Starve::begin);
        assert_eq!(found.len(), 6);
        assert!(found.values().all(|count| (800..1200).contains(count)), "{found:?}");
    }
}
