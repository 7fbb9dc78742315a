//! How a body makes tasks, whoever polls it.
//!
//! Knows nothing of who polls what.

use std::pin::Pin;

use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::id::FutureId;
use crate::program::{Error, Value};

/// What a task does, and what it comes to.
pub type Work = Pin<Box<dyn Future<Output = Result<Value, Error>>>>;

/// Makes tasks of tokio. Whoever gave it to a body decides who of them is polled when; a question about that calls a task by
/// its future.
pub trait Spawner {
    /// Makes a task, as `tokio::task::spawn_local`.
    fn spawn(&self, future: FutureId, work: Work) -> JoinHandle<Result<Value, Error>>;

    /// Makes one that belongs to a set.
    fn spawn_in(&self, set: &mut JoinSet<Result<Value, Error>>, future: FutureId, work: Work) -> AbortHandle;
}

/// tokio itself, which polls tasks in the order in which they were woken.
#[derive(Clone, Copy, Debug)]
pub struct InOrder;

impl Spawner for InOrder {
    fn spawn(&self, _: FutureId, work: Work) -> JoinHandle<Result<Value, Error>> {
        tokio::task::spawn_local(work)
    }

    fn spawn_in(&self, set: &mut JoinSet<Result<Value, Error>>, _: FutureId, work: Work) -> AbortHandle {
        set.spawn_local(work)
    }
}
