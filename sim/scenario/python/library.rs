//! What steps do with locks, queues, timeouts and the like, as Python's methods and blocks.
//!
//! Knows nothing of how values are written.

use crate::program::{Operation, WaitFor};

use super::super::expression::{Expression, Kind};
use super::super::reader::Name;
use super::super::steps::{Callback, Operand, Step, Subject, Verb, When};
use super::super::template::{Piece, Template};
use super::Script;
use super::body::Body;
use super::helpers::Need;
use super::kinds::{COROUTINE, ERROR, GATHER, Kinds, LIST, PLAIN, TASK};
use super::tasks::created;
use super::value::{Level, Printed, Use};
use super::words::literal;

/// What comes out of a queue may be anything.
const ANYTHING: u8 = PLAIN | ERROR | TASK | GATHER | COROUTINE | LIST;

/// A call that a callback makes.
struct Called {
    /// Whose method it is; nothing for a function.
    on: Option<String>,
    /// When the method is looked up.
    looked_up: LookedUp,
    method: &'static str,
    argument: Option<String>,
}

/// When a callback that is given the future looks its method up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LookedUp {
    /// When it is called: its owner is the same for as long as the script runs.
    Late,
    /// When it is called, of what its owner was when the callback was made.
    OfThen,
    /// When the callback is made: its owner may have no such method, and then that is the moment to say so.
    AtOnce,
}

impl Script<'_> {
    /// What main does first: the objects need the loop that runs, or did in older versions.
    pub(super) fn objects_made(&self, by_name: bool) -> Vec<String> {
        let mut lines: Vec<String> = self
            .scenario
            .objects
            .iter()
            .map(|object| format!("{} = {}", self.objects[&object.name], object.make.python()))
            .collect();
        if by_name {
            let entries: Vec<String> =
                self.objects.iter().map(|(name, variable)| format!("{}: {variable}", literal(name))).collect();
            lines.push(format!("objects = {{{}}}", entries.join(", ")));
        }
        lines
    }
}

impl Body<'_, '_> {
    /// The steps that only asyncio has a twin of.
    pub(super) fn library_step(&mut self, step: &Step) {
        match &step.verb {
            Verb::With { object, body } => {
                let object = self.object(object);
                self.line(format!("async with {object}:"));
                self.block(body);
            }
            Verb::TaskGroup { name, body } => {
                self.learn_kinds(name.get_ref(), Kinds::of(PLAIN));
                let local = self.locals.get(name.get_ref()).cloned().unwrap_or_default();
                self.line(format!("async with asyncio.TaskGroup() as {local}:"));
                self.block(body);
            }
            Verb::Timeout { length, into, body } => {
                let length = match length {
                    Some(length) => self.length(length).least,
                    None => "None".to_owned(),
                };
                let name = match into {
                    Some(name) => {
                        self.learn_kinds(name.get_ref(), Kinds::of(PLAIN));
                        format!(" as {}", self.locals.get(name.get_ref()).cloned().unwrap_or_default())
                    }
                    None => String::new(),
                };
                self.line(format!("async with asyncio.timeout({length}){name}:"));
                self.block(body);
            }
            Verb::Reschedule { timeout, length } => {
                let timeout = self.expression(timeout, Use::Any).at(Level::Primary);
                let when = match length {
                    Some(length) => format!("asyncio.get_running_loop().time() + {}", self.length(length).least),
                    None => "None".to_owned(),
                };
                self.line(format!("{timeout}.reschedule({when})"));
            }
            Verb::WaitFor { what, timeout, into } => self.wait_for(what, timeout, into),
            Verb::Shield { what, into } => {
                let what = self.started_alone(what);
                self.assign(into, &format!("asyncio.shield({})", what.text), what.kinds);
            }
            Verb::Uncancel { what, into } => {
                let what = self.operand(what).at(Level::Primary);
                self.assign(into, &format!("{what}.uncancel()"), Kinds::of(PLAIN));
            }
            Verb::Callback(callback) => self.callback(callback),
            Verb::RemoveCallback { what, from, into } => {
                let from = self.operand(from).at(Level::Primary);
                let what = self.expression(what, Use::Any).text;
                self.assign(into, &format!("{from}.remove_done_callback({what})"), Kinds::of(PLAIN));
            }
            Verb::AsCompleted { what, timeout, item, body } => self.as_completed(what, timeout, item, body),
            Verb::SetException { object, ty, message } => {
                let (object, message) = (self.object(object), self.text(message));
                let class = self.class(ty.as_ref().map_or("Exception", |ty| ty.get_ref()));
                self.line(format!("{object}.set_exception({class}({message}))"));
            }
            Verb::Use { operation, object, value, into } => {
                let object = self.object(object);
                self.use_object(*operation, &object, value.as_ref(), into);
            }
            other => unreachable!("{other:?} is written elsewhere"),
        }
    }

