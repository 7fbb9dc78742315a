//! Lengths of time: what is put together of constants in the scenario is a sum of seconds in Python.
//!
//! Knows nothing of what waits so long.

use std::collections::BTreeSet;

use super::super::constants::Constant;
use super::super::expression::{Expression, Kind, Operator};
use super::super::template::{Piece, Template};
use super::body::Body;
use super::value::Form;
use super::words::seconds;
use super::{Learnt, Script};
use crate::time::duration;

/// The shortest and the longest; only the shortest if they are the same.
#[derive(Clone)]
pub(super) struct Length {
    pub(super) least: String,
    pub(super) most: Option<String>,
    /// Both as one expression to be unpacked, where they can only be looked up.
    pub(super) both: Option<String>,
}

/// How the constant `name` of a body is handed over.
pub(super) fn form(script: &Script, learnt: &Learnt, body: usize, name: &str) -> Form {
    if name == "name" {
        return Form::Plain;
    }
    let values = script.values_of(body, name);
    if values.iter().all(|value| matches!(value, Constant::Int(_))) {
        return Form::Integer;
    }
    if learnt.texts.contains(&(body, name.to_owned())) {
        return Form::Plain;
    }
    let all = |is: fn(&str) -> bool| {
        values.iter().all(|value| match value {
            Constant::Int(int) => is(&int.to_string()),
            Constant::Text(text) => is(text),
        })
    };
    if all(is_number) {
        Form::Number
    } else if all(|text| seconds_of(text).is_some()) {
        Form::Seconds
    } else {
        Form::Plain
    }
}

