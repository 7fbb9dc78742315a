//! Texts with placeholders: `{expr}` and `{expr:>10}`, as in Python's f-strings.
//!
//! Knows nothing of what the expressions mean, nor of when they are known.

use crate::diagnostic::Diagnostic;
use crate::program::{Padding, Side};

use super::expression::{self, Expression};
use super::reader::{Quoted, Span};

/// The widest padding.
const WIDEST: u32 = 1000;

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    pub(super) pieces: Vec<Piece>,
    pub(super) source: Quoted,
}

/// A piece of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Value(Expression, Padding),
}

impl Template {
    /// A text without placeholders.
    pub(super) fn constant(source: Quoted) -> Template {
        Template { pieces: vec![Piece::Text(source.text.clone())], source }
    }

    pub(super) fn parse(source: Quoted) -> Result<Template, Diagnostic> {
        let text = source.text.as_str();
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(['{', '}']) {
            let brace = at + found;
            literal.push_str(&text[at..brace]);
            let mark = &text[brace..=brace];
            if text[brace + 1..].starts_with(mark) {
                literal.push_str(mark);
                at = brace + 2;
                continue;
            }
            let end = if mark == "{" { end_of_placeholder(&text[brace..]) } else { None };
            let Some(Placeholder { colon, end }) = end else {
                let message = format!("expected braces in pairs, but found a lone `{mark}`");
                return Err(Diagnostic::at(source.part(brace..brace + 1), message, "alone")
                    .help(format!("for the character itself, write `{mark}{mark}`")));
            };
            let (colon, end) = (brace + colon, brace + end);
            let expression = expression::parse_part(&source, brace + 1..colon)?;
            let format = text.get(colon + 1..end).unwrap_or_default();
            let padding = parse_padding(format, source.part(colon..end))?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Value(expression, padding));
            at = end + 1;
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Template { pieces, source })
    }

    /// The expression if the text is one placeholder and nothing else.
    pub(super) fn sole_value(&self) -> Option<&Expression> {
        match self.pieces.as_slice() {
            [Piece::Value(expression, padding)] if *padding == Padding::default() => Some(expression),
            _ => None,
        }
    }
}

/// Where a placeholder's expression and where it itself ends; equal without a padding.
struct Placeholder {
    colon: usize,
    end: usize,
}

/// The end of the placeholder with which `text` begins; quotes and brackets inside it count.
fn end_of_placeholder(text: &str) -> Option<Placeholder> {
    let mut quote = None;
    let mut brackets = 0;
    let mut colon = None;
    for (at, c) in text.char_indices().skip(1) {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '}') => return Some(Placeholder { colon: colon.unwrap_or(at), end: at }),
            (None, '{') => return None,
            (None, _) if colon.is_some() => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(') => brackets += 1,
            (None, ']' | ')') => brackets -= 1,
            (None, ':') if brackets == 0 => colon = Some(at),
            (None, _) => {}
        }
    }
    None
}

/// `[[fill]align][width]`
fn parse_padding(format: &str, span: Span) -> Result<Padding, Diagnostic> {
    let side = |c: char| match c {
        '<' => Some(Side::Left),
        '^' => Some(Side::Middle),
        '>' => Some(Side::Right),
        _ => None,
    };
    let mut chars = format.chars();
    let (first, second) = (chars.next(), chars.next());
    let (fill, align, rest) = match (first, second.and_then(side), first.and_then(side)) {
        (Some(fill), Some(align), _) => (Some(fill), Some(align), &format[fill.len_utf8() + 1..]),
        (_, _, Some(align)) => (None, Some(align), &format[1..]),
        _ => (None, None, format),
    };
    let digits = rest.chars().all(|c| c.is_ascii_digit()) && !rest.starts_with('0');
    let width = if rest.is_empty() { Some(0) } else { rest.parse().ok().filter(|&width| digits && width <= WIDEST) };
    match width {
        Some(width) => Ok(Padding { width, fill, side: align }),
        None => {
            let message = format!("expected a width up to {WIDEST}, but found `{rest}`");
            let help = "behind the colon stand a fill, one of `<`, `^`, `>`, and a width: `{name:10}`, `{name:*>10}`";
            Err(Diagnostic::at(span, message, "not a width").help(help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::reader::Reader;

    fn parsed(text: &str) -> Result<Template, Diagnostic> {
        Template::parse(Reader::new(text).quoted(text, 0..text.len()))
    }

    #[test]
    fn pieces() {
        let check = |text: &str, expected: &[&str]| {
            let shown: Vec<String> = parsed(text)
                .unwrap()
                .pieces
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Value(value, padding) => {
                        format!("<{:?} {} {:?}>", value.span, padding.width, padding.side)
                    }
                })
                .collect();
            assert_eq!(shown, expected, "{text}");
        };
        check("", &[]);
        check("plain", &["plain"]);
        check("{{{i}}}", &["{", "<3..4 0 None>", "}"]);
        check("a {name:10}b", &["a ", "<3..7 10 None>", "b"]);
        check("{x[':'] :*>4}", &["<1..7 4 Some(Right)>"]);
        check("{'}'}{e:^3}", &["<1..4 0 None>", "<6..7 3 Some(Middle)>"]);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let check = |text: &str, span: Span, label: &str| {
            let error = parsed(text).unwrap_err();
            assert_eq!((error.span.unwrap(), error.label.as_str()), (span, label), "{text}");
        };
        check("a } b", 2..3, "alone");
        check("a { b", 2..3, "alone");
        check("a {b{c}", 2..3, "alone");
        check("{e:5d}", 2..5, "not a width");
        check("{e:.2f}", 2..6, "not a width");
        check("{e:1001}", 2..7, "not a width");
        check("{}", 1..1, "something is missing here");
        check("{a b}", 3..4, "this does not fit");
    }
}
