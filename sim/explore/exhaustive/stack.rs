//! The states in which the present run was asked something, and as many forks of them as there is room for.
//!
//! When the forks take more than they may, every second one goes. So of those that stand far back few are left, and many
//! of the latest, to which a search comes back first. What was dropped is made again by whoever wants it, by way of the
//! answers that the branches have.
//!
//! Knows nothing of how a run goes on.

use super::branch::{Branch, Sleeper};
use crate::experiment::Judging;
use crate::machine::{Machine, Part, Root, Size, Touch};

/// A run somewhere on its way, and what is remembered of that.
pub(super) struct State<M, J> {
    pub(super) machine: M,
    pub(super) judge: J,
    pub(super) turn: Turn,
    pub(super) asleep: Vec<Sleeper>,
    /// How many answers so far were not the ordinary ones.
    pub(super) deviations: u32,
    /// How many orders had been asked for when nothing was ready.
    pub(super) orders_at_rest: usize,
}

/// What was touched in the present turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn {
    pub(super) number: u32,
    pub(super) parts: Vec<Part>,
}

impl<M: Machine, J: Judging> State<M, J> {
    pub(super) fn fork(&self) -> Option<State<M, J>> {
        Some(State {
            machine: self.machine.fork()?,
            judge: self.judge.clone(),
            turn: self.turn.clone(),
            asleep: self.asleep.clone(),
            deviations: self.deviations,
            orders_at_rest: self.orders_at_rest,
        })
    }

    /// About how many bytes it takes.
    fn size(&self) -> usize {
        let parts = self.turn.parts.iter().map(|part| {
            size_of::<Part>() + part.roots.len() * size_of::<Root>() + part.touches.len() * size_of::<Touch>()
        });
        let asleep = self.asleep.iter().map(Sleeper::size);
        let machine = self.machine.size().saturating_sub(size_of::<M>());
        size_of::<Self>() + machine + Size::of(&self.judge) + parts.chain(asleep).sum::<usize>()
    }
}

/// A state in which something was asked.
pub(super) struct Frame<M, J> {
    /// Nothing, if there was no room for it.
    before: Option<Box<State<M, J>>>,
    /// About how many bytes that takes.
    fork_size: usize,
    /// The same of all the rest of this.
    size: usize,
    /// How many steps in which nothing was asked lie between the frame before and this one.
    pub(super) steps: u32,
    pub(super) branch: Branch,
    pub(super) key: Option<u128>,
    pub(super) classes: u64,
    /// How many orders the run had asked for before.
    pub(super) orders: usize,
}

/// Those of the present run.
pub(super) struct Stack<M, J> {
    pub(super) frames: Vec<Frame<M, J>>,
    /// About how many bytes all forks take, and how many they may.
    forks_size: usize,
    forks_size_max: usize,
    /// The same of all the rest.
    pub(super) size: usize,
}

impl<M: Machine, J: Judging> Stack<M, J> {
    /// Nothing yet, and this is how many bytes of forks there may be.
    pub(super) fn new(forks_size_max: usize) -> Stack<M, J> {
        Stack { frames: Vec::new(), forks_size: 0, forks_size_max, size: 0 }
    }

    /// Adds a state with what it was asked.
    pub(super) fn push(&mut self, before: State<M, J>, steps: u32, branch: Branch, key: Option<u128>, orders: usize) {
        self.frames.push(Frame { before: None, fork_size: 0, size: 0, steps, branch, key, classes: 0, orders });
        self.keep(self.frames.len() - 1, before);
        self.measure();
    }

    /// Takes the last one away.
    pub(super) fn pop(&mut self) -> Option<Frame<M, J>> {
        let frame = self.frames.pop()?;
        self.size -= frame.size;
        self.forks_size -= frame.fork_size;
        Some(frame)
    }

    /// The branch of the last one has changed.
    pub(super) fn measure(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            self.size -= frame.size;
            frame.size = size_of::<Frame<M, J>>() - size_of::<Branch>() + frame.branch.size();
            self.size += frame.size;
        }
    }

    /// The last one, if its fork is there.
    pub(super) fn last(&mut self) -> Option<(&State<M, J>, &mut Branch)> {
        let frame = self.frames.last_mut()?;
        Some((frame.before.as_deref()?, &mut frame.branch))
    }

    /// Which is the last whose fork is there, with another fork of that.
    pub(super) fn nearest(&self) -> Option<(usize, State<M, J>)> {
        let at = self.frames.iter().rposition(|frame| frame.before.is_some())?;
        Some((at, self.frames[at].before.as_ref()?.fork()?))
    }

    /// Keeps the fork of a state after which none is kept.
    pub(super) fn keep(&mut self, at: usize, before: State<M, J>) {
        let frame = &mut self.frames[at];
        frame.fork_size = before.size();
        frame.before = Some(Box::new(before));
        self.forks_size += frame.fork_size;
        if self.forks_size > self.forks_size_max {
            self.thin(at);
        }
    }

    /// Drops every second fork, but neither the first, from which all can be made again, nor the last.
    fn thin(&mut self, last: usize) {
        let kept = self.frames[..last].iter_mut().filter(|frame| frame.before.is_some());
        for frame in kept.skip(1).step_by(2) {
            frame.before = None;
            self.forks_size -= std::mem::take(&mut frame.fork_size);
        }
    }
}
