//! `[objects]`: what tasks synchronise by, each made as asyncio makes it: `lock = "Lock()"`.
//!
//! Knows nothing of the steps that use them.

use crate::diagnostic::Diagnostic;
use crate::program::{Make, Object};

use super::reader::{Quoted, Reader, Span, Table, unknown};

/// How many objects a file may declare.
const OBJECTS_MAX: usize = 10_000;

/// The constructors: class, its only argument and that argument's least and default value.
const CLASSES: &[(&str, Argument)] = &[
    ("Lock", None),
    ("Event", None),
    ("Condition", None),
    ("Future", None),
    ("Semaphore", Some(("value", 1, Make::Semaphore))),
    ("Queue", Some(("maxsize", 0, Make::Queue))),
    ("Barrier", Some(("parties", 0, Make::Barrier))),
];

/// The name of an argument, what it is if it is missing, and what it makes.
type Argument = Option<(&'static str, u32, fn(u32) -> Make)>;

/// The objects, each with its place.
pub(super) fn read(reader: &mut Reader, table: &Table) -> Vec<(Object, Span)> {
    let Some(inner) = table.get("objects").and_then(|value| reader.table(value)) else { return Vec::new() };
    if inner.map.len() > OBJECTS_MAX {
        let message = format!("expected at most {OBJECTS_MAX} objects, but found {}", inner.map.len());
        reader.errors.push(Diagnostic::at(table.key_span("objects"), message, "too many"));
    }
    let read = inner.in_order().into_iter().filter_map(|(key, value)| {
        let name = key.get_ref().as_ref();
        if name.is_empty() || name.contains(char::is_control) {
            let message = format!("expected a name in one line, but found {name:?}");
            return reader.error(Diagnostic::at(key.span(), message, "not the name of an object"));
        }
        let text = reader.text(value)?;
        match parse(&text) {
            Ok(make) => Some((Object { name: name.to_owned(), make }, text.span)),
            Err(error) => reader.error(error),
        }
    });
    read.collect()
}

/// A call of a constructor.
fn parse(text: &Quoted) -> Result<Make, Diagnostic> {
    let problem = |message: String| Diagnostic::at(text.span.clone(), message, "not an object of asyncio");
    let call = text.text.trim();
    let Some((class, argument)) = call.strip_suffix(')').and_then(|call| call.split_once('(')) else {
        let message = format!("expected a call such as \"Lock()\", but found `{call}`");
        return Err(problem(message).help(format!("write \"{call}()\"")));
    };
    let class = class.trim();
    let class = class.strip_prefix("asyncio.").unwrap_or(class);
    let Some((_, takes)) = CLASSES.iter().find(|(known, _)| *known == class) else {
        return Err(unknown(text.span.clone(), "class", class, CLASSES.iter().map(|(class, _)| *class)));
    };
    let argument = argument.trim();
    if class == "Barrier" && matches!(argument.trim_start_matches(|c: char| !c.is_numeric()), "" | "0") {
        return Err(problem(format!("expected `Barrier(parties)` with a number of 1 or more, but found `{call}`")));
    }
    match (class, takes) {
        (_, Some((_, default, make))) if argument.is_empty() => Ok(make(*default)),
        (_, Some((name, _, make))) => {
            let value = argument.strip_prefix(name).and_then(|rest| rest.trim_start().strip_prefix('='));
            match value.unwrap_or(argument).trim().parse::<u32>() {
                Ok(value) if value < u32::MAX / 2 => Ok(make(value)),
                _ => {
                    let message = format!("expected `{class}({name})` with a number of 0 or more, but found `{call}`");
                    Err(problem(message))
                }
            }
        }
        (_, None) if !argument.is_empty() => {
            Err(problem(format!("expected `{class}()` without arguments, but found `{call}`")))
        }
        ("Lock", None) => Ok(Make::Lock),
        ("Event", None) => Ok(Make::Event),
        ("Future", None) => Ok(Make::Future),
        (_, None) => Ok(Make::Condition),
    }
}
