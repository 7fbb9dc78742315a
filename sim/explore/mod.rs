//! Which choices to try next: the ordinary run, every single fault in it, then seeds.
//!
//! [`explore`] makes the runs of a [`Plan`], on as many threads as it is given, and says what came of them. Which runs
//! those are, and everything that is said about them, depends on the plan alone: threads only take cases from one
//! numbered list, what they find counts in the order of that list, and which run of equal failures is kept depends on
//! their numbers.
//!
//! Every failure is made again before it counts, and so is a sample of the runs that pass: a run that differs from its
//! repetition is told as that, and never as a failure of the program.
//!
//! Knows nothing of which machine runs, of clocks, or of what a failure means.

mod case;
mod distinct;
pub mod exhaustive;
mod pct;
mod pos;
mod private;
mod starve;
mod surw;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use case::Answers;
pub use case::{Case, Cases, Fault};
pub use distinct::Distinct;
pub use pct::Pct;
pub use pos::Pos;
pub use starve::Starve;
pub use surw::Surw;

use crate::choice::{Choice, Given, Kind, Log};
use crate::experiment::{Experiment, Ran, Run};
use crate::id::InstanceId;
use crate::machine::Openings;
use crate::time::Time;
use crate::trace::{Outcome, Phase, Tally, Trace, What};
use crate::verdict::{Ending, Identity};

/// Which runs to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether to try every single fault in the ordinary order, and at most how many.
    pub faults: u64,
    /// The seeds after that.
    pub seeds: Range<u64>,
    /// What a seed means.
    pub sampler: Sampler,
    /// Only every so-many-th case, beginning with which: 0 of 1 is all of them.
    pub shard: (u64, NonZero<u64>),
    /// On how many threads.
    pub jobs: NonZero<usize>,
    /// With so many failing runs it ends, after the last of the few runs in a row that one thread makes at a time. One that was
    /// given up at a limit took as long as many others, and counts as [`LONG`].
    pub failing_max: u64,
}

/// For how many failing runs one counts that was given up at a limit, where it is asked whether enough have failed.
pub const LONG: u64 = 20;

/// What is made if nobody says otherwise: 20,000 faults and a thousand seeds, on one thread.
impl Default for Plan {
    fn default() -> Plan {
        let shard = (0, NonZero::<u64>::MIN);
        let (sampler, jobs) = (Sampler::All { depth: 3 }, NonZero::<usize>::MIN);
        Plan { faults: 20_000, seeds: 0..1000, sampler, shard, jobs, failing_max: u64::MAX }
    }
}

/// How a seed becomes answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sampler {
    /// Every answer evenly, [`Seeded`](crate::choice::Seeded).
    Random,
    /// Probabilistic concurrency testing, [`Pct`], for bugs of this depth.
    Pct {
        /// How many orderings a bug needs.
        depth: u32,
    },
    /// Partial order sampling, [`Pos`].
    Pos,
    /// Selectively uniform random walk, [`Surw`].
    Surw,
    /// Starvation intervals, [`Starve`].
    Starve,
    /// Each seed one way after the other: each finds bugs that the others do not. Only evenly, if the ordinary run asks for no
    /// order; by [`Pos`] and [`Surw`] only where anything that is ready may run next, because elsewhere they come to the
    /// same as evenly.
    All {
        /// As above.
        depth: u32,
    },
}

/// How far an exploration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs made.
    pub runs: u64,
    /// Runs to be made.
    pub of: u64,
    /// Distinct orders of events so far.
    pub orders: u64,
    /// Failing runs so far.
    pub failing: u64,
}

/// What came of an exploration.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// How many runs were made.
    pub runs: u64,
    /// How many of them were the first ones of the plan, none left out.
    pub in_a_row: u64,
    /// How many would have been.
    pub planned: u64,
    /// How many single faults there are in the ordinary run, and how many of them were tried.
    pub faults: (u64, u64),
    /// The seeds that were tried evenly, if any.
    pub seeds: Option<Range<u64>>,
    /// The seeds that were tried by priorities, if any.
    pub pct_seeds: Option<Range<u64>>,
    /// The seeds that were tried by [`Pos`], by [`Surw`], and by [`Starve`], if any.
    pub race_seeds: [Option<Range<u64>>; 3],
    /// In how many orders things happened.
    pub orders: Distinct,
    /// How runs ended, and how often; times left out.
    pub endings: BTreeMap<(Ending, Tally), u64>,
    /// Which cuts were made: at which operation of whose code, in which phase, how often.
    pub cuts: BTreeMap<(InstanceId, u32, Phase), u64>,
    /// How many cuts were planned for a moment at which nobody was there to be cut.
    pub cuts_missed: u64,
    /// How many runs hit a limit.
    pub unfinished: u64,
    /// How the ordinary run was given up, if it did and nobody expects that of it: then no other is made.
    pub endless: Option<Ending>,
    /// Every kind of failure, in the order in which they showed.
    pub failures: Vec<Failure>,
    /// How many runs failed.
    pub failing: u64,
    /// A run that differed from its repetition.
    pub unstable: Option<Unstable>,
    /// Whether the watcher ended it early, or because too much failed.
    pub is_interrupted: bool,
}

