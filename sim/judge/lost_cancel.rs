//! The oracle `lost-cancel`: a cancellation that was accepted and came to nothing.
//!
//! A request is for the task that somebody asked to cancel, or for each child of the gather that somebody asked. It is
//! passed on, in the same instant, to whatever that task awaits, and so on. The oracle speaks if the task then
//!
//! - returned, or
//! - failed after `CancelledError` had been raised in it,
//!
//! and no `except CancelledError` took the error meanwhile: neither in the task nor in anybody to whom the request was
//! passed on. An `except BaseException` does this, which takes the cancellation along with all the rest and goes on; a
//! `finally` that returns; and a gather whose child fails in the instant of the request, if that error is caught. Each
//! request counts: a second one has to be taken again.
//!
//! Silent if a handler that names the error took it, whatever the task did then; if one for everything took it and the
//! task failed, which is then the handler's word; and if the task failed by an error that was there
//! before the cancellation reached it (its own, in the step in which it was asked; or one that a child passes up): it has
//! stopped, and whoever awaits it hears why. A task that was asked while it ran and passes the request on when it awaits
//! has done its part: from then on the request is for whom it awaits.
//!
//! Knows nothing of what the task did instead.

use super::oracles::Found;
use crate::id::{FutureId, TaskId};
use crate::program::ErrorType;
use crate::reuse::clone_in_place;
use crate::trace::{Owner, Requester, Waits, What};
use crate::verdict::Oracle;

/// The requests of a run, and whom they have reached.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct LostCancel {
    /// By task, as far as anybody was asked.
    tasks: Vec<Task>,
    requests: Vec<Request>,
    /// The requests of the tasks, as lists: a request, and the next node.
    nodes: Vec<(u32, Option<u32>)>,
    passing: Passing,
    /// The task that began to await with the last event.
    just_awaits: Option<TaskId>,
}

clone_in_place!(LostCancel { tasks, requests, nodes, passing, just_awaits });

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Task {
    /// The requests that have reached it and that it has not answered: a node.
    open: Option<u32>,
    /// Whether `CancelledError` has been raised in it, and no handler at all has taken it.
    delivered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Request {
    asked: TaskId,
    is_settled: bool,
}

/// A request on its way along those who await each other; its events follow each other directly.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Passing {
    by: Option<Requester>,
    /// To which request the last event belongs.
    request: Option<u32>,
    /// Who is asked next, because the last one awaits it.
    next: Option<FutureId>,
    /// The gathers on the way: how many children are still to be asked, and for which request; for one of their own, if a
    /// gather was asked first.
    gathers: Vec<(u32, Option<u32>)>,
}

clone_in_place!(Passing { by, request, next, gathers });

impl LostCancel {
    pub(super) fn reset(&mut self) {
        self.tasks.clear();
        self.requests.clear();
        self.nodes.clear();
        self.passing.stop();
        self.just_awaits = None;
    }

    #[inline]
    pub(super) fn see(&mut self, what: What, waits: &Waits, found: &mut Found) {
        let just_awaits = self.just_awaits.take();
        match what {
            What::CancelRequested { task, by, .. } => {
                self.hand_over(just_awaits, by);
                let request = self.passing.reach(waits.future_of(task), by);
                self.ask(task, request, by, waits);
            }
            What::GatherCancelRequested { future, by, .. } => {
                self.hand_over(just_awaits, by);
                let request = self.passing.reach(future, by);
                // A shield has a child too, and asks it for nothing.
                if let Owner::Gather(_) = waits.owner(future) {
                    self.passing.gathers.push((waits.children(future).count() as u32, request));
                }
            }
            What::CancelRefused { task, by, .. } => _ = self.passing.reach(waits.future_of(task), by),
            What::GatherCancelRefused { future, by, .. } => _ = self.passing.reach(future, by),
            _ => {
                self.passing.stop();
                self.go_on(what, waits, found);
            }
        }
    }

    /// Something has happened that says nothing by itself: it comes between those that belong together.
    #[inline]
    pub(super) fn see_another(&mut self) {
        self.just_awaits = None;
        self.passing.stop();
    }

