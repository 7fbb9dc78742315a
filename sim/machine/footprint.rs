//! What a step touched, and from which choices of an order it descends: all that a search has to know to tell which
//! steps may change places.
//!
//! Knows nothing of how a machine finds out, or of what is searched.

use std::collections::BTreeMap;

use crate::id::{FutureId, InstanceId, ObjectId, TaskId};

/// Something that two steps may both touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// Whatever there is: for steps of which nobody knows better.
    Everything,
    /// What a task remembers and waits for.
    Task(TaskId),
    /// What a future holds, and who is told when it is done.
    Future(FutureId),
    /// What a gather counts, or a `wait`.
    Countdown {
        /// Whether it is a `wait`.
        is_wait: bool,
        /// Which one of the run.
        number: u32,
    },
    /// What tasks synchronise by, with all that it is made of and who waits for it.
    Synchronizer(ObjectId),
    /// A deadline, or a callback: whether it is still to come.
    Deadline(u32),
    /// A task group: who is in it, what has failed, and how far it is with its end.
    Group(u32),
    /// What an `as_completed` has to give.
    Completions(u32),
    /// A shared variable.
    Shared(u16),
    /// Which task of an instance is the newest, and whether its coroutine has been started.
    Instance(InstanceId),
    /// The numbers that tasks and futures get as they are made.
    Numbers,
    /// The order of timers, where tied ones do not come in any order.
    Timers,
    /// How often an injected failure may still fire.
    Failure(u16),
    /// How many tasks have ended when main does.
    Ends,
    /// An event that the file expects something of.
    Expectations,
}

/// How a step touches something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// It only looks. Two of these change places freely.
    Looks,
    /// It adds to a count that nobody looks at until it is full. So do two of these.
    Counts,
    /// It changes it.
    Changes,
}

/// One touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Touch {
    /// What is touched.
    pub object: Object,
    /// How.
    pub access: Access,
}

impl Touch {
    /// A step that may have touched anything.
    pub const EVERYTHING: Touch = Touch { object: Object::Everything, access: Access::Changes };

    /// Whether it matters in which order two steps with these touches come.
    pub fn conflicts(self, other: Touch) -> bool {
        if self.object == Object::Everything || other.object == Object::Everything {
            return true;
        }
        self.object == other.object && (self.access != other.access || self.access == Access::Changes)
    }
}

/// Whether any of one step's touches conflicts with one of another's.
pub fn conflict(one: &[Touch], other: &[Touch]) -> bool {
    one.iter().any(|&a| other.iter().any(|&b| a.conflicts(b)))
}

/// An item of an order that was asked for: whatever descends from it stands in the queue where it was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root {
    /// The how manieth such order of the run, from 0.
    pub order: u32,
    /// Which of its items, as they would come ordinarily.
    pub item: u32,
}

/// A part of a step, and from which items it descends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Sorted.
    pub roots: Vec<Root>,
    /// What it touched.
    pub touches: Vec<Touch>,
}

/// An order that a step asked for, of items that do nothing but stand in a queue, or that are gone through one by one by
/// the machine itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which order of the run it is.
    pub number: u32,
    /// The number of its first question among those of the step.
    pub first_question: u32,
    /// How many items it has.
    pub items: u32,
}

/// What a watched machine tells of its last step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// The turn of the step. Steps of different turns stay in order, whatever is chosen.
    pub turn: u32,
    /// Its parts.
    pub parts: Vec<Part>,
    /// The orders that it asked for.
    pub orders: Vec<Order>,
    /// For whom the step was made, if it ran a handle.
    pub whose: Option<FutureId>,
    /// A name for what ran, which no two have that are ready at once; 0 if nothing did.
    pub ran: u64,
    /// The names of the options, where anything that is ready may run next, and the number of that question.
    pub ready: Option<(u32, Vec<u64>)>,
}

/// What the steps made for each future touched in one run, in their order: what a sampler goes by, as long as another run
/// does about the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footsteps {
    futures: Vec<Vec<Vec<Touch>>>,
}

impl Footsteps {
    /// Adds a step.
    pub fn add(&mut self, future: FutureId, touches: impl IntoIterator<Item = Touch>) {
        if self.futures.len() <= future.index() {
            self.futures.resize(future.index() + 1, Vec::new());
        }
        self.futures[future.index()].push(touches.into_iter().collect());
    }

    /// What the step of a future touches that has made so many before; nothing, if none is known.
    pub fn step(&self, future: FutureId, before: usize) -> &[Touch] {
        self.steps(future).get(before).map_or(&[], Vec::as_slice)
    }

    /// Whether the step of a future that has made so many before touches nothing, and that is known.
    pub fn is_known_empty(&self, future: FutureId, before: usize) -> bool {
        self.steps(future).get(before).is_some_and(Vec::is_empty)
    }

