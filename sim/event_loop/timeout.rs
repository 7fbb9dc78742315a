//! Deadlines, and `asyncio.timeout`, which has one: it cancels the task that has entered it, and on the way out makes a `TimeoutError` of that, unless
//! somebody else has asked for a cancellation too.
//!
//! Knows nothing of what the task does inside.

use super::object::Waiter;
use super::{EventLoop, Handle, Timer};
use crate::id::TaskId;
use crate::machine::{Access, Object};
use crate::program::{Callable, Error, ErrorType, Value};
use crate::time::{Nanos, Time};
use crate::trace::{Requester, What};

/// A deadline that can be called off or set anew: of a timeout, or inside `wait_for`.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Deadline {
    /// A timer with another number is cancelled.
    serial: u32,
    then: Then,
}

/// What comes when it has passed.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) enum Then {
    /// The task is cancelled.
    Cancel(Timeout),
    /// A waiter is done.
    Wake(Waiter),
    /// A callback that the task has made is called.
    Call(TaskId, Callable),
    /// What an `as_completed` of the task waits for is given up.
    GiveUp(TaskId, u32),
}

#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Timeout {
    task: TaskId,
    state: State,
    /// How many cancellations the task had been asked for when it entered.
    cancels: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Entered,
    Expiring,
    Expired,
    Exited,
}

impl Deadline {
    /// Whether the timer that it set as its `serial`-th is cancelled.
    pub(super) fn is_off(self, serial: u32) -> bool {
        self.serial != serial
    }
}

impl EventLoop<'_> {
    pub(super) fn enter_timeout(&mut self, task: TaskId, length: Option<Nanos>) -> Value {
        let cancels = self.tasks[task.index()].cancels;
        let timeout = self.add_deadline(Then::Cancel(Timeout { task, state: State::Entered, cancels }));
        self.set_timeout(task, timeout, length);
        Value::Timeout(timeout)
    }

    /// `timeout.reschedule(…)`, by whichever task has the timeout.
    pub(super) fn reschedule(&mut self, task: TaskId, timeout: u32, length: Option<Nanos>) -> Result<Value, Error> {
        self.touch(Object::Deadline(timeout), Access::Changes);
        let state = match self.timeout(timeout).state {
            State::Entered => {
                self.set_timeout(task, timeout, length);
                return Ok(Value::None);
            }
            State::Expiring => "expiring",
            State::Expired => "expired",
            State::Exited => "finished",
        };
        let message = format!("Cannot change state of {state} Timeout");
        let error = self.python_error(ErrorType::RUNTIME_ERROR, &message);
        Err(self.raised(task, error))
    }

    fn set_timeout(&mut self, task: TaskId, timeout: u32, length: Option<Nanos>) {
        let until = length.map(|length| self.now + length);
        self.recorder.record(What::TimeoutSet { task, until });
        self.call_off(timeout);
        match until {
            Some(until) if until <= self.now => {
                let serial = self.deadlines[timeout as usize].serial;
                self.ready.push(Handle::Fire(Timer::Deadline { deadline: timeout, serial }));
            }
            Some(until) => self.arm(timeout, until),
            None => {}
        }
    }

    /// A deadline that wakes a waiter.
    pub(super) fn wake_at(&mut self, waiter: Waiter, until: Time) -> u32 {
        let deadline = self.add_deadline(Then::Wake(waiter));
        self.arm(deadline, until);
        deadline
    }

    /// One that is not set yet.
    pub(super) fn add_deadline(&mut self, then: Then) -> u32 {
        self.deadlines.push(Deadline { serial: 0, then });
        self.deadlines.len() as u32 - 1
    }

    pub(super) fn arm(&mut self, deadline: u32, until: Time) {
        self.touch_timer(until);
        let serial = self.deadlines[deadline as usize].serial;
        self.timers.set(until, Timer::Deadline { deadline, serial });
    }

    pub(super) fn call_off(&mut self, deadline: u32) {
        self.touch(Object::Deadline(deadline), Access::Changes);
        self.deadlines[deadline as usize].serial += 1;
    }

    /// Whose deadline it is.
    pub(super) fn whose_deadline(&self, deadline: u32) -> TaskId {
        match self.deadlines[deadline as usize].then {
            Then::Cancel(timeout) => timeout.task,
            Then::Wake(waiter) => waiter.task,
            Then::Call(task, _) | Then::GiveUp(task, _) => task,
        }
    }

    pub(super) fn deadline_passed(&mut self, deadline: u32) {
        match &mut self.deadlines[deadline as usize].then {
            Then::Cancel(timeout) => {
                timeout.state = State::Expiring;
                let future = self.tasks[timeout.task.index()].future;
                // Nobody is there to be told that the recursion was too deep.
                _ = self.cancel(future, Requester::Timeout, None);
            }
            &mut Then::Wake(waiter) => _ = self.wake(waiter),
            &mut Then::Call(task, what) => self.call_back(task, what),
            &mut Then::GiveUp(_, iterator) => self.give_up_completions(iterator),
        }
    }

    /// The block has ended. An error that is not made another one is given back as it is, by nothing.
    pub(super) fn leave_timeout(&mut self, task: TaskId, timeout: u32, error: Option<Error>) -> Result<Value, Error> {
        self.call_off(timeout);
        let Timeout { state, cancels, .. } = self.timeout(timeout);
        if state == State::Entered {
            self.set_state(timeout, State::Exited);
        } else if state == State::Expiring {
            self.set_state(timeout, State::Expired);
            if self.uncancel(task) <= cancels && error.is_some_and(Error::is_cancelled) {
                return Err(self.raised(task, Error::new(ErrorType::TIMEOUT_ERROR)));
            }
        }
        Ok(Value::None)
    }

    pub(super) fn is_expired(&self, timeout: u32) -> bool {
        matches!(self.timeout(timeout).state, State::Expiring | State::Expired)
    }

    fn timeout(&self, timeout: u32) -> Timeout {
        match self.deadlines[timeout as usize].then {
            Then::Cancel(timeout) => timeout,
            Then::Wake(_) | Then::Call(..) | Then::GiveUp(..) => unreachable!("this is no timeout"),
        }
    }

    fn set_state(&mut self, timeout: u32, state: State) {
        if let Then::Cancel(timeout) = &mut self.deadlines[timeout as usize].then {
            timeout.state = state;
        }
    }
}