    fn as_completed(&mut self, what: &Operand, timeout: &Option<Template>, item: &Name, body: &[Step]) {
        let what = self.operand(what);
        let is_mixed = what.kinds.items & COROUTINE != 0;
        let kinds = self.awaited(Kinds { own: what.kinds.items, items: what.kinds.items });
        let mut arguments = vec![if is_mixed { self.started_items(what.text) } else { what.text }];
        if let Some(timeout) = timeout {
            arguments.push(format!("timeout={}", self.length(timeout).least));
        }
        let next = self.taken.clone().take("next_one");
        self.line(format!("for {next} in asyncio.as_completed({}):", arguments.join(", ")));
        self.depth += 1;
        self.assign(&Some(item.clone()), &format!("await {next}"), kinds);
        self.depth -= 1;
        self.repeated(body);
    }

    fn callback(&mut self, Callback { when, step, into }: &Callback) {
        let Called { on, method, argument, .. } = self.called(step);
        let function = on.map_or_else(|| method.to_owned(), |on| format!("{on}.{method}"));
        let argument = argument.map(|argument| format!(", {argument}")).unwrap_or_default();
        let call = match when {
            When::Soon => format!("asyncio.get_running_loop().call_soon({function}{argument})"),
            When::Later(length) => {
                let length = self.length(length).least;
                format!("asyncio.get_running_loop().call_later({length}, {function}{argument})")
            }
            When::Done(future) => {
                let future = self.operand(future).at(Level::Primary);
                let lambda = self.lambda(step);
                let Some(name) = into else { return self.line(format!("{future}.add_done_callback({lambda})")) };
                self.learn_kinds(name.get_ref(), Kinds::of(PLAIN));
                let local = self.locals.get(name.get_ref()).cloned().unwrap_or_default();
                return self.line(format!("{future}.add_done_callback({local} := {lambda})"));
            }
        };
        self.assign(into, &call, Kinds::of(PLAIN));
    }

    /// A callback that is given the future, and knows already what it works on.
    fn lambda(&mut self, step: &Step) -> String {
        let Called { mut on, looked_up, method, mut argument } = self.called(step);
        let mut taken = self.taken.clone();
        let mut known = String::new();
        let mut keep = |value: &mut Option<String>, name: &str| {
            if let Some(value) = value {
                let name = taken.take(name);
                known.push_str(&format!(", {name}={value}"));
                *value = name;
            }
        };
        match looked_up {
            LookedUp::Late => {}
            LookedUp::OfThen => keep(&mut on, "task"),
            LookedUp::AtOnce => {
                on = on.map(|on| format!("{on}.{method}"));
                keep(&mut on, method);
            }
        }
        if argument.as_ref().is_some_and(|argument| !argument.starts_with('"') && argument.parse::<i64>().is_err()) {
            keep(&mut argument, "value");
        }
        let function = match on {
            Some(kept) if looked_up == LookedUp::AtOnce => kept,
            Some(on) => format!("{on}.{method}"),
            None => method.to_owned(),
        };
        format!("lambda _{known}: {function}({})", argument.unwrap_or_default())
    }

    /// What a callback calls, and with what.
    fn called(&mut self, step: &Step) -> Called {
        let (on, looked_up, method, argument) = match &step.verb {
            Verb::Print(text) => (None, LookedUp::Late, "print", Some(self.printed(text))),
            Verb::Cancel { what, message, .. } => {
                let what = self.single(what);
                let is_cancellable = what.kinds.own & !(TASK | GATHER) == 0;
                let looked_up = if is_cancellable { LookedUp::OfThen } else { LookedUp::AtOnce };
                let on = Some(what.at(Level::Primary));
                (on, looked_up, "cancel", message.as_ref().map(|message| self.text(message)))
            }
            Verb::SetException { object, ty, message } => {
                let (object, message) = (self.object(object), self.text(message));
                let class = self.class(ty.as_ref().map_or("Exception", |ty| ty.get_ref()));
                (Some(object), LookedUp::Late, "set_exception", Some(format!("{class}({message})")))
            }
            Verb::Use { operation, object, value, .. } => {
                let object = self.object(object);
                let value = value.as_ref().map(|value| self.expression(value, Use::Any).text);
                (Some(object), LookedUp::Late, operation.method(), value)
            }
            other => unreachable!("{other:?} is no step of a callback"),
        };
        Called { on, looked_up, method, argument }
    }

