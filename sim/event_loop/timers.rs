//! Timers by `(due, sequence)`: equal deadlines come out in the order in which they were set.
//!
//! CPython's heap compares deadlines only, so it returns four or more equal ones in heap order; on a real clock no
//! two are equal and they fire in the order in which they were set, which is what this keeps. The sequence number
//! never leaves this file: it makes equal keys impossible.
//!
//! Most programs set timers with rising deadlines, so those go to a queue; only a deadline before the last one goes to
//! the heap.
//!
//! Knows nothing of what a timer is for.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

use crate::time::Time;

/// Timers that carry a `T` each.
#[derive(Clone, Debug)]
pub(super) struct Timers<T> {
    rising: VecDeque<Entry<T>>,
    others: BinaryHeap<Reverse<Entry<T>>>,
    next_sequence: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry<T> {
    due: Time,
    sequence: u64,
    carried: T,
}

impl<T> Entry<T> {
    fn key(&self) -> (Time, u64) {
        (self.due, self.sequence)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Entry<T>) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Entry<T>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Entry<T>) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Default for Timers<T> {
    fn default() -> Timers<T> {
        Timers { rising: VecDeque::new(), others: BinaryHeap::new(), next_sequence: 0 }
    }
}

impl<T: Copy> Timers<T> {
    pub(super) fn clear(&mut self) {
        self.rising.clear();
        self.others.clear();
        self.next_sequence = 0;
    }

    #[inline(always)]
    pub(super) fn set(&mut self, due: Time, carried: T) {
        let entry = Entry { due, sequence: self.next_sequence, carried };
        self.next_sequence += 1;
        match self.rising.back() {
            Some(last) if due < last.due => self.others.push(Reverse(entry)),
            _ => self.rising.push_back(entry),
        }
    }

    /// The first deadline.
    #[inline]
    pub(super) fn first(&self) -> Option<Time> {
        let first = if self.first_is_rising() { self.rising.front() } else { self.others.peek().map(|Reverse(e)| e) };
        first.map(|entry| entry.due)
    }

    /// Takes the first timer out if it is like this.
    #[inline]
    pub(super) fn take_first_if(&mut self, is_it: impl FnOnce(Time, T) -> bool) -> Option<T> {
        if self.first_is_rising() {
            return self.rising.pop_front_if(|first| is_it(first.due, first.carried)).map(|entry| entry.carried);
        }
        let first = self.others.peek_mut()?;
        is_it(first.0.due, first.0.carried).then(|| PeekMut::pop(first).0.carried)
    }

    /// In the order in which they would fire.
    pub(super) fn in_order(&self) -> Vec<(Time, T)> {
        let mut all: Vec<Entry<T>> =
            self.rising.iter().copied().chain(self.others.iter().map(|Reverse(e)| *e)).collect();
        all.sort_unstable();
        all.into_iter().map(|entry| (entry.due, entry.carried)).collect()
    }

    #[inline]
    fn first_is_rising(&self) -> bool {
        match (self.rising.front(), self.others.peek()) {
            (Some(rising), Some(Reverse(other))) => rising < other,
            (rising, _) => rising.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_deadlines_fire_in_the_order_in_which_they_were_set() {
        let mut timers = Timers::default();
        for (due, name) in [(3, 'a'), (1, 'b'), (3, 'c'), (1, 'd'), (2, 'e'), (5, 'f'), (3, 'g')] {
            timers.set(Time(due), name);
        }
        let mut fired = String::new();
        let expected: String = timers.in_order().into_iter().map(|(_, name)| name).collect();
        while let Some(name) = timers.take_first_if(|_, _| true) {
            fired.push(name);
        }
        assert_eq!(fired, "bdeacgf");
        assert_eq!(fired, expected);
    }
}
