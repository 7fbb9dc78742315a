//! Lengths of time as scenarios write them: `1s`, `1.5s`, `300ms`, `1m30s`, in exact nanoseconds.
//!
//! Knows nothing of where the text stands.

use std::ops::Range;

use super::Nanos;

/// The units, with their nanoseconds; one that is the beginning of another comes after it.
const UNITS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// How people write a unit who have not read how it is written here; a number alone is meant in seconds.
const SPELT: [(&str, &[&str]); 7] = [
    ("ns", &["nsec", "nsecs", "nanosecond", "nanoseconds"]),
    ("us", &["µs", "μs", "usec", "usecs", "microsecond", "microseconds"]),
    ("ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
    ("s", &["", "sec", "secs", "second", "seconds"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("d", &["day", "days"]),
];

/// What is wrong with a length, and with which part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The bytes of the text that are wrong.
    pub part: Range<usize>,
    /// What was expected, and what was found instead.
    pub message: String,
    /// What is wrong with that part, in a few words.
    pub label: &'static str,
    /// The same length as it is written here, if there is no doubt about it.
    pub instead: Option<String>,
}

/// The least and the most of `1s..2s`, or twice the same.
///
/// # Errors
///
/// If one of the two is no length, or if they are turned round.
pub fn parse_range(text: &str) -> Result<(Nanos, Nanos), Problem> {
    let Some((least, most)) = text.split_once("..") else {
        return parse(text).map(|length| (length, length));
    };
    let second = least.len() + 2;
    let instead = || {
        let (least, most) = (respelt(least)?, respelt(most)?);
        let is_in_order = strictly(&least).ok()? <= strictly(&most).ok()?;
        Some(if is_in_order { format!("{least}..{most}") } else { format!("{most}..{least}") })
    };
    let from = strictly(least).map_err(|problem| Problem { instead: instead(), ..problem })?;
    let to = strictly(most).map_err(|problem| {
        let part = problem.part.start + second..problem.part.end + second;
        Problem { part, instead: instead(), ..problem }
    })?;
    if from <= to {
        return Ok((from, to));
    }
    let message = format!("expected a range from the shorter to the longer, but found {text}");
    Err(Problem { part: 0..text.len(), message, label: "turned round", instead: Some(format!("{most}..{least}")) })
}

/// One length: numbers with units, or the bare number 0.
///
/// # Errors
///
/// If it is none, if it is finer than a nanosecond, or if it is longer than [`Nanos::MAX`].
pub fn parse(text: &str) -> Result<Nanos, Problem> {
    strictly(text).map_err(|problem| Problem { instead: respelt(text), ..problem })
}

/// A length as it is written here, of one that says its units in other words: `300ms` of `300 msec`.
fn respelt(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text.trim_ascii();
    let mut last = None;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return None;
        }
        let after = after.trim_ascii_start();
        let (unit, next) = after.split_at(after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len()));
        // Of several numbers, one without a unit is in doubt, but that seconds follow minutes.
        if unit.is_empty() && last != Some("m") && (last.is_some() || !next.is_empty()) {
            return None;
        }
        let unit = unit.to_lowercase();
        let (known, _) = SPELT.iter().find(|(known, spelt)| *known == unit || spelt.contains(&unit.as_str()))?;
        out.push_str(if number.starts_with('.') { "0" } else { "" });
        out.extend([number, known]);
        last = Some(*known);
        rest = next.trim_ascii_start();
    }
    strictly(&out).is_ok().then_some(out)
}

