//! What an exploration finds in a toy whose every run is known.
//!
//! Knows nothing of any real machine.

use std::sync::Arc;

use super::*;
use crate::choice::{Choices, Cut, Kind, Options, Question};
use crate::id::{FutureId, TaskId};
use crate::machine::Opening;
use crate::program::{Program, Value, sample};
use crate::trace::{Fingerprint, Moment, Outcome, Recorder};
use crate::verdict::{Finding, Oracle, Verdict};

/// A run asks for one cut of two victims before one of ten handles, and then for an order of four. It fails if the
/// second victim is cut before handle 7, or if the last of the four comes first. Every `flaky`-th run strays.
struct Toy {
    program: Arc<Program>,
    flaky: Option<u32>,
}

struct ToyRun<'a> {
    toy: &'a Toy,
    recorder: Recorder,
    verdict: Verdict,
    made: u32,
}

const VICTIMS: u32 = 2;
const HANDLES: u64 = 10;

fn toy(flaky: Option<u32>) -> Toy {
    let mut program = sample::program(&["worker"]);
    let victims = vec![false, true];
    program.cuts.push(crate::program::Cuts { up_to: 1, victims, handles: HANDLES, tasks: VICTIMS });
    Toy { program: program.into(), flaky }
}

impl Experiment for Toy {
    fn program(&self) -> Arc<Program> {
        self.program.clone()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        Box::new(ToyRun { toy: self, recorder: Recorder::default(), verdict: Verdict::default(), made: 0 })
    }
}

impl ToyRun<'_> {
    fn ask(&mut self, choices: &mut dyn Choices, kind: Kind, options: Options<'_>) -> u64 {
        let question = Question { kind, subject: TaskId::MAIN, site: 0, options };
        let answer = choices.answer(&question);
        self.recorder.record(What::Chose(crate::choice::Choice::new(&question, answer)));
        answer
    }
}

const END: Outcome = Outcome::Finished(Value::None);

impl Run for ToyRun<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        self.recorder.reset();
        self.made += 1;
        let cuts = Options::Cuts { handles: HANDLES, victims: VICTIMS, left: 1 };
        let cut = Cut::from_answer(self.ask(choices, Kind::Cut, cuts), VICTIMS);
        let ids = [1, 2, 3, 4].map(crate::id::FutureId);
        let first = self.ask(choices, Kind::TimerOrder, Options::Futures(&ids));
        if let Some(Cut { victim, .. }) = cut {
            let (task, instance) = (TaskId(victim), InstanceId(1));
            self.recorder.record(What::Cut { task, phase: Phase::Waiting, instance, site: 3 });
        }
        self.recorder.record(What::Started { task: TaskId(first as u32) });
        if self.toy.flaky.is_some_and(|every| self.made.is_multiple_of(every)) {
            self.recorder.record(What::Started { task: TaskId(9) });
        }
        let found = |oracle| Finding { oracle, task: None, error: None };
        let lost = cut == Some(Cut { handle: 7, victim: 1 });
        let last_first = first == 3;
        let findings = [(lost, Oracle::LostCancel), (last_first, Oracle::Deadlock)];
        let findings =
            findings.into_iter().filter(|(is_found, _)| *is_found).map(|(_, oracle)| found(oracle)).collect();
        self.verdict = Verdict { findings, ..Verdict::default() };
        Ran {
            fingerprint: self.fingerprint(),
            order: self.recorder.order(),
            outcome: END,
            tally: Tally::default(),
            is_good: self.verdict.is_good(),
        }
    }

    fn trace(&self) -> Trace {
        self.recorder.trace(END, &Default::default())
    }

    fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.recorder.iter().for_each(see);
    }

    fn openings(&mut self, _: &mut dyn Choices, most: usize) -> Openings {
        let mut all = Openings::default();
        for handle in 0..HANDLES {
            for victim in 0..VICTIMS {
                let (phase, time) = (Phase::Waiting, Time::ZERO);
                let (task, instance) = (TaskId(victim), InstanceId(1));
                let cut = Cut { handle, victim };
                all.add(
                    &[Opening { entry: 0, cut, task, phase, instance, site: 3, visit: 0, age: handle, time }],
                    most,
                );
            }
        }
        all
    }
}

impl ToyRun<'_> {
    fn fingerprint(&self) -> Fingerprint {
        self.recorder.fingerprint(END, &Default::default())
    }
}

