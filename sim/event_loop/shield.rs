//! `shield`, and futures that belong to nobody: they are done when somebody says so.
//!
//! A shield is a future that takes over what another one comes to, and passes no cancellation on to it.
//!
//! Knows nothing of who awaits them.

use super::{Callback, EventLoop, Owner, future};
use crate::id::{FutureId, TaskId, TextId};
use crate::machine::{Access, Object};
use crate::program::{Error, ErrorType, Value};
use crate::trace::{Requester, What};

/// A call of `shield`.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Shield {
    pub(super) inner: FutureId,
    pub(super) outer: FutureId,
}

impl EventLoop<'_> {
    /// What is done already needs no shield.
    pub(super) fn shield(&mut self, inner: FutureId, by: TaskId) -> FutureId {
        self.touch_future(inner);
        if self.futures[inner].is_done() {
            return inner;
        }
        self.touch(Object::Numbers, Access::Changes);
        let shield = self.shields.len() as u32;
        let outer = self.futures.add(Owner::Shield);
        self.shields.push(Shield { inner, outer });
        self.recorder.record(What::Shielded { future: outer, by, inner });
        self.futures.add_callback(inner, Callback::ShieldInner(shield));
        self.futures.add_callback(outer, Callback::ShieldOuter(shield));
        outer
    }

    /// What is shielded is done: the shield is too.
    pub(super) fn shield_inner_done(&mut self, shield: u32) {
        let Shield { inner, outer } = self.shields[shield as usize];
        if self.futures[outer].is_done() {
            return;
        }
        let result = self.futures[inner].result;
        match result {
            future::Result::Failed(error) => self.recorder.record(What::GatherFailed { future: outer, error }),
            future::Result::Finished(_) => self.recorder.record(What::GatherFinished { future: outer }),
            _ => {}
        }
        self.futures[outer].result = result;
        self.tell(outer);
    }

    /// The shield is done: if what it shields is not, it has nothing to tell it any more.
    pub(super) fn shield_outer_done(&mut self, shield: u32) {
        let Shield { inner, .. } = self.shields[shield as usize];
        if !self.futures[inner].is_done() {
            self.futures.remove_callback(inner, Callback::ShieldInner(shield));
        }
    }

    /// `cancel()` on a future that nothing runs behind.
    pub(super) fn cancel_plain(&mut self, future: FutureId, by: Requester, message: Option<TextId>) -> bool {
        let state = &mut self.futures[future];
        if state.is_done() {
            let since = state.done_since;
            self.recorder.record(What::GatherCancelRefused { future, by, since });
            return false;
        }
        state.result = future::Result::Cancelled;
        state.cancel_message = message;
        self.recorder.record(What::GatherCancelRequested { future, by, message });
        self.tell(future);
        true
    }

    /// `set_result` and `set_exception`.
    pub(super) fn settle(&mut self, future: FutureId, result: Result<Value, Error>) -> Result<Value, Error> {
        self.touch_future(future);
        if self.futures[future].is_done() {
            return Err(self.python_error(ErrorType::INVALID_STATE_ERROR, "invalid state"));
        }
        match result {
            Ok(value) => {
                self.recorder.record(What::GatherFinished { future });
                self.futures[future].result = future::Result::Finished(value);
            }
            Err(error) => {
                self.recorder.record(What::GatherFailed { future, error });
                self.futures[future].result = future::Result::Failed(error);
            }
        }
        self.tell(future);
        Ok(Value::None)
    }
}
