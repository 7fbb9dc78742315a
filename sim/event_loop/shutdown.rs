//! The end of `asyncio.run()`: what is left is cancelled and waited for, and the loop turns a few times more.
//!
//! Knows nothing of what the tasks do with their cancellation.

use super::cancel::TooDeep;
use super::{Callback, EventLoop, Handle, future};
use crate::choice::{Choices, Kind};
use crate::id::{FutureId, ListId, TaskId};
use crate::machine::{Access, Object};
use crate::program::{Error, ErrorType, Value};
use crate::trace::{Outcome, Requester, What};

/// How far `run()` has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Main runs.
    Main,
    /// What was left is being waited for: the list of those tasks, and the gather of them.
    CancelAll(ListId, FutureId),
    /// So many rounds with a task that does nothing are to come.
    Rounds(u8),
}

/// A walk over a set, as a search follows it.
pub(super) struct Walk {
    /// The number of its order, if that was asked for.
    pub(super) number: Option<u32>,
    /// The items as they would come ordinarily, if anybody wants to know.
    before: Vec<Value>,
}

impl Walk {
    /// How many items it has.
    pub(super) fn items(&self) -> usize {
        self.before.len()
    }

    /// Which of the items this one is.
    pub(super) fn item(&self, future: FutureId) -> usize {
        self.before.iter().position(|&other| other == Value::Handle(future)).unwrap_or(0)
    }
}

impl EventLoop<'_> {
    /// `run_until_complete` has returned: what `run()` does next.
    #[inline(never)]
    pub(super) fn next_phase<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        match self.phase {
            Phase::Main => self.cancel_what_is_left(choices),
            Phase::CancelAll(_, gathered) if !self.futures[gathered].is_done() => self.stopped_too_early(),
            Phase::CancelAll(left, _) => {
                self.tell_unhandled(left);
                self.begin_rounds();
            }
            Phase::Rounds(0) => self.close(None),
            Phase::Rounds(more) => {
                self.phase = Phase::Rounds(more - 1);
                self.ready.push(Handle::ShutdownRound);
            }
        }
    }

    fn cancel_what_is_left<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        let (left, order) = self.unfinished(None, choices);
        let count = self.memory.list(left).len() as u32;
        if count == 0 {
            return self.begin_rounds();
        }
        self.recorder.record(What::ShutdownBegan { left: count });
        for at in 0..count as usize {
            let task = self.memory.handle(left, at);
            let before = self.watch_item(order.number, order.item(task));
            let asked = self.cancel(task, Requester::Shutdown, None);
            self.watch_item_done(before);
            if asked.is_err() {
                self.watch_broken_off(&order);
                if !self.memory.charge(0) {
                    return self.end(Outcome::OutOfSteps);
                }
                // It comes out of `run()`, in place of what main has come to.
                let message = Some(self.memory.texts().intern(TooDeep::MESSAGE));
                return self.close(Some(Error { ty: ErrorType::RECURSION_ERROR, message }));
            }
        }
        let gathered = self.begin_gather(left, 0, true, TaskId::MAIN);
        self.futures.add_callback(gathered, Callback::Stop);
        self.phase = Phase::CancelAll(left, gathered);
    }

    /// What a task has raised leaves the loop, and with it `run_until_complete`. What was to run in this turn stays ready;
    /// if main was what was waited for, `run()` goes on to its shutdown, and raises the error after it, otherwise at once.
    #[cold]
    pub(super) fn leave_loop(&mut self, error: Error) {
        self.touch(Object::Everything, Access::Changes);
        if self.phase != Phase::Main {
            return self.close(Some(error));
        }
        self.left_by = Some(error);
        self.stopping = true;
        self.cutting.handles = self.handles();
        self.batch_clear = self.batch_next;
        if !self.program.schedule.ready_any_order {
            self.watch_left();
            self.ready.splice(0..0, self.batch.drain(self.batch_next..));
        }
        self.batch_end = self.batch_next;
    }

    /// Main had ended in the turn in which an error left the loop: the news of that stops the next loop, which is the one
    /// that waits for what is left.
    #[cold]
    fn stopped_too_early(&mut self) {
        let error = self.python_error(ErrorType::RUNTIME_ERROR, "Event loop stopped before Future completed.");
        self.close(Some(error));
    }

    /// `all_tasks()`, without the current one, as a set in the order in which it is walked.
    pub(super) fn unfinished<C: Choices + ?Sized>(&mut self, but: Option<TaskId>, choices: &mut C) -> (ListId, Walk) {
        let list = self.memory.new_list();
        let items = self.memory.list_mut(list);
        for (at, task) in (0..).zip(&self.tasks) {
            if Some(TaskId(at)) != but && !self.futures[task.future].is_done() {
                items.push(Value::Handle(task.future));
            }
        }
        let walk = self.order_walk(list, but.unwrap_or(TaskId::MAIN), choices);
        (list, walk)
    }

    /// Puts the set that is walked next into some order, as [`EventLoop::order_set`] does.
    pub(super) fn order_walk<C: Choices + ?Sized>(&mut self, list: ListId, subject: TaskId, choices: &mut C) -> Walk {
        let before = if self.is_watched() { self.memory.list(list).to_vec() } else { Vec::new() };
        let is_asked = self.program.schedule.sets_any_order && before.len() > 1;
        let number = if is_asked { self.watch_order(before.len()) } else { None };
        self.order_set(list, subject, choices);
        Walk { number, before }
    }

    /// Puts a list that stands for a set of futures into some order, if that is open.
    pub(super) fn order_set<C: Choices + ?Sized>(&mut self, list: ListId, subject: TaskId, choices: &mut C) {
        if !self.program.schedule.sets_any_order || self.memory.list(list).len() < 2 {
            return;
        }
        let mut options = std::mem::take(&mut self.scratch.options);
        options.clear();
        options.extend((0..self.memory.list(list).len()).map(|at| self.memory.handle(list, at)));
        let mut items = std::mem::take(self.memory.list_mut(list));
        self.choose_order(choices, Kind::TaskSetOrder, subject, &mut options, &mut items);
        *self.memory.list_mut(list) = items;
        self.scratch.options = options;
    }

    /// Errors that came up during the shutdown go to the loop's exception handler.
    fn tell_unhandled(&mut self, left: ListId) {
        for at in 0..self.memory.list(left).len() {
            let future = self.memory.handle(left, at);
            if let (future::Owner::Task(task), future::Result::Failed(error)) =
                (self.futures[future].owner, self.futures[future].result)
            {
                self.recorder.record(What::UnhandledInShutdown { task, error });
            }
        }
    }

    fn begin_rounds(&mut self) {
        self.phase = Phase::Rounds(self.program.profile.shutdown_rounds - 1);
        self.ready.push(Handle::ShutdownRound);
    }

    /// The loop is closed, maybe because of an error; a task that has not ended by now never will.
    fn close(&mut self, error: Option<Error>) {
        for (at, task) in (0..).zip(&self.tasks) {
            if !self.futures[task.future].is_done() {
                self.recorder.record(What::Dropped { task: TaskId(at) });
            }
        }
        let main = self.tasks[0].future;
        let outcome = match error.or(self.left_by).map_or_else(|| self.take_result(main), Err) {
            Ok(value) => Outcome::Finished(value),
            Err(error) => Outcome::Failed(error),
        };
        self.end(outcome);
    }
}