/// In which orders tasks with so many steps each make them, and how often, under the first `seeds` seeds of a sampler.
pub(super) fn orders<C: Choices>(
    steps: &[u32],
    seeds: u64,
    sampler: &mut C,
    begin: impl Fn(&mut C, u64),
) -> BTreeMap<Vec<u32>, u32> {
    let mut orders = BTreeMap::new();
    for seed in 0..seeds {
        begin(sampler, seed);
        let mut left = steps.to_vec();
        let mut order = Vec::new();
        loop {
            let ready: Vec<FutureId> =
                (0..).map(FutureId).zip(&left).filter(|(_, left)| **left > 0).map(|it| it.0).collect();
            let next = match ready[..] {
                [] => break,
                [only] => only,
                _ => {
                    let options = Options::Futures(&ready);
                    let question = Question { kind: Kind::ReadyOrder, subject: TaskId::MAIN, site: 0, options };
                    ready[sampler.answer(&question) as usize]
                }
            };
            sampler.goes_on(next);
            left[next.index()] -= 1;
            order.push(next.0);
        }
        *orders.entry(order).or_insert(0) += 1;
    }
    orders
}

/// Whether so many of the orders are like this.
pub(super) fn share(orders: &BTreeMap<Vec<u32>, u32>, is_it: impl Fn(&[u32]) -> bool, expected: Range<u32>) -> bool {
    let count: u32 = orders.iter().filter(|(order, _)| is_it(order)).map(|(_, count)| count).sum();
    expected.contains(&count)
}

fn plan(seeds: Range<u64>, jobs: usize) -> Plan {
    let (one, jobs) = (const { NonZero::new(1).unwrap() }, NonZero::new(jobs).unwrap());
    Plan { faults: 1000, seeds, sampler: Sampler::Random, shard: (0, one), jobs, ..Plan::default() }
}

/// What is said of an exploration, in one text.
fn told(explored: &mut Explored) -> String {
    let orders = explored.orders.count();
    let Explored { runs, planned, faults, seeds, pct_seeds, endings, cuts, unfinished, failures, failing, .. } =
        explored;
    format!(
        "{runs} {planned} {faults:?} {seeds:?} {pct_seeds:?} {orders} {endings:?} {cuts:?} {unfinished} {failures:?} {failing}"
    )
}

#[test]
fn every_single_cut_is_tried_before_the_seeds() {
    let explored = explore(&toy(None), &plan(0..0, 1), &mut |_| true);
    assert_eq!((explored.runs, explored.faults), (21, (20, 20)));
    let [failure] = &explored.failures[..] else { panic!("{:?}", explored.failures) };
    assert_eq!(failure.identity.what, "lost-cancel");
    // The two first chances are 1 and 2; the other eighteen follow in the order of the run.
    assert_eq!((failure.first, failure.number, failure.runs), (16, 16, 1));
    assert_eq!(failure.log[0].answer, Cut { handle: 7, victim: 1 }.answer(VICTIMS));
}

#[test]
fn each_seed_may_be_tried_in_more_than_one_way() {
    let tried = |sampler| {
        let explored = explore(&toy(None), &Plan { faults: 0, sampler, ..plan(3..10, 1) }, &mut |_| true);
        (explored.runs, explored.seeds, explored.pct_seeds)
    };
    assert_eq!(tried(Sampler::Random), (8, Some(3..10), None));
    assert_eq!(tried(Sampler::Pct { depth: 2 }), (8, None, Some(3..10)));
    assert_eq!(tried(Sampler::All { depth: 2 }), (15, Some(3..10), Some(3..10)));
}

#[test]
fn the_same_is_found_on_any_number_of_threads_and_in_shards() {
    let toy = toy(None);
    let plan = |seeds, jobs| Plan { sampler: Sampler::All { depth: 2 }, ..plan(seeds, jobs) };
    let mut alone = explore(&toy, &plan(5..3000, 1), &mut |_| true);
    assert_eq!(alone.failures.len(), 2);
    let expected = told(&mut alone);
    for jobs in [2, 3, 8] {
        assert_eq!(told(&mut explore(&toy, &plan(5..3000, jobs), &mut |_| true)), expected);
    }
    let of = NonZero::new(3).unwrap();
    let shards = [0, 1, 2].map(|shard| explore(&toy, &Plan { shard: (shard, of), ..plan(5..3000, 2) }, &mut |_| true));
    let mut all = Explored::default();
    for mut shard in shards {
        all.planned += shard.planned;
        all.faults.0 = shard.faults.0;
        all.merge(&mut shard);
    }
    all.sort();
    assert_eq!(told(&mut all), expected);
}

#[test]
fn a_failure_is_kept_as_the_run_that_shows_least_besides() {
    let failure = |number, case, kinds| Failure {
        identity: Identity { what: "deadlock", subject: None, error: None },
        first: number,
        number,
        case,
        kinds,
        log: Log::new(),
        runs: 1,
    };
    let fault = Case::Fault(Fault { question: 0, answer: 1 });
    let kept = |failures: &[Failure]| {
        let mut all = failures.iter().cloned();
        let mut one = all.next().unwrap();
        all.for_each(|other| one.join(other));
        (one.first, one.number, one.runs)
    };
    let [both, alone, seed] = [failure(3, fault, 2), failure(5, fault, 1), failure(9, Case::Seed(0), 1)];
    let later = failure(10, Case::Seed(1), 1);
    for [one, two, three] in [[&both, &alone, &seed], [&alone, &both, &seed], [&seed, &alone, &both]] {
        assert_eq!(kept(&[one.clone(), two.clone(), three.clone()]), (3, 5, 3));
    }
    assert_eq!(kept(&[later.clone(), seed.clone()]), (9, 9, 2));
    assert_eq!(kept(&[seed, later.clone()]), (9, 9, 2));
    // What fails without a fault is told without one.
    assert_eq!(kept(&[both, later, failure(0, Case::Ordinary, 4)]), (0, 0, 3));
}

