//! The tables of a scenario file, read into a [`Scenario`] that is still near the text.
//!
//! Knows nothing of what the steps mean together.

use toml::Spanned;
use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::experiment::Runtime;
use crate::program::{ErrorTypes, Limits, Profile, Schedule};

use super::constants::Constant;
use super::expect::{self, Expectations};
use super::faults;
use super::hosts;
use super::inject::{self, Injection};
use super::objects;
use super::reader::{Name, Quoted, Reader, Span, Table, Value, describe, unknown};
use super::resolve::ATTRIBUTES;
use super::steps::{Step, read_steps};
use super::strategy_text::{StrategyText, read_main, read_parameter};
use super::template::Template;
use super::{Scenario, open};

const KEYS: &[&str] = &[
    "about",
    "source",
    "python",
    "strategy",
    "main",
    "parameters",
    "runtimes",
    "seeds",
    "exceptions",
    "shared",
    "objects",
    "eager_tasks",
    "schedule",
    "limits",
    "expect",
    "allow",
    "task",
    "fail",
    "cancel",
    "inject",
    "host",
    "network",
];

/// How many shared variables, `each` keys, exceptions or injections a file may declare.
const NAMES_MAX: usize = 10_000;

/// A `[[task]]`.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) name: Template,
    pub(super) span: Span,
    pub(super) count: usize,
    pub(super) each: Vec<(String, Vec<Constant>)>,
    pub(super) steps: Vec<Step>,
}

/// How large a program may become, and what it may do.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) run: Limits,
    pub(super) tasks: usize,
}

/// Reads a file; what only a whole program shows is not checked yet.
pub(super) fn read(text: &str, strategies: &[(&str, &str)]) -> Result<Scenario, Vec<Diagnostic>> {
    let document = open(text)?;
    let table = Table { map: document.get_ref(), span: 0..0 };
    let mut reader = Reader::new(text).with_file_keys(KEYS);
    reader.has_hosts = table.get("host").is_some();
    let known = read_strategies(strategies)?;
    let scenario = read_tables(&mut reader, &table, known);
    match scenario.filter(|_| reader.errors.is_empty()) {
        Some(scenario) => Ok(scenario),
        None => Err(reader.errors),
    }
}

fn read_strategies(strategies: &[(&str, &str)]) -> Result<Vec<StrategyText>, Vec<Diagnostic>> {
    let read = strategies.iter().map(|(name, text)| {
        let in_strategy = |error: Diagnostic| {
            Diagnostic::whole(format!("the text of the strategy `{name}` is not valid: {}", error.message))
        };
        StrategyText::parse(name, text).map_err(|errors| errors.into_iter().map(in_strategy).collect())
    });
    read.collect()
}

fn read_tables(reader: &mut Reader, table: &Table, known: Vec<StrategyText>) -> Option<Scenario> {
    reader.only_keys(table, KEYS);
    let source = table.get("source").and_then(|value| reader.text(value)).map(|source| source.text);
    let profile = table.get("python").map(|value| read_profile(reader, value));
    let (strategies, listed) = read_strategy_names(reader, table, &known);
    let error_types = read_exceptions(reader, table);
    let shared = read_shared(reader, table);
    let eager_tasks = read_eager_tasks(reader, table);
    let (objects, object_spans) = objects::read(reader, table).into_iter().unzip();
    let parameters = read_parameters(reader, table, &known, &listed);
    let schedule = read_schedule(reader, table);
    let limits = read_limits(reader, table);
    let network = hosts::read(reader, table);
    let runtimes = read_runtimes(reader, table, network.is_some());
    let seeds = read_seeds(reader, table);
    let mut expectations = match table.get("expect").and_then(|value| reader.table(value)) {
        Some(expect) => expect::read(reader, &expect, &listed, &error_types),
        None => Expectations::default(),
    };
    if let Some(allow) = table.get("allow").and_then(|value| reader.table(value)) {
        expectations.allow(&expect::read_allow(reader, &allow));
    }
    let tasks = read_entries(reader, table, "task", read_task);
    // In TOML there is no order between them; cancellations go first, because a failure leaves the point, and what may
    // fire before what does.
    let mut faults = read_entries(reader, table, "cancel", faults::read_cancel);
    let mut victims = Vec::new();
    let injections = read_entries(reader, table, "inject", inject::read);
    check_names(reader, table, "inject", injections.len());
    for injection in injections {
        match injection {
            Injection::Cancel(cancel) => victims.push(cancel),
            Injection::Fail(fault) => faults.push(*fault),
        }
    }
    faults.extend(read_entries(reader, table, "fail", faults::read_fail));
    check_count(reader, &tasks, limits.tasks);
    // What stands under one of the other tables is not missing.
    let main = read_own_main(reader, table);
    let about = reader.required(table, "about", "say in a sentence what a reader learns: about = \"…\"");
    let about = about.and_then(|value| reader.text(value)).map(|about| about.text);
    Some(Scenario {
        about: about?,
        source,
        profile: profile.unwrap_or(Some(Profile::NEWEST))?,
        strategies,
        main,
        parameters,
        runtimes,
        network,
        seeds,
        error_types,
        shared,
        eager_tasks,
        objects,
        object_spans,
        schedule,
        limits,
        expectations,
        tasks,
        faults,
        victims,
        known,
    })
}

