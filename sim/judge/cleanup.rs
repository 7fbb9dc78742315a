//! The oracle `cleanup-cut-short`: a `finally` that did not do all that it should.
//!
//! The oracle speaks, once for each task, if
//!
//! - a `finally` began and was left by an error: another cancellation raised in it, or a failure inside it; or
//! - the loop was closed under a task that had entered the `try` of a `finally`, which had not come to its end.
//!
//! A `finally` that leaves by its own `return`, `break` or `continue` has ended as it wants. Silent about runs that do not
//! end by themselves: a deadlock or a limit says more than the handlers that it leaves open.
//!
//! Knows nothing of what is cleaned up, or of `except` clauses that clean up as well.

use super::oracles::Found;
use crate::id::{InstanceId, TaskId};
use crate::program::Stage;
use crate::reuse::clone_in_place;
use crate::trace::{Waits, What};
use crate::verdict::Oracle;

/// Which `try` with a `finally` each task is in.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Cleanup {
    /// By task, as far as any has entered one.
    tasks: Vec<Task>,
    /// Those that are entered, as lists.
    blocks: Vec<Block>,
    /// Blocks to be used again.
    free: Option<u32>,
}

clone_in_place!(Cleanup { tasks, blocks, free });

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Task {
    innermost: Option<u32>,
    is_told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Block {
    finally: (InstanceId, u32),
    has_begun: bool,
    outer: Option<u32>,
}

impl Cleanup {
    pub(super) fn reset(&mut self) {
        self.tasks.clear();
        self.blocks.clear();
        self.free = None;
    }

    pub(super) fn see(&mut self, what: What, waits: &Waits, found: &mut Found) {
        let (task, is_cut_short) = match what {
            What::Cleanup { task, instance, finally, stage } => {
                (task, self.step(task, (instance, finally), stage, waits))
            }
            What::Finished { task, .. } | What::Failed { task, .. } | What::Cancelled { task, .. } => {
                (task, self.leave_all(task, |block| block.has_begun))
            }
            What::Dropped { task } => (task, self.leave_all(task, |_| true)),
            _ => return,
        };
        if is_cut_short && !std::mem::replace(&mut self.tasks[task.index()].is_told, true) {
            found.add(Oracle::CleanupCutShort, task, waits, None);
        }
    }

    /// Whether this shows that a `finally` further in was left.
    fn step(&mut self, task: TaskId, finally: (InstanceId, u32), stage: Stage, waits: &Waits) -> bool {
        if stage == Stage::Armed {
            self.enter(task, finally, waits);
            return false;
        }
        // What stands further in has been left by the error that leads here.
        let was_begun = stage == Stage::Ended;
        let mut is_cut_short = false;
        while let Some(block) = self.innermost(task) {
            if block.finally == finally && block.has_begun == was_begun {
                break;
            }
            is_cut_short |= block.has_begun;
            self.leave(task);
        }
        match stage {
            Stage::Ended => self.leave(task),
            _ => {
                let innermost = self.tasks.get(task.index()).and_then(|state| state.innermost);
                if let Some(at) = innermost {
                    self.blocks[at as usize].has_begun = true;
                }
            }
        }
        is_cut_short
    }

    fn enter(&mut self, task: TaskId, finally: (InstanceId, u32), waits: &Waits) {
        if self.tasks.len() <= task.index() {
            self.tasks.resize(waits.tasks(), Task::default());
        }
        let outer = self.tasks[task.index()].innermost;
        let block = Block { finally, has_begun: false, outer };
        let at = match self.free {
            Some(at) => {
                self.free = self.blocks[at as usize].outer;
                self.blocks[at as usize] = block;
                at
            }
            None => {
                self.blocks.push(block);
                self.blocks.len() as u32 - 1
            }
        };
        self.tasks[task.index()].innermost = Some(at);
    }

    fn innermost(&self, task: TaskId) -> Option<Block> {
        let at = self.tasks.get(task.index())?.innermost?;
        Some(self.blocks[at as usize])
    }

    fn leave(&mut self, task: TaskId) {
        let Some(state) = self.tasks.get_mut(task.index()) else { return };
        let Some(at) = state.innermost else { return };
        let block = &mut self.blocks[at as usize];
        state.innermost = block.outer;
        block.outer = self.free.replace(at);
    }

    /// The task is no more: whether it was in a block that counts.
    fn leave_all(&mut self, task: TaskId, counts: fn(&Block) -> bool) -> bool {
        let mut any = false;
        while let Some(block) = self.innermost(task) {
            any |= counts(&block);
            self.leave(task);
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracles::tests::*;
    use super::*;

    fn step(finally: u32, stage: Stage) -> What {
        What::Cleanup { task: A, instance: InstanceId(1), finally, stage }
    }

    fn armed(finally: u32) -> What {
        step(finally, Stage::Armed)
    }

    fn begun(finally: u32) -> What {
        step(finally, Stage::Begun)
    }

    fn ended(finally: u32) -> What {
        step(finally, Stage::Ended)
    }

    #[test]
    fn a_finally_has_to_come_to_its_end() {
        check(&[&[armed(0), begun(0), ended(0), returned(A)]], &[]);
        check(&[&[armed(0), begun(0), told(A), cancelled(A)]], &["cleanup-cut-short a"]);
        check(&[&[armed(0), begun(0), failed(A)]], &["cleanup-cut-short a"]);
        check(&[&[armed(0), What::Dropped { task: A }]], &["cleanup-cut-short a"]);
        check(&[&[armed(0), begun(0), ended(0), What::Dropped { task: A }]], &[]);
        check(&[&[armed(0), begun(0)]], &[]);
    }

    #[test]
    fn what_stands_further_in_is_left_by_an_error_that_leads_out() {
        let both = [armed(0), armed(1), begun(1)];
        check(&[&both, &[ended(1), begun(0), ended(0), returned(A)]], &[]);
        check(&[&both, &[begun(0), ended(0), cancelled(A)]], &["cleanup-cut-short a"]);
        // A `finally` inside of a `finally`; once is enough.
        let inner = [armed(0), begun(0), armed(1), begun(1)];
        check(&[&inner, &[ended(1), ended(0), returned(A)]], &[]);
        check(&[&inner, &[ended(0), returned(A)]], &["cleanup-cut-short a"]);
        check(&[&inner, &[cancelled(A)]], &["cleanup-cut-short a"]);
    }

    #[test]
    fn a_loop_goes_through_the_same_one_again() {
        let round = [armed(0), begun(0), ended(0)];
        check(&[&round, &round, &[returned(A)]], &[]);
        // The first is left by an error that a clause around it takes.
        check(&[&round[..2], &round, &[returned(A)]], &["cleanup-cut-short a"]);
    }
}
