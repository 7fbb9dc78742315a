//! Virtual time: integer nanoseconds since the run began, and how they print.
//!
//! Knows nothing of clocks: nothing here, or above here, reads one.

pub mod duration;

use std::fmt;

/// An instant of virtual time, in nanoseconds since the run began.
///
/// ```
/// use atropos::time::{Nanos, Time};
/// let late = Time::ZERO + Nanos::from_secs(1) + Nanos(500_000_000);
/// assert_eq!(late.to_string(), "1.5s");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// A length of virtual time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

/// The finest time on a simulated network: messages arrive at whole ticks.
pub const TICK: Nanos = Nanos(1_000_000);

impl Time {
    /// The instant at which every run begins.
    pub const ZERO: Time = Time(0);
}

impl Nanos {
    /// The longest length that a scenario may write: one hundred years of 365 days. Five such sleeps in a row
    /// still fit a [`Time`]; beyond that, time stops at its maximum (see the addition).
    pub const MAX: Nanos = Nanos(100 * 365 * 24 * 3600 * 1_000_000_000);

    /// Whole seconds as a length.
    ///
    /// # Panics
    ///
    /// Past 584 years, in builds that check overflow.
    pub const fn from_secs(secs: u64) -> Nanos {
        Nanos(secs * 1_000_000_000)
    }
}

/// Saturates: a loop of century-long sleeps ends at the last instant there is, rather than in a panic.
impl std::ops::Add<Nanos> for Time {
    type Output = Time;

    fn add(self, length: Nanos) -> Time {
        Time(self.0.saturating_add(length.0))
    }
}

/// Seconds with as many decimals as are needed to be exact: `0s`, `1.5s`, `0.000000001s`.
fn write_seconds(nanos: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (secs, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if rest == 0 {
        return f.pad(&format!("{secs}s"));
    }
    let decimals = format!("{rest:09}");
    f.pad(&format!("{secs}.{}s", decimals.trim_end_matches('0')))
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_seconds(self.0, f)
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_seconds(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_exact_seconds_and_nothing_more() {
        for (nanos, text) in [(0, "0s"), (1, "0.000000001s"), (800_000_000, "0.8s"), (2_000_000_000, "2s")] {
            assert_eq!(Time(nanos).to_string(), text);
            assert_eq!(Nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn time_saturates() {
        assert_eq!(Time(u64::MAX) + Nanos::MAX, Time(u64::MAX));
    }
}
