//! Random cases, drawn and shrunk by proptest: always the same ones, for any number of threads, and as many as somebody
//! wants.
//!
//! - `ATROPOS_CONFORMANCE_PROGRAMS`: how many, instead of what a test makes by itself. On a terminal a bar shows how
//!   far they are; elsewhere a line now and then, so that a run that is killed has said how far it was.
//! - `ATROPOS_CONFORMANCE_SEED`: from which seed on, to go on where others have stopped.
//!
//! Knows nothing of what is compared.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use proptest::prelude::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::python::variable;

/// So many cases are drawn from one seed; the next ones from the next.
const OF_A_SEED: u32 = 250;

/// The first seed.
const SEED: u64 = 311;

/// After so many failures nobody wants to see more.
const FAILURES_MAX: usize = 5;

/// How many cases there are, if a test makes so many by itself.
pub fn cases(ordinary: u32) -> u32 {
    variable("ATROPOS_CONFORMANCE_PROGRAMS").map_or(ordinary, |count| count.parse().expect("it is a number"))
}

/// Holds cases of a strategy against something, and says with how many versions each was compared; each thread starts its
/// own judge of them. A case that fails is shrunk, and the others go on.
///
/// # Panics
///
/// If cases fail, with what is said of each.
pub fn check<S: Strategy, J>(
    what: &str,
    cases: u32,
    strategy: impl Fn() -> S + Sync,
    start: impl Fn() -> J + Sync,
    conforms: impl Fn(&mut J, S::Value) -> Result<u64, String> + Sync,
) {
    let first = variable("ATROPOS_CONFORMANCE_SEED").map_or(SEED, |seed| seed.parse().expect("it is a number"));
    let seeds = cases.div_ceil(OF_A_SEED);
    // Not by way of the test harness, which keeps to itself what a test says that passes.
    let last = first + u64::from(seeds) - 1;
    _ = writeln!(std::io::stderr(), "{what}: {cases}, of the seeds {first} to {last}");
    let progress =
        Progress { what, cases, bar: bar(what, cases), done: AtomicU32::new(0), compared: AtomicU64::new(0) };
    let next = AtomicU32::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        let mut judge = start();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= seeds || failures.lock().unwrap().len() >= FAILURES_MAX {
                return;
            }
            let seed = first + u64::from(at);
            let count = OF_A_SEED.min(cases - at * OF_A_SEED);
            let failed = of_a_seed(seed, count, &strategy(), |case| {
                let compared = conforms(&mut judge, case)?;
                progress.add(compared);
                Ok(())
            });
            if let Err(failure) = failed {
                failures.lock().unwrap().push((
                    seed,
                    format!("ATROPOS_CONFORMANCE_SEED={seed} ATROPOS_CONFORMANCE_PROGRAMS={OF_A_SEED}\n{failure}"),
                ));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u32).min(seeds);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("a judge does not panic"));
    });
    progress.tell();
    progress.bar.finish_and_clear();
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let failures: Vec<String> = failures.into_iter().map(|(_, failure)| failure).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The cases of one seed, up to the first that fails: then what is said of the smallest that does.
fn of_a_seed<S: Strategy>(
    seed: u64,
    cases: u32,
    strategy: &S,
    mut conforms: impl FnMut(S::Value) -> Result<(), String>,
) -> Result<(), String> {
    let conforms = std::cell::RefCell::new(&mut conforms);
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let done = TestRunner::new(config).run(strategy, |case| conforms.borrow_mut()(case).map_err(TestCaseError::fail));
    done.map_err(|error| match error {
        TestError::Fail(reason, _) | TestError::Abort(reason) => reason.to_string(),
    })
}

/// How far all threads together are.
struct Progress<'a> {
    what: &'a str,
    cases: u32,
    bar: ProgressBar,
    /// How many cases have passed, tries of the shrinking included, and how many runs of them.
    done: AtomicU32,
    compared: AtomicU64,
}

impl Progress<'_> {
    fn add(&self, compared: u64) {
        self.bar.inc(1);
        self.compared.fetch_add(compared, Ordering::Relaxed);
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done < self.cases && done.is_multiple_of((self.cases / 50).clamp(100, 2000)) {
            self.tell();
        }
    }

    /// Where no bar shows it.
    fn tell(&self) {
        let (done, compared) = (self.done.load(Ordering::Relaxed), self.compared.load(Ordering::Relaxed));
        if self.bar.is_hidden() {
            let line = format!("{}: {done} of {}, {compared} runs alike", self.what, self.cases);
            _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

fn bar(what: &str, cases: u32) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(cases.into()), ProgressDrawTarget::stderr());
    let template = format!("{what} {{wide_bar}} {{pos}} of {{len}}, {{per_sec}}, {{eta}} left");
    bar.with_style(ProgressStyle::with_template(&template).expect("the template is well written"))
}
