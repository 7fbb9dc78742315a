//! Names, expressions, texts and operands as Python's.
//!
//! Knows nothing of steps.

use crate::id::InstanceId;
use crate::program::{Comparison, Padding, Side};

use super::super::constants::Constant;
use super::super::expression::{Expression, Kind, Operator};
use super::super::steps::{Operand, Subject};
use super::super::template::{Piece, Template};
use super::body::Body;
use super::helpers::Need;
use super::kinds::{COROUTINE, ERROR, GATHER, Kinds, LIST, PLAIN, TASK};
use super::words::{escaped, inner_literal, literal};
use super::{length, plain};

/// An expression of Python.
#[derive(Clone, Debug)]
pub(super) struct Printed {
    pub(super) text: String,
    pub(super) level: Level,
    pub(super) kinds: Kinds,
}

/// How tightly an expression binds, the loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Minus,
    Primary,
}

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Something that is done with a list and a set alike: it is walked over, counted, or asked whether it is empty.
    Walked,
    /// Anything.
    Any,
}

impl Printed {
    pub(super) fn new(text: impl Into<String>, own: u8) -> Printed {
        Printed { text: text.into(), level: Level::Primary, kinds: Kinds::of(own) }
    }

    /// The text where nothing looser than `level` may stand.
    pub(super) fn at(&self, level: Level) -> String {
        if self.level < level { format!("({})", self.text) } else { self.text.clone() }
    }
}

impl Body<'_, '_> {
    pub(super) fn expression(&mut self, expression: &Expression, used: Use) -> Printed {
        match &expression.kind {
            Kind::None => Printed::new("None", PLAIN),
            Kind::Bool(true) => Printed::new("True", PLAIN),
            Kind::Bool(false) => Printed::new("False", PLAIN),
            Kind::Int(int) => {
                let level = if *int < 0 { Level::Minus } else { Level::Primary };
                Printed { level, ..Printed::new(int.to_string(), PLAIN) }
            }
            Kind::Text(text) if self.is_in_text => Printed::new(inner_literal(text), PLAIN),
            Kind::Text(text) => Printed::new(literal(text), PLAIN),
            Kind::Name(name) => self.name(name, expression.span.start, used),
            Kind::List(items) => {
                let items: Vec<Printed> = items.iter().map(|item| self.expression(item, Use::Any)).collect();
                list(&items)
            }
            Kind::Len(of) => {
                let of = self.expression(of, Use::Walked);
                Printed::new(format!("len({})", of.text), PLAIN)
            }
            Kind::Index(of, at) => {
                let is_number = matches!(of.kind, Kind::Int(_));
                let (of, at) = (self.expression(of, Use::Any), self.expression(at, Use::Any));
                let receiver = if is_number { format!("({})", of.text) } else { of.at(Level::Primary) };
                Printed { kinds: of.kinds.item(), ..Printed::new(format!("{receiver}[{}]", at.text), 0) }
            }
            Kind::Attribute(of, name) if self.is_asked(of, name.get_ref()) => {
                let object = self.object_named(of).unwrap_or_default();
                let is_property = matches!(name.get_ref().as_str(), "parties" | "n_waiting" | "broken");
                let call = if is_property { "" } else { "()" };
                Printed::new(format!("{object}.{}{call}", name.get_ref()), PLAIN)
            }
            Kind::Attribute(of, name) => {
                let is_number = matches!(of.kind, Kind::Int(_));
                let mut of = self.expression(of, Use::Any);
                if is_number {
                    of.text = format!("({})", of.text);
                }
                self.attribute(&of, name.get_ref())
            }
            Kind::Not(of) => {
                let of = self.expression(of, Use::Walked);
                Printed { level: Level::Not, ..Printed::new(format!("not {}", of.at(Level::Not)), PLAIN) }
            }
            Kind::Binary(operator, a, b) => self.binary(*operator, a, b, used),
        }
    }

