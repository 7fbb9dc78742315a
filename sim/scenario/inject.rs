//! `[[inject]]`: the cancellations and the failures that the harness may put into a run.
//!
//! Knows nothing of who decides whether it does.

use crate::diagnostic::Diagnostic;
use crate::program::{Cuts, Pattern};
use crate::time::Nanos;

use super::cast::Cast;
use super::faults::{Asked, Fault, read_failure};
use super::reader::{Name, Reader, Table, Value, unknown};

/// How many cancellations of one entry, or how many times a failure, there may be in a run.
const UP_TO_MAX: i64 = 100;

/// One entry of `[[inject]]`.
#[derive(Clone, Debug)]
pub(super) enum Injection {
    Cancel(Victims),
    Fail(Box<Fault>),
}

/// Whom the harness may cancel, and how often in a run.
#[derive(Clone, Debug)]
pub(super) struct Victims {
    names: Vec<Name>,
    up_to: u32,
}

/// Reads an entry.
pub(super) fn read(reader: &mut Reader, value: &Value) -> Option<Injection> {
    let table = reader.table(value)?;
    let up_to = match table.get("up_to") {
        Some(value) => reader.integer(value, 1, UP_TO_MAX).map(|up_to| up_to as u32),
        None => Some(1),
    };
    match (table.get("cancel"), table.get("raise")) {
        (Some(cancel), _) => {
            reader.only_keys(&table, &["cancel", "up_to"]);
            let names = read_names(reader, cancel)?;
            Some(Injection::Cancel(Victims { names, up_to: up_to? }))
        }
        (None, Some(_)) => {
            reader.only_keys(&table, &["task", "at", "time", "print", "raise", "type", "chance", "up_to"]);
            let per_million = match table.get("chance") {
                Some(chance) => Some(read_chance(reader, chance)?),
                None => None,
            };
            let task = reader.required(&table, "task", "it says whom it strikes");
            let task = task.and_then(|value| reader.any_name(value));
            let at = match table.get("at") {
                Some(at) => read_names(reader, at)?,
                None => Vec::new(),
            };
            let time = read_time(reader, &table)?;
            let kind = read_failure(reader, &table, Some(Asked { per_million, up_to: up_to? }))?;
            Some(Injection::Fail(Box::new(Fault { span: table.span.clone(), task: task?, at, time, kind })))
        }
        (None, None) => {
            let message = "expected `cancel` or `raise`, but found neither";
            let help =
                "cancel = \"worker *\" cancels such tasks anywhere; raise = \"…\" beside `task` lets a failure fire";
            reader.missing(&table, message, "inject what?", help);
            None
        }
    }
}

fn read_time(reader: &mut Reader, table: &Table) -> Option<Option<Nanos>> {
    table.get("time").map_or(Some(None), |time| reader.duration(time).map(Some))
}

/// One name, or an array of them.
fn read_names(reader: &mut Reader, value: &Value) -> Option<Vec<Name>> {
    match value.get_ref() {
        toml::de::DeValue::Array(names) if names.is_empty() => {
            reader.error(Diagnostic::at(value.span(), "expected at least one name, but found none", "an empty list"))
        }
        toml::de::DeValue::Array(names) => names.iter().map(|name| reader.any_name(name)).collect(),
        _ => Some(vec![reader.any_name(value)?]),
    }
}

/// `"2.5 %"`, in a million.
pub(super) fn read_chance(reader: &mut Reader, value: &Value) -> Option<u32> {
    let text = reader.text(value)?;
    let percent = text.text.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
    match percent.filter(|percent| 0.0 < *percent && *percent <= 100.0) {
        Some(percent) => Some((percent * 10_000.0).round().max(1.0) as u32),
        None => {
            let message = format!("expected a chance from \"0.0001%\" to \"100%\", but found \"{}\"", text.text);
            reader.error(Diagnostic::at(text.span, message, "not a chance"))
        }
    }
}

impl Victims {
    /// The entry for a program; how long a run is, is not known here.
    pub(super) fn cuts(&self, cast: &Cast, errors: &mut Vec<Diagnostic>) -> Cuts {
        let mut victims = vec![false; cast.names.len()];
        for name in &self.names {
            match cast.find(name.get_ref()) {
                Some(range) => victims[range.start as usize..range.end as usize].fill(true),
                None if !self.fit(name, cast, &mut victims) => {
                    errors.push(unknown(name.span(), "task", name.get_ref(), cast.known()));
                }
                None => {}
            }
        }
        Cuts { up_to: self.up_to, victims, handles: 0, tasks: 0 }
    }

    /// Marks whoever fits a pattern, and says whether anybody does.
    fn fit(&self, name: &Name, cast: &Cast, victims: &mut [bool]) -> bool {
        let pattern = Pattern::new(name.get_ref().as_str());
        let mut fits = false;
        for (victim, _) in victims.iter_mut().zip(&cast.names).filter(|(_, name)| pattern.matches(name)) {
            (*victim, fits) = (true, true);
        }
        fits
    }
}