/// Whether a text is what Python prints for the number that it says: then the number can stand for it.
fn is_number(text: &str) -> bool {
    if text.parse::<i64>().is_ok_and(|int| int.to_string() == text) {
        return true;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_decimal = digits.chars().all(|c| c.is_ascii_digit() || c == '.') && digits.contains('.');
    // Short ones only: from 16 digits on Python would print an exponent, or other digits.
    is_decimal
        && digits.len() <= 15
        && text
            .parse::<f64>()
            .is_ok_and(|float| format!("{float:?}") == text && float.abs() >= 1e-4 || float == 0.0 && text == "0.0")
}

/// The seconds of a duration.
pub(super) fn seconds_of(text: &str) -> Option<String> {
    duration::parse(text).ok().map(|length| seconds(length.0))
}

const UNITS: &[(&str, &str, &str)] = &[
    ("ns", "", " / 1_000_000_000"),
    ("us", "", " / 1_000_000"),
    ("ms", "", " / 1000"),
    ("s", "", ""),
    ("m", "60 * ", ""),
    ("h", "3600 * ", ""),
    ("d", "86400 * ", ""),
];

/// A part of a length: a character, or a placeholder.
#[derive(Clone, Copy)]
enum Part<'t> {
    Char(char),
    Value(&'t Expression),
}

impl Body<'_, '_> {
    /// A length of the scenario; `None` in place of a template that does not fit any instance.
    pub(super) fn length(&mut self, template: &Template) -> Length {
        let lengths = self.lengths(template);
        let distinct: BTreeSet<(u64, u64)> = lengths.iter().copied().collect();
        let only = match distinct.iter().collect::<Vec<_>>()[..] {
            [&(least, most)] => {
                let most = (most != least).then(|| seconds(most));
                Some(Length { least: seconds(least), most, both: None })
            }
            _ => None,
        };
        if let Some(only) = only.clone()
            && !self.is_sole_name(template)
        {
            return only;
        }
        let is_range = lengths.iter().any(|(least, most)| least != most);
        if let Some((least, most)) = self.formulas(template) {
            return Length { least, most: most.filter(|_| is_range), both: None };
        }
        if let Some(only) = only {
            return only;
        }
        // Nothing that a formula says: each instance looks up its own.
        let i = self.constant("i");
        let each: Vec<String> = lengths
            .iter()
            .map(
                |&(least, most)| {
                    if is_range { format!("({}, {})", seconds(least), seconds(most)) } else { seconds(least) }
                },
            )
            .collect();
        let looked_up = format!("[{}][{i}]", each.join(", "));
        Length {
            least: if is_range { format!("{looked_up}[0]") } else { looked_up.clone() },
            most: None,
            both: is_range.then_some(looked_up),
        }
    }

    /// The least and the most of every instance, in nanoseconds.
    fn lengths(&self, template: &Template) -> Vec<(u64, u64)> {
        let group = self.script.cast.groups[self.body].clone();
        let fold = |at: u32| {
            let text = self.script.cast.fold(crate::id::InstanceId(at), template).ok()?;
            duration::parse_range(&text).ok().map(|(least, most)| (least.0, most.0))
        };
        group.map(|at| fold(at).unwrap_or_default()).collect()
    }

    /// Whether it is no time at all, for every instance.
    pub(super) fn is_zero(&self, template: &Template) -> bool {
        self.lengths(template).iter().all(|&(least, _)| least == 0)
    }

    /// Whether it is a parameter of its own, as in a strategy: then it is called by its name.
    fn is_sole_name(&self, template: &Template) -> bool {
        self.body == 0 && matches!(template.sole_value(), Some(Expression { kind: Kind::Name(_), .. }))
    }

    fn formulas(&mut self, template: &Template) -> Option<(String, Option<String>)> {
        let mut parts = Vec::new();
        for piece in &template.pieces {
            match piece {
                Piece::Text(text) => parts.extend(text.chars().map(Part::Char)),
                Piece::Value(expression, padding) if *padding == Default::default() => {
                    parts.push(Part::Value(expression))
                }
                Piece::Value(..) => return None,
            }
        }
        let dots = parts.windows(2).position(|pair| matches!(pair, [Part::Char('.'), Part::Char('.')]));
        match dots {
            None => Some((self.formula(&parts)?, None)),
            Some(at) => Some((self.formula(&parts[..at])?, Some(self.formula(&parts[at + 2..])?))),
        }
    }

    /// `1m{x}s` as `60 + x`.
    fn formula(&mut self, parts: &[Part]) -> Option<String> {
        if let [Part::Value(Expression { kind: Kind::Name(name), .. })] = parts {
            let is_seconds = form(self.script, self.learnt, self.body, name) == Form::Seconds;
            return is_seconds.then(|| self.constant(name));
        }
        let mut terms = Vec::new();
        let mut rest = parts;
        while let Some(first) = rest.first() {
            let digits =
                rest.iter().take_while(|part| matches!(part, Part::Char(c) if c.is_ascii_digit() || *c == '.')).count();
            let number = digits.max(1);
            let letters = rest[number..]
                .iter()
                .take_while(|part| matches!(part, Part::Char(c) if c.is_ascii_alphabetic()))
                .count();
            let text = |parts: &[Part]| -> String {
                parts.iter().filter_map(|part| if let Part::Char(c) = part { Some(*c) } else { None }).collect()
            };
            let unit = text(&rest[number..number + letters]);
            let &(_, before, after) = UNITS.iter().find(|(name, ..)| *name == unit)?;
            terms.push(match first {
                Part::Value(expression) => {
                    let value = self.number(expression)?;
                    let is_sum = value.contains(' ') && !(before.is_empty() && after.is_empty());
                    let value = if is_sum { format!("({value})") } else { value };
                    format!("{before}{value}{after}")
                }
                Part::Char(_) if digits > 0 => seconds_of(&text(&rest[..number + letters]))?,
                Part::Char(_) => return None,
            });
            rest = &rest[number + letters..];
        }
        (!terms.is_empty()).then(|| terms.join(" + "))
    }

    /// An expression of numbers.
    fn number(&mut self, expression: &Expression) -> Option<String> {
        match &expression.kind {
            Kind::Int(int) => Some(int.to_string()),
            Kind::Name(name) => {
                let form = form(self.script, self.learnt, self.body, name);
                matches!(form, Form::Integer | Form::Number).then(|| self.constant(name))
            }
            Kind::Binary(operator @ (Operator::Add | Operator::Sub), a, b) => {
                let (a, right) = (self.number(a)?, self.number(b)?);
                let right = if right.contains(' ') { format!("({right})") } else { right };
                Some(format!("{a} {} {right}", if *operator == Operator::Add { "+" } else { "-" }))
            }
            _ => None,
        }
    }
}