/// A kind of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What makes it the same failure again.
    pub identity: Identity,
    /// The number of the first run that showed it.
    pub first: u64,
    /// The number of the run that shows it best: with a single fault and the fewest other failures, and of equals the
    /// first; the first seed, if no single fault shows it.
    pub number: u64,
    /// Which run that is.
    pub case: Case,
    /// How many kinds of failure it shows.
    pub kinds: usize,
    /// Its choices.
    pub log: Log,
    /// How many runs showed it.
    pub runs: u64,
}

impl Failure {
    /// The same failure seen in other runs too.
    fn join(&mut self, other: Failure) {
        let (first, runs) = (self.first.min(other.first), self.runs + other.runs);
        if other.badness() < self.badness() {
            *self = other;
        }
        (self.first, self.runs) = (first, runs);
    }

    /// The less, the better the run shows it.
    fn badness(&self) -> (usize, u64) {
        let kinds = match self.case {
            Case::Ordinary => 0,
            Case::Fault(_) => self.kinds,
            Case::Seed(_) | Case::PctSeed(_) | Case::PosSeed(_) | Case::SurwSeed(_) | Case::StarveSeed(_) => usize::MAX,
        };
        (kinds, self.number)
    }
}

/// Two runs with equal choices in which not the same happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unstable {
    /// The number of the run.
    pub number: u64,
    /// Which it is.
    pub case: Case,
    /// What happened first.
    pub first: Trace,
    /// What happened when it was made again.
    pub again: Trace,
}

/// How many runs a thread makes before it looks up.
const CHUNK: u64 = 64;

/// Of how many passing runs one is made again.
const SAMPLE: u64 = 64;

/// Makes the runs of a plan. `watch` is told how far it has come, now and then, and says whether to go on.
pub fn explore(experiment: &dyn Experiment, plan: &Plan, watch: &mut dyn FnMut(Progress) -> bool) -> Explored {
    let cases = Cases::new(experiment, plan);
    let shared = Shared {
        experiment,
        cases: &cases,
        plan,
        next: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        planned: cases.count(plan),
        so_far: Mutex::new(SoFar::default()),
    };
    std::thread::scope(|scope| {
        for _ in 1..plan.jobs.get() {
            scope.spawn(|| shared.work(&mut |_| true));
        }
        shared.work(watch);
    });
    let SoFar { mut explored, .. } = shared.so_far.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    explored.planned = shared.planned;
    explored.is_interrupted = explored.runs < explored.planned;
    explored.faults.0 = cases.faults();
    explored.endless = cases.endless();
    explored.sort();
    explored
}

/// Where a run could be cut when nothing else happens: as [`explore`] goes through it.
pub fn ordinary_openings(experiment: &dyn Experiment) -> Openings {
    experiment.begin().openings(&mut crate::choice::Ordinary, case::OPENINGS_MAX)
}

struct Shared<'a> {
    experiment: &'a dyn Experiment,
    cases: &'a Cases,
    plan: &'a Plan,
    planned: u64,
    next: AtomicU64,
    is_over: AtomicBool,
    so_far: Mutex<SoFar>,
}

/// What all workers have found together.
#[derive(Default)]
struct SoFar {
    explored: Explored,
    /// Where the chunk begins that is counted next.
    next: u64,
    /// The chunks that were made before their turn, each where it begins.
    early: BTreeMap<u64, Chunk>,
    /// Whether a chunk has been counted of which not all runs were made.
    has_gap: bool,
    /// Whether no more chunks count.
    is_closed: bool,
}

/// What was found in a few runs in a row.
#[derive(Default)]
struct Chunk {
    found: Explored,
    /// How things happened in each.
    orders: Vec<u64>,
    /// Whether not all of its runs were made, because the watcher had seen enough, or nothing that comes so late counts.
    is_broken_off: bool,
}

