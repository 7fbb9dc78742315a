//! Where two runs part, in the words of `judge.py`, and how that is shown.
//!
//! Knows nothing of how runs are compared.

use std::fmt;

use serde_json::{Value as Json, json};

/// How many events are kept before the first difference, and from it on.
const KEPT_BEFORE: usize = 15;
const KEPT_FROM: usize = 5;

/// The first difference of two runs. An event is an array as the judge tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How many events are alike before it.
    pub agree: usize,
    /// The last of those.
    pub before: Vec<Json>,
    /// What happens next, and after that, with us. Nothing if our run is over.
    pub ours: Vec<Json>,
    /// The same with Python.
    pub theirs: Vec<Json>,
    /// Ours and theirs, if the runs have equal events, but end in different ways.
    pub outcomes: Option<[Json; 2]>,
    /// What the tasks are called, by number.
    names: Vec<String>,
}

impl Difference {
    /// That event `at` differs, or that only one of them has one.
    pub(super) fn new(ours: &[Json], theirs: &[Json], at: usize) -> Difference {
        let from = |events: &[Json]| events.iter().skip(at).take(KEPT_FROM).cloned().collect();
        let created = ours.iter().filter(|event| event[3] == "created");
        Difference {
            agree: at,
            before: ours[at.saturating_sub(KEPT_BEFORE)..at].to_vec(),
            ours: from(ours),
            theirs: from(theirs),
            outcomes: None,
            names: created.map(|event| event[4].as_str().unwrap_or_default().to_owned()).collect(),
        }
    }

    /// That all events are alike, and the outcome is not.
    pub(super) fn of_outcomes(events: &[Json], ours: &Json, theirs: &Json) -> Difference {
        Difference { outcomes: Some([ours.clone(), theirs.clone()]), ..Difference::new(events, events, events.len()) }
    }

    /// As an object for programs.
    pub fn keys(&self) -> Json {
        json!({
            "agree": self.agree,
            "before": self.before,
            "ours": self.ours,
            "theirs": self.theirs,
            "outcomes": self.outcomes,
        })
    }

    /// An event as a line: when, who, what.
    fn line(&self, event: &Json) -> String {
        let nanos = event[1].as_u64().unwrap_or_default();
        let task = event[2].as_u64().and_then(|task| self.names.get(task as usize)).map_or("", String::as_str);
        let what = event[3].as_str().unwrap_or_default().replace('_', " ");
        let details = event.as_array().and_then(|parts| parts.get(4..)).unwrap_or_default();
        let details: Vec<String> = details.iter().map(Json::to_string).collect();
        let time = format!("{}s", nanos as f64 / 1e9);
        format!("{time:>4}  {:>4}  {task:<8}  {what} {}", event[0], details.join(" ")).trim_end().to_owned()
    }
}

/// What led to it, and from it on one run beside the other.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |events: &[Json]| events.iter().map(|event| self.line(event)).collect::<Vec<_>>();
        let (mut ours, mut theirs) = (shown(&self.ours), shown(&self.theirs));
        match &self.outcomes {
            Some([our, their]) => {
                writeln!(f, "the same events, but another end")?;
                (ours, theirs) = (vec![our.to_string()], vec![their.to_string()]);
            }
            None => writeln!(f, "event {} differs", self.agree + 1)?,
        }
        writeln!(f, "  time  turn  who       event")?;
        for line in shown(&self.before) {
            writeln!(f, "  {line}")?;
        }
        let width = ours.iter().map(|line| line.chars().count()).max().unwrap_or(0).clamp(30, 80);
        writeln!(f, "  {:<width$} | in Python:", "here:")?;
        for at in 0..ours.len().max(theirs.len()) {
            let over = if at == 0 { "(nothing more)" } else { "" };
            let [left, right] = [&ours, &theirs].map(|lines| lines.get(at).map_or(over, String::as_str));
            let mark = if at == 0 { '>' } else { ' ' };
            writeln!(f, "{}", format!("{mark} {left:<width$} | {right}").trim_end())?;
        }
        Ok(())
    }
}