fn read_profile(reader: &mut Reader, value: &Value) -> Option<Profile> {
    let name = reader.text(value)?;
    Profile::find(&name.text).or_else(|| {
        let message = format!("there is no Python {} here", name.text);
        let names = Profile::ALL.map(|profile| profile.name).join(", ");
        reader.error(Diagnostic::at(name.span, message, "unknown Python").help(format!("there are {names}")))
    })
}

/// The strategies, and those that the file may speak of: where one is not known, it may be any.
fn read_strategy_names(reader: &mut Reader, table: &Table, known: &[StrategyText]) -> (Vec<Name>, Vec<String>) {
    let all = || known.iter().map(|strategy| strategy.name.clone());
    let Some(value) = table.get("strategy") else {
        return (Vec::new(), if table.get("main").is_some() { Vec::new() } else { all().collect() });
    };
    let mut misspelt = Vec::new();
    let values = match value.get_ref() {
        DeValue::Array(names) if names.is_empty() => {
            let message = "expected at least one strategy, but found none";
            let error = Diagnostic::at(value.span(), message, "an empty list");
            reader.errors.push(error.help("leave `strategy` out: then the file can be run under any"));
            &[]
        }
        DeValue::Array(names) => names.as_ref(),
        _ => std::slice::from_ref(value),
    };
    let mut names: Vec<Name> = Vec::new();
    for value in values {
        let Some(name) = reader.text(value) else { continue };
        if !known.iter().any(|strategy| strategy.name == name.text) {
            let known = known.iter().map(|strategy| strategy.name.as_str());
            reader.errors.push(unknown(name.span, "strategy", &name.text, known));
            misspelt.push(name.text);
        } else if let Some(first) = names.iter().find(|other| *other.get_ref() == name.text) {
            let message = format!("expected every strategy once, but found `{}` twice", name.text);
            reader.errors.push(Diagnostic::at(name.span, message, "the second").other(first.span(), "the first"));
        } else {
            names.push(Spanned::new(name.span, name.text));
        }
    }
    let listed = if misspelt.is_empty() {
        names.iter().map(|name| name.get_ref().clone()).collect()
    } else {
        all().chain(misspelt).collect()
    };
    (names, listed)
}

/// `[main]`, and that there is either it or `strategy`.
fn read_own_main(reader: &mut Reader, table: &Table) -> Option<(Vec<Step>, Span)> {
    match (table.get("strategy"), table.get("main")) {
        (Some(_), None) => None,
        (None, Some(_)) => read_main(reader, table),
        (None, None) if reader.is_misplaced("strategy") => None,
        (None, None) => {
            let message = "expected `strategy` or `[main]`, but found neither";
            let help = "name a strategy: strategy = \"gather-cancel-wrong\"; or write the steps of main under [main]";
            reader.missing(table, message, "what runs?", help);
            None
        }
        (Some(strategy), Some(_)) => reader.error(
            Diagnostic::at(table.key_span("main"), "expected `strategy` or `[main]`, but found both", "one main")
                .other(strategy.span(), "another main")
                .help("leave one of the two out; `run --strategy NAME` runs the file under any strategy"),
        ),
    }
}

