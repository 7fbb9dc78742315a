//! What the steps of a searched loop touch, and from which orders they descend.
//!
//! What may change places is decided by this file, and by the calls of `touch` that stand beside what they speak of.
//! The rules, which all lean towards saying too much:
//!
//! - **A step of a task** changes that task. Ending it, awaiting something, and `wait` change the futures that are told
//!   or asked to tell: in which order callbacks were added is the order in which they are queued.
//! - **`cancel()`** changes every task on the way down to what is awaited in the end, and looks at each future there; a
//!   gather that is asked changes. A victim in the line of a lock or the like changes that, because whoever comes to it looks
//!   who was cancelled. So a cancellation and a step of its victim never change places, nor do two cancellations that meet. A
//!   **cut** is part of the step that it comes before, and an outside cancel is a timer of its own; both touch what
//!   `cancel()` does.
//! - **`uncancel()`** and `cancelling()` go by the victim's future, which a cancellation changes.
//! - **`shield`** changes what it shields, whose callback it is, and makes a future. When either of the two is done, that
//!   changes the other.
//! - **What tasks synchronise by** (locks, semaphores, events, conditions, queues, barriers) is one thing with all that it
//!   is made of: each use changes it, asking it something looks at it. Whoever is woken changes.
//! - **A deadline** changes when it passes, is set anew or is called off, and then touches what it does: a timeout what
//!   `cancel()` does with its one task. Setting one for a time to come touches nothing else; `touch_timer` says more.
//!   A callback of the program's own is a deadline too, and speaks in the name of the task that has made it.
//! - **A task group** changes when it takes a task, is left, or a task of it fails; tasks that just end only count, and
//!   whoever is the last wakes the parent in the name of all. Cancelling what is left in it is a walk as below.
//! - **`as_completed`** changes with each that is done: it gives them away in that order.
//! - **Counting commutes**: a gather's count, and that of a `wait` for all, may go up in any order. Whoever fills it goes
//!   on in the name of all who counted at this instant. A failing child, or a `wait` for the first, changes it.
//! - **Making** a task or a gather changes the numbers, because others come in the order of those.
//! - **Shared variables** are looked at and changed. **Lists** are followed only so far: whoever changes one that is there
//!   touches everything.
//! - **Queue order is no touch.** It follows from the orders that were asked for, so each handle remembers from which of
//!   their items it descends. Timers of one instant, and tasks that `run()`, `cancel_all` or a group goes through, are
//!   such items; a loop of the program over a set is not, and is tried in every order. A walk that breaks off, because a
//!   cancellation goes in a circle, has all its items in each other's way.
//! - **Whatever is not named here** (lists that are there, deadlines that are due at once, networks) touches everything.
//!
//! Knows nothing of what a search makes of it.

use std::collections::BTreeMap;
use std::hash::Hash as _;

use super::shield::Shield;
use super::shutdown::Walk;
use super::task::WaitsFor;
use super::{EventLoop, Handle, Owner, Timer};
use crate::id::{FutureId, ObjectId, TaskId};
use crate::machine::{Access, KeyHasher, Object, Order, Part, Root, Touch, Watched};
use crate::program::{Op, Place};

/// What a searched loop keeps beside its state. It is no part of the state: it says nothing of how a run goes on.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// The sets of items from which handles of this instant descend; the first is empty.
    sets: Vec<Vec<Root>>,
    /// The sets of what is in the batch, and of what is ready.
    batch: Vec<u32>,
    ready: Vec<u32>,
    /// That of what runs.
    current: u32,
    /// In whose name something was counted at this instant.
    counted: BTreeMap<Object, u32>,
    /// How many questions there have been since the last report.
    questions: u32,
    /// How many orders there have been in the run.
    orders: u32,
    report: Watched,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            sets: vec![Vec::new()],
            batch: Vec::new(),
            ready: Vec::new(),
            current: 0,
            counted: BTreeMap::new(),
            questions: 0,
            orders: 0,
            report: Watched::default(),
        }
    }
}

