//! Typed access to the tables of a TOML file: every value with its place, every misfit a message.
//!
//! A function that finds something wrong records it and returns nothing, so that one pass finds as much as it can.
//!
//! Knows nothing of what the keys mean.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::diagnostic::{Diagnostic, nearest};
use crate::time::{Nanos, duration};

use super::expression::{self, Expression};
use super::template::Template;

/// The bytes of the file that something stands in.
pub(super) type Span = Range<usize>;

/// A name, where it stands.
pub(super) type Name = Spanned<String>;

/// A value of the file, and where it stands.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A text of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quoted {
    pub(super) text: String,
    /// With its quotes.
    pub(super) span: Span,
    /// Where its first byte stands, if the file has it as it is: a text with escapes cannot be pointed into.
    inner: Option<usize>,
}

impl Quoted {
    /// The place of a part of the text, or of the whole where parts cannot be told.
    pub(super) fn part(&self, part: Range<usize>) -> Span {
        self.inner.map_or(self.span.clone(), |at| at + part.start..at + part.end)
    }
}

/// A table of the file.
#[derive(Clone)]
pub(super) struct Table<'a> {
    pub(super) map: &'a DeTable<'a>,
    pub(super) span: Span,
}

impl<'a> Table<'a> {
    /// Whether it is the file as a whole.
    fn is_file(&self) -> bool {
        self.span.is_empty()
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value<'a>> {
        self.map.get(key)
    }

    /// Where `key` itself stands; the table if it has none.
    pub(super) fn key_span(&self, key: &str) -> Span {
        self.map.get_key_value(key).map_or(self.span.clone(), |(key, _)| key.span())
    }

    /// Its keys and values in the order of the file.
    pub(super) fn in_order(&self) -> Vec<(&'a Spanned<DeString<'a>>, &'a Value<'a>)> {
        let mut entries: Vec<_> = self.map.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }
}

