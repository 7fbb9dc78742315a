//! The oracle `overtaken`: a task waits for a lock or a semaphore, and others get it who have asked later.
//!
//! The oracle speaks if that happens three times while one task waits: it may go on for ever. Once may be due to a
//! cancellation.
//!
//! Silent about conditions: who was notified does not ask, it takes the lock back.
//!
//! Knows nothing of versions, or of how permits are handed over.

use super::oracles::Found;
use crate::id::{ObjectId, TaskId};
use crate::program::Operation;
use crate::reuse::clone_in_place;
use crate::trace::{Waits, What};
use crate::verdict::Oracle;

/// So many times is too often.
const TIMES: u8 = 3;

/// Who waits, in the order in which they have asked.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Overtaken {
    waiters: Vec<Waiter>,
}

clone_in_place!(Overtaken { waiters });

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Waiter {
    task: TaskId,
    object: ObjectId,
    times: u8,
}

impl Overtaken {
    pub(super) fn reset(&mut self) {
        self.waiters.clear();
    }

    pub(super) fn see(&mut self, what: What, waits: &Waits, found: &mut Found) {
        match what {
            What::Blocked { task, operation: Operation::Acquire, object }
                if !self.waiters.iter().any(|waiter| waiter.task == task) =>
            {
                self.waiters.push(Waiter { task, object, times: 0 });
            }
            What::Used { task, operation: Operation::Acquire, object, .. } => {
                let asked = self.waiters.iter().position(|waiter| waiter.task == task);
                let before = asked.unwrap_or(self.waiters.len());
                for waiter in self.waiters[..before].iter_mut().filter(|waiter| waiter.object == object) {
                    waiter.times = waiter.times.saturating_add(1);
                    if waiter.times == TIMES {
                        found.add(Oracle::Overtaken, waiter.task, waits, None);
                    }
                }
                asked.map(|at| self.waiters.remove(at));
            }
            // Whoever is asked to cancel waits no more: its place in the line is void already.
            What::CancelRequested { task, .. } | What::CancelDelivered { task, .. } => {
                self.waiters.retain(|waiter| waiter.task != task);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracles::tests::*;
    use super::*;
    use crate::id::InstanceId;

    /// How often somebody is told of, after these events.
    fn told_of(events: &[What]) -> usize {
        let (mut waits, mut found, mut oracle) = (Waits::default(), Found::default(), Overtaken::default());
        [A, B, C].iter().for_each(|&task| waits.see(What::Created { task, by: MAIN, instance: InstanceId(task.0) }));
        events.iter().for_each(|&what| oracle.see(what, &waits, &mut found));
        found.iter().count()
    }

    #[test]
    fn who_is_asked_to_cancel_has_left_the_line() {
        let object = ObjectId(0);
        let waits = What::Blocked { task: A, operation: Operation::Acquire, object };
        let gets = What::Used { task: B, operation: Operation::Acquire, object, count: 1 };
        assert_eq!(told_of(&[waits, gets, gets, gets]), 1);
        assert_eq!(told_of(&[waits, gets, gets, asked(A), gets]), 0, "it has only not been told yet");
        assert_eq!(told_of(&[waits, asked(A), waits, gets, gets, gets]), 1, "it waits again");
    }
}
