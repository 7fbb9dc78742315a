//! From a tree of blocks to a row of operations: jumps, guards, and `finally` written out on every way out.
//!
//! As in CPython, code inside a `try` costs nothing until something is raised: which handler is responsible for an
//! operation stands in the guard table. A `finally` is copied to each way that leaves its `try`: the ordinary one, the
//! error, and every `return`, `break` and `continue` that crosses it; the copy itself is guarded only by what is
//! outside of that `try`. Entering such a `try`, and beginning and ending each copy, is recorded. Steps that nothing leads to are left out, or nested copies would grow far beyond need.
//!
//! Knows nothing of names, texts or TOML.

use crate::program::{Body, ErrorType, Expr, ExprId, Guard, Local, Op, Place, Slot, Stage, Value};

/// A tree of resolved steps.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Op(Op),
    /// Several where one stood.
    Block(Vec<Node>),
    Return(ExprId),
    Break,
    Continue,
    Reraise,
    If {
        condition: ExprId,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    While {
        condition: ExprId,
        body: Vec<Node>,
    },
    For {
        from: Option<ExprId>,
        over: ExprId,
        item: Local,
        body: Vec<Node>,
    },
    AsCompleted {
        what: ExprId,
        timeout: Option<Slot>,
        item: Local,
        body: Vec<Node>,
    },
    Try(Box<TryNode>),
    Managed(Box<Managed>),
}

/// A block inside something that is entered and left: a timeout, a task group.
#[derive(Clone, Debug)]
pub(super) struct Managed {
    pub(super) enter: Enter,
    /// The name that the scenario gives it.
    pub(super) name: Option<Local>,
    pub(super) body: Vec<Node>,
}

/// What is entered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Enter {
    Timeout(Option<Slot>),
    TaskGroup,
}

#[derive(Clone, Debug)]
pub(super) struct TryNode {
    pub(super) body: Vec<Node>,
    pub(super) clauses: Vec<ClauseNode>,
    /// Whether the clauses are `except*`.
    pub(super) is_star: bool,
    pub(super) otherwise: Vec<Node>,
    pub(super) finally: Option<Vec<Node>>,
}

#[derive(Clone, Debug)]
pub(super) struct ClauseNode {
    pub(super) ty: ErrorType,
    pub(super) name: Option<Local>,
    pub(super) body: Vec<Node>,
}

/// What a body may grow to, and how deep copies of `finally` may be nested.
const OPS_MAX: usize = 1_000_000;
const NESTING_MAX: u32 = 200;

/// The body has more operations or locals than fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Flattens `nodes`. `locals` are the names that the scenario gave; hidden ones are added behind them.
pub(super) fn flatten(nodes: &[Node], locals: Vec<String>, exprs: &mut Vec<Expr>) -> Result<Body, TooLarge> {
    let mut flat = Flat {
        exprs,
        locals,
        ops: Vec::new(),
        labels: Vec::new(),
        reachable: true,
        handlers: Vec::new(),
        scope: Scope { handler: None, handling: None },
        exits: Vec::new(),
        finallies: 0,
        groups: 0,
        nesting: 0,
    };
    flat.block(nodes)?;
    // Every body ends in a return, needed or not.
    flat.reachable = true;
    let none = flat.literal(Value::None);
    flat.emit(Op::Return(none))?;
    Ok(flat.finish())
}

/// A place in the code that is not known yet; operations carry its number until [`Flat::finish`].
type Label = u32;

#[derive(Clone, Copy)]
struct HandlerId(usize);

/// Where a label stands, and whether anything jumps there.
#[derive(Clone, Copy, Default)]
struct Target {
    at: u32,
    used: bool,
}

struct Handler {
    target: Label,
    error: Local,
    outer: Option<HandlerId>,
    depth: u32,
    /// The stretches of operations that it guards.
    runs: Vec<(u32, u32)>,
}

/// Something that a jump out of a block has to pass.
#[derive(Clone, Copy)]
enum Exit<'n> {
    Loop {
        next: Label,
        done: Label,
    },
    /// Python unbinds the name of an `except` clause at its end.
    Unbind(Local),
    Finally(Finally<'n>),
    /// What was entered has to be left, under what surrounds it; if it is a task group, which one of the body.
    Manager(Local, Option<u32>, Scope),
    /// The code of a `finally` itself, which ends by being left.
    Cleanup(u32),
}