/// Where the file says that tasks start at once, if it does.
fn read_eager_tasks(reader: &mut Reader, table: &Table) -> Option<Span> {
    let value = table.get("eager_tasks")?;
    reader.boolean(value)?.then(|| value.span())
}

fn read_exceptions(reader: &mut Reader, table: &Table) -> ErrorTypes {
    let python = ErrorTypes::new([]);
    let mut declared: Vec<Quoted> = Vec::new();
    for value in read_array(reader, table, "exceptions") {
        let Some(name) = reader.text(value) else { continue };
        if !reader.is_name(&name.text, &name.span) {
            continue;
        }
        if python.find(&name.text).is_some() {
            let message = format!("expected a new exception, but found Python's own `{}`", name.text);
            reader.errors.push(Diagnostic::at(name.span, message, "already there"));
        } else if declared.iter().any(|other| other.text == name.text) {
            let message = format!("expected every exception once, but found `{}` twice", name.text);
            reader.errors.push(Diagnostic::at(name.span, message, "the second"));
        } else {
            declared.push(name);
        }
    }
    check_names(reader, table, "exceptions", declared.len());
    ErrorTypes::new(declared.into_iter().map(|name| name.text))
}

fn read_array<'a>(reader: &mut Reader, table: &Table<'a>, key: &str) -> &'a [Value<'a>] {
    table.get(key).and_then(|value| reader.array(value)).unwrap_or_default()
}

fn check_names(reader: &mut Reader, table: &Table, key: &str, count: usize) {
    if count > NAMES_MAX {
        let message = format!("expected at most {NAMES_MAX} entries, but found {count}");
        reader.errors.push(Diagnostic::at(table.key_span(key), message, "too many"));
    }
}

fn read_shared(reader: &mut Reader, table: &Table) -> Vec<(String, i64)> {
    let Some(shared) = table.get("shared").and_then(|value| reader.table(value)) else { return Vec::new() };
    check_names(reader, table, "shared", shared.map.len());
    let read = shared.in_order().into_iter().filter_map(|(key, value)| {
        let initial = reader.integer(value, i64::MIN, i64::MAX)?;
        reader.is_name(key.get_ref(), &key.span()).then(|| (key.get_ref().to_string(), initial))
    });
    read.collect()
}

/// The parameters that are set; each has to be one of a strategy of the file.
fn read_parameters(
    reader: &mut Reader,
    table: &Table,
    known: &[StrategyText],
    listed: &[String],
) -> Vec<(String, Constant)> {
    let Some(parameters) = table.get("parameters").and_then(|value| reader.table(value)) else { return Vec::new() };
    let listed = known.iter().filter(|strategy| listed.contains(&strategy.name));
    let declared: Vec<_> = listed.flat_map(|strategy| &strategy.parameters).collect();
    let mut set = Vec::new();
    for (key, value) in parameters.in_order() {
        let name = key.get_ref().as_ref();
        if !declared.iter().any(|parameter| parameter.name == name) {
            let names = declared.iter().map(|parameter| parameter.name.as_str());
            reader.errors.push(unknown(key.span(), "parameter", name, names));
            continue;
        }
        let Some(constant) = read_parameter(reader, value) else { continue };
        if let Some(parameter) = declared.iter().find(|parameter| parameter.name == name && !parameter.takes(&constant))
        {
            let found = describe(value.get_ref());
            let message = format!("expected a value like {}, but found {found}", parameter.default);
            let mut error = Diagnostic::at(value.span(), message, "of another kind");
            let seconds = reader.in_seconds(value).filter(|_| parameter.length(&parameter.value).is_some());
            error.help.extend(seconds.map(|seconds| format!("write {seconds}")));
            reader.errors.push(error);
        }
        set.push((name.to_owned(), constant));
    }
    set
}

