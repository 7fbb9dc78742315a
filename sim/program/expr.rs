//! Expressions: conditions, placeholders, and what steps are told to work on.
//!
//! Knows nothing of evaluation, which needs a running machine and stands with the frames.

use crate::id::{InstanceId, ObjectId};

use super::{Inquiry, Local, Slot, Value};

/// A node of an expression: an index into [`Program::exprs`](super::Program::exprs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// One node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expr {
    /// The same in every instance.
    Literal(Value),
    /// A constant in which the instances differ.
    Const(Slot),
    /// A text put together when it is asked for: an index into [`Program::templates`](super::Program::templates).
    Template(u32),
    /// A local variable.
    Local(Local),
    /// A shared variable.
    Shared(u16),
    /// A task by its name: the newest task of that instance, or a call of its coroutine while there is none.
    Named(InstanceId),
    /// A call of the coroutine function, always a new one.
    Call(InstanceId),
    /// `asyncio.current_task()`
    Current,
    /// `[a, b]`: a new list of `count` items, the nodes of which stand at `first`, `first + 1`, …
    List {
        /// The first item.
        first: ExprId,
        /// How many.
        count: u32,
    },
    /// A node that stands for another one: the items of a list have to stand side by side.
    Same(ExprId),
    /// `len(x)`
    Len(ExprId),
    /// `x[i]`
    Index(ExprId, ExprId),
    /// `x.name`
    Attribute(ExprId, Attribute),
    /// `lock.locked()`, and the like
    Inquire(ObjectId, Inquiry),
    /// `not x`
    Not(ExprId),
    /// `x and y`
    And(ExprId, ExprId),
    /// `x or y`
    Or(ExprId, ExprId),
    /// `x + y`
    Add(ExprId, ExprId),
    /// `x - y`
    Sub(ExprId, ExprId),
    /// `x < y` and its kin
    Compare(Comparison, ExprId, ExprId),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What can be asked of a handle, a coroutine or an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `t.done()`
    Done,
    /// `t.cancelled()`
    Cancelled,
    /// `t.result()`, which raises what the task raised
    Result,
    /// `t.exception()`, which raises if the task was cancelled
    Exception,
    /// `t.cancelling()`
    Cancelling,
    /// `timeout.expired()`
    Expired,
    /// What an exception group is made of
    Exceptions,
    /// The task's name
    Name,
    /// The class of an error
    Type,
    /// The host of the first URL that its steps ask for, if that is known before the run
    Host,
    /// The status of the last answer that it got
    Status,
    /// One of the values of its `[[task]]`: an index into [`Program::keys`](super::Program::keys)
    Key(u16),
}
