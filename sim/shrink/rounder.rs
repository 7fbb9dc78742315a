//! Rounder lengths of time: what to write instead of `"1370ms"`.
//!
//! Rounder is: nothing; then one second; then whole seconds, the fewer the better; then fewer digits, and of those the
//! shorter. Every candidate is rounder than what it replaces, so that rounding comes to an end.
//!
//! Knows nothing of where a length stands, or of what waits for it.

use crate::time::{Nanos, duration};

const SECOND: u64 = Nanos::from_secs(1).0;

/// The texts to try in the place of a length, or of a range of lengths, the roundest first. A text with placeholders
/// may become a length without them.
pub(super) fn rounder(text: &str) -> Vec<String> {
    match duration::parse_range(text) {
        Ok((least, most)) if least == most => lengths(least).iter().map(Nanos::to_string).collect(),
        Ok((least, most)) => ranges(least, most),
        Err(_) if text.contains('{') => {
            let part = text.split_once("..").map(|(least, _)| least.to_owned());
            [Nanos(0), Nanos(SECOND)].iter().map(Nanos::to_string).chain(part).collect()
        }
        Err(_) => Vec::new(),
    }
}

/// One length instead of a range, then ranges with a rounder end.
fn ranges(least: Nanos, most: Nanos) -> Vec<String> {
    let from = lengths(least).into_iter().map(|from| (from, most));
    let to = lengths(most).into_iter().map(|to| (least, to));
    let rounder = from.chain(to).filter(|(from, to)| from < to);
    [least.to_string(), most.to_string()].into_iter().chain(rounder.map(|(from, to)| format!("{from}..{to}"))).collect()
}

/// The lengths that are rounder than this one.
fn lengths(length: Nanos) -> Vec<Nanos> {
    let Nanos(nanos) = length;
    let whole = |nanos: u64| nanos - nanos % SECOND;
    let unit = |nanos: u64| 10_u64.pow(nanos.checked_ilog10().unwrap_or(0));
    let leading = |nanos: u64| nanos - nanos % unit(nanos);
    let mut candidates = vec![
        0,
        SECOND,
        whole(nanos / 2),
        whole(nanos),
        whole(nanos.saturating_sub(SECOND)),
        leading(nanos / 2),
        leading(nanos),
        leading(nanos).saturating_sub(unit(nanos)),
    ];
    candidates.retain(|&candidate| order(candidate) < order(nanos));
    candidates.sort_by_key(|&candidate| order(candidate));
    candidates.dedup();
    candidates.into_iter().map(Nanos).collect()
}

/// The rounder, the less.
fn order(nanos: u64) -> (u32, u64) {
    let mut digits = nanos;
    while digits != 0 && digits.is_multiple_of(10) {
        digits /= 10;
    }
    let kind = match nanos {
        0 => 0,
        SECOND => 1,
        _ if nanos.is_multiple_of(SECOND) => 2,
        _ => 3 + digits.checked_ilog10().unwrap_or(0),
    };
    (kind, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rounder_comes_first_and_nothing_is_less_round() {
        let check = |text: &str, expected: &[&str]| assert_eq!(rounder(text), expected, "{text}");
        check("0", &[]);
        check("1s", &["0s"]);
        check("2s", &["0s", "1s"]);
        check("10s", &["0s", "1s", "5s", "9s"]);
        check("7.25s", &["0s", "1s", "3s", "6s", "7s"]);
        check("320ms", &["0s", "1s", "0.1s", "0.2s", "0.3s"]);
        check("0.3s", &["0s", "1s", "0.1s", "0.2s"]);
        check("1s..2s", &["1s", "2s", "0s..2s"]);
        check(
            "0.5s..2.5s",
            &["0.5s", "2.5s", "0s..2.5s", "1s..2.5s", "0.2s..2.5s", "0.4s..2.5s", "0.5s..1s", "0.5s..2s"],
        );
        check("{secs}s..{i + 2}s", &["0s", "1s", "{secs}s"]);
        check("soon", &[]);
    }
}
