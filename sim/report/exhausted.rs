//! What going through all runs came to: complete or not, and if not, what bounded it.
//!
//! Knows nothing of how runs were gone through.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::experiment::Bounded;

use super::json::line_of;
use super::names::{counted, grouped, printable};
use super::paint::{Paint, Style};

/// What was done and seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exhausted {
    /// How many runs there are, if that is known; of each class one, if they are reduced.
    pub classes: Option<u64>,
    /// Whether orders were left out in which steps change places that do not get in each other's way.
    pub is_reduced: bool,
    /// How many runs were followed to their end.
    pub runs: u64,
    /// In how many states something was asked.
    pub states: u64,
    /// How many cancellations there could be in a run.
    pub cancels: u32,
    /// How many different failures there are.
    pub failures: u64,
    /// In which ways runs ended, a line each.
    pub outcomes: Vec<String>,
    /// What bounded it; nothing if it is complete.
    pub bounded_by: Vec<Bounded>,
    /// How fast it was, if that is to be told.
    pub states_per_second: Option<f64>,
}

/// So many outcomes are listed.
const MOST_LISTED: usize = 20;

/// The lines at the end of a search, in ANSI colours or without.
pub fn exhausted(found: &Exhausted, color: bool) -> String {
    let mut out = complete(found, color);
    if found.runs == 0 {
        out.push_str("no run came to its end, so nothing was judged\n");
        return out;
    }
    out.push_str(&format!("{}:\n", counted(found.outcomes.len() as u64, "outcome", "outcomes")));
    found.outcomes.iter().take(MOST_LISTED).for_each(|outcome| out.push_str(&format!("  {}\n", printable(outcome))));
    if found.outcomes.len() > MOST_LISTED {
        let more = grouped((found.outcomes.len() - MOST_LISTED) as u64);
        out.push_str(&format!("  and {more} more: `--format json` lists all of them\n"));
    }
    out
}

/// Whether a search was complete, and what there was, in one line.
pub fn completeness(found: &Exhausted) -> String {
    complete(found, false)
}

fn complete(found: &Exhausted, color: bool) -> String {
    let paint = Paint::new(color);
    let style = if found.failures == 0 { Style::Good } else { Style::Bad };
    let failures = match found.failures {
        0 => "no violation".to_owned(),
        count => counted(count, "violation", "violations"),
    };
    let speed = found.states_per_second.map(|rate| format!(" ({} states/s)", grouped(rate.round() as u64)));
    let what = if found.is_reduced { ("class of orders", "classes of orders") } else { ("order", "orders") };
    let cancels = match found.cancels {
        0 => "no cancels".to_owned(),
        count => format!("at most {}", counted(u64::from(count), "cancel", "cancels")),
    };
    let complete = match &found.bounded_by[..] {
        [] => "complete".to_owned(),
        bounds => format!("not complete, {}", bounds.iter().map(bound).collect::<Vec<_>>().join(", ")),
    };
    let count = match found.classes {
        Some(classes) => counted(classes, what.0, what.1),
        None if found.bounded_by.is_empty() => format!("more than {} {}", grouped(u64::MAX - 1), what.1),
        None => format!("{} followed", counted(found.runs, "run", "runs")),
    };
    format!("{complete}: {count}, {cancels}, {}{}\n", paint.text(&failures, style), speed.unwrap_or_default())
}

/// The ways in which runs end that a file does not list, each with a simplest trace, and those that it lists in vain.
pub fn unlisted(new: &[(String, String)], missing: &[String]) -> String {
    let mut out = String::new();
    for (outcome, trace) in new {
        out.push_str(&format!("outcomes: no run should end like this: {}\n\n{trace}\n", printable(outcome)));
    }
    for outcome in missing {
        out.push_str(&format!("outcomes: no run ends like this: {}\n", printable(outcome)));
    }
    out
}

/// In which ways runs end under one main and in which under another one, each with the command that shows such a run.
/// `is_complete` says whether all runs of both have been seen.
pub fn side_by_side(names: [&str; 2], outcomes: [&BTreeMap<String, String>; 2], is_complete: bool) -> String {
    let [one, other] = outcomes;
    let mut out = String::new();
    let both: Vec<&String> = one.keys().filter(|outcome| other.contains_key(*outcome)).collect();
    if !both.is_empty() {
        out.push_str("both:\n");
        both.iter().for_each(|outcome| out.push_str(&format!("  {}\n", printable(outcome))));
    }
    for (name, these, those) in [(names[0], one, other), (names[1], other, one)] {
        let mut only = these.iter().filter(|(outcome, _)| !those.contains_key(*outcome)).peekable();
        if only.peek().is_some() {
            out.push_str(&format!("only {name}:\n"));
        }
        only.for_each(|(outcome, command)| out.push_str(&format!("  {}\n    {command}\n", printable(outcome))));
    }
    if let Some((name, _)) = names.iter().zip(outcomes).find(|(_, outcomes)| outcomes.is_empty()) {
        out.push_str(&format!("nothing was compared: no run under {name} came to its end\n"));
        return out;
    }
    out.push_str(match (one.keys().eq(other.keys()), is_complete) {
        (true, true) => "They end in the same ways.\n",
        (true, false) => "They end in the same ways, as far as runs were gone through.\n",
        (false, true) => "",
        (false, false) => "Not all runs were gone through: the other may end so as well.\n",
    });
    out
}

