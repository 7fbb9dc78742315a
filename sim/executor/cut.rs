//! Futures that may be cut: dropped before their first poll, while they wait, when they are woken, within their own poll.
//!
//! A moment is a place between two things that happen: before each poll of any task, before a future's first poll, after
//! each poll of its own, and from time to time while everybody sleeps. A cut names the how manieth moment in the life of a
//! future it comes at. The future itself is dropped by whoever polls it, as any other future is: the cut wakes it, and it
//! is gone before it would be polled.
//!
//! Knows nothing of who is polled next.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::names::{self, Called};
use super::queue::{Door, Queue};
use super::shared::{Shared, VALUE, behind, current, reason};
use super::sites;
use super::strays::Strays;
use crate::choice;
use crate::id::TaskId;
use crate::machine::{Opening, Openings};
use crate::trace::{Phase, What};

/// A future that the search may drop at any of its awaits, in every phase. What comes out is nothing if it was dropped.
///
/// Made by [`Sim::cut`](super::Sim::cut).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Cut<F> {
    future: Option<Pin<Box<F>>>,
    name: Option<String>,
    /// Whether there is nothing in it that could be woken: it is only waited for.
    is_race: bool,
    life: Option<Life>,
}

/// A future that is done when the search says so, or never.
///
/// Made by [`Sim::race`](super::Sim::race).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Race(pub(super) Cut<std::future::Pending<()>>);

/// Everything that may be cut in a run, and what is planned.
#[derive(Debug, Default)]
pub(super) struct Victims {
    /// In the order of their first polls.
    list: Vec<Victim>,
    /// Those that are not gone.
    alive: Vec<u32>,
    /// What is planned.
    plan: Vec<choice::Cut>,
    /// How many moments there have been.
    moment: u64,
    /// How many moments the longest life had.
    longest: u64,
    /// Where a cut would have been possible, if that is to be listed, and at most how many.
    pub(super) openings: Option<(Openings, usize)>,
}

#[derive(Debug)]
struct Victim {
    task: TaskId,
    /// Who polls it.
    owner: TaskId,
    /// The moment before its first poll, and the one after its last.
    born: u64,
    polled: u64,
    signal: Arc<Signal>,
    /// Wakes it for its owner.
    waker: Option<Waker>,
    is_cut: bool,
}

/// What those who wake a victim leave for it.
#[derive(Debug)]
struct Signal {
    /// Where it is polled.
    door: Arc<Door>,
    is_woken: AtomicBool,
    by: AtomicU32,
}

/// No task has this number.
const NOBODY: u32 = u32::MAX;

/// A victim that was polled. Dropped with its future.
struct Life {
    victim: u32,
    task: TaskId,
    signal: Arc<Signal>,
    /// What its future is polled with, and what that was made of.
    waker: Option<(Waker, Waker)>,
    is_over: bool,
}

impl Victims {
    /// Nothing is planned yet; with openings, at most so many are listed.
    pub(super) fn new(openings: Option<usize>) -> Victims {
        Victims { openings: openings.map(|most| (Openings::default(), most)), ..Victims::default() }
    }

    pub(super) fn plan(&mut self, cut: choice::Cut) {
        self.plan.push(cut);
    }

    /// Whether it makes a difference that moments pass while everybody sleeps.
    pub(super) fn are_awaited(&self) -> bool {
        !self.alive.is_empty() && (self.openings.is_some() || !self.plan.is_empty())
    }

    /// How many there were, and how many moments the longest life had.
    pub(super) fn measured(&self) -> (u32, u64) {
        (self.list.len() as u32, self.longest)
    }

