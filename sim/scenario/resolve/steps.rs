//! From a step to the operations that it stands for.
//!
//! Knows nothing of what an expression means.

use crate::diagnostic::Diagnostic;
use crate::program::{
    Comparison, Deferred, ErrorType, Expr, ExprId, Local, Make, Object, Op, Operation, Place, Text, Value, WaitFor,
    When,
};

use super::super::expression::Iterable;
use super::super::flatten::{ClauseNode, Enter, Managed, Node, TryNode};
use super::super::reader::{Name, Span, unknown};
use super::super::steps::{Callback, Operand, Step, Try, Verb};
use super::super::template::{Piece, Template};
use super::operands::Wanted;
use super::{Fill, NAMES_MAX, Resolver, class_as_message, is_of_asyncio, lacking, lacking_class, no_group};

impl<'a> Resolver<'a, '_> {
    pub(super) fn steps(&mut self, steps: &'a [Step]) -> Vec<Node> {
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
        let what = self.operand(what, false);
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
    pub(super) fn needs_timeouts(&mut self, span: &Span, what: &str) {
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
                if ty.leaves_loop() || is_of_asyncio(ty) {
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
        self.errors.extend(lacking_class(self.around.profile, ty, name));
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
        match no_group(ty, name).or_else(|| lacking_class(self.around.profile, ty, name)) {
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
                Op::Add { place: self.place(name)?, before, amount: amount? }
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
            super::super::steps::When::Soon => When::Soon,
            super::super::steps::When::Later(length) => When::Later(self.length(length, Fill::Least)?),
            super::super::steps::When::Done(future) => When::Done(self.operand(future, false)?),
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
}

/// A local that no scenario can name.
const WAITED_FOR: &str = "(waited for)";

/// What a piece of a name is, whatever stands in its placeholders.
fn written(piece: Option<&Piece>) -> &str {
    match piece {
        Some(Piece::Text(text)) => text,
        _ => "",
    }
}