    fn go_on(&mut self, what: What, waits: &Waits, found: &mut Found) {
        match what {
            What::Awaited { task, .. } => self.just_awaits = Some(task),
            What::CancelDelivered { task, .. } => {
                if let Some(state) = self.tasks.get_mut(task.index()) {
                    state.delivered = true;
                }
            }
            What::Caught { task, clause: ErrorType::CANCELLED_ERROR, .. } => self.settle(task),
            What::Caught { task, error, .. } if error.is_cancelled() => {
                if let Some(state) = self.tasks.get_mut(task.index()) {
                    state.delivered = false;
                }
            }
            What::Cancelled { task, .. } => {
                self.answer(task);
            }
            What::Finished { task, .. } => {
                let is_owed = self.answer(task);
                if is_owed {
                    found.add(Oracle::LostCancel, task, waits, None);
                }
            }
            What::Failed { task, error } => {
                let delivered = self.tasks.get(task.index()).is_some_and(|state| state.delivered);
                if self.answer(task) && delivered {
                    found.add(Oracle::LostCancel, task, waits, Some(error.ty));
                }
            }
            _ => {}
        }
    }

    /// A task that was asked while it ran passes that on as soon as it awaits.
    fn hand_over(&mut self, just_awaits: Option<TaskId>, by: Requester) {
        if let (Some(task), Requester::Task(by)) = (just_awaits, by)
            && task == by
        {
            self.settle(task);
        }
    }

    /// A task is asked, for a request that has come to it or for a new one.
    fn ask(&mut self, task: TaskId, request: Option<u32>, by: Requester, waits: &Waits) {
        let request = request.unwrap_or_else(|| {
            // What a timeout or a task group asks for it takes back itself.
            let is_settled = matches!(by, Requester::Timeout | Requester::TaskGroup);
            self.requests.push(Request { asked: task, is_settled });
            self.requests.len() as u32 - 1
        });
        if self.tasks.len() <= task.index() {
            self.tasks.resize(waits.tasks(), Task::default());
        }
        let open = &mut self.tasks[task.index()].open;
        self.nodes.push((request, *open));
        *open = Some(self.nodes.len() as u32 - 1);
        self.passing.request = Some(request);
        self.passing.next = waits.awaited_by(task).filter(|&future| !waits.is_done(future));
    }

    /// A handler has taken the error: all that has reached the task is settled.
    fn settle(&mut self, task: TaskId) {
        let Some(state) = self.tasks.get_mut(task.index()) else { return };
        state.delivered = false;
        let mut open = state.open.take();
        while let Some(node) = open {
            let (request, next) = self.nodes[node as usize];
            self.requests[request as usize].is_settled = true;
            open = next;
        }
    }

    /// The task has ended: whether a request for itself is not settled.
    fn answer(&mut self, task: TaskId) -> bool {
        let mut open = self.tasks.get_mut(task.index()).and_then(|state| state.open.take());
        let mut is_open = false;
        while let Some(node) = open {
            let (request, next) = self.nodes[node as usize];
            let Request { asked, is_settled } = self.requests[request as usize];
            is_open |= asked == task && !is_settled;
            open = next;
        }
        is_open
    }
}

