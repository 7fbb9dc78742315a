//! What the names in the steps of one body mean: from steps to a tree of operations.
//!
//! A name is, in this order: a local that a step of the body binds; a constant of the instance; a shared variable;
//! `coros` in main; `current`; a task. Everything that can be wrong with a body by itself is found here.
//!
//! Knows nothing of jumps, nor of the values of constants.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::diagnostic::Diagnostic;
use crate::id::{FutureId, InstanceId, ObjectId, TextId};
use crate::program::{
    self, Attribute, Comparison, Deferred, ErrorType, ErrorTypes, Expr, ExprId, Local, Make, Object, Op, Operation,
    Place, Profile, Slot, Text, Texts, Value, WaitFor, When,
};

use super::cast::Cast;
use super::constants::is_constant;
use super::expression::{Expression, Iterable, Kind, Operator};
use super::flatten::{ClauseNode, Enter, Managed, Node, TryNode};
use super::reader::{Quoted, Span, unknown};
use super::steps::{Callback, Name, Operand, Step, Subject, Try, Verb, Wait};
use super::template::{Piece, Template};

/// The attributes that do not depend on the file.
pub(super) const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("done", Attribute::Done),
    ("cancelled", Attribute::Cancelled),
    ("result", Attribute::Result),
    ("exception", Attribute::Exception),
    ("cancelling", Attribute::Cancelling),
    ("expired", Attribute::Expired),
    ("exceptions", Attribute::Exceptions),
    ("name", Attribute::Name),
    ("host", Attribute::Host),
    ("status", Attribute::Status),
    ("type", Attribute::Type),
];

/// What every body of a program sees. A strategy sees no tasks and no shared variables of the file: it has to mean
/// the same in every file.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) instances: &'a BTreeMap<String, InstanceId>,
    /// Who they are, where they are seen.
    pub(super) cast: Option<&'a Cast<'a>>,
    pub(super) shared: &'a [(String, i64)],
    pub(super) objects: &'a [Object],
    pub(super) profile: Profile,
    pub(super) keys: &'a [String],
    pub(super) error_types: &'a ErrorTypes,
    /// How long `coros` is, where there is one: in main.
    pub(super) coros: Option<usize>,
}

/// The tables of the program that grow with every body.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) texts: Texts,
    pub(super) exprs: Vec<Expr>,
    pub(super) templates: Vec<Vec<program::Piece>>,
    pub(super) deferred: Vec<Deferred>,
}

/// What goes into a slot that an operation reads, once for each instance.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fill<'a> {
    Text(&'a Template),
    Url(&'a Template),
    Least(&'a Template),
    Most(&'a Template),
    /// The object of this name, which has to know this operation.
    Object(&'a Template, Operation),
}

/// A body whose names are resolved.
#[derive(Default)]
pub(super) struct Resolved<'a> {
    pub(super) nodes: Vec<Node>,
    pub(super) locals: Vec<String>,
    pub(super) points: Vec<String>,
    /// What follows the constants in the slots.
    pub(super) fills: Vec<Fill<'a>>,
    /// The coroutines that the body awaits by name whatever happens, and where.
    pub(super) awaited: Vec<(InstanceId, Span)>,
    /// The coroutines of which it makes tasks by name.
    pub(super) started: Vec<InstanceId>,
    /// The first place at which it does what only asyncio has.
    pub(super) asyncio_only: Option<Span>,
    /// Whether it uses `coros`.
    pub(super) uses_coros: bool,
}

/// Resolves the steps of a body whose instances have `constants`, in the order of their slots.
pub(super) fn resolve<'a>(
    steps: &'a [Step],
    constants: &'a [String],
    around: Surroundings<'a>,
    tables: &mut Tables,
    errors: &mut Vec<Diagnostic>,
) -> Resolved<'a> {
    let mut resolver = Resolver {
        around,
        constants,
        tables,
        errors,
        out: Resolved::default(),
        bound: Vec::new(),
        handles: BTreeMap::new(),
        points: BTreeMap::new(),
        path: Vec::new(),
        loops: 0,
        clauses: 0,
        star: None,
        unsure: 0,
        calling: false,
    };
    resolver.find_locals(steps);
    let mut nodes = resolver.steps(steps);
    if let Some(coros) = resolver.local(COROS).filter(|_| resolver.out.uses_coros) {
        nodes.insert(0, Node::Op(Op::Coroutines(coros)));
    }
    resolver.out.nodes = nodes;
    resolver.out
}

const COROS: &str = "coros";

/// A local that no scenario can name.
const WAITED_FOR: &str = "(waited for)";

/// What other languages call Python's three.
const LITERALS: &[(&str, &str)] =
    &[("true", "True"), ("false", "False"), ("none", "None"), ("null", "None"), ("nil", "None")];

/// What a name is for, where it is used.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Value,
    Task,
    /// What `add` adds to.
    Sum,
}