/// The `finally` of a `try`.
#[derive(Clone, Copy)]
struct Finally<'n> {
    number: u32,
    nodes: &'n [Node],
    /// What surrounds the `try`.
    outside: Scope,
}

/// What surrounds an operation.
#[derive(Clone, Copy)]
struct Scope {
    handler: Option<HandlerId>,
    /// The error that a bare `raise` raises again.
    handling: Option<Local>,
}

struct Flat<'n, 'e> {
    exprs: &'e mut Vec<Expr>,
    locals: Vec<String>,
    ops: Vec<Op>,
    labels: Vec<Target>,
    /// Whether anything leads to the next operation; if not, it is left out.
    reachable: bool,
    handlers: Vec<Handler>,
    scope: Scope,
    exits: Vec<Exit<'n>>,
    /// How many `finally` the body has so far.
    finallies: u32,
    /// How many task groups.
    groups: u32,
    /// How deep the blocks are nested that are being written, copies of `finally` included: hidden locals are shared
    /// by what is never alive together.
    nesting: u32,
}

type Done = Result<(), TooLarge>;

impl<'n> Flat<'n, '_> {
    fn emit(&mut self, mut op: Op) -> Done {
        if !self.reachable {
            return Ok(());
        }
        if self.ops.len() >= OPS_MAX {
            return Err(TooLarge);
        }
        if let Some(label) = jump_of(&mut op) {
            self.labels[*label as usize].used = true;
        }
        self.reachable = !matches!(op, Op::Jump(_) | Op::Return(_) | Op::Raise { .. } | Op::Reraise(_));
        let at = self.ops.len() as u32;
        self.ops.push(op);
        let mut handler = self.scope.handler;
        while let Some(HandlerId(id)) = handler {
            let Handler { runs, outer, .. } = &mut self.handlers[id];
            match runs.last_mut() {
                Some((_, to)) if *to == at => *to += 1,
                _ => runs.push((at, at + 1)),
            }
            handler = *outer;
        }
        Ok(())
    }

    fn label(&mut self) -> Label {
        self.labels.push(Target::default());
        self.labels.len() as Label - 1
    }

    fn place(&mut self, label: Label) {
        let target = &mut self.labels[label as usize];
        target.at = self.ops.len() as u32;
        self.reachable |= target.used;
    }

    /// The code of a handler begins; something leads there if it guards anything.
    fn place_handler(&mut self, HandlerId(id): HandlerId) -> Local {
        let Handler { target, error, ref runs, .. } = self.handlers[id];
        self.labels[target as usize].used = !runs.is_empty();
        self.place(target);
        error
    }

    fn literal(&mut self, value: Value) -> ExprId {
        self.expr(Expr::Literal(value))
    }

    fn expr(&mut self, expr: Expr) -> ExprId {
        self.exprs.push(expr);
        ExprId(self.exprs.len() as u32 - 1)
    }

    /// A local that no scenario can name, one for each level of nesting.
    fn hidden(&mut self, what: &str) -> Result<Local, TooLarge> {
        let name = format!("({what} {})", self.nesting);
        let at = self.locals.iter().position(|local| *local == name).unwrap_or_else(|| {
            self.locals.push(name);
            self.locals.len() - 1
        });
        u16::try_from(at).map(Local).map_err(|_| TooLarge)
    }

    fn set(&mut self, local: Local, value: Expr) -> Done {
        let value = self.expr(value);
        self.emit(Op::Set { place: Place::Local(local), value })
    }

    fn block(&mut self, nodes: &'n [Node]) -> Done {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(TooLarge);
        }
        for node in nodes {
            self.node(node)?;
        }
        self.nesting -= 1;
        Ok(())
    }

    fn node(&mut self, node: &'n Node) -> Done {
        if !self.reachable {
            return Ok(());
        }
        match node {
            Node::Op(op) => self.emit(*op),
            Node::Block(nodes) => self.block(nodes),
            Node::Return(value) => self.leave_by_return(*value),
            Node::Break => self.leave_loop(|_, done| done),
            Node::Continue => self.leave_loop(|next, _| next),
            Node::Reraise => {
                let error = self.scope.handling.expect("a bare raise stands in an except clause");
                self.emit(Op::Reraise(error))
            }
            Node::If { condition, then, otherwise } => {
                let (to, end) = (self.label(), self.label());
                self.emit(Op::JumpUnless { condition: *condition, to })?;
                self.block(then)?;
                if !otherwise.is_empty() {
                    self.emit(Op::Jump(end))?;
                }
                self.place(to);
                self.block(otherwise)?;
                self.place(end);
                Ok(())
            }
            Node::While { condition, body } => {
                let (next, done) = (self.label(), self.label());
                self.place(next);
                self.emit(Op::JumpUnless { condition: *condition, to: done })?;
                self.repeat(next, done, body)
            }
            Node::For { from, over, item, body } => {
                let (next, done) = (self.label(), self.label());
                let cursor = self.hidden("cursor")?;
                self.hidden("over")?;
                self.emit(Op::Iterate { from: *from, over: *over, cursor })?;
                self.place(next);
                self.emit(Op::NextItem { cursor, item: *item, done })?;
                self.repeat(next, done, body)
            }
            Node::AsCompleted { what, timeout, item, body } => {
                let (next, done) = (self.label(), self.label());
                let iterator = self.hidden("iterator")?;
                self.emit(Op::AsCompleted { what: *what, timeout: *timeout, into: iterator })?;
                self.place(next);
                self.emit(Op::NextCompleted { what: *what, iterator, item: *item, done })?;
                self.repeat(next, done, body)
            }
            Node::Try(block) => self.try_block(block),
            Node::Managed(managed) => self.managed(managed),
        }
    }

    /// The body of a loop, the way back, and where the loop ends.
    fn repeat(&mut self, next: Label, done: Label, body: &'n [Node]) -> Done {
        self.exits.push(Exit::Loop { next, done });
        self.block(body)?;
        self.exits.pop();
        self.emit(Op::Jump(next))?;
        self.place(done);
        Ok(())
    }

    fn try_block(&mut self, block: &'n TryNode) -> Done {
        let outside = self.scope;
        let end = self.label();
        let finally = match &block.finally {
            Some(nodes) => {
                let finally = Finally { number: self.finallies, nodes, outside };
                self.finallies += 1;
                self.emit(Op::Cleanup { finally: finally.number, stage: Stage::Armed })?;
                self.exits.push(Exit::Finally(finally));
                Some((finally, self.enter("finally error")?))
            }
            None => None,
        };
        let inside = self.scope;
        let except = if block.clauses.is_empty() { None } else { Some(self.enter("error")?) };
        self.block(&block.body)?;
        self.scope = inside;
        self.block(&block.otherwise)?;
        self.leave_try(finally.is_some(), end)?;
        if let Some(handler) = except {
            let error = self.place_handler(handler);
            if block.is_star {
                self.star_clauses(&block.clauses, error)?;
                self.leave_try(finally.is_some(), end)?;
            } else {
                self.clauses(&block.clauses, error, finally.is_some(), end)?;
            }
        }
        if let Some((finally, handler)) = finally {
            self.exits.pop();
            let error = self.place_handler(handler);
            // Within it the error is one that is being handled.
            self.finally(finally, Some(error))?;
            self.emit(Op::Reraise(error))?;
        }
        self.scope = outside;
        self.place(end);
        Ok(())
    }

    fn managed(&mut self, managed: &'n Managed) -> Done {
        let outside = self.scope;
        let end = self.label();
        let manager = self.hidden("manager")?;
        let group = match managed.enter {
            Enter::TaskGroup => {
                self.emit(Op::EnterGroup { into: manager })?;
                self.groups += 1;
                Some(self.groups - 1)
            }
            Enter::Timeout(length) => {
                self.emit(Op::EnterTimeout { length, into: manager })?;
                None
            }
        };
        if let Some(name) = managed.name {
            self.set(name, Expr::Local(manager))?;
        }
        self.exits.push(Exit::Manager(manager, group, outside));
        let handler = self.enter("manager error")?;
        self.block(&managed.body)?;
        self.pass(self.exits.len() - 1)?;
        self.scope = outside;
        self.emit(Op::Jump(end))?;
        self.exits.pop();
        let error = self.place_handler(handler);
        self.emit(Op::Leave { manager, error: Some(error), group })?;
        // It has been made another error there, or goes on as it is.
        self.emit(Op::Reraise(error))?;
        self.place(end);
        Ok(())
    }

    /// From here on errors go to a new label, kept in a new local.
    fn enter(&mut self, what: &str) -> Result<HandlerId, TooLarge> {
        let error = self.hidden(what)?;
        Ok(self.enter_into(error))
    }

    /// The same, kept in a local that is there.
    fn enter_into(&mut self, error: Local) -> HandlerId {
        let target = self.label();
        let outer = self.scope.handler;
        let depth = outer.map_or(0, |HandlerId(id)| self.handlers[id].depth + 1);
        self.handlers.push(Handler { target, error, outer, depth, runs: Vec::new() });
        let id = HandlerId(self.handlers.len() - 1);
        self.scope.handler = Some(id);
        id
    }

    /// The ordinary way out of a `try`, by way of its `finally` if it has one.
    fn leave_try(&mut self, by_finally: bool, end: Label) -> Done {
        if by_finally {
            self.pass(self.exits.len() - 1)?;
        }
        self.emit(Op::Jump(end))
    }

    /// One copy of a `finally`, guarded only by what is outside of its `try`; with the error for which it runs, if
    /// that is why.
    fn finally(&mut self, Finally { number: finally, nodes, outside }: Finally<'n>, error: Option<Local>) -> Done {
        self.scope = Scope { handling: error.or(outside.handling), ..outside };
        self.emit(Op::Cleanup { finally, stage: Stage::Begun })?;
        self.exits.push(Exit::Cleanup(finally));
        self.block(nodes)?;
        self.exits.pop();
        self.emit(Op::Cleanup { finally, stage: Stage::Ended })
    }

    fn clauses(&mut self, clauses: &'n [ClauseNode], error: Local, by_finally: bool, end: Label) -> Done {
        let inside = self.scope;
        for clause in clauses {
            let next = self.label();
            self.emit(Op::JumpUnlessCaught { error, ty: clause.ty, to: next })?;
            self.scope = Scope { handling: Some(error), ..inside };
            if let Some(name) = clause.name {
                self.set(name, Expr::Local(error))?;
                self.exits.push(Exit::Unbind(name));
            }
            self.block(&clause.body)?;
            if clause.name.is_some() {
                self.pass(self.exits.len() - 1)?;
                self.exits.pop();
            }
            self.scope = inside;
            self.leave_try(by_finally, end)?;
            self.place(next);
        }
        self.emit(Op::Reraise(error))
    }

    /// The clauses of `except*`: each takes its part of the error, and what they raise is put together at the end.
    fn star_clauses(&mut self, clauses: &'n [ClauseNode], error: Local) -> Done {
        let inside = self.scope;
        let (rest, raised) = (self.hidden("rest")?, self.hidden("raised")?);
        let (matched, inner) = (self.hidden("matched")?, self.hidden("clause error")?);
        self.set(rest, Expr::Local(error))?;
        let none = ExprId(self.exprs.len() as u32);
        self.set(raised, Expr::List { first: none, count: 0 })?;
        for clause in clauses {
            let (next, over) = (self.label(), self.label());
            self.emit(Op::JumpUnlessSplit { rest, ty: clause.ty, matched, to: next })?;
            let handler = self.enter_into(inner);
            self.scope.handling = Some(matched);
            if let Some(name) = clause.name {
                self.set(name, Expr::Local(matched))?;
            }
            self.block(&clause.body)?;
            self.scope = inside;
            self.emit(Op::Jump(over))?;
            let error = self.place_handler(handler);
            let (list, item) = (self.expr(Expr::Local(raised)), self.expr(Expr::Local(error)));
            self.emit(Op::Append { list, item })?;
            self.place(over);
            if let Some(name) = clause.name {
                self.set(name, Expr::Literal(Value::Unbound))?;
            }
            self.place(next);
        }
        self.emit(Op::EndStar { error, rest, raised })
    }

    /// Writes out what has to be passed to leave the blocks above `height`, innermost first.
    fn pass(&mut self, height: usize) -> Done {
        let (exits, scope) = (self.exits.clone(), self.scope);
        while self.exits.len() > height {
            match self.exits.pop() {
                Some(Exit::Manager(manager, group, outside)) => {
                    self.scope = outside;
                    self.emit(Op::Leave { manager, error: None, group })?;
                }
                Some(Exit::Finally(finally)) => self.finally(finally, None)?,
                Some(Exit::Cleanup(finally)) => self.emit(Op::Cleanup { finally, stage: Stage::Ended })?,
                Some(Exit::Unbind(name)) => self.set(name, Expr::Literal(Value::Unbound))?,
                Some(Exit::Loop { .. }) | None => {}
            }
        }
        (self.exits, self.scope) = (exits, scope);
        Ok(())
    }

    fn leave_by_return(&mut self, value: ExprId) -> Done {
        if !self.exits.iter().any(|exit| matches!(exit, Exit::Finally(_) | Exit::Cleanup(_) | Exit::Manager(..))) {
            return self.emit(Op::Return(value));
        }
        // What is returned is known before the `finally` runs, and may not be changed by it.
        let kept = self.hidden("value")?;
        self.emit(Op::Set { place: Place::Local(kept), value })?;
        self.pass(0)?;
        let kept = self.expr(Expr::Local(kept));
        self.emit(Op::Return(kept))
    }

    fn leave_loop(&mut self, target: fn(Label, Label) -> Label) -> Done {
        let at = self.exits.iter().rposition(|exit| matches!(exit, Exit::Loop { .. }));
        let at = at.expect("break and continue stand in a loop");
        let Exit::Loop { next, done } = self.exits[at] else { unreachable!("a loop was found") };
        self.pass(at + 1)?;
        self.emit(Op::Jump(target(next, done)))
    }

    fn finish(mut self) -> Body {
        let labels = self.labels;
        let pc = |label: Label| labels[label as usize].at;
        for label in self.ops.iter_mut().filter_map(jump_of) {
            *label = pc(*label);
        }
        // Deeper handlers are inner ones wherever two guard the same operation.
        self.handlers.sort_by_key(|handler| std::cmp::Reverse(handler.depth));
        let guards = self.handlers.iter().flat_map(|handler| {
            handler.runs.iter().map(|&(from, to)| Guard { from, to, target: pc(handler.target), error: handler.error })
        });
        let guards = guards.collect();
        Body { ops: self.ops, guards, locals: self.locals, ..Body::default() }
    }
}

