//! Selectively uniform random walk: every interleaving of some interesting steps as likely as any other.
//!
//! H. Zhao, D. Wolff, U. Mathur and A. Roychoudhury, "Selectively Uniform Concurrency Testing", ASPLOS 2025. Whose
//! interesting step comes next is drawn in proportion to how many each has left, as counted in a first run; until that
//! step comes, the interesting steps of all others are held back, and what is not interesting goes at random. Of two tasks
//! with five steps each, all 252 interleavings are equally likely; in a random walk some are 16 times as likely as others.
//!
//! What differs here: what is interesting is, seed by seed, one thing that several tasks touch and somebody changes (a
//! shared variable, or everything that is not known better), or all of these things; what a step is going to touch is
//! what it touched in the ordinary run, being its task's n-th. Everything that is asked but orders of what is ready is
//! answered as [`Seeded`] does. Where nobody knows what steps touch, as with real Rust code, a run has no counts either,
//! and this is a random walk. Where the queue is first in, first out, what is left are the orders of timers and sets,
//! each as likely as any other.
//!
//! Knows nothing of what the steps are.

use std::sync::Arc;

use crate::choice::{Choices, Generator, Kind, Options, Question, Seeded};
use crate::id::FutureId;
use crate::machine::{Footsteps, Object};

/// Whose interesting step is next is drawn by how many are left.
#[derive(Clone, Debug)]
pub struct Surw {
    footsteps: Arc<Footsteps>,
    /// What may be interesting.
    shared: Vec<Object>,
    generator: Generator,
    others: Seeded,
    /// What is; nothing for all of it.
    object: Option<Object>,
    /// By future: how many steps it has made, and how many interesting ones it has left.
    futures: Vec<(usize, u64)>,
    /// Whose interesting step is next.
    intended: Option<FutureId>,
}

impl Surw {
    /// For runs that do about the same as the one with these footsteps.
    pub fn new(footsteps: Arc<Footsteps>) -> Surw {
        let shared = footsteps.shared();
        Surw {
            footsteps,
            shared,
            generator: Generator::new(0),
            others: Seeded::new(0),
            object: None,
            futures: Vec::new(),
            intended: None,
        }
    }

    /// Begins the run of a seed.
    pub fn begin(&mut self, seed: u64) {
        self.generator = Generator::new(seed);
        self.others = Seeded::new(self.generator.below(u64::MAX));
        let which = self.generator.below(self.shared.len() as u64 + 1) as usize;
        self.object = self.shared.get(which).copied();
        self.intended = None;
        self.futures.clear();
        for future in (0..self.footsteps.futures() as u32).map(FutureId) {
            let left = self.footsteps.count(future, |touch| self.is_interesting(touch.object));
            self.futures.push((0, left));
        }
    }

    fn is_interesting(&self, object: Object) -> bool {
        self.object.map_or_else(|| self.shared.contains(&object), |only| only == object)
    }

    /// Whether the next step of a future is interesting.
    fn is_next_interesting(&self, future: FutureId) -> bool {
        let made = self.futures.get(future.index()).map_or(0, |(made, _)| *made);
        self.footsteps.step(future, made).iter().any(|touch| self.is_interesting(touch.object))
    }

    fn left(&self, future: FutureId) -> u64 {
        self.futures.get(future.index()).map_or(0, |(_, left)| *left)
    }

    /// Draws whose interesting step is next, of these.
    fn intend(&mut self, futures: impl Iterator<Item = FutureId> + Clone) -> Option<FutureId> {
        let all: u64 = futures.clone().map(|future| self.left(future)).sum();
        if all == 0 {
            return None;
        }
        let mut drawn = self.generator.below(all);
        for future in futures {
            match drawn.checked_sub(self.left(future)) {
                Some(rest) => drawn = rest,
                None => return Some(future),
            }
        }
        None
    }

    /// One of these places, each as likely as the others.
    fn any(&mut self, places: &[usize]) -> usize {
        places[self.generator.below(places.len() as u64) as usize]
    }
}

impl Choices for Surw {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        let (Kind::ReadyOrder, Options::Futures(futures)) = (question.kind, question.options) else {
            return self.others.answer(question);
        };
        if self.intended.is_none_or(|future| self.left(future) == 0) {
            self.intended = self.intend((0..self.futures.len() as u32).map(FutureId));
        }
        let free = |surw: &Surw| -> Vec<usize> {
            let is_free = |future: FutureId| Some(future) == surw.intended || !surw.is_next_interesting(future);
            (0..futures.len()).filter(|&at| is_free(futures[at])).collect()
        };
        let mut places = free(self);
        if places.is_empty() {
            // The intended one waits for somebody who is held back.
            self.intended = self.intend(futures.iter().copied());
            places = free(self);
        }
        if places.is_empty() {
            places = (0..futures.len()).collect();
        }
        self.any(&places) as u64
    }

    fn goes_on(&mut self, future: FutureId) {
        let is_interesting = self.is_next_interesting(future);
        if let Some((made, left)) = self.futures.get_mut(future.index()) {
            *made += 1;
            if is_interesting {
                *left = left.saturating_sub(1);
                self.intended = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::tests::{orders, share};
    use crate::machine::{Access, Touch};

    /// The paper's own example: two tasks that shift a number five times each, so that its bits tell the interleaving. All
    /// of the 252 come, each about as often as the others.
    #[test]
    fn all_interleavings_of_two_tasks_are_equally_likely() {
        let touch = Touch { object: Object::Shared(0), access: Access::Changes };
        let mut footsteps = Footsteps::default();
        (0..10).for_each(|step| footsteps.add(FutureId(step % 2), [touch]));
        let mut surw = Surw::new(Arc::new(footsteps));
        let found = orders(&[5, 5], 25_200, &mut surw, Surw::begin);
        assert_eq!(found.len(), 252);
        // Expected: 100 each, with a standard deviation of 10.
        assert!(found.values().all(|count| (55..=150).contains(count)), "{found:?}");
        assert!(share(&found, |order| order[..5] == [0; 5], 55..150));
    }
}
