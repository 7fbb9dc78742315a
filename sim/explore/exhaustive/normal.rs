//! One order out of each class of orders that differ only in items that do not get in each other's way.
//!
//! Which items do is not known before they have run, so the relation grows while the orders are tried. The class of an
//! order is told by its least member: no item stands directly after greater ones that are all nothing to it (A. Anisimov
//! and D. Knuth, "Inhomogeneous Sorting", 1979). A relation that has grown keeps every least member there was and adds
//! some, so nothing is tried in vain.
//!
//! That this is enough: take the relation when no more orders are to be tried, and any order. By exchanging neighbours that
//! are nothing to each other one gets to its least member, which was tried. In that run these neighbours did not get in
//! each other's way, or the relation would say so; so exchanging them gives the same steps with the same touches, in which
//! the next two neighbours do not get in each other's way either, and so on back to the order that was taken.
//!
//! Knows nothing of what the items are.

use std::collections::BTreeSet;

/// The orders of some items that are to be tried.
#[derive(Clone, Debug)]
pub(super) struct Normal {
    /// Which items are in each other's way, the less one first.
    related: BTreeSet<(u32, u32)>,
    /// The order that was tried last.
    order: Vec<u32>,
    tried: BTreeSet<Vec<u32>>,
    has_grown: bool,
}

impl Normal {
    /// Of so many items, of which the ordinary order is tried.
    pub(super) fn new(items: u32) -> Normal {
        let order: Vec<u32> = (0..items).collect();
        Normal { related: BTreeSet::new(), tried: BTreeSet::from([order.clone()]), order, has_grown: false }
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let order = size_of::<Vec<u32>>() + size_of_val(&self.order[..]);
        // A node of a tree of small things is two thirds full.
        size_of::<Normal>() + self.tried.len() * order * 3 / 2 + self.related.len() * 12
    }

    /// Two items are in each other's way.
    pub(super) fn relate(&mut self, one: u32, other: u32) {
        self.has_grown |= self.related.insert((one.min(other), one.max(other)));
    }

    /// The next order to be tried.
    pub(super) fn next(&mut self) -> Option<&[u32]> {
        if std::mem::take(&mut self.has_grown) {
            self.order.sort_unstable();
        }
        loop {
            self.order = self.after(&self.order)?;
            if self.tried.insert(self.order.clone()) {
                return Some(&self.order);
            }
        }
    }

    /// The answers that lead to the order: each exchanges an item for the one whose turn it is.
    pub(super) fn answers(order: &[u32]) -> Vec<u64> {
        let mut items: Vec<u32> = (0..order.len() as u32).collect();
        let mut answers = Vec::with_capacity(order.len());
        for (at, item) in order.iter().enumerate().take(order.len().saturating_sub(1)) {
            let found = items[at..].iter().position(|other| other == item).unwrap_or(0);
            items.swap(at, at + found);
            answers.push(found as u64);
        }
        answers
    }

    fn are_related(&self, one: u32, other: u32) -> bool {
        self.related.contains(&(one.min(other), one.max(other)))
    }

    /// The next normal form in lexicographic order.
    fn after(&self, order: &[u32]) -> Option<Vec<u32>> {
        for at in (0..order.len()).rev() {
            let mut rest = order[at..].to_vec();
            rest.sort_unstable();
            let mut prefix = order[..at].to_vec();
            let later: Vec<u32> = rest.iter().copied().filter(|&item| item > order[at]).collect();
            for item in later {
                if self.may_follow(&prefix, item) {
                    prefix.push(item);
                    let mut rest = rest.clone();
                    rest.retain(|&other| other != item);
                    if self.complete(&mut prefix, &rest) {
                        return Some(prefix);
                    }
                    prefix.pop();
                }
            }
        }
        None
    }

    /// Adds the rest so that a normal form comes out, the least one; false if there is none.
    fn complete(&self, prefix: &mut Vec<u32>, rest: &[u32]) -> bool {
        // Whoever may not follow now has to wait for somebody who is in its way.
        let is_lost = |item: u32| {
            !self.may_follow(prefix, item) && !rest.iter().any(|&other| other != item && self.are_related(item, other))
        };
        if rest.iter().any(|&item| is_lost(item)) {
            return false;
        }
        for (at, &item) in rest.iter().enumerate() {
            if self.may_follow(prefix, item) {
                prefix.push(item);
                let rest = [&rest[..at], &rest[at + 1..]].concat();
                if self.complete(prefix, &rest) {
                    return true;
                }
                prefix.pop();
            }
        }
        rest.is_empty()
    }

    fn may_follow(&self, prefix: &[u32], item: u32) -> bool {
        for &before in prefix.iter().rev() {
            if self.are_related(before, item) {
                return true;
            }
            if before > item {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many orders are tried of `items`, of which these are in each other's way.
    fn tried(items: u32, related: &[(u32, u32)]) -> usize {
        let mut normal = Normal::new(items);
        related.iter().for_each(|&(one, other)| normal.relate(one, other));
        let mut count = 1;
        while normal.next().is_some() {
            count += 1;
        }
        count
    }

    /// There are as many classes as ways to point the edges of the relation without a circle: for n items that are all
    /// in each other's way n!, for none 1, for a path 2 to the number of its edges, for a circle 2 less than that.
    #[test]
    fn each_class_is_tried_once() {
        assert_eq!(tried(10, &[]), 1);
        assert_eq!(tried(4, &[(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]), 24);
        assert_eq!(tried(5, &[(0, 1), (1, 2), (2, 3), (3, 4)]), 16);
        assert_eq!(tried(5, &[(0, 3), (3, 1), (1, 4), (4, 2)]), 16);
        assert_eq!(tried(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]), 14);
        assert_eq!(tried(7, &[(0, 6), (2, 4)]), 4);
    }

    /// However late it is said, nothing is lost and nothing comes twice.
    #[test]
    fn the_relation_may_grow_meanwhile() {
        let mut normal = Normal::new(4);
        normal.relate(0, 3);
        let first = normal.next().unwrap().to_vec();
        normal.relate(1, 2);
        normal.relate(0, 1);
        let mut all = BTreeSet::from([vec![0, 1, 2, 3], first]);
        while let Some(order) = normal.next() {
            assert!(all.insert(order.to_vec()), "{order:?} twice");
        }
        // A path of three edges; the first order after the ordinary one may have been in the class of another.
        assert!(all.len() >= 8);
        let mut expected = Normal::new(4);
        [(0, 3), (1, 2), (0, 1)].iter().for_each(|&(one, other)| expected.relate(one, other));
        while let Some(order) = expected.next() {
            assert!(all.contains(order), "{order:?} is missing");
        }
    }

    #[test]
    fn an_order_is_told_in_exchanges() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let mut items = vec![0, 1, 2, 3];
            for (at, answer) in Normal::answers(&order).into_iter().enumerate() {
                items.swap(at, at + answer as usize);
            }
            assert_eq!(items, order);
        }
    }
}
