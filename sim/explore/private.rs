//! Steps that are nobody else's business come first, so that a sampler decides only about those that matter.
//!
//! Where a step stands that touches nothing of what others touch comes to the same, and there may be many of those: main's
//! that make one task after the other, and the first of each task. They use up what a sampler has to give, be it changes of
//! priority or luck: that main makes a hundred tasks before two of them have come far is rare, and whether it does is not what
//! a bug in those tasks hangs on. In the papers' programs what threads do on their own is no step at all.
//!
//! What a step is going to touch is what it touched in the ordinary run, being its task's n-th. That is a guess where a task
//! does something else this time, and where it is only known to touch everything: so a sampler goes by it in every other
//! seed, and in the others every step is the sampler's. One that the ordinary run did not make always is.
//!
//! Knows nothing of which sampler it is.

use std::sync::Arc;

use crate::choice::{Choices, Generator, Kind, Options, Question};
use crate::id::FutureId;
use crate::machine::Footsteps;

/// A sampler that is only asked when each step that could be next matters to somebody else. Of others any comes next.
#[derive(Clone, Debug)]
pub(super) struct PrivateFirst<C> {
    sampler: C,
    contended: Arc<Footsteps>,
    generator: Generator,
    /// By future: how many steps it has made.
    made: Vec<usize>,
}

impl<C> PrivateFirst<C> {
    /// For runs that do about the same as the one with these footsteps, of which only those are left that are in the way of
    /// somebody else's.
    pub(super) fn new(contended: Arc<Footsteps>, sampler: C) -> PrivateFirst<C> {
        PrivateFirst { sampler, contended, generator: Generator::new(0), made: Vec::new() }
    }

    /// Begins the run of a seed, but for the sampler, which is returned.
    pub(super) fn begin(&mut self, seed: u64) -> &mut C {
        // Not what the sampler draws from the same seed.
        self.generator = Generator::new(!seed);
        self.made.clear();
        &mut self.sampler
    }

    fn is_private(&self, future: FutureId) -> bool {
        self.contended.is_known_empty(future, self.made.get(future.index()).copied().unwrap_or(0))
    }
}

impl<C: Choices> Choices for PrivateFirst<C> {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        if let (Kind::ReadyOrder, Options::Futures(futures)) = (question.kind, question.options) {
            let is_private: Vec<bool> = futures.iter().map(|&future| self.is_private(future)).collect();
            let count = is_private.iter().filter(|&&is_private| is_private).count() as u64;
            if count > 0 {
                let drawn = self.generator.below(count) as usize;
                let mut private = (0..).zip(&is_private).filter(|(_, is_private)| **is_private);
                return private.nth(drawn).map_or(0, |(at, _)| at);
            }
        }
        self.sampler.answer(question)
    }

    fn goes_on(&mut self, future: FutureId) {
        if self.made.len() <= future.index() {
            self.made.resize(future.index() + 1, 0);
        }
        self.made[future.index()] += 1;
        self.sampler.goes_on(future);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::Pos;
    use crate::explore::tests::{orders, share};
    use crate::machine::{Access, Object, Touch};

    /// Of two tasks one makes three steps of its own before the step that races with the other's only one. Which of these
    /// two is first is even; the other's would else have to wait for the priorities of all four.
    #[test]
    fn what_matters_to_nobody_else_does_not_have_to_be_drawn() {
        let touch = |object| Touch { object, access: Access::Changes };
        let mut footsteps = Footsteps::default();
        for (future, object) in [(0, 1), (0, 1), (0, 1), (0, 2), (1, 2)] {
            footsteps.add(FutureId(future), [touch(Object::Shared(object))]);
        }
        let contended = Arc::new(footsteps.contended());
        let mut pos = PrivateFirst::new(contended.clone(), Pos::new(contended));
        let found = orders(&[4, 1], 2_000, &mut pos, |pos, seed| pos.begin(seed).begin(seed));
        assert!(found.keys().all(|order| order[..3] == [0; 3]), "{found:?}");
        // Expected: 1 in 2.
        assert!(share(&found, |order| order[4] == 1, 900..1100));
    }
}