#[test]
fn a_run_that_differs_from_its_repetition_is_no_failure() {
    let explored = explore(&toy(Some(2)), &plan(0..1000, 1), &mut |_| true);
    let unstable = explored.unstable.expect("every second run strays");
    assert_ne!(unstable.first, unstable.again);
    // What is the same twice still counts.
    assert!(explored.failures.iter().all(|failure| failure.number != unstable.number));
}

#[test]
fn it_ends_when_the_watcher_has_seen_enough() {
    let mut seen = Vec::new();
    let explored = explore(&toy(None), &plan(0..1_000_000, 1), &mut |progress| {
        seen.push(progress.runs);
        seen.len() < 3
    });
    assert_eq!(seen, [CHUNK, 2 * CHUNK, 3 * CHUNK]);
    assert!(explored.is_interrupted);
    assert_eq!((explored.runs, explored.planned), (3 * CHUNK, 1_000_021));
}

/// Where the watcher ends it within a few runs that take long, other threads have made later ones: what those found counts.
#[test]
fn what_was_found_after_a_gap_is_kept() {
    let identity = Identity { what: "main-failed", subject: None, error: None };
    let chunk = |seeds: Range<u64>, fails: bool, is_broken_off| {
        let runs = seeds.end - seeds.start;
        let failure = Failure {
            identity: identity.clone(),
            first: seeds.start,
            number: seeds.start,
            case: Case::Seed(seeds.start),
            kinds: 1,
            log: Log::new(),
            runs: 1,
        };
        let failures = if fails { vec![failure] } else { Vec::new() };
        let found = Explored { runs, seeds: Some(seeds), failing: u64::from(fails), failures, ..Explored::default() };
        Chunk { found, is_broken_off, ..Chunk::default() }
    };
    let mut so_far = SoFar::default();
    so_far.count(&mut chunk(0..64, false, false), 1);
    so_far.count(&mut chunk(64..70, false, true), 1);
    so_far.count(&mut chunk(128..192, true, false), 1);
    // Enough has failed before this one.
    so_far.count(&mut chunk(192..256, true, false), 1);
    let Explored { runs, in_a_row, seeds, failing, failures, .. } = so_far.explored;
    assert_eq!((runs, in_a_row, seeds, failing), (134, 70, Some(0..70), 1));
    assert_eq!(failures.iter().map(|failure| failure.first).collect::<Vec<_>>(), [128]);
}

/// The thread that is called so takes very long for its first run, so that the others make all that come after.
struct Delayed(Toy);

struct DelayedRun<'a> {
    run: Box<dyn Run + 'a>,
    is_first: bool,
}

impl Experiment for Delayed {
    fn program(&self) -> Arc<Program> {
        self.0.program()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        Box::new(DelayedRun { run: self.0.begin(), is_first: true })
    }
}

impl Run for DelayedRun<'_> {
    #[expect(clippy::disallowed_methods, reason = "the thread that was there first is to be the last one")]
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        let is_main = std::thread::current().name().is_some();
        if is_main && std::mem::take(&mut self.is_first) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        self.run.run(choices)
    }

    fn trace(&self) -> Trace {
        self.run.trace()
    }

    fn verdict(&self) -> Verdict {
        self.run.verdict()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.run.each(see);
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        self.run.openings(choices, most)
    }
}

#[test]
fn where_too_much_fails_it_ends_after_the_same_run_on_any_number_of_threads() {
    let toy = Delayed(toy(None));
    let plan = |jobs| Plan { failing_max: 100, ..plan(0..100_000, jobs) };
    let mut alone = explore(&toy, &plan(1), &mut |_| true);
    assert!(alone.is_interrupted && (100..100 + CHUNK).contains(&alone.failing), "{}", alone.failing);
    assert!(alone.runs.is_multiple_of(CHUNK) && alone.runs < 1000, "{}", alone.runs);
    let expected = told(&mut alone);
    for jobs in [2, 3, 8] {
        assert_eq!(told(&mut explore(&toy, &plan(jobs), &mut |_| true)), expected);
    }
}

#[test]
fn an_empty_exploration_is_complete() {
    let none = Plan { faults: 0, shard: (1, NonZero::new(2).unwrap()), ..plan(0..0, 2) };
    let explored = explore(&toy(None), &none, &mut |_| true);
    assert_eq!((explored.runs, explored.is_interrupted), (0, false));
}