    pub(super) fn use_object(
        &mut self,
        operation: Operation,
        object: &str,
        value: Option<&Expression>,
        into: &Option<Name>,
    ) {
        let value = value.map(|value| self.expression(value, Use::Any).text).unwrap_or_default();
        let awaited = if operation.waits() { "await " } else { "" };
        let kinds = if matches!(operation, Operation::Get | Operation::GetNowait) { ANYTHING } else { PLAIN };
        self.assign(
            into,
            &format!("{awaited}{object}.{}({value})", operation.method()),
            Kinds { own: kinds, items: kinds & !LIST },
        );
    }

    fn wait_for(&mut self, what: &Operand, timeout: &Option<Template>, into: &Option<Name>) {
        // Where it waits in place, it makes a task all the same if there is no time to wait.
        let has_time = |timeout| !self.is_zero(timeout);
        let in_place = timeout
            .as_ref()
            .is_none_or(|timeout| self.script.program.profile.wait_for == WaitFor::InPlace && has_time(timeout));
        let what = match what {
            Operand::One(subject) => {
                let what = if in_place { self.subject(subject, Use::Any) } else { self.waited_for(subject) };
                self.run_in_place(&what);
                what
            }
            Operand::Each(_) => self.operand(what),
        };
        let timeout = timeout.as_ref().map_or_else(|| "None".to_owned(), |timeout| self.length(timeout).least);
        let kinds = self.awaited(what.kinds);
        self.assign(into, &format!("await asyncio.wait_for({}, {timeout})", what.text), kinds);
    }

    /// What `wait_for` is given where it makes a task of a coroutine: that coroutine, or where names are asked for a task
    /// that is called so, which nobody finds by it.
    fn waited_for(&mut self, subject: &Subject) -> Printed {
        let is_named = self.learnt.needs(Need::Names);
        let id = self.instance(subject).filter(|_| !self.locals.contains_key(&subject.text.text));
        if let Some(id) = id.filter(|_| is_named && !self.script.program.eager_tasks) {
            let name = literal(&self.script.cast.names[id.index()]);
            let task = created(None, &self.call(id), Some(&name), false, true);
            return self.newest_or(id, subject.text.span.start, &task);
        }
        let what = self.subject(subject, Use::Any);
        if !is_named || !what.kinds.may_be(COROUTINE) {
            return what;
        }
        self.learnt.need(Need::OwnTask);
        Printed { kinds: what.kinds, ..Printed::new(format!("own_task({})", what.text), 0) }
    }

    /// A task of what may be a coroutine, where names are asked for: asyncio would make one without.
    fn started_alone(&mut self, what: &Operand) -> Printed {
        let Operand::One(subject) = what else { return self.operand(what) };
        let what = self.starting_subject(subject);
        if !self.learnt.is_named() || !what.kinds.may_be(COROUTINE) {
            return what;
        }
        let all = self.started_items(format!("[{}]", what.text));
        Printed { kinds: what.kinds, ..Printed::new(format!("{all}[0]"), 0) }
    }

    /// What the object is called that a step names.
    pub(super) fn object(&mut self, name: &Template) -> String {
        let is_fixed = name.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)));
        match self.script.objects.get(&name.source.text).filter(|_| is_fixed) {
            Some(variable) => variable.clone(),
            None => {
                self.learnt.need(Need::Objects);
                format!("objects[{}]", self.text(name))
            }
        }
    }

    /// The variable of an object that an expression names, which stands behind everything else of that name.
    pub(super) fn object_named(&self, expression: &Expression) -> Option<String> {
        let Kind::Name(name) = &expression.kind else { return None };
        let is_something_else = self.locals.contains_key(name)
            || self.constants.contains_key(name)
            || self.script.shared.contains_key(name)
            || !self.sees_the_file();
        self.script.objects.get(name).filter(|_| !is_something_else).cloned()
    }
}
