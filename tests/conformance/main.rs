//! Our event loop beside the real one: scenario files and random programs, on every CPython that is installed here.
//!
//! Every run is compared event by event, turns and virtual time included, with what `sim/cpython/judge.py` tells of
//! the same program as a real asyncio program. The program comes to it by an independent reading of the same TOML.
//!
//! How many random programs there are, `random.rs` says. With `ATROPOS_REQUIRE_PYTHON=1`, no interpreter is a failure, not
//! a test that is skipped.

mod printed;
mod python;
mod random;

use std::path::Path;

use atropos::experiment::Runtime;
use atropos::generate::{Sketch, scenarios};
use atropos::harness::{Compared, Patience, Verifier, find, strategies};
use atropos::report;
use atropos::scenario::Scenario;
use atropos::strategy;

use python::{PATIENCE, interpreters, variable};

/// How many random programs there are, unless the environment says otherwise, as the gate does; each runs on every
/// interpreter.
const PROGRAMS: u32 = 200;

/// Nothing if there is no interpreter that could read scenarios; then it is said why.
fn start() -> Option<Verifier> {
    let interpreters = interpreters();
    match Verifier::start(interpreters, &[], &Patience::of(PATIENCE)) {
        Ok(verifier) => Some(verifier),
        Err(problem) => {
            assert!(interpreters.is_empty() || variable("ATROPOS_REQUIRE_PYTHON").is_none(), "{problem}");
            println!("skipped: everything: {problem}");
            None
        }
    }
}

/// Runs a scenario under one of its mains, or under any strategy, on every interpreter and with its profile; how many
/// those were.
fn compare(verifier: &mut Verifier, text: &str, strategy: Option<&str>) -> Result<u64, String> {
    let scenario = Scenario::parse(text, &strategies());
    let scenario = scenario.map_err(|errors| report::diagnostics("the scenario", text, &errors, false))?;
    let compared = match verifier.scenario(&scenario, text, strategy).map_err(|problem| format!("{problem}\n{text}"))? {
        Ok(compared) => compared,
        Err(why) => {
            println!("skipped a scenario: {why}");
            return Ok(0);
        }
    };
    let mut equal = 0;
    for (python, compared) in compared {
        match compared {
            Compared::Equal(_) => equal += 1,
            Compared::Different(difference) => return Err(format!("Python {}: {difference}\n{text}", python.version)),
            Compared::Lacking(lacking) => println!("skipped Python {}: {}", python.version, lacking.message),
            Compared::NotApplicable(why) => println!("skipped Python {}: {why}", python.version),
        }
    }
    Ok(equal)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under each of its mains, as its own version and as all others.
#[test]
fn scenario_files_run_as_on_python() {
    let Some(mut judges) = start() else { return };
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
            let compared = compare(&mut judges, &text, main);
            differences.extend(compared.err().map(|it| format!("{}, {main:?}: {it}", path.display())));
        }
    }
    println!("{count} runs on Python {}", judges.versions().join(", "));
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn every_strategy_runs_as_on_python() {
    let Some(mut judges) = start() else { return };
    let text = std::fs::read_to_string(root().join("scenarios/first.toml")).unwrap();
    for strategy in strategy::on(Runtime::Asyncio) {
        compare(&mut judges, &text, Some(strategy.name)).unwrap_or_else(|it| panic!("{}: {it}", strategy.name));
    }
}

/// What differs is shown as the scenario that it was shrunk to.
#[test]
fn random_programs_run_as_on_python() {
    let Some(judges) = start() else { return };
    println!("on Python {}", judges.versions().join(", "));
    random::check(
        "random programs",
        random::cases(PROGRAMS),
        scenarios,
        || start().expect("there was one"),
        |judges, sketch: Sketch| compare(judges, &sketch.to_string(), None),
    );
}