    /// A moment at which one of these may be cut; the first for whom that is planned is.
    fn moment(&mut self, shared: &Shared, candidates: &[u32], phase: Option<Phase>) -> Option<u32> {
        if shared.is_closed() {
            return None;
        }
        self.moment += 1;
        let mut hit = None;
        for &number in candidates {
            let victim = &self.list[number as usize];
            if victim.is_cut {
                continue;
            }
            let is_woken = victim.signal.is_woken.load(Ordering::Relaxed);
            let phase = phase.unwrap_or(if is_woken { Phase::Woken } else { Phase::Waiting });
            let cut = choice::Cut { handle: self.moment - victim.born, victim: number };
            self.longest = self.longest.max(cut.handle + 1);
            if let Some((openings, most)) = &mut self.openings {
                let visit = if phase == Phase::NotStarted { 0 } else { shared.suspensions(victim.task) };
                let opening = Opening {
                    entry: 0,
                    cut,
                    task: victim.task,
                    phase,
                    instance: shared.instance(victim.task),
                    site: visit,
                    visit,
                    age: self.moment - victim.polled,
                    time: shared.time(),
                };
                openings.add(&[opening], *most);
            }
            if hit.is_none()
                && let Some(at) = self.plan.iter().position(|&planned| planned == cut)
            {
                self.plan.remove(at);
                hit = Some((number, phase));
            }
        }
        let (number, phase) = hit?;
        let victim = &mut self.list[number as usize];
        victim.is_cut = true;
        let (task, instance) = (victim.task, shared.instance(victim.task));
        let site = if phase == Phase::NotStarted { 0 } else { shared.suspensions(task) };
        shared.record(What::Cut { task, phase, instance, site });
        Some(number)
    }

    fn add(&mut self, shared: &Shared, task: TaskId, owner: TaskId) -> Life {
        let door = shared.queue().door();
        let signal = Arc::new(Signal { door, is_woken: AtomicBool::new(false), by: AtomicU32::new(NOBODY) });
        let (victim, next) = (self.list.len() as u32, self.moment + 1);
        let waker = None;
        self.list.push(Victim { task, owner, born: next, polled: next, signal: signal.clone(), waker, is_cut: false });
        self.alive.push(victim);
        Life { victim, task, signal, waker: None, is_over: false }
    }
}

/// A moment between two polls. If somebody is to be cut now, it is woken, and this is who has to be polled for it.
pub(super) fn moment(shared: &Shared) -> Option<TaskId> {
    let (owner, waker) = {
        let mut victims = shared.victims.borrow_mut();
        if victims.alive.is_empty() {
            return None;
        }
        let alive = std::mem::take(&mut victims.alive);
        let hit = victims.moment(shared, &alive, None);
        victims.alive = alive;
        let victim = &mut victims.list[hit? as usize];
        (victim.owner, victim.waker.take())
    };
    if let Some(waker) = waker {
        waker.wake();
    }
    Some(owner)
}

impl<F> Cut<F> {
    pub(super) fn new(future: F) -> Cut<F> {
        Cut { future: Some(Box::pin(future)), name: None, is_race: false, life: None }
    }

    /// Gives it a name, for reports and tokens; otherwise it is called after the function that it runs.
    pub fn named(self, name: impl Into<String>) -> Cut<F> {
        Cut { name: Some(name.into()), ..self }
    }
}

impl Race {
    pub(super) fn new() -> Race {
        Race(Cut { is_race: true, ..Cut::new(std::future::pending()).named("race") })
    }

    /// Gives it a name, for reports and tokens.
    pub fn named(self, name: impl Into<String>) -> Race {
        Race(self.0.named(name))
    }
}

impl Future for Race {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(|_| ())
    }
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let Some(shared) = current() else { panic!("{OUTSIDE}") };
        assert!(self.future.is_some(), "a future that may be cut is polled again although it is done");
        let owner = shared.running();
        if self.life.is_none() {
            let name = self.name.take();
            let name = name.as_deref().map_or_else(|| names::of_type::<F>(), Called::Name);
            let task = shared.create(name, Some(shared.maker().unwrap_or(owner)), false);
            self.life = Some(shared.victims.borrow_mut().add(&shared, task, owner));
            let victim = [self.number()];
            if shared.victims.borrow_mut().moment(&shared, &victim, Some(Phase::NotStarted)).is_some() {
                return Poll::Ready(self.drop_it(&shared));
            }
        }
        let victim = self.number();
        let is_cut = {
            let list = &mut shared.victims.borrow_mut().list;
            list[victim as usize].owner = owner;
            list[victim as usize].is_cut
        };
        if is_cut {
            return Poll::Ready(self.drop_it(&shared));
        }
        if !self.is_race {
            match self.poll_inner(&shared, context) {
                Poll::Ready(output) => {
                    self.end(&shared, |task| What::Finished { task, value: VALUE });
                    self.future = None;
                    return Poll::Ready(Some(output));
                }
                Poll::Pending => {
                    let mut victims = shared.victims.borrow_mut();
                    victims.list[victim as usize].polled = victims.moment + 1;
                    if victims.moment(&shared, &[victim], Some(Phase::OwnPoll)).is_some() {
                        drop(victims);
                        return Poll::Ready(self.drop_it(&shared));
                    }
                }
            }
        }
        let waker = Some(context.waker().clone());
        let before = std::mem::replace(&mut shared.victims.borrow_mut().list[victim as usize].waker, waker);
        drop(before);
        Poll::Pending
    }
}

