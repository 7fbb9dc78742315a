//! Every run there is, as far as runs differ: a depth-first search over the questions of a machine that can fork.
//!
//! A step that asks something is run again from its fork with each other answer. Three ways to do that, of which each
//! finds the same outcomes and verdicts as the one before:
//!
//! - [`Method::Naive`] makes every run. n tasks that wake at one instant have n! orders.
//! - [`Method::Merged`] does not go on from a state, machine and judges together, from which it has gone on before.
//! - [`Method::Reduced`] merges too, and leaves out orders that differ only in steps which do not get in each other's way.
//!
//! # What is reduced
//!
//! Steps race if they touch the same thing ([`Touch`]), unless both only look or only count, and if they come in the
//! same turn: a turn runs what was ready at its start, so steps of different turns, and of different instants, are in
//! order whatever is chosen. Where the queue is first in, first out, two racing steps are exchanged by the order that
//! put those two there, from which they descend ([`Root`]): timers of one instant, or tasks that the machine itself
//! cancels one by one. Of the items of such an order two are in each other's way if anything that descends from the one
//! races with anything that descends from the other; one order of each class is tried, as `normal.rs` says. An event that the file
//! expects something of races with its like, because an expectation may depend on their order.
//!
//! Where anything that is ready may run next, one step is exchanged for another directly: sleep sets (P. Godefroid,
//! "Partial-Order Methods for the Verification of Concurrent Systems", 1996), with states known by what sleeps as well.
//!
//! # What is not
//!
//! Cuts: each place for one is tried, and one that is made wakes all that sleeps. Injected failures, lengths of sleeps,
//! and loops of the program over a set: each answer is tried. With a bound on deviations nothing is reduced, because
//! of a class only some orders may be within it.
//!
//! Knows nothing of which machine it is, or of clocks.

mod branch;
mod normal;
mod stack;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use branch::{Branch, Room, Script};
use stack::{Stack, State, Turn};

use super::hits_limit;
use crate::experiment::{Bounded, Judging};
#[expect(unused_imports, reason = "for the page above")]
use crate::machine::Root;
use crate::machine::{KeyHasher, Machine, Part, Size, Touch, Watched, conflict};
use crate::program::{Op, Program};
use crate::trace::{Outcome, Tally};
use crate::verdict::{Ending, Identity};

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How much to leave out.
    pub method: Method,
    /// How many answers in a run may be other than the ordinary ones; as many as there are questions, if it is not said.
    pub deviations: Option<u32>,
    /// How many bytes it may take, as far as it can tell, which is true to a quarter. One half is for forks on the way down:
    /// when they take more, some are dropped and made again when they are wanted, so a long run with large states takes
    /// more time and not more memory. But there are always three. The other half is for all that has to be remembered: known
    /// states, of each its key, what was asked on the way down, and what was found. When that is full the search ends, and
    /// says why.
    pub memory: usize,
}

/// How much of what comes to the same is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Nothing.
    Naive,
    /// What follows from a state that has been there before.
    Merged,
    /// That, and orders in which steps change places that do not get in each other's way.
    Reduced,
}

/// How many bytes a search may take if nobody says. Its half for what is remembered is room for five million states.
pub const MEMORY_MAX: usize = 512 << 20;

/// What a known state takes in the map of those: key and count, in nodes that are two thirds full.
const KNOWN_SIZE: usize = 42;

/// After how many states and ends of runs somebody is told.
const TICKS: u64 = 64;

/// No run is followed that asks more often.
const DEPTH_MAX: usize = 20_000;

/// What is searched if nobody says otherwise: everything, with all that comes to the same left out.
impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { method: Method::Reduced, deviations: None, memory: MEMORY_MAX }
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searching {
    /// Ends of runs that were reached.
    pub runs: u64,
    /// States in which something was asked.
    pub states: u64,
    /// Different failures so far.
    pub failures: u64,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// How many runs there are, those counted that go on from a state where another had been before: with
    /// [`Method::Reduced`], of each class one. Where the search ended early or runs were, it is no count of anything.
    pub classes: u64,
    /// How many runs were followed to their end.
    pub runs: u64,
    /// In how many states something was asked.
    pub states: u64,
    /// How many steps were made.
    pub steps: u64,
    /// How runs ended, each with the first of its simplest runs.
    pub results: BTreeMap<Summary, Found>,
    /// What was wrong with them, likewise.
    pub failures: BTreeMap<Identity, Found>,
    /// What bounded the search; it is complete if nothing did.
    pub bounded_by: Vec<Bounded>,
}

