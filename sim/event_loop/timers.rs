//! Timers by `(due, sequence)`: equal deadlines come out in the order in which they were set.
//!
//! CPython's heap compares deadlines only, so it returns four or more equal ones in heap order; on a real clock no
//! two are equal and they fire in the order in which they were set, which is what this keeps. The sequence number
//! never leaves this file: it makes equal keys impossible.
//!
//! Most programs set timers with rising deadlines, so those go to a queue; only a deadline before the last one goes to
//! the heap. Of two equal deadlines in both, the queue's was set first: the heap's was set when the queue ended later, and
//! the queue does not take an earlier one until it is empty. So only the heap needs numbers.
//!
//! Knows nothing of what a timer is for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::time::Time;

/// Timers that carry a `T` each.
#[derive(Debug)]
pub(super) struct Timers<T> {
    /// Those before `first` are gone.
    rising: Vec<(Time, T)>,
    first: usize,
    others: BinaryHeap<Reverse<Entry<T>>>,
    next_sequence: u64,
}

impl<T: Copy> Clone for Timers<T> {
    fn clone(&self) -> Timers<T> {
        let mut copy = Timers::default();
        copy.clone_from(self);
        copy
    }

    fn clone_from(&mut self, other: &Timers<T>) {
        let Timers { rising, first, others, next_sequence } = other;
        self.rising.clear();
        self.rising.extend_from_slice(&rising[*first..]);
        self.first = 0;
        self.others.clone_from(others);
        self.next_sequence = *next_sequence;
    }
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
        Timers { rising: Vec::new(), first: 0, others: BinaryHeap::new(), next_sequence: 0 }
    }
}

impl<T: Copy> Timers<T> {
    pub(super) fn clear(&mut self) {
        self.rising.clear();
        self.first = 0;
        self.others.clear();
        self.next_sequence = 0;
    }

    #[inline(always)]
    pub(super) fn set(&mut self, due: Time, carried: T) {
        match self.rising.last() {
            Some(&(last, _)) if due < last => self.set_before_last(due, carried),
            _ => self.rising.push((due, carried)),
        }
    }

    #[inline(never)]
    fn set_before_last(&mut self, due: Time, carried: T) {
        self.others.push(Reverse(Entry { due, sequence: self.next_sequence, carried }));
        self.next_sequence += 1;
    }

    /// The first deadline.
    #[inline]
    pub(super) fn first(&self) -> Option<Time> {
        let rising = self.rising.get(self.first).map(|&(due, _)| due);
        match self.others.peek() {
            Some(Reverse(other)) => Some(rising.map_or(other.due, |rising| rising.min(other.due))),
            None => rising,
        }
    }

    /// Takes the first timer out if it is like this.
    #[inline(always)]
    pub(super) fn take_first_if(&mut self, is_it: impl FnOnce(Time, T) -> bool) -> Option<T> {
        let rising = self.rising.get(self.first).copied();
        if let Some(Reverse(other)) = self.others.peek()
            && rising.is_none_or(|(due, _)| other.due < due)
        {
            let other = self.others.peek_mut().expect("it was there");
            return is_it(other.0.due, other.0.carried).then(|| PeekMut::pop(other).0.carried);
        }
        let (due, carried) = rising?;
        if !is_it(due, carried) {
            return None;
        }
        self.first += 1;
        // What is gone is dropped when that is as much as is moved for it.
        if self.first > self.rising.len() / 2 {
            self.drop_gone();
        }
        Some(carried)
    }

    #[inline(never)]
    fn drop_gone(&mut self) {
        self.rising.drain(..self.first);
        self.first = 0;
    }

    /// How many bytes they take.
    pub(super) fn size(&self) -> usize {
        size_of_val(&self.rising[self.first..]) + self.others.len() * size_of::<Entry<T>>()
    }

    /// In the order in which they would fire.
    pub(super) fn in_order(&self) -> Vec<(Time, T)> {
        let others = self.others.clone().into_sorted_vec();
        let mut all: Vec<(Time, T)> = self.rising[self.first..].to_vec();
        // The greatest comes first there; a stable sort leaves the queue's before the heap's.
        all.extend(others.into_iter().rev().map(|Reverse(entry)| (entry.due, entry.carried)));
        all.sort_by_key(|&(due, _)| due);
        all
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
    #[test]
    fn timers_that_are_set_and_taken_in_turns_come_in_the_order_of_deadline_and_setting() {
        let mut timers = Timers::default();
        let (mut expected, mut now, mut number) = (Vec::new(), 0_u64, 7_u64);
        for step in 0..5000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if number >> 63 == 0 {
                let due = Time(now + (number >> 32) % 8);
                timers.set(due, step);
                expected.push((due, step));
            } else if let Some(at) = (0..expected.len()).min_by_key(|&at| expected[at]) {
                let (due, first) = expected.remove(at);
                assert_eq!(timers.first(), Some(due));
                assert_eq!(timers.take_first_if(|_, _| false), None);
                assert_eq!(timers.take_first_if(|taken, _| taken == due), Some(first));
                now = due.0;
            }
            expected.sort_unstable();
            assert_eq!(timers.in_order(), expected);
        }
        assert!(!timers.others.is_empty() && timers.first < timers.rising.len());
    }
}
