//! What an expression is worth, and what a text comes to.
//!
//! Knows nothing of the operation that wants to know.

use std::collections::BTreeSet;

use crate::id::{FutureId, InstanceId, ListId, TextId};
use crate::machine::{Access, Object};
use crate::trace::What;

use super::super::effects::{Effects, FutureState};
use super::super::show::{DEEPEST_LIST, display, text_of};
use super::super::{Attribute, Comparison, Error, ErrorType, Expr, ExprId, Padding, Piece, Text, Value};
use super::{Run, constant_text};

impl<R: Effects> Run<'_, R> {
    /// What can be walked over, as a list; if that stands for a set, its order is decided by now.
    pub(super) fn walked(&mut self, over: Value) -> Result<ListId, Error> {
        match over {
            Value::List(list) | Value::Tuple(list) => {
                self.decide_order(list);
                Ok(list)
            }
            Value::Text(text) => Ok(self.characters(text)),
            _ => Err(self.error(ErrorType::TYPE_ERROR, "this is not iterable")),
        }
    }

    fn decide_order(&mut self, list: ListId) {
        if self.rt.memory().take_unordered(list) {
            self.rt.order_set(list);
        }
    }

    /// A text as the list that it is to a loop.
    fn characters(&mut self, text: TextId) -> ListId {
        let all = text_of(self.program, self.rt, text).to_owned();
        let list = self.rt.memory().new_list();
        for character in all.chars() {
            let text = self.rt.memory().texts.intern(character.encode_utf8(&mut [0; 4]));
            self.rt.memory().list_mut(list).push(Value::Text(text));
        }
        list
    }

    /// A list that is about to be changed.
    pub(super) fn list(&mut self, expr: ExprId) -> Result<ListId, Error> {
        match self.eval(expr)? {
            Value::List(list) => {
                self.decide_order(list);
                Ok(list)
            }
            _ => Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this is not a list")),
        }
    }

    /// What goes into a list: anything but another list, so that no list is part of itself.
    pub(super) fn item(&mut self, expr: ExprId) -> Result<Value, Error> {
        match self.eval(expr)? {
            Value::List(_) => Err(self.error(ErrorType::TYPE_ERROR, "a list cannot be an item of a list")),
            item => Ok(item),
        }
    }

    pub(super) fn raised(&mut self, error: Error) -> Error {
        self.rt.record(What::Raised { task: self.rt.current(), error });
        error
    }

    /// An error that Python itself would raise here.
    pub(super) fn error(&mut self, ty: ErrorType, message: &str) -> Error {
        let message = Some(self.rt.memory().texts.intern(message));
        self.raised(Error { ty, message })
    }

    pub(super) fn truth(&mut self, expr: ExprId) -> Result<bool, Error> {
        let value = self.eval(expr)?;
        Ok(self.is_true(value))
    }

    fn is_true(&self, value: Value) -> bool {
        match value {
            Value::None | Value::Bool(false) | Value::Int(0) => false,
            Value::Text(text) => !text_of(self.program, self.rt, text).is_empty(),
            Value::List(list) | Value::Tuple(list) => !self.rt.memory_ref().list(list).is_empty(),
            _ => true,
        }
    }

    /// Whether an expression that gives a call gives one that nothing else has: Python makes a coroutine object each time
    /// a task that was never started is named.
    pub(super) fn is_new_call(&self, expr: ExprId) -> bool {
        matches!(self.program.exprs[expr.0 as usize], Expr::Named(_) | Expr::Call(_))
    }

    /// Where a list has an item. `is_new` if the item is none that a list can have, once it is a call.
    pub(super) fn position(&mut self, list: ListId, item: Value, is_new: bool) -> Result<Option<usize>, Error> {
        for at in 0..self.rt.memory_ref().list(list).len() {
            let other = self.rt.memory_ref().list(list)[at];
            if self.equal(other, item, is_new)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Whether two values are equal; `is_new` if one of them is a call that the other cannot be.
    fn equal(&mut self, a: Value, b: Value, is_new: bool) -> Result<bool, Error> {
        if is_new && let (Value::Call(_), Value::Call(_)) = (a, b) {
            return Ok(false);
        }
        match self.equal_within(a, b, DEEPEST_LIST) {
            Some(is_equal) => Ok(is_equal),
            None => {
                let message = "there is no telling here whether these two are the same object; compare what they are, \
                               such as their names or types";
                Err(self.error(ErrorType::TYPE_ERROR, message))
            }
        }
    }

    /// Nothing where Python goes by which object it is, and that is not known: of two errors with the same class and text,
    /// and of two calls of the same coroutine. Lists that are nested deeper than `levels` are equal only to themselves.
    fn equal_within(&self, a: Value, b: Value, levels: u32) -> Option<bool> {
        let memory = self.rt.memory_ref();
        let text = |id| text_of(self.program, self.rt, id);
        match (a, b) {
            (Value::Text(a), Value::Text(b)) => Some(text(a) == text(b)),
            (Value::Bool(a), Value::Int(b)) | (Value::Int(b), Value::Bool(a)) => Some(i64::from(a) == b),
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) if a != b && levels > 0 => {
                let (a, b) = (memory.list(a), memory.list(b));
                if a.len() != b.len() {
                    return Some(false);
                }
                let mut all = Some(true);
                for (&a, &b) in a.iter().zip(b) {
                    match self.equal_within(a, b, levels - 1) {
                        Some(true) => {}
                        Some(false) => return Some(false),
                        None => all = None,
                    }
                }
                all
            }
            // The text of a group is its own.
            (Value::Error(a), Value::Error(b)) if a == b && memory.error_parts(a).is_none() => None,
            (Value::Call(a), Value::Call(b)) if a == b => None,
            _ => Some(a == b),
        }
    }

    #[inline]
    pub(super) fn eval(&mut self, expr: ExprId) -> Result<Value, Error> {
        let expr = &self.program.exprs[expr.0 as usize];
        match *expr {
            Expr::Literal(value) => return Ok(value),
            Expr::Local(local) => {
                let value = self.local(local);
                if !matches!(value, Value::Unbound) {
                    return Ok(value);
                }
            }
            _ => {}
        }
        self.eval_other(expr)
    }

    /// What is not simply there.
    fn eval_other(&mut self, expr: &Expr) -> Result<Value, Error> {
        Ok(match *expr {
            Expr::Literal(value) => value,
            Expr::Const(slot) => self.consts[slot.0 as usize],
            Expr::Template(template) => Value::Text(self.text(Text::Template(template))?),
            Expr::Local(local) => {
                let name = &self.body.locals[usize::from(local.0)];
                let message = format!("cannot access local variable '{name}' where it is not associated with a value");
                return Err(self.error(ErrorType::UNBOUND_LOCAL_ERROR, &message));
            }
            Expr::Shared(shared) => {
                self.rt.touch(Object::Shared(shared), Access::Looks);
                self.rt.memory_ref().shared[usize::from(shared)]
            }
            Expr::Named(instance) => {
                self.rt.touch(Object::Instance(instance), Access::Looks);
                self.rt.memory_ref().newest(instance).map_or(Value::Call(instance), Value::Handle)
            }
            Expr::Call(instance) => Value::Call(instance),
            Expr::Current => Value::Handle(self.rt.current_future()),
            Expr::List { first, count } => {
                let list = self.rt.memory().new_list();
                self.rt.memory().charge_items(count as usize);
                for at in first.0..first.0 + count {
                    let item = self.item(ExprId(at))?;
                    self.rt.memory().list_mut(list).push(item);
                }
                Value::List(list)
            }
            Expr::Same(other) => self.eval(other)?,
            Expr::Len(of) => match self.eval(of)? {
                Value::List(list) | Value::Tuple(list) => Value::Int(self.rt.memory_ref().list(list).len() as i64),
                Value::Text(text) => Value::Int(text_of(self.program, self.rt, text).chars().count() as i64),
                _ => return Err(self.error(ErrorType::TYPE_ERROR, "this has no len()")),
            },
            Expr::Index(of, at) => self.index(of, at)?,
            Expr::Attribute(of, attribute) => {
                let of = self.eval(of)?;
                self.attribute(of, attribute)?
            }
            Expr::Inquire(object, inquiry) => self.rt.inquire(object, inquiry),
            Expr::Not(of) => Value::Bool(!self.truth(of)?),
            Expr::And(a, b) => {
                let left = self.eval(a)?;
                if self.is_true(left) { self.eval(b)? } else { left }
            }
            Expr::Or(a, b) => {
                let left = self.eval(a)?;
                if self.is_true(left) { left } else { self.eval(b)? }
            }
            Expr::Add(a, b) => {
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                self.sum(a, b)?
            }
            Expr::Sub(a, b) => {
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                self.arithmetic(a, b, i64::checked_sub)?
            }
            Expr::Compare(how, a, b) => {
                let is_new = self.is_new_call(a) || self.is_new_call(b);
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                Value::Bool(match how {
                    Comparison::Equal => self.equal(a, b, is_new)?,
                    Comparison::NotEqual => !self.equal(a, b, is_new)?,
                    _ => self.ordered(how, a, b)?,
                })
            }
        })
    }

    fn index(&mut self, of: ExprId, at: ExprId) -> Result<Value, Error> {
        let (of, at) = (self.eval(of)?, self.eval(at)?);
        let (kind, count) = match of {
            Value::List(list) => ("list", self.rt.memory_ref().list(list).len()),
            Value::Tuple(list) => ("tuple", self.rt.memory_ref().list(list).len()),
            Value::Text(text) => ("string", text_of(self.program, self.rt, text).chars().count()),
            _ => return Err(self.error(ErrorType::TYPE_ERROR, "this is not subscriptable")),
        };
        let Some(at) = at.as_int() else {
            return Err(self.error(ErrorType::TYPE_ERROR, &format!("{kind} indices must be integers")));
        };
        let from_front = if at < 0 { at + count as i64 } else { at };
        let Some(at) = usize::try_from(from_front).ok().filter(|at| *at < count) else {
            return Err(self.error(ErrorType::INDEX_ERROR, &format!("{kind} index out of range")));
        };
        Ok(match of {
            Value::Text(text) => {
                let character = text_of(self.program, self.rt, text).chars().nth(at).into_iter().collect::<String>();
                Value::Text(self.rt.memory().texts.intern(&character))
            }
            Value::List(list) | Value::Tuple(list) => self.rt.memory_ref().list(list)[at],
            other => unreachable!("{other:?} is not subscriptable"),
        })
    }

    /// A list once it has taken up the items of something: it stays the list that it is.
    pub(super) fn grown(&mut self, list: ListId, by: Value) -> Result<Value, Error> {
        let more = self.walked(by)?;
        self.rt.touch(Object::Everything, Access::Changes);
        self.decide_order(list);
        if self.is_within(list, more) {
            return Err(self.error(ErrorType::TYPE_ERROR, "a list cannot be an item of itself here"));
        }
        let memory = self.rt.memory();
        let count = memory.list(more).len();
        memory.charge_items(count);
        for at in 0..count {
            let item = memory.list(more)[at];
            memory.list_mut(list).push(item);
        }
        Ok(Value::List(list))
    }

    /// Whether a list is an item of another one, or an item of such an item, and so on.
    fn is_within(&self, list: ListId, other: ListId) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![other]);
        while let Some(next) = open.pop() {
            for item in self.rt.memory_ref().list(next) {
                let Value::List(inner) = *item else { continue };
                if inner == list {
                    return true;
                }
                if seen.insert(inner) {
                    open.push(inner);
                }
            }
        }
        false
    }

    /// Integers, of which `True` and `False` are two, texts, and lists, as Python adds them.
    pub(super) fn sum(&mut self, a: Value, b: Value) -> Result<Value, Error> {
        match (a, b) {
            (Value::Text(a), Value::Text(b)) => {
                let both = format!("{}{}", text_of(self.program, self.rt, a), text_of(self.program, self.rt, b));
                let memory = self.rt.memory();
                memory.charge(both.len() as u64 / 64);
                Ok(Value::Text(memory.texts.intern(&both)))
            }
            (Value::List(a), Value::List(b)) => Ok(Value::List(self.concatenated(a, b))),
            (Value::Tuple(a), Value::Tuple(b)) => Ok(Value::Tuple(self.concatenated(a, b))),
            (a, b) => self.arithmetic(a, b, i64::checked_add),
        }
    }

    fn concatenated(&mut self, a: ListId, b: ListId) -> ListId {
        let memory = self.rt.memory();
        let both = memory.new_list();
        for list in [a, b] {
            memory.charge_items(memory.list(list).len());
            for at in 0..memory.list(list).len() {
                let item = memory.list(list)[at];
                memory.list_mut(both).push(item);
            }
        }
        both
    }

    fn arithmetic(&mut self, a: Value, b: Value, op: fn(i64, i64) -> Option<i64>) -> Result<Value, Error> {
        let (Some(a), Some(b)) = (a.as_int(), b.as_int()) else {
            return Err(self.error(ErrorType::TYPE_ERROR, "unsupported operand types"));
        };
        match op(a, b) {
            Some(result) => Ok(Value::Int(result)),
            None => Err(self.error(ErrorType::OVERFLOW_ERROR, "this integer does not fit 64 bits")),
        }
    }

    fn ordered(&mut self, how: Comparison, a: Value, b: Value) -> Result<bool, Error> {
        let order = match (a, b) {
            (Value::Text(a), Value::Text(b)) => {
                text_of(self.program, self.rt, a).cmp(text_of(self.program, self.rt, b))
            }
            _ => match (a.as_int(), b.as_int()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => return Err(self.error(ErrorType::TYPE_ERROR, "these two cannot be ordered")),
            },
        };
        Ok(match how {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            _ => order.is_ge(),
        })
    }

    fn attribute(&mut self, of: Value, attribute: Attribute) -> Result<Value, Error> {
        if let Value::Handle(_) = of {
            self.looks_at(of);
        }
        let instance = match of {
            Value::Handle(future) => Effects::instance_of(self.rt, future),
            Value::Coroutine(instance) | Value::Call(instance) => Some(instance),
            _ => None,
        };
        match (attribute, of, instance) {
            (Attribute::Done, Value::Handle(future), _) => {
                return Ok(Value::Bool(self.rt.state(future) != FutureState::Pending));
            }
            (Attribute::Cancelled, Value::Handle(future), _) => {
                return Ok(Value::Bool(self.rt.state(future) == FutureState::Cancelled));
            }
            (Attribute::Cancelled, Value::Callback(callback), _) => {
                return Ok(Value::Bool(self.rt.is_called_off(callback)));
            }
            (Attribute::Result, Value::Handle(future), _) => return self.taken(future),
            (Attribute::Exception, Value::Handle(future), _) => {
                self.takes(future);
                return self.rt.exception(future).map_err(|error| self.raised(error));
            }
            (Attribute::Cancelling, Value::Handle(future), _) => {
                if let Some(count) = self.rt.cancelling(future) {
                    return Ok(Value::Int(i64::from(count)));
                }
            }
            (Attribute::Expired, Value::Timeout(timeout), _) => return Ok(Value::Bool(self.rt.expired(timeout))),
            (Attribute::Exceptions, Value::Error(error), _) => {
                if let Some(parts) = self.rt.memory_ref().error_parts(error) {
                    return Ok(Value::Tuple(parts));
                }
            }
            (Attribute::Type, Value::Error(error), _) => {
                let name = self.program.error_types.name(error.ty);
                return Ok(Value::Text(self.rt.memory().texts.intern(name)));
            }
            (Attribute::Host, _, Some(instance)) => return Ok(self.host(instance)),
            (Attribute::Status, Value::Handle(future), _) => {
                return Ok(self.rt.memory_ref().status(future).map_or(Value::None, |status| Value::Int(status.into())));
            }
            (Attribute::Name, _, Some(instance)) => return Ok(Value::Text(self.program.instance(instance).name)),
            (Attribute::Key(key), _, Some(instance)) => {
                let slot = self.program.body(instance).keys.iter().find(|(known, _)| *known == key);
                if let Some((_, slot)) = slot {
                    return Ok(self.program.constant(instance, *slot));
                }
            }
            _ => {}
        }
        Err(self.error(ErrorType::ATTRIBUTE_ERROR, "it has no such attribute"))
    }

    fn host(&mut self, instance: InstanceId) -> Value {
        match self.program.host_of(instance) {
            Some(host) => Value::Text(self.rt.memory().texts.intern(host)),
            None => Value::None,
        }
    }

    /// The result of a future; an error that comes out of it is raised here.
    pub(super) fn taken(&mut self, future: FutureId) -> Result<Value, Error> {
        self.takes(future);
        self.rt.result(future).map_err(|error| self.raised(error))
    }

    /// Records that what a future holds is asked for, if it holds something.
    fn takes(&mut self, future: FutureId) {
        if self.rt.state(future) != FutureState::Pending {
            self.rt.record(What::Taken { task: self.rt.current(), future });
        }
    }

    pub(super) fn text(&mut self, text: Text) -> Result<TextId, Error> {
        let template = match text {
            Text::Const(slot) => return Ok(constant_text(self.consts, slot)),
            Text::Template(template) => &self.program.templates[template as usize],
        };
        let mut out = std::mem::take(&mut self.rt.memory().scratch.text);
        out.clear();
        for piece in template {
            match *piece {
                Piece::Text(text) => out.push_str(self.program.text(text)),
                Piece::Value(expr, padding) => {
                    // An expression that raises leaves the memory of `out` behind, and nothing else.
                    let mut value = self.eval(expr)?;
                    if padding != Padding::default() {
                        value = self.paddable(value)?;
                    }
                    let mut shown = std::mem::take(&mut self.rt.memory().scratch.shown);
                    display(self.program, self.rt, value, &mut shown);
                    padding.apply(&shown, matches!(value, Value::Int(_)), &mut out);
                    shown.clear();
                    self.rt.memory().scratch.shown = shown;
                }
            }
        }
        let memory = self.rt.memory();
        memory.charge(out.len() as u64 / 64);
        let made = memory.texts.intern(&out);
        memory.scratch.text = out;
        Ok(made)
    }

    /// What a format makes of a value before it is shown. To Python a truth value is a number there, and what is neither
    /// a number nor a text has no such format; but a task and a coroutine are shown as their names, which are texts.
    fn paddable(&mut self, value: Value) -> Result<Value, Error> {
        let class = match value {
            Value::Bool(bool) => return Ok(Value::Int(i64::from(bool))),
            Value::None => "NoneType",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Timeout(_) => "Timeout",
            Value::TaskGroup(_) => "TaskGroup",
            Value::Callback(_) => "Handle",
            Value::Function(_) => "function",
            Value::Error(error) => self.program.error_types.name(error.ty),
            other => return Ok(other),
        };
        let message = format!("unsupported format string passed to {class}.__format__");
        Err(self.error(ErrorType::TYPE_ERROR, &message))
    }
}
