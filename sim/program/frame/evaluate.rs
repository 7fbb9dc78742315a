//! What an expression is worth, and what a text comes to.
//!
//! Knows nothing of the operation that wants to know.

use crate::id::{FutureId, InstanceId, ListId, TextId};
use crate::machine::{Access, Object};
use crate::trace::What;

use super::super::effects::{Effects, FutureState};
use super::super::show::{DEEPEST_LIST, display, text_of};
use super::super::{Attribute, Comparison, Error, ErrorType, Expr, ExprId, Piece, Text, Value};
use super::{Run, constant_text};

impl<R: Effects> Run<'_, R> {
    /// A text as the list that it is to a loop.
    pub(super) fn characters(&mut self, text: TextId) -> Value {
        let all = text_of(self.program, self.rt, text).to_owned();
        let list = self.rt.memory().new_list();
        for character in all.chars() {
            let text = self.rt.memory().texts.intern(character.encode_utf8(&mut [0; 4]));
            self.rt.memory().list_mut(list).push(Value::Text(text));
        }
        Value::List(list)
    }

    pub(super) fn list(&mut self, expr: ExprId) -> Result<ListId, Error> {
        match self.eval(expr)? {
            Value::List(list) => Ok(list),
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

    pub(super) fn equal(&self, a: Value, b: Value) -> bool {
        self.equal_within(a, b, DEEPEST_LIST)
    }

    /// Lists that are nested deeper than `levels` are equal only to themselves.
    fn equal_within(&self, a: Value, b: Value, levels: u32) -> bool {
        let memory = self.rt.memory_ref();
        let text = |id| text_of(self.program, self.rt, id);
        match (a, b) {
            (Value::Text(a), Value::Text(b)) => text(a) == text(b),
            (Value::Bool(a), Value::Int(b)) | (Value::Int(b), Value::Bool(a)) => i64::from(a) == b,
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) if a != b && levels > 0 => {
                let (a, b) = (memory.list(a), memory.list(b));
                a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| self.equal_within(a, b, levels - 1))
            }
            _ => a == b,
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
            Expr::Add(a, b) => self.add(a, b)?,
            Expr::Sub(a, b) => {
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                self.arithmetic(a, b, i64::checked_sub)?
            }
            Expr::Compare(how, a, b) => {
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                Value::Bool(self.compare(how, a, b)?)
            }
        })
    }

    fn index(&mut self, of: ExprId, at: ExprId) -> Result<Value, Error> {
        let (list, kind) = match self.eval(of)? {
            Value::List(list) => (list, "list"),
            Value::Tuple(list) => (list, "tuple"),
            _ => return Err(self.error(ErrorType::TYPE_ERROR, "this is not subscriptable")),
        };
        let Some(at) = self.eval(at)?.as_int() else {
            return Err(self.error(ErrorType::TYPE_ERROR, &format!("{kind} indices must be integers")));
        };
        let items = self.rt.memory_ref().list(list);
        let from_front = if at < 0 { at + items.len() as i64 } else { at };
        match usize::try_from(from_front).ok().and_then(|at| items.get(at).copied()) {
            Some(item) => Ok(item),
            None => Err(self.error(ErrorType::INDEX_ERROR, &format!("{kind} index out of range"))),
        }
    }

    /// Integers, of which `True` and `False` are two, texts, and lists, as Python adds them.
    fn add(&mut self, a: ExprId, b: ExprId) -> Result<Value, Error> {
        match (self.eval(a)?, self.eval(b)?) {
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

    fn compare(&mut self, how: Comparison, a: Value, b: Value) -> Result<bool, Error> {
        match how {
            Comparison::Equal => return Ok(self.equal(a, b)),
            Comparison::NotEqual => return Ok(!self.equal(a, b)),
            _ => {}
        }
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
                    if padding.width > 0 {
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

    /// What a format with a width makes of a value before it is shown. To Python a truth value is a number there, and
    /// most of what is neither a number nor a text has no such format.
    fn paddable(&mut self, value: Value) -> Result<Value, Error> {
        let class = match value {
            Value::Bool(bool) => return Ok(Value::Int(i64::from(bool))),
            Value::None => "NoneType",
            Value::Tuple(_) => "tuple",
            Value::Error(error) => self.program.error_types.name(error.ty),
            other => return Ok(other),
        };
        let message = format!("unsupported format string passed to {class}.__format__");
        Err(self.error(ErrorType::TYPE_ERROR, &message))
    }
}
