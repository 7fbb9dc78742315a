//! Which branch an unbiased `select!` polls first, and whatever else tokio draws: ours to decide.
//!
//! tokio draws from a small generator of the thread, which it seeds from the operating system whenever a runtime begins to
//! block. Its `select!` reaches the generator through a public function that is no part of tokio's promise, and so can we.
//! The generator is linear but for one addition, whose lowest bit is linear too: 64 lowest bits are 64 equations for its
//! 64 bits of state. Knowing the state, numbers are drawn and thrown away until the next ones are as they should be.
//!
//! Only the first [`STEERED`] draws of a poll are steered; more are counted. Where the trick does not hold, because tokio
//! draws in another way, [`Draws::learn`] sees it and nothing is steered: then runs differ, and that is told.
//!
//! Knows nothing of who is polled.

use std::sync::LazyLock;

/// So many draws of one poll are as they should be.
pub(super) const STEERED: u32 = 2;

/// A `select!` with so many branches is steered exactly.
const BRANCHES: u32 = 8;

/// What is known of tokio's generator on this thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws {
    state: Generator,
    is_known: bool,
}

/// tokio's generator, a xorshift of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Generator {
    one: u32,
    two: u32,
}

impl Generator {
    fn draw(&mut self) -> u32 {
        let mut next = self.one ^ self.one << 17;
        next ^= self.two ^ next >> 7 ^ self.two >> 16;
        (self.one, self.two) = (self.two, next);
        self.one.wrapping_add(self.two)
    }
}

/// A number from tokio's generator, as far as it is shown: 0 and 1 look alike.
fn drawn() -> u32 {
    tokio::macros::support::thread_rng_n(u32::MAX)
}

/// The same of what we expect.
fn shown(number: u32) -> u32 {
    number.saturating_sub(1)
}

/// For each bit of the state before 64 draws, which of their lowest bits it is the sum of.
static ROWS: LazyLock<Option<[u64; 64]>> = LazyLock::new(|| {
    // Each bit of the state as a sum of bits of the first one, and beside each equation which draws it comes from.
    let (mut one, mut two): ([u64; 32], [u64; 32]) =
        (std::array::from_fn(|bit| 1 << bit), std::array::from_fn(|bit| 1 << (bit + 32)));
    let mut equations: Vec<(u64, u64)> = (0..64)
        .map(|draw| {
            let shifted: [u64; 32] = std::array::from_fn(|bit| one[bit] ^ if bit >= 17 { one[bit - 17] } else { 0 });
            let at = |bits: &[u64; 32], bit: usize| bits.get(bit).copied().unwrap_or(0);
            let next: [u64; 32] =
                std::array::from_fn(|bit| shifted[bit] ^ two[bit] ^ at(&shifted, bit + 7) ^ at(&two, bit + 16));
            (one, two) = (two, next);
            (one[0] ^ two[0], 1 << draw)
        })
        .collect();
    for bit in 0..64 {
        let pivot = (bit..64).find(|&row| equations[row].0 >> bit & 1 == 1)?;
        equations.swap(bit, pivot);
        let (left, right) = equations[bit];
        for (row, equation) in equations.iter_mut().enumerate() {
            if row != bit && equation.0 >> bit & 1 == 1 {
                *equation = (equation.0 ^ left, equation.1 ^ right);
            }
        }
    }
    Some(std::array::from_fn(|bit| equations[bit].1))
});

impl Draws {
    /// Finds out the state, from inside a runtime.
    pub(super) fn learn() -> Draws {
        let unknown = Draws { state: Generator { one: 0, two: 0 }, is_known: false };
        let Some(rows) = &*ROWS else { return unknown };
        let bits = (0..64).fold(0, |bits, draw| bits | u64::from(drawn().wrapping_add(1) & 1) << draw);
        let state = rows
            .iter()
            .enumerate()
            .fold(0, |state, (bit, row)| state | u64::from((row & bits).count_ones() & 1) << bit);
        let mut generator = Generator { one: state as u32, two: (state >> 32) as u32 };
        (0..64).for_each(|_| _ = generator.draw());
        let is_known = (0..4).all(|_| drawn() == shown(generator.draw()));
        Draws { state: generator, is_known }
    }

    /// Sees to it that the next draw gives the first branch, or the last one, and those after it the first.
    pub(super) fn steer(&mut self, last: bool) {
        if !self.is_known {
            return;
        }
        let width = u32::MAX / BRANCHES;
        loop {
            let mut ahead = self.state;
            let first = ahead.draw();
            let is_right = if last { first > u32::MAX - width } else { first < width };
            if is_right && (1..STEERED).all(|_| ahead.draw() < width) {
                return;
            }
            self.state.draw();
            drawn();
        }
    }

    /// How many draws there have been since somebody looked; nothing if that cannot be known.
    pub(super) fn count(&mut self) -> Option<u32> {
        const MOST: u32 = 1_000;
        if !self.is_known {
            return None;
        }
        let found = drawn();
        let count = (0..MOST).find(|_| shown(self.state.draw()) == found);
        if count.is_none() {
            *self = Draws::learn();
        }
        count
    }

    /// Whether the trick holds.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trick holds for the version of tokio that is used.
    #[test]
    fn tokios_draws_are_known_and_steered() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut draws = Draws::learn();
            assert!(draws.is_known(), "tokio draws in another way than it did");
            for round in 0..100 {
                let last = round % 3 == 0;
                draws.steer(last);
                for branches in [2, 3, 8] {
                    let mut copy = draws;
                    let first = (u64::from(copy.state.draw()) * branches) >> 32;
                    assert_eq!(first, if last { branches - 1 } else { 0 });
                }
                assert_eq!(tokio::macros::support::thread_rng_n(2), u32::from(last));
                assert_eq!(tokio::macros::support::thread_rng_n(8), 0);
                tokio::macros::support::thread_rng_n(8);
                assert_eq!(draws.count(), Some(3));
                assert_eq!(draws.count(), Some(0));
            }
        });
    }
}
