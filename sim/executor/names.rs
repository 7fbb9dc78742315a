//! What tasks are called: by their future's type, unless somebody gives them a name.
//!
//! Runs on several threads share one list, so that a name has one number in all of them.
//!
//! Knows nothing of runs.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

use crate::id::InstanceId;
use crate::program::{Cuts, ErrorType, ErrorTypes, Limits, Program};

/// The names of tasks, and the places of panics, that were met so far.
#[derive(Debug)]
pub struct Registry {
    known: Mutex<Known>,
    /// Whether tokio draws numbers in these runs, so that it has to be steered.
    draws: AtomicBool,
    /// In whose polls it does, as it was measured.
    drawing: OnceLock<Vec<Drawing>>,
    /// Whether it does so in a way that is not known, so that it cannot be.
    are_draws_unknown: AtomicBool,
    /// How many numbers it drew that nobody chose.
    not_chosen: AtomicU64,
    /// Which of all registries of this process it is, so that a thread knows whether its slot is one of these.
    number: u64,
    /// How many threads have taken a slot.
    threads: AtomicUsize,
    slots: Box<[Slot; SLOTS]>,
    /// How many runs `assume` has rejected.
    rejected: AtomicU64,
    /// The most tasks at once that were tokio's alone.
    strays: AtomicUsize,
    /// Whether there were some that stay on their thread.
    are_strays_local: AtomicBool,
    /// Whether another thread has woken a task.
    is_woken_from_outside: AtomicBool,
}

/// So many threads at once tell of their polls each for itself. A check has as many as it has jobs.
const SLOTS: usize = 128;

/// The polls of one thread, on a cache line of its own, because every poll writes it.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    /// How many there have been.
    polls: AtomicU64,
    /// Whose the last one is: its name's number and one, or 0 between polls.
    polled: AtomicU32,
}

impl Slot {
    const fn new() -> Slot {
        Slot { polls: AtomicU64::new(0), polled: AtomicU32::new(0) }
    }
}

thread_local! {
    /// The number of the registry that this thread has polled for, and its slot there.
    static SLOT: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

/// A poll that has not returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ongoing {
    /// On which thread, counted from 0.
    pub thread: usize,
    /// The how manieth poll of that thread it is.
    pub poll: u64,
    /// Whose.
    pub task: String,
}

/// tokio was seen to draw numbers in polls of a task of this name, the first time in its poll with this number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawing {
    /// The name.
    pub(crate) task: String,
    /// How often a task had been polled before, at least.
    pub(crate) poll: u32,
    /// The number of the name.
    instance: InstanceId,
}

#[derive(Debug)]
struct Known {
    tasks: Vec<String>,
    /// The types of which the names of tasks were made.
    types: Vec<(&'static str, InstanceId)>,
    panics: Vec<String>,
    /// What must happen in some run, and whether it has.
    sometimes: BTreeMap<String, bool>,
    /// In the polls of which tasks tokio has drawn numbers, and after how many polls of it the first time.
    drawing: BTreeMap<InstanceId, u32>,
}

impl Default for Registry {
    /// Main alone.
    fn default() -> Registry {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let known = Known {
            tasks: vec!["main".to_owned()],
            types: Vec::new(),
            panics: Vec::new(),
            sometimes: BTreeMap::new(),
            drawing: BTreeMap::new(),
        };
        Registry {
            known: Mutex::new(known),
            draws: AtomicBool::new(false),
            drawing: OnceLock::new(),
            are_draws_unknown: AtomicBool::new(false),
            not_chosen: AtomicU64::new(0),
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            threads: AtomicUsize::new(0),
            slots: Box::new([const { Slot::new() }; SLOTS]),
            rejected: AtomicU64::new(0),
            strays: AtomicUsize::new(0),
            are_strays_local: AtomicBool::new(false),
            is_woken_from_outside: AtomicBool::new(false),
        }
    }
}

impl Registry {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The slot of this thread, which it takes at its first poll.
    fn slot(&self) -> &Slot {
        let (number, mut slot) = SLOT.get();
        if number != self.number {
            slot = self.threads.fetch_add(1, Ordering::Relaxed) % SLOTS;
            SLOT.set((self.number, slot));
        }
        &self.slots[slot]
    }

