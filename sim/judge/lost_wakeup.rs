//! The oracle `lost-wakeup`: a task sleeps on, though what it waits for is there.
//!
//! Whoever waits in a lock, semaphore, event or queue is woken in the instant in which there is something for it. So the
//! oracle speaks when time passes, or everything stands still, and a task waits to acquire a lock that is free or a
//! semaphore with permits, for an event that is set, to get from a queue with items, or to put into one with room.
//!
//! What a condition has is notifications. The oracle speaks if one went to a task that left with an error instead, by a
//! cancellation that came before it could go on, if neither that task nor the condition has notified another one by the
//! end of that instant, and if there is another that has slept since before.
//!
//! Silent about who waits to acquire a condition's lock, for a queue to be done or at a barrier, and once main has ended.
//!
//! Knows nothing of versions, or of how objects hand over what they have.

use super::oracles::Found;
use crate::id::{ObjectId, TaskId};
use crate::program::{Make, Operation, Program};
use crate::reuse::clone_in_place;
use crate::time::Time;
use crate::trace::{Outcome, Waits, Wake, What};
use crate::verdict::Oracle;

/// Who sleeps for what, and what is there.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct LostWakeup {
    /// What the objects are; the same in every run.
    makes: Vec<Make>,
    /// Of each object its permits or items; of a lock 1 if it is free, of an event 1 if it is set.
    has: Vec<u32>,
    /// In the order in which they began to wait.
    sleepers: Vec<Sleeper>,
    /// The conditions one of whose notifications nobody has got, in this instant.
    lost: Vec<ObjectId>,
    now: Time,
    main_has_ended: bool,
}

clone_in_place!(LostWakeup { makes, has, sleepers, lost, now, main_has_ended });

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sleeper {
    task: TaskId,
    operation: Operation,
    object: ObjectId,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Asleep,
    /// It has begun to sleep since a notification was lost in this instant: that one was not for it.
    Late,
    /// It was told of already.
    Told,
    /// A condition has notified it.
    Notified,
    /// It leaves a condition with an error, maybe with a notification that nobody else has got, and may have to wait for
    /// the lock first.
    Leaving {
        notified: bool,
        takes_lock_back: bool,
    },
}

impl LostWakeup {
    pub(super) fn new(program: &Program) -> LostWakeup {
        let makes: Vec<Make> = program.objects.iter().map(|object| object.make).collect();
        let has = makes.iter().copied().map(at_first).collect();
        LostWakeup { makes, has, sleepers: Vec::new(), lost: Vec::new(), now: Time::ZERO, main_has_ended: false }
    }

    pub(super) fn reset(&mut self) {
        for (has, &make) in self.has.iter_mut().zip(&self.makes) {
            *has = at_first(make);
        }
        self.sleepers.clear();
        self.lost.clear();
        self.now = Time::ZERO;
        self.main_has_ended = false;
    }

    #[inline]
    pub(super) fn see(&mut self, now: Time, what: What, waits: &Waits, found: &mut Found) {
        if !self.makes.is_empty() {
            self.see_use(now, what, waits, found);
        }
    }

    fn see_use(&mut self, now: Time, what: What, waits: &Waits, found: &mut Found) {
        if self.now != now {
            self.now = now;
            self.instant_is_over(waits, found);
        }
        match what {
            What::Blocked { task, operation, object } if !self.main_has_ended => self.blocked(task, operation, object),
            What::Used { task, operation, object, count } => self.used(task, operation, object, count),
            What::Resumed { task, by: Wake::Object(object) } => self.resumed(task, object),
            What::CancelRequested { task, .. } => {
                // Its waiter is cancelled with it, and no notification goes there.
                if let Some(sleeper) = self.of(task).filter(|it| it.is_asleep()) {
                    sleeper.state = State::Leaving { notified: false, takes_lock_back: false };
                }
            }
            What::CancelDelivered { task, .. } => self.interrupted(task),
            What::ShutdownBegan { .. } => {
                self.main_has_ended = true;
                self.sleepers.clear();
            }
            _ => {}
        }
    }

