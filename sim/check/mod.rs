//! Tests of real tokio code: three lines in a `cargo test`, and every await is cut and every order tried.
//!
//! [`check`] makes many runs of a test: the ordinary one, every single cut and change of order in it, and then runs from
//! seeds. A failure is made small, made again with the place of each await recorded, and told with a command that replays
//! it. [`Check`] is the same with other settings.
//!
//! ```
//! use atropos::tokio::{sync::Semaphore, time::{Duration, sleep}};
//! use std::sync::Arc;
//!
//! async fn upload(pool: &Semaphore) {
//!     let permit = pool.acquire().await.unwrap();
//!     sleep(Duration::from_millis(5)).await;
//!     drop(permit);
//! }
//!
//! atropos::check(|sim| async move {
//!     let pool = Arc::new(Semaphore::new(2));
//!     sim.cut(upload(&pool)).await;          // dropped at every await, in every phase, or not at all
//!     sim.settle().await;                    // everything that can still run has run
//!     assert_eq!(pool.available_permits(), 2);
//! });
//! ```
//!
//! With feature `tracing` the events of the code under test stand in the lanes of the failure that is told, at virtual time and
//! with the names of their spans. While runs are made, nothing of them is printed, whatever subscriber is set.
//!
//! Knows nothing of how runs are made, chosen, made small or told: it introduces those who do.

mod coverage;
mod experiment;
mod fresh;
#[cfg(feature = "network")]
mod network;
mod replay;
mod saved;
mod strays;
mod telling;
mod watch;

use std::fmt;
use std::num::NonZero;
use std::panic::Location;
use std::sync::Arc;

use crate::choice::Token;
use crate::executor::Registry;
pub use crate::executor::{Cut, Probe, Race, Settle, Sim};
#[cfg(feature = "network")]
pub use network::{Hosts, Network};

use crate::experiment::Experiment;
use crate::explore::{Plan, Sampler};
use crate::harness::Search;
use crate::judge::Forbidden;
use crate::program::Limits;
use crate::report;
use experiment::{Futures, Subject};

/// Makes many runs of a test and fails if one of them does. The settings are those of [`Check::new`].
///
/// # Panics
///
/// If a run fails; the message is the story of that run.
#[track_caller]
pub fn check<T, F>(test: T)
where
    T: Fn(Sim) -> F + Send + Sync + 'static,
    F: Future + 'static,
    F::Output: Ending,
{
    Check::new().run(test);
}

/// How many runs are made of a test, and which.
#[derive(Clone, Debug)]
pub struct Check {
    name: Option<String>,
    /// The how manieth check of this name it is.
    number: u32,
    runs: u64,
    cuts: u32,
    any_order: bool,
    forbidden: Forbidden,
    await_coverage: bool,
    sampler: Sampler,
    jobs: NonZero<usize>,
    limits: Limits,
    patience: watch::Patience,
    /// If its test can be started again in a fresh process.
    rerun: Option<fresh::Rerun>,
}

/// After so many failing runs no more are made, or after 25 that were given up: they may take long, and say the same.
const FAILING_MAX: u64 = 500;

/// What a test may come to: nothing, a `Result`, whose error is a failure, or never to its end, as with `panic!` there.
pub trait Ending {
    /// What went wrong.
    fn problem(self) -> Option<String>;
}

impl Ending for () {
    fn problem(self) -> Option<String> {
        None
    }
}

impl<E: fmt::Debug> Ending for Result<(), E> {
    fn problem(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// What never comes to anything has a type that cannot be written on stable Rust; but it can be had from a function's.
mod never {
    pub trait Returns {
        type Output;
    }

    impl<T> Returns for fn() -> T {
        type Output = T;
    }

    pub type Never = <fn() -> ! as Returns>::Output;
}

/// A test that ends in `panic!`, or in an endless loop.
impl Ending for never::Never {
    fn problem(self) -> Option<String> {
        self
    }
}

/// What came of a check.
#[derive(Debug)]
pub struct Found {
    /// How many runs were made.
    pub runs: u64,
    /// The failures, each as it is told, the first one first.
    pub failures: Vec<Failed>,
    /// What was covered, in a few lines.
    pub covered: String,
}

/// A failure of a test.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What kind: `panicked`, `deadlock` and so on.
    pub what: &'static str,
    /// How many runs it took to find it.
    pub runs: u64,
    /// What replays it, after `ATROPOS_REPLAY=`.
    pub token: String,
    /// The whole story.
    pub story: String,
}

impl Found {
    /// Prints what was covered, or panics with the stories.
    #[track_caller]
    fn or_panic(self) {
        let Found { failures, covered, .. } = self;
        if failures.is_empty() {
            println!("{covered}");
            return;
        }
        let stories: Vec<&str> = failures.iter().map(|failed| failed.story.as_str()).collect();
        panic!("{}\n{covered}", stories.join("\n"));
    }
}

impl Default for Check {
    fn default() -> Check {
        Check::new()
    }
}

impl Check {
    /// 4,000 runs, at most one cut in each, any order of tasks, on one thread.
    pub fn new() -> Check {
        Check {
            name: None,
            number: 1,
            runs: 4_000,
            cuts: 1,
            any_order: true,
            forbidden: Forbidden::default(),
            await_coverage: false,
            sampler: Sampler::Random,
            jobs: NonZero::<usize>::MIN,
            limits: Limits { steps: 20_000, turns_at_one_instant: 2_000 },
            patience: watch::PATIENCE,
            rerun: None,
        }
    }

