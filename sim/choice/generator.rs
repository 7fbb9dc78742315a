//! Numbers from a seed: ChaCha8 behind one type of ours, with our own bounded draw.
//!
//! A seed means the same on every platform and after every upgrade: the stream is ChaCha8's, taken as little-endian
//! 32-bit words, and a draw below a bound is the one written here. The golden values in the tests hold both.
//!
//! Knows nothing of what is drawn for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Choices, Options, Question};

/// A stream of numbers that depends on its seed alone.
///
/// ```
/// use atropos::choice::Generator;
/// let (mut a, mut b) = (Generator::new(7), Generator::new(7));
/// assert_eq!(a.below(1000), b.below(1000));
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    stream: ChaCha8Rng,
}

impl Generator {
    /// The stream of `seed`. The 256-bit key is the seed, little-endian, followed by zeros: a documented layout
    /// rather than some library's way to stretch 64 bits, because that way may change.
    pub fn new(seed: u64) -> Generator {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Generator { stream: ChaCha8Rng::from_seed(key) }
    }

    /// A number below `bound`, each equally likely.
    ///
    /// Multiply and shift, rejecting the few words that would favour some results (Lemire, "Fast random integer
    /// generation in an interval", 2019). Bounds up to 2³² cost one 32-bit word a try, greater ones two.
    ///
    /// # Panics
    ///
    /// If `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing is below 0");
        if bound <= u64::from(u32::MAX) {
            let narrow = bound as u32;
            let mut product = u64::from(self.stream.next_u32()) * bound;
            if (product as u32) < narrow {
                let reject_below = narrow.wrapping_neg() % narrow;
                while (product as u32) < reject_below {
                    product = u64::from(self.stream.next_u32()) * bound;
                }
            }
            product >> 32
        } else {
            let reject_below = u128::from(bound.wrapping_neg() % bound);
            loop {
                let product = u128::from(self.stream.next_u64()) * u128::from(bound);
                if (product & u128::from(u64::MAX)) >= reject_below {
                    return (product >> 64) as u64;
                }
            }
        }
    }
}

/// Answers every question from a seed: evenly, but for faults. A failure fires as often as it says; of cancellations
/// there are in a run, each as likely, none, or any number up to as many as there may be; every other run has an outage
/// that may come.
#[derive(Clone, Debug)]
pub struct Seeded {
    generator: Generator,
}

impl Seeded {
    /// The answers of `seed`.
    pub fn new(seed: u64) -> Seeded {
        Seeded { generator: Generator::new(seed) }
    }
}

impl Choices for Seeded {
    #[inline]
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        match question.options {
            Options::Futures(futures) => self.generator.below(futures.len() as u64),
            Options::Range { .. } | Options::Victims(_) | Options::Ticks { .. } | Options::Connections(_) => {
                self.generator.below(question.bound())
            }
            Options::Moment { .. } if self.generator.below(2) == 0 => 0,
            Options::Moment { ticks, .. } => 1 + self.generator.below(ticks),
            Options::Fire { per_million } => u64::from(self.generator.below(1_000_000) < u64::from(per_million)),
            Options::Cuts { left, .. } if self.generator.below(u64::from(left) + 1) == 0 => 0,
            Options::Cuts { .. } => 1 + self.generator.below(question.bound() - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_for_ever() {
        let mut generator = Generator::new(42);
        let narrow: Vec<u64> = (0..8).map(|_| generator.below(1000)).collect();
        assert_eq!(narrow, GOLDEN_NARROW);
        let wide: Vec<u64> = (0..3).map(|_| generator.below(1 << 40)).collect();
        assert_eq!(wide, GOLDEN_WIDE);
    }

    /// Worked out from the ChaCha8 block function, not by the crate that is tested.
    const GOLDEN_NARROW: [u64; 8] = [99, 348, 88, 285, 394, 493, 589, 367];
    const GOLDEN_WIDE: [u64; 3] = [907_842_750_870, 73_963_836_436, 538_756_957_225];

    #[test]
    fn every_number_below_the_bound_is_drawn_about_as_often() {
        let mut generator = Generator::new(1);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[generator.below(6) as usize] += 1;
        }
        // Expected 10,000 each, with a standard deviation of 91: five of them are 455.
        assert!(counts.iter().all(|&n| 9_545 < n && n < 10_455), "{counts:?}");
    }
}