fn read_schedule(reader: &mut Reader, table: &Table) -> Schedule {
    let mut schedule = Schedule::default();
    let Some(inner) = table.get("schedule").and_then(|value| reader.table(value)) else { return schedule };
    reader.only_keys(&inner, &["order", "timers", "sets"]);
    let orders = [("asyncio", false), ("any", true)];
    let order = inner.get("order").and_then(|value| reader.word(value, "order", &orders));
    schedule.ready_any_order = order.unwrap_or(schedule.ready_any_order);
    let mut read = |key: &str, fixed: &'static str, any: &mut bool| {
        let words = [("any", true), (fixed, false)];
        let word = inner.get(key).and_then(|value| reader.word(value, "order", &words));
        *any = word.unwrap_or(*any);
    };
    read("timers", "insertion", &mut schedule.timers_any_order);
    read("sets", "creation", &mut schedule.sets_any_order);
    schedule
}

fn read_limits(reader: &mut Reader, table: &Table) -> Bounds {
    let mut bounds = Bounds { run: Limits::default(), tasks: 100_000 };
    let Some(inner) = table.get("limits").and_then(|value| reader.table(value)) else { return bounds };
    reader.only_keys(&inner, &["steps", "turns_at_one_instant", "tasks"]);
    let mut read = |key: &str, most: i64| inner.get(key).and_then(|value| reader.integer(value, 1, most));
    if let Some(steps) = read("steps", 100_000_000) {
        bounds.run.steps = steps as u64;
    }
    if let Some(turns) = read("turns_at_one_instant", i64::from(u32::MAX)) {
        bounds.run.turns_at_one_instant = turns as u32;
    }
    if let Some(tasks) = read("tasks", 1_000_000) {
        bounds.tasks = tasks as usize;
    }
    bounds
}

/// The others have no network.
fn read_runtimes(reader: &mut Reader, table: &Table, has_network: bool) -> Vec<Runtime> {
    if table.get("runtimes").is_none() {
        return vec![if has_network { Runtime::Turmoil } else { Runtime::Asyncio }];
    }
    let words = Runtime::ALL.map(|runtime| (runtime.name(), runtime));
    let values = read_array(reader, table, "runtimes");
    if let Some(other) = values.iter().find(|value| value.get_ref().as_str() != Some("turmoil")).filter(|_| has_network)
    {
        let message = "expected only turmoil, which has a network, but found another runtime";
        let error = Diagnostic::at(other.span(), message, "has no hosts");
        reader.errors.push(error.help("leave `runtimes` out: a file with a [[host]] runs on turmoil"));
    }
    values.iter().filter_map(|value| reader.word(value, "runtime", &words)).collect()
}

fn read_seeds(reader: &mut Reader, table: &Table) -> Vec<u64> {
    let values = read_array(reader, table, "seeds");
    values.iter().filter_map(|value| reader.integer(value, 0, i64::MAX)).map(|seed| seed as u64).collect()
}

/// An array of tables, each read by itself.
fn read_entries<T>(
    reader: &mut Reader,
    table: &Table,
    key: &str,
    read: fn(&mut Reader, &Value) -> Option<T>,
) -> Vec<T> {
    read_array(reader, table, key).iter().filter_map(|value| read(reader, value)).collect()
}