/// A bound as a part of a sentence.
fn bound(bounded: &Bounded) -> String {
    match *bounded {
        Bounded::Deviations(most) => {
            format!("at most {} a run", counted(u64::from(most), "deviation", "deviations"))
        }
        Bounded::Memory(bytes) => format!("bounded by memory, of which it may take {} MB", grouped(bytes as u64 >> 20)),
        Bounded::Depth(most) => format!("stopped in a run that asked {} times", grouped(most as u64)),
        Bounded::Lengths => "not every length of a sleep".to_owned(),
        Bounded::Limits(1) => "1 run given up at a limit of `[limits]`".to_owned(),
        Bounded::Limits(runs) => format!("{} runs given up at a limit of `[limits]`", grouped(runs)),
        Bounded::Endless => "the run in plain order has no end".to_owned(),
        Bounded::Stopped => "stopped early".to_owned(),
        Bounded::NoFork => "this machine cannot be forked".to_owned(),
    }
}

/// A line of JSON about a search: `exhausted` in `json.md`.
pub fn json_exhausted(found: &Exhausted) -> String {
    let line = Line {
        event: "exhausted",
        complete: found.bounded_by.is_empty(),
        bounded_by: found.bounded_by.iter().map(bound).collect(),
        classes: found.classes,
        reduced: found.is_reduced,
        runs: found.runs,
        states: found.states,
        cancels: found.cancels,
        failures: found.failures,
        outcomes: &found.outcomes,
        states_per_second: found.states_per_second,
    };
    line_of(&line)
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    complete: bool,
    bounded_by: Vec<String>,
    classes: Option<u64>,
    reduced: bool,
    runs: u64,
    states: u64,
    cancels: u32,
    failures: u64,
    outcomes: &'a [String],
    states_per_second: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_both_s_or_only_one_s() {
        let outcomes = |names: &[&str]| -> BTreeMap<String, String> {
            names.iter().map(|&name| (name.to_owned(), format!("see {name}"))).collect()
        };
        let (one, other) = (outcomes(&["1", "2"]), outcomes(&["2", "3"]));
        let told = "both:\n  2\nonly a:\n  1\n    see 1\nonly b:\n  3\n    see 3\n";
        assert_eq!(side_by_side(["a", "b"], [&one, &other], true), told);
        let not_all = "Not all runs were gone through: the other may end so as well.\n";
        assert_eq!(side_by_side(["a", "b"], [&one, &other], false), format!("{told}{not_all}"));
        let same = "both:\n  1\n  2\nThey end in the same ways";
        assert_eq!(side_by_side(["a", "b"], [&one, &one], true), format!("{same}.\n"));
        let same = format!("{same}, as far as runs were gone through.\n");
        assert_eq!(side_by_side(["a", "b"], [&one, &one], false), same);
        let nothing = "nothing was compared: no run under b came to its end\n";
        let told = side_by_side(["a", "b"], [&one, &outcomes(&[])], false);
        assert!(told.ends_with(nothing) && !told.contains("the same ways"), "{told}");
    }

    #[test]
    fn of_many_outcomes_some_are_listed_and_where_all_are() {
        let outcomes = (0..25).map(|number| format!("main returned {number:02}")).collect();
        let told = exhausted(&Exhausted { runs: 25, outcomes, ..Exhausted::default() }, false);
        let end = "  main returned 19\n  and 5 more: `--format json` lists all of them\n";
        assert!(told.contains("\n25 outcomes:\n  main returned 00\n") && told.ends_with(end), "{told}");
    }

    #[test]
    fn a_search_is_complete_or_says_why_not() {
        let outcomes = vec!["main returned None; 3 finished".to_owned()];
        let mut found =
            Exhausted { classes: Some(1284), is_reduced: true, runs: 62, cancels: 2, outcomes, ..Exhausted::default() };
        let told = exhausted(&found, false);
        let outcomes = "1 outcome:\n  main returned None; 3 finished\n";
        assert_eq!(told, format!("complete: 1,284 classes of orders, at most 2 cancels, no violation\n{outcomes}"));
        found.bounded_by = vec![Bounded::Deviations(2), Bounded::Lengths];
        (found.is_reduced, found.cancels, found.failures) = (false, 0, 3);
        let told = exhausted(&found, false);
        let bounds = "not complete, at most 2 deviations a run, not every length of a sleep";
        assert_eq!(told, format!("{bounds}: 1,284 orders, no cancels, 3 violations\n{outcomes}"));
    }

    #[test]
    fn a_search_that_judged_nothing_says_so() {
        let told = exhausted(&Exhausted { bounded_by: vec![Bounded::Stopped], ..Exhausted::default() }, false);
        let line = "not complete, stopped early: 0 runs followed, no cancels, no violation\n";
        assert_eq!(told, format!("{line}no run came to its end, so nothing was judged\n"));
    }

    /// The paths through merged states are many, and say nothing where some are missing or break off.
    #[test]
    fn what_nobody_could_count_is_not_told() {
        let bounded_by = vec![Bounded::Memory(512 << 20), Bounded::Limits(1)];
        let mut found = Exhausted { runs: 62, bounded_by, ..Exhausted::default() };
        let bounds =
            "not complete, bounded by memory, of which it may take 512 MB, 1 run given up at a limit of `[limits]`";
        assert_eq!(completeness(&found), format!("{bounds}: 62 runs followed, no cancels, no violation\n"));
        assert!(json_exhausted(&found).contains(r#""classes":null,"#));
        found.bounded_by.clear();
        let told = "complete: more than 18,446,744,073,709,551,614 orders, no cancels, no violation\n";
        assert_eq!(completeness(&found), told);
    }
}
