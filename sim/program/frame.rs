//! What a body does next: the interpreter of operations and expressions, written once for all machines.
//!
//! [`resume`] runs a frame until it waits, calls another coroutine in place, or ends, and says which as [`Next`].
//! Everything that happens at once (printing, spawning, cancelling, asking a handle) goes through [`Effects`], which a
//! machine implements; everything that takes a turn is the machine's own affair.
//!
//! Knows nothing of turns, queues or timers.

use crate::choice::{Kind, Options, Question};
use crate::id::{FutureId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::machine::{Access, Object};
use crate::time::{Nanos, Time};
use crate::trace::What;

use super::memory::{Frame, Progress, Source};
use super::show::{DEEPEST_LIST, Lookup, display, text_of};
use super::{
    Attribute, Body, Callable, Comparison, Deferred, Error, ErrorType, Expr, ExprId, FrameId, Inquiry, Library, Local,
    Memory, Op, Operation, Piece, Place, Program, ReturnWhen, Slot, Strike, Text, Value, When,
};

/// What a frame does next, as far as its machine is concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// It sleeps for a length from `min` to `max`, both included; a sleep of 0 only yields.
    Sleep {
        /// The least.
        min: Nanos,
        /// The most.
        max: Nanos,
    },
    /// It awaits a future, and is resumed with its result.
    Await(FutureId),
    /// It waits for some of a list of handles, which may name one twice. It is resumed with the list of done ones, and
    /// the pending ones are in the list with the next id.
    Wait {
        /// A list of its own.
        over: ListId,
        /// At most this long.
        timeout: Option<Nanos>,
        /// What it waits for.
        return_when: ReturnWhen,
    },
    /// It asks a host for what is at a URL, and is resumed with the status.
    Get {
        /// The URL.
        url: TextId,
        /// At most this long.
        timeout: Option<Nanos>,
    },
    /// It runs a coroutine in place, and is resumed with what that returns.
    Call(InstanceId, Source),
    /// It calls asyncio's library, and is resumed with what that gives.
    Library(Library),
    /// It returned.
    Returned(Value),
    /// It raised.
    Raised(Error),
    /// The program has executed all the steps that it may.
    OutOfSteps,
}

/// How a future stands, without taking anything out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FutureState {
    /// Not done.
    Pending,
    /// Done, with a result.
    Finished,
    /// Done, with an error.
    Failed,
    /// Cancelled.
    Cancelled,
}

