//! What a body does next: the interpreter of operations and expressions, written once for all machines.
//!
//! [`resume`] runs a frame until it waits, calls another coroutine in place, or ends, and says which as [`Next`].
//! Everything that happens at once (printing, spawning, cancelling, asking a handle) goes through [`Effects`], which a
//! machine implements; everything that takes a turn is the machine's own affair.
//!
//! Knows nothing of turns, queues or timers.

mod evaluate;
mod start;

use crate::choice::{Kind, Options, Question};
use crate::id::{FutureId, InstanceId, ListId, ObjectId, TextId};
use crate::machine::{Access, Object};
use crate::time::Nanos;
use crate::trace::What;

use super::effects::{Effects, Next};
use super::memory::{Frame, Source};
use super::show::Lookup;
use super::{
    Body, Callable, Deferred, Error, ErrorType, ExprId, FrameId, Library, Local, Memory, Op, Operation, Place, Program,
    Slot, Strike, Text, Value, When,
};

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

    fn put(&mut self, place: Place, value: Value) {
        match place {
            Place::Local(local) => self.bind(local, value),
            Place::Shared(shared) => self.rt.memory().shared[usize::from(shared)] = value,
        }
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
                self.put(place, value);
            }
            Op::Add { place, before, amount } => {
                let (before, amount) = (self.eval(before)?, self.eval(amount)?);
                let sum = match before {
                    Value::List(list) => self.grown(list, amount)?,
                    before => self.sum(before, amount)?,
                };
                self.put(place, sum);
            }
            Op::Append { list, item } => {
                let list = self.list(list)?;
                let item = self.item(item)?;
                self.rt.memory().list_mut(list).push(item);
            }
            Op::Remove { list, item } => {
                let list = self.list(list)?;
                let (item, is_new) = (self.eval(item)?, self.is_new_call(item));
                match self.position(list, item, is_new)? {
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
                let over = self.eval(over)?;
                let (first, over) = match (from, first.as_int(), over.as_int()) {
                    (Some(_), Some(first), Some(end)) => (Value::Int(first), Value::Int(end)),
                    (Some(_), ..) => {
                        return Err(self.error(ErrorType::TYPE_ERROR, "range takes integers"));
                    }
                    (None, ..) => (first, Value::List(self.walked(over)?)),
                };
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
                let future = self.start_unfound(what)?;
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
}