    /// Of which test it is. Without a name it is that of the thread, which `cargo test` calls after the test; or where all
    /// tests run on the main thread, that of the function in which the closure stands, or else the place of the call. Of
    /// several checks of one name each goes by a number as well.
    pub fn name(self, name: impl Into<String>) -> Check {
        Check { name: Some(name.into()), ..self }
    }

    /// How many runs are made: half of them for single cuts and changes of order, if there are so many, and the others
    /// from seeds.
    pub fn runs(self, runs: u64) -> Check {
        Check { runs, ..self }
    }

    /// How many cuts there may be in one run.
    pub fn cuts(self, cuts: u32) -> Check {
        Check { cuts, ..self }
    }

    /// Leaves tasks in tokio's own order.
    pub fn plain_order(self) -> Check {
        Check { any_order: false, ..self }
    }

    /// Finds fault with a task that is still there at the end of a run although the future that had made it was cut.
    pub fn no_orphans(self) -> Check {
        Check { forbidden: Forbidden { orphans: true, ..self.forbidden }, ..self }
    }

    /// Finds fault with a task that has outlived the future that had made it, which was cut, and does something after a
    /// retry has done it: what counts is what both tell with [`Sim::note`] in the same words.
    pub fn no_late_effects(self) -> Check {
        Check { forbidden: Forbidden { late_effects: true, ..self.forbidden }, ..self }
    }

    /// Says which awaits were seen to wait, in a sample of runs in which that is recorded. It takes a moment.
    pub fn await_coverage(self) -> Check {
        Check { await_coverage: true, ..self }
    }

    /// How a seed becomes choices.
    pub fn sampler(self, sampler: Sampler) -> Check {
        Check { sampler, ..self }
    }

    /// On how many threads runs are made. What is found does not depend on it.
    pub fn jobs(self, jobs: NonZero<usize>) -> Check {
        Check { jobs, ..self }
    }

    /// After how many polls a run is given up. At one virtual instant it is a tenth of that.
    pub fn polls(self, polls: u64) -> Check {
        let turns_at_one_instant = u32::try_from(polls / 10).unwrap_or(u32::MAX);
        Check { limits: Limits { steps: polls, turns_at_one_instant }, ..self }
    }

    /// Makes the runs, and fails if one of them does, or if one is another in a fresh process, for which this test is started
    /// once more by itself. With `ATROPOS_REPLAY` set to a token of this test, makes the run of
    /// that token alone.
    ///
    /// # Panics
    ///
    /// If a run fails; the message is the story of that run.
    #[track_caller]
    pub fn run<T, F>(self, test: T)
    where
        T: Fn(Sim) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        self.run_as(experiment::alone(test), replay::test_name::<T>(), Location::caller());
    }

    /// The same for a test wherever it runs.
    #[track_caller]
    fn run_as(self, test: Arc<dyn Subject>, name: Option<String>, caller: &Location<'_>) {
        let this = fresh::this_check(name.as_deref().unwrap_or_default(), caller);
        let check = self.called(name.as_deref(), caller).counted();
        if let Some(request) = fresh::request() {
            if request.is_for(&this) {
                print!("{}", check.answer(test, request));
            }
            return;
        }
        let check = Check { rerun: name.and_then(|test| fresh::Rerun::new(test, this)), ..check };
        let wanted = replay::wanted(&check);
        let path = saved::path(&check, replay::package());
        let tokens = match (&wanted, &path) {
            (Some(token), _) => vec![token.clone()],
            (None, Some(path)) => saved::tokens(path, &check.title()),
            (None, None) => Vec::new(),
        };
        let mut made = check.replay_all(test.clone(), tokens);
        if wanted.is_none() && made.failures.is_empty() {
            made = check.widened().explore(test);
            if let Some(path) = path.filter(|_| !made.failures.is_empty()) {
                made.covered.push_str(&saved::save(&path, &made.failures));
            }
        } else if wanted.is_none()
            && let Some(path) = path
        {
            made.covered.push_str(&saved::why_alone(&path));
        }
        made.or_panic();
    }

