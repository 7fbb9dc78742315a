//! Who was woken, in which order, and by whom. Other threads have a door to it, and touch nothing else.
//!
//! A task that is woken while it is polled goes to the end of the queue after its poll, as in tokio, and not at the
//! moment when it was woken.
//!
//! Knows nothing of what a task is made of, or of who is polled next.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Wake, Waker};

use super::shared;
use crate::id::TaskId;

/// The tasks that are to be polled.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: RefCell<State>,
    /// Who is polled.
    running: Cell<Option<TaskId>>,
    /// Whether the round is going on, so that nobody has to be told of more work.
    is_in_round: Cell<bool>,
    /// Wakes whoever polls the executor.
    runtime: RefCell<Option<Waker>>,
    /// Whether another thread has woken anybody.
    is_woken_from_outside: Cell<bool>,
    door: Arc<Door>,
}

#[derive(Debug, Default)]
struct State {
    /// Woken and not yet polled, the first to be woken first; the root is not among them.
    ready: VecDeque<TaskId>,
    /// Who is polled first in each round, if anybody is.
    root: Option<TaskId>,
    /// By task; those of other hosts are gone here.
    tasks: Vec<Entry>,
}

/// Through which other threads wake tasks: a lock for each wake would cost more than all the rest of it.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// Whether anybody is outside.
    is_knocked_at: AtomicBool,
    outside: Mutex<Outside>,
}