    pub(super) fn end(&self, outcome: Outcome, waits: &Waits, found: &mut Found) {
        if outcome == Outcome::Deadlocked {
            self.clone().instant_is_over(waits, found);
        }
    }

    fn of(&mut self, task: TaskId) -> Option<&mut Sleeper> {
        self.sleepers.iter_mut().find(|sleeper| sleeper.task == task)
    }

    fn blocked(&mut self, task: TaskId, operation: Operation, object: ObjectId) {
        match self.of(task) {
            Some(Sleeper {
                state: State::Leaving { takes_lock_back, .. },
                operation: Operation::Wait,
                object: left,
                ..
            }) if operation == Operation::Wait && *left == object => {
                return *takes_lock_back = true;
            }
            Some(Sleeper { state: State::Leaving { .. }, .. }) => self.has_left(task),
            // It takes the lock back, or has to wait once more.
            Some(_) => return,
            None => {}
        }
        let state = if self.lost.contains(&object) { State::Late } else { State::Asleep };
        self.sleepers.push(Sleeper { task, operation, object, state });
    }

    fn used(&mut self, task: TaskId, operation: Operation, object: ObjectId, count: u32) {
        self.has_left(task);
        self.sleepers.retain(|sleeper| sleeper.task != task);
        let has = &mut self.has[object.index()];
        match (self.makes[object.index()], operation) {
            (Make::Lock, _) => *has = 1 - count,
            (Make::Condition, Operation::Notify | Operation::NotifyAll) => self.notified(object, count),
            (Make::Queue(_), Operation::TaskDone | Operation::Join) | (Make::Condition, _) => {}
            _ => *has = count,
        }
    }

    /// A task that was leaving does something else.
    fn has_left(&mut self, task: TaskId) {
        let is_free = |it: &Sleeper| matches!(it.state, State::Leaving { takes_lock_back: false, .. });
        let Some(at) = self.sleepers.iter().position(|it| it.task == task && is_free(it)) else { return };
        let left = self.sleepers.remove(at);
        if left.has_lost_one() {
            self.lost.push(left.object);
        }
    }

    /// All but so many of those who slept were notified, the first ones first.
    fn notified(&mut self, condition: ObjectId, left: u32) {
        self.passed_on(condition);
        let mut asleep: Vec<&mut Sleeper> =
            self.sleepers.iter_mut().filter(|sleeper| sleeper.sleeps_at(condition)).collect();
        let woken = asleep.len().saturating_sub(left as usize);
        asleep.iter_mut().take(woken).for_each(|sleeper| sleeper.state = State::Notified);
    }

    /// A notification that a task did not take has gone to another one.
    fn passed_on(&mut self, condition: ObjectId) {
        if let Some(at) = self.lost.iter().position(|&lost| lost == condition) {
            self.lost.remove(at);
        } else if let Some(leaving) = self.sleepers.iter_mut().find(|it| it.object == condition && it.has_lost_one()) {
            leaving.state = State::Leaving { notified: false, takes_lock_back: false };
        }
    }

    fn resumed(&mut self, task: TaskId, object: ObjectId) {
        let Some(sleeper) = self.of(task) else { return };
        if let State::Leaving { takes_lock_back, .. } = &mut sleeper.state {
            *takes_lock_back = false;
        } else if sleeper.sleeps_at(object) {
            sleeper.state = State::Notified;
            // Nobody has notified it but one who left.
            self.passed_on(object);
        }
    }

    fn interrupted(&mut self, task: TaskId) {
        let Some(at) = self.sleepers.iter().position(|sleeper| sleeper.task == task) else { return };
        let Sleeper { operation, object, ref mut state, .. } = self.sleepers[at];
        if operation != Operation::Wait || self.makes[object.index()] != Make::Condition {
            self.sleepers.remove(at);
            return;
        }
        let notified = match *state {
            State::Asleep | State::Late | State::Told => false,
            State::Notified => true,
            State::Leaving { notified, .. } => notified,
        };
        *state = State::Leaving { notified, takes_lock_back: false };
    }

