//! Futures and who is told when they are done.
//!
//! Every task has one and every gather has one; what a task awaits on its own (a sleep, the waiter inside `wait`) is
//! no future here but a state of the task, because nobody else can see it.
//!
//! Knows nothing of turns: it says who is to be told, not when.

use std::collections::BTreeSet;
use std::hash::{Hash as _, Hasher};

use super::object::Waiter;
use crate::id::{FutureId, TaskId, TextId};
use crate::program::{Error, FutureState, Value};
use crate::reuse::clone_in_place;

/// A future that others can await.
#[derive(Clone, Copy, Debug)]
pub(super) struct Future {
    pub(super) owner: Owner,
    pub(super) result: Result,
    /// The message of a cancellation that waits for a task's next step. It stays when that is over, unless the task
    /// ends as cancelled by raising: a gather whose last child this is tells it.
    pub(super) cancel_message: Option<TextId>,
    /// The error with which a task ended as cancelled, until somebody takes it.
    pub(super) cancelled_error: Option<Error>,
    /// The turn in which it was done.
    pub(super) done_since: u32,
    /// One more than the id of the gather that counted this future last, so that a duplicate is seen at once.
    pub(super) counted_by: u32,
    callbacks: Callbacks,
}

/// Whose future it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Task(TaskId),
    /// An index into the gathers.
    Gather(u32),
    /// A shield's.
    Shield,
    /// One that the file declares.
    Nobody,
}

/// What a future holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Result {
    Pending,
    Finished(Value),
    Failed(Error),
    Cancelled,
}

/// Who is told that a future is done, in the order in which they asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Callback {
    /// A task that awaits it.
    Wake(TaskId),
    /// A gather that counts it.
    Gather(u32),
    /// A `wait` that counts it.
    Wait(u32),
    /// A waiter inside asyncio's library.
    Release(Waiter),
    /// The task group that it belongs to.
    Group(u32),
    /// An `as_completed` that waits for it.
    Completed(u32),
    /// A callback of the program's own.
    Call(u32),
    /// A shield of it.
    ShieldInner(u32),
    /// The shield that it is.
    ShieldOuter(u32),
    /// `run_until_complete`, which then stops the loop.
    Stop,
}

/// Most futures have one callback, so that one stands in the future; the others are a list in one vector of nodes,
/// and there are none without a first.
#[derive(Clone, Copy, Debug, Default)]
struct Callbacks {
    first: Option<Callback>,
    second: Option<u32>,
    last: Option<u32>,
}

/// All futures of a run.
#[derive(Debug, Default)]
pub(super) struct Futures {
    all: Vec<Future>,
    nodes: Vec<(Callback, Option<u32>)>,
    free: Option<u32>,
    /// Callbacks that are removed and still stand in a long list, where looking for one would cost as much as the list
    /// is long.
    removed: BTreeSet<(FutureId, Callback)>,
}

clone_in_place!(Futures { all, nodes, free, removed });

/// Lists that are longer than this keep what is removed from them for a while.
const SHORT: usize = 16;

