//! What a test is told from outside: which run to replay, how many seeds, on how many threads. It is read here, and nowhere
//! below.
//!
//! Knows nothing of how a run is made.

use std::io::Write;
use std::num::NonZero;

use super::{Check, Failed, Found};
use crate::choice::{Given, Token};
use crate::executor::is_in_run;
use crate::experiment::Experiment;
use crate::harness::{Told, replayed};
use crate::replay::place;

#[expect(clippy::disallowed_methods, reason = "the environment is read at the door")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The name of the test that runs, which is that of its thread; or, where all tests run on the main thread, that of the
/// function in which this closure stands.
#[expect(clippy::disallowed_methods, reason = "the name is for people, and no run sees it")]
pub(super) fn test_name<T>() -> Option<String> {
    let thread = std::thread::current();
    thread
        .name()
        .filter(|name| *name != "main")
        .or_else(|| function_around(std::any::type_name::<T>()))
        .map(str::to_owned)
}

/// `pool::tests::a_cut` for the type `shop::pool::tests::a_cut::{{closure}}`.
fn function_around(closure: &str) -> Option<&str> {
    let (path, _) = closure.split_once("::{{closure}}")?;
    let (_, function) = path.split_once("::")?;
    Some(function).filter(|function| !function.contains(['<', '{']))
}

/// What runs, to be started again.
pub(super) fn executable() -> Option<std::path::PathBuf> {
    std::env::current_exe().ok()
}

/// The folder of the package whose test runs, if cargo runs it.
pub(super) fn package() -> Option<String> {
    variable("CARGO_MANIFEST_DIR")
}

/// Says clearly what cannot work: a check within a run of another one, or on a thread that drives a runtime.
pub(super) fn forbid_nesting() {
    assert!(!is_in_run(), "`atropos::check` is called in a run of another check: make it a test of its own");
    assert!(
        tokio::runtime::Handle::try_current().is_err(),
        "`atropos::check` is called inside of a tokio runtime: it brings runtimes of its own, so write #[test] instead of \
         #[tokio::test]"
    );
}

/// The token that is to be replayed, if it is one of this check. If it is not, that is said where no test hides it: the name
/// of a check in a function that several tests call is another one when all tests run on the main thread.
pub(super) fn wanted(check: &Check) -> Option<Token> {
    let word = variable("ATROPOS_REPLAY")?;
    let token: Token = word.parse().unwrap_or_else(|bad| panic!("ATROPOS_REPLAY: {bad}"));
    let title = check.title();
    if token.scenario_hash == Token::hash(&title) {
        return Some(token);
    }
    // What a test prints with `eprintln!` is shown only if it fails.
    _ = writeln!(
        std::io::stderr(),
        "atropos: ATROPOS_REPLAY={word} is of another check than `{title}`, which makes all its runs"
    );
    None
}

impl Check {
    /// With what the environment says: `ATROPOS_SEEDS` seeds, on `ATROPOS_JOBS` threads.
    pub(super) fn widened(self) -> Check {
        let number = |name: &str| {
            let value = variable(name)?;
            let number: u64 =
                value.parse().unwrap_or_else(|_| panic!("{name}: expected a number, but found {value:?}"));
            Some(number)
        };
        let runs = number("ATROPOS_SEEDS").map_or(self.runs, |seeds| seeds.saturating_mul(2));
        let jobs =
            number("ATROPOS_JOBS").and_then(|jobs| NonZero::new(usize::try_from(jobs).ok()?)).unwrap_or(self.jobs);
        Check { runs, jobs, ..self }
    }
}

/// Makes the run of a token.
pub(super) fn replay(experiment: &dyn Experiment, token: &Token, tell: &dyn Fn(Told) -> Failed) -> Found {
    let mut run = experiment.begin();
    let placed = place(&mut *run, &experiment.program(), &token.deviations);
    let answers: Vec<u64> = placed.log.iter().map(|choice| choice.answer).collect();
    run.run(&mut Given::new(&answers));
    let mut covered = String::new();
    for deviation in &placed.unplaced {
        let what = [deviation.kind.label(), &deviation.subject, &deviation.chosen];
        covered.push_str(&format!("No place was found for: {}\n", what.join(", ")));
    }
    let told = replayed(experiment, &mut *run, &placed.log);
    let failures: Vec<_> = told.into_iter().map(tell).collect();
    if failures.is_empty() {
        covered.push_str("The run of this token does not fail any more.\n");
    }
    Found { runs: 1, failures, covered }
}