fn read_task(reader: &mut Reader, value: &Value) -> Option<Task> {
    let table = reader.table(value)?;
    reader.only_keys(&table, &["name", "count", "each", "steps"]);
    let name = reader.required(&table, "name", "what others call it: name = \"task {i}\"");
    let name = name.and_then(|value| reader.template(value));
    let count = table.get("count").map(|value| reader.integer(value, 1, 1_000_000));
    let each = match table.get("each") {
        Some(value) => read_each(reader, value),
        None => Some(Vec::new()),
    };
    if table.get("count").is_some() && table.get("each").is_some() {
        let message = "expected `count` or `each`, but found both";
        reader.errors.push(
            Diagnostic::at(table.key_span("count"), message, "this one counts")
                .other(table.key_span("each"), "so does this one")
                .help("a task has as many instances as the arrays of `each` have items"),
        );
    }
    let steps = reader.required(&table, "steps", "it may be empty: steps = []");
    let steps = steps.and_then(|steps| read_steps(reader, steps));
    let (name, each) = (name?, each?);
    let count = match (count, each.first()) {
        (Some(count), _) => count? as usize,
        (None, Some((_, values))) => values.len(),
        (None, None) => 1,
    };
    Some(Task { span: name.source.span.clone(), name, count, each, steps: steps? })
}

fn read_each(reader: &mut Reader, value: &Value) -> Option<Vec<(String, Vec<Constant>)>> {
    let table = reader.table(value)?;
    let mut each: Vec<(String, Vec<Constant>)> = Vec::new();
    let mut first: Option<(Span, usize)> = None;
    for (key, value) in table.in_order() {
        let name = key.get_ref().as_ref();
        if name == "i" || ATTRIBUTES.iter().any(|(known, _)| *known == name) {
            let message = format!("expected a name of the file's own, but found `{name}`, which every task has");
            return reader.error(Diagnostic::at(key.span(), message, "taken"));
        }
        if !reader.is_name(name, &key.span()) {
            return None;
        }
        let items = reader.array(value)?;
        let (span, length) = first.get_or_insert_with(|| (value.span(), items.len()));
        if *length != items.len() || items.is_empty() {
            let message = format!("expected arrays of one length, and not empty, but found {} items", items.len());
            let error = Diagnostic::at(value.span(), message, format!("{} items", items.len()));
            return reader.error(error.other(span.clone(), format!("{length} items")));
        }
        let values: Option<Vec<_>> = items.iter().map(|item| read_constant(reader, item)).collect();
        each.push((name.to_owned(), values?));
    }
    check_names(reader, &table, "each", each.len());
    if each.is_empty() {
        let message = "expected at least one array, but found none";
        return reader.error(Diagnostic::at(table.span, message, "each of what?"));
    }
    Some(each)
}

fn read_constant(reader: &mut Reader, value: &Value) -> Option<Constant> {
    match value.get_ref() {
        DeValue::Integer(_) => reader.integer(value, i64::MIN, i64::MAX).map(Constant::Int),
        DeValue::Float(float) => {
            let float = float.as_str().parse::<f64>().ok().filter(|float| float.is_finite());
            let message = "expected a finite number, but found another";
            float
                .map(|float| Constant::Text(python_float(float)))
                .or_else(|| reader.error(Diagnostic::at(value.span(), message, "not finite")))
        }
        DeValue::String(text) => Some(Constant::Text(text.to_string())),
        _ => {
            let message = "expected an integer, a float or a text, but found something else";
            reader.error(Diagnostic::at(value.span(), message, "not a value of a task"))
        }
    }
}

/// Python's `repr` of a float. Rust's shortest digits are the same; only the exponent is written otherwise.
fn python_float(float: f64) -> String {
    let text = format!("{float:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{}e{sign}{exponent:0>2}", digits.trim_end_matches(".0"))
}

fn check_count(reader: &mut Reader, tasks: &[Task], most: usize) {
    let mut sum = 0;
    for task in tasks {
        sum += task.count;
        if sum > most {
            let message = format!("expected at most {most} tasks, but found {sum}");
            let help = "the limit can be raised up to 1000000: tasks = … under [limits]";
            reader.errors.push(Diagnostic::at(task.span.clone(), message, "one too many here").help(help));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn floats_print_as_in_python() {
        let check = |float: f64, text: &str| assert_eq!(super::python_float(float), text);
        check(1.5, "1.5");
        check(2.0, "2.0");
        check(0.8, "0.8");
        check(-0.0, "-0.0");
        check(1e16, "1e+16");
        check(1.25e-5, "1.25e-05");
        check(1e-300, "1e-300");
    }
}
