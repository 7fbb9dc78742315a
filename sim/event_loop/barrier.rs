//! `Barrier`: a condition with states. Who completes it goes on at once and has the others notified; who comes while they
//! leave waits until they have.
//!
//! Knows nothing of how a condition waits.

use super::EventLoop;
use super::object::Use;
use super::task::Progress;
use crate::id::{ObjectId, TaskId};
use crate::program::{Error, ErrorType, Make, Operation, Value};

/// What a barrier does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Filling,
    Draining,
    Resetting,
    Broken,
}

/// How far a task has come that uses a barrier. It has the condition's lock, or waits for it, all along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// It waits for the lock.
    Entering,
    /// It waits until those who leave are gone.
    Blocked,
    /// It is counted as this one, and waits for the others.
    Waiting(u32),
}

impl EventLoop<'_> {
    /// Its `wait`, `reset` and `abort`. An error that comes back is a new one.
    pub(super) fn enter_barrier(&mut self, task: TaskId, used: Use) -> Progress {
        self.acquire_lock(task, used)?.ok();
        self.at_barrier(task, used)
    }

    pub(super) fn go_on_at_barrier(&mut self, task: TaskId, used: Use, input: Result<Value, Error>) -> Progress {
        let lock = self.lock_of(used.object);
        let progress = match used.step {
            Step::Entering => match self.leave_lock_queue(task, lock, input) {
                Ok(_) => self.at_barrier(task, used),
                Err(error) => return Some(Err(error)),
            },
            Step::Blocked => match self.go_on_after_notify(task, used, input)? {
                Ok(_) => self.block_at_barrier(task, used),
                Err(error) => {
                    _ = self.release_lock(lock);
                    return Some(Err(error));
                }
            },
            Step::Waiting(place) => match self.go_on_after_notify(task, used, input)? {
                Ok(_) => self.wait_at_barrier(task, used, place),
                Err(error) => {
                    self.count_out(used.object);
                    return Some(Err(error));
                }
            },
        };
        progress.map(|result| result.map_err(|error| self.raised(task, error)))
    }

    /// It has the lock.
    fn at_barrier(&mut self, task: TaskId, used: Use) -> Progress {
        let barrier = used.object;
        match used.operation {
            Operation::Abort => self.change_barrier(barrier, State::Broken),
            // Notified even if nothing changes: who is blocked wakes for nothing, a turn earlier.
            Operation::Reset if self.object(barrier).value == 0 => self.change_barrier(barrier, State::Filling),
            Operation::Reset => self.change_barrier(barrier, State::Resetting),
            _ => return self.block_at_barrier(task, used),
        }
        _ = self.release_lock(self.lock_of(barrier));
        Some(Ok(Value::None))
    }

    /// Waits until nobody leaves, and is counted then.
    fn block_at_barrier(&mut self, task: TaskId, used: Use) -> Progress {
        let barrier = used.object;
        match self.object(barrier).state {
            State::Draining | State::Resetting => {
                return self.wait_for_notify(task, Use { step: Step::Blocked, ..used });
            }
            State::Broken => {
                _ = self.release_lock(self.lock_of(barrier));
                return Some(Err(self.python_error(ErrorType::BROKEN_BARRIER_ERROR, "Barrier aborted")));
            }
            State::Filling => {}
        }
        let place = self.object(barrier).value;
        self.object_mut(barrier).value += 1;
        if self.object(barrier).make == Make::Barrier(place + 1) {
            self.change_barrier(barrier, State::Draining);
            self.count_out(barrier);
            return Some(Ok(Value::Int(i64::from(place))));
        }
        self.wait_at_barrier(task, used, place)
    }

    fn wait_at_barrier(&mut self, task: TaskId, used: Use, place: u32) -> Progress {
        let barrier = used.object;
        let state = self.object(barrier).state;
        if state == State::Filling {
            return self.wait_for_notify(task, Use { step: Step::Waiting(place), ..used });
        }
        self.count_out(barrier);
        if matches!(state, State::Broken | State::Resetting) {
            return Some(Err(self.python_error(ErrorType::BROKEN_BARRIER_ERROR, "Abort or reset of barrier")));
        }
        Some(Ok(Value::Int(i64::from(place))))
    }

    /// One less is in it; the last one opens it again. Then the lock goes.
    fn count_out(&mut self, barrier: ObjectId) {
        let state = self.object_mut(barrier);
        state.value -= 1;
        if state.value == 0 {
            let next = match state.state {
                State::Resetting | State::Draining => State::Filling,
                same => same,
            };
            self.change_barrier(barrier, next);
        }
        _ = self.release_lock(self.lock_of(barrier));
    }

    /// Whoever waits for a change looks again.
    fn change_barrier(&mut self, barrier: ObjectId, state: State) {
        self.object_mut(barrier).state = state;
        _ = self.notify(self.part(barrier), i64::MAX);
    }
}
