//! Callbacks of the program's own: `call_soon`, `call_later`, `add_done_callback`. Each is called on no task at all, and what
//! it raises goes to the loop's exception handler.
//!
//! Knows nothing of where a program makes one.

use super::cancel::TooDeep;
use super::timeout::Then;
use super::{Callback, EventLoop, Handle, Timer};
use crate::id::{FutureId, TaskId, TextId};
use crate::program::{Callable, Error, ErrorType, Messages, Value};
use crate::time::Nanos;
use crate::trace::{Requester, What};

impl EventLoop<'_> {
    /// `loop.call_soon(…)`, or `loop.call_later(…)` with a length.
    pub(super) fn call(&mut self, by: TaskId, what: Callable, length: Option<Nanos>) -> Value {
        let callback = self.add_deadline(Then::Call(by, what));
        match length {
            Some(length) => self.arm(callback, self.now + length),
            None => self.ready.push(Handle::Fire(Timer::Deadline { deadline: callback, serial: 0 })),
        }
        Value::Callback(callback)
    }

    /// `future.add_done_callback(…)`
    pub(super) fn call_when_done(&mut self, by: TaskId, what: Callable, future: FutureId) -> Value {
        let callback = self.add_deadline(Then::Call(by, what));
        self.add_done_callback(future, Callback::Call(callback));
        Value::Function(callback)
    }

    /// `future.remove_done_callback(…)`: how many there were. Each was added once, and one whose future is done is not
    /// there any more.
    pub(super) fn remove_done_callback(&mut self, callback: Option<u32>, future: FutureId) -> Value {
        self.touch_future(future);
        let Some(callback) = callback.map(Callback::Call) else { return Value::Int(0) };
        if !self.futures.callbacks(future).any(|other| other == callback) {
            return Value::Int(0);
        }
        self.futures.remove_callback(future, callback);
        Value::Int(1)
    }

    pub(super) fn is_called_off(&self, callback: u32) -> bool {
        self.deadlines[callback as usize].is_off(0)
    }

    /// A callback's turn has come.
    pub(super) fn call_back(&mut self, by: TaskId, what: Callable) {
        self.touch_task(by);
        self.recorder.record(What::CalledBack { task: by });
        let result = match what {
            Callable::Print(text) => {
                self.recorder.record(What::Printed { task: by, text });
                Ok(())
            }
            Callable::Cancel(future, message) => {
                self.cancel_as_python(future, Requester::Callback, message).map(|_| ())
            }
            Callable::CallOff { has_message: true, .. } => {
                Err(self.python_error(ErrorType::TYPE_ERROR, Callable::NO_MESSAGE))
            }
            Callable::CallOff { callback, .. } => {
                self.call_off(callback);
                Ok(())
            }
            Callable::Use { operation, object, value } => {
                let progress = self.use_object(by, operation, object, value);
                progress.expect("what a callback does takes no turn").map(|_| ())
            }
            Callable::Settle(future, result) => self.settle(future, result).map(|_| ()),
        };
        if let Err(error) = result {
            self.recorder.record(What::CallbackFailed { task: by, error });
        }
    }

    /// `future.cancel(message)`, as the profile has it.
    #[inline]
    pub(super) fn cancel_as_python(
        &mut self,
        future: FutureId,
        by: Requester,
        message: Option<TextId>,
    ) -> Result<bool, Error> {
        if message.is_some() && self.program.profile.messages == Messages::None {
            return Err(self.python_error(ErrorType::TYPE_ERROR, "cancel() takes no keyword arguments"));
        }
        let accepted = self.cancel(future, by, message);
        accepted.map_err(|TooDeep| self.python_error(ErrorType::RECURSION_ERROR, TooDeep::MESSAGE))
    }
}
