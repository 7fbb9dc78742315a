//! What a test does in its run besides running: cuts, choices, notes, waiting for everything to settle.
//!
//! Knows nothing of how many runs there are.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;
use tokio::time::Duration;

use super::cut::{Cut, OUTSIDE, Race};
use super::names::Called;
use super::shared::{Shared, Unpanicked, current};
use super::task;
use crate::choice::{Kind, Options, Question};
use crate::id::TaskId;

/// The run that a test is in. It can be copied into every task of the test.
#[derive(Clone, Copy)]
pub struct Sim(());

/// Something of which there is so much, and has to be as much again in the end: free permits, idle connections.
pub trait Probe {
    /// How much there is now.
    fn level(&self) -> i64;
}

impl<F: Fn() -> i64> Probe for F {
    fn level(&self) -> i64 {
        self()
    }
}

/// The permits that are free.
impl Probe for std::sync::Arc<tokio::sync::Semaphore> {
    fn level(&self) -> i64 {
        i64::try_from(self.available_permits()).unwrap_or(i64::MAX)
    }
}

/// Waits until nothing else can run any more. Made by [`Sim::settle`].
#[must_use = "a future does nothing unless it is awaited"]
#[derive(Debug)]
pub struct Settle {
    /// Its number among those who wait, once it does.
    number: Option<u64>,
}

impl Sim {
    /// The run that goes on on this thread, for code that nobody hands it to. Outside of a run all but this panics.
    pub fn here() -> Sim {
        Sim(())
    }

    #[track_caller]
    fn shared(self) -> Rc<Shared> {
        let Some(shared) = current() else { panic!("{OUTSIDE}") };
        shared
    }

    /// A future that may be dropped: before its first poll, at any await and at any later time while it waits there, when
    /// it is woken and not yet polled, and within its own poll; or not at all. It gives what `future` gives, or nothing
    /// if it was dropped.
    pub fn cut<F: Future>(self, future: F) -> Cut<F> {
        Cut::new(future)
    }

    /// A future that is done at some time, or never: for the other branch of a `select!` of your own.
    pub fn race(self) -> Race {
        Race::new()
    }

    /// A number below `count`, which the search chooses. The ordinary one is 0.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    #[track_caller]
    pub fn choose(self, count: u64) -> u64 {
        assert!(count > 0, "there is no number below 0 to choose");
        if count == 1 {
            return 0;
        }
        self.ask(Options::Range { min: 0, max: count - 1 })
    }

    /// Yes or no, which the search chooses. The ordinary answer is no; of a million seeds, `per_million` say yes.
    #[track_caller]
    pub fn chance(self, per_million: u32) -> bool {
        self.ask(Options::Fire { per_million: per_million.min(1_000_000) }) == 1
    }

    #[track_caller]
    fn ask(self, options: Options<'_>) -> u64 {
        let shared = self.shared();
        shared.ask(&Question { kind: Kind::Chosen, subject: shared.running(), site: 0, options })
    }

    /// Something that has to happen in some run, though not in each: if it never does, the check fails, because it does not
    /// test what it is meant to.
    #[track_caller]
    pub fn sometimes(self, what: &str, happens: bool) {
        self.shared().names.sometimes(what, happens);
    }

    /// Ends a run that is none of those that are meant. If most runs are ended so, the check says it.
    #[track_caller]
    pub fn assume(self, holds: bool) {
        if !holds {
            self.shared().names.reject();
            resume_unwind(Box::new(task::Rejected));
        }
    }

    /// Something that has to be given back: when the test is over and everything has settled, `probe` has to say the same as
    /// now.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use atropos::tokio::sync::Semaphore;
    ///
    /// atropos::check(|sim| async move {
    ///     let pool = Arc::new(Semaphore::new(2));
    ///     sim.watch("permits", pool.clone());
    ///     sim.cut(async { drop(pool.acquire().await) }).await;
    /// });
    /// ```
    #[track_caller]
    pub fn watch(self, what: &str, probe: impl Probe + 'static) {
        let before = probe.level();
        self.shared().probes.borrow_mut().push((what.to_owned(), before, Box::new(probe)));
    }

    /// Whether anything is watched.
    pub(crate) fn is_watching(self) -> bool {
        !self.shared().probes.borrow().is_empty()
    }

    /// What was not given back.
    pub(crate) fn not_given_back(self) -> Option<String> {
        let probes = self.shared().probes.take();
        let now = probes.iter().map(|(what, before, probe)| (what, *before, probe.level()));
        let changed = now.filter(|(_, before, now)| before != now);
        let told: Vec<String> =
            changed.map(|(what, before, now)| format!("{what}: {before} before, {now} now")).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// A mark in the trace of the run.
    #[track_caller]
    pub fn note(self, text: impl fmt::Display) {
        let shared = self.shared();
        shared.print(shared.maker().unwrap_or(TaskId::MAIN), &text.to_string());
    }

    /// Waits until everything that can still run has run, the timers of the others included. It is over when nothing has
    /// happened for a virtual hour; on a network, for a virtual second, because each millisecond of it has to be made.
    pub fn settle(self) -> Settle {
        Settle { number: None }
    }

    /// The virtual time since the run began.
    #[track_caller]
    pub fn now(self) -> Duration {
        Duration::from_nanos(self.shared().look_at_clock().0)
    }

    /// A task with a name, for reports and tokens; otherwise it is [`twin::spawn`](super::twin::spawn).
    #[track_caller]
    pub fn spawn<F>(self, name: &str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        task::spawn(&self.shared(), Called::Name(name), future)
    }

    /// Main has failed without a panic, and the run is over. `how` goes on after its name.
    pub(crate) fn fail(self, way: Unpanicked, how: &str) {
        self.shared().failed(way, how);
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sim")
    }
}

impl Future for Settle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = Sim(()).shared();
        let new = context.waker().clone();
        let mut settlers = shared.settlers.borrow_mut();
        let Some(number) = self.number else {
            let number = settlers.next;
            settlers.next += 1;
            settlers.waiting.push((number, new));
            self.number = Some(number);
            return Poll::Pending;
        };
        // Those that are told are not in the list any more.
        let Some((_, waker)) = settlers.waiting.iter_mut().find(|(other, _)| *other == number) else {
            return Poll::Ready(());
        };
        let before = std::mem::replace(waker, new);
        drop(settlers);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        if let (Some(shared), Some(number)) = (current(), self.number) {
            let gone = {
                let waiting = &mut shared.settlers.borrow_mut().waiting;
                let at = waiting.iter().position(|(other, _)| *other == number);
                at.map(|at| waiting.remove(at))
            };
            drop(gone);
        }
    }
}
