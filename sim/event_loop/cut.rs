//! Cuts: the cancellations that the harness puts into a run, at places that were drawn before it began.
//!
//! A cut comes just before the n-th handle of the run. What the loop waits for when nothing is ready counts as a handle
//! too, so a task can also be cancelled while everybody sleeps, and not only in the turn in which somebody wakes.
//!
//! Knows nothing of who draws the places, or of which are worth trying.

use std::hash::{Hash as _, Hasher};

use super::EventLoop;
use super::task::{Own, WaitsFor};
use crate::choice::{Choices, Cut, Kind, Options, Question};
use crate::id::{InstanceId, TaskId};
use crate::machine::{Opening, Openings};
use crate::program::Program;
use crate::reuse::clone_in_place;
use crate::trace::{Phase, Requester, What};

/// What has been drawn, and how far the run has come.
#[derive(Debug)]
pub(super) struct Cutting {
    /// How many handles have run, or may run without being asked about.
    pub(super) handles: u64,
    /// Before which handle the next cut comes; never, if there is none.
    next: u64,
    /// The cuts that are to come, the next one last; each with the number of its entry in the program.
    plan: Vec<(Cut, usize)>,
    /// Those who may be victims of each entry, in creation order.
    candidates: Vec<Vec<TaskId>>,
    /// Of a run that is searched: what is asked for one by one.
    asked: Option<OneByOne>,
}

clone_in_place!(Cutting { handles, next, plan, candidates, asked });

/// Cuts that are asked for where they come.
#[derive(Clone, Debug)]
struct OneByOne {
    /// How many there may still be, by entry.
    left: Vec<u32>,
    made: Vec<(Cut, usize)>,
}

impl Default for Cutting {
    fn default() -> Cutting {
        Cutting { handles: 0, next: u64::MAX, plan: Vec::new(), candidates: Vec::new(), asked: None }
    }
}

impl Cutting {
    pub(super) fn reset(&mut self, program: &Program) {
        self.handles = 0;
        self.next = u64::MAX;
        self.plan.clear();
        self.asked = None;
        self.candidates.resize_with(program.cuts.len(), Vec::new);
        self.candidates.iter_mut().for_each(Vec::clear);
    }

    /// Asks for each cut where it comes.
    pub(super) fn ask_one_by_one(&mut self, program: &Program) {
        let left: Vec<u32> = program.cuts.iter().map(|cuts| cuts.up_to).collect();
        if left.iter().any(|&left| left > 0) {
            self.next = self.handles;
        }
        self.asked = Some(OneByOne { left, made: Vec::new() });
    }

    /// What was cut, in order.
    pub(super) fn made(&self) -> &[(Cut, usize)] {
        self.asked.as_ref().map_or(&[], |asked| &asked.made)
    }

    #[inline]
    pub(super) fn created(&mut self, program: &Program, task: TaskId, instance: InstanceId) {
        for (cuts, candidates) in program.cuts.iter().zip(&mut self.candidates) {
            if cuts.victims[instance.index()] {
                candidates.push(task);
            }
        }
    }

    /// So many handles are about to run: how many there are before the next cut. Those count as run.
    #[inline]
    pub(super) fn next_handles(&mut self, count: usize) -> usize {
        let clear = count.min(usize::try_from(self.next - self.handles).unwrap_or(usize::MAX));
        self.handles += clear as u64;
        clear
    }

    /// How many bytes that takes.
    pub(super) fn size(&self) -> usize {
        self.candidates.iter().map(|candidates| size_of::<Vec<TaskId>>() + size_of_val(&candidates[..])).sum()
    }

    /// Hashes how much is to come before the next cuts, once so many handles have run.
    pub(super) fn hash_state(&self, handles: u64, hasher: &mut impl Hasher) {
        if let Some(asked) = &self.asked {
            asked.left.hash(hasher);
        }
        for (cut, at) in &self.plan {
            (cut.handle - handles, cut.victim, at).hash(hasher);
        }
    }
}