fn help_for_sum(name: &str) -> String {
    format!("bind it first: {{ set = \"{name}\", to = 0 }}")
}

/// The class that somebody wrote where the message of an error stands, and what to say about it.
pub(super) fn class_as_message<'m>(message: &'m Template, types: &ErrorTypes) -> Option<(&'m str, Diagnostic)> {
    let Quoted { text, span, .. } = &message.source;
    types.find(text)?;
    let error = Diagnostic::at(span.clone(), "expected a message, but found the name of a class", "a class");
    Some((text, error))
}

/// What is wrong with something that a profile does not have.
pub(super) fn lacking(profile: Profile, span: &Span, what: &str, has: fn(&Profile) -> bool) -> Option<Diagnostic> {
    let message = format!("Python {} has no {what}", profile.name);
    let first = Profile::ALL.iter().find(|profile| has(profile))?.name;
    let help = format!("there is one from Python {first} on: `python = \"{first}\"`");
    let error = || Diagnostic::at(span.clone(), message, format!("not in {}", profile.name)).help(help);
    (!has(&profile)).then(error)
}

/// What a piece of a name is, whatever stands in its placeholders.
fn written(piece: Option<&Piece>) -> &str {
    match piece {
        Some(Piece::Text(text)) => text,
        _ => "",
    }
}

/// What is wrong with raising an error of this class by a message, if it is a group.
pub(super) fn no_group(ty: ErrorType, name: &Name) -> Option<Diagnostic> {
    let message = format!("expected a class that is made of a message, but found {}", name.get_ref());
    let error =
        || Diagnostic::at(name.span(), message, "a group").help("a task group raises one, if a task of its fails");
    ty.is_group().then(error)
}

/// How many names of one kind fit the operations' numbers.
const NAMES_MAX: usize = 60_000;

struct Resolver<'a, 't> {
    around: Surroundings<'a>,
    constants: &'a [String],
    tables: &'t mut Tables,
    errors: &'t mut Vec<Diagnostic>,
    out: Resolved<'a>,
    /// For each local, whether a step may have bound it by now.
    bound: Vec<bool>,
    /// Where each name got a task, and on which branch.
    handles: BTreeMap<&'a str, Vec<(Path, Span)>>,
    points: BTreeMap<&'a str, Span>,
    path: Path,
    loops: u32,
    clauses: u32,
    /// How many loops there were around the `except*` clause that is being read: nothing leaves one by a jump.
    star: Option<u32>,
    /// How many blocks around this step may be left out.
    unsure: u32,
    /// Whether a task's name is a call of its coroutine, as in `spawn`.
    calling: bool,
}

/// The branches that lead to a step: where the branching step stands, and which branch.
type Path = Vec<(usize, usize)>;

