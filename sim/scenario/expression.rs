//! Expressions: a small, closed part of Python's grammar, read into trees that remember where they stand.
//!
//! ```text
//! or:         and ("or" and)*
//! and:        not ("and" not)*
//! not:        "not" not | comparison
//! comparison: sum (("==" | "!=" | "<" | "<=" | ">" | ">=") sum)?
//! sum:        unary (("+" | "-") unary)*
//! unary:      "-"? primary
//! primary:    atom ("." name | "[" or "]")*
//! atom:       integer | text | "True" | "False" | "None" | name | "len" "(" or ")" | "[" (or ",")* "]" | "(" or ")"
//! ```
//!
//! Knows nothing of what names mean.

use std::ops::Range;

use toml::Spanned;

use crate::diagnostic::Diagnostic;
use crate::program::Comparison;

use super::reader::{Quoted, Span};

/// What is said about `1.5`, wherever it stands.
pub(super) const NO_FRACTIONS: &str = "there are no fractions in expressions";

/// What Python has here and the language has not, and what to do instead.
const ABSENT: &[(&str, &str)] = &[
    ("await", "; awaiting is a step of its own: { await = \"…\", as = \"…\" }"),
    ("if", "; `if` is a step of its own"),
    ("in", "; a `for` over the list can look for it"),
    ("is", "; to compare, write `==` or `!=`"),
    ("!", ", nor conversions such as `!r`"),
    ("*", ""),
    ("/", ""),
    ("%", ""),
];

/// What Python calls and scenarios have steps for.
const CALLS: &[(&str, &str)] = &[
    ("sleep", "sleeping is a step of its own: { sleep = \"1s\" }"),
    ("print", "printing is a step of its own: { print = \"…\" }"),
    ("gather", "gathering is a step of its own: { gather = \"coros\" }"),
    ("cancel", "cancelling is a step of its own: { cancel = \"…\" }"),
];

/// How deep an expression may be nested.
const DEEPEST: u32 = 64;

/// Words of Python that cannot be names here either.
const RESERVED: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "len",
    "nonlocal", "not", "or", "pass", "raise", "range", "return", "try", "while", "with", "yield",
];

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    pub(super) kind: Kind,
    pub(super) span: Span,
    depth: u32,
}

/// What kind of expression it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    None,
    Bool(bool),
    Int(i64),
    Text(String),
    Name(String),
    List(Vec<Expression>),
    Len(Box<Expression>),
    Index(Box<Expression>, Box<Expression>),
    Attribute(Box<Expression>, Spanned<String>),
    Not(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    And,
    Or,
    Add,
    Sub,
    Compare(Comparison),
}

/// What a `for` walks over.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Iterable {
    List(Expression),
    Range(Option<Expression>, Expression),
}

impl Expression {
    pub(super) fn integer(int: i64, span: Span) -> Expression {
        Expression { kind: Kind::Int(int), span, depth: 1 }
    }

    pub(super) fn boolean(boolean: bool, span: Span) -> Expression {
        Expression { kind: Kind::Bool(boolean), span, depth: 1 }
    }
}

/// A text that is one expression.
pub(super) fn parse(text: &Quoted) -> Result<Expression, Diagnostic> {
    parse_part(text, 0..text.text.len())
}

/// A part of a text that is one expression.
pub(super) fn parse_part(text: &Quoted, part: Range<usize>) -> Result<Expression, Diagnostic> {
    let mut parser = Parser::new(text, part)?;
    let expression = parser.or()?;
    parser.end()?;
    Ok(expression)
}

/// What to write behind `in`.
const ITERABLES: &str = "it could be a list, or range(3)";

/// What may stand behind `in`: a list, a text, or `range(n)`, or `range(a, b)`.
pub(super) fn parse_iterable(text: &Quoted) -> Result<Iterable, Diagnostic> {
    let mut parser = Parser::new(text, 0..text.text.len())?;
    if parser.token != Token::Word("range") {
        let list = parse(text)?;
        if matches!(list.kind, Kind::None | Kind::Bool(_) | Kind::Int(_)) {
            let message = format!("expected a list or a text, but found `{}`", text.text);
            return Err(Diagnostic::at(list.span, message, "nothing to go over").help(ITERABLES));
        }
        return Ok(Iterable::List(list));
    }
    parser.advance()?;
    parser.expect("(")?;
    let first = parser.or()?;
    let second = if parser.eat(",")? { Some(parser.or()?) } else { None };
    if second.is_some() && parser.token == Token::Symbol(",") {
        return parser
            .expected("`)`")
            .map_err(|error| error.help("the language does not have ranges with a step: write range(0, 10)"));
    }
    parser.expect(")")?;
    parser.end()?;
    Ok(match second {
        Some(end) => Iterable::Range(Some(first), end),
        None => Iterable::Range(None, first),
    })
}