impl Watch {
    pub(super) fn touch(&mut self, object: Object, access: Access) {
        let roots = &self.sets[self.current as usize];
        let touch = Touch { object, access };
        match self.report.parts.last_mut() {
            Some(part) if part.roots == *roots => {
                if !part.touches.contains(&touch) {
                    part.touches.push(touch);
                }
            }
            _ => self.report.parts.push(Part { roots: roots.clone(), touches: vec![touch] }),
        }
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let sets: usize = self.sets.iter().map(|set| size_of::<Vec<Root>>() + size_of_val(&set[..])).sum();
        size_of::<Watch>() + sets + size_of_val(&self.batch[..]) + size_of_val(&self.ready[..])
    }

    fn set(&mut self, roots: Vec<Root>) -> u32 {
        let known = self.sets.iter().position(|set| *set == roots);
        known.unwrap_or_else(|| {
            self.sets.push(roots);
            self.sets.len() - 1
        }) as u32
    }

    fn union(&mut self, one: u32, other: u32) -> u32 {
        if one == other {
            return one;
        }
        let mut roots = [&self.sets[one as usize][..], &self.sets[other as usize]].concat();
        roots.sort_unstable();
        roots.dedup();
        self.set(roots)
    }

    /// What has become ready by now did so in the name of what runs.
    fn settle(&mut self, ready: usize) {
        self.ready.truncate(ready);
        self.ready.resize(ready, self.current);
    }
}

/// What ran before an item of an order.
pub(super) struct Before(u32);

