//! How many different numbers there were, among very many.
//!
//! Knows nothing of what the numbers are hashes of.

/// The most that are told apart: 134 MB of them.
const MOST: u64 = 10_000_000;

/// A set of numbers that only counts. The numbers are hashes already, so each has its place in a table by its last bits,
/// or after it the next one that is free: one more costs the same however many there are.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// As many as a power of two, at most three quarters of them taken; 0 is free.
    slots: Vec<u64>,
    count: u64,
    has_zero: bool,
    /// Whether there were more than can be told apart.
    is_full: bool,
}

impl Distinct {
    /// Takes one more in.
    pub fn add(&mut self, number: u64) {
        if number == 0 {
            self.count += u64::from(!std::mem::replace(&mut self.has_zero, true));
            return;
        }
        if self.count * 4 >= self.slots.len() as u64 * 3 {
            self.grow();
        }
        let at = self.find(number);
        if self.slots[at] == number {
            return;
        }
        if self.count >= MOST {
            self.is_full = true;
            return;
        }
        self.slots[at] = number;
        self.count += 1;
    }

    /// Takes in all of another one's.
    pub fn merge(&mut self, other: Distinct) {
        self.is_full |= other.is_full;
        if other.has_zero {
            self.add(0);
        }
        other.slots.into_iter().filter(|&number| number != 0).for_each(|number| self.add(number));
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether [`Distinct::count`] is only the least that there were.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Where a number is, or would be.
    fn find(&self, number: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = number as usize & mask;
        while self.slots[at] != 0 && self.slots[at] != number {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let room = vec![0; (self.slots.len() * 2).max(1024)];
        for number in std::mem::replace(&mut self.slots, room) {
            if number != 0 {
                let at = self.find(number);
                self.slots[at] = number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Distinct;

    #[test]
    fn numbers_count_once() {
        let mut all = Distinct::default();
        let number = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 3000;
        let mut expected = Vec::new();
        for n in 0..10_000 {
            all.add(number(n));
            expected.push(number(n));
        }
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(all.count(), expected.len() as u64);
        for number in [u64::MAX, 0, u64::MAX - 1024, u64::MAX, 0] {
            all.add(number);
        }
        let zeros = u64::from(!expected.contains(&0));
        assert_eq!(all.count(), expected.len() as u64 + 2 + zeros);
        let mut other = Distinct::default();
        [7, number(1), 0].into_iter().for_each(|number| other.add(number));
        let is_new = u64::from(!expected.contains(&7));
        other.merge(all.clone());
        assert_eq!(other.count(), all.count() + is_new);
        assert!(!all.is_full());
    }
}
