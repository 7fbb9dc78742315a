//! What a step works on: tasks, expressions, texts, and the names in them.
//!
//! Knows nothing of what is done with it.

use toml::Spanned;

use crate::diagnostic::Diagnostic;
use crate::id::{FutureId, InstanceId, ObjectId, TextId};
use crate::program::{self, Attribute, Expr, ExprId, Make, Slot, Text, Value};

use super::super::constants::is_constant;
use super::super::expression::{Expression, Kind, Operator};
use super::super::reader::{Span, unknown};
use super::super::steps::{Operand, Subject, Wait};
use super::super::template::{Piece, Template};
use super::{ATTRIBUTES, COROS, Fill, Resolver};

/// What a name is for, where it is used.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    Value,
    Task,
    /// What `add` adds to.
    Sum,
}

impl<'a> Resolver<'a, '_> {
    /// What `gather` and `wait` work on: more than one task, or a list with one in it.
    pub(super) fn tasks(&mut self, operand: &'a Operand) -> Option<ExprId> {
        let tasks = self.operand(operand, true)?;
        match (operand, self.tables.exprs[tasks.0 as usize]) {
            (Operand::One(Subject { text, .. }), Expr::Named(_)) => {
                let message = format!("expected a list of tasks, but found the task `{}`", text.text);
                let help = format!("write [\"{}\"]", text.text);
                self.error(Diagnostic::at(text.span.clone(), message, "a single task").help(help))
            }
            _ => Some(tasks),
        }
    }

    pub(super) fn operand(&mut self, operand: &'a Operand, starts: bool) -> Option<ExprId> {
        match operand {
            Operand::One(subject) => self.subject(subject, starts),
            Operand::Each(subjects) => {
                let items: Vec<_> = subjects.iter().map(|subject| self.subject(subject, starts)).collect();
                let items: Option<Vec<_>> = items.into_iter().collect();
                Some(self.list(&items?))
            }
        }
    }

    /// A task's name goes before an expression, so that names may have spaces in them.
    fn subject(&mut self, subject: &'a Subject, starts: bool) -> Option<ExprId> {
        let text = subject.text.text.as_str();
        let is_local = self.local(text).is_some();
        let declared = if is_local { None } else { self.declared_future(text) };
        let expr = match (self.around.instances.get(text), &subject.expression) {
            _ if declared.is_some() => declared.map(|expr| self.node(expr)),
            (Some(&instance), _) if self.calling || self.local(text).is_none() => Some(self.node(self.named(instance))),
            (_, Ok(Expression { kind: Kind::Name(name), span, .. })) => {
                self.name(name, span, Wanted::Task).map(|expr| self.node(expr))
            }
            (_, Ok(expression)) => self.expression(expression),
            (_, Err(_)) if let Some(help) = self.help_for_instances(text) => {
                let message = format!("expected a task, but found `{text}`, which is the name of several");
                self.error(Diagnostic::at(subject.text.span.clone(), message, "not one task").help(help))
            }
            (_, Err(error)) => {
                // A few words that are no expression are meant to be a name.
                let is_words = text.chars().all(|c| c.is_alphanumeric() || " _-#".contains(c));
                let error = if is_words {
                    let tasks = self.around.instances.keys().map(String::as_str).take(1000);
                    unknown(subject.text.span.clone(), "task", text, tasks)
                } else {
                    (**error).clone()
                };
                self.error(error)
            }
        }?;
        if starts && let Expr::Named(instance) | Expr::Call(instance) = self.tables.exprs[expr.0 as usize] {
            self.out.started.push(instance);
        }
        Some(expr)
    }

    fn named(&self, instance: InstanceId) -> Expr {
        if self.calling { Expr::Call(instance) } else { Expr::Named(instance) }
    }

    pub(super) fn node(&mut self, expr: Expr) -> ExprId {
        self.tables.exprs.push(expr);
        ExprId(self.tables.exprs.len() as u32 - 1)
    }

    /// The nodes of the items have to stand side by side.
    fn list(&mut self, items: &[ExprId]) -> ExprId {
        let first = ExprId(self.tables.exprs.len() as u32);
        self.tables.exprs.extend(items.iter().map(|&item| Expr::Same(item)));
        self.node(Expr::List { first, count: items.len() as u32 })
    }

    fn intern(&mut self, text: &str) -> TextId {
        self.tables.texts.intern(text)
    }

    pub(super) fn slot(&mut self, fill: Fill<'a>) -> Slot {
        self.out.fills.push(fill);
        Slot((self.constants.len() + self.out.fills.len()) as u32 - 1)
    }

    fn is_constant(&self, expression: &Expression) -> bool {
        let known = |name: &str| self.local(name).is_none() && self.constants.iter().any(|known| known == name);
        is_constant(expression, &known)
    }

    pub(super) fn is_constant_text(&self, template: &Template) -> bool {
        template.pieces.iter().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Value(expression, _) => self.is_constant(expression),
        })
    }

    pub(super) fn text(&mut self, template: &'a Template) -> Option<Text> {
        if self.is_constant_text(template) {
            return Some(Text::Const(self.slot(Fill::Text(template))));
        }
        self.template(template).map(Text::Template)
    }

    pub(super) fn optional_text(&mut self, template: &'a Option<Template>) -> Option<Option<Text>> {
        match template {
            Some(template) => self.text(template).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn template(&mut self, template: &'a Template) -> Option<u32> {
        let mut pieces = Vec::new();
        let mut good = true;
        for piece in &template.pieces {
            match piece {
                Piece::Text(text) => pieces.push(program::Piece::Text(self.intern(text))),
                Piece::Value(expression, padding) => match self.expression(expression) {
                    Some(value) => pieces.push(program::Piece::Value(value, *padding)),
                    None => good = false,
                },
            }
        }
        self.tables.templates.push(pieces);
        good.then(|| self.tables.templates.len() as u32 - 1)
    }

    /// A length of time has to be known before the run.
    pub(super) fn length(&mut self, template: &'a Template, fill: fn(&'a Template) -> Fill<'a>) -> Option<Slot> {
        if self.is_constant_text(template) {
            return Some(self.slot(fill(template)));
        }
        let known = self.constants.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        self.error(
            Diagnostic::at(
                template.source.span.clone(),
                "expected a length of time that is known before the run, but found a placeholder that is not",
                "known only during the run",
            )
            .help(format!("known before the run: {known}")),
        )
    }

    pub(super) fn returned(&mut self, template: &'a Template) -> Option<ExprId> {
        if let Some(value) = template.sole_value() {
            return self.expression(value);
        }
        Some(match self.text(template)? {
            Text::Const(slot) => self.node(Expr::Const(slot)),
            Text::Template(template) => self.node(Expr::Template(template)),
        })
    }

    pub(super) fn expression(&mut self, expression: &'a Expression) -> Option<ExprId> {
        let expr = match &expression.kind {
            Kind::None => Expr::Literal(Value::None),
            Kind::Bool(boolean) => Expr::Literal(Value::Bool(*boolean)),
            Kind::Int(int) => Expr::Literal(Value::Int(*int)),
            Kind::Text(text) => Expr::Literal(Value::Text(self.intern(text))),
            Kind::Name(name) => self.name(name, &expression.span, Wanted::Value)?,
            Kind::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.expression(item)).collect();
                let items: Option<Vec<_>> = items.into_iter().collect();
                return Some(self.list(&items?));
            }
            Kind::Len(of) => Expr::Len(self.expression(of)?),
            Kind::Index(of, at) => {
                let (list, index) = (self.expression(of), self.expression(at));
                self.check_index(of, at);
                Expr::Index(list?, index?)
            }
            Kind::Attribute(of, name) if self.object_named(of).is_some() => {
                let (object, make) = self.object_named(of)?;
                let known = make.inquiries();
                match known.iter().find(|(known, _)| known == name.get_ref()) {
                    Some((_, inquiry)) => Expr::Inquire(object, *inquiry),
                    None => {
                        let known = known.iter().map(|(known, _)| *known);
                        return self.error(unknown(name.span(), "attribute", name.get_ref(), known));
                    }
                }
            }
            Kind::Attribute(of, name) => {
                let of = self.expression(of);
                let attribute = self.attribute(name);
                Expr::Attribute(of?, attribute?)
            }
            Kind::Not(of) => Expr::Not(self.expression(of)?),
            Kind::Binary(operator, a, b) => {
                let (a, b) = (self.expression(a), self.expression(b));
                let (a, b) = (a?, b?);
                match operator {
                    Operator::And => Expr::And(a, b),
                    Operator::Or => Expr::Or(a, b),
                    Operator::Add => Expr::Add(a, b),
                    Operator::Sub => Expr::Sub(a, b),
                    Operator::Compare(how) => Expr::Compare(*how, a, b),
                }
            }
        };
        Some(self.node(expr))
    }

    /// The handle of a declared future.
    fn declared_future(&mut self, name: &str) -> Option<Expr> {
        let at = self.around.objects.iter().position(|object| object.name == name && object.make == Make::Future)?;
        let before = self.around.objects[..at].iter().filter(|other| other.make == Make::Future).count() as u32;
        Some(Expr::Literal(Value::Handle(FutureId(1 + before))))
    }

    /// The object that an expression is, which stands behind everything else that has its name.
    fn object_named(&self, of: &Expression) -> Option<(ObjectId, Make)> {
        let Kind::Name(name) = &of.kind else { return None };
        let at = self.around.objects.iter().position(|object| object.name == *name && object.make != Make::Future)?;
        let is_something_else = self.local(name).is_some() || self.constants.contains(name) || self.is_shared(name);
        (!is_something_else).then(|| (ObjectId(at as u32), self.around.objects[at].make))
    }

    /// Whether a `wait` is that of an event or a condition, and not `asyncio.wait`.
    pub(super) fn waits_for_object(&self, wait: &Wait) -> bool {
        let Some(object) = &wait.object else { return false };
        let is_name =
            self.around.objects.iter().any(|other| other.name == object.source.text && other.make != Make::Future);
        let has_placeholder = object.pieces.iter().any(|piece| matches!(piece, Piece::Value(..)));
        has_placeholder || is_name && self.local(&object.source.text).is_none()
    }

    /// A constant index into `coros` can be checked here and now.
    fn check_index(&mut self, of: &Expression, at: &Expression) {
        let (Kind::Name(name), Kind::Int(index), Some(count)) = (&of.kind, &at.kind, self.around.coros) else { return };
        let count = count as i64;
        if name == COROS && self.out.uses_coros && !(-count..count).contains(index) {
            let message = format!("expected an index below {count}, but found {index}");
            let help = format!("`len(coros)` is {count} in this file, and `coros[0]` is the first");
            self.errors.push(Diagnostic::at(at.span.clone(), message, "out of range").help(help));
        }
    }

    fn attribute(&mut self, name: &Spanned<String>) -> Option<Attribute> {
        let known = ATTRIBUTES.iter().find(|(known, _)| known == name.get_ref()).map(|(_, attribute)| *attribute);
        if let Some(Attribute::Cancelling) = known {
            self.needs_timeouts(&name.span(), "Task.cancelling");
        }
        let keys = self.around.keys;
        let key = || keys.iter().position(|key| key == name.get_ref()).map(|at| Attribute::Key(at as u16));
        match known.or_else(key) {
            Some(attribute) => Some(attribute),
            None => {
                let known = ATTRIBUTES.iter().map(|(name, _)| *name).chain(keys.iter().map(String::as_str));
                self.error(unknown(name.span(), "attribute", name.get_ref(), known))
            }
        }
    }

    /// What the instances are called of the `[[task]]` that `name` means, if it means one.
    fn help_for_instances(&self, name: &str) -> Option<String> {
        let all = self.around.cast?.meant(name)?;
        let verb = if all.len() == 1 { "is its task" } else { "are its tasks" };
        let shown = all.iter().take(2).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if all.len() > 2 { ", …" } else { "" };
        let coros = self.around.coros.map_or("", |_| "; `coros` has all of them");
        Some(format!("{shown}{more} {verb}{coros}"))
    }

    pub(super) fn name(&mut self, name: &str, span: &Span, wanted: Wanted) -> Option<Expr> {
        if let Some(local) = self.local(name) {
            if !self.bound[usize::from(local.0)] {
                let message = format!("expected a step that binds `{name}` before this one, but found none");
                let mut error = Diagnostic::at(span.clone(), message, "not bound yet");
                error.help.extend((wanted == Wanted::Sum).then(|| help_for_sum(name)));
                return self.error(error);
            }
            return Some(Expr::Local(local));
        }
        if let Some(at) = self.constants.iter().position(|known| known == name) {
            return Some(Expr::Const(Slot(at as u32)));
        }
        if let Some(at) = self.around.shared.iter().position(|(shared, _)| shared == name) {
            return Some(Expr::Shared(at as u16));
        }
        if let Some(future) = self.declared_future(name) {
            return Some(future);
        }
        match name {
            COROS => self.coros(span),
            "current" => Some(Expr::Current),
            _ => match self.around.instances.get(name) {
                Some(&instance) => Some(self.named(instance)),
                None => self.unknown_name(name, span, wanted),
            },
        }
    }

    fn coros(&mut self, span: &Span) -> Option<Expr> {
        if self.around.coros.is_none() {
            let message = "expected `coros` only in main, but found it in a task";
            let help = "a task names the others by their names: { await = \"worker 0\" }";
            return self.error(Diagnostic::at(span.clone(), message, "not in main").help(help));
        }
        self.out.uses_coros = true;
        self.add_local(COROS, span);
        let local = self.local(COROS)?;
        self.bound[usize::from(local.0)] = true;
        Some(Expr::Local(local))
    }

    fn unknown_name<T>(&mut self, name: &str, span: &Span, wanted: Wanted) -> Option<T> {
        let locals = self.out.locals.iter().chain(self.constants).map(String::as_str);
        let shared = self.around.shared.iter().map(|(name, _)| name.as_str());
        let tasks = self.around.instances.keys().map(String::as_str).take(1000);
        let coros = self.around.coros.map(|_| COROS);
        let known = locals.chain(shared).chain(coros).chain(["current"]).chain(tasks);
        let error = unknown(span.clone(), "name", name, known);
        if let Some(object) = self.around.objects.iter().find(|object| object.name == name) {
            let class = object.make.class();
            let message = format!("expected a value, but found the {class} `{name}`");
            let asked = object.make.inquiries().iter().map(|(asked, _)| format!("`{name}.{asked}`"));
            let help =
                format!("a step uses it by its name; an expression can ask {}", asked.collect::<Vec<_>>().join(", "));
            return self.error(Diagnostic::at(span.clone(), message, format!("a {class}")).help(help));
        }
        let literal = LITERALS.iter().find(|(other, _)| *other == name).map(|(_, literal)| format!("write {literal}"));
        let instances = self.help_for_instances(name).filter(|_| wanted == Wanted::Task);
        self.error(match (literal.or(instances), wanted) {
            (Some(help), _) => Diagnostic { help: vec![help], ..error },
            (None, Wanted::Value) => error.help(format!("for a text write '{name}'")),
            (None, Wanted::Sum) => error.help(help_for_sum(name)),
            (None, Wanted::Task) => error,
        })
    }
}

/// What other languages call Python's three.
const LITERALS: &[(&str, &str)] =
    &[("true", "True"), ("false", "False"), ("none", "None"), ("null", "None"), ("nil", "None")];

fn help_for_sum(name: &str) -> String {
    format!("bind it first: {{ set = \"{name}\", to = 0 }}")
}
