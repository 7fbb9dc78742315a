//! `Semaphore`, in the four ways that it has gone since 3.8.
//!
//! Knows nothing of versions: the profile says which way.

use super::EventLoop;
use super::object::{Use, remove};
use super::task::Progress;
use crate::id::{ObjectId, TaskId};
use crate::program::{Error, Semaphores, Value};

impl EventLoop<'_> {
    pub(super) fn is_semaphore_locked(&self, semaphore: ObjectId) -> bool {
        let state = self.object(semaphore);
        let is_queue_watched =
            matches!(self.program.profile.semaphores, Semaphores::HandedOver | Semaphores::HandedOverToAll);
        state.value == 0 || is_queue_watched && state.waiters.iter().any(|&waiter| !self.is_waiter_cancelled(waiter))
    }

    pub(super) fn acquire_semaphore(&mut self, task: TaskId, used: Use) -> Progress {
        let state = self.object(used.object);
        let has_to_wait = match self.program.profile.semaphores {
            Semaphores::Barging => state.value == 0,
            Semaphores::MarkedWakeup => state.is_wakeup_scheduled || state.value == 0,
            Semaphores::HandedOver | Semaphores::HandedOverToAll => self.is_semaphore_locked(used.object),
        };
        if has_to_wait {
            let waiter = self.block(task, used);
            self.object_mut(used.object).waiters.push_back(waiter);
            return None;
        }
        self.object_mut(used.object).value -= 1;
        Some(Ok(Value::Bool(true)))
    }

    pub(super) fn go_on_acquiring_semaphore(
        &mut self,
        task: TaskId,
        used: Use,
        input: Result<Value, Error>,
    ) -> Progress {
        let semaphore = used.object;
        let waiter = self.waiter_of(task);
        let is_woken = !self.is_waiter_cancelled(waiter);
        match self.program.profile.semaphores {
            Semaphores::Barging => {
                if let Err(error) = input {
                    if self.object(semaphore).value > 0 && is_woken {
                        self.wake_next_of_semaphore(semaphore);
                    }
                    return Some(Err(error));
                }
                self.acquire_semaphore(task, used)
            }
            Semaphores::MarkedWakeup => {
                if let Err(error) = input {
                    self.wake_next_of_semaphore(semaphore);
                    return Some(Err(error));
                }
                self.object_mut(semaphore).is_wakeup_scheduled = false;
                self.acquire_semaphore(task, used)
            }
            Semaphores::HandedOver => {
                remove(&mut self.object_mut(semaphore).waiters, waiter);
                let gives_back = input.is_err() && is_woken;
                if gives_back {
                    self.object_mut(semaphore).value += 1;
                }
                if gives_back || input.is_ok() && self.object(semaphore).value > 0 {
                    self.wake_next_of_semaphore(semaphore);
                }
                Some(input.map(|_| Value::Bool(true)))
            }
            Semaphores::HandedOverToAll => {
                remove(&mut self.object_mut(semaphore).waiters, waiter);
                if input.is_err() && is_woken {
                    self.object_mut(semaphore).value += 1;
                }
                while self.object(semaphore).value > 0 && self.wake_next_of_semaphore(semaphore) {}
                Some(input.map(|_| Value::Bool(true)))
            }
        }
    }

    pub(super) fn release_semaphore(&mut self, semaphore: ObjectId) -> Value {
        let state = self.object_mut(semaphore);
        state.value = state.value.saturating_add(1);
        self.wake_next_of_semaphore(semaphore);
        Value::None
    }

    fn wake_next_of_semaphore(&mut self, semaphore: ObjectId) -> bool {
        match self.program.profile.semaphores {
            Semaphores::Barging => self.wake_next(semaphore, |object| &mut object.waiters),
            Semaphores::MarkedWakeup => {
                let woke = self.wake_next(semaphore, |object| &mut object.waiters);
                self.object_mut(semaphore).is_wakeup_scheduled |= woke;
                woke
            }
            Semaphores::HandedOver | Semaphores::HandedOverToAll => {
                let woke = self.wake_first_pending(semaphore);
                if woke {
                    self.object_mut(semaphore).value -= 1;
                }
                woke
            }
        }
    }
}