    fn steps(&self, future: FutureId) -> &[Vec<Touch>] {
        self.futures.get(future.index()).map_or(&[], Vec::as_slice)
    }

    /// Only what is touched in the name of more than one so that it matters who comes first, as far as a sampler may go by that.
    ///
    /// What is only known to touch everything is left out: nobody knows in whose way that is, and if it were in everybody's, as
    /// where main keeps a list, there would be nothing to tell steps apart by. So is what is done to a future: whoever begins to
    /// wait for one goes on after its end, whichever of the two comes first.
    pub fn contended(&self) -> Footsteps {
        let counts = |touch: &Touch| !matches!(touch.object, Object::Everything | Object::Future(_));
        let mut touched = Touched::new();
        for (future, steps) in (0..).map(FutureId).zip(&self.futures) {
            for &touch in steps.iter().flatten().filter(|touch| counts(touch)) {
                let (first, has_more) = touched.entry(touch).or_insert((future, false));
                *has_more |= *first != future;
            }
        }
        let mut contended = self.clone();
        for (future, steps) in (0..).map(FutureId).zip(&mut contended.futures) {
            for step in steps {
                step.retain(|touch| counts(touch) && is_contended(&touched, future, *touch));
            }
        }
        contended
    }

    /// How many futures made a step.
    pub fn futures(&self) -> usize {
        self.futures.len()
    }

    /// How many steps a future made that touched something of which this is true.
    pub fn count(&self, future: FutureId, mut is_it: impl FnMut(Touch) -> bool) -> u64 {
        let steps = self.futures.get(future.index()).into_iter().flatten();
        steps.filter(|touches| touches.iter().any(|&touch| is_it(touch))).count() as u64
    }

    /// What was touched in the name of more than one, and changed: shared variables, what tasks synchronise by, and what only
    /// is known as everything.
    pub fn shared(&self) -> Vec<Object> {
        let is_shared =
            |object: Object| matches!(object, Object::Shared(_) | Object::Synchronizer(_) | Object::Everything);
        let all = self.futures.iter().flatten().flatten().filter(|touch| is_shared(touch.object));
        let mut shared: Vec<Object> = all.map(|touch| touch.object).collect();
        shared.sort_unstable();
        shared.dedup();
        shared.retain(|&object| {
            let touched = |future: &u32| self.count(FutureId(*future), |touch| touch.object == object) > 0;
            let mut changed = self.futures.iter().flatten().flatten();
            (0..self.futures.len() as u32).filter(touched).count() > 1
                && changed.any(|touch| touch.object == object && touch.access == Access::Changes)
        });
        shared
    }
}

/// By what is touched and how: who does so first, and whether there are more.
type Touched = BTreeMap<Touch, (FutureId, bool)>;

/// Whether anybody else touches the same thing in such a way that it matters who comes first.
fn is_contended(touched: &Touched, future: FutureId, touch: Touch) -> bool {
    let all = [Access::Looks, Access::Counts, Access::Changes].map(|access| Touch { access, ..touch });
    let is_by_others = |touch| touched.get(touch).is_some_and(|&(first, has_more)| has_more || first != future);
    all.iter().any(|other| touch.conflicts(*other) && is_by_others(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_counts_and_who_looks_changes_places_with_its_like() {
        let touch = |object, access| Touch { object, access };
        let shared = Object::Shared(1);
        let all = [Access::Looks, Access::Counts, Access::Changes];
        for one in all {
            for other in all {
                let expected = one != other || one == Access::Changes;
                assert_eq!(touch(shared, one).conflicts(touch(shared, other)), expected, "{one:?} {other:?}");
                assert!(!touch(shared, one).conflicts(touch(Object::Shared(2), other)));
            }
            assert!(Touch::EVERYTHING.conflicts(touch(shared, one)));
        }
    }

    #[test]
    fn what_one_alone_touches_is_not_contended() {
        let looks = |object| Touch { object, access: Access::Looks };
        let changes = |object| Touch { object, access: Access::Changes };
        let (one, two, own) = (Object::Shared(1), Object::Shared(2), Object::Task(TaskId(0)));
        let mut footsteps = Footsteps::default();
        footsteps.add(FutureId(0), [changes(own), looks(one), looks(two)]);
        footsteps.add(FutureId(0), [changes(own), Touch::EVERYTHING, changes(Object::Future(FutureId(1)))]);
        footsteps.add(FutureId(1), [changes(one), looks(two), changes(Object::Future(FutureId(1)))]);
        let contended = footsteps.contended();
        assert_eq!(contended.step(FutureId(0), 0), [looks(one)]);
        assert_eq!(contended.step(FutureId(1), 0), [changes(one)]);
        assert!(!contended.is_known_empty(FutureId(0), 0));
        assert!(contended.is_known_empty(FutureId(0), 1));
        assert!(!contended.is_known_empty(FutureId(0), 2), "nobody knows that step");
    }
}
