//! What is known of an instance before the run: its number, its name, what `each` gives it, a strategy's parameters.
//!
//! Knows nothing of steps, nor of what the run adds.

use crate::diagnostic::Diagnostic;
use crate::program::{self, Texts};

use super::expression::{Expression, Kind, Operator};
use super::template::{Piece, Template};

/// A value that is known before the run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Int(i64),
    Text(String),
}

impl Constant {
    pub(super) fn value(&self, texts: &mut Texts) -> program::Value {
        match self {
            Constant::Int(int) => program::Value::Int(*int),
            Constant::Text(text) => program::Value::Text(texts.push(text)),
        }
    }
}

/// The constants of one instance by name: the one called `names[n]` is `values[n]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants<'c> {
    pub(super) names: &'c [String],
    pub(super) values: &'c [Constant],
}

/// Whether an expression is known before the run, if the names are for which `known` says so.
pub(super) fn is_constant(expression: &Expression, known: &dyn Fn(&str) -> bool) -> bool {
    match &expression.kind {
        Kind::Int(_) | Kind::Text(_) => true,
        Kind::Name(name) => known(name),
        Kind::Binary(Operator::Add | Operator::Sub, a, b) => is_constant(a, known) && is_constant(b, known),
        _ => false,
    }
}

impl Constants<'_> {
    /// Puts a text together.
    pub(super) fn fold(&self, template: &Template) -> Result<String, Diagnostic> {
        let mut out = String::new();
        for piece in &template.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(expression, padding) => match self.evaluate(expression)? {
                    Constant::Int(int) => padding.apply(&int.to_string(), true, &mut out),
                    Constant::Text(text) => padding.apply(&text, false, &mut out),
                },
            }
        }
        Ok(out)
    }

    fn evaluate(&self, expression: &Expression) -> Result<Constant, Diagnostic> {
        let problem = |message: String, label: &str| Err(Diagnostic::at(expression.span.clone(), message, label));
        match &expression.kind {
            Kind::Int(int) => Ok(Constant::Int(*int)),
            Kind::Text(text) => Ok(Constant::Text(text.clone())),
            Kind::Name(name) => match self.names.iter().position(|known| known == name) {
                Some(at) => Ok(self.values[at].clone()),
                None => {
                    let known = self.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                    problem(format!("expected something known before the run, but found `{name}`"), "not known yet")
                        .map_err(|error: Diagnostic| error.help(format!("known before the run: {known}")))
                }
            },
            Kind::Binary(operator @ (Operator::Add | Operator::Sub), a, b) => {
                let (Constant::Int(a), Constant::Int(b)) = (self.evaluate(a)?, self.evaluate(b)?) else {
                    return problem("expected two integers, but found a text".to_owned(), "cannot be added");
                };
                let sum = if *operator == Operator::Add { a.checked_add(b) } else { a.checked_sub(b) };
                match sum {
                    Some(sum) => Ok(Constant::Int(sum)),
                    None => problem("expected an integer of 64 bits, but found a bigger one".to_owned(), "too big"),
                }
            }
            _ => {
                problem("expected something known before the run, but found a computation".to_owned(), "not known yet")
                    .map_err(|error| error.help("only constants, `+` and `-` are known before the run"))
            }
        }
    }
}