/// Reads one file, and keeps what is wrong with it.
pub(super) struct Reader<'s> {
    source: &'s str,
    /// The keys that stand above every table of the file.
    file_keys: &'static [&'static str],
    /// Those of them that stand under a table or are misspelt: nobody has to be told that they are missing.
    misplaced: Vec<String>,
    /// Whether the file has hosts: then `get` sends them requests.
    pub(super) has_hosts: bool,
    pub(super) errors: Vec<Diagnostic>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s str) -> Reader<'s> {
        Reader { source, file_keys: &[], misplaced: Vec::new(), has_hosts: false, errors: Vec::new() }
    }

    /// The same for a file whose keys are these.
    pub(super) fn with_file_keys(self, file_keys: &'static [&'static str]) -> Reader<'s> {
        Reader { file_keys, ..self }
    }

    /// The source of something, as it is written.
    pub(super) fn raw(&self, span: Span) -> &'s str {
        &self.source[span]
    }

    pub(super) fn error<T>(&mut self, error: Diagnostic) -> Option<T> {
        self.errors.push(error);
        None
    }

    fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    /// Reports a value of the wrong kind, and what to write `instead` where the same can be said rightly.
    pub(super) fn mismatch<T>(&mut self, expected: &str, value: &Value, instead: Option<String>) -> Option<T> {
        let found = describe(value.get_ref());
        let error = Diagnostic::at(value.span(), format!("expected {expected}, but found {found}"), found);
        self.error(match instead.filter(|text| !text.contains('\n')) {
            Some(instead) => error.help(format!("write {instead}")),
            None => error,
        })
    }

    /// A value that is no text, in quotes.
    pub(super) fn in_quotes(&self, value: &Value) -> Option<String> {
        let raw = self.raw(value.span());
        (!value.get_ref().is_table() && !raw.contains('"')).then(|| format!("\"{raw}\""))
    }

    /// A number that should have been a length of time, in seconds.
    pub(super) fn in_seconds(&self, value: &Value) -> Option<String> {
        let text = format!("{}s", self.raw(value.span()));
        duration::parse(&text).is_ok().then(|| format!("\"{text}\""))
    }

    /// Reports every key of `table` that is not one of `known`.
    pub(super) fn only_keys(&mut self, table: &Table, known: &[&str]) {
        for (key, _) in table.in_order() {
            if !known.contains(&key.get_ref().as_ref()) {
                self.unknown_key(table, key, known.iter().copied());
            }
        }
    }

    /// Reports a key that does not stand in `table`: it may be one of the file.
    pub(super) fn unknown_key<'k>(
        &mut self,
        table: &Table,
        key: &Spanned<DeString>,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let name = key.get_ref().as_ref();
        let error = unknown(key.span(), "key", name, known);
        let header = self.raw(table.span.clone());
        let is_misplaced = self.file_keys.contains(&name) && header.starts_with('[');
        self.errors.push(if is_misplaced {
            self.misplaced.push(name.to_owned());
            let help = format!("it stands under {header}; keys of the file stand above the first [table]");
            Diagnostic { help: vec![help], ..error }
        } else {
            let meant = nearest(name, self.file_keys.iter().copied()).filter(|_| table.is_file());
            self.misplaced.extend(meant.map(str::to_owned));
            error
        });
    }

    /// Whether `key` of the file was found where or as it should not be.
    pub(super) fn is_misplaced(&self, key: &str) -> bool {
        self.misplaced.iter().any(|misplaced| misplaced == key)
    }

    /// The value of a key that has to be there.
    pub(super) fn required<'a>(&mut self, table: &Table<'a>, key: &str, why: &str) -> Option<&'a Value<'a>> {
        let found = table.get(key);
        if found.is_none() && !(table.is_file() && self.is_misplaced(key)) {
            let message = format!("expected the key `{key}`, but found none");
            self.missing(table, &message, &format!("no `{key}` here"), why);
        }
        found
    }

    /// Reports that a table lacks something; the file as a whole has no place to underline.
    pub(super) fn missing(&mut self, table: &Table, message: &str, label: &str, help: &str) {
        let error = match table.is_file() {
            true => Diagnostic::whole(message),
            false => Diagnostic::at(table.span.clone(), message, label),
        };
        self.errors.push(error.help(help));
    }

    pub(super) fn text(&mut self, value: &Value) -> Option<Quoted> {
        match value.get_ref() {
            DeValue::String(text) => Some(self.quoted(text, value.span())),
            _ => self.mismatch("a text", value, self.in_quotes(value).filter(|_| !value.get_ref().is_array())),
        }
    }

    /// What a task, a point or a class is called, in words of any kind.
    pub(super) fn any_name(&mut self, value: &Value) -> Option<Name> {
        let text = self.text(value)?;
        Some(Spanned::new(text.span, text.text))
    }

    pub(super) fn quoted(&self, text: &str, span: Span) -> Quoted {
        let raw = &self.source[span.clone()];
        // Bare keys stand as they are; other texts behind one quote, or three and perhaps a line break.
        let skipped = [0, 1, 3, 4, 5].into_iter().find(|&skip| raw.get(skip..skip + text.len()) == Some(text));
        Quoted { text: text.to_owned(), inner: skipped.map(|skip| span.start + skip), span }
    }

    /// An integer from `least` to `most`.
    pub(super) fn integer(&mut self, value: &Value, least: i64, most: i64) -> Option<i64> {
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.mismatch("an integer", value, None);
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => self.error(Diagnostic::at(
                value.span(),
                format!("expected an integer from {least} to {most}, but found {integer}"),
                if number.is_some_and(|number| number < least) { "too small" } else { "too big" },
            )),
        }
    }

    pub(super) fn boolean(&mut self, value: &Value) -> Option<bool> {
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            _ => self.mismatch("true or false", value, None),
        }
    }

    pub(super) fn array<'a>(&mut self, value: &'a Value<'a>) -> Option<&'a [Value<'a>]> {
        match value.get_ref() {
            DeValue::Array(array) => Some(array),
            // One item needs brackets, and the head of a table a second pair.
            _ => self.mismatch("an array", value, Some(format!("[{}]", self.raw(value.span())))),
        }
    }

    pub(super) fn table<'a>(&mut self, value: &'a Value<'a>) -> Option<Table<'a>> {
        match value.get_ref() {
            DeValue::Table(map) => Some(Table { map, span: value.span() }),
            _ => {
                let head = self.raw(value.span()).strip_prefix('[').and_then(|raw| raw.strip_suffix(']'));
                let head = head.filter(|raw| raw.starts_with('[') && raw.ends_with(']'));
                self.mismatch("a table", value, head.map(str::to_owned))
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Clone>(&mut self, value: &Value, kind: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(value)?;
        match words.iter().find(|(word, _)| *word == text.text) {
            Some((_, meaning)) => Some(meaning.clone()),
            None => self.error(unknown(text.span, kind, &text.text, words.iter().map(|(word, _)| *word))),
        }
    }

    /// A name that a step binds.
    pub(super) fn name(&mut self, value: &Value) -> Option<Name> {
        let text = self.text(value)?;
        self.is_name(&text.text, &text.span).then(|| Spanned::new(text.span.clone(), text.text))
    }

    /// Whether `text` can be a name; reports it if not.
    pub(super) fn is_name(&mut self, text: &str, span: &Span) -> bool {
        let good = expression::is_name(text);
        if !good {
            let message = format!("expected a name, but found `{text}`");
            self.errors.push(
                Diagnostic::at(span.clone(), message, "not a name").help(
                    "a name begins with a letter, goes on with letters, digits and `_`, and is no word of Python",
                ),
            );
        }
        good
    }

    pub(super) fn template(&mut self, value: &Value) -> Option<Template> {
        let text = self.text(value)?;
        let parsed = Template::parse(text);
        self.keep(parsed)
    }

    /// A length of time that may have placeholders; the number 0 is one as well.
    pub(super) fn length(&mut self, value: &Value) -> Option<Template> {
        match value.get_ref() {
            DeValue::String(_) => self.template(value),
            DeValue::Integer(zero) if zero.as_str() == "0" => {
                Some(Template::constant(Quoted { text: "0".to_owned(), span: value.span(), inner: None }))
            }
            _ => self.mismatch("a duration such as \"1.5s\"", value, self.in_seconds(value)),
        }
    }

    /// A length of time without placeholders.
    pub(super) fn duration(&mut self, value: &Value) -> Option<Nanos> {
        let text = match value.get_ref() {
            DeValue::Integer(zero) if zero.as_str() == "0" => return Some(Nanos(0)),
            DeValue::String(_) => self.text(value)?,
            _ => return self.mismatch("a duration such as \"1.5s\"", value, self.in_seconds(value)),
        };
        let parsed = duration::parse(&text.text).map_err(|problem| no_length(&text, problem));
        self.keep(parsed)
    }

    /// An expression; an integer and a boolean of TOML are expressions too.
    pub(super) fn expression(&mut self, value: &Value) -> Option<Expression> {
        match value.get_ref() {
            DeValue::String(_) => {
                let text = self.text(value)?;
                let parsed = expression::parse(&text);
                self.keep(parsed)
            }
            DeValue::Integer(_) => {
                self.integer(value, i64::MIN, i64::MAX).map(|int| Expression::integer(int, value.span()))
            }
            DeValue::Boolean(boolean) => Some(Expression::boolean(*boolean, value.span())),
            DeValue::Float(_) => {
                let error = Diagnostic::at(value.span(), "expected an expression, but found a float", "a float");
                self.error(error.help(expression::NO_FRACTIONS))
            }
            _ => self.mismatch("an expression", value, None),
        }
    }
}

/// What is wrong with a text that should be a length of time.
pub(super) fn no_length(text: &Quoted, problem: duration::Problem) -> Diagnostic {
    let error = Diagnostic::at(text.part(problem.part), problem.message, problem.label);
    match problem.instead {
        Some(instead) => error.help(format!("write \"{instead}\"")),
        None => error,
    }
}

pub(super) fn describe(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The first of these names, for a sentence.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 24;
    let names: Vec<&str> = names.into_iter().take(SHOWN + 1).collect();
    let list = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    list + if names.len() > SHOWN { ", …" } else { "" }
}

/// Something is called by a name that nobody has: says so, and which name is nearest.
pub(super) fn unknown<'a>(span: Span, kind: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let mut seen = BTreeSet::new();
    let known: Vec<&str> = known.into_iter().filter(|name| seen.insert(*name)).collect();
    let error = Diagnostic::at(span, format!("there is no {kind} `{name}`"), format!("unknown {kind}"));
    match nearest(name, known.iter().copied()) {
        Some(other) => error.help(format!("did you mean `{other}`?")),
        None if known.is_empty() => error.help(format!("no {kind} is expected here")),
        None => error.help(format!("it could be {}", listed(known))),
    }
}
