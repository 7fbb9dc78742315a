//! The cross-check of the exhaustive search: every run, merged states, and reduction come to the same ends.
//!
//! `ATROPOS_EXHAUSTIVE_PROGRAMS` sets how many random programs, `ATROPOS_EXHAUSTIVE_SEED` which ones: both are fixed at
//! the gate, so a red run there is red again here.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;

use atropos::experiment::Experiment;
use atropos::explore::exhaustive::{Bounds, Method, STATES_MAX, Searched};
use atropos::generate::{Sketch, scenarios};
use atropos::harness::{Asyncio, File, RunsOn, Setting, find};
use atropos::program::{Cuts, Pattern};
use atropos::scenario::Scenario;
use atropos::verdict::{Before, Does, EventPattern, Expectation, Paired};
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

/// Searches; nothing, if there are more runs than that.
fn search(experiment: &Asyncio, method: Method, runs: u64) -> Option<Searched> {
    let bounds = Bounds { method, deviations: None, states: STATES_MAX };
    let searched = experiment.search(bounds, &mut |searching| searching.runs < runs && searching.states < 5 * runs);
    searched.is_complete().then_some(searched)
}

/// What has to be the same however one searches: every end of a run with all that is wrong with it.
fn ends(searched: &Searched) -> BTreeSet<String> {
    let results = searched.results.keys().map(|summary| format!("{summary:?}"));
    results.chain(searched.failures.keys().map(|identity| format!("{identity:?}"))).collect()
}

/// Searches in every way that is done within so many runs, and compares.
fn agree(experiment: &Asyncio, runs: u64) -> Result<[Option<Searched>; 3], String> {
    let ways = [Method::Naive, Method::Merged, Method::Reduced].map(|method| search(experiment, method, runs));
    let names = ["naively", "merged", "reduced"];
    let mut done = names.iter().zip(&ways).filter_map(|(name, way)| Some((name, ends(way.as_ref()?))));
    if let Some((first, expected)) = done.next()
        && let Some((other, found)) = done.find(|(_, found)| *found != expected)
    {
        let missing: Vec<_> = expected.difference(&found).collect();
        let new: Vec<_> = found.difference(&expected).collect();
        return Err(format!("{other}, beside {first}, is missing: {missing:#?}\nnew: {new:#?}"));
    }
    if let [Some(naive), Some(merged), _] = &ways
        && naive.classes != merged.classes
    {
        return Err(format!("{} runs, of which merging counts {}", naive.classes, merged.classes));
    }
    Ok(ways)
}

/// A random program: what may run next, how often it is cut, and whether anything is expected of its events.
fn experiment(sketch: &Sketch, is_free: bool, cancels: u32, is_expected: bool) -> Result<Asyncio, TestCaseError> {
    let scenario =
        Scenario::parse(&sketch.to_string(), &[]).map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
    let program = scenario.program(None, None);
    let mut program = program.map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
    program.schedule.ready_any_order = is_free;
    program.limits.steps = 300;
    program.limits.turns_at_one_instant = 60;
    if cancels > 0 {
        let victims = vec![true; program.instances.len()];
        program.cuts = vec![Cuts { up_to: cancels, victims, handles: 0, tasks: 0 }];
    }
    let event = |does| EventPattern { task: Pattern::new("*"), does };
    let mut expectation = Expectation::default();
    if is_expected {
        expectation.before = Some(vec![Before { first: event(Does::Finished), then: event(Does::Cancelled) }]);
        expectation.never = Some(vec![event(Does::Failed(None))]);
        let (open, close) = (event(Does::Started), event(Does::Caught(None)));
        expectation.paired = Some(vec![Paired { open, close }]);
    }
    Ok(Asyncio::new(program.into(), expectation))
}

/// A number out of the environment.
fn given<N: std::str::FromStr>(name: &str) -> Option<N> {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    let given = std::env::var(name);
    given.ok().and_then(|number| number.parse().ok())
}

