//! Who was woken, in which order, and by whom: the one thing that other threads may touch.
//!
//! A task that is woken while it is polled goes to the end of the queue after its poll, as in tokio, and not at the
//! moment when it was woken.
//!
//! Knows nothing of what a task is made of, or of who is polled next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Wake, Waker};

use crate::id::TaskId;

/// The tasks that are to be polled.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Woken and not yet polled, the first to be woken first; the root is not among them.
    ready: VecDeque<TaskId>,
    /// Who is polled first in each round, if anybody is.
    root: Option<TaskId>,
    /// By task; those of other hosts are gone here.
    tasks: Vec<Entry>,
    running: Option<TaskId>,
    /// Whether the round is going on, so that nobody has to be told of more work.
    is_in_round: bool,
    /// Wakes whoever polls the executor.
    runtime: Option<Waker>,
    /// Whether another thread has woken anybody.
    is_woken_from_outside: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    state: Stage,
    woken: Woken,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    Idle,
    Queued,
    Running,
    RunningAndWoken,
    /// Its place may be another task's by now, and what wakes it is meant for nobody.
    #[default]
    Gone,
}

/// Why a task is polled.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Woken {
    /// Who was polled when it was woken; nobody if it was tokio's clock, or another thread.
    pub(super) by: Option<TaskId>,
    /// Whether it was aborted.
    pub(super) is_aborted: bool,
}

impl Queue {
    /// A queue of which this task, which is the first one to come, is the root.
    pub(super) fn with_root(root: TaskId) -> Queue {
        Queue(Mutex::new(State { root: Some(root), ..State::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// This task exists, with a higher number than those before it; `is_ready` if it is to be polled at once.
    pub(super) fn add(&self, task: TaskId, is_ready: bool) {
        let mut state = self.state();
        let stage = if is_ready { Stage::Queued } else { Stage::Idle };
        let woken = Woken { by: state.running, is_aborted: false };
        state.tasks.resize(task.index(), Entry::default());
        state.tasks.push(Entry { state: stage, woken });
        if is_ready {
            state.queue(task);
        }
    }

    /// A round begins: what is woken from here on is seen before it ends.
    pub(super) fn begin_round(&self, runtime: &Waker) {
        let mut state = self.state();
        state.is_in_round = true;
        if !state.runtime.as_ref().is_some_and(|known| known.will_wake(runtime)) {
            state.runtime = Some(runtime.clone());
        }
    }

    /// The round is over; whether there is more to do.
    pub(super) fn end_round(&self) -> bool {
        let mut state = self.state();
        state.is_in_round = false;
        !state.ready.is_empty() || state.is_root_woken()
    }

    /// The first tasks that may be polled next, at most so many, the ordinary one first: the root in the beginning of a
    /// round, and then those that were woken first.
    pub(super) fn options(&self, is_beginning: bool, most: usize, options: &mut Vec<TaskId>) {
        let state = self.state();
        options.clear();
        let is_root_woken = state.is_root_woken();
        if is_root_woken && is_beginning {
            options.extend(state.root);
        }
        options.extend(state.ready.iter().take(most));
        if is_root_woken && !is_beginning && !options.is_empty() {
            options.extend(state.root);
        }
    }

    /// Whether a task is woken and not yet polled.
    pub(super) fn is_woken(&self, task: TaskId) -> bool {
        self.state().tasks[task.index()].state == Stage::Queued
    }

    /// Whether nobody is woken.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.ready.is_empty() && !state.is_root_woken()
    }

    /// A task is about to be polled, wherever it is in the queue.
    pub(super) fn begin(&self, task: TaskId) -> Woken {
        let mut state = self.state();
        if state.tasks[task.index()].state == Stage::Queued && Some(task) != state.root {
            let at = state.ready.iter().position(|&other| other == task);
            at.and_then(|at| state.ready.remove(at));
        }
        state.running = Some(task);
        let entry = &mut state.tasks[task.index()];
        entry.state = Stage::Running;
        std::mem::take(&mut entry.woken)
    }

    /// It was polled, and may be gone by that.
    pub(super) fn end(&self, task: TaskId, is_gone: bool) {
        let mut state = self.state();
        state.running = None;
        let entry = &mut state.tasks[task.index()];
        if is_gone {
            entry.state = Stage::Gone;
        } else if entry.state == Stage::RunningAndWoken {
            entry.state = Stage::Queued;
            state.queue(task);
        } else {
            entry.state = Stage::Idle;
        }
    }

    /// Who is polled at the moment.
    pub(super) fn running(&self) -> Option<TaskId> {
        self.state().running
    }

    /// Whether another thread has woken anybody.
    pub(super) fn is_woken_from_outside(&self) -> bool {
        self.state().is_woken_from_outside
    }

    fn wake(&self, task: TaskId, is_abort: bool) {
        let is_outside = !super::is_in_run();
        let mut state = self.state();
        state.is_woken_from_outside |= is_outside;
        let by = if is_outside { None } else { state.running };
        let entry = &mut state.tasks[task.index()];
        match entry.state {
            // tokio itself schedules a task that is polled: that is no abort, and no news.
            Stage::Running | Stage::RunningAndWoken if is_abort => return,
            Stage::Queued => {
                entry.woken.is_aborted |= is_abort;
                return;
            }
            Stage::RunningAndWoken | Stage::Gone => return,
            Stage::Running => {
                entry.state = Stage::RunningAndWoken;
                entry.woken = Woken { by, is_aborted: false };
            }
            Stage::Idle => {
                entry.state = Stage::Queued;
                entry.woken = Woken { by, is_aborted: is_abort };
                state.queue(task);
            }
        }
        let runtime = if state.is_in_round { None } else { state.runtime.clone() };
        drop(state);
        if let Some(runtime) = runtime {
            runtime.wake();
        }
    }
}

impl State {
    fn is_root_woken(&self) -> bool {
        self.root.and_then(|root| self.tasks.get(root.index())).is_some_and(|root| root.state == Stage::Queued)
    }

    /// A task is woken.
    fn queue(&mut self, task: TaskId) {
        if Some(task) != self.root {
            self.ready.push_back(task);
        }
    }
}

/// Puts a task into the queue.
#[derive(Debug)]
pub(super) struct TaskWaker {
    pub(super) queue: Arc<Queue>,
    pub(super) task: TaskId,
    /// Whether it is tokio that wakes the task, which it does only to drop it.
    pub(super) is_abort: bool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<TaskWaker>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<TaskWaker>) {
        self.queue.wake(self.task, self.is_abort);
    }
}