fn strictly(text: &str) -> Result<Nanos, Problem> {
    let problem = |part: Range<usize>, found: &str, label| {
        let message = format!("expected a duration such as 1s, 1.5s, 300ms or 1m30s, but found {found}");
        Err(Problem { part, message, label, instead: None })
    };
    if text == "0" {
        return Ok(Nanos(0));
    }
    if text.starts_with('-') {
        return problem(0..text.len(), &format!("`{text}`"), "a length of time is not negative");
    }
    if text.is_empty() {
        return problem(0..0, "nothing", "nothing here");
    }
    let mut total: u128 = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let unit_end = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |end| digits + end);
        let (number, unit) = (&rest[..digits], &rest[digits..unit_end]);
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let dotted = number.contains('.');
        if whole.is_empty() || decimals.contains('.') || (dotted && decimals.is_empty()) {
            return problem(at..text.len(), &format!("`{text}`"), "expected a number here");
        }
        let Some(&(_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let label =
                if unit.is_empty() { "expected a unit after the number" } else { "a unit is d, h, m, s, ms, us or ns" };
            return problem(at + digits..at + unit_end, &format!("`{text}`"), label);
        };
        let decimals = decimals.trim_end_matches('0');
        match exact(whole, decimals, nanos) {
            Some(part) => total = total.saturating_add(part),
            None => return problem(at..at + digits, &format!("`{text}`"), "finer than a nanosecond"),
        }
        if total > u128::from(Nanos::MAX.0) {
            let message = format!("expected at most 100 years, but found `{text}`");
            return Err(Problem { part: 0..text.len(), message, label: "too long", instead: None });
        }
        at += unit_end;
    }
    Ok(Nanos(total as u64))
}

/// `whole.decimals` units in nanoseconds; nothing if that is not an integer. What is far too long saturates.
fn exact(whole: &str, decimals: &str, unit: u128) -> Option<u128> {
    let whole = whole.parse::<u128>().unwrap_or(u128::MAX).saturating_mul(unit);
    // A day of nanoseconds has sixteen factors of two: with more decimals than that nothing comes out even.
    if decimals.len() > 16 {
        return None;
    }
    let scale = 10_u128.pow(decimals.len() as u32);
    let part = if decimals.is_empty() { 0 } else { decimals.parse::<u128>().ok()? } * unit;
    part.is_multiple_of(scale).then(|| whole.saturating_add(part / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_exact() {
        let check = |text: &str, nanos: u64| assert_eq!(parse(text), Ok(Nanos(nanos)), "{text}");
        check("0", 0);
        check("0s", 0);
        check("1s", 1_000_000_000);
        check("1.5s", 1_500_000_000);
        check("300ms", 300_000_000);
        check("1m30s", 90_000_000_000);
        check("2d1h", 176_400_000_000_000);
        check("0.1us", 100);
        check("1.000000000s", 1_000_000_000);
        check("36500d", Nanos::MAX.0);
        check("0.0000000000003125d", 27);
    }

    #[test]
    fn what_is_no_length_says_where() {
        let check = |text: &str, part: Range<usize>, label: &str| {
            let problem = parse_range(text).unwrap_err();
            assert_eq!((problem.part, problem.label), (part, label), "{text}");
        };
        check("", 0..0, "nothing here");
        check("-1s", 0..3, "a length of time is not negative");
        check("1", 1..1, "expected a unit after the number");
        check("1 s", 1..1, "expected a unit after the number");
        check("5sec", 1..4, "a unit is d, h, m, s, ms, us or ns");
        check("1.s", 0..3, "expected a number here");
        check("1s2", 3..3, "expected a unit after the number");
        check("0.5ns", 0..3, "finer than a nanosecond");
        check("36501d", 0..6, "too long");
        check("99999999999999999999999999999999999999999999s", 0..45, "too long");
        check("2s..1s", 0..6, "turned round");
        check("1s..2x", 5..6, "a unit is d, h, m, s, ms, us or ns");
    }

    #[test]
    fn what_is_meant_without_doubt_is_said_as_it_is_written() {
        let check = |text: &str, instead: Option<&str>| {
            let problem = parse_range(text).unwrap_err();
            assert_eq!(problem.instead.as_deref(), instead, "{text}");
            assert!(instead.is_none_or(|instead| parse_range(instead).is_ok()), "{text}");
        };
        check("300 msec", Some("300ms"));
        check("5", Some("5s"));
        check(" 1 min 30 ", Some("1m30s"));
        check("2 Hours", Some("2h"));
        check("7µs", Some("7us"));
        check(".5s", Some("0.5s"));
        check("1 sec..2 sec", Some("1s..2s"));
        check("2s..1s", Some("1s..2s"));
        check("2 sec..1 sec", Some("1s..2s"));
        check("1h 2m 3", Some("1h2m3s"));
        for text in ["", " ", "None", "-1s", "1 week", "1.s", "0.5ns", "36501d", "1s..", "1s..2s..3s", "s"] {
            check(text, None);
        }
        for text in ["1h30", "2d12", "5 10", "1s2", "1m 5 3"] {
            check(text, None);
        }
    }
}