impl EventLoop<'_> {
    /// Notes that what runs touches something, if anybody wants to know.
    #[inline(always)]
    pub(super) fn touch(&mut self, object: Object, access: Access) {
        if let Some(watch) = &mut self.watch {
            watch.touch(object, access);
        }
    }

    /// A future is done, or somebody else is told when it is.
    pub(super) fn touch_future(&mut self, future: FutureId) {
        self.touch(Object::Future(future), Access::Changes);
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    pub(super) fn watched_so_far(&mut self) -> Watched {
        let turn = self.turn;
        let Some(watch) = &mut self.watch else { return Watched::default() };
        watch.questions = 0;
        Watched { turn, ..std::mem::take(&mut watch.report) }
    }

    #[inline]
    pub(super) fn watch_question(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.questions += 1;
        }
    }

    /// Time has moved: nobody descends from anything.
    pub(super) fn watch_instant(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.sets.truncate(1);
            watch.counted.clear();
            watch.current = 0;
        }
    }

    /// The ready queue has become the batch, of which timers that are due are not yet a part.
    pub(super) fn watch_turn(&mut self) {
        let (ready, is_free) = (self.batch.len(), self.program.schedule.ready_any_order);
        if let Some(watch) = &mut self.watch {
            watch.current = 0;
            watch.settle(if is_free { 0 } else { ready });
            watch.batch = std::mem::take(&mut watch.ready);
        }
    }

    /// An order is about to be asked for.
    pub(super) fn watch_order(&mut self, items: usize) -> Option<u32> {
        let watch = self.watch.as_mut()?;
        let number = watch.orders;
        watch.orders += 1;
        watch.report.orders.push(Order { number, first_question: watch.questions, items: items as u32 });
        Some(number)
    }

    /// The timers from `first` on stand in the batch in the order that was asked for; `before` is how they stood.
    pub(super) fn watch_timers(&mut self, order: u32, first: usize, before: &[Handle]) {
        let items = self.batch[first..].iter().map(|handle| before.iter().position(|other| other == handle));
        let items: Vec<u32> = items.map(|item| item.unwrap_or(0) as u32).collect();
        if self.program.schedule.ready_any_order {
            return;
        }
        if let Some(watch) = &mut self.watch {
            for item in items {
                let set = watch.set(vec![Root { order, item }]);
                watch.batch.push(set);
            }
        }
    }

    /// From here to [`EventLoop::watch_item_done`] the machine goes through an item of an order.
    pub(super) fn watch_item(&mut self, order: Option<u32>, item: usize) -> Option<Before> {
        let ready = self.ready.len();
        let watch = self.watch.as_mut()?;
        watch.settle(ready);
        let before = watch.current;
        let alone = watch.set(vec![Root { order: order?, item: item as u32 }]);
        watch.current = watch.union(before, alone);
        Some(Before(before))
    }

    pub(super) fn watch_item_done(&mut self, before: Option<Before>) {
        let ready = self.ready.len();
        if let (Some(watch), Some(Before(before))) = (&mut self.watch, before) {
            watch.settle(ready);
            watch.current = before;
        }
    }

    /// A walk over an order has broken off: whom it came to before hangs on where each of the items stands.
    pub(super) fn watch_broken_off(&mut self, walk: &Walk) {
        let (Some(watch), Some(order)) = (&mut self.watch, walk.number) else { return };
        for item in 0..walk.items() as u32 {
            let (roots, touches) = (vec![Root { order, item }], vec![Touch::EVERYTHING]);
            watch.report.parts.push(Part { roots, touches });
        }
    }

    /// Something is counted.
    #[inline]
    pub(super) fn watch_count(&mut self, object: Object) {
        if self.is_watched() {
            self.watch_one_more(object);
        }
    }

    fn watch_one_more(&mut self, object: Object) {
        self.touch(object, Access::Counts);
        if let Some(watch) = &mut self.watch {
            let before = watch.counted.get(&object).copied().unwrap_or(watch.current);
            let both = watch.union(before, watch.current);
            watch.counted.insert(object, both);
        }
    }

    /// A count is full: what follows from that is done in the name of all who counted.
    pub(super) fn watch_full(&mut self, object: Object) {
        let ready = self.ready.len();
        if let Some(watch) = &mut self.watch {
            watch.settle(ready);
            watch.current = watch.counted.get(&object).copied().unwrap_or(watch.current);
        }
    }

    /// Somebody may be cut before the next handle, which counts as a part of it.
    pub(super) fn watch_cut(&mut self) {
        let (at, ready, is_free) = (self.batch_next, self.ready.len(), self.program.schedule.ready_any_order);
        if let Some(watch) = &mut self.watch {
            watch.settle(ready);
            watch.current = if is_free { 0 } else { watch.batch.get(at).copied().unwrap_or(0) };
        }
    }

    /// What is left of the batch comes first in what is ready.
    pub(super) fn watch_left(&mut self) {
        let (ready, next) = (self.ready.len(), self.batch_next);
        if let Some(watch) = &mut self.watch {
            watch.settle(ready);
            watch.ready.splice(0..0, watch.batch.drain(next..));
        }
    }

    /// A handle is about to run: the one before `batch_next`.
    pub(super) fn watch_handle(&mut self, handle: Handle) {
        let at = self.batch_next - 1;
        let is_free = self.program.schedule.ready_any_order;
        let (ready, whose) = (self.ready.len(), self.whose_handle(handle));
        let Some(watch) = &mut self.watch else { return };
        watch.settle(ready);
        watch.report.whose = Some(whose);
        watch.current = if is_free { 0 } else { watch.batch.get(at).copied().unwrap_or(0) };
        watch.report.ran = name(handle);
        self.touch_handle(handle, is_free);
    }

    /// It has run.
    pub(super) fn watch_handle_done(&mut self) {
        let ready = self.ready.len();
        if let Some(watch) = &mut self.watch {
            watch.settle(ready);
        }
    }

    /// Anything of what is ready may run next.
    pub(super) fn watch_ready(&mut self) {
        if let Some(watch) = &mut self.watch {
            let names = self.batch[self.batch_next..].iter().map(|&handle| name(handle)).collect();
            watch.report.ready = Some((watch.questions, names));
        }
    }

    fn touch_handle(&mut self, handle: Handle, is_free: bool) {
        match handle {
            Handle::Step(task) | Handle::Wakeup(task) | Handle::Fire(Timer::Own { task, .. }) => self.touch_task(task),
            Handle::Fire(Timer::Deadline { deadline, .. }) => self.touch(Object::Deadline(deadline), Access::Changes),
            Handle::Fire(Timer::OutsideCancel(at)) => {
                let victim = self.program.outside_cancels[at as usize].victim;
                self.touch(Object::Instance(victim), Access::Looks);
            }
            // Whom they wake and what they count says it.
            Handle::GatherChild { .. } | Handle::WaitChild { .. } | Handle::GroupTask { .. } => {}
            Handle::Release(_) | Handle::Completed { .. } => {}
            Handle::ShieldInner(shield) | Handle::ShieldOuter(shield) => {
                let Shield { inner, outer } = self.shields[shield as usize];
                self.touch_future(inner);
                self.touch_future(outer);
            }
            // The loop stops at the end of the turn. What is in that turn is fixed, unless anything may run next.
            Handle::Stop if !is_free => {}
            Handle::ShutdownRound => {}
            Handle::Stop => self.touch(Object::Everything, Access::Changes),
        }
    }

    /// A future is asked to cancel, and somebody wants to know.
    pub(super) fn touch_cancel(&mut self, future: FutureId) {
        self.touch(Object::Future(future), Access::Looks);
        match self.futures[future].owner {
            Owner::Gather(number) => self.touch(Object::Countdown { is_wait: false, number }, Access::Changes),
            // Of a future that belongs to nobody it says so where that is settled.
            Owner::Task(_) | Owner::Shield | Owner::Nobody => {}
        }
    }

    /// A task on the way down is asked, and somebody wants to know.
    pub(super) fn touch_cancelled(&mut self, task: TaskId) {
        self.touch_task(task);
        let state = &self.tasks[task.index()];
        let (future, waits_for) = (state.future, state.waits_for);
        // How often it has been asked can be asked for.
        self.touch_future(future);
        match waits_for {
            // Its waiter is cancelled, and nobody but who wakes that looks at it, and so touches the task.
            WaitsFor::Nothing | WaitsFor::Sleep | WaitsFor::Wait(_) | WaitsFor::Library => {}
            WaitsFor::Future(awaited) => self.touch(Object::Future(awaited), Access::Looks),
            WaitsFor::Object(object) => self.touch_synchronizer(object),
        }
    }

    /// Something about a task changes, or about what it waits for on its own.
    pub(super) fn touch_task(&mut self, task: TaskId) {
        self.touch(Object::Task(task), Access::Changes);
    }

    /// A lock, a queue and the like is used, or somebody leaves the line of those who wait for it.
    pub(super) fn touch_synchronizer(&mut self, object: ObjectId) {
        self.touch(Object::Synchronizer(object), Access::Changes);
    }

    /// More about a group changes than how many of its tasks are left.
    pub(super) fn touch_group(&mut self, group: u32) {
        self.touch(Object::Group(group), Access::Changes);
    }

    pub(super) fn touch_completions(&mut self, iterator: u32) {
        self.touch(Object::Completions(iterator), Access::Changes);
    }

    /// A timer is set for `until`, which may be now.
    pub(super) fn touch_timer(&mut self, until: crate::time::Time) {
        if until <= self.now {
            self.touch(Object::Everything, Access::Changes);
        } else if !self.program.schedule.timers_any_order {
            self.touch(Object::Timers, Access::Changes);
        }
    }

    /// An operation is about to be executed that is more than fetching the next one. Most say what they touch where they do
    /// it.
    pub(super) fn touch_op(&mut self, op: &Op) {
        match op {
            Op::Set { place: Place::Shared(shared), .. } | Op::Add { place: Place::Shared(shared), .. } => {
                self.touch(Object::Shared(*shared), Access::Changes)
            }
            // Whoever is left is looked at, a list that is there is changed, and a network is not known better.
            Op::CancelAll { .. } | Op::Append { .. } | Op::Remove { .. } | Op::Get { .. } => {
                self.touch(Object::Everything, Access::Changes);
            }
            _ => {}
        }
    }
}

/// A name for a handle that no other has that is ready at the same time.
fn name(handle: Handle) -> u64 {
    let mut hasher = KeyHasher::default();
    handle.hash(&mut hasher);
    hasher.finish_128() as u64 | 1
}
