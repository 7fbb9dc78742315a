//! What tasks synchronise by, and how a task waits for it: a future of its own in somebody's queue.
//!
//! asyncio writes its locks and queues as coroutines. Here each is the state of a call that its task is in: it begins,
//! and each time the task's waiter is done it goes on, until it has something to give to the body.
//!
//! Knows nothing of what each kind of object does; those stand in files of their own.

use std::collections::VecDeque;

use super::barrier::{State, Step};
use super::library::Call;
use super::task::{Own, Progress, WaitsFor};
use super::{EventLoop, Handle};
use crate::id::{ObjectId, TaskId};
use crate::program::{Error, Inquiry, Make, Operation, Program, Value};
use crate::reuse::clone_in_place;
use crate::trace::What;

/// A lock, event, semaphore, condition or queue.
#[derive(Debug, Hash)]
pub(super) struct Object {
    pub(super) make: Make,
    /// Of a lock and an event 1 if it is locked or set, of a semaphore its free permits, of a queue how many items are
    /// not done, of a barrier how many are in it.
    pub(super) value: u32,
    /// Who waits to acquire, to be notified, or to get.
    pub(super) waiters: VecDeque<Waiter>,
    /// Who waits to put.
    pub(super) putters: VecDeque<Waiter>,
    /// What was put.
    pub(super) items: VecDeque<Value>,
    /// A semaphore's mark, in the profile that has it.
    pub(super) is_wakeup_scheduled: bool,
    /// A barrier's.
    pub(super) state: State,
    /// A condition's lock; a barrier's condition; the event of a queue that is set while everything is done.
    pub(super) part: Option<ObjectId>,
}

clone_in_place!(Object { make, value, waiters, putters, items, is_wakeup_scheduled, state, part });

/// The future in which a task waits for an object. One that the task has gone on from is neither pending nor
/// cancelled any more, wherever it still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Waiter {
    pub(super) task: TaskId,
    pub(super) serial: u32,
}

/// A step that uses an object and is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Use {
    pub(super) operation: Operation,
    pub(super) object: ObjectId,
    /// What is put, or how many are notified.
    pub(super) value: Value,
    pub(super) stage: Stage,
    /// With a barrier.
    pub(super) step: Step,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// It waits for the first thing that it has to wait for.
    First,
    /// `Condition.wait` takes its lock back.
    Reacquiring {
        /// How its waiting has ended.
        waited: Result<(), Error>,
        /// The newest cancellation since then.
        interrupted: Option<Error>,
    },
}

/// The objects of a run that has not begun: the declared ones, then those that they are made of.
pub(super) fn make_all(program: &Program) -> Vec<Object> {
    let mut all: Vec<Object> = program.objects.iter().map(|object| make(object.make)).collect();
    let mut at = 0;
    while at < all.len() {
        let part = match all[at].make {
            Make::Condition => Some(Make::Lock),
            Make::Queue(_) => Some(Make::Event),
            Make::Barrier(_) => Some(Make::Condition),
            _ => None,
        };
        if let Some(part) = part {
            all[at].part = Some(ObjectId(all.len() as u32));
            all.push(make(part));
        }
        at += 1;
    }
    all
}

fn make(make: Make) -> Object {
    Object {
        make,
        value: 0,
        waiters: VecDeque::new(),
        putters: VecDeque::new(),
        items: VecDeque::new(),
        is_wakeup_scheduled: false,
        state: State::Filling,
        part: None,
    }
}

impl Object {
    /// Back to the start, in the same memory.
    fn reset(&mut self) {
        self.value = if let Make::Semaphore(permits) = self.make { permits } else { 0 };
        self.waiters.clear();
        self.putters.clear();
        self.items.clear();
        self.is_wakeup_scheduled = false;
        self.state = State::Filling;
    }
}

