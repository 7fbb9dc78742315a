//! How many different numbers there were, among very many.
//!
//! Knows nothing of what the numbers are hashes of.

/// The most that are told apart: 80 MB of them.
const MOST: usize = 10_000_000;

/// A set of numbers that only counts. New ones wait in a list until they are worth sorting in, so that a number costs a
/// few nanoseconds, not a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distinct {
    sorted: Vec<u64>,
    new: Vec<u64>,
    /// Whether there were more than can be told apart.
    is_full: bool,
}

impl Distinct {
    /// Takes one more in.
    pub fn add(&mut self, number: u64) {
        if self.is_full {
            return;
        }
        self.new.push(number);
        if self.new.len() > self.sorted.len() / 2 + 1024 {
            self.settle();
        }
    }

    /// Takes in all of another one's.
    pub fn merge(&mut self, other: Distinct) {
        self.is_full |= other.is_full;
        self.new.extend(other.sorted);
        self.new.extend(other.new);
        self.settle();
    }

    /// How many there were.
    pub fn count(&mut self) -> u64 {
        self.settle();
        self.sorted.len() as u64
    }

    /// Whether [`Distinct::count`] is only the least that there were.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    fn settle(&mut self) {
        if self.new.is_empty() {
            return;
        }
        self.new.sort_unstable();
        self.new.dedup();
        self.sorted.append(&mut self.new);
        // Two sorted runs, which this sort finds and merges.
        self.sorted.sort();
        self.sorted.dedup();
        if self.sorted.len() > MOST {
            self.is_full = true;
            self.sorted.truncate(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Distinct;

    #[test]
    fn numbers_count_once() {
        let mut all = Distinct::default();
        for number in 0..10_000_u64 {
            all.add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 3000);
        }
        let mut expected: Vec<u64> = (0..10_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 3000).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(all.count(), expected.len() as u64);
        let mut other = Distinct::default();
        other.add(u64::MAX);
        other.add(0);
        all.merge(other);
        assert_eq!(all.count(), expected.len() as u64 + 1);
        assert!(!all.is_full());
    }
}
