//! Our event loop beside the real one: scenario files and random programs, on every CPython that is installed here.
//!
//! Every run is compared event by event, turns and virtual time included, with what `tests/cpython/judge.py` tells of
//! the same program as a real asyncio program. The program comes to it by an independent reading of the same TOML.
//!
//! - `ATROPOS_CONFORMANCE_PROGRAMS`: how many random programs; always the same ones, in the same order.
//! - `ATROPOS_REQUIRE_PYTHON=1`: no interpreter is a failure, not a test that is skipped.

mod printed;
mod python;
mod told;

use std::cell::RefCell;
use std::path::Path;

use atropos::choice::Ordinary;
use atropos::diagnostic::Diagnostic;
use atropos::event_loop::EventLoop;
use atropos::experiment::Runtime;
use atropos::generate::{Sketch, scenarios};
use atropos::harness::{find, strategies};
use atropos::machine::Machine;
use atropos::program::Profile;
use atropos::report;
use atropos::scenario::Scenario;
use atropos::strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use serde_json::json;

use python::{Script, interpreters, reader, variable};
use told::Told;

/// What the random programs are drawn from.
const SEED: u64 = 311;

/// The interpreters at work.
struct Judges {
    reader: Script,
    judges: Vec<Script>,
}

impl Judges {
    /// Nothing if there is no interpreter that could read scenarios; then it is said why.
    fn start() -> Option<Judges> {
        let reader = Script::start(reader()?, "scenario.py", &["--lines"]);
        let judges = interpreters().iter().map(|python| Script::start(python, "judge.py", &[])).collect();
        Some(Judges { reader, judges })
    }

    /// Runs a scenario under one of its mains, or under any strategy, on every interpreter and with its profile.
    fn compare(&mut self, text: &str, strategy: Option<&str>) -> Result<(), String> {
        let scenario = Scenario::parse(text, &strategies());
        let scenario = scenario.map_err(|errors| report::diagnostics("the scenario", text, &errors, false))?;
        let strategy_text = strategy.map(|name| strategy::find(name).expect("a known strategy").text);
        self.reader.send(&json!({ "toml": text, "strategy": strategy_text }).to_string());
        // Passed on as it is, because the order of its keys counts.
        let request = self.reader.receive()?;
        if let Some(why) = request.strip_prefix("{\"unreadable\": ") {
            println!("skipped a scenario, because Python reads no TOML but 1.0: {why}");
            return Ok(());
        }
        for judge in &mut self.judges {
            judge.send(&request);
        }
        // Every answer is taken, whatever is wrong with one of them, so that the next program gets its own.
        let answers: Vec<_> = self.judges.iter_mut().map(|judge| (judge.python(), judge.receive())).collect();
        for (python, answer) in answers {
            // What a profile lacks its Python does not have either.
            if is_lacking(&scenario, strategy, python.profile) {
                continue;
            }
            let compared = answer
                .and_then(|answer| Told::theirs(&answer))
                .and_then(|theirs| ours(&scenario, strategy, python.profile)?.compare(&theirs));
            compared.map_err(|difference| format!("Python {}: {difference}\n{text}", python.version))?;
        }
        Ok(())
    }

    fn versions(&self) -> String {
        self.judges.iter().map(|judge| judge.python().version.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Whether the scenario asks for something that this version does not have.
fn is_lacking(scenario: &Scenario, strategy: Option<&str>, profile: Profile) -> bool {
    let lacking = |error: &Diagnostic| error.message.starts_with(&format!("Python {} has no ", profile.name));
    scenario.program(strategy, Some(profile)).is_err_and(|errors| errors.iter().all(lacking))
}

fn ours(scenario: &Scenario, strategy: Option<&str>, profile: Profile) -> Result<Told, String> {
    let program = scenario.program(strategy, Some(profile)).map_err(|errors| format!("{errors:?}"))?;
    let mut event_loop = EventLoop::new(&program);
    event_loop.run(&mut Ordinary);
    Ok(Told::ours(&program, &event_loop.trace()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under each of its mains, as its own version and as all others.
#[test]
fn scenario_files_run_as_on_python() {
    let Some(mut judges) = Judges::start() else { return };
    let mut differences = Vec::new();
    let mut count = 0;
    for path in find(&[root().join("scenarios")]).unwrap() {
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario = Scenario::parse(&text, &strategies()).unwrap();
        if !scenario.runtimes().contains(&Runtime::Asyncio) {
            continue;
        }
        for main in scenario.mains() {
            count += 1;
            let compared = judges.compare(&text, main);
            differences.extend(compared.err().map(|it| format!("{}, {main:?}: {it}", path.display())));
        }
    }
    println!("{count} runs on Python {}", judges.versions());
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn every_strategy_runs_as_on_python() {
    let Some(mut judges) = Judges::start() else { return };
    let text = std::fs::read_to_string(root().join("scenarios/first.toml")).unwrap();
    for strategy in strategy::all() {
        judges.compare(&text, Some(strategy.name)).unwrap_or_else(|it| panic!("{}: {it}", strategy.name));
    }
}

/// What differs is shown as the scenario that it was shrunk to.
#[test]
fn random_programs_run_as_on_python() {
    let Some(judges) = Judges::start() else { return };
    let cases = variable("ATROPOS_CONFORMANCE_PROGRAMS").and_then(|count| count.parse().ok()).unwrap_or(300);
    println!("{cases} programs of seed {SEED} on Python {}", judges.versions());
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        max_shrink_iters: 20_000,
        ..Config::default()
    });
    let judges = RefCell::new(judges);
    let conforms = |sketch: Sketch| judges.borrow_mut().compare(&sketch.to_string(), None).map_err(TestCaseError::fail);
    match runner.run(&scenarios(), conforms) {
        Ok(()) => {}
        Err(TestError::Fail(reason, _) | TestError::Abort(reason)) => panic!("{reason}"),
    }
}