/// The end of a run in a few words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Summary {
    /// How it ended.
    pub ending: Ending,
    /// What main came to, and what the shared variables hold.
    pub result: String,
    /// Where the tasks ended up.
    pub tally: Tally,
    /// What is wrong with it, sorted.
    pub wrong: Vec<Identity>,
}

/// A run that a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many of its answers are not the ordinary ones.
    pub deviations: u32,
    /// The answers, to a machine that is searched.
    pub answers: Vec<u64>,
}

impl Searched {
    /// Whether every run has been seen, or one that comes to the same.
    pub fn is_complete(&self) -> bool {
        self.bounded_by.is_empty()
    }

    /// How many runs there are within the bounds, or classes of them. Nobody knows if some are left, or were not followed to
    /// their end, or if 64 bits do not hold it.
    pub fn count(&self) -> Option<u64> {
        let is_whole = |bound: &Bounded| matches!(bound, Bounded::Deviations(_) | Bounded::Lengths);
        Some(self.classes).filter(|&classes| classes < u64::MAX && self.bounded_by.iter().all(is_whole))
    }
}

/// Goes through all runs of a machine that has not begun, and judges them. `watch` is told how far it has come, now and
/// then, and says whether to go on.
pub fn search<M: Machine, J: Judging>(
    program: &Program,
    mut machine: M,
    judge: J,
    bounds: Bounds,
    watch: &mut dyn FnMut(Searching) -> bool,
) -> Searched {
    machine.begin_search();
    let is_free = program.schedule.ready_any_order;
    let has_ranges = program.bodies.iter().flat_map(|body| &body.ops).any(|op| match op {
        Op::Sleep { min, max } => min != max,
        _ => false,
    });
    // A bound on deviations tells runs of one class apart.
    let method = if bounds.deviations.is_some() { bounds.method.min(Method::Merged) } else { bounds.method };
    let mut search = Search {
        program,
        bounds: Bounds { method, ..bounds },
        is_free,
        has_ranges,
        watch,
        stack: Stack::new(bounds.memory / 2),
        orders: Vec::new(),
        known: BTreeMap::new(),
        is_over: false,
        ticks: 0,
        unfinished: 0,
        found_size: 0,
        searched: Searched::default(),
    };
    search.all(State { machine, judge, turn: Turn::default(), asleep: Vec::new(), deviations: 0, orders_at_rest: 0 });
    let mut searched = search.searched;
    if search.unfinished > 0 && !searched.bounded_by.contains(&Bounded::Endless) {
        searched.bounded_by.push(Bounded::Limits(search.unfinished));
    }
    searched.bounded_by.sort_unstable();
    searched
}

/// What came of one step.
struct Step {
    asked: Vec<branch::Asked>,
    watched: Watched,
    is_over: bool,
}

struct Search<'a, M, J> {
    program: &'a Program,
    bounds: Bounds,
    is_free: bool,
    has_ranges: bool,
    watch: &'a mut dyn FnMut(Searching) -> bool,
    stack: Stack<M, J>,
    /// In which frame each order of the present run was asked for.
    orders: Vec<usize>,
    /// The states from which everything has been tried, and how many classes of runs that were.
    known: BTreeMap<u128, u64>,
    is_over: bool,
    ticks: u64,
    unfinished: u64,
    /// About how many bytes the runs take that were found.
    found_size: usize,
    searched: Searched,
}

