//! How a body makes tasks, whoever polls it.
//!
//! Knows nothing of who polls what.

use std::pin::Pin;

use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::id::{FutureId, TaskId};
use crate::program::{Error, Value};

/// What a task does, and what it comes to.
pub type Work = Pin<Box<dyn Future<Output = Result<Value, Error>>>>;

/// Whose a task is, by the numbers of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The task itself, or the one on whose behalf it goes.
    pub task: TaskId,
    /// Its future.
    pub future: FutureId,
}

/// Makes tasks of tokio. Whoever gave it to a body decides who of them is polled when; a question about that calls a task by
/// its future.
pub trait Spawner {
    /// Makes a task, as `tokio::task::spawn_local`. What is nobody's in the recording has nothing to be chosen about it: it
    /// runs when it is its turn.
    fn spawn(&self, who: Option<Who>, work: Work) -> JoinHandle<Result<Value, Error>>;

    /// Makes one that belongs to a set.
    fn spawn_in(&self, set: &mut JoinSet<Result<Value, Error>>, who: Who, work: Work) -> AbortHandle;

    /// Whether whoever polls tells the body of every [moment](super::Guest::moment), and when everybody waits for ever.
    fn tells_moments(&self) -> bool {
        false
    }
}

/// tokio itself, which polls tasks in the order in which they were woken.
#[derive(Clone, Copy, Debug)]
pub struct InOrder;

impl Spawner for InOrder {
    fn spawn(&self, _: Option<Who>, work: Work) -> JoinHandle<Result<Value, Error>> {
        tokio::task::spawn_local(work)
    }

    fn spawn_in(&self, set: &mut JoinSet<Result<Value, Error>>, _: Who, work: Work) -> AbortHandle {
        set.spawn_local(work)
    }
}
