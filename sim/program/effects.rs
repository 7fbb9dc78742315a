//! What a body can do besides waiting, and what it waits for: all that the interpreter and a machine say to each other.
//!
//! Knows nothing of how either of them does it.

use crate::choice::Question;
use crate::id::{FutureId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::machine::{Access, Object};
use crate::time::{Nanos, Time};
use crate::trace::What;

use super::memory::{Found, Source};
use super::{Error, Inquiry, Library, Memory, Op, Program, ReturnWhen, Value};

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
    fn spawn(&mut self, instance: InstanceId, source: Source, found: Found) -> Result<FutureId, Error>;
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
