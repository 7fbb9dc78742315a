//! Tasks that are tokio's alone: where they are polled if they stay on their thread, and, in the runs in which that is looked
//! at, whose poll it was in which there was one more.
//!
//! Knows nothing of where in the source that is.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use tokio::runtime::Handle;
use tokio::task::{LocalEnterGuard, LocalSet};

use super::shared::Shared;
use crate::id::TaskId;

/// What is spawned past the [`twin`](super::twin) on a thread or host, and polled in tokio's order.
#[derive(Debug, Default)]
pub(super) struct Local {
    set: LocalSet,
    /// Woken when there is something to do, once it was polled.
    signal: RefCell<Option<Arc<Signal>>>,
}

#[derive(Debug)]
struct Signal {
    is_woken: AtomicBool,
    /// Whether there ever was anything.
    is_used: AtomicBool,
    runtime: Waker,
}

impl Wake for Signal {
    fn wake(self: Arc<Signal>) {
        self.is_used.store(true, Ordering::Relaxed);
        self.is_woken.store(true, Ordering::Relaxed);
        self.runtime.wake_by_ref();
    }
}

impl Local {
    /// While this is kept, what is spawned goes there.
    pub(super) fn enter(&self) -> LocalEnterGuard {
        self.set.enter()
    }

    /// Sees from here on whether anything is spawned.
    pub(super) fn begin(&self, context: &mut Context<'_>) {
        let is_known = |signal: &Arc<Signal>| signal.runtime.will_wake(context.waker());
        if !self.signal.borrow().as_ref().is_some_and(is_known) {
            let is_used = AtomicBool::new(self.is_used());
            let runtime = context.waker().clone();
            let new = Signal { is_woken: AtomicBool::new(true), is_used, runtime };
            self.signal.replace(Some(Arc::new(new)));
            self.poll();
        }
    }

    /// Polls those who are woken.
    pub(super) fn poll(&self) {
        let Some(signal) = self.signal.borrow().clone() else { return };
        if signal.is_woken.swap(false, Ordering::Relaxed) {
            let waker = Waker::from(signal);
            let never = pin!(self.set.run_until(std::future::pending::<()>()));
            _ = never.poll(&mut Context::from_waker(&waker));
        }
    }

    /// Whether anything was spawned there.
    pub(super) fn is_used(&self) -> bool {
        self.signal.borrow().as_ref().is_some_and(|signal| signal.is_used.load(Ordering::Relaxed))
    }
}

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
        shared.looks_for_strays().then(|| Strays {
            task,
            polls: shared.suspensions(task),
            alive: alive(shared),
            noted: shared.strays_noted(),
        })
    }

    /// After it. What was noted of a future in the task is not noted again.
    pub(super) fn after(self, shared: &Shared) {
        let now = alive(shared);
        shared.names.stray(now);
        if self.alive < now && self.noted == shared.strays_noted() {
            shared.has_strayed(self.task, self.polls);
        }
    }
}

/// Those that stay on their thread are not counted by tokio: however many there are, they are one.
pub(super) fn alive(shared: &Shared) -> usize {
    let is_local = shared.strays().is_some_and(|strays| strays.is_used());
    if is_local {
        shared.names.set_strays_are_local();
    }
    Handle::current().metrics().num_alive_tasks() + usize::from(is_local && !shared.is_on_network())
}
