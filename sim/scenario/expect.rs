//! `[expect]`: what a scenario expects of a run, for asyncio, for one strategy, and for tokio; and `[allow]`: which
//! oracles it does not want to hear.
//!
//! Knows nothing of how a run is judged.

use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::program::{ErrorType, ErrorTypes, Pattern};
use crate::verdict::{Before, Does, Ending, EventPattern, Expectation, MustFind, Oracle, Paired};

use super::cast::Cast;
use super::reader::{Name, Reader, Table, Value, unknown};

/// How many events one array may speak of: each event of a run is compared with all of them.
const EVENTS_MAX: usize = 1000;

/// What `does` may say; those of errors may say of which.
const DOES: &[(&str, Does)] = &[
    ("started", Does::Started),
    ("finished", Does::Finished),
    ("failed", Does::Failed(None)),
    ("cancelled", Does::Cancelled),
    ("raised", Does::Raised(None)),
    ("caught", Does::Caught(None)),
];

/// The table with its sub-tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Expectations {
    asyncio: Expectation,
    tokio: Expectation,
    /// Whether the file has `[expect.tokio]`.
    pub(super) speaks_of_tokio: bool,
    strategies: Vec<(String, Expectation)>,
    /// The names of tasks in all of them, as the file writes them.
    tasks: Vec<Name>,
    /// Those of them that are to be found.
    sought: Vec<Name>,
}