/// Whether a step may bind `text`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(begins_name) && text.chars().all(is_name_char) && !RESERVED.contains(&text)
}

/// Python's identifiers are Unicode's.
fn begins_name(c: char) -> bool {
    unicode_ident::is_xid_start(c) || c == '_'
}

fn is_name_char(c: char) -> bool {
    unicode_ident::is_xid_continue(c)
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'t> {
    Int(i64),
    Text(String),
    Word(&'t str),
    Symbol(&'static str),
    End,
}

/// Those of two characters first.
const SYMBOLS: [&str; 15] = ["==", "!=", "<=", ">=", "<", ">", "+", "-", "(", ")", "[", "]", ",", ".", "="];

struct Parser<'t> {
    text: &'t Quoted,
    /// Where the expression ends.
    end: usize,
    /// Where the rest begins, behind the token.
    rest: usize,
    token: Token<'t>,
    /// Where the token stands.
    at: Range<usize>,
    nesting: u32,
}

/// The same with what to do instead of `found`, if Python has it and the language has not.
fn with_absent(error: Diagnostic, found: &str) -> Diagnostic {
    match ABSENT.iter().find(|(absent, _)| *absent == found) {
        Some((_, instead)) => error.help(format!("the language does not have `{found}` in expressions{instead}")),
        None => error,
    }
}

type Parsed = Result<Expression, Diagnostic>;

impl<'t> Parser<'t> {
    fn new(text: &'t Quoted, part: Range<usize>) -> Result<Parser<'t>, Diagnostic> {
        let (rest, end) = (part.start, part.end);
        let mut parser = Parser { text, end, rest, token: Token::End, at: rest..rest, nesting: 0 };
        parser.advance()?;
        Ok(parser)
    }

    fn error<T>(&self, part: Range<usize>, message: String, label: &str) -> Result<T, Diagnostic> {
        let column = self.text.text[..part.start].chars().count() + 1;
        Err(Diagnostic::at(self.text.part(part), format!("{message} (column {column} of this text)"), label))
    }

    fn expected<T>(&self, expected: &str) -> Result<T, Diagnostic> {
        let (found, label) = match &self.token {
            Token::End => ("the end of the expression".to_owned(), "something is missing here"),
            _ => (format!("`{}`", &self.text.text[self.at.clone()]), "this does not fit"),
        };
        self.error(self.at.clone(), format!("expected {expected}, but found {found}"), label).map_err(
            |error| match self.token {
                Token::Word(word) => with_absent(error, word),
                Token::Symbol("=") => error.help("to compare, write `==`; to bind a name, use the step `set`"),
                Token::Symbol("(") => error.help(self.help_for_call()),
                _ => error,
            },
        )
    }

    /// What to do instead of calling what stands before the token.
    fn help_for_call(&self) -> &'static str {
        let before = self.text.text[..self.at.start].trim_end();
        let callee = before.rsplit(|c| !is_name_char(c)).next().unwrap_or_default();
        CALLS.iter().find(|(name, _)| *name == callee).map_or(
            "only `len(…)` can be called; `done`, `result` and the like are read without parentheses",
            |(_, help)| help,
        )
    }

    /// Reads the next token.
    fn advance(&mut self) -> Result<(), Diagnostic> {
        let text = &self.text.text[..self.end];
        let rest = text[self.rest..].trim_ascii_start();
        let start = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            (self.token, self.at) = (Token::End, self.end..self.end);
            return Ok(());
        };
        let while_chars = |keep: fn(char) -> bool| rest.find(|c| !keep(c)).unwrap_or(rest.len());
        let length = if first.is_ascii_digit() {
            let length = while_chars(|c| c.is_alphanumeric() || c == '_');
            if first == '0' && length > 1 && rest[..length].chars().all(|c| c.is_ascii_digit()) {
                let message = format!("expected an integer without zeros in front, but found `{}`", &rest[..length]);
                return self.error(start..start + length, message, "begins with 0");
            }
            if rest[length..].starts_with('.') {
                let length = while_chars(|c| c.is_alphanumeric() || c == '.');
                let message = format!("expected an integer, but found `{}`", &rest[..length]);
                return self
                    .error(start..start + length, message, "a fraction")
                    .map_err(|error| error.help(NO_FRACTIONS));
            }
            let Ok(int) = rest[..length].parse() else {
                let message = format!("expected an integer of 64 bits, but found `{}`", &rest[..length]);
                return self.error(start..start + length, message, "no such integer");
            };
            self.token = Token::Int(int);
            length
        } else if begins_name(first) {
            let length = while_chars(is_name_char);
            // What looks like a part of the name, and is none to Python.
            let rest = &rest[length..];
            if let Some(other) = rest.chars().next().filter(|c| c.is_alphanumeric()) {
                let end = start + length + other.len_utf8();
                let message = format!("expected a name of letters, digits and `_`, but found `{}`", &text[start..end]);
                return self.error(start + length..end, message, "not in a name");
            }
            self.token = Token::Word(&text[start..start + length]);
            length
        } else if first == '\'' || first == '"' {
            let Some(length) = rest[1..].find(first) else {
                return self.error(
                    start..self.end,
                    format!("expected a closing {first}, but found none"),
                    "never ends",
                );
            };
            // To Python a backslash begins something else, and a text ends on its line.
            if let Some(at) = rest[1..=length].find(['\\', '\n', '\r']) {
                let found = if rest[1 + at..].starts_with('\\') { "a backslash" } else { "the end of the line" };
                let at = start + 1 + at;
                return self.error(at..at + 1, format!("expected a text without {found} in it"), "not in a text");
            }
            self.token = Token::Text(rest[1..=length].to_owned());
            length + 2
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            self.token = Token::Symbol(symbol);
            symbol.len()
        } else {
            let message = format!("expected an expression, but found `{first}`");
            let end = start + first.len_utf8();
            return self
                .error(start..end, message, "no part of an expression")
                .map_err(|error| with_absent(error, &text[start..end]));
        };
        self.at = start..start + length;
        self.rest = start + length;
        Ok(())
    }

    fn eat(&mut self, symbol: &str) -> Result<bool, Diagnostic> {
        let found = matches!(self.token, Token::Symbol(other) if other == symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn eat_word(&mut self, word: &str) -> Result<bool, Diagnostic> {
        let found = self.token == Token::Word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Diagnostic> {
        if self.eat(symbol)? { Ok(()) } else { self.expected(&format!("`{symbol}`")) }
    }

    fn end(&self) -> Result<(), Diagnostic> {
        if self.token == Token::End { Ok(()) } else { self.expected("an operator or the end of the expression") }
    }

    /// A node over `children`, which began at `start` and ends before the token.
    fn node(&self, kind: Kind, start: usize, end: usize, below: u32) -> Parsed {
        if below >= DEEPEST {
            return self.too_deep();
        }
        Ok(Expression { kind, span: self.text.part(start..end), depth: below + 1 })
    }

    fn too_deep<T>(&self) -> Result<T, Diagnostic> {
        let message = format!("expected at most {DEEPEST} levels of nesting, but found more");
        self.error(self.at.clone(), message, "too deep")
            .map_err(|error| error.help("keep a part of it in a variable, with the step `set`"))
    }

    fn binary(&self, operator: Operator, start: usize, left: Expression, right: Expression) -> Parsed {
        let below = left.depth.max(right.depth);
        self.node(Kind::Binary(operator, Box::new(left), Box::new(right)), start, self.before(), below)
    }

    /// Where what was read ends: the token is already the next one.
    fn before(&self) -> usize {
        self.text.text[..self.at.start].trim_end().len()
    }

    /// Every recursion of the grammar passes here.
    fn or(&mut self) -> Parsed {
        self.nesting += 1;
        if self.nesting > DEEPEST {
            return self.too_deep();
        }
        let start = self.at.start;
        let mut left = self.and()?;
        while self.eat_word("or")? {
            let right = self.and()?;
            left = self.binary(Operator::Or, start, left, right)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let start = self.at.start;
        let mut left = self.not()?;
        while self.eat_word("and")? {
            let right = self.not()?;
            left = self.binary(Operator::And, start, left, right)?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed {
        let start = self.at.start;
        let mut nots = 0;
        while self.eat_word("not")? {
            nots += 1;
        }
        let mut operand = self.comparison()?;
        for _ in 0..nots {
            let below = operand.depth;
            operand = self.node(Kind::Not(Box::new(operand)), start, self.before(), below)?;
        }
        Ok(operand)
    }

    fn comparison(&mut self) -> Parsed {
        let start = self.at.start;
        let left = self.sum()?;
        let Some(how) = self.comparator() else { return Ok(left) };
        self.advance()?;
        let right = self.sum()?;
        if self.comparator().is_some() {
            return self
                .expected("one comparison at a time")
                .map_err(|error| error.help("write `a < b and b < c` for `a < b < c`"));
        }
        self.binary(Operator::Compare(how), start, left, right)
    }

    fn comparator(&self) -> Option<Comparison> {
        let Token::Symbol(symbol) = self.token else { return None };
        Some(match symbol {
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    fn sum(&mut self) -> Parsed {
        let start = self.at.start;
        let mut left = self.unary()?;
        loop {
            let operator = match self.token {
                Token::Symbol("+") => Operator::Add,
                Token::Symbol("-") => Operator::Sub,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.unary()?;
            left = self.binary(operator, start, left, right)?;
        }
    }

    fn unary(&mut self) -> Parsed {
        let start = self.at.start;
        if !self.eat("-")? {
            return self.primary();
        }
        let operand = self.primary()?;
        if let Kind::Int(int) = operand.kind {
            return self.node(Kind::Int(-int), start, self.before(), 0);
        }
        let zero = self.node(Kind::Int(0), start, start, 0)?;
        self.binary(Operator::Sub, start, zero, operand)
    }

    fn primary(&mut self) -> Parsed {
        let start = self.at.start;
        let mut of = self.atom()?;
        loop {
            let below = of.depth;
            let kind = if self.eat(".")? {
                let Token::Word(name) = self.token else { return self.expected("the name of an attribute") };
                let name = Spanned::new(self.text.part(self.at.clone()), name.to_owned());
                self.advance()?;
                Kind::Attribute(Box::new(of), name)
            } else if self.eat("[")? {
                let at = self.or()?;
                self.expect("]")?;
                Kind::Index(Box::new(of), Box::new(at))
            } else {
                return Ok(of);
            };
            of = self.node(kind, start, self.before(), below)?;
        }
    }

    fn atom(&mut self) -> Parsed {
        let start = self.at.start;
        let (kind, below) = match std::mem::replace(&mut self.token, Token::End) {
            Token::Int(int) => (Kind::Int(int), 0),
            Token::Text(text) => (Kind::Text(text), 0),
            Token::Word("True") => (Kind::Bool(true), 0),
            Token::Word("False") => (Kind::Bool(false), 0),
            Token::Word("None") => (Kind::None, 0),
            Token::Word("len") => {
                self.advance()?;
                self.expect("(")?;
                let of = self.or()?;
                self.expect(")")?;
                let below = of.depth;
                return self.node(Kind::Len(Box::new(of)), start, self.before(), below);
            }
            Token::Word("range") => {
                self.token = Token::Word("range");
                return self
                    .expected("a value")
                    .map_err(|error| error.help("`range(…)` stands only right behind `in`"));
            }
            Token::Word(name) if !RESERVED.contains(&name) => (Kind::Name(name.to_owned()), 0),
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.or()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol("[") => return self.list(start),
            other => {
                self.token = other;
                return self.expected("a value");
            }
        };
        self.advance()?;
        self.node(kind, start, self.before(), below)
    }

    fn list(&mut self, start: usize) -> Parsed {
        self.advance()?;
        let mut items = Vec::new();
        let mut below = 0;
        while !self.eat("]")? {
            let item = self.or()?;
            below = below.max(item.depth);
            items.push(item);
            if !self.eat(",")? {
                self.expect("]")?;
                break;
            }
        }
        self.node(Kind::List(items), start, self.before(), below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::reader::Reader;

    fn quoted(text: &str) -> Quoted {
        Reader::new(text).quoted(text, 0..text.len())
    }

    /// The tree with every operator in front, as in `(and a b)`.
    fn shape(expression: &Expression) -> String {
        match &expression.kind {
            Kind::None => "None".to_owned(),
            Kind::Bool(boolean) => boolean.to_string(),
            Kind::Int(int) => int.to_string(),
            Kind::Text(text) => format!("'{text}'"),
            Kind::Name(name) => name.clone(),
            Kind::List(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(" ")),
            Kind::Len(of) => format!("(len {})", shape(of)),
            Kind::Index(of, at) => format!("(at {} {})", shape(of), shape(at)),
            Kind::Attribute(of, name) => format!("(. {} {})", shape(of), name.get_ref()),
            Kind::Not(of) => format!("(not {})", shape(of)),
            Kind::Binary(operator, a, b) => format!("({operator:?} {} {})", shape(a), shape(b)),
        }
    }

    #[test]
    fn binds_as_python_does() {
        let check = |text: &str, expected: &str| {
            let parsed = parse(&quoted(text)).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(shape(&parsed), expected);
            assert_eq!(parsed.span, 0..text.len());
        };
        check("a or b and not c", "(Or a (And b (not c)))");
        check("not a == b", "(not (Compare(Equal) a b))");
        check("a - b - 1", "(Sub (Sub a b) 1)");
        check("-1", "-1");
        check("-a + 2", "(Add (Sub 0 a) 2)");
        check("tasks[0].result", "(. (at tasks 0) result)");
        check("len(tasks) >= 2", "(Compare(GreaterOrEqual) (len tasks) 2)");
        check("[]", "[]");
        check("[a, 'b', \"c\",]", "[a 'b' 'c']");
        check("x == None", "(Compare(Equal) x None)");
        check("not not True", "(not (not true))");
        assert_eq!(shape(&parse(&quoted("(a or b) and c")).unwrap()), "(And (Or a b) c)");
    }

    #[test]
    fn says_what_was_expected_and_where() {
        let check = |text: &str, span: Span, message: &str| {
            let error = parse(&quoted(text)).unwrap_err();
            assert_eq!((error.span.unwrap(), error.message.as_str()), (span, message), "{text}");
        };
        check("", 0..0, "expected a value, but found the end of the expression (column 1 of this text)");
        check("a and", 5..5, "expected a value, but found the end of the expression (column 6 of this text)");
        check("a b", 2..3, "expected an operator or the end of the expression, but found `b` (column 3 of this text)");
        check(
            "t.done()",
            6..7,
            "expected an operator or the end of the expression, but found `(` (column 7 of this text)",
        );
        check("(a", 2..2, "expected `)`, but found the end of the expression (column 3 of this text)");
        check("a $ b", 2..3, "expected an expression, but found `$` (column 3 of this text)");
        check("'open", 0..5, "expected a closing ', but found none (column 1 of this text)");
        check("a < b < c", 6..7, "expected one comparison at a time, but found `<` (column 7 of this text)");
        check("12x", 0..3, "expected an integer of 64 bits, but found `12x` (column 1 of this text)");
        check("range(3)", 0..5, "expected a value, but found `range` (column 1 of this text)");
        check("é.1", 3..4, "expected the name of an attribute, but found `1` (column 3 of this text)");
    }

    #[test]
    fn nesting_has_an_end() {
        for text in ["(".repeat(100), format!("{}x", "not ".repeat(100)), format!("1{}", " + 1".repeat(100))] {
            assert_eq!(parse(&quoted(&text)).unwrap_err().label, "too deep");
        }
        for text in [format!("{}x{}", "(".repeat(60), ")".repeat(60)), format!("1{}", " + 1".repeat(60))] {
            assert!(parse(&quoted(&text)).is_ok());
        }
    }

    #[test]
    fn a_for_walks_a_list_or_a_range() {
        let check = |text: &str, expected: &str| {
            let shown = match parse_iterable(&quoted(text)).unwrap() {
                Iterable::List(list) => shape(&list),
                Iterable::Range(from, to) => format!("{:?}..{}", from.as_ref().map(shape), shape(&to)),
            };
            assert_eq!(shown, expected);
        };
        check("tasks", "tasks");
        check("range(3)", "None..3");
        check("range(1, len(tasks))", "Some(\"1\")..(len tasks)");
    }
}