#[test]
fn random_programs_end_the_same_however_they_are_searched() {
    let cases = given("ATROPOS_EXHAUSTIVE_PROGRAMS").unwrap_or(200);
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(given("ATROPOS_EXHAUSTIVE_SEED").unwrap_or(11)),
        max_shrink_iters: 5_000,
        ..Config::default()
    };
    let (compared, asked, reduced) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let property = |(sketch, is_free, cancels, is_expected): (Sketch, bool, u32, bool)| {
        let experiment = experiment(&sketch, is_free, cancels, is_expected)?;
        let ways = agree(&experiment, 150).map_err(TestCaseError::fail)?;
        compared.set(compared.get() + u32::from(ways.iter().flatten().count() > 1));
        if let [Some(naive), _, Some(few)] = ways {
            asked.set(asked.get() + u32::from(naive.classes > 1));
            reduced.set(reduced.get() + u32::from(few.runs < naive.runs));
        }
        Ok(())
    };
    let strategy = (scenarios(), any::<bool>(), 0..3_u32, proptest::bool::weighted(0.3));
    match TestRunner::new(config).run(&strategy, property) {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => panic!("{reason}\nfor\n{value:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let (compared, asked, reduced) = (compared.get(), asked.get(), reduced.get());
    println!("{compared} of {cases} compared, {asked} with more than one run, {reduced} of them reduced");
    assert!(compared > cases / 3 && reduced > cases / 20);
}

/// Tasks that wake at one instant and do this then, each its own.
fn tied(count: usize, step: impl Fn(usize) -> String) -> Asyncio {
    let mut text = "about = \"Tied tasks.\"\n[shared]\n".to_owned();
    (0..=count).for_each(|at| text.push_str(&format!("v{at} = 0\n")));
    for at in 0..count {
        text.push_str(&format!("[[task]]\nname = \"t{at}\"\nsteps = [{{ sleep = \"1s\" }}, {}]\n", step(at)));
    }
    text.push_str("[main]\nsteps = [{ gather = \"coros\", as = \"g\" }, { await = \"g\" }]\n");
    let program = Scenario::parse(&text, &[]).unwrap().program(None, None).unwrap();
    Asyncio::new(program.into(), Expectation::default())
}

/// What a random program has found: whoever is asked to cancel itself in a circle raises, and then nobody further down the
/// set is asked. So it matters to all of them where that one stands.
#[test]
fn a_walk_that_breaks_off_is_tried_in_every_order() {
    let text = r#"
        about = "Main awaits itself through a gather."
        [[task]]
        name = "a"
        steps = [{ cancel_all = "others" }]
        [main]
        steps = [
            { spawn = "a", as = "t1" },
            { spawn = "a", as = "t2" },
            { gather = ["current"], as = "g1" },
            { await = "g1" },
        ]
    "#;
    let program = Scenario::parse(text, &[]).unwrap().program(None, None).unwrap();
    let [naive, ..] = agree(&Asyncio::new(program.into(), Expectation::default()), 150).unwrap();
    let tallies: BTreeSet<_> = naive.unwrap().results.into_keys().map(|summary| summary.tally.cancelled).collect();
    assert_eq!(tallies.len(), 2, "the second one is asked first, or not at all");
}

fn classes(experiment: &Asyncio, method: Method) -> u64 {
    search(experiment, method, 10_000).expect("it is small").classes
}

#[test]
fn counts_follow_their_formulas() {
    let alone = |at: usize| format!("{{ set = \"v{at}\", to = {at} }}");
    let together = |at: usize| format!("{{ set = \"v0\", to = {at} }}");
    let beside = |at: usize| format!("{{ set = \"v{at}\", to = 1 }}, {{ set = \"v{}\", to = {at} }}", at + 1);
    let in_pairs = |at: usize| format!("{{ set = \"v{}\", to = {at} }}", at / 2);
    let mut factorial = 1;
    for count in 2..=6 {
        factorial *= count;
        let orders = factorial as u64;
        // Every order, whatever they do.
        assert_eq!(classes(&tied(count, alone), Method::Naive), orders);
        // Tasks that have nothing to do with each other: one. Of a gather's count nobody knows who was first.
        assert_eq!(classes(&tied(count, alone), Method::Reduced), 1);
        // All of them race: every order.
        assert_eq!(classes(&tied(count, together), Method::Reduced), orders);
        // Each races with the one before: each of the pairs either way.
        assert_eq!(classes(&tied(count, beside), Method::Reduced), 1 << (count - 1));
        // Two and two race.
        assert_eq!(classes(&tied(count, in_pairs), Method::Reduced), 1 << (count / 2));
    }
    // 3,628,800 orders.
    assert_eq!(search(&tied(10, alone), Method::Reduced, 10).expect("one run will do").runs, 1);
}

/// The counts of every scenario that is small enough for one of the ways.
#[test]
fn scenarios_end_the_same_however_they_are_searched() {
    const RUNS: u64 = 300;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut table = format!("In how many runs, and in how many states; a dash for more than {RUNS} runs.\n\n");
    table.push_str("| scenario | cancels | naive | merged | reduced |\n|---|---:|---:|---:|---:|\n");
    for path in find(&[root.join("scenarios")]).unwrap() {
        let file = File::load(&path).unwrap();
        for strategy in file.scenario.mains() {
            for cancels in [0, 1] {
                let setting =
                    Setting { strategy: strategy.map(str::to_owned), cancels: Some(cancels), ..Setting::default() };
                let RunsOn::Asyncio(experiment) = file.experiment(&setting).unwrap() else { continue };
                // A step that asks more than a dozen is slow to try in every way.
                if experiment.program().instances.len() > 13 {
                    continue;
                }
                let ways = agree(&experiment, RUNS).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
                let told =
                    ways.map(|way| way.map_or_else(|| "–".to_owned(), |way| format!("{} ({})", way.runs, way.states)));
                let name = path.strip_prefix(root.join("scenarios")).unwrap().with_extension("");
                let under = strategy.map(|strategy| format!(", {strategy}")).unwrap_or_default();
                table.push_str(&format!("| {}{under} | {cancels} | {} |\n", name.display(), told.join(" | ")));
            }
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root.join("snapshots/exhaustive"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("counts", table));
}