impl Expectations {
    /// What holds for a run of `strategy`, or of the file's own main.
    pub(super) fn of(&self, strategy: Option<&str>, tokio: bool) -> Expectation {
        let own = self.strategies.iter().find(|(name, _)| Some(name.as_str()) == strategy);
        let mut expected: Expectation = match own {
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

    /// Sets the oracles that the file does not want to hear.
    pub(super) fn allow(&mut self, allow: &[(Oracle, String)]) {
        self.asyncio.allow = allow.to_vec();
        self.tokio.allow = allow.to_vec();
    }

    /// Finds the names that fit no task.
    pub(super) fn check(&self, cast: &Cast, errors: &mut Vec<Diagnostic>) {
        for name in &self.tasks {
            let pattern = pattern(name.get_ref());
            if !cast.names.iter().any(|name| pattern.matches(name)) {
                // Who writes a star means several.
                let written: Vec<String> = cast.known().map(|known| self::pattern(known).text().to_owned()).collect();
                let has_star = name.get_ref().contains(['*', '{']);
                let known = written.iter().map(String::as_str).filter(|known| !has_star || known.contains('*'));
                errors.push(unknown(name.span(), "task", name.get_ref(), known));
            }
        }
        for name in &self.sought {
            let pattern = pattern(name.get_ref());
            // A failure is the same failure whichever instance it happens to.
            let part = cast.written().find(|(_, names)| {
                let fitting = names.iter().filter(|name| pattern.matches(name)).count();
                0 < fitting && fitting < names.len()
            });
            if let Some((task, _)) = part {
                let message = format!("expected all instances of a task, but found only some of `{task}`");
                let help = format!("a failure is told of all of them together: task = \"{task}\"");
                errors.push(Diagnostic::at(name.span(), message, "not all of them").help(help));
            }
        }
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
        outcomes: own.outcomes.clone().or_else(|| general.outcomes.clone()),
        never: own.never.clone().or_else(|| general.never.clone()),
        always: own.always.clone().or_else(|| general.always.clone()),
        before: own.before.clone().or_else(|| general.before.clone()),
        paired: own.paired.clone().or_else(|| general.paired.clone()),
        deadline: own.deadline.or(general.deadline),
        must_find: own.must_find.clone().or_else(|| general.must_find.clone()),
        allow: general.allow.clone(),
    }
}

/// Reads `[expect]` of a file that lists `strategies`.
pub(super) fn read(reader: &mut Reader, table: &Table, strategies: &[String], types: &ErrorTypes) -> Expectations {
    let mut all = Expectations::default();
    all.asyncio = read_one(reader, table, types, &mut all.tasks, &mut all.sought);
    for (key, value) in table.in_order() {
        let name = key.get_ref().as_ref();
        if Expectation::KEYS.contains(&name) {
            continue;
        }
        if name != "tokio" && !strategies.iter().any(|strategy| strategy == name) {
            let known = Expectation::KEYS.into_iter().chain(strategies.iter().map(String::as_str)).chain(["tokio"]);
            reader.unknown_key(table, key, known);
            if let (DeValue::Table(_), Some(error)) = (value.get_ref(), reader.errors.last_mut()) {
                error.help.push("a table under [expect] is named after a strategy that the file lists".to_owned());
            }
            continue;
        }
        let Some(inner) = reader.table(value) else { continue };
        reader.only_keys(&inner, &Expectation::KEYS);
        let own = read_one(reader, &inner, types, &mut all.tasks, &mut all.sought);
        match name {
            "tokio" => (all.tokio, all.speaks_of_tokio) = (own, true),
            _ => all.strategies.push((name.to_owned(), own)),
        }
    }
    all
}

fn read_one(
    reader: &mut Reader,
    table: &Table,
    types: &ErrorTypes,
    tasks: &mut Vec<Name>,
    sought: &mut Vec<Name>,
) -> Expectation {
    let mut count = |key: &str| {
        let value = table.get(key)?;
        reader.integer(value, 0, i64::from(u32::MAX)).map(|count| count as u32)
    };
    let (finished, failed, cancelled, running) =
        (count("finished"), count("failed"), count("cancelled"), count("running"));
    let ended = table.get("ended").and_then(|value| reader.duration(value));
    let endings = Ending::ALL.map(|ending| (ending.name(), ending));
    let outcome = table.get("outcome").and_then(|value| reader.word(value, "outcome", &endings));
    let raises = table.get("raises").and_then(|value| read_class(reader, value, types));
    let mut lines = |key| {
        let lines = reader.array(table.get(key)?)?;
        lines.iter().map(|line| reader.text(line).map(|line| line.text)).collect()
    };
    let (prints, outcomes) = (lines("prints"), lines("outcomes"));
    if let (Some(_), Some(ending)) = (raises, outcome.filter(|&ending| ending != Ending::Failed)) {
        let message = format!("expected the outcome \"failed\" beside `raises`, but found \"{}\"", ending.name());
        reader.errors.push(
            Diagnostic::at(table.key_span("outcome"), message, "main cannot end in both ways")
                .other(table.key_span("raises"), "main ends with an error"),
        );
    }
    let outcome = outcome.or(raises.map(|_| Ending::Failed));
    let mut events = Events { reader, types, tasks, sought };
    Expectation {
        finished,
        failed,
        cancelled,
        running,
        ended,
        outcome,
        raises,
        prints,
        outcomes,
        never: events.all(table, "never", Events::event),
        always: events.all(table, "always", Events::event),
        before: events.all(table, "before", |events, value| {
            events.two(value, "first", "then").map(|(first, then)| Before { first, then })
        }),
        paired: events.all(table, "paired", |events, value| {
            events.two(value, "open", "close").map(|(open, close)| Paired { open, close })
        }),
        deadline: table.get("deadline").and_then(|value| events.reader.duration(value)),
        must_find: table.get("must_find").and_then(|value| events.must_find(value)),
        allow: Vec::new(),
    }
}

fn read_class(reader: &mut Reader, value: &Value, types: &ErrorTypes) -> Option<ErrorType> {
    let name = reader.text(value)?;
    let error = types.find(&name.text);
    error.or_else(|| reader.error(unknown(name.span, "exception", &name.text, types.names())))
}

/// Who fits a name of a task: in a name as a `[[task]]` writes it, its placeholders stand for any text.
fn pattern(name: &str) -> Pattern {
    let mut text = String::new();
    let mut rest = name;
    while let Some((before, (_, after))) =
        rest.split_once('{').and_then(|(before, inside)| Some((before, inside.split_once('}')?)))
    {
        text.push_str(before);
        text.push('*');
        rest = after;
    }
    Pattern::new(text + rest)
}

/// Reads what is said of single events.
struct Events<'r, 's> {
    reader: &'r mut Reader<'s>,
    types: &'r ErrorTypes,
    tasks: &'r mut Vec<Name>,
    sought: &'r mut Vec<Name>,
}

impl Events<'_, '_> {
    fn all<T>(&mut self, table: &Table, key: &str, read: impl Fn(&mut Self, &Value) -> Option<T>) -> Option<Vec<T>> {
        let values = self.reader.array(table.get(key)?)?;
        if values.len() > EVENTS_MAX {
            let message = format!("expected at most {EVENTS_MAX} entries, but found {}", values.len());
            return self.reader.error(Diagnostic::at(table.key_span(key), message, "too many"));
        }
        values.iter().map(|value| read(self, value)).collect()
    }

    fn two(&mut self, value: &Value, first: &str, second: &str) -> Option<(EventPattern, EventPattern)> {
        let table = self.reader.table(value)?;
        self.reader.only_keys(&table, &[first, second]);
        let help = format!("write {{ {first} = {{ … }}, {second} = {{ … }} }}");
        let [first, second] = [first, second].map(|key| {
            let value = self.reader.required(&table, key, &help)?;
            self.event(value)
        });
        Some((first?, second?))
    }

    fn event(&mut self, value: &Value) -> Option<EventPattern> {
        let table = self.reader.table(value)?;
        self.reader.only_keys(&table, &["task", "does", "error", "prints"]);
        let task = match table.get("task") {
            Some(value) => self.task(value)?,
            None => Pattern::new("*"),
        };
        let error = match table.get("error") {
            Some(value) => Some(read_class(self.reader, value, self.types)?),
            None => None,
        };
        let does = match (table.get("does"), table.get("prints")) {
            (Some(does), None) => self.reader.word(does, "event", DOES)?,
            (None, Some(prints)) => Does::Prints(Pattern::new(self.reader.text(prints)?.text)),
            (None, None) => {
                let message = "expected `does` or `prints`, but found neither";
                let help = "say what happens: does = \"finished\", or prints = \"text*\"";
                self.reader.missing(&table, message, "what happens?", help);
                return None;
            }
            (Some(_), Some(_)) => {
                let message = "expected `does` or `prints`, but found both";
                let other = table.key_span("does");
                let error = Diagnostic::at(table.key_span("prints"), message, "one too many");
                return self.reader.error(error.other(other, "the other"));
            }
        };
        let does = match (does, error) {
            (does, None) => does,
            (Does::Failed(_), error) => Does::Failed(error),
            (Does::Raised(_), error) => Does::Raised(error),
            (Does::Caught(_), error) => Does::Caught(error),
            _ => {
                let message = "expected `error` beside \"failed\", \"raised\" or \"caught\", but found another event";
                return self.reader.error(Diagnostic::at(table.key_span("error"), message, "no error is in it"));
            }
        };
        Some(EventPattern { task, does })
    }

    fn task(&mut self, value: &Value) -> Option<Pattern> {
        let name = self.reader.text(value)?;
        let found = pattern(&name.text);
        self.tasks.push(Name::new(name.span, name.text));
        Some(found)
    }

    fn must_find(&mut self, value: &Value) -> Option<MustFind> {
        let table = self.reader.table(value)?;
        self.reader.only_keys(&table, &["oracle", "task", "within"]);
        let keys = Expectation::KEYS.into_iter().filter(|key| *key != "must_find");
        let words: Vec<_> = Oracle::ALL.map(Oracle::name).into_iter().chain(keys).map(|name| (name, name)).collect();
        let what = self.reader.required(&table, "oracle", "say who finds it: oracle = \"lost-cancel\"");
        let what = what.and_then(|value| self.reader.word(value, "oracle", &words));
        let within = self.reader.required(&table, "within", "say in how many runs: within = 100");
        let within = within.and_then(|value| self.reader.integer(value, 1, i64::from(u32::MAX)));
        let task = match table.get("task") {
            Some(value) => {
                let task = self.task(value)?;
                self.sought.extend(self.tasks.last().cloned());
                Some(task)
            }
            None => None,
        };
        Some(MustFind { what: what?, task, within: within? as u64 })
    }
}

/// Reads `[allow]`.
pub(super) fn read_allow(reader: &mut Reader, table: &Table) -> Vec<(Oracle, String)> {
    let mut allow = Vec::new();
    for (key, value) in table.in_order() {
        let name = key.get_ref().as_ref();
        let Some(oracle) = Oracle::find(name) else {
            reader.errors.push(unknown(key.span(), "oracle", name, Oracle::ALL.map(Oracle::name)));
            continue;
        };
        let Some(reason) = reader.text(value) else { continue };
        if reason.text.trim().is_empty() {
            let message = format!("expected a reason for allowing `{name}`, but found an empty text");
            reader.errors.push(
                Diagnostic::at(reason.span, message, "why?")
                    .help("whoever reads the file next has to know why this is no bug"),
            );
            continue;
        }
        allow.push((oracle, reason.text));
    }
    allow
}
