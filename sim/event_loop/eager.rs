//! Tasks that start at once, as `asyncio.eager_task_factory` has them: a new task runs within the call that makes it,
//! in the place of whoever makes it, until it waits or ends. Nothing is queued for it, and from then on it is a task
//! like any other; one that has ended is done before anybody has it.
//!
//! Knows nothing of what makes tasks.

use super::EventLoop;
use super::future::{self, Owner};
use crate::choice::Choices;
use crate::id::FutureId;
use crate::program::{Error, Value};
use crate::trace::What;

/// How deep tasks may start at once within each other. Python has a limit too, and no program a reason to come near.
const DEEPEST_START: u32 = 100;

impl EventLoop<'_> {
    pub(super) fn is_deepest_start(&self) -> bool {
        self.starts >= DEEPEST_START
    }

    /// A task that has just been made runs until it waits or ends. What would leave the loop comes back instead.
    #[inline(never)]
    pub(super) fn start_at_once<C: Choices + ?Sized>(
        &mut self,
        future: FutureId,
        choices: &mut C,
    ) -> Result<(), Error> {
        let Owner::Task(task) = self.futures[future].owner else { unreachable!("a task has been made") };
        self.touch_future(future);
        self.tasks[task.index()].started = true;
        self.recorder.record(What::Started { task });
        self.starts += 1;
        self.resume_task(task, Ok(Value::None), choices);
        self.starts -= 1;
        match self.futures[future].result {
            future::Result::Failed(error) if error.ty.leaves_loop() => Err(error),
            _ => Ok(()),
        }
    }
}