impl<F> Cut<F> {
    fn number(&self) -> u32 {
        self.life.as_ref().map_or(0, |life| life.victim)
    }

    fn drop_it<T>(&mut self, shared: &Shared) -> Option<T> {
        self.future = None;
        self.end(shared, |task| What::Cancelled { task, message: None });
        None
    }

    fn end(&mut self, shared: &Shared, what: impl FnOnce(TaskId) -> What) {
        if let Some(life) = &mut self.life {
            life.end(shared, what(life.task));
        }
    }
}

impl<F: Future> Cut<F> {
    fn poll_inner(&mut self, shared: &Shared, context: &mut Context<'_>) -> Poll<F::Output> {
        let Cut { future: Some(future), life: Some(life), .. } = self else { return Poll::Pending };
        let is_first = life.waker.is_none();
        let is_woken = life.signal.is_woken.swap(false, Ordering::Relaxed);
        let by = life.signal.by.swap(NOBODY, Ordering::Relaxed);
        let by = (by != NOBODY).then_some(TaskId(by));
        if is_first || is_woken {
            shared.polled(life.task, reason(by, life.task));
        }
        let waker = life.waker(context.waker());
        let waker = if shared.with_sites { sites::recording(life.task, waker) } else { waker };
        let task = life.task;
        let strays = Strays::before(shared, task);
        let outer = Inside::new(shared, task);
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        drop(outer);
        if let Some(before) = strays {
            before.after(shared);
        }
        if polled.is_pending() {
            shared.suspended(task);
        }
        polled
    }
}

impl Life {
    fn end(&mut self, shared: &Shared, what: What) {
        if !std::mem::replace(&mut self.is_over, true) {
            shared.over(self.task, what);
            shared.victims.borrow_mut().alive.retain(|&other| other != self.victim);
        }
    }

    /// What the future is polled with, so that it is known when it is woken.
    fn waker(&mut self, outer: &Waker) -> Waker {
        match &self.waker {
            Some((waker, of)) if of.will_wake(outer) => waker.clone(),
            _ => {
                let parent = outer.clone();
                let waker = Waker::from(Arc::new(VictimWaker { signal: self.signal.clone(), parent: parent.clone() }));
                self.waker = Some((waker.clone(), parent));
                waker
            }
        }
    }
}

/// Whoever holds it may drop it without a word, as a `select!` does with the branches that have lost.
impl Drop for Life {
    fn drop(&mut self) {
        if let Some(shared) = current() {
            let task = self.task;
            self.end(&shared, What::Cancelled { task, message: None });
        }
    }
}

/// As long as a future that may be cut is polled.
struct Inside<'a> {
    shared: &'a Shared,
    before: Option<TaskId>,
}

impl<'a> Inside<'a> {
    fn new(shared: &'a Shared, task: TaskId) -> Inside<'a> {
        Inside { shared, before: shared.inside.replace(Some(task)) }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.shared.inside.set(self.before);
    }
}

struct VictimWaker {
    signal: Arc<Signal>,
    parent: Waker,
}

impl Wake for VictimWaker {
    fn wake(self: Arc<VictimWaker>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<VictimWaker>) {
        if !self.signal.is_woken.swap(true, Ordering::Relaxed) {
            let by = behind(&self.signal.door, Queue::running).flatten().map_or(NOBODY, |task| task.0);
            self.signal.by.store(by, Ordering::Relaxed);
        }
        self.parent.wake_by_ref();
    }
}

/// Said where a handle of a run is used after it, or on another thread.
pub(super) const OUTSIDE: &str = "a `Sim` is used outside of the check that it belongs to: \
    it works on the thread of its run only, as long as that run goes on";