/// Where an operation may jump to: a label, until it is replaced by a place.
fn jump_of(op: &mut Op) -> Option<&mut Label> {
    match op {
        Op::Jump(to) | Op::JumpUnless { to, .. } | Op::JumpUnlessCaught { to, .. } | Op::JumpUnlessSplit { to, .. } => {
            Some(to)
        }
        Op::NextItem { done, .. } | Op::NextCompleted { done, .. } => Some(done),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Scenario, alone};

    /// What main prints, and how it ends.
    fn check(steps: &str, expected: &[&str]) {
        let text = format!("about = 'a test'\n[main]\nsteps = [{steps}]\n");
        let scenario = Scenario::parse(&text, &[]).unwrap_or_else(|errors| panic!("{text}: {errors:#?}"));
        assert_eq!(alone::run(&scenario.program(None, None).unwrap()), expected, "{steps}");
    }

    #[test]
    fn loops_and_branches() {
        check("{ for = 'x', in = 'range(2, 4)', do = [{ print = '{x}' }] }", &["2", "3", "returned None"]);
        check("{ for = 'x', in = '[1, 2]', do = [{ if = 'x == 2', then = [{ return = '{x}' }] }] }", &["returned 2"]);
        check(
            "{ set = 'x', to = 0 }, { while = true, do = [{ add = 1, to = 'x' }, { if = 'x < 3', then = ['continue'], \
             else = ['break'] }] }, { return = 'x is {x}' }",
            &["returned x is 3"],
        );
        check(
            "{ for = 'a', in = '[1, 2]', do = [{ for = 'b', in = '[3, 4]', do = [{ print = '{a}{b}' }] }] }",
            &["13", "14", "23", "24", "returned None"],
        );
    }

    #[test]
    fn a_clause_catches_its_class_and_the_others_pass() {
        let caught = |ty: &str| {
            format!(
                "{{ try = [{{ raise = 'm', type = '{ty}' }}], except = {{ 'ValueError as e' = [{{ print = 'V {{e}}' }}], \
                 'Exception' = [{{ print = 'E' }}] }}, else = [{{ print = 'else' }}], finally = [{{ print = 'F' }}] }}"
            )
        };
        check(&caught("ValueError"), &["V m", "F", "returned None"]);
        check(&caught("KeyError"), &["E", "F", "returned None"]);
        check(&caught("CancelledError"), &["F", "raised m"]);
        check("{ try = [], except = { 'Exception' = [] }, else = [{ raise = 'in else' }] }", &["raised in else"]);
        check(
            "{ try = [{ raise = 'a' }], except = { 'Exception as e' = [{ try = [{ raise = 'b' }], except = { \
             'Exception as e' = [{ print = '{e}' }] } }, 'raise'] } }",
            &["b", "raised a"],
        );
    }

    #[test]
    fn every_way_out_passes_the_finally_once() {
        let wrapped = |inside: &str| {
            format!(
                "{{ for = 'x', in = '[1, 2]', do = [{{ try = [{{ try = [{inside}], finally = [{{ print = 'in {{x}}' }}] }}], \
                 finally = [{{ print = 'out {{x}}' }}] }}] }}, {{ print = 'after' }}"
            )
        };
        check(&wrapped("{ return = '7' }"), &["in 1", "out 1", "returned 7"]);
        check(&wrapped("'break'"), &["in 1", "out 1", "after", "returned None"]);
        check(&wrapped("'continue'"), &["in 1", "out 1", "in 2", "out 2", "after", "returned None"]);
        check(&wrapped("{ raise = 'r' }"), &["in 1", "out 1", "raised r"]);
        check(&wrapped(""), &["in 1", "out 1", "in 2", "out 2", "after", "returned None"]);
    }

    #[test]
    fn what_a_finally_does_wins() {
        check("{ try = [{ return = 'a' }], finally = [{ return = 'b' }] }", &["returned b"]);
        check("{ try = [{ raise = 'a' }], finally = [{ return = 'b' }] }", &["returned b"]);
        check("{ try = [{ return = 'a' }], finally = [{ raise = 'b' }] }", &["raised b"]);
        // What a bare `raise` raises is what is being handled: an error on its way out, or else the clause's.
        let again = |inner: &str| {
            format!(
                "{{ try = [{{ raise = 'a' }}], except = {{ Exception = [{{ try = [{inner}], finally = ['raise'] }}] }} }}"
            )
        };
        check(&again("{ raise = 'b' }"), &["raised b"]);
        check(&again("{ print = 'x' }"), &["x", "raised a"]);
        check(
            "{ set = 'x', to = 1 }, { try = [{ return = '{x}' }], finally = [{ set = 'x', to = 2 }] }",
            &["returned 1"],
        );
        check(
            "{ for = 'x', in = '[1]', do = [{ try = [{ return = 'a' }], finally = ['break'] }] }, { return = 'b' }",
            &["returned b"],
        );
        // The inner return is undone by the inner error; the outer value is still the first one.
        check(
            "{ try = [{ return = 'a' }], finally = [{ try = [{ try = [{ return = 'b' }], finally = [{ raise = 'c' }] }], \
             except = { 'Exception' = [] } }] }",
            &["returned a"],
        );
    }

    #[test]
    fn the_name_of_a_clause_ends_with_it() {
        check(
            "{ set = 'e', to = 1 }, { try = [{ raise = 'x' }], except = { 'Exception as e' = [] } }, { print = '{e}' }",
            &["raised cannot access local variable 'e' where it is not associated with a value"],
        );
    }

    #[test]
    fn copies_have_an_end() {
        let mut steps = "{ print = 'x' }".to_owned();
        for _ in 0..30 {
            steps = format!("{{ try = [{{ print = 'x' }}], finally = [{steps}] }}");
        }
        // Two copies at each level: 2^30 operations.
        let text = format!("about = 'a test'\n[main]\nsteps = [{steps}]\n");
        let errors = Scenario::parse(&text, &[]).unwrap_err();
        assert_eq!(errors[0].label, "too large");
    }
}