impl<'a> Resolver<'a, '_> {
    fn error<T>(&mut self, error: Diagnostic) -> Option<T> {
        self.errors.push(error);
        None
    }

    fn find_locals(&mut self, steps: &'a [Step]) {
        for step in steps {
            let sets = matches!(step.verb, Verb::Set { .. });
            for name in step.names() {
                if self.is_shared(name.get_ref()) {
                    if !sets {
                        let message =
                            format!("expected a name of this body, but found the shared `{}`", name.get_ref());
                        let help = "bind another name, and keep it with { set = …, to = … }";
                        self.errors.push(Diagnostic::at(name.span(), message, "a shared variable").help(help));
                    }
                } else if self.local(name.get_ref()).is_none() {
                    self.add_local(name.get_ref(), &name.span());
                }
            }
            for block in step.blocks() {
                self.find_locals(block);
            }
        }
    }

    fn add_local(&mut self, name: &str, span: &Span) {
        if self.out.locals.len() == NAMES_MAX {
            self.errors.push(Diagnostic::at(
                span.clone(),
                format!("expected at most {NAMES_MAX} names in one body, but found more"),
                "one too many",
            ));
        } else if self.out.locals.len() < NAMES_MAX {
            self.out.locals.push(name.to_owned());
            self.bound.push(false);
        }
    }

    fn local(&self, name: &str) -> Option<Local> {
        self.out.locals.iter().position(|local| local == name).map(|at| Local(at as u16))
    }

    fn is_shared(&self, name: &str) -> bool {
        self.around.shared.iter().any(|(shared, _)| shared == name)
    }

    fn bind(&mut self, name: &Name) -> Option<Local> {
        let local = self.local(name.get_ref())?;
        self.bound[usize::from(local.0)] = true;
        Some(local)
    }

    fn bind_optional(&mut self, name: &Option<Name>) -> Option<Local> {
        self.bind(name.as_ref()?)
    }

    /// Binds a name to a new task; a second task under the same name would lose the first.
    fn bind_handle(&mut self, name: &'a Option<Name>) -> Option<Local> {
        let name = name.as_ref()?;
        let earlier = self.handles.entry(name.get_ref()).or_default();
        let excludes = |other: &Path| self.path.iter().any(|a| other.iter().any(|b| a.0 == b.0 && a.1 != b.1));
        if let Some((_, span)) = earlier.iter().find(|(path, _)| !excludes(path)) {
            let message = format!("expected a new name for a new task, but found `{}` again", name.get_ref());
            self.errors.push(
                Diagnostic::at(name.span(), message, "would lose the first task")
                    .other(span.clone(), "the first")
                    .help("give the second another name"),
            );
        }
        earlier.push((self.path.clone(), name.span()));
        self.bind(name)
    }

    fn steps(&mut self, steps: &'a [Step]) -> Vec<Node> {
        steps.iter().filter_map(|step| self.step(step)).collect()
    }

    /// The steps of one branch of the step at `span`.
    fn branch(&mut self, span: &Span, branch: usize, steps: &'a [Step]) -> Vec<Node> {
        self.path.push((span.start, branch));
        let nodes = self.steps(steps);
        self.path.pop();
        nodes
    }

    fn step(&mut self, step: &'a Step) -> Option<Node> {
        match &step.verb {
            Verb::Break | Verb::Continue if self.loops == 0 => {
                let message = "expected a `for` or a `while` around this step, but found none";
                self.error(Diagnostic::at(step.span.clone(), message, "outside of every loop"))
            }
            Verb::Break | Verb::Continue if self.star == Some(self.loops) => self.leaves_star(step),
            Verb::Return(_) if self.star.is_some() => self.leaves_star(step),
            Verb::Break => Some(Node::Break),
            Verb::Continue => Some(Node::Continue),
            Verb::Reraise if self.clauses == 0 => {
                let message = "expected an `except` clause around a bare `raise`, but found none";
                let help = "to raise a new error, write { raise = \"message\", type = \"ValueError\" }";
                self.error(Diagnostic::at(step.span.clone(), message, "there is no error to raise again").help(help))
            }
            Verb::Reraise => Some(Node::Reraise),
            Verb::Return(template) => {
                let value = match template {
                    Some(template) => self.returned(template)?,
                    None => self.node(Expr::Literal(Value::None)),
                };
                Some(Node::Return(value))
            }
            Verb::If { condition, then, otherwise } => {
                let condition = self.expression(condition);
                self.unsure += 1;
                let then = self.branch(&step.span, 0, then);
                let otherwise = self.branch(&step.span, 1, otherwise);
                self.unsure -= 1;
                Some(Node::If { condition: condition?, then, otherwise })
            }
            Verb::While { condition, body } => {
                self.bind_all(body);
                let condition = self.expression(condition);
                let body = self.repeated(body);
                Some(Node::While { condition: condition?, body })
            }
            Verb::For { item, over, body } => {
                let (from, over) = match over {
                    Iterable::List(list) => (None, self.expression(list)),
                    Iterable::Range(None, end) => (Some(self.node(Expr::Literal(Value::Int(0)))), self.expression(end)),
                    Iterable::Range(Some(from), end) => (self.expression(from), self.expression(end)),
                };
                let item = self.bind(item);
                self.bind_all(body);
                let body = self.repeated(body);
                Some(Node::For { from, over: over?, item: item?, body })
            }
            Verb::AsCompleted { what, timeout, item, body } => {
                self.asyncio_only(&step.span);
                let what = self.tasks(what);
                let timeout = match timeout {
                    Some(timeout) => Some(self.length(timeout, Fill::Least)?),
                    None => None,
                };
                let item = self.bind(item);
                self.bind_all(body);
                let body = self.repeated(body);
                Some(Node::AsCompleted { what: what?, timeout, item: item?, body })
            }
            Verb::Try(block) => Some(self.try_block(&step.span, block)),
            Verb::With { object, body } => self.with(object, body),
            Verb::Timeout { length, into, body } => {
                self.needs_timeouts(&step.span, "asyncio.timeout");
                let slot = match length {
                    Some(length) => Some(self.length(length, Fill::Least)?),
                    None => None,
                };
                let name = self.bind_optional(into);
                let body = self.steps(body);
                Some(Node::Managed(Box::new(Managed { enter: Enter::Timeout(slot), name, body })))
            }
            Verb::TaskGroup { name, body } => {
                self.needs_timeouts(&step.span, "asyncio.TaskGroup");
                let name = self.bind(name);
                let body = self.steps(body);
                Some(Node::Managed(Box::new(Managed { enter: Enter::TaskGroup, name, body })))
            }
            Verb::WaitFor { what, timeout, into } => self.wait_for(&step.span, what, timeout, into),
            _ => self.op(step).map(Node::Op),
        }
    }

    fn leaves_star<T>(&mut self, step: &Step) -> Option<T> {
        let message = "expected an `except*` clause to end by itself or by an error, but found a jump out of it";
        let help = "Python has no `return`, `break` or `continue` there";
        self.error(Diagnostic::at(step.span.clone(), message, "leaves the clause").help(help))
    }

    fn repeated(&mut self, body: &'a [Step]) -> Vec<Node> {
        self.loops += 1;
        self.unsure += 1;
        let body = self.steps(body);
        self.loops -= 1;
        self.unsure -= 1;
        body
    }

    /// What a loop binds anywhere may be bound everywhere in it: in the round before.
    fn bind_all(&mut self, steps: &'a [Step]) {
        for step in steps {
            for name in step.names() {
                self.bind(name);
            }
            for block in step.blocks() {
                self.bind_all(block);
            }
        }
    }

    fn try_block(&mut self, span: &Span, block: &'a Try) -> Node {
        if block.is_star {
            self.needs_timeouts(span, "except*");
        }
        let body = self.branch(span, 0, &block.body);
        self.unsure += 1;
        let mut clauses = Vec::new();
        for (at, clause) in block.clauses.iter().enumerate() {
            let ty = self.caught_type(&clause.ty, block.is_star);
            let before = self.bound.clone();
            let name = clause.name.as_ref().map(|name| self.bind(name));
            self.clauses += 1;
            let star = if block.is_star { Some(self.loops) } else { self.star };
            let outer = std::mem::replace(&mut self.star, star);
            let body = self.branch(span, at + 1, &clause.body);
            self.star = outer;
            self.clauses -= 1;
            if let Some(Some(name)) = name {
                self.bound[usize::from(name.0)] = before[usize::from(name.0)];
            }
            if let Some(ty) = ty {
                clauses.push(ClauseNode { ty, name: name.flatten(), body });
            }
        }
        let otherwise = self.branch(span, 0, &block.otherwise);
        self.unsure -= 1;
        let finally = block.finally.as_ref().map(|steps| self.steps(steps));
        Node::Try(Box::new(TryNode { body, clauses, is_star: block.is_star, otherwise, finally }))
    }

    /// Without a timeout it is an `await`; with one it is a coroutine of its own, but for where it is an `await` within a
    /// `timeout`, unless that is 0.
    fn wait_for(
        &mut self,
        span: &Span,
        what: &'a Operand,
        timeout: &'a Option<Template>,
        into: &'a Option<Name>,
    ) -> Option<Node> {
        let what = self.operand(what, timeout.is_some());
        let into = self.bind_optional(into);
        self.asyncio_only(span);
        let Some(timeout) = timeout else { return Some(Node::Op(Op::Await { what: what?, into })) };
        let timeout = self.length(timeout, Fill::Least)?;
        if self.around.profile.wait_for != WaitFor::InPlace {
            return Some(Node::Op(Op::WaitFor { what: what?, timeout, into }));
        }
        // What it waits for is known before the timeout begins.
        if self.local(WAITED_FOR).is_none() {
            self.add_local(WAITED_FOR, span);
        }
        let kept = self.local(WAITED_FOR)?;
        let known = Node::Op(Op::Set { place: Place::Local(kept), value: what? });
        let what = self.node(Expr::Local(kept));
        let alone = Node::Op(Op::WaitFor { what, timeout, into });
        let zero = self.node(Expr::Literal(Value::Int(0)));
        let length = self.node(Expr::Const(timeout));
        let condition = self.node(Expr::Compare(Comparison::Greater, length, zero));
        let body = vec![Node::Op(Op::Await { what, into })];
        let within = Managed { enter: Enter::Timeout(Some(timeout)), name: None, body };
        let either = Node::If { condition, then: vec![Node::Managed(Box::new(within))], otherwise: vec![alone] };
        Some(Node::Block(vec![known, either]))
    }

    /// Reports what the profile does not have.
    fn needs_timeouts(&mut self, span: &Span, what: &str) {
        self.asyncio_only(span);
        self.errors.extend(lacking(self.around.profile, span, what, |profile| profile.has_timeouts));
    }

    /// `async with`: acquired, and released on every way out. A barrier is waited at, and that is all.
    fn with(&mut self, object: &'a Template, body: &'a [Step]) -> Option<Node> {
        if self.is_barrier(object) {
            let wait = self.use_object(object, Operation::Wait, None, None);
            let mut nodes = self.steps(body);
            nodes.insert(0, Node::Op(wait?));
            return Some(Node::Block(nodes));
        }
        let acquire = self.use_object(object, Operation::Acquire, None, None);
        let body = self.steps(body);
        let release = self.use_object(object, Operation::Release, None, None);
        let finally = Some(vec![Node::Op(release?)]);
        let held = TryNode { body, clauses: Vec::new(), is_star: false, otherwise: Vec::new(), finally };
        Some(Node::Block(vec![Node::Op(acquire?), Node::Try(Box::new(held))]))
    }

    /// Whether a text can name nothing but barriers.
    fn is_barrier(&self, name: &Template) -> bool {
        let fits = |object: &&Object| match name.pieces.as_slice() {
            [Piece::Text(text)] => object.name == *text,
            pieces => object.name.starts_with(written(pieces.first())) && object.name.ends_with(written(pieces.last())),
        };
        let mut named = self.around.objects.iter().filter(fits).peekable();
        named.peek().is_some() && named.all(|object| matches!(object.make, Make::Barrier(_)))
    }

    /// Notes that tokio has no twin of what stands here.
    fn asyncio_only(&mut self, span: &Span) {
        self.out.asyncio_only.get_or_insert_with(|| span.clone());
    }

    fn use_object(
        &mut self,
        object: &'a Template,
        operation: Operation,
        value: Option<ExprId>,
        into: Option<Local>,
    ) -> Option<Op> {
        if !self.is_constant_text(object) {
            let message =
                "expected the name of an object that is known before the run, but found a placeholder that is not";
            return self.error(Diagnostic::at(object.source.span.clone(), message, "known only during the run"));
        }
        self.asyncio_only(&object.source.span);
        Some(Op::Use { operation, object: self.slot(Fill::Object(object, operation)), value, into })
    }

    fn error_type(&mut self, name: &Name) -> Option<ErrorType> {
        let types = self.around.error_types;
        match types.find(name.get_ref()) {
            Some(ty) => {
                if ty.leaves_loop() {
                    self.asyncio_only(&name.span());
                }
                Some(ty)
            }
            None => self.error(
                unknown(name.span(), "exception", name.get_ref(), types.names())
                    .help("a class of the file's own is declared with `exceptions = [\"…\"]`"),
            ),
        }
    }

    /// The class of a clause.
    fn caught_type(&mut self, name: &Name, is_star: bool) -> Option<ErrorType> {
        let ty = self.error_type(name)?;
        if ty.is_group() || ty == ErrorType::BROKEN_BARRIER_ERROR {
            self.needs_timeouts(&name.span(), name.get_ref());
        }
        if ty.is_group() && is_star {
            let message = format!("expected a class that is in a group, but found {}", name.get_ref());
            let help = "`except*` catches what is in a group; `except` catches the group";
            return self.error(Diagnostic::at(name.span(), message, "a group").help(help));
        }
        Some(ty)
    }

    /// The class of something that a step makes.
    fn made_type(&mut self, name: &Option<Name>) -> Option<ErrorType> {
        let Some(name) = name else { return Some(ErrorType::EXCEPTION) };
        let ty = self.error_type(name)?;
        if ty == ErrorType::BROKEN_BARRIER_ERROR {
            self.needs_timeouts(&name.span(), name.get_ref());
        }
        match no_group(ty, name) {
            Some(error) => self.error(error),
            None => Some(ty),
        }
    }

    fn op(&mut self, step: &'a Step) -> Option<Op> {
        Some(match &step.verb {
            Verb::Print(template) => Op::Print(self.text(template)?),
            Verb::Sleep(template) => {
                let (min, max) = (self.length(template, Fill::Least)?, self.length(template, Fill::Most)?);
                Op::Sleep { min, max }
            }
            Verb::Point(name) => Op::Point(self.point(name)?),
            Verb::Raise { ty, message } => {
                let ty = match ty {
                    Some(_) => self.made_type(ty),
                    None => match class_as_message(message, self.around.error_types) {
                        Some((class, error)) => {
                            self.error(error.help(format!("write {{ raise = \"…\", type = \"{class}\" }}")))
                        }
                        None => Some(ErrorType::EXCEPTION),
                    },
                };
                let message = self.text(message);
                Op::Raise { ty: ty?, message: Some(message?) }
            }
            Verb::Spawn { what, group, into } => {
                let group = match group {
                    Some(group) => Some(self.expression(group)?),
                    None => None,
                };
                self.calling = true;
                let what = self.operand(what, true);
                self.calling = false;
                let into = self.bind_handle(into);
                Op::Spawn { what: what?, group, into }
            }
            Verb::Await { what, into } => {
                let what = self.operand(what, false);
                if let Some(Expr::Named(instance)) = what.map(|what| self.tables.exprs[what.0 as usize])
                    && self.unsure == 0
                {
                    self.out.awaited.push((instance, step.span.clone()));
                }
                let into = self.bind_optional(into);
                Op::Await { what: what?, into }
            }
            Verb::Cancel { what, message, accepted } => {
                let (what, message) = (self.operand(what, false), self.optional_text(message));
                let accepted = self.bind_optional(accepted);
                Op::Cancel { what: what?, message: message?, accepted }
            }
            Verb::CancelAll { message } => Op::CancelAll { message: self.optional_text(message)? },
            Verb::Gather { what, return_exceptions, into } => {
                let what = self.tasks(what);
                let into = self.bind_handle(into);
                Op::Gather { what: what?, return_exceptions: *return_exceptions, into }
            }
            Verb::Wait(wait) if self.waits_for_object(wait) => {
                let object = wait.object.as_ref()?;
                let into = self.bind_optional(&wait.into);
                self.use_object(object, Operation::Wait, None, into)?
            }
            Verb::Wait(wait) => {
                let what = self.tasks(&wait.what);
                let timeout = match &wait.timeout {
                    Some(template) => Some(self.length(template, Fill::Least)?),
                    None => None,
                };
                let (done, pending) = (self.bind_optional(&wait.done), self.bind_optional(&wait.pending));
                Op::Wait { what: what?, timeout, return_when: wait.return_when, done, pending }
            }
            Verb::Shield { what, into } => {
                self.asyncio_only(&step.span);
                let what = self.operand(what, true);
                let into = self.bind_handle(into);
                Op::Shield { what: what?, into }
            }
            Verb::Uncancel { what, into } => {
                self.needs_timeouts(&step.span, "Task.uncancel");
                let what = self.operand(what, false);
                let into = self.bind_optional(into);
                Op::Uncancel { what: what?, into }
            }
            Verb::Reschedule { timeout, length } => {
                self.needs_timeouts(&step.span, "asyncio.timeout");
                let what = self.expression(timeout);
                let length = match length {
                    Some(length) => Some(self.length(length, Fill::Least)?),
                    None => None,
                };
                Op::Reschedule { what: what?, length }
            }
            Verb::SetException { object, ty, message } => {
                let ty = self.made_type(ty);
                let message = self.text(message);
                let Some(Op::Use { object, .. }) = self.use_object(object, Operation::SetException, None, None) else {
                    return None;
                };
                Op::SetException { object, ty: ty?, message: Some(message?) }
            }
            Verb::Use { operation, object, value, into } => {
                let value = match value {
                    Some(value) => Some(self.expression(value)?),
                    None => None,
                };
                let into = self.bind_optional(into);
                self.use_object(object, *operation, value, into)?
            }
            Verb::Get { url, timeout, into } => {
                let url = match self.is_constant_text(url) {
                    true => Text::Const(self.slot(Fill::Url(url))),
                    false => Text::Template(self.template(url)?),
                };
                let timeout = match timeout {
                    Some(template) => Some(self.length(template, Fill::Least)?),
                    None => None,
                };
                Op::Get { url, timeout, into: self.bind_optional(into) }
            }
            Verb::Callback(callback) => self.callback(&step.span, callback)?,
            Verb::RemoveCallback { what, from, into } => {
                self.asyncio_only(&step.span);
                let (what, from) = (self.expression(what), self.operand(from, false));
                let into = self.bind_optional(into);
                Op::RemoveCallback { what: what?, from: from?, into }
            }
            Verb::Set { name, value } => {
                let value = self.expression(value);
                Op::Set { place: self.place(name)?, value: value? }
            }
            Verb::Add { amount, name } => {
                let before = self.name(name.get_ref(), &name.span(), Wanted::Sum);
                let amount = self.expression(amount);
                let before = self.node(before?);
                let value = self.node(Expr::Add(before, amount?));
                Op::Set { place: self.place(name)?, value }
            }
            Verb::Append { item, list } => {
                let (item, list) = (self.expression(item), self.expression(list));
                Op::Append { list: list?, item: item? }
            }
            Verb::Remove { item, list } => {
                let (item, list) = (self.expression(item), self.expression(list));
                Op::Remove { list: list?, item: item? }
            }
            Verb::Assert { condition, message } => {
                let (condition, message) = (self.expression(condition), self.optional_text(message));
                Op::Assert { condition: condition?, message: message? }
            }
            _ => return None,
        })
    }

    /// A step that is taken later, and not by a task.
    fn callback(&mut self, span: &Span, callback: &'a Callback) -> Option<Op> {
        self.asyncio_only(span);
        let Callback { when, step, into } = callback;
        let when = match when {
            super::steps::When::Soon => When::Soon,
            super::steps::When::Later(length) => When::Later(self.length(length, Fill::Least)?),
            super::steps::When::Done(future) => When::Done(self.operand(future, false)?),
        };
        let deferred = match &step.verb {
            Verb::Print(text) => Deferred::Print(self.text(text)?),
            Verb::Cancel { what, message, accepted: None } => {
                let (what, message) = (self.operand(what, false), self.optional_text(message));
                Deferred::Cancel { what: what?, message: message? }
            }
            _ => match self.op(step)? {
                Op::Use { operation, object, value, into: None } if !operation.waits() => {
                    Deferred::Use { operation, object, value }
                }
                Op::SetException { object, ty, message } => Deferred::SetException { object, ty, message },
                other => unreachable!("{other:?} is not read as the step of a callback"),
            },
        };
        self.tables.deferred.push(deferred);
        let what = self.tables.deferred.len() as u32 - 1;
        Some(Op::Schedule { when, what, into: self.bind_optional(into) })
    }

    fn point(&mut self, name: &'a Name) -> Option<u16> {
        if let Some(first) = self.points.insert(name.get_ref(), name.span()) {
            let message =
                format!("expected every point of a body to have its own name, but found `{}` twice", name.get_ref());
            return self.error(Diagnostic::at(name.span(), message, "the second").other(first, "the first"));
        }
        if self.points.len() > NAMES_MAX {
            let message = format!("expected at most {NAMES_MAX} points in one body, but found more");
            return self.error(Diagnostic::at(name.span(), message, "one too many"));
        }
        self.out.points.push(name.get_ref().clone());
        Some(self.out.points.len() as u16 - 1)
    }

    fn place(&mut self, name: &Name) -> Option<Place> {
        if let Some(local) = self.bind(name) {
            return Some(Place::Local(local));
        }
        match self.around.shared.iter().position(|(shared, _)| shared == name.get_ref()) {
            Some(at) => Some(Place::Shared(at as u16)),
            None => {
                let message = format!("expected a variable, but found `{}`, which never changes", name.get_ref());
                self.error(Diagnostic::at(name.span(), message, "not a variable"))
            }
        }
    }

    /// What `gather` and `wait` work on: more than one task, or a list with one in it.
    fn tasks(&mut self, operand: &'a Operand) -> Option<ExprId> {
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

    fn operand(&mut self, operand: &'a Operand, starts: bool) -> Option<ExprId> {
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

    fn node(&mut self, expr: Expr) -> ExprId {
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

    fn slot(&mut self, fill: Fill<'a>) -> Slot {
        self.out.fills.push(fill);
        Slot((self.constants.len() + self.out.fills.len()) as u32 - 1)
    }

    fn is_constant(&self, expression: &Expression) -> bool {
        let known = |name: &str| self.local(name).is_none() && self.constants.iter().any(|known| known == name);
        is_constant(expression, &known)
    }

    fn is_constant_text(&self, template: &Template) -> bool {
        template.pieces.iter().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Value(expression, _) => self.is_constant(expression),
        })
    }

    fn text(&mut self, template: &'a Template) -> Option<Text> {
        if self.is_constant_text(template) {
            return Some(Text::Const(self.slot(Fill::Text(template))));
        }
        self.template(template).map(Text::Template)
    }

    fn optional_text(&mut self, template: &'a Option<Template>) -> Option<Option<Text>> {
        match template {
            Some(template) => self.text(template).map(Some),
            None => Some(None),
        }
    }

    fn template(&mut self, template: &'a Template) -> Option<u32> {
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
    fn length(&mut self, template: &'a Template, fill: fn(&'a Template) -> Fill<'a>) -> Option<Slot> {
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

    fn returned(&mut self, template: &'a Template) -> Option<ExprId> {
        if let Some(value) = template.sole_value() {
            return self.expression(value);
        }
        Some(match self.text(template)? {
            Text::Const(slot) => self.node(Expr::Const(slot)),
            Text::Template(template) => self.node(Expr::Template(template)),
        })
    }

    fn expression(&mut self, expression: &'a Expression) -> Option<ExprId> {
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
    fn waits_for_object(&self, wait: &Wait) -> bool {
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

    fn name(&mut self, name: &str, span: &Span, wanted: Wanted) -> Option<Expr> {
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