impl Shared<'_> {
    /// Takes cases until there are none.
    fn work(&self, watch: &mut dyn FnMut(Progress) -> bool) {
        let mut worker = Worker {
            run: self.experiment.begin(),
            again: None,
            answers: self.cases.answers(self.plan.sampler),
            shared: self,
            chunk: Chunk::default(),
        };
        while !self.is_over.load(Ordering::Relaxed) {
            let from = self.next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= self.planned {
                break;
            }
            for at in from..self.planned.min(from + CHUNK) {
                let is_long = worker.make(at);
                // A chunk of such runs may take minutes.
                if is_long && !watch(self.take_in_early(from, &mut worker.chunk)) {
                    self.is_over.store(true, Ordering::Relaxed);
                }
                if is_long && self.is_over.load(Ordering::Relaxed) {
                    worker.chunk.is_broken_off = true;
                    break;
                }
            }
            let progress = self.take_in(from, &mut worker.chunk);
            if !watch(progress) {
                self.is_over.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Counts a chunk when it is its turn, with those that have waited for it, and leaves it empty.
    fn take_in(&self, from: u64, chunk: &mut Chunk) -> Progress {
        let mut so_far = self.so_far.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let failing_max = self.plan.failing_max;
        if from == so_far.next {
            so_far.count(chunk, failing_max);
        } else {
            so_far.early.insert(from, std::mem::take(chunk));
        }
        while let next = so_far.next
            && let Some(mut chunk) = so_far.early.remove(&next)
        {
            so_far.count(&mut chunk, failing_max);
        }
        if so_far.has_failed_enough(failing_max) {
            self.is_over.store(true, Ordering::Relaxed);
        }
        so_far.progress(self.planned)
    }

    /// Counts what there is of a chunk, if it is its turn.
    fn take_in_early(&self, from: u64, chunk: &mut Chunk) -> Progress {
        let mut so_far = self.so_far.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if from == so_far.next {
            so_far.add(chunk);
        }
        so_far.progress(self.planned)
    }
}

impl SoFar {
    /// Counts the chunk whose turn it is, unless too much had failed before it.
    fn count(&mut self, chunk: &mut Chunk, failing_max: u64) {
        self.add(chunk);
        self.has_gap |= chunk.is_broken_off;
        self.is_closed |= self.has_failed_enough(failing_max);
        self.next += CHUNK;
    }

    fn has_failed_enough(&self, failing_max: u64) -> bool {
        let Explored { failing, unfinished, .. } = self.explored;
        failing.saturating_add((LONG - 1) * unfinished.min(failing)) >= failing_max
    }

    /// What came after a gap counts, but its seeds do not follow on those before.
    fn add(&mut self, chunk: &mut Chunk) {
        if !self.is_closed {
            let found = &mut chunk.found;
            if self.has_gap {
                (found.seeds, found.pct_seeds, found.race_seeds) = Default::default();
            } else {
                self.explored.in_a_row += found.runs;
            }
            self.explored.merge(found);
            chunk.orders.drain(..).for_each(|order| self.explored.orders.add(order));
        }
    }

    fn progress(&self, of: u64) -> Progress {
        let Explored { runs, orders, failing, .. } = &self.explored;
        Progress { runs: *runs, of, orders: orders.count(), failing: *failing }
    }
}

struct Worker<'a> {
    run: Box<dyn Run + 'a>,
    /// Memory of its own for a run that is made again, so that nothing is left over from the first.
    again: Option<Box<dyn Run + 'a>>,
    answers: Answers,
    shared: &'a Shared<'a>,
    chunk: Chunk,
}

impl Worker<'_> {
    /// Makes the run of one case, and says whether it hit a limit.
    fn make(&mut self, at: u64) -> bool {
        let plan = self.shared.plan;
        let number = plan.shard.0 + at * plan.shard.1.get();
        let case = self.shared.cases.case(number, plan);
        let ran = self.run.run(self.answers.to(case));
        let Chunk { found, orders, .. } = &mut self.chunk;
        found.runs += 1;
        orders.push(ran.order);
        let ending = Ending::from(ran.outcome);
        *found.endings.entry((ending, Tally { ended: Time::ZERO, ..ran.tally })).or_insert(0) += 1;
        found.unfinished += u64::from(hits_limit(ran.outcome));
        match case {
            Case::Ordinary => {}
            Case::Fault(_) => found.faults.1 += 1,
            Case::Seed(seed) => widen(&mut found.seeds, Some(seed..seed + 1)),
            Case::PctSeed(seed) => widen(&mut found.pct_seeds, Some(seed..seed + 1)),
            Case::PosSeed(seed) => widen(&mut found.race_seeds[0], Some(seed..seed + 1)),
            Case::SurwSeed(seed) => widen(&mut found.race_seeds[1], Some(seed..seed + 1)),
            Case::StarveSeed(seed) => widen(&mut found.race_seeds[2], Some(seed..seed + 1)),
        }
        if self.shared.cases.has_cuts() {
            let (mut planned, mut made) = (0, 0);
            self.run.each(&mut |moment| match moment.what {
                What::Cut { phase, instance, site, .. } => {
                    *found.cuts.entry((instance, site, phase)).or_insert(0) += 1;
                    made += 1;
                }
                What::Chose(Choice { kind: Kind::Cut, answer: 1.., .. }) => planned += 1,
                _ => {}
            });
            found.cuts_missed += u64::saturating_sub(planned, made);
        }
        let is_long = hits_limit(ran.outcome);
        let is_unstable = (!ran.is_good || number.is_multiple_of(SAMPLE)) && !self.is_stable(number, case, ran);
        if !ran.is_good && !is_unstable {
            self.fail(number, case);
        }
        is_long
    }

    fn is_stable(&mut self, number: u64, case: Case, ran: Ran) -> bool {
        let again = self.again.get_or_insert_with(|| self.shared.experiment.begin());
        if again.run(self.answers.to(case)) == ran {
            return true;
        }
        let unstable = Unstable { number, case, first: self.run.trace(), again: again.trace() };
        self.chunk.found.unstable.get_or_insert(unstable);
        false
    }

    fn fail(&mut self, number: u64, case: Case) {
        let found = &mut self.chunk.found;
        found.failing += 1;
        let identities = self.run.verdict().identities(&self.shared.experiment.program());
        let kinds = identities.len();
        for identity in identities {
            let known = found.failures.iter_mut().find(|failure| failure.identity == identity);
            let mut failure = Failure { identity, first: number, number, case, kinds, log: Log::new(), runs: 1 };
            match known {
                // A log is long, and most runs show nothing new.
                Some(known) if known.badness() <= failure.badness() => known.join(failure),
                known => {
                    failure.log = self.run.trace().log();
                    match known {
                        Some(known) => known.join(failure),
                        None => found.failures.push(failure),
                    }
                }
            }
        }
    }
}

