//! Tasks that are tokio's alone: in the runs in which that is looked at, whose poll it was in which there was one more.
//!
//! Knows nothing of where in the source that is.

use tokio::runtime::Handle;

use super::shared::Shared;
use crate::id::TaskId;

/// How many there were before a poll.
pub(super) struct Strays {
    task: TaskId,
    /// How often the task had been polled.
    polls: u32,
    alive: usize,
    /// How many times it was noted that there was one more.
    noted: usize,
}

impl Strays {
    /// Before a poll of a task, or of a future in it that may be cut.
    pub(super) fn before(shared: &Shared, task: TaskId) -> Option<Strays> {
        let is_looked_at = shared.with_sites || shared.victims.borrow().openings.is_some();
        is_looked_at.then(|| Strays {
            task,
            polls: shared.suspensions(task),
            alive: alive(),
            noted: shared.strays_noted(),
        })
    }

    /// After it. What was noted of a future in the task is not noted again.
    pub(super) fn after(self, shared: &Shared) {
        let now = alive();
        shared.names.stray(now);
        if self.alive < now && self.noted == shared.strays_noted() {
            shared.has_strayed(self.task, self.polls);
        }
    }
}

fn alive() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
