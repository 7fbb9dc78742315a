//! Partial order sampling: orders by random priorities of single steps.
//!
//! X. Yuan, J. Yang and R. Gu, "Partial Order Aware Concurrency Sampling", CAV 2018. Each pending step has a random
//! priority; the one with the highest comes next, and then all that race with it draw anew. Steps that are independent of
//! each other do not have to win one draw after the other, as they do in a random walk: that one of two tasks has made
//! its n steps before the other makes its first has a chance of 1 in n + 1, not of 1 in 2 to the n.
//!
//! What differs here: what a pending step is going to touch is what it touched in the ordinary run, being its task's n-th
//! step, and what counts as a race is said at [`Footsteps::contended`]. In every other seed steps that race with nobody
//! come first, as `private.rs` says. Everything that is asked but orders of what is ready (lengths, faults, ties) is
//! answered as [`Seeded`] does.
//!
//! Where nobody knows what steps touch, as with real Rust code, none draw anew: what the paper calls BasicPOS. Where the
//! queue is first in, first out, what is left are the orders of timers and sets, each as likely as any other.
//!
//! Knows nothing of what the steps are.

use std::sync::Arc;

use crate::choice::{Choices, Generator, Kind, Options, Question, Seeded};
use crate::id::FutureId;
use crate::machine::{Footsteps, conflict};

/// Whoever's next step has the highest priority comes first.
#[derive(Clone, Debug)]
pub struct Pos {
    contended: Arc<Footsteps>,
    generator: Generator,
    others: Seeded,
    /// By future: how many steps it has made, and the priority of its next one, once that is ready.
    futures: Vec<(usize, Option<u64>)>,
}

impl Pos {
    /// For runs that do about the same as the one with these footsteps, of which only those are left that are in the way of
    /// somebody else's.
    pub fn new(contended: Arc<Footsteps>) -> Pos {
        Pos { contended, generator: Generator::new(0), others: Seeded::new(0), futures: Vec::new() }
    }

    /// Begins the run of a seed.
    pub fn begin(&mut self, seed: u64) {
        self.generator = Generator::new(seed);
        self.others = Seeded::new(self.generator.below(u64::MAX));
        self.futures.clear();
    }

    fn state(&mut self, future: FutureId) -> &mut (usize, Option<u64>) {
        if self.futures.len() <= future.index() {
            self.futures.resize(future.index() + 1, (0, None));
        }
        &mut self.futures[future.index()]
    }

    fn priority(&mut self, future: FutureId) -> u64 {
        if let Some(priority) = self.state(future).1 {
            return priority;
        }
        let priority = self.generator.below(u64::MAX);
        self.state(future).1 = Some(priority);
        priority
    }
}

impl Choices for Pos {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        let (Kind::ReadyOrder, Options::Futures(futures)) = (question.kind, question.options) else {
            return self.others.answer(question);
        };
        let mut highest = (0, 0);
        for (at, &future) in futures.iter().enumerate() {
            let priority = self.priority(future);
            if priority > highest.1 {
                highest = (at, priority);
            }
        }
        highest.0 as u64
    }

    fn goes_on(&mut self, future: FutureId) {
        let (made, priority) = self.state(future);
        let at = *made;
        (*made, *priority) = (at + 1, None);
        let touches = self.contended.step(future, at);
        for (other, (made, priority)) in (0..).map(FutureId).zip(&mut self.futures) {
            if priority.is_some() && conflict(touches, self.contended.step(other, *made)) {
                *priority = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::tests::{orders, share};
    use crate::machine::{Access, Object, Touch};

    /// What makes it better than a random walk by an exponential factor: one task is to make all of its ten steps before
    /// the other's only one, and nothing of it races. The odds are worked out by us: the other's priority has to be the
    /// least of eleven.
    #[test]
    fn independent_steps_do_not_have_to_win_every_draw() {
        let mut pos = Pos::new(Arc::default());
        let found = orders(&[10, 1], 11_000, &mut pos, Pos::begin);
        // Expected: 1 in 11, and 1 in 1,024 at random.
        assert!(share(&found, |order| order[10] == 1, 900..1100));
    }

    /// Two tasks that race with each step: which of them is next is drawn anew each time, evenly. These odds are ours too.
    #[test]
    fn steps_that_race_draw_anew() {
        let mut pos = Pos::new(all_touch(Object::Shared(0)));
        let found = orders(&[3, 1], 8_000, &mut pos, Pos::begin);
        // Expected: 1 in 8.
        assert!(share(&found, |order| order[3] == 1, 900..1100));
    }

    /// Nobody draws anew because somebody begins to wait for what he is going to end.
    #[test]
    fn waiting_for_an_end_does_not_race_with_it() {
        let mut pos = Pos::new(all_touch(Object::Future(FutureId(1))));
        let found = orders(&[3, 1], 4_000, &mut pos, Pos::begin);
        // Expected: 1 in 4.
        assert!(share(&found, |order| order[3] == 1, 900..1100));
    }

    /// Each of three steps of one task changes this, and so does the only step of another.
    fn all_touch(object: Object) -> Arc<Footsteps> {
        let mut footsteps = Footsteps::default();
        for future in [0, 0, 0, 1] {
            footsteps.add(FutureId(future), [Touch { object, access: Access::Changes }]);
        }
        Arc::new(footsteps.contended())
    }
}