    fn binary(&mut self, operator: Operator, a: &Expression, b: &Expression, used: Use) -> Printed {
        let inner = if matches!(operator, Operator::And | Operator::Or) { used } else { Use::Any };
        // What the language reads as `-x` is nothing less something that stands at the same place.
        let negated = matches!((operator, &a.kind), (Operator::Sub, Kind::Int(0)) if a.span.is_empty());
        let (a, b) = (self.expression(a, inner), self.expression(b, inner));
        if negated {
            return Printed { level: Level::Minus, ..Printed::new(format!("-{}", b.at(Level::Primary)), PLAIN) };
        }
        let (sign, level, right) = match operator {
            Operator::Or => ("or", Level::Or, Level::Or),
            Operator::And => ("and", Level::And, Level::And),
            Operator::Add => ("+", Level::Sum, Level::Minus),
            Operator::Sub => ("-", Level::Sum, Level::Minus),
            Operator::Compare(how) => (comparison(how), Level::Comparison, Level::Sum),
        };
        // `a or (b or c)` needs no parentheses; comparisons would become a chain without.
        let left = if level == Level::Comparison { Level::Sum } else { level };
        let kinds = if matches!(operator, Operator::Compare(_)) { Kinds::of(PLAIN) } else { a.kinds.or(b.kinds) };
        Printed { text: format!("{} {sign} {}", a.at(left), b.at(right)), level, kinds }
    }

    /// Whether it is a lock, a queue or the like that is asked.
    fn is_asked(&self, of: &Expression, name: &str) -> bool {
        let object = self.object_named(of).is_some().then_some(&of.kind);
        let Some(Kind::Name(object)) = object else { return false };
        let makes = self.script.scenario.objects.iter().filter(|other| other.name == *object);
        makes.flat_map(|object| object.make.inquiries()).any(|(known, _)| *known == name)
    }

    fn attribute(&mut self, of: &Printed, name: &str) -> Printed {
        let receiver = of.at(Level::Primary);
        match name {
            "exceptions" => {
                Printed { kinds: Kinds::list(ERROR), ..Printed::new(format!("{receiver}.exceptions"), LIST) }
            }
            "done" | "cancelled" | "cancelling" | "expired" => Printed::new(format!("{receiver}.{name}()"), PLAIN),
            "exception" => Printed::new(format!("{receiver}.exception()"), ERROR),
            "result" => {
                let kinds = self.awaited(of.kinds);
                Printed { kinds, ..Printed::new(format!("{receiver}.result()"), 0) }
            }
            "type" if of.kinds.own == ERROR => Printed::new(format!("type({}).__name__", of.text), PLAIN),
            "type" => {
                self.learnt.need(Need::TypeName);
                Printed::new(format!("type_name({})", of.text), PLAIN)
            }
            "name" => Printed::new(self.name_of(of), PLAIN),
            // Only what runs on a network keeps these at its task.
            "host" | "status" => Printed::new(format!("getattr({}, \"{name}\", None)", of.text), PLAIN),
            key => {
                self.learnt.keys.insert(key.to_owned());
                let table = self.script.tables.get(key).cloned().unwrap_or_default();
                Printed::new(format!("{table}[{}]", self.name_of(of)), PLAIN)
            }
        }
    }

    fn name_of(&mut self, task: &Printed) -> String {
        self.learnt.need(Need::Names);
        if task.kinds.may_be(COROUTINE) || self.script.program.eager_tasks {
            self.learnt.need(Need::NameOf);
            return format!("name_of({})", task.text);
        }
        format!("{}.get_name()", task.at(Level::Primary))
    }

    /// What awaiting something of these kinds may give.
    pub(super) fn awaited(&self, kinds: Kinds) -> Kinds {
        // Whoever comes to the end of a function returns None.
        let returned = self.learnt.returned.or(Kinds::of(PLAIN));
        if kinds.may_be(GATHER) {
            let items = returned.own | returned.items | ERROR;
            return returned.or(Kinds::list(items));
        }
        returned
    }