/// What a body can do without waiting. A machine implements it for the task that it is running.
pub trait Effects {
    /// The memory that the bodies share.
    fn memory(&mut self) -> &mut Memory;
    /// The same, to be read.
    fn memory_ref(&self) -> &Memory;
    /// The task that runs.
    fn current(&self) -> TaskId;
    /// The future of the task that runs.
    fn current_future(&self) -> FutureId;
    /// The virtual time.
    fn now(&self) -> Time;
    /// Records what happened.
    fn record(&mut self, what: What);
    /// Puts a question, and records it with its answer.
    fn ask(&mut self, question: &Question<'_>) -> u64;
    /// Makes a task of an instance's coroutine; where tasks start at once, it has run until it waited.
    ///
    /// # Errors
    ///
    /// What that has raised, if it is what leaves even the loop.
    fn spawn(&mut self, instance: InstanceId, source: Source) -> Result<FutureId, Error>;
    /// Whether a task that starts at once would be one too many that have been started within each other.
    fn is_deepest_start(&self) -> bool {
        false
    }
    /// Asks for cancellation; whether it was accepted.
    ///
    /// # Errors
    ///
    /// `TypeError` where the profile's `cancel` takes no message.
    fn cancel(&mut self, future: FutureId, message: Option<TextId>) -> Result<bool, Error>;
    /// Cancels every task that is not done, but the current one.
    ///
    /// # Errors
    ///
    /// As [`Effects::cancel`].
    fn cancel_all(&mut self, message: Option<TextId>) -> Result<(), Error>;
    /// Where tasks start at once, a gather has to do with a child before the next one is made: its number, for
    /// [`Effects::give_child`].
    fn open_gather(&mut self) -> Option<u32> {
        None
    }
    /// An open gather has its next child.
    fn give_child(&mut self, gather: u32, child: FutureId) {
        unreachable!("gather {gather} was opened for {child:?}")
    }
    /// Gathers a list of handles: an open gather has been given them, otherwise the `new` newest tasks were made of
    /// coroutines for it.
    fn gather(&mut self, open: Option<u32>, children: ListId, new: u32, return_exceptions: bool) -> FutureId;
    /// How a future stands.
    fn state(&self, future: FutureId) -> FutureState;
    /// `future.result()`, which may take the error out of a cancelled task.
    ///
    /// # Errors
    ///
    /// What the future failed with, its cancellation, or `InvalidStateError`.
    fn result(&mut self, future: FutureId) -> Result<Value, Error>;
    /// `future.exception()`, likewise.
    ///
    /// # Errors
    ///
    /// The future's cancellation, or `InvalidStateError`.
    fn exception(&mut self, future: FutureId) -> Result<Value, Error>;
    /// A value as an event can hold it: a list, which may change later, becomes its text, and a tuple as well.
    fn without_list(&mut self, program: &Program, value: Value) -> Value
    where
        Self: Sized,
    {
        let (Value::List(_) | Value::Tuple(_)) = value else { return value };
        let mut shown = String::new();
        super::repr(program, self, value, &mut shown);
        Value::Text(self.memory().texts.intern(&shown))
    }
    /// Puts a list that stands for a set into the order in which it is walked.
    fn order_set(&mut self, list: ListId);
    /// The coroutine of the task whose future this is; nothing for a gather's.
    fn instance_of(&self, future: FutureId) -> Option<InstanceId>;
    /// What an object says of itself.
    fn inquire(&mut self, object: ObjectId, inquiry: Inquiry) -> Value;
    /// `task.cancelling()`; nothing for what is no task.
    fn cancelling(&self, future: FutureId) -> Option<u32>;
    /// Why a task group takes no more tasks, if it does not.
    fn group_refusal(&mut self, group: u32) -> Option<String>;
    /// Makes a task one of a group's.
    fn add_to_group(&mut self, group: u32, task: FutureId);
    /// `timeout.expired()`
    fn expired(&mut self, timeout: u32) -> bool;
    /// `handle.cancel()` of a callback.
    fn call_off(&mut self, callback: u32);
    /// `handle.cancelled()` of a callback.
    fn is_called_off(&mut self, callback: u32) -> bool;
    /// How many futures `as_completed` has not given away.
    fn completions_left(&self, iterator: u32) -> u32;
    /// An operation is about to be executed that is more than fetching the next one; for a machine that is searched.
    fn touch_op(&mut self, _: &Op) {}
    /// It touches this.
    fn touch(&mut self, _: Object, _: Access) {}
}

/// What a machine's values name is in its memory.
impl<R: Effects> Lookup for R {
    fn made_text(&self, id: TextId) -> Option<&str> {
        self.memory_ref().texts.get(id)
    }

    fn items(&self, id: ListId) -> Option<&[Value]> {
        Some(self.memory_ref().list(id))
    }

    fn instance_of(&self, future: FutureId) -> Option<InstanceId> {
        Effects::instance_of(self, future)
    }

    fn group_parts(&self, group: Error) -> Option<(&str, ListId)> {
        self.memory_ref().group_parts(group)
    }
}

/// What Python says of a coroutine that has ended.
const SPENT: &str = "cannot reuse already awaited coroutine";

/// One that has not: in Python whoever comes next takes a step of it, whatever it waits for on behalf of the others.
const STARTED_TWICE: &str = "a coroutine that has not ended cannot be started again here";

/// How deep coroutines may call each other, as Python's recursion limit.
const DEEPEST_CALL: u32 = 1000;

/// Runs a frame from where it is: at its start, or at the operation that waited, with what it waited for.
///
/// What most steps are is executed right here; the rest, and everything that can raise, is in `Run::execute`.
#[inline(always)]
pub fn resume<R: Effects>(program: &Program, rt: &mut R, frame: FrameId, input: Result<Value, Error>) -> Next {
    let state = &mut rt.memory().frames[frame.0 as usize];
    let Frame { instance, source, body, consts, locals, mut pc, begun, .. } = *state;
    state.begun = true;
    if source == Source::Spent {
        let message = Some(rt.memory().texts.intern(SPENT));
        return Next::Raised(Error { ty: ErrorType::RUNTIME_ERROR, message });
    }
    let body = &program.bodies[body as usize];
    // An error that arrives before the first operation finds no guard: no line of an unstarted coroutine runs.
    if let Err(error) = input
        && (!begun || body.guards.is_empty())
    {
        return Next::Raised(error);
    }
    let consts = &program.consts[consts as usize..];
    // Made where it is needed: most operations do without.
    macro_rules! run {
        () => {
            Run { program, rt, frame, instance, body, consts, locals }
        };
    }

    let mut raised = None;
    match input {
        Ok(value) if begun => {
            match &body.ops[pc as usize] {
                Op::Sleep { .. } => {}
                op => run!().bind_input(op, value),
            }
            pc += 1;
        }
        Ok(_) => {}
        Err(error) => raised = Some(error),
    }
    let next = 'frame: loop {
        if let Some(error) = raised {
            let Some(guard) = body.guards.iter().find(|guard| guard.from <= pc && pc < guard.to) else {
                break Next::Raised(error);
            };
            run!().bind(guard.error, Value::Error(error));
            pc = guard.target;
        }
        // Until an operation raises.
        raised = loop {
            if !rt.memory().take_step() {
                break 'frame Next::OutOfSteps;
            }
            match body.ops[pc as usize] {
                Op::Print(Text::Const(slot)) => {
                    let text = constant_text(consts, slot);
                    rt.record(What::Printed { task: rt.current(), text });
                    pc += 1;
                }
                Op::Sleep { min, max } => {
                    let shortest = nanos(consts, min);
                    let longest = if min == max { shortest } else { nanos(consts, max) };
                    break 'frame Next::Sleep { min: shortest, max: longest };
                }
                Op::Jump(to) => pc = to,
                Op::Point(point) if program.actions_at(instance, point).is_empty() => pc += 1,
                Op::NextItem { cursor, item, done } => {
                    pc = if next_item(rt.memory(), locals, cursor, item) { pc + 1 } else { done };
                }
                ref op => {
                    let flow = run!().execute(op);
                    if !rt.memory().has_steps_left() {
                        break 'frame Next::OutOfSteps;
                    }
                    match flow {
                        Ok(Flow::On) => pc += 1,
                        Ok(Flow::To(to)) => pc = to,
                        Ok(Flow::Out(next)) => break 'frame next,
                        Err(error) => break Some(error),
                    }
                }
            }
        };
    };
    rt.memory().frames[frame.0 as usize].pc = pc;
    next
}