    /// Makes the runs, and gives back what was found instead of failing.
    ///
    /// ```
    /// use atropos::check::Check;
    ///
    /// let found = Check::new().runs(100).find(|sim| async move {
    ///     assert!(sim.choose(10) != 7, "seven");
    /// });
    /// assert_eq!(found.failures[0].what, "panicked");
    /// ```
    #[track_caller]
    pub fn find<T, F>(self, test: T) -> Found
    where
        T: Fn(Sim) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        self.called(replay::test_name::<T>().as_deref(), Location::caller()).explore(experiment::alone(test))
    }

    /// Makes the runs of the plan.
    fn explore(self, test: Arc<dyn Subject>) -> Found {
        self.watched(test, |check, experiment| check.explore_here(experiment))
    }

    /// The runs of these tokens.
    fn replay_all(&self, test: Arc<dyn Subject>, tokens: Vec<Token>) -> Found {
        let mut all = Found { runs: 0, failures: Vec::new(), covered: String::new() };
        if tokens.is_empty() {
            return all;
        }
        self.clone().watched(test, move |check, experiment| {
            for token in &tokens {
                let replay = || replay::replay(&experiment, token, &|told| experiment.failed(check, &told));
                let draws = experiment.names().draws();
                let once = replay();
                let found = if experiment.names().draws() == draws { once } else { replay() };
                all.runs += found.runs;
                all.failures.extend(found.failures);
                all.covered.push_str(&found.covered);
            }
            all
        })
    }

    /// Does something with the experiment on a thread that is watched.
    fn watched(self, test: Arc<dyn Subject>, work: impl FnOnce(&Check, Futures) -> Found + Send + 'static) -> Found {
        replay::forbid_nesting();
        let names = Arc::new(Registry::default());
        let title = self.title();
        let (known, patience) = (names.clone(), self.patience);
        let (mut found, slow) = watch::watched(&title, &names, patience, move || {
            let experiment = Futures::new(test, &self, known);
            work(&self, experiment)
        });
        found.covered.extend(slow);
        found
    }

    /// What another process wants to know.
    fn answer(self, test: Arc<dyn Subject>, request: fresh::Request) -> String {
        let names = Arc::new(Registry::default());
        let title = self.title();
        let (known, patience) = (names.clone(), self.patience);
        let work = move || request.answer(&Futures::as_measured(test, &self, known, request.measured()));
        watch::watched(&title, &names, patience, work).0
    }

    fn explore_here(&self, experiment: Futures) -> Found {
        let check = self;
        let mut search = check.search(experiment);
        let mut failures: Vec<Failed> = search.told.iter().map(|told| search.experiment.failed(check, told)).collect();
        failures.extend(search.experiment.unstable(&search.explored));
        if failures.is_empty() {
            failures.extend(search.experiment.never_happened(&search.explored));
        }
        let mut covered = report::explored(&search.experiment.program(), &search.covered(None), false);
        covered.push_str(&self.look_afresh(&search, &mut failures));
        covered.extend(search.experiment.cost());
        covered.push_str(&search.experiment.warnings(search.explored.runs));
        if self.await_coverage {
            covered.push_str(&search.experiment.await_coverage());
        }
        Found { runs: search.explored.runs, failures, covered }
    }

    /// Makes the runs of the plan; in plain order alone if that fails.
    fn search(&self, experiment: Futures) -> Search<Futures> {
        let draws = experiment.names().draws();
        let is_good = experiment.is_good_in_plain_order();
        let plan = if is_good { self.plan() } else { Check { runs: 0, ..self.clone() }.plan() };
        let search = Search::new(experiment, None, &plan, &mut |_| true);
        if search.experiment.names().draws() == draws {
            return search;
        }
        // A `select!` that was seen in none of the runs that were measured: whoever came by it first was left to chance.
        search.experiment.names().count_anew();
        self.search(search.experiment)
    }

    fn plan(&self) -> Plan {
        let faults = self.runs / 2;
        Plan {
            faults,
            seeds: 0..self.runs.saturating_sub(faults),
            sampler: self.sampler,
            shard: (0, NonZero::<u64>::MIN),
            jobs: self.jobs,
            failing_max: FAILING_MAX,
        }
    }

    /// With a name in any case: its own, that of the test, or else where it is called.
    fn called(self, test: Option<&str>, caller: &Location<'_>) -> Check {
        let name = self.name.clone().or_else(|| test.map(str::to_owned)).unwrap_or_else(|| caller.to_string());
        Check { name: Some(name), ..self }
    }

    /// As one of several of its name.
    fn counted(self) -> Check {
        Check { number: fresh::how_manieth(self.test().to_owned()), ..self }
    }

    /// The test that it stands in.
    fn test(&self) -> &str {
        self.name.as_deref().unwrap_or("a test")
    }

    /// What it is called: after its test, and if that has several checks, by a number.
    fn title(&self) -> String {
        if self.number == 1 { self.test().to_owned() } else { format!("{}#{}", self.test(), self.number) }
    }
}