    // Names, in the order in which the language looks for them

    pub(super) fn name(&mut self, name: &str, at: usize, used: Use) -> Printed {
        if let Some(local) = self.locals.get(name).cloned() {
            self.learnt.uses.entry((self.body, name.to_owned())).or_default().insert(at);
            if used == Use::Any && self.learnt.sets.contains(&(self.body, name.to_owned())) {
                self.learnt.lists.insert((self.body, name.to_owned()));
            }
            let kinds = self.learnt.locals.get(&(self.body, name.to_owned())).copied().unwrap_or_default();
            return Printed { kinds, ..Printed::new(local, 0) };
        }
        if self.constants.contains_key(name) {
            // As a value it is a text where it was written as one.
            if self.values(name).iter().any(|value| matches!(value, Constant::Text(_))) {
                self.learnt.texts.insert((self.body, name.to_owned()));
            }
            return Printed::new(self.constant(name), PLAIN);
        }
        if let Some(shared) = self.script.shared.get(name).filter(|_| self.sees_the_file()) {
            let kinds = self.learnt.shared.get(name).copied().unwrap_or_default().or(Kinds::of(PLAIN));
            return Printed { kinds, ..Printed::new(shared, 0) };
        }
        match name {
            "coros" => {
                self.learnt.uses_coros = true;
                self.learnt.uses.entry((self.body, name.to_owned())).or_default().insert(at);
                Printed { kinds: Kinds::list(COROUTINE), ..Printed::new("coros", 0) }
            }
            "current" => {
                self.learnt.need(Need::MainName);
                Printed::new("asyncio.current_task()", TASK)
            }
            _ if self.sees_the_file() && self.script.objects.contains_key(name) => {
                Printed::new(self.script.objects[name].clone(), GATHER)
            }
            _ => match self.script.cast.ids.get(name).copied() {
                Some(id) => self.named(id, at, false),
                None => Printed::new(name, PLAIN),
            },
        }
    }

    /// A constant of the instances, which the body is given.
    pub(super) fn constant(&mut self, name: &str) -> String {
        self.learnt.used.insert((self.body, name.to_owned()));
        self.constants.get(name).cloned().unwrap_or_default()
    }

    /// The newest task of an instance, or a call where there is none; `starts` says whether a call becomes a task.
    fn named(&mut self, id: InstanceId, at: usize, starts: bool) -> Printed {
        if starts {
            self.started(id, at);
        }
        let coroutine = self.named_coroutine(id, self.call(id));
        self.newest_or(id, at, &coroutine)
    }

    /// The newest task of an instance, or `otherwise` where there is none.
    pub(super) fn newest_or(&mut self, id: InstanceId, at: usize, otherwise: &str) -> Printed {
        let others = self.learnt.starts.get(&id).is_some_and(|starts| starts.iter().any(|&other| other != at));
        let again = self.learnt.starts.get(&id).is_some_and(|starts| starts.contains(&at)) && !self.runs_once();
        if !others && !again && !self.learnt.uses_coros {
            return Printed::new(otherwise, COROUTINE);
        }
        self.learnt.need(Need::ByName);
        let name = literal(&self.script.cast.names[id.index()]);
        let text = format!("by_name.get({name}) or {otherwise}");
        Printed { text, level: Level::Or, kinds: Kinds::of(TASK | COROUTINE) }
    }

    /// A call whose name is known for as long as somebody may ask for it.
    fn named_coroutine(&self, id: InstanceId, call: String) -> String {
        if !self.learnt.needs(Need::CoroutineNames) {
            return call;
        }
        format!("named({}, {call})", literal(&self.script.cast.names[id.index()]))
    }

    /// Notes that a task is made of an instance here.
    pub(super) fn started(&mut self, id: InstanceId, at: usize) {
        self.learnt.starts.entry(id).or_default().insert(at);
        if !self.runs_once() || self.learnt.starts[&id].len() > 1 || self.learnt.uses_coros {
            self.learnt.repeated.insert(id);
        }
    }