impl Futures {
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.nodes.clear();
        self.free = None;
        self.removed.clear();
    }

    pub(super) fn add(&mut self, owner: Owner) -> FutureId {
        self.all.push(Future {
            owner,
            result: Result::Pending,
            cancel_message: None,
            cancelled_error: None,
            done_since: 0,
            counted_by: 0,
            callbacks: Callbacks::default(),
        });
        FutureId(self.all.len() as u32 - 1)
    }

    #[inline]
    pub(super) fn add_callback(&mut self, future: FutureId, callback: Callback) {
        let callbacks = &mut self.all[future.index()].callbacks;
        if callbacks.first.is_none() {
            callbacks.first = Some(callback);
        } else {
            self.add_another_callback(future, callback);
        }
    }

    fn add_another_callback(&mut self, future: FutureId, callback: Callback) {
        let node = match self.free {
            Some(node) => {
                self.free = self.nodes[node as usize].1;
                self.nodes[node as usize] = (callback, None);
                node
            }
            None => {
                self.nodes.push((callback, None));
                self.nodes.len() as u32 - 1
            }
        };
        let callbacks = &mut self.all[future.index()].callbacks;
        match callbacks.last.replace(node) {
            Some(last) => self.nodes[last as usize].1 = Some(node),
            None => callbacks.second = Some(node),
        }
    }

    /// Removes every copy of a callback, which is not added again; one that is queued already is out of reach.
    pub(super) fn remove_callback(&mut self, future: FutureId, callback: Callback) {
        if self.all_callbacks(future).nth(SHORT).is_none() {
            return self.drop_callbacks(future, |other| other == callback);
        }
        self.removed.insert((future, callback));
        if self.removed.len() * 2 > self.nodes.len() + self.all.len() {
            let removed = std::mem::take(&mut self.removed);
            for future in (0..self.all.len() as u32).map(FutureId) {
                self.drop_callbacks(future, |callback| removed.contains(&(future, callback)));
            }
        }
    }

    fn drop_callbacks(&mut self, future: FutureId, is_dropped: impl Fn(Callback) -> bool) {
        let mut all = std::mem::take(&mut self.all[future.index()].callbacks);
        while let Some(callback) = self.take_first(&mut all) {
            if !is_dropped(callback) {
                self.add_callback(future, callback);
            }
        }
    }

    /// Takes all callbacks out, in order: each goes to `tell`.
    pub(super) fn take_callbacks(&mut self, future: FutureId, mut tell: impl FnMut(Callback)) {
        let callbacks = &mut self.all[future.index()].callbacks;
        if callbacks.second.is_none() {
            return callbacks.first.take().into_iter().for_each(tell);
        }
        let mut callbacks = std::mem::take(callbacks);
        while let Some(callback) = self.take_first(&mut callbacks) {
            if self.removed.is_empty() || !self.removed.contains(&(future, callback)) {
                tell(callback);
            }
        }
    }

    fn take_first(&mut self, callbacks: &mut Callbacks) -> Option<Callback> {
        let first = callbacks.first.take()?;
        if let Some(node) = callbacks.second {
            let (second, next) = self.nodes[node as usize];
            *callbacks = Callbacks { first: Some(second), second: next, last: next.and(callbacks.last) };
            self.nodes[node as usize].1 = self.free;
            self.free = Some(node);
        }
        Some(first)
    }

    /// The callbacks of a future, in order.
    pub(super) fn callbacks(&self, future: FutureId) -> impl Iterator<Item = Callback> {
        self.all_callbacks(future).filter(move |&callback| !self.removed.contains(&(future, callback)))
    }

    /// The same with those that are removed and still there.
    fn all_callbacks(&self, future: FutureId) -> impl Iterator<Item = Callback> {
        let Callbacks { first, second, .. } = self.all[future.index()].callbacks;
        let mut at = second;
        first.into_iter().chain(std::iter::from_fn(move || {
            let (callback, next) = self.nodes[at? as usize];
            at = next;
            Some(callback)
        }))
    }

    /// Hashes what decides how a run goes on: not where the nodes lie, nor what only the trace wants to know.
    pub(super) fn hash_state(&self, hasher: &mut impl Hasher) {
        for (at, future) in (0..).zip(&self.all) {
            (future.owner, future.result, future.cancel_message, future.cancelled_error).hash(hasher);
            for callback in self.callbacks(FutureId(at)) {
                callback.hash(hasher);
            }
        }
    }
}

impl std::ops::Index<FutureId> for Futures {
    type Output = Future;

    fn index(&self, id: FutureId) -> &Future {
        &self.all[id.index()]
    }
}

impl std::ops::IndexMut<FutureId> for Futures {
    fn index_mut(&mut self, id: FutureId) -> &mut Future {
        &mut self.all[id.index()]
    }
}

impl Future {
    pub(super) fn is_done(&self) -> bool {
        !matches!(self.result, Result::Pending)
    }

    pub(super) fn state(&self) -> FutureState {
        match self.result {
            Result::Pending => FutureState::Pending,
            Result::Finished(_) => FutureState::Finished,
            Result::Failed(_) => FutureState::Failed,
            Result::Cancelled => FutureState::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_keep_their_order_and_all_copies_go_together() {
        let mut futures = Futures::default();
        let future = futures.add(Owner::Gather(0));
        let (a, b, c) = (Callback::Wake(TaskId(1)), Callback::Wait(2), Callback::Stop);
        for callback in [b, a, b, c, b] {
            futures.add_callback(future, callback);
        }
        futures.remove_callback(future, b);
        assert_eq!(futures.callbacks(future).collect::<Vec<_>>(), [a, c]);
        let b = Callback::Wait(3);
        futures.add_callback(future, b);
        let mut taken = Vec::new();
        futures.take_callbacks(future, |callback| taken.push(callback));
        assert_eq!(taken, [a, c, b]);
        futures.add_callback(future, a);
        assert_eq!(futures.callbacks(future).collect::<Vec<_>>(), [a]);
    }

    #[test]
    fn what_is_removed_from_a_long_list_is_not_told() {
        let mut futures = Futures::default();
        let future = futures.add(Owner::Gather(0));
        let mut expected: Vec<u32> = (0..1000).collect();
        expected.iter().for_each(|&number| futures.add_callback(future, Callback::Wait(number)));
        // Every third, from behind; and more than half of all.
        for number in (0..1000).rev().filter(|number| number % 3 == 0).chain(300..700) {
            futures.remove_callback(future, Callback::Wait(number));
            expected.retain(|&other| other != number);
        }
        let numbers = |callbacks: Vec<Callback>| -> Vec<u32> {
            let number = |callback| if let Callback::Wait(number) = callback { number } else { unreachable!() };
            callbacks.into_iter().map(number).collect()
        };
        assert_eq!(numbers(futures.callbacks(future).collect()), expected);
        assert!(futures.nodes.len() < 1000 && !futures.removed.is_empty(), "{:?}", futures.removed.len());
        let mut taken = Vec::new();
        futures.take_callbacks(future, |callback| taken.push(callback));
        assert_eq!(numbers(taken), expected);
    }
}
