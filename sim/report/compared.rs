//! What came of comparing runs with real interpreters: a line for each, and one in the end.
//!
//! Knows nothing of interpreters, or of how runs are compared.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;

use super::diagnostic::{place, position};
use super::json::line_of;
use crate::diagnostic::Diagnostic;

/// What became of a scenario on one interpreter.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// The scenario's file, as it was given.
    pub scenario: &'a str,
    /// The main program; nothing if the scenario brings its own.
    pub strategy: Option<&'a str>,
    /// The version of the interpreter, with its patch level; nothing if it holds for all.
    pub python: Option<&'a str>,
    /// Whether they are alike.
    pub result: Alike<'a>,
}

/// Whether two runs are alike.
#[derive(Clone, Debug)]
pub enum Alike<'a> {
    /// All of so many events.
    Equal(usize),
    /// They are not.
    Different {
        /// The first difference, in several lines.
        shown: String,
        /// The same, as the keys of a JSON object.
        keys: Json,
        /// The patch level that the profile was checked against, if it is another one than the interpreter's.
        checked_against: Option<&'a str>,
    },
    /// There is nothing to compare, because this version does not have what the scenario uses.
    Lacking {
        /// What that is, and where.
        lacking: &'a Diagnostic,
        /// The text of the file.
        source: &'a str,
        /// Whether the place has to be shown to people; the version before may have stumbled over it too.
        is_new: bool,
    },
    /// There is nothing to compare, and why.
    NotApplicable(&'a str),
}

/// All comparisons together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many were equal.
    pub equal: usize,
    /// How many were not.
    pub different: usize,
    /// Where there was nothing to compare.
    pub not_applicable: usize,
    /// The versions that were compared with, sorted by their minor number.
    pub pythons: BTreeSet<(u8, String)>,
    /// Whether it was ended before it was done.
    pub interrupted: bool,
}

impl Compared {
    /// Counts one more.
    pub fn add(&mut self, comparison: &Comparison<'_>) {
        match comparison.result {
            Alike::Equal(_) => self.equal += 1,
            Alike::Different { .. } => self.different += 1,
            Alike::Lacking { .. } | Alike::NotApplicable(_) => return self.not_applicable += 1,
        }
        if let Some(version) = comparison.python {
            let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0);
            self.pythons.insert((minor, version.to_owned()));
        }
    }

    fn versions(&self) -> Vec<&str> {
        self.pythons.iter().map(|(_, version)| version.as_str()).collect()
    }
}

/// A line for people; of a difference, several.
pub fn comparison(comparison: &Comparison<'_>) -> String {
    let mut title = comparison.scenario.to_owned();
    if let Some(strategy) = comparison.strategy {
        title.push_str(&format!(" under {strategy}"));
    }
    if let Some(version) = comparison.python {
        title.push_str(&format!(" on Python {version}"));
    }
    match &comparison.result {
        Alike::Equal(events) => format!("{title}: equal, {events} events\n"),
        Alike::Different { shown, checked_against, .. } => {
            let checked = checked_against
                .map(|patch| format!("  The profile was checked against {patch}.\n"))
                .unwrap_or_default();
            format!("{title}: DIFFERENT, {}\n{checked}", shown.trim_end())
        }
        Alike::Lacking { lacking, source, is_new } => {
            let place = if *is_new { place(comparison.scenario, source, lacking) } else { String::new() };
            format!("{title}: not applicable, because {}\n{place}", reason(lacking))
        }
        Alike::NotApplicable(why) => format!("{title}: not applicable, because {why}\n"),
    }
}

/// What a version lacks, and which has it.
fn reason(lacking: &Diagnostic) -> String {
    let help = lacking.help.iter().map(|help| format!("; {help}"));
    std::iter::once(lacking.message.clone()).chain(help).collect()
}

/// The line in the end, for people.
pub fn compared(compared: &Compared) -> String {
    let Compared { equal, different, not_applicable, interrupted, .. } = compared;
    let on = match compared.versions().join(", ") {
        none if none.is_empty() => String::new(),
        versions => format!(" on Python {versions}"),
    };
    let end = if *interrupted { "; interrupted before it was done" } else { "" };
    format!("{equal} equal, {different} different{on}; {not_applicable} not applicable{end}\n")
}

/// The same as [`comparison`], for programs.
pub fn json_comparison(comparison: &Comparison<'_>) -> String {
    let Comparison { scenario, strategy, python, .. } = *comparison;
    let mut line = ComparisonLine { event: "compared", scenario, strategy, python, ..ComparisonLine::default() };
    match &comparison.result {
        Alike::Equal(events) => (line.result, line.events) = ("equal", Some(*events)),
        Alike::Different { keys, .. } => (line.result, line.difference) = ("different", Some(keys)),
        Alike::Lacking { lacking, source, .. } => {
            (line.result, line.why) = ("not-applicable", Some(reason(lacking)));
            (line.line, line.column) = lacking.span.as_ref().map(|span| position(source, span.start)).unzip();
        }
        Alike::NotApplicable(why) => (line.result, line.why) = ("not-applicable", Some((*why).to_owned())),
    }
    line_of(&line)
}

/// The same as [`compared`], for programs.
pub fn json_compared(compared: &Compared) -> String {
    let Compared { equal, different, not_applicable, interrupted, .. } = *compared;
    let pythons = compared.versions();
    let line = ComparedLine { event: "verified", equal, different, not_applicable, pythons, interrupted };
    line_of(&line)
}

#[derive(Default, Serialize)]
struct ComparisonLine<'a> {
    event: &'static str,
    scenario: &'a str,
    strategy: Option<&'a str>,
    python: Option<&'a str>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<usize>,
    #[serde(flatten)]
    difference: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

#[derive(Serialize)]
struct ComparedLine<'a> {
    event: &'static str,
    equal: usize,
    different: usize,
    not_applicable: usize,
    pythons: Vec<&'a str>,
    interrupted: bool,
}