impl EventLoop<'_> {
    pub(super) fn reset_objects(&mut self) {
        self.objects.iter_mut().for_each(Object::reset);
        for at in 0..self.objects.len() {
            if let (Make::Queue(_), Some(finished)) = (self.objects[at].make, self.objects[at].part) {
                self.objects[finished.index()].value = 1;
            }
        }
    }

    /// A step or a callback of `task` uses an object. Nothing comes back if the task has to wait.
    pub(super) fn use_object(
        &mut self,
        task: TaskId,
        operation: Operation,
        object: ObjectId,
        value: Value,
    ) -> Progress {
        self.touch_synchronizer(object);
        let used = Use { operation, object, value, stage: Stage::First, step: Step::Entering };
        let progress = match (operation, self.object(object).make) {
            (Operation::Acquire, Make::Semaphore(_)) => self.acquire_semaphore(task, used),
            (Operation::Acquire, _) => self.acquire_lock(task, used),
            (Operation::Release, Make::Semaphore(_)) => Some(Ok(self.release_semaphore(object))),
            (Operation::Release, _) => Some(self.release_lock(self.lock_of(object))),
            (Operation::Wait | Operation::Reset | Operation::Abort, Make::Barrier(_)) => self.enter_barrier(task, used),
            (Operation::Wait, Make::Condition) => self.wait_for_notify(task, used),
            (Operation::Wait, _) => self.wait_for_event(task, used, object),
            (Operation::Set, _) => Some(Ok(self.set_event(object))),
            (Operation::Clear, _) => {
                self.object_mut(object).value = 0;
                Some(Ok(Value::None))
            }
            (Operation::Notify, _) => Some(self.notify(object, value.as_int().unwrap_or(1))),
            (Operation::NotifyAll, _) => Some(self.notify(object, i64::MAX)),
            (Operation::Put, _) => self.put(task, used),
            (Operation::PutNowait, _) => Some(self.put_nowait(object, value)),
            (Operation::Get, _) => self.get(task, used),
            (Operation::GetNowait, _) => Some(self.get_nowait(object)),
            (Operation::TaskDone, _) => Some(self.task_done(object)),
            (Operation::Join, _) => self.join_queue(task, used),
            (Operation::Reset | Operation::Abort, _) => unreachable!("only a barrier has these"),
            (Operation::SetResult | Operation::SetException, _) => unreachable!("a future is settled, not used"),
        };
        self.tell_use(task, used, progress)
    }

    /// The waiter of a task in the middle of a use is done.
    pub(super) fn go_on_using(&mut self, task: TaskId, used: Use, input: Result<Value, Error>) -> Progress {
        self.touch_synchronizer(used.object);
        let progress = match (used.operation, self.object(used.object).make) {
            (Operation::Acquire, Make::Semaphore(_)) => self.go_on_acquiring_semaphore(task, used, input),
            (Operation::Acquire, _) => Some(self.leave_lock_queue(task, self.lock_of(used.object), input)),
            (_, Make::Barrier(_)) => self.go_on_at_barrier(task, used, input),
            (Operation::Wait, Make::Condition) => self.go_on_after_notify(task, used, input),
            (Operation::Wait, _) => Some(self.leave_event(task, used.object, input)),
            (Operation::Put, _) => self.go_on_putting(task, used, input),
            (Operation::Get, _) => self.go_on_getting(task, used, input),
            (Operation::Join, _) => Some(self.leave_event(task, self.part(used.object), input).map(|_| Value::None)),
            (operation, _) => unreachable!("{operation:?} does not wait"),
        };
        self.tell_use(task, used, progress)
    }

    fn tell_use(&mut self, task: TaskId, used: Use, progress: Progress) -> Progress {
        if let Some(Ok(value)) = progress {
            let Use { operation, object, .. } = used;
            let item = match operation {
                Operation::Put | Operation::PutNowait => Some(used.value),
                Operation::Get | Operation::GetNowait => Some(value),
                _ => None,
            };
            if let Some(value) = item.filter(|item| !matches!(item, Value::List(_) | Value::Tuple(_))) {
                self.recorder.record(What::Item { task, value });
            }
            let count = self.count_after(operation, object);
            self.recorder.record(What::Used { task, operation, object, count });
        }
        progress
    }

    /// What an object says after it was used.
    fn count_after(&self, operation: Operation, object: ObjectId) -> u32 {
        let state = self.object(object);
        match (state.make, operation) {
            (Make::Condition, Operation::Notify | Operation::NotifyAll) => {
                state.waiters.iter().filter(|&&waiter| self.is_pending(waiter)).count() as u32
            }
            (Make::Condition, _) => self.object(self.lock_of(object)).value,
            (Make::Queue(_), Operation::TaskDone | Operation::Join) => state.value,
            (Make::Queue(_), _) => state.items.len() as u32,
            _ => state.value,
        }
    }

    pub(super) fn inquire(&self, object: ObjectId, inquiry: Inquiry) -> Value {
        let state = self.object(object);
        match inquiry {
            Inquiry::Locked if matches!(state.make, Make::Semaphore(_)) => {
                Value::Bool(self.is_semaphore_locked(object))
            }
            Inquiry::Locked => Value::Bool(self.object(self.lock_of(object)).value > 0),
            Inquiry::IsSet => Value::Bool(state.value > 0),
            Inquiry::Size => Value::Int(state.items.len() as i64),
            Inquiry::Empty => Value::Bool(state.items.is_empty()),
            Inquiry::Full => Value::Bool(self.is_full(object)),
            Inquiry::Parties => match state.make {
                Make::Barrier(parties) => Value::Int(i64::from(parties)),
                other => unreachable!("{other:?} has no parties"),
            },
            Inquiry::Waiting if state.state == State::Filling => Value::Int(i64::from(state.value)),
            Inquiry::Waiting => Value::Int(0),
            Inquiry::Broken => Value::Bool(state.state == State::Broken),
        }
    }

    pub(super) fn object(&self, object: ObjectId) -> &Object {
        &self.objects[object.index()]
    }

    pub(super) fn object_mut(&mut self, object: ObjectId) -> &mut Object {
        &mut self.objects[object.index()]
    }

    /// A condition's lock, a queue's event.
    pub(super) fn part(&self, object: ObjectId) -> ObjectId {
        self.object(object).part.expect("it is made of one")
    }

    /// The lock that a condition or a barrier has or a lock is.
    pub(super) fn lock_of(&self, object: ObjectId) -> ObjectId {
        self.object(object).part.map_or(object, |part| self.lock_of(part))
    }

    /// The condition that a barrier has or a condition is.
    pub(super) fn condition_of(&self, object: ObjectId) -> ObjectId {
        if let Make::Barrier(_) = self.object(object).make { self.part(object) } else { object }
    }

    // Waiters

    /// From here on the task waits in somebody's queue; who calls puts the waiter there.
    pub(super) fn block(&mut self, task: TaskId, used: Use) -> Waiter {
        let Use { operation, object, .. } = used;
        self.recorder.record(What::Blocked { task, operation, object });
        self.tasks[task.index()].call = Call::Use(used);
        let serial = self.begin_own(task, WaitsFor::Object(object));
        Waiter { task, serial }
    }

    /// The waiter from which the task goes on just now.
    pub(super) fn waiter_of(&self, task: TaskId) -> Waiter {
        Waiter { task, serial: self.tasks[task.index()].own_serial }
    }

    pub(super) fn is_pending(&self, waiter: Waiter) -> bool {
        self.own_of(waiter) == Some(Own::Pending)
    }

    pub(super) fn is_waiter_cancelled(&self, waiter: Waiter) -> bool {
        matches!(self.own_of(waiter), Some(Own::Cancelled(_)))
    }

    fn own_of(&self, Waiter { task, serial }: Waiter) -> Option<Own> {
        let state = &self.tasks[task.index()];
        (state.own_serial == serial).then_some(state.own)
    }

    /// `set_result` on a waiter, unless it is done.
    pub(super) fn wake(&mut self, waiter: Waiter) -> bool {
        self.touch_task(waiter.task);
        let is_pending = self.is_pending(waiter);
        if is_pending {
            self.tasks[waiter.task.index()].own = Own::Done;
            self.ready.push(Handle::Wakeup(waiter.task));
        }
        is_pending
    }

    /// Wakes the first of an object's waiters that is pending, if there is one, and leaves all where they are.
    pub(super) fn wake_first_pending(&mut self, object: ObjectId) -> bool {
        (0..self.object(object).waiters.len()).any(|at| self.wake(self.object(object).waiters[at]))
    }
}

/// Takes a waiter out of a queue, if it still stands there.
pub(super) fn remove(queue: &mut VecDeque<Waiter>, waiter: Waiter) {
    if let Some(at) = queue.iter().position(|&other| other == waiter) {
        queue.remove(at);
    }
}