    /// The call of an instance's function.
    pub(super) fn call(&self, id: InstanceId) -> String {
        let body = self.script.cast.body_of(id);
        let values = self.script.cast.values(id);
        let names = &self.script.cast.constants[body];
        let used = names.iter().zip(&values).skip(1);
        let used = used.filter(|(name, _)| self.script.is_parameter(self.learnt, body, name));
        let arguments: Vec<String> =
            used.map(|(name, value)| length::form(self.script, self.learnt, body, name).write(value)).collect();
        format!("{}({})", self.script.functions[body], arguments.join(", "))
    }

    // Operands

    /// One thing that a step works on: a task's name as it stands, or an expression.
    pub(super) fn subject(&mut self, subject: &Subject, used: Use) -> Printed {
        match self.instance(subject) {
            Some(id) if !self.locals.contains_key(&subject.text.text) => self.named(id, subject.text.span.start, false),
            _ => self.subject_expression(subject, used),
        }
    }

    /// The same where a call becomes a task at once.
    pub(super) fn starting_subject(&mut self, subject: &Subject) -> Printed {
        match self.instance(subject) {
            Some(id) if !self.locals.contains_key(&subject.text.text) => self.named(id, subject.text.span.start, true),
            _ => self.subject_expression(subject, Use::Any),
        }
    }

    pub(super) fn subject_expression(&mut self, subject: &Subject, used: Use) -> Printed {
        match &subject.expression {
            Ok(expression) => self.expression(expression, used),
            Err(_) => Printed::new("None", PLAIN),
        }
    }

    /// The instance that is called like this.
    pub(super) fn instance(&self, subject: &Subject) -> Option<InstanceId> {
        let id = self.script.cast.ids.get(&subject.text.text).copied();
        id.filter(|_| self.sees_the_file())
    }

    /// Several things that a step works on, as one list or set.
    pub(super) fn operand(&mut self, operand: &Operand) -> Printed {
        match operand {
            Operand::One(subject) => self.subject(subject, Use::Walked),
            Operand::Each(subjects) => {
                let items: Vec<Printed> = subjects.iter().map(|subject| self.starting_subject(subject)).collect();
                list(&items)
            }
        }
    }

    // Texts

    /// A text with placeholders, as an expression that is a text.
    pub(super) fn text(&mut self, template: &Template) -> String {
        self.pieces(&template.pieces)
    }

    /// What `print` is given: a value prints as its text.
    pub(super) fn printed(&mut self, template: &Template) -> String {
        match template.sole_value() {
            Some(expression) => self.shown(expression, false),
            None => self.text(template),
        }
    }

    pub(super) fn pieces(&mut self, pieces: &[Piece]) -> String {
        if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            let text: String =
                pieces.iter().map(|piece| if let Piece::Text(text) = piece { text } else { "" }).collect();
            return literal(&text);
        }
        self.is_in_text = true;
        let values = self.placeholders(pieces);
        self.is_in_text = false;
        // Before 3.12 these may not stand within the braces of an f-string.
        let fits = |text: &str| !text.contains(['"', '\\', '#', '\n']);
        let fits_format = |format: &str| fits(format) && !format.contains(['{', '}']) && escaped(format, '"') == format;
        let is_plain = values.iter().flatten().all(|(value, format)| fits(value) && fits_format(format));
        if is_plain { formatted(pieces, &values) } else { filled(pieces, &self.placeholders(pieces)) }
    }

    /// Of each piece that is one the value, and what stands behind its colon.
    fn placeholders(&mut self, pieces: &[Piece]) -> Vec<Option<(String, String)>> {
        let placeholder = |piece: &Piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(expression, padding) => {
                let is_padded = *padding != Padding::default();
                Some((self.shown(expression, is_padded), specification(*padding)))
            }
        };
        pieces.iter().map(placeholder).collect()
    }

    /// A value as it shows in a text.
    fn shown(&mut self, expression: &Expression, is_padded: bool) -> String {
        if let Kind::Name(name) = &expression.kind
            && !self.locals.contains_key(name)
            && self.constants.contains_key(name)
            && (!is_padded || length::form(self.script, self.learnt, self.body, name).is_plain_number())
            && !length::form(self.script, self.learnt, self.body, name).is_seconds()
        {
            // A number shows like the text that it was written as.
            return self.constant(name);
        }
        let value = self.expression(expression, Use::Any);
        let handles = TASK | GATHER | COROUTINE;
        if value.kinds.may_be(handles) || !is_padded && value.kinds.may_hold(handles) {
            self.learnt.need(Need::Names);
            self.learnt.need(Need::Shown);
            let text = value.text;
            // A list has no format but the empty one, and that is for Python to say.
            return match is_padded && value.kinds.may_be(LIST) {
                true => format!("({text} if isinstance({text}, list) else shown({text}))"),
                false => format!("shown({text})"),
            };
        }
        value.text
    }
}

