//! What is told when nothing can go on any more: for whom those wait of whom it was only said for how many.
//!
//! asyncio has nothing like it: there the process hangs.
//!
//! Knows nothing of why they wait, or of whether they wait for each other.

use super::EventLoop;
use super::library::Call;
use super::task::WaitsFor;
use crate::id::TaskId;
use crate::program::Value;
use crate::trace::What;

impl EventLoop<'_> {
    /// Tells who is not done of those for whom tasks wait inside `wait` or `as_completed`, or at the end of a group.
    pub(super) fn tell_lacks(&mut self) {
        for task in (0..self.tasks.len() as u32).map(TaskId) {
            let state = &self.tasks[task.index()];
            let list = match (state.waits_for, state.call) {
                (WaitsFor::Wait(wait), _) => self.waits[wait as usize].over(),
                (WaitsFor::Library, Call::Group(leaving)) => self.groups[leaving.group()].tasks(),
                (WaitsFor::Library, Call::Completed(iterator)) => self.completions[iterator as usize].todo(),
                _ => continue,
            };
            for at in 0..self.memory.list(list).len() {
                // In a group's list something else may stand in the place of who has ended.
                if let Value::Handle(future) = self.memory.list(list)[at]
                    && !self.futures[future].is_done()
                {
                    self.recorder.record(What::Lacks { task, future });
                }
            }
        }
    }
}
