//! `[expect]`: what a scenario expects of a run, for asyncio, for one strategy, and for tokio.
//!
//! Knows nothing of how a run is judged.

use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::program::ErrorTypes;
use crate::verdict::{Ending, Expectation};

use super::reader::{Reader, Table, unknown};

/// What is checked, where nothing more special is said.
const KEYS: &[&str] = &["finished", "failed", "cancelled", "running", "ended", "outcome", "raises", "prints"];

/// The table with its sub-tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Expectations {
    asyncio: Expectation,
    tokio: Expectation,
    strategies: Vec<(String, Expectation)>,
}

impl Expectations {
    /// What holds for a run of `strategy`, or of the file's own main.
    pub(super) fn of(&self, strategy: Option<&str>, tokio: bool) -> Expectation {
        let own = self.strategies.iter().find(|(name, _)| Some(name.as_str()) == strategy);
        let mut expected = match own {
            _ if tokio => self.tokio.clone(),
            Some((_, own)) => overridden(&self.asyncio, own),
            None => self.asyncio.clone(),
        };
        // A main that raises, and a run that never ends, are as a rule what somebody has to hear of.
        if expected.raises.is_none() {
            expected.outcome = expected.outcome.or(Some(Ending::Finished));
        }
        expected
    }
}

fn overridden(general: &Expectation, own: &Expectation) -> Expectation {
    // Who expects another ending does not expect the error of the general case.
    let raises = own.raises.or(general.raises.filter(|_| matches!(own.outcome, None | Some(Ending::Failed))));
    Expectation {
        finished: own.finished.or(general.finished),
        failed: own.failed.or(general.failed),
        cancelled: own.cancelled.or(general.cancelled),
        running: own.running.or(general.running),
        ended: own.ended.or(general.ended),
        outcome: own.outcome.or(general.outcome),
        raises,
        prints: own.prints.clone().or_else(|| general.prints.clone()),
    }
}

/// Reads `[expect]` of a file that lists `strategies`.
pub(super) fn read(reader: &mut Reader, table: &Table, strategies: &[String], types: &ErrorTypes) -> Expectations {
    let mut all = Expectations { asyncio: read_one(reader, table, types), ..Expectations::default() };
    for (key, value) in table.in_order() {
        let name = key.get_ref().as_ref();
        if KEYS.contains(&name) {
            continue;
        }
        if name != "tokio" && !strategies.iter().any(|strategy| strategy == name) {
            let known = KEYS.iter().copied().chain(strategies.iter().map(String::as_str)).chain(["tokio"]);
            reader.unknown_key(table, key, known);
            if let (DeValue::Table(_), Some(error)) = (value.get_ref(), reader.errors.last_mut()) {
                error.help.push("a table under [expect] is named after a strategy that the file lists".to_owned());
            }
            continue;
        }
        let Some(inner) = reader.table(value) else { continue };
        reader.only_keys(&inner, KEYS);
        let own = read_one(reader, &inner, types);
        match name {
            "tokio" => all.tokio = own,
            _ => all.strategies.push((name.to_owned(), own)),
        }
    }
    all
}

fn read_one(reader: &mut Reader, table: &Table, types: &ErrorTypes) -> Expectation {
    let mut count = |key: &str| {
        let value = table.get(key)?;
        reader.integer(value, 0, i64::from(u32::MAX)).map(|count| count as u32)
    };
    let (finished, failed, cancelled, running) =
        (count("finished"), count("failed"), count("cancelled"), count("running"));
    let ended = table.get("ended").and_then(|value| reader.duration(value));
    let endings = Ending::ALL.map(|ending| (ending.name(), ending));
    let outcome = table.get("outcome").and_then(|value| reader.word(value, "outcome", &endings));
    let raises = table.get("raises").and_then(|value| {
        let name = reader.text(value)?;
        let error = types.find(&name.text);
        error.or_else(|| reader.error(unknown(name.span, "exception", &name.text, types.names())))
    });
    let prints = table.get("prints").and_then(|value| {
        let lines = reader.array(value)?;
        lines.iter().map(|line| reader.text(line).map(|line| line.text)).collect()
    });
    if let (Some(_), Some(ending)) = (raises, outcome.filter(|&ending| ending != Ending::Failed)) {
        let message = format!("expected the outcome \"failed\" beside `raises`, but found \"{}\"", ending.name());
        reader.errors.push(
            Diagnostic::at(table.key_span("outcome"), message, "main cannot end in both ways")
                .other(table.key_span("raises"), "main ends with an error"),
        );
    }
    let outcome = outcome.or(raises.map(|_| Ending::Failed));
    Expectation { finished, failed, cancelled, running, ended, outcome, raises, prints }
}