impl<M: Machine, J: Judging> Search<'_, M, J> {
    fn all(&mut self, first: State<M, J>) {
        self.go_on(first);
        while !self.is_over {
            if self.is_full() {
                break;
            }
            self.make_again();
            let Some((before, branch)) = self.stack.last() else { break };
            let script = branch.next(room(self.bounds, before));
            if branch.is_bounded
                && let Some(most) = self.bounds.deviations
            {
                self.bound(Bounded::Deviations(most));
            }
            let Some(script) = script else {
                self.leave();
                continue;
            };
            let Some(mut state) = self.stack.last().and_then(|(before, _)| before.fork()) else { break };
            let mut step = self.step(&mut state, &script);
            let is_reduced = self.bounds.method == Method::Reduced;
            let Some((_, branch)) = self.stack.last() else { break };
            branch.adopt(script, std::mem::take(&mut step.asked), &mut step.watched, is_reduced);
            self.stack.measure();
            if self.takes_last(&mut state, step) {
                self.go_on(state);
            }
        }
    }

    /// Follows a run with ordinary answers to its end, or to a state that is known.
    fn go_on(&mut self, mut state: State<M, J>) {
        let mut steps = 0;
        loop {
            self.rest(&mut state);
            let Some(before) = state.fork() else { return self.give_up(Bounded::NoFork) };
            let mut step = self.step(&mut state, &[]);
            if !step.asked.is_empty() {
                let key = self.key(&before);
                if let Some(&classes) = key.and_then(|key| self.known.get(&key)) {
                    return self.count(classes);
                }
                if self.is_full() {
                    return;
                }
                if self.stack.frames.len() >= DEPTH_MAX {
                    return self.too_deep(state, step.is_over);
                }
                self.searched.states += 1;
                self.tick();
                let mut branch = Branch::default();
                let is_reduced = self.bounds.method == Method::Reduced;
                branch.adopt(Vec::new(), std::mem::take(&mut step.asked), &mut step.watched, is_reduced);
                self.stack.push(before, steps, branch, key, self.orders.len());
                steps = 0;
                if !self.takes_last(&mut state, step) {
                    return;
                }
            } else if !self.takes_unasked(&mut state, &step.watched) || !self.is_going_on(&state, step.is_over) {
                return;
            } else {
                steps += 1;
            }
        }
    }

    /// Gives up in a run that asks more often than is kept. The first one is followed to its end nevertheless, with ordinary
    /// answers and nothing kept: if it has none, that is all there is to say.
    fn too_deep(&mut self, mut state: State<M, J>, mut is_over: bool) {
        if self.searched.runs == 0 {
            while !is_over && !self.is_over {
                is_over = self.step(&mut state, &[]).is_over;
                self.tick();
            }
            self.is_going_on(&state, is_over);
        }
        if !self.is_over {
            self.give_up(Bounded::Depth(DEPTH_MAX));
        }
    }

    /// Makes the fork of the last frame again if it was dropped, and those on the way there from the nearest that was not.
    fn make_again(&mut self) {
        let Some(last) = self.stack.frames.len().checked_sub(1) else { return };
        if self.stack.last().is_some() {
            return;
        }
        let Some((nearest, mut state)) = self.stack.nearest() else { return };
        for at in nearest..last {
            let answers = self.stack.frames[at].branch.answers.clone();
            let step = self.step(&mut state, &answers);
            self.takes(at, &mut state, &step.watched);
            for _ in 0..self.stack.frames[at + 1].steps {
                self.rest(&mut state);
                let step = self.step(&mut state, &[]);
                self.takes_unasked(&mut state, &step.watched);
            }
            self.rest(&mut state);
            let Some(before) = state.fork() else { return };
            self.stack.keep(at + 1, before);
        }
    }

    fn rest(&self, state: &mut State<M, J>) {
        if state.machine.is_at_rest() {
            state.orders_at_rest = self.orders.len();
        }
    }

    /// Whether there is no room for more that cannot be made again.
    fn is_full(&mut self) -> bool {
        let remembered = self.known.len() * KNOWN_SIZE + self.stack.size + self.found_size;
        let is_full = remembered > self.bounds.memory / 2;
        if is_full {
            self.give_up(Bounded::Memory(self.bounds.memory));
        }
        is_full
    }

    /// Makes a step.
    fn step(&mut self, state: &mut State<M, J>, answers: &[u64]) -> Step {
        let mut deadlines = Vec::new();
        if self.has_ranges {
            deadlines = state.machine.deadlines();
            if state.machine.is_at_rest() {
                // Time moves first.
                let first = deadlines.iter().copied().min().unwrap_or_default();
                deadlines.iter_mut().for_each(|deadline| deadline.0 -= first.0);
            }
        }
        let (is_free, asked) = (self.is_free, Vec::new());
        let mut script = Script { answers, asked, deadlines: &deadlines, is_free, left_out_lengths: false };
        let is_over = state.machine.step(&mut script).is_none();
        let Script { asked, left_out_lengths, .. } = script;
        if left_out_lengths {
            self.bound(Bounded::Lengths);
        }
        self.searched.steps += 1;
        let mut watched = state.machine.watched();
        let judge = &mut state.judge;
        let mut touches = Vec::new();
        state.machine.drain(&mut |moment, texts| {
            judge.touches(moment, texts, &mut |touch| touches.push(touch));
            judge.see(moment, texts);
        });
        if !touches.is_empty() {
            let mut roots: Vec<_> = watched.parts.iter().flat_map(|part| part.roots.iter().copied()).collect();
            roots.sort_unstable();
            roots.dedup();
            watched.parts.push(Part { roots, touches });
        }
        Step { asked, watched, is_over }
    }

    /// Takes the step of the last frame; false if the run need not go on from there.
    fn takes_last(&mut self, state: &mut State<M, J>, step: Step) -> bool {
        let Some((before, branch)) = self.stack.last() else { return false };
        if branch.is_asleep(room(self.bounds, before)) {
            return false;
        }
        self.takes(self.stack.frames.len() - 1, state, &step.watched);
        self.is_going_on(state, step.is_over)
    }

    /// Takes the step that was made from a frame with the answers of its branch.
    fn takes(&mut self, at: usize, state: &mut State<M, J>, watched: &Watched) {
        let frame = &mut self.stack.frames[at];
        state.deviations += frame.branch.deviations();
        self.orders.truncate(frame.orders);
        self.orders.extend(frame.branch.orders().map(|_| at));
        if self.bounds.method == Method::Reduced {
            if self.is_free {
                state.asleep = frame.branch.step_touches(&touches(watched), &state.asleep);
            }
            self.race(state, watched);
        }
    }

    /// Takes a step in which nothing was asked; false if the run need not go on from there.
    fn takes_unasked(&mut self, state: &mut State<M, J>, watched: &Watched) -> bool {
        if self.bounds.method == Method::Reduced {
            if self.is_free {
                if state.asleep.iter().any(|sleeper| sleeper.name == watched.ran) {
                    return false;
                }
                state.asleep = branch::still_asleep(state.asleep.iter(), &touches(watched));
            }
            self.race(state, watched);
        }
        true
    }

    fn is_going_on(&mut self, state: &State<M, J>, is_over: bool) -> bool {
        if is_over && let Some(outcome) = state.machine.outcome() {
            self.end(state, outcome);
        }
        !is_over && !self.is_over
    }

    /// Looks for steps of this turn that race with this one, and says so where their order was asked for.
    fn race(&mut self, state: &mut State<M, J>, watched: &Watched) {
        let turn = &mut state.turn;
        if turn.number != watched.turn || self.is_free {
            turn.parts.clear();
            turn.number = watched.turn;
        }
        for part in watched.parts.iter().filter(|part| !part.roots.is_empty()) {
            for other in turn.parts.iter().filter(|other| conflict(&other.touches, &part.touches)) {
                for one in &other.roots {
                    for two in part.roots.iter().filter(|two| two.order == one.order && two.item != one.item) {
                        if let Some(&frame) = self.orders.get(one.order as usize) {
                            self.stack.frames[frame].branch.relate(one.order, one.item, two.item);
                        }
                    }
                }
            }
            turn.parts.push(part.clone());
        }
    }

    /// By what a state is known, where states are merged.
    fn key(&self, state: &State<M, J>) -> Option<u128> {
        let machine = match (self.bounds.method, self.bounds.deviations) {
            (Method::Naive, _) => return None,
            // Once an order has been asked for, the steps of this instant that are to come race with those that were.
            (Method::Reduced, _) if !self.is_free && self.orders.len() > state.orders_at_rest => return None,
            (_, Some(_)) => state.machine.key()?,
            _ => state.machine.free_key()?,
        };
        let mut asleep: Vec<u64> = state.asleep.iter().map(|sleeper| sleeper.name).collect();
        asleep.sort_unstable();
        let deviations = self.bounds.deviations.map(|_| state.deviations);
        Some(KeyHasher::key(&(machine, &state.judge, asleep, deviations)))
    }

    /// Everything has been tried from the last frame.
    fn leave(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        self.orders.truncate(frame.orders);
        if let Some(key) = frame.key {
            self.known.insert(key, frame.classes);
        }
        self.count(frame.classes);
    }

    /// So many classes of runs go on from here.
    fn count(&mut self, classes: u64) {
        let all = self.stack.frames.last_mut().map_or(&mut self.searched.classes, |frame| &mut frame.classes);
        *all = all.saturating_add(classes);
    }

    fn end(&mut self, state: &State<M, J>, outcome: Outcome) {
        let verdict = state.judge.end(outcome);
        let mut wrong = verdict.identities(self.program);
        wrong.sort();
        let ending = Ending::from(outcome);
        self.unfinished += u64::from(hits_limit(outcome));
        if self.searched.runs == 0
            && hits_limit(outcome)
            && verdict.findings.iter().any(|it| it.is_how_it_ended(outcome))
        {
            // This is the ordinary run: others would hardly end sooner.
            self.give_up(Bounded::Endless);
        }
        self.searched.runs += 1;
        let (stack, deviations) = (&self.stack, state.deviations);
        let make = || Found {
            deviations,
            answers: stack.frames.iter().flat_map(|frame| frame.branch.answers.iter().copied()).collect(),
        };
        for identity in &wrong {
            self.found_size += keep(self.searched.failures.entry(identity.clone()), deviations, make);
        }
        let summary = Summary { ending, result: state.machine.result(), tally: state.judge.tally(), wrong };
        let size = Size::of(&summary.result);
        self.found_size += size + keep(self.searched.results.entry(summary), deviations, make);
        self.count(1);
        self.tick();
    }

    /// Something has been done: tells how far it has come, now and then.
    fn tick(&mut self) {
        self.ticks += 1;
        if self.ticks.is_multiple_of(TICKS) {
            let Searched { runs, states, failures, .. } = &self.searched;
            if !(self.watch)(Searching { runs: *runs, states: *states, failures: failures.len() as u64 }) {
                self.give_up(Bounded::Stopped);
            }
        }
    }

    fn bound(&mut self, by: Bounded) {
        if !self.searched.bounded_by.contains(&by) {
            self.searched.bounded_by.push(by);
        }
    }

    fn give_up(&mut self, by: Bounded) {
        self.bound(by);
        self.is_over = true;
    }
}

/// Keeps a run if there is none yet that is as simple: about how many bytes more that takes.
fn keep<K: Ord>(entry: Entry<'_, K, Found>, deviations: u32, make: impl FnOnce() -> Found) -> usize {
    match entry {
        Entry::Vacant(vacant) => 2 * size_of::<(K, Found)>() + size_of_val(&vacant.insert(make()).answers[..]),
        Entry::Occupied(mut known) if deviations < known.get().deviations => {
            let before = size_of_val(&known.insert(make()).answers[..]);
            size_of_val(&known.get().answers[..]).saturating_sub(before)
        }
        Entry::Occupied(_) => 0,
    }
}

fn room<M, J>(bounds: Bounds, before: &State<M, J>) -> Room<'_> {
    let deviations = bounds.deviations.map_or(u32::MAX, |most| most.saturating_sub(before.deviations));
    Room { deviations, asleep: &before.asleep }
}

fn touches(watched: &Watched) -> Vec<Touch> {
    watched.parts.iter().flat_map(|part| part.touches.iter().copied()).collect()
}
