//! What a body that records its own run and whoever polls it have to say to each other.
//!
//! The one spawns its tasks through a [`Spawner`], so that they can be polled in any order; the other asks its questions,
//! and tells what happens between two polls, through a [`Guest`]. So there is one recording, with everything in it.
//!
//! Knows nothing of what the tasks do, or of who is polled next.

use std::pin::Pin;

use tokio::task::LocalSet;

use crate::choice::Question;
use crate::id::{FutureId, TaskId};
use crate::program::{Error, Value};
use crate::trace::Outcome;

/// A task that stays on its thread.
pub type LocalTask = Pin<Box<dyn Future<Output = Result<Value, Error>>>>;

/// Whose a task is, by the numbers of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The task itself, or the one on whose behalf it goes.
    pub task: TaskId,
    /// Its future.
    pub future: FutureId,
}

/// Where the tasks of a body are spawned.
pub trait Spawner {
    /// Has `spawn` make a task of tokio, of the future and in the set that it is given; where there is no set, in the one
    /// around it. What belongs to nobody in the recording has nothing to be chosen about it: it runs when it is its turn.
    fn spawn(&self, who: Option<Who>, task: LocalTask, spawn: &mut dyn FnMut(LocalTask, Option<&LocalSet>));

    /// Whether whoever polls sees that everybody waits for ever, and says so.
    fn sees_deadlocks(&self) -> bool;
}

/// A body as it is seen by whoever polls it.
pub trait Guest {
    /// Puts a question, and records it with its answer.
    fn ask(&self, question: &Question<'_>) -> u64;

    /// Somebody is about to be polled, or everybody has been. `is_woken` says who is woken and not yet polled.
    fn moment(&self, is_woken: &dyn Fn(FutureId) -> bool);

    /// Whether anybody waits for a time.
    fn waits_for_time(&self) -> bool;

    /// The run is over, and has ended so.
    fn end(&self, outcome: Outcome);
}

/// tokio itself, in the set that goes on: it polls in its own order, and sees no deadlock.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnTokio;

impl Spawner for OnTokio {
    fn spawn(&self, _: Option<Who>, task: LocalTask, spawn: &mut dyn FnMut(LocalTask, Option<&LocalSet>)) {
        spawn(task, None);
    }

    fn sees_deadlocks(&self) -> bool {
        false
    }
}