/// Binds the next item of a loop, if there is one.
#[inline(always)]
fn next_item(memory: &mut Memory, locals: u32, cursor: Local, item: Local) -> bool {
    let place = |local: Local| locals as usize + usize::from(local.0);
    let Value::Int(at) = memory.locals[place(cursor)] else { unreachable!("a cursor counts") };
    let next = match memory.locals[place(cursor) + 1] {
        Value::Int(end) => (at < end).then_some(Value::Int(at)),
        Value::List(list) => memory.list(list).get(at as usize).copied(),
        other => unreachable!("{other:?} is not iterable"),
    };
    let Some(value) = next else { return false };
    memory.locals[place(cursor)] = Value::Int(at + 1);
    memory.locals[place(item)] = value;
    true
}

fn constant_text(consts: &[Value], slot: Slot) -> TextId {
    match consts[slot.0 as usize] {
        Value::Text(text) => text,
        other => unreachable!("a text is a text, not {other:?}"),
    }
}

#[inline(always)]
fn nanos(consts: &[Value], slot: Slot) -> Nanos {
    match consts[slot.0 as usize] {
        Value::Int(nanos) => Nanos(nanos as u64),
        other => unreachable!("a length is an integer, not {other:?}"),
    }
}

fn object_in(consts: &[Value], slot: Slot) -> ObjectId {
    match consts[slot.0 as usize] {
        Value::Int(object) => ObjectId(object as u32),
        other => unreachable!("an object is told by its number, not {other:?}"),
    }
}

/// Where an operation leads.
enum Flow {
    /// To the next one.
    On,
    /// To another one.
    To(u32),
    /// Out of the frame.
    Out(Next),
}

struct Run<'a, R> {
    program: &'a Program,
    rt: &'a mut R,
    frame: FrameId,
    instance: InstanceId,
    body: &'a Body,
    /// The instance's constants, and those of the instances after it.
    consts: &'a [Value],
    /// Where the frame's locals begin.
    locals: u32,
}