impl EventLoop<'_> {
    /// Asks for every cut of the run, before anything has run.
    #[cold]
    pub(super) fn plan_cuts<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        if self.cutting.asked.is_some() {
            return;
        }
        // Asking takes the whole loop; the plan keeps its memory.
        let mut plan = std::mem::take(&mut self.cutting.plan);
        for (at, cuts) in self.program.cuts.iter().enumerate() {
            let ask = |question: &Question<'_>| self.ask(choices, question);
            let planned = Cut::plan(at as u16, cuts.up_to, cuts.handles, cuts.tasks, ask);
            plan.extend(planned.map(|cut| (cut, at)));
        }
        plan.sort_unstable_by(|a, b| b.cmp(a));
        self.cutting.plan = plan;
        self.next_cut();
    }

    fn next_cut(&mut self) {
        self.cutting.next = self.cutting.plan.last().map_or(u64::MAX, |(cut, _)| cut.handle);
    }

    /// Makes the cuts whose place this is.
    #[cold]
    pub(super) fn cut<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        if self.cutting.asked.is_some() {
            return self.ask_for_cuts(choices);
        }
        let here = self.cutting.next;
        while let Some((Cut { victim, .. }, at)) = self.cutting.plan.pop_if(|(cut, _)| cut.handle == here) {
            self.cut_one(victim, at);
        }
        self.next_cut();
    }

    fn cut_one(&mut self, victim: u32, at: usize) {
        let Some(&task) = self.cutting.candidates[at].get(victim as usize) else { return };
        let Some((phase, instance, site)) = self.situation(task) else { return };
        self.recorder.record(What::Cut { task, phase, instance, site });
        let future = self.tasks[task.index()].future;
        // Nobody is there to be told that the recursion was too deep.
        _ = self.cancel(future, Requester::Harness, None);
    }

    /// Asks who is cut here, until it is nobody. Several are cut in the order of a plan, which is one of their numbers.
    fn ask_for_cuts<C: Choices + ?Sized>(&mut self, choices: &mut C) {
        let handle = self.cutting.handles;
        let mut from = (0, 0);
        loop {
            let victims = self.victims(from);
            if victims.is_empty() {
                break;
            }
            let futures: Vec<_> = victims.iter().map(|&(_, _, task)| self.tasks[task.index()].future).collect();
            let options = Options::Victims(&futures);
            let question = Question { kind: Kind::Cut, subject: TaskId::MAIN, site: 0, options };
            let Some(chosen) = self.ask(choices, &question).checked_sub(1) else { break };
            let (victim, at, _) = victims[chosen as usize];
            from = (victim, at);
            if let Some(asked) = &mut self.cutting.asked {
                asked.left[at] -= 1;
                asked.made.push((Cut { handle, victim }, at));
            }
            self.cut_one(victim, at);
        }
        let is_over = self.cutting.asked.as_ref().is_none_or(|asked| asked.left.iter().all(|&left| left == 0));
        self.cutting.next = if is_over { u64::MAX } else { handle + 1 };
    }

    /// Who may be cut now: number and entry from `from` on, and the task.
    fn victims(&self, from: (u32, usize)) -> Vec<(u32, usize, TaskId)> {
        let Some(asked) = &self.cutting.asked else { return Vec::new() };
        let mut victims = Vec::new();
        for (at, candidates) in self.cutting.candidates.iter().enumerate().filter(|&(at, _)| asked.left[at] > 0) {
            let all = (0..).zip(candidates.iter().copied()).map(|(victim, task)| (victim, at, task));
            let there = |&(victim, at, task): &_| from <= (victim, at) && self.situation(task).is_some();
            victims.extend(all.filter(there));
        }
        victims.sort_unstable_by_key(|&(victim, at, _)| (victim, at));
        victims
    }

    /// In which phase a task is, and at which operation of whose code; nothing if it is done.
    fn situation(&self, task: TaskId) -> Option<(Phase, InstanceId, u32)> {
        let state = &self.tasks[task.index()];
        if self.futures[state.future].is_done() {
            return None;
        }
        let (instance, site) = self.memory.site(state.frame);
        let waits = match state.waits_for {
            WaitsFor::Nothing => false,
            WaitsFor::Sleep | WaitsFor::Wait(_) | WaitsFor::Object(_) | WaitsFor::Library => state.own == Own::Pending,
            WaitsFor::Future(future) => !self.futures[future].is_done(),
        };
        let phase = if state.cancel_requested || state.must_cancel {
            Phase::Again
        } else if !state.started {
            Phase::NotStarted
        } else if state.was_cancelled {
            Phase::Cleanup
        } else if waits {
            Phase::Waiting
        } else {
            Phase::Woken
        };
        Some((phase, instance, site))
    }

    /// Runs to the end, and lists where there was somebody to be cut: of more than `most` places, the first.
    pub fn openings<C: Choices + ?Sized>(&mut self, choices: &mut C, most: usize) -> Openings {
        let mut all = Openings::default();
        let mut lives: Vec<Life> = Vec::new();
        let mut here: Vec<Opening> = Vec::new();
        loop {
            // What `run()` does between two of its phases is done before the next cut.
            if self.is_between_phases() {
                self.go_to_next_phase(choices);
            }
            let (handle, time) = (self.handles(), self.now);
            lives.resize(self.tasks.len(), Life { begun: handle, visit: 0 });
            here.clear();
            for (entry, candidates) in self.cutting.candidates.iter().enumerate() {
                for (victim, &task) in (0..).zip(candidates) {
                    let Some((phase, instance, site)) = self.situation(task) else { continue };
                    let Life { begun, visit } = lives[task.index()];
                    let (cut, age) = (Cut { handle, victim }, handle - begun);
                    here.push(Opening { entry, cut, task, phase, instance, site, visit, age, time });
                }
            }
            let Some(footprint) = super::Machine::step(self, choices) else { break };
            all.add(&here, most);
            if self.handles() == handle + 2 {
                // The loop waited first, and woke to run this handle.
                for opening in &mut here {
                    opening.cut.handle += 1;
                    opening.age += 1;
                    opening.time = self.now;
                }
                all.add(&here, most);
            }
            if let Some(life) = footprint.task.and_then(|task| lives.get_mut(task.index())) {
                *life = Life { begun: self.handles(), visit: life.visit + 1 };
            }
        }
        all.handles = self.handles();
        all.tasks = self.cutting.candidates.iter().map(|candidates| candidates.len() as u32).collect();
        all
    }
}

/// How often a task has run, and before which handle it did last.
#[derive(Clone, Copy)]
struct Life {
    begun: u64,
    visit: u32,
}
