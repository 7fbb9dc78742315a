//! The text of a strategy, read: what it is for, what it may be told, and the steps of its main.
//!
//! Knows nothing of which strategies there are.

use crate::diagnostic::Diagnostic;
use crate::time::duration;

use super::constants::Constant;
use super::open;
use super::reader::{Reader, Span, Table, Value};
use super::steps::{Step, read_steps};

/// A strategy that was read.
#[derive(Clone, Debug)]
pub struct StrategyText {
    /// What scenarios and commands call it.
    pub name: String,
    /// One line: what it does.
    pub about: String,
    /// What goes wrong, or right.
    pub verdict: String,
    /// The same main in Python; nothing if it is one in Rust alone.
    pub python: Option<String>,
    /// What a scenario may set.
    pub parameters: Vec<Parameter>,
    /// The steps as they stand in its file.
    pub steps_text: String,
    pub(super) steps: Vec<Step>,
}

/// Something that a scenario may set for a strategy.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its key in `[parameters]`.
    pub name: String,
    /// What it is if nobody sets it, as text: a duration or an integer.
    pub default: String,
    /// What it is for.
    pub about: String,
    pub(super) value: Constant,
}

impl StrategyText {
    /// Reads the text of the strategy called `name`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it; the places are in `text`.
    pub fn parse(name: &str, text: &str) -> Result<StrategyText, Vec<Diagnostic>> {
        let document = open(text)?;
        let table = Table { map: document.get_ref(), span: 0..0 };
        let mut reader = Reader::new(text);
        let strategy = read(&mut reader, name, text, &table);
        match strategy.filter(|_| reader.errors.is_empty()) {
            Some(strategy) => Ok(strategy),
            None => Err(reader.errors),
        }
    }
}

fn read(reader: &mut Reader, name: &str, text: &str, table: &Table) -> Option<StrategyText> {
    reader.only_keys(table, &["about", "verdict", "python", "parameters", "main"]);
    let about = required_text(reader, table, "about");
    let verdict = required_text(reader, table, "verdict");
    let parameters = match table.get("parameters") {
        Some(value) => read_parameters(reader, value),
        None => Some(Vec::new()),
    };
    let in_rust = table.get("python").is_none() && table.get("main").is_none();
    let python = if in_rust { Some(None) } else { required_text(reader, table, "python").map(Some) };
    let (steps, span) = if in_rust { (Vec::new(), 0..0) } else { read_main(reader, table)? };
    let steps_text = text[span].to_owned();
    Some(StrategyText {
        name: name.to_owned(),
        about: about?,
        verdict: verdict?,
        python: python?,
        parameters: parameters?,
        steps_text,
        steps,
    })
}

fn required_text(reader: &mut Reader, table: &Table, key: &str) -> Option<String> {
    let value = reader.required(table, key, "a reader needs it")?;
    reader.text(value).map(|text| text.text)
}

/// `[main]` with its steps, and where these stand.
pub(super) fn read_main(reader: &mut Reader, table: &Table) -> Option<(Vec<Step>, Span)> {
    let main = reader.required(table, "main", "its `steps` are what runs first")?;
    let main = reader.table(main)?;
    reader.only_keys(&main, &["steps"]);
    let steps = reader.required(&main, "steps", "it may be empty: steps = []")?;
    Some((read_steps(reader, steps)?, steps.span()))
}

fn read_parameters(reader: &mut Reader, value: &Value) -> Option<Vec<Parameter>> {
    let table = reader.table(value)?;
    let entries = table.in_order();
    let read_all = entries.into_iter().map(|(key, value)| {
        let inner = reader.table(value)?;
        reader.only_keys(&inner, &["default", "about"]);
        let default = reader.required(&inner, "default", "a duration or an integer")?;
        let value = read_parameter(reader, default);
        let about = required_text(reader, &inner, "about");
        let value = value?;
        let default = match &value {
            Constant::Int(int) => int.to_string(),
            Constant::Text(text) => text.clone(),
        };
        let good = reader.is_name(key.get_ref(), &key.span());
        Some(Parameter { name: key.get_ref().to_string(), default, about: about?, value }).filter(|_| good)
    });
    read_all.collect()
}

/// A value of a parameter: an integer, or a duration as it is written.
pub(super) fn read_parameter(reader: &mut Reader, value: &Value) -> Option<Constant> {
    if value.get_ref().is_integer() {
        return reader.integer(value, i64::MIN, i64::MAX).map(Constant::Int);
    }
    reader.duration(value)?;
    reader.text(value).map(|text| Constant::Text(text.text))
}

impl Parameter {
    /// Whether `value` is of the same kind: a duration, or an integer.
    pub(super) fn takes(&self, value: &Constant) -> bool {
        match (&self.value, value) {
            // The number 0 is a duration as well.
            (Constant::Text(_), Constant::Int(0)) => true,
            (ours, theirs) => std::mem::discriminant(ours) == std::mem::discriminant(theirs),
        }
    }

    /// The length of time that `value` is, if it is one.
    pub(super) fn length(&self, value: &Constant) -> Option<crate::time::Nanos> {
        match (&self.value, value) {
            (Constant::Text(_), Constant::Text(text)) => duration::parse(text).ok(),
            (Constant::Text(_), Constant::Int(_)) => Some(crate::time::Nanos(0)),
            (Constant::Int(_), _) => None,
        }
    }
}