impl Passing {
    #[inline]
    fn stop(&mut self) {
        if self.by.is_some() {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.by = None;
        self.request = None;
        self.next = None;
        self.gathers.clear();
    }

    /// Somebody asks for `future` to be cancelled: the request to which that belongs; nothing for a new one.
    fn reach(&mut self, future: FutureId, by: Requester) -> Option<u32> {
        if self.by != Some(by) {
            self.stop();
            self.by = Some(by);
        }
        if self.next.take() == Some(future) {
            return self.request;
        }
        while self.gathers.pop_if(|(left, _)| *left == 0).is_some() {}
        let (left, request) = self.gathers.last_mut()?;
        *left -= 1;
        *request
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracles::tests::*;
    use super::*;

    #[test]
    fn a_task_that_returns_without_a_handler_has_lost_its_cancellation() {
        check(&[&[asked(A), told(A), returned(A)]], &["lost-cancel a"]);
        check(&[&[asked(A), told(A), failed(A)]], &["lost-cancel a ValueError"]);
        check(&[&[asked(A), told(A), cancelled(A)]], &[]);
        check(&[&[asked(A), told(A), caught(A), returned(A)]], &[]);
        check(&[&[asked(A), told(A), caught(A), failed(A)]], &[]);
        check(&[&[asked(A), told(A), caught_by_all(A), returned(A)]], &["lost-cancel a"]);
        check(&[&[asked(A), told(A), caught_by_all(A), failed(A)]], &[]);
        check(&[&[asked(A), told(A), caught_by_all(A), cancelled(A)]], &[]);
    }

    #[test]
    fn each_request_counts() {
        check(&[&[asked(A), told(A), caught(A), asked(A), told(A), returned(A)]], &["lost-cancel a"]);
        check(&[&[asked(A), asked(A), told(A), caught(A), returned(A)]], &[]);
        check(&[&[caught(A), asked(A), told(A), returned(A)]], &["lost-cancel a"]);
    }

    #[test]
    fn a_failure_that_was_on_its_way_is_no_loss() {
        check(&[&[asked(A), failed(A)]], &[]);
        check(&[&[asked(A), returned(A)]], &["lost-cancel a"]);
    }

    #[test]
    fn whoever_is_awaited_may_take_it() {
        let chain = [awaits(A, future(B)), awaits(MAIN, future(C)), asked(A), asked(B), told(B)];
        check(&[&chain, &[caught(B), returned(B), returned(A)]], &[]);
        check(&[&chain, &[returned(B), returned(A)]], &["lost-cancel a"]);
        // It is another request if it is not passed on.
        let two = [asked(A), asked(B), told(B), told(A)];
        check(&[&two, &[caught(B), returned(B), returned(A)]], &["lost-cancel a"]);
    }

    #[test]
    fn a_gather_asks_its_children_and_each_answers_for_itself() {
        let by = Requester::Outside;
        let asks = [What::GatherCancelRequested { future: GATHER, by, message: None }, asked(A), asked(B), asked(C)];
        let children = gathered(A, 2);
        // The third is asked by itself.
        check(&[&children, &asks, &[caught(A), returned(A), returned(B)]], &["lost-cancel b"]);
        check(&[&children, &asks, &[caught(A), cancelled(A), cancelled(B), returned(C)]], &["lost-cancel c"]);
        // Main awaits the gather, so one of the children may take what main was asked.
        let main = [awaits(MAIN, GATHER), asked(MAIN)];
        check(&[&children, &main, &asks[..3], &[caught(A), returned(A), cancelled(B), returned(MAIN)]], &[]);
        check(&[&children, &main, &asks[..3], &[cancelled(A), cancelled(B), returned(MAIN)]], &["lost-cancel main"]);
        check(&[&children, &main, &asks, &[caught(C), returned(C), returned(MAIN)]], &["lost-cancel main"]);
    }

    /// What the search has found: whoever was asked directly after a task that awaits a shield was taken for the shield's
    /// child, so what was lost hung on the order of those two.
    #[test]
    fn a_shield_asks_nobody() {
        let by = Requester::Outside;
        let shielded = [What::Shielded { future: GATHER, by: A, inner: future(A) }, awaits(A, GATHER)];
        let asks = [asked(A), What::GatherCancelRequested { future: GATHER, by, message: None }, asked(B)];
        check(&[&shielded, &asks, &[returned(B), cancelled(A)]], &["lost-cancel b"]);
    }

    #[test]
    fn a_task_that_was_asked_while_it_ran_passes_it_on_when_it_awaits() {
        let passed = What::CancelRequested { task: B, by: Requester::Task(A), message: None };
        let events = [asked(A), awaits(A, future(B)), passed, told(B)];
        check(&[&events, &[caught(B), returned(B), returned(A)]], &[]);
        check(&[&events, &[returned(B), returned(A)]], &["lost-cancel b"]);
    }
}