#[derive(Debug, Default)]
struct Outside {
    /// Who is to be woken, and whether to be dropped.
    woken: Vec<(TaskId, bool)>,
    runtime: Option<Waker>,
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
        Queue { state: RefCell::new(State { root: Some(root), ..State::default() }), ..Queue::default() }
    }

    /// After whoever has knocked is let in.
    #[inline]
    fn state(&self) -> RefMut<'_, State> {
        if self.door.is_knocked_at.load(Ordering::Relaxed) {
            self.let_in();
        }
        self.state.borrow_mut()
    }

    #[cold]
    fn let_in(&self) {
        self.is_woken_from_outside.set(true);
        let woken = {
            let mut outside = self.door.outside();
            self.door.is_knocked_at.store(false, Ordering::Relaxed);
            std::mem::take(&mut outside.woken)
        };
        let mut state = self.state.borrow_mut();
        woken.into_iter().for_each(|(task, is_abort)| _ = state.wake(task, None, is_abort));
    }

    /// This task exists, with a higher number than those before it; `is_ready` if it is to be polled at once.
    pub(super) fn add(&self, task: TaskId, is_ready: bool) {
        let mut state = self.state();
        let stage = if is_ready { Stage::Queued } else { Stage::Idle };
        let woken = Woken { by: self.running.get(), is_aborted: false };
        debug_assert!(state.tasks.len() <= task.index(), "a task has a number that was another's");
        state.tasks.resize(task.index(), Entry::default());
        state.tasks.push(Entry { state: stage, woken });
        if is_ready {
            state.queue(task);
        }
    }

    /// What is known of it on other threads.
    pub(super) fn door(&self) -> Arc<Door> {
        self.door.clone()
    }

    /// Whether this door leads to it.
    pub(super) fn is_behind(&self, door: &Arc<Door>) -> bool {
        Arc::ptr_eq(&self.door, door)
    }

    /// What wakes a task, and what tokio wakes it with to drop it.
    pub(super) fn wakers(&self, task: TaskId) -> (Waker, Aborts) {
        let waker = |is_abort| {
            let is_polled = AtomicBool::new(false);
            Arc::new(TaskWaker { door: self.door.clone(), task, is_abort, is_polled })
        };
        let aborts = waker(true);
        (Waker::from(waker(false)), Aborts { waker: Waker::from(aborts.clone()), aborts })
    }

    /// A round begins: what is woken from here on is seen before it ends.
    pub(super) fn begin_round(&self, runtime: &Waker) {
        self.is_in_round.set(true);
        let mut known = self.runtime.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(runtime)) {
            *known = Some(runtime.clone());
            self.door.outside().runtime = Some(runtime.clone());
        }
    }

    /// The round is over; whether there is more to do.
    pub(super) fn end_round(&self) -> bool {
        self.is_in_round.set(false);
        !self.is_empty()
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
        if state.ready.front() == Some(&task) {
            state.ready.pop_front();
        } else if state.tasks[task.index()].state == Stage::Queued && Some(task) != state.root {
            let at = state.ready.iter().position(|&other| other == task);
            at.and_then(|at| state.ready.remove(at));
        }
        self.running.set(Some(task));
        let entry = &mut state.tasks[task.index()];
        entry.state = Stage::Running;
        std::mem::take(&mut entry.woken)
    }

    /// It was polled, and may be gone by that.
    pub(super) fn end(&self, task: TaskId, is_gone: bool) {
        let mut state = self.state();
        self.running.set(None);
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
        self.running.get()
    }

    /// Whether another thread has woken anybody.
    pub(super) fn is_woken_from_outside(&self) -> bool {
        self.state();
        self.is_woken_from_outside.get()
    }

    /// Wakes a task from the thread of the run.
    fn wake(&self, task: TaskId, is_abort: bool) {
        let is_news = self.state().wake(task, self.running.get(), is_abort);
        if is_news
            && !self.is_in_round.get()
            && let Some(runtime) = &*self.runtime.borrow()
        {
            runtime.wake_by_ref();
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

    /// A task is woken, or aborted, by whoever is polled; whether that is news.
    fn wake(&mut self, task: TaskId, by: Option<TaskId>, is_abort: bool) -> bool {
        let entry = &mut self.tasks[task.index()];
        match entry.state {
            // Whatever else has woken it: it is dropped because of whoever aborted it.
            Stage::Queued if is_abort => {
                entry.woken = Woken { by, is_aborted: true };
                false
            }
            Stage::Queued | Stage::RunningAndWoken | Stage::Gone => false,
            Stage::Running => {
                entry.state = Stage::RunningAndWoken;
                entry.woken = Woken { by, is_aborted: false };
                true
            }
            Stage::Idle => {
                entry.state = Stage::Queued;
                entry.woken = Woken { by, is_aborted: is_abort };
                self.queue(task);
                true
            }
        }
    }
}

impl Door {
    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Wakes a task from another thread.
    fn knock(&self, task: TaskId, is_abort: bool) {
        let runtime = {
            let mut outside = self.outside();
            outside.woken.push((task, is_abort));
            self.is_knocked_at.store(true, Ordering::Relaxed);
            outside.runtime.clone()
        };
        runtime.into_iter().for_each(Waker::wake);
    }
}

thread_local! {
    /// Whether this thread polls a task: another one may abort it meanwhile.
    static IS_POLLING: Cell<bool> = const { Cell::new(false) };
}

/// What tokio wakes a task with to drop it.
#[derive(Debug)]
pub(super) struct Aborts {
    pub(super) waker: Waker,
    aborts: Arc<TaskWaker>,
}

impl Aborts {
    /// Whether the task is polled: then tokio itself wakes it, and that is no abort.
    pub(super) fn set_polled(&self, is_polled: bool) {
        IS_POLLING.set(is_polled);
        self.aborts.is_polled.store(is_polled, Ordering::Relaxed);
    }
}

/// Puts a task into the queue behind the door.
#[derive(Debug)]
struct TaskWaker {
    door: Arc<Door>,
    task: TaskId,
    is_abort: bool,
    is_polled: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<TaskWaker>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<TaskWaker>) {
        if self.is_polled.load(Ordering::Relaxed) && IS_POLLING.get() {
            return;
        }
        if shared::behind(&self.door, |queue| queue.wake(self.task, self.is_abort)).is_none() {
            self.door.knock(self.task, self.is_abort);
        }
    }
}