pub(super) fn list(items: &[Printed]) -> Printed {
    let kinds = items.iter().fold(0, |kinds, item| kinds | item.kinds.own | item.kinds.items);
    let items: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
    Printed { kinds: Kinds::list(kinds), ..Printed::new(format!("[{}]", items.join(", ")), LIST) }
}

fn comparison(how: Comparison) -> &'static str {
    match how {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// What stands behind the colon.
fn specification(padding: Padding) -> String {
    let side = padding.side.map_or("", |side| match side {
        Side::Left => "<",
        Side::Middle => "^",
        Side::Right => ">",
    });
    let width = if padding.width > 0 { padding.width.to_string() } else { String::new() };
    format!("{}{side}{width}", padding.fill.map(String::from).unwrap_or_default())
}

/// An f-string.
fn formatted(pieces: &[Piece], values: &[Option<(String, String)>]) -> String {
    let mut out = String::from("f\"");
    for (piece, value) in pieces.iter().zip(values) {
        match (piece, value) {
            (_, Some((value, format))) if format.is_empty() => out.push_str(&format!("{{{value}}}")),
            (_, Some((value, format))) => out.push_str(&format!("{{{value}:{format}}}")),
            (Piece::Text(text), None) => out.push_str(&escaped(text, '"').replace('{', "{{").replace('}', "}}")),
            (Piece::Value(..), None) => {}
        }
    }
    out.push('"');
    out
}

/// The same with the values outside of the text.
fn filled(pieces: &[Piece], values: &[Option<(String, String)>]) -> String {
    let mut text = String::new();
    let mut arguments = Vec::new();
    for (piece, value) in pieces.iter().zip(values) {
        match (piece, value) {
            (_, Some((value, format))) => {
                text.push_str("{}");
                let is_padded = !format.is_empty();
                arguments.push(if is_padded { format!("format({value}, {})", literal(format)) } else { value.clone() });
            }
            (Piece::Text(piece), None) => text.push_str(&piece.replace('{', "{{").replace('}', "}}")),
            (Piece::Value(..), None) => {}
        }
    }
    format!("{}.format({})", literal(&text), arguments.join(", "))
}

/// How a constant is handed to a function that takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is: an integer, or a text.
    Plain,
    /// A text that is the number that it says.
    Number,
    /// A text that is a length of time, as seconds.
    Seconds,
    /// Every value is an integer.
    Integer,
}

impl Form {
    pub(super) fn write(self, value: &Constant) -> String {
        match (self, value) {
            (Form::Number, Constant::Text(text)) => text.clone(),
            (Form::Seconds, Constant::Text(text)) => length::seconds_of(text).unwrap_or_else(|| plain(value)),
            _ => plain(value),
        }
    }

    fn is_plain_number(self) -> bool {
        matches!(self, Form::Integer)
    }

    fn is_seconds(self) -> bool {
        self == Form::Seconds
    }
}