    /// Nothing is ready any more: who could go on and does not was forgotten.
    fn instant_is_over(&mut self, waits: &Waits, found: &mut Found) {
        if self.sleepers.is_empty() {
            return self.lost.clear();
        }
        for at in (0..self.sleepers.len()).rev() {
            self.has_left(self.sleepers[at].task);
        }
        for at in 0..self.sleepers.len() {
            let sleeper = self.sleepers[at];
            if sleeper.state == State::Asleep && self.is_there(sleeper) {
                self.sleepers[at].state = State::Told;
                found.add(Oracle::LostWakeup, sleeper.task, waits, None);
            } else if sleeper.state == State::Late {
                self.sleepers[at].state = State::Asleep;
            }
        }
        self.lost.clear();
    }

    /// Whether there is what somebody sleeps for.
    fn is_there(&self, sleeper: Sleeper) -> bool {
        let has = self.has[sleeper.object.index()];
        match (self.makes[sleeper.object.index()], sleeper.operation) {
            (Make::Condition, Operation::Wait) => self.lost.contains(&sleeper.object),
            (Make::Queue(most), Operation::Put) => has < most,
            (Make::Condition | Make::Barrier(_), _) | (Make::Queue(_), Operation::Join) => false,
            _ => has > 0,
        }
    }
}

impl Sleeper {
    fn sleeps_at(&self, object: ObjectId) -> bool {
        self.is_asleep() && self.object == object && self.operation == Operation::Wait
    }

    fn is_asleep(&self) -> bool {
        matches!(self.state, State::Asleep | State::Late | State::Told)
    }

    /// Whether it has left with a notification.
    fn has_lost_one(&self) -> bool {
        self.state == State::Leaving { notified: true, takes_lock_back: false }
    }
}

fn at_first(make: Make) -> u32 {
    match make {
        Make::Lock => 1,
        Make::Semaphore(permits) => permits,
        Make::Event | Make::Condition | Make::Queue(_) | Make::Barrier(_) | Make::Future => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracles::tests::*;
    use super::*;
    use crate::id::InstanceId;

    const CONDITION: ObjectId = ObjectId(0);

    fn waits(task: TaskId) -> What {
        What::Blocked { task, operation: Operation::Wait, object: CONDITION }
    }

    fn notifies(task: TaskId, left: u32) -> What {
        What::Used { task, operation: Operation::Notify, object: CONDITION, count: left }
    }

    /// Whether somebody is told of, when the instant of these events is over.
    fn is_told(events: &[What]) -> bool {
        let (mut waits, mut found) = (Waits::default(), Found::default());
        [A, B, C].iter().for_each(|&task| waits.see(What::Created { task, by: MAIN, instance: InstanceId(task.0) }));
        let mut oracle = LostWakeup {
            makes: vec![Make::Condition],
            has: vec![0],
            sleepers: Vec::new(),
            lost: Vec::new(),
            now: Time::ZERO,
            main_has_ended: false,
        };
        events.iter().for_each(|&what| oracle.see(Time::ZERO, what, &waits, &mut found));
        oracle.end(Outcome::Deadlocked, &waits, &mut found);
        found.iter().next().is_some()
    }

    /// The notification that is lost was there before the last one came: it was not for that one.
    #[test]
    fn who_comes_after_a_notification_was_lost_has_not_missed_it() {
        let lost = [
            notifies(B, 0),
            told(A),
            What::Used { task: A, operation: Operation::Acquire, object: CONDITION, count: 0 },
        ];
        assert!(is_told(&[&[waits(A), waits(C), notifies(B, 1)], &lost[1..]].concat()), "it slept all the while");
        assert!(!is_told(&[&[waits(A)], &lost[..], &[waits(C)][..]].concat()), "it has come since");
    }
}