impl Explored {
    fn sort(&mut self) {
        self.failures.sort_by_cached_key(|failure| (failure.first, failure.identity.rank(), failure.identity.clone()));
    }

    /// Takes in what was found elsewhere, and leaves nothing of it but memory to find more in.
    fn merge(&mut self, other: &mut Explored) {
        self.orders.merge(std::mem::take(&mut other.orders));
        let counts = [
            (&mut self.runs, &mut other.runs),
            (&mut self.faults.1, &mut other.faults.1),
            (&mut self.cuts_missed, &mut other.cuts_missed),
            (&mut self.unfinished, &mut other.unfinished),
            (&mut self.failing, &mut other.failing),
        ];
        for (own, count) in counts {
            *own += std::mem::take(count);
        }
        for (ending, count) in other.endings.iter_mut().filter(|(_, count)| **count > 0) {
            *self.endings.entry(*ending).or_insert(0) += std::mem::take(count);
        }
        for (cut, count) in other.cuts.iter_mut().filter(|(_, count)| **count > 0) {
            *self.cuts.entry(*cut).or_insert(0) += std::mem::take(count);
        }
        widen(&mut self.seeds, other.seeds.take());
        widen(&mut self.pct_seeds, other.pct_seeds.take());
        for (seeds, more) in self.race_seeds.iter_mut().zip(&mut other.race_seeds) {
            widen(seeds, more.take());
        }
        for failure in other.failures.drain(..) {
            match self.failures.iter_mut().find(|own| own.identity == failure.identity) {
                Some(own) => own.join(failure),
                None => self.failures.push(failure),
            }
        }
        let unstable = other.unstable.take();
        if unstable.as_ref().is_some_and(|new| self.unstable.as_ref().is_none_or(|own| new.number < own.number)) {
            self.unstable = unstable;
        }
    }
}

/// Whether a run was given up.
fn hits_limit(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::OutOfSteps | Outcome::Livelocked)
}

/// Takes more seeds in.
fn widen(seeds: &mut Option<Range<u64>>, more: Option<Range<u64>>) {
    let Some(more) = more else { return };
    let own = seeds.get_or_insert(more.clone());
    *own = own.start.min(more.start)..own.end.max(more.end);
}

/// Whether the run with these answers shows a failure; its choices, if it does.
pub fn shows(run: &mut dyn Run, experiment: &dyn Experiment, answers: &[u64], identity: &Identity) -> Option<Log> {
    let ran = run.run(&mut Given::new(answers));
    let is_same = !ran.is_good && run.verdict().identities(&experiment.program()).contains(identity);
    is_same.then(|| run.trace().log())
}

#[cfg(test)]
mod tests;