    /// A poll of a task begins.
    pub(super) fn begin_poll(&self, instance: InstanceId) {
        let slot = self.slot();
        // Nobody else writes here, so that this is exact without an addition in one step, which takes longer.
        slot.polls.store(slot.polls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        slot.polled.store(instance.0 + 1, Ordering::Relaxed);
    }

    /// It has returned.
    pub(super) fn end_poll(&self) {
        self.slot().polled.store(0, Ordering::Relaxed);
    }

    /// The polls that go on, at most one on each thread.
    pub fn ongoing(&self) -> Vec<Ongoing> {
        let known = self.known();
        let ongoing = |(thread, slot): (usize, &Slot)| {
            let instance = slot.polled.load(Ordering::Relaxed).checked_sub(1)?;
            let task = known.tasks.get(instance as usize)?.clone();
            Some(Ongoing { thread, poll: slot.polls.load(Ordering::Relaxed), task })
        };
        self.slots.iter().enumerate().filter_map(ongoing).collect()
    }

    /// A run is none of those that are meant.
    pub(super) fn reject(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// All runs are made anew.
    pub(crate) fn count_anew(&self) {
        self.rejected.store(0, Ordering::Relaxed);
        self.not_chosen.store(0, Ordering::Relaxed);
    }

    /// How many runs were rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// So many tasks are tokio's alone.
    pub(super) fn stray(&self, count: usize) {
        self.strays.fetch_max(count, Ordering::Relaxed);
    }

    /// The most tasks at once that were tokio's alone: spawned past [`twin`](super::twin), so that nobody chose their order.
    pub fn strays(&self) -> usize {
        self.strays.load(Ordering::Relaxed)
    }

    /// Some of them stay on their thread.
    pub(super) fn set_strays_are_local(&self) {
        self.are_strays_local.store(true, Ordering::Relaxed);
    }

    /// Whether some did in a run that was looked at.
    pub(super) fn are_strays_local(&self) -> bool {
        self.are_strays_local.load(Ordering::Relaxed)
    }

    /// Another thread has woken a task.
    pub(super) fn set_woken_from_outside(&self) {
        self.is_woken_from_outside.store(true, Ordering::Relaxed);
    }

    /// Whether in some run another thread has woken a task, so that it depends on real time.
    pub fn is_woken_from_outside(&self) -> bool {
        self.is_woken_from_outside.load(Ordering::Relaxed)
    }

    /// Something that must happen in some run.
    pub(super) fn sometimes(&self, what: &str, happens: bool) {
        *self.known().sometimes.entry(what.to_owned()).or_insert(false) |= happens;
    }

    /// What must happen in some run, and has in none.
    pub fn never_happened(&self) -> Vec<String> {
        let known = self.known();
        known.sometimes.iter().filter(|(_, happened)| !**happened).map(|(what, _)| what.clone()).collect()
    }

    /// Whether tokio was seen to draw numbers.
    pub(crate) fn draws(&self) -> bool {
        self.draws.load(Ordering::Relaxed)
    }

    /// It was.
    pub(crate) fn set_draws(&self) {
        self.draws.store(true, Ordering::Relaxed);
    }

    /// tokio was, in a task's poll before which there had been so many others of it.
    pub(super) fn draw(&self, instance: InstanceId, poll: u32) {
        self.set_draws();
        // What is measured is the same however many runs follow, on however many threads.
        if self.drawing.get().is_none() {
            let drawing = &mut self.known().drawing;
            let first = drawing.entry(instance).or_insert(poll);
            *first = poll.min(*first);
        }
    }

    /// Whether a task with so many polls behind it may draw, as was measured.
    pub(super) fn may_draw(&self, instance: InstanceId, poll: u32) -> bool {
        let drawing = self.drawing.get().map_or(&[][..], Vec::as_slice);
        drawing.iter().any(|drawing| drawing.instance == instance && drawing.poll <= poll)
    }

    /// From here on it is known who draws: whoever has done so by now.
    pub(crate) fn measured(&self) -> &[Drawing] {
        self.drawing.get_or_init(|| {
            let Known { tasks, drawing, .. } = &*self.known();
            let named = |(&instance, &poll): (&InstanceId, &u32)| {
                let task = tasks.get(instance.index())?.clone();
                Some(Drawing { task, poll, instance })
            };
            drawing.iter().filter_map(named).collect()
        })
    }

    /// The same, as it was measured in another process.
    pub(crate) fn as_measured(&self, drawing: impl IntoIterator<Item = (String, u32)>) {
        for (task, poll) in drawing {
            let instance = self.task(Called::Name(&task));
            self.draw(instance, poll);
        }
        self.measured();
    }

    /// tokio draws in another way than is known.
    pub(super) fn set_draws_unknown(&self) {
        self.are_draws_unknown.store(true, Ordering::Relaxed);
    }

    /// Whether that is so: then the branches of an unbiased `select!` are left to chance.
    pub fn are_draws_unknown(&self) -> bool {
        self.are_draws_unknown.load(Ordering::Relaxed)
    }

    /// tokio drew so many numbers more than can be chosen.
    pub(super) fn not_chosen(&self, count: u64) {
        self.not_chosen.fetch_add(count, Ordering::Relaxed);
    }

    /// How many numbers tokio drew that nobody chose: after the first two in one poll.
    pub fn draws_not_chosen(&self) -> u64 {
        self.not_chosen.load(Ordering::Relaxed)
    }

    /// The number of a task's name.
    pub(super) fn task(&self, name: Called<'_>) -> InstanceId {
        let Known { tasks, types, .. } = &mut *self.known();
        let path = match name {
            Called::Name(name) => return InstanceId(number(tasks, name) as u32),
            Called::Type(path) => path,
        };
        // A name takes long to make of a type, and there are few types; most often it is the very same text.
        if let Some((_, known)) = types.iter().find(|(other, _)| std::ptr::eq(*other, path) || *other == path) {
            return *known;
        }
        let instance = InstanceId(number(tasks, &short(path)) as u32);
        types.push((path, instance));
        instance
    }

    /// The name with this number.
    pub(super) fn name(&self, instance: InstanceId) -> Option<String> {
        self.known().tasks.get(instance.0 as usize).cloned()
    }

    /// The number of a place that panics.
    pub(crate) fn panic(&self, place: &str) -> ErrorType {
        let panics = &mut self.known().panics;
        let builtin = ErrorTypes::new([]).names().count();
        ErrorType((builtin + number(panics, place)) as u16)
    }

    /// Whether a program has all of these names.
    pub fn is_known(&self, program: &Program) -> bool {
        let known = self.known();
        known.tasks.len() == program.instances.len() && known.panics.len() == program.error_types.declared().len()
    }

    /// A program of these names.
    pub fn program(&self, cuts: Vec<Cuts>, limits: Limits) -> Program {
        let known = self.known();
        Program::of_names(&known.tasks, &known.panics, cuts, limits)
    }
}

fn number(known: &mut Vec<String>, name: &str) -> usize {
    known.iter().position(|other| other == name).unwrap_or_else(|| {
        known.push(name.to_owned());
        known.len() - 1
    })
}

/// `upload` for the future of `store::upload`, `upload block` for an `async` block in there.
pub(super) fn of_type<F: ?Sized>() -> Called<'static> {
    Called::Type(std::any::type_name::<F>())
}

/// What a task is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Called<'a> {
    /// By whoever makes it.
    Name(&'a str),
    /// After its type, of which this is the path.
    Type(&'static str),
}

/// The last part of a path without what stands in angle brackets; the marks of closures become words.
pub(super) fn short(path: &str) -> String {
    let (mut plain, mut depth) = (String::new(), 0_usize);
    for c in path.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty()).collect();
    let closures =
        parts.iter().rev().take_while(|part| part.starts_with("{{closure}}") || part.starts_with("{closure")).count();
    let name = parts.iter().rev().nth(closures).copied().unwrap_or("task");
    if closures < 2 { name.to_owned() } else { format!("{name} block") }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_task_is_called_by_the_last_part_of_its_type() {
        assert_eq!(short("store::upload::{{closure}}"), "upload");
        assert_eq!(short("store::upload<alloc::vec::Vec<u8>>::{{closure}}"), "upload");
        assert_eq!(short("store::tests::a_cut::{{closure}}::{{closure}}"), "a_cut block");
        assert_eq!(short("tokio::time::sleep::Sleep"), "Sleep");
        assert_eq!(short("futures_util::future::Map<a::B, c::D>"), "Map");
        assert_eq!(short(""), "task");
    }
}