impl<R: Effects> Run<'_, R> {
    /// Takes what the frame is resumed with to the operation that waited for it.
    fn bind_input(&mut self, op: &Op, value: Value) {
        match *op {
            Op::Await { into: Some(local), .. }
            | Op::Get { into: Some(local), .. }
            | Op::Use { into: Some(local), .. }
            | Op::WaitFor { into: Some(local), .. }
            | Op::Shield { into: Some(local), .. }
            | Op::Uncancel { into: Some(local), .. }
            | Op::Schedule { into: Some(local), .. }
            | Op::RemoveCallback { into: Some(local), .. }
            | Op::AsCompleted { into: local, .. }
            | Op::NextCompleted { item: local, .. }
            | Op::EnterTimeout { into: local, .. }
            | Op::EnterGroup { into: local } => self.bind(local, value),
            Op::Wait { done, pending, .. } => {
                let Value::List(ListId(id)) = value else { unreachable!("a wait gives lists") };
                if let Some(local) = done {
                    self.bind(local, value);
                }
                if let Some(local) = pending {
                    self.bind(local, Value::List(ListId(id + 1)));
                }
            }
            _ => {}
        }
    }

    fn bind(&mut self, local: Local, value: Value) {
        self.rt.memory().locals[self.locals as usize + usize::from(local.0)] = value;
    }

    fn local(&self, local: Local) -> Value {
        self.rt.memory_ref().locals[self.locals as usize + usize::from(local.0)]
    }

    #[inline(never)]
    fn execute(&mut self, op: &Op) -> Result<Flow, Error> {
        self.rt.touch_op(op);
        match *op {
            Op::Print(text) => {
                let text = self.text(text)?;
                self.rt.record(What::Printed { task: self.rt.current(), text });
            }
            Op::Sleep { .. } | Op::Jump(_) | Op::NextItem { .. } => {
                unreachable!("executed where operations are fetched")
            }
            Op::Point(point) => self.point(point)?,
            Op::Raise { ty, message } => {
                let message = message.map(|text| self.text(text)).transpose()?;
                return Err(self.raised(Error { ty, message }));
            }
            Op::Reraise(local) => {
                let Value::Error(error) = self.local(local) else { unreachable!("a guard keeps errors") };
                return Err(error);
            }
            Op::Return(value) => return Ok(Flow::Out(Next::Returned(self.eval(value)?))),
            Op::Spawn { what, group: Some(group), into } => {
                let Value::TaskGroup(group) = self.eval(group)? else {
                    return Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this has no attribute 'create_task'"));
                };
                let started = match self.eval(what)? {
                    Value::List(list) => self.each_started(list, |run, one| run.start_in(group, one))?,
                    one => Value::Handle(self.start_in(group, one)?),
                };
                if let Some(local) = into {
                    self.bind(local, started);
                }
            }
            Op::Spawn { what, into, .. } => {
                let started = match self.eval(what)? {
                    Value::List(list) => self.each_started(list, Self::start_new)?,
                    one => Value::Handle(self.start_new(one)?),
                };
                if let Some(local) = into {
                    self.bind(local, started);
                }
            }
            Op::Await { what, .. } => return self.await_value(op, what),
            Op::Cancel { what, message, accepted } => {
                let result = match self.eval(what)? {
                    Value::Handle(future) => {
                        let message = message.map(|text| self.text(text)).transpose()?;
                        Value::Bool(self.rt.cancel(future, message)?)
                    }
                    other => self.call_off(other, message)?,
                };
                if let Some(local) = accepted {
                    self.bind(local, result);
                }
            }
            Op::CancelAll { message } => {
                let message = message.map(|text| self.text(text)).transpose()?;
                self.rt.cancel_all(message)?;
            }
            Op::Gather { what, return_exceptions, into } => {
                let Value::List(list) = self.eval(what)? else {
                    return Err(self.error(ErrorType::TYPE_ERROR, "gather takes a list"));
                };
                let open = self.rt.open_gather();
                let (children, new) = self.start_all(list, open)?;
                let future = self.rt.gather(open, children, new, return_exceptions);
                if let Some(local) = into {
                    self.bind(local, Value::Handle(future));
                }
            }
            Op::Wait { what, timeout, return_when, .. } => {
                let Value::List(list) = self.eval(what)? else {
                    return Err(self.error(ErrorType::TYPE_ERROR, "wait takes a list"));
                };
                let over = self.wait_set(list)?;
                let timeout = timeout.map(|slot| nanos(self.consts, slot));
                return Ok(Flow::Out(Next::Wait { over, timeout, return_when }));
            }
            Op::Get { url, timeout, .. } => {
                let url = self.text(url)?;
                if self.program.network.is_none() {
                    return Err(self.error(ErrorType::OS_ERROR, "Network is unreachable"));
                }
                let timeout = timeout.map(|slot| nanos(self.consts, slot));
                return Ok(Flow::Out(Next::Get { url, timeout }));
            }
            Op::Set { place, value } => {
                let value = self.eval(value)?;
                match place {
                    Place::Local(local) => self.bind(local, value),
                    Place::Shared(shared) => self.rt.memory().shared[usize::from(shared)] = value,
                }
            }
            Op::Append { list, item } => {
                let list = self.list(list)?;
                let item = self.item(item)?;
                self.rt.memory().list_mut(list).push(item);
            }
            Op::Remove { list, item } => {
                let list = self.list(list)?;
                let item = self.eval(item)?;
                let found = self.rt.memory_ref().list(list).iter().position(|&other| self.equal(other, item));
                match found {
                    Some(at) => _ = self.rt.memory().list_mut(list).remove(at),
                    None => return Err(self.error(ErrorType::VALUE_ERROR, "list.remove(x): x not in list")),
                }
            }
            Op::Assert { condition, message } => {
                if !self.truth(condition)? {
                    let message = message.map(|text| self.text(text)).transpose()?;
                    return Err(self.raised(Error { ty: ErrorType::ASSERTION_ERROR, message }));
                }
            }
            Op::JumpUnless { condition, to } => {
                if !self.truth(condition)? {
                    return Ok(Flow::To(to));
                }
            }
            Op::JumpUnlessCaught { error: local, ty, to } => {
                let Value::Error(error) = self.local(local) else { unreachable!("a guard keeps errors") };
                if !self.program.error_types.is_a(error.ty, ty) {
                    return Ok(Flow::To(to));
                }
                self.rt.record(What::Caught { task: self.rt.current(), error, clause: ty });
            }
            Op::JumpUnlessSplit { rest, ty, matched, to } => {
                let Value::Error(error) = self.local(rest) else { return Ok(Flow::To(to)) };
                let types = &self.program.error_types;
                let (caught, left) = self.rt.memory().split_error(types, error, ty);
                let Some(caught) = caught else { return Ok(Flow::To(to)) };
                self.rt.record(What::Caught { task: self.rt.current(), error: caught, clause: ty });
                self.bind(matched, Value::Error(caught));
                self.bind(rest, left.map_or(Value::None, Value::Error));
            }
            Op::EndStar { error, rest, raised } => {
                let (Value::Error(error), Value::List(raised)) = (self.local(error), self.local(raised)) else {
                    unreachable!("a guard keeps errors")
                };
                let rest = if let Value::Error(rest) = self.local(rest) { Some(rest) } else { None };
                let types = &self.program.error_types;
                if let Some(error) = self.rt.memory().end_of_star(types, error, raised, rest) {
                    return Err(error);
                }
            }
            Op::Iterate { from, over, cursor } => {
                let first = from.map_or(Ok(Value::Int(0)), |from| self.eval(from))?;
                let over = match (from, first, self.eval(over)?) {
                    (Some(_), Value::Int(_), end @ Value::Int(_)) => end,
                    (None, _, list @ Value::List(_)) => list,
                    (None, _, Value::Tuple(items)) => Value::List(items),
                    (None, _, Value::Text(text)) => self.characters(text),
                    _ => return Err(self.error(ErrorType::TYPE_ERROR, "this is not iterable")),
                };
                if let Value::List(list) = over
                    && self.rt.memory().take_unordered(list)
                {
                    self.rt.order_set(list);
                }
                self.bind(cursor, first);
                self.bind(Local(cursor.0 + 1), over);
            }
            Op::Cleanup { finally, stage } => {
                self.rt.record(What::Cleanup { task: self.rt.current(), instance: self.instance, finally, stage });
            }
            Op::Coroutines(local) => {
                let list = self.rt.memory().new_list();
                let coroutines = (1..self.program.instances.len() as u32).map(|at| Value::Coroutine(InstanceId(at)));
                self.rt.memory().list_mut(list).extend(coroutines);
                self.bind(local, Value::List(list));
            }
            Op::Use { operation, object, value, .. } => {
                let value = value.map_or(Ok(Value::None), |value| self.eval(value))?;
                let object = object_in(self.consts, object);
                return self.library(match operation {
                    Operation::SetResult => Library::Settle(self.program.bare_future(object), Ok(value)),
                    _ => Library::Use { operation, object, value },
                });
            }
            Op::SetException { object, ty, message } => {
                let message = message.map(|text| self.text(text)).transpose()?;
                let future = self.program.bare_future(object_in(self.consts, object));
                return self.library(Library::Settle(future, Err(Error { ty, message })));
            }
            Op::WaitFor { what, timeout, .. } => {
                let what = self.eval(what)?;
                let future = self.start(what)?;
                return self.library(Library::WaitFor { future, timeout: nanos(self.consts, timeout) });
            }
            Op::Shield { what, .. } => {
                let what = self.eval(what)?;
                let future = self.start(what)?;
                return self.library(Library::Shield(future));
            }
            Op::Uncancel { what, .. } => {
                let Value::Handle(future) = self.eval(what)? else {
                    return Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this has no attribute 'uncancel'"));
                };
                return self.library(Library::Uncancel(future));
            }
            Op::EnterTimeout { length, .. } => {
                return self.library(Library::EnterTimeout(length.map(|length| nanos(self.consts, length))));
            }
            Op::EnterGroup { .. } => return self.library(Library::EnterGroup),
            Op::Reschedule { what, length } => {
                let Value::Timeout(timeout) = self.eval(what)? else {
                    return Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this has no attribute 'reschedule'"));
                };
                return self.library(Library::Reschedule(timeout, length.map(|length| nanos(self.consts, length))));
            }
            Op::Schedule { when, what, .. } => {
                // Python works out what is called before it looks for the method that takes it.
                let done = match when {
                    When::Done(future) => Some(self.eval(future)?),
                    _ => None,
                };
                if let Some(value) = done
                    && !matches!(value, Value::Handle(_))
                {
                    return Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this has no attribute 'add_done_callback'"));
                }
                let what = self.callable(self.program.deferred[what as usize])?;
                return self.library(match (when, done) {
                    (_, Some(Value::Handle(future))) => Library::CallWhenDone(what, future),
                    (When::Later(length), _) => Library::Call(what, Some(nanos(self.consts, length))),
                    _ => Library::Call(what, None),
                });
            }
            Op::RemoveCallback { what, from, .. } => {
                let Value::Handle(future) = self.eval(from)? else {
                    return Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this has no attribute 'remove_done_callback'"));
                };
                let callback = match self.eval(what)? {
                    Value::Function(callback) => Some(callback),
                    _ => None,
                };
                return self.library(Library::RemoveCallback(callback, future));
            }
            Op::AsCompleted { what, timeout, .. } => {
                let Value::List(list) = self.eval(what)? else {
                    return Err(self.error(ErrorType::TYPE_ERROR, "as_completed takes a list"));
                };
                let over = self.start_all(list, None)?.0;
                let timeout = timeout.map(|timeout| nanos(self.consts, timeout));
                return self.library(Library::AsCompleted(over, timeout));
            }
            Op::NextCompleted { iterator, done, .. } => {
                let Value::Int(iterator) = self.local(iterator) else { unreachable!("an iterator has a number") };
                if self.rt.completions_left(iterator as u32) == 0 {
                    return Ok(Flow::To(done));
                }
                return self.library(Library::NextCompleted(iterator as u32));
            }
            Op::Leave { manager, error, .. } => {
                let error = error.map(|local| match self.local(local) {
                    Value::Error(error) => error,
                    other => unreachable!("a guard keeps errors, not {other:?}"),
                });
                return self.library(Library::Leave(self.local(manager), error));
            }
        }
        Ok(Flow::On)
    }

    /// `cancel()` of what is no future.
    fn call_off(&mut self, what: Value, message: Option<Text>) -> Result<Value, Error> {
        let Value::Callback(callback) = what else {
            return Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this has no attribute 'cancel'"));
        };
        if let Some(message) = message {
            self.text(message)?;
            return Err(self.error(ErrorType::TYPE_ERROR, Callable::NO_MESSAGE));
        }
        self.rt.call_off(callback);
        Ok(Value::None)
    }

    /// What `cancel()` is to be called on when a callback is made.
    fn cancellable(&mut self, what: ExprId, message: Option<Text>) -> Result<Callable, Error> {
        let what = self.eval(what)?;
        if !matches!(what, Value::Handle(_) | Value::Callback(_)) {
            return Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this has no attribute 'cancel'"));
        }
        let message = message.map(|text| self.text(text)).transpose()?;
        Ok(match what {
            Value::Handle(future) => Callable::Cancel(future, message),
            Value::Callback(callback) => Callable::CallOff { callback, has_message: message.is_some() },
            other => unreachable!("{other:?} has been refused"),
        })
    }

    /// What a callback is going to do, and with what.
    fn callable(&mut self, what: Deferred) -> Result<Callable, Error> {
        Ok(match what {
            Deferred::Print(text) => Callable::Print(self.text(text)?),
            Deferred::Cancel { what, message } => self.cancellable(what, message)?,
            Deferred::Use { operation, object, value } => {
                let value = value.map_or(Ok(Value::None), |value| self.eval(value))?;
                let object = object_in(self.consts, object);
                match operation {
                    Operation::SetResult => Callable::Settle(self.program.bare_future(object), Ok(value)),
                    _ => Callable::Use { operation, object, value },
                }
            }
            Deferred::SetException { object, ty, message } => {
                let message = message.map(|text| self.text(text)).transpose()?;
                let future = self.program.bare_future(object_in(self.consts, object));
                Callable::Settle(future, Err(Error { ty, message }))
            }
        })
    }

    fn library(&mut self, call: Library) -> Result<Flow, Error> {
        Ok(Flow::Out(Next::Library(call)))
    }

    /// Lets strike what the scenario has in store for this point.
    fn point(&mut self, point: u16) -> Result<(), Error> {
        for action in self.program.actions_at(self.instance, point) {
            if self.rt.now() < action.from || !action.asked.is_none_or(|failure| self.fires(failure, point)) {
                continue;
            }
            let task = self.rt.current();
            self.rt.record(What::Struck { task, instance: self.instance, point });
            if let Some(text) = action.print {
                self.rt.record(What::Printed { task, text });
            }
            match action.strike {
                Strike::Raise(error) => return Err(self.raised(error)),
                Strike::Cancel(victim, message) => {
                    self.rt.touch(Object::Instance(victim), Access::Looks);
                    if let Some(future) = self.rt.memory().newest(victim) {
                        self.rt.cancel(future, message)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether an injected failure fires here, if it still may.
    fn fires(&mut self, failure: u16, point: u16) -> bool {
        self.rt.touch(Object::Failure(failure), Access::Changes);
        let at = usize::from(failure);
        if self.rt.memory().fires_left[at] == 0 {
            return false;
        }
        let options = Options::Fire { per_million: self.program.failures[at].per_million };
        let question = Question { kind: Kind::Failure, subject: self.rt.current(), site: point, options };
        let fires = self.rt.ask(&question) != 0;
        self.rt.memory().fires_left[at] -= u32::from(fires);
        fires
    }

    fn await_value(&mut self, op: &Op, what: ExprId) -> Result<Flow, Error> {
        let awaited = self.eval(what)?;
        self.looks_at(awaited);
        match awaited {
            // Awaiting something done takes no turn, and cannot be cancelled.
            Value::Handle(future) if self.rt.state(future) != FutureState::Pending => {
                let value = self.taken(future)?;
                self.bind_input(op, value);
                Ok(Flow::On)
            }
            Value::Handle(future) => Ok(Flow::Out(Next::Await(future))),
            Value::Coroutine(_) | Value::Call(_) if self.is_deepest() => {
                Err(self.error(ErrorType::RECURSION_ERROR, "maximum recursion depth exceeded"))
            }
            Value::Call(instance) => Ok(Flow::Out(Next::Call(instance, Source::Call))),
            Value::Coroutine(instance) => match self.rt.memory().start_object(instance) {
                Progress::Unstarted => Ok(Flow::Out(Next::Call(instance, Source::Object))),
                Progress::Started => Err(self.error(ErrorType::RUNTIME_ERROR, STARTED_TWICE)),
                Progress::Ended => Err(self.error(ErrorType::RUNTIME_ERROR, SPENT)),
            },
            _ => Err(self.error(ErrorType::TYPE_ERROR, "this can't be used in 'await' expression")),
        }
    }

    /// Notes that something depends on what this value names.
    fn looks_at(&mut self, value: Value) {
        match value {
            Value::Handle(future) => self.rt.touch(Object::Future(future), Access::Looks),
            Value::Coroutine(instance) => self.rt.touch(Object::Instance(instance), Access::Changes),
            _ => {}
        }
    }

    fn is_deepest(&self) -> bool {
        self.rt.memory_ref().depth(self.frame) >= DEEPEST_CALL
    }

    /// Makes a task of a coroutine; a handle stays what it is.
    fn start(&mut self, value: Value) -> Result<FutureId, Error> {
        self.looks_at(value);
        match value {
            Value::Handle(future) => Ok(future),
            Value::Call(_) | Value::Coroutine(_) if self.rt.is_deepest_start() => {
                Err(self.error(ErrorType::RECURSION_ERROR, "maximum recursion depth exceeded"))
            }
            Value::Call(instance) => self.rt.spawn(instance, Source::Call),
            Value::Coroutine(instance) => match self.rt.memory().start_object(instance) {
                Progress::Unstarted => self.rt.spawn(instance, Source::Object),
                Progress::Started => Err(self.error(ErrorType::RUNTIME_ERROR, STARTED_TWICE)),
                Progress::Ended => self.rt.spawn(instance, Source::Spent),
            },
            _ => Err(self.error(ErrorType::TYPE_ERROR, "a coroutine was expected")),
        }
    }

    /// `create_task`, which takes no task.
    fn start_new(&mut self, value: Value) -> Result<FutureId, Error> {
        if let Value::Handle(_) = value {
            return Err(self.error(ErrorType::TYPE_ERROR, "a coroutine was expected"));
        }
        self.start(value)
    }

    /// A list with a task for each item of one that may still grow.
    fn each_started(
        &mut self,
        list: ListId,
        start: impl Fn(&mut Self, Value) -> Result<FutureId, Error>,
    ) -> Result<Value, Error> {
        let started = self.rt.memory().new_list();
        let count = self.rt.memory_ref().list(list).len();
        self.rt.memory().charge_items(count);
        let mut at = 0;
        while let Some(&one) = self.rt.memory_ref().list(list).get(at) {
            let task = start(self, one)?;
            self.rt.memory().list_mut(started).push(Value::Handle(task));
            at += 1;
        }
        Ok(Value::List(started))
    }

    /// Makes a task of a coroutine, for a task group.
    fn start_in(&mut self, group: u32, value: Value) -> Result<FutureId, Error> {
        if let Some(why) = self.rt.group_refusal(group) {
            return Err(self.error(ErrorType::RUNTIME_ERROR, &why));
        }
        let task = self.start_new(value)?;
        self.rt.add_to_group(group, task);
        Ok(task)
    }

    /// A new list with a task for each coroutine of `list`, and how many tasks that made; the same coroutine object
    /// twice is the same task. An open gather is given each as soon as it is there.
    fn start_all(&mut self, list: ListId, open: Option<u32>) -> Result<(ListId, u32), Error> {
        let memory = self.rt.memory();
        let started = memory.new_list();
        let count = memory.list(list).len();
        memory.charge_items(count);
        let mut handles = std::mem::take(memory.list_mut(started));
        handles.reserve(count);
        let mut new = 0;
        // What starts at once may change the list.
        let list = if self.program.eager_tasks { self.rt.memory().copy_of(list) } else { list };
        for at in 0..count {
            let items = self.rt.memory_ref().list(list);
            let item = items[at];
            self.looks_at(item);
            let items = self.rt.memory_ref().list(list);
            let handle = match item {
                Value::Handle(_) => item,
                // One that has not been started is not further up: nothing needs to be looked for.
                Value::Coroutine(instance)
                    if self.rt.memory_ref().is_started(instance)
                        && let Some(earlier) = items[..at].iter().position(|&earlier| earlier == item) =>
                {
                    handles[earlier]
                }
                _ => {
                    new += 1;
                    Value::Handle(self.start(item)?)
                }
            };
            if let (Some(gather), Value::Handle(child)) = (open, handle) {
                self.rt.give_child(gather, child);
            }
            handles.push(handle);
        }
        *self.rt.memory().list_mut(started) = handles;
        Ok((started, new))
    }

    /// What `wait` waits for, as handles.
    fn wait_set(&mut self, list: ListId) -> Result<ListId, Error> {
        let takes_coroutines = self.program.profile.wait_takes_coroutines;
        if self.rt.memory_ref().list(list).is_empty() {
            let kind = if takes_coroutines { "coroutines" } else { "Tasks" };
            return Err(self.error(ErrorType::VALUE_ERROR, &format!("Set of {kind}/Futures is empty.")));
        }
        let all_handles = self.rt.memory_ref().list(list).iter().all(|item| matches!(item, Value::Handle(_)));
        if !all_handles && !takes_coroutines {
            let message = "Passing coroutines is forbidden, use tasks explicitly.";
            return Err(self.error(ErrorType::TYPE_ERROR, message));
        }
        Ok(self.start_all(list, None)?.0)
    }

    /// A text as the list that it is to a loop.
    fn characters(&mut self, text: TextId) -> Value {
        let all = text_of(self.program, self.rt, text).to_owned();
        let list = self.rt.memory().new_list();
        for character in all.chars() {
            let text = self.rt.memory().texts.intern(character.encode_utf8(&mut [0; 4]));
            self.rt.memory().list_mut(list).push(Value::Text(text));
        }
        Value::List(list)
    }

    fn list(&mut self, expr: ExprId) -> Result<ListId, Error> {
        match self.eval(expr)? {
            Value::List(list) => Ok(list),
            _ => Err(self.error(ErrorType::ATTRIBUTE_ERROR, "this is not a list")),
        }
    }

    /// What goes into a list: anything but another list, so that no list is part of itself.
    fn item(&mut self, expr: ExprId) -> Result<Value, Error> {
        match self.eval(expr)? {
            Value::List(_) => Err(self.error(ErrorType::TYPE_ERROR, "a list cannot be an item of a list")),
            item => Ok(item),
        }
    }

    fn raised(&mut self, error: Error) -> Error {
        self.rt.record(What::Raised { task: self.rt.current(), error });
        error
    }

    /// An error that Python itself would raise here.
    fn error(&mut self, ty: ErrorType, message: &str) -> Error {
        let message = Some(self.rt.memory().texts.intern(message));
        self.raised(Error { ty, message })
    }

    fn truth(&mut self, expr: ExprId) -> Result<bool, Error> {
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

    fn equal(&self, a: Value, b: Value) -> bool {
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
    fn eval(&mut self, expr: ExprId) -> Result<Value, Error> {
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
    fn taken(&mut self, future: FutureId) -> Result<Value, Error> {
        self.takes(future);
        self.rt.result(future).map_err(|error| self.raised(error))
    }

    /// Records that what a future holds is asked for, if it holds something.
    fn takes(&mut self, future: FutureId) {
        if self.rt.state(future) != FutureState::Pending {
            self.rt.record(What::Taken { task: self.rt.current(), future });
        }
    }

    fn text(&mut self, text: Text) -> Result<TextId, Error> {
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
