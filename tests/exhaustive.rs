//! The cross-check of the exhaustive search: every run, merged states, and reduction come to the same ends.
//!
//! `ATROPOS_EXHAUSTIVE_PROGRAMS` sets how many random programs, `ATROPOS_EXHAUSTIVE_SEED` which ones: both are fixed at
//! the gate, so a red run there is red again here.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use atropos::choice::Ordinary;
use atropos::event_loop::EventLoop;
use atropos::experiment::{Bounded, Experiment};
use atropos::explore::exhaustive::{Bounds, MEMORY_MAX, Method, Searched, Searching};
use atropos::generate::{Sketch, scenarios};
use atropos::harness::{Asyncio, File, RunsOn, Setting, find};
use atropos::machine::Machine;
use atropos::program::{Cuts, Pattern};
use atropos::scenario::Scenario;
use atropos::verdict::{Before, Does, EventPattern, Expectation, Paired};
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

/// Searches; nothing, if there are more runs than that.
fn search(experiment: &Asyncio, method: Method, runs: u64) -> Option<Searched> {
    let bounds = Bounds { method, deviations: None, memory: MEMORY_MAX };
    let searched = experiment.search(bounds, &mut |searching| searching.runs < runs && searching.states < 5 * runs);
    searched.is_complete().then_some(searched)
}

/// The same in so little memory that few forks are kept.
fn search_in_little(experiment: &Asyncio, runs: u64) -> Option<Searched> {
    let bounds = Bounds { memory: 100_000, ..Bounds::default() };
    let searched = experiment.search(bounds, &mut |searching| searching.runs < runs && searching.states < 5 * runs);
    searched.is_complete().then_some(searched)
}

/// What has to be the same however one searches: every end of a run with all that is wrong with it.
fn ends(searched: &Searched) -> BTreeSet<String> {
    let results = searched.results.keys().map(|summary| format!("{summary:?}"));
    results.chain(searched.failures.keys().map(|identity| format!("{identity:?}"))).collect()
}

/// Searches in every way that is done within so many runs, and compares. What is not done where most is left out is not
/// tried in the other ways.
fn agree(experiment: &Asyncio, runs: u64) -> Result<[Option<Searched>; 3], String> {
    let reduced = search(experiment, Method::Reduced, runs);
    let more = |method| reduced.as_ref().and_then(|_| search(experiment, method, runs));
    let (naive, merged) = (more(Method::Naive), more(Method::Merged));
    if let (Some(reduced), Some(little)) = (&reduced, search_in_little(experiment, runs)) {
        let other = Searched { steps: reduced.steps, ..little };
        if other != *reduced {
            return Err(format!("in little memory {other:#?}\ninstead of {reduced:#?}"));
        }
    }
    let ways = [naive, merged, reduced];
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

/// The programs are drawn in so many parts, each with a seed of its own and on a thread of its own.
const PARTS: u32 = 4;

/// How many programs were compared, how many of these have more than one run, and of how many of those reduction makes fewer.
#[derive(Default)]
struct Counts {
    compared: AtomicU32,
    asked: AtomicU32,
    reduced: AtomicU32,
}

/// Compares so many random programs.
fn compare(cases: u32, seed: u64, counts: &Counts) {
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 5_000,
        ..Config::default()
    };
    let count = |counter: &AtomicU32, is_one| _ = counter.fetch_add(u32::from(is_one), Ordering::Relaxed);
    let property = |(sketch, is_free, cancels, is_expected): (Sketch, bool, u32, bool)| {
        let experiment = experiment(&sketch, is_free, cancels, is_expected)?;
        let ways = agree(&experiment, RUNS_OF_ONE).map_err(TestCaseError::fail)?;
        count(&counts.compared, ways.iter().flatten().count() > 1);
        if let [Some(naive), _, Some(few)] = ways {
            count(&counts.asked, naive.classes > 1);
            count(&counts.reduced, few.runs < naive.runs);
        }
        Ok(())
    };
    let strategy = (scenarios(), any::<bool>(), 0..3_u32, proptest::bool::weighted(0.3));
    match TestRunner::new(config).run(&strategy, property) {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => panic!("{reason}\nfor\n{value:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// Of programs with more runs than that nothing is learnt: they are left.
const RUNS_OF_ONE: u64 = 100;

#[test]
fn random_programs_end_the_same_however_they_are_searched() {
    let cases: u32 = given("ATROPOS_EXHAUSTIVE_PROGRAMS").unwrap_or(400);
    let seed: u64 = given("ATROPOS_EXHAUSTIVE_SEED").unwrap_or(11);
    let counts = Counts::default();
    std::thread::scope(|scope| {
        for part in 0..PARTS {
            let (counts, seed) = (&counts, seed * u64::from(PARTS) + u64::from(part));
            scope.spawn(move || compare(cases / PARTS, seed, counts));
        }
    });
    let [compared, asked, reduced] =
        [counts.compared, counts.asked, counts.reduced].map(|counter| counter.load(Ordering::Relaxed));
    println!("{compared} of {cases} compared, {asked} with more than one run, {reduced} of them reduced");
    assert!(compared > cases / 3 && reduced > cases / 20);
}

/// `count` tasks that wake at one instant and do this then, each with a number.
fn tied(count: usize, step: &dyn Fn(usize) -> String) -> Asyncio {
    let mut text = "about = \"Tied tasks.\"\n[objects]\nlock = \"Lock()\"\n".to_owned();
    (0..count).for_each(|at| text.push_str(&format!("lock{at} = \"Lock()\"\n")));
    text.push_str("[shared]\n");
    (0..=count).for_each(|at| text.push_str(&format!("v{at} = 0\n")));
    for at in 0..count {
        text.push_str(&format!("[[task]]\nname = \"t{at}\"\nsteps = [{{ sleep = \"1s\" }}, {}]\n", step(at)));
    }
    text.push_str("[main]\nsteps = [{ gather = \"coros\", as = \"g\" }, { await = \"g\" }]\n");
    asyncio(&text)
}

/// A task group of a task that fails and so many others, which it has cancelled.
fn aborted(count: usize) -> Asyncio {
    let others = |at| format!("[[task]]\nname = \"t{at}\"\nsteps = [{{ sleep = \"2s\" }}]\n");
    let first = "[[task]]\nname = \"fails\"\nsteps = [{ sleep = \"1s\" }, { raise = \"no\" }]\n";
    let main = "[main]\nsteps = [{ task_group = \"g\", do = [{ spawn = \"coros\", in = \"g\" }] }]\n";
    asyncio(&["about = \"An abort.\"\n", first, &(0..count).map(others).collect::<String>(), main].concat())
}

fn asyncio(text: &str) -> Asyncio {
    let program = Scenario::parse(text, &[]).unwrap().program(None, None).unwrap();
    Asyncio::new(program.into(), Expectation::default())
}

/// A search takes the memory that it may, and at most a quarter more, as the allocator sees it: forks that are too many are
/// made again, and all that is found is the same.
#[test]
fn a_deep_search_of_large_states_stays_within_its_memory() {
    let sleeps = "{ sleep = \"1s\" }, ".repeat(12);
    let mut text = "about = \"Many tasks, who wake at one instant again and again.\"\n".to_owned();
    (0..60).for_each(|at| text.push_str(&format!("[[task]]\nname = \"t{at}\"\nsteps = [{sleeps}]\n")));
    text.push_str("[main]\nsteps = [{ gather = \"coros\", as = \"g\" }, { await = \"g\" }]\n");
    let mut program = Scenario::parse(&text, &[]).unwrap().program(None, None).unwrap();
    let victims = vec![true; program.instances.len()];
    program.cuts = vec![Cuts { up_to: 1, victims, handles: 0, tasks: 0 }];
    let experiment = Asyncio::new(program.into(), Expectation::default());
    let search = |memory| {
        let mut searched = Searched::default();
        let bounds = Bounds { memory, ..Bounds::default() };
        let watch = &mut |searching: Searching| searching.states + searching.runs < 2_000;
        let seen = allocation_counter::measure(|| searched = experiment.search(bounds, watch));
        (seen.bytes_max, Searched { steps: 0, ..searched })
    };
    let (few, many) = (4_000_000, MEMORY_MAX);
    let (within, found) = search(few);
    let (without, all) = search(many);
    println!("{within} bytes within {few}, {without} within {many}");
    assert!(within < few as u64 * 5 / 4 && without > 5 * within);
    assert!(found == all, "found {} and {} runs", found.runs, all.runs);
}

/// The bound on memory goes by what states say of their size: that is hardly less than what a fork takes, and at most twice that.
#[test]
fn a_fork_takes_no_more_than_it_says() {
    for path in find(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")]).unwrap() {
        let file = File::load(&path).unwrap();
        for strategy in file.scenario.mains() {
            let setting = Setting { strategy: strategy.map(str::to_owned), cancels: Some(1), ..Setting::default() };
            let RunsOn::Asyncio(experiment) = file.experiment(&setting).unwrap() else { continue };
            let program = experiment.program();
            let mut run = EventLoop::new(&program);
            run.begin_search();
            while run.step(&mut Ordinary).is_some() {
                run.watched();
                run.drain(&mut |_, _| {});
                let mut fork = None;
                let taken = allocation_counter::measure(|| fork = run.fork()).bytes_current as usize;
                let (taken, said) = (taken + size_of_val(&run), run.size());
                assert!(taken <= said * 9 / 8 && said <= 2 * taken, "{}: {said} of {taken} bytes", path.display());
            }
        }
    }
}

/// Whoever remembers more than fits says so, and ends.
#[test]
fn a_search_that_has_to_remember_too_much_is_bounded_by_memory() {
    let together = |at: usize| format!("{{ set = \"v0\", to = {at} }}");
    let memory = 200_000;
    let searched = tied(8, &together).search(Bounds { memory, ..Bounds::default() }, &mut |_| true);
    assert_eq!(searched.bounded_by, [Bounded::Memory(memory)]);
}

/// Forks are kept of 20,000 questions at most. A run that asks more often is followed to its end all the same if it is the
/// first one: whether it has an end has to be known.
#[test]
fn the_first_run_is_followed_however_often_it_asks() {
    let text = r#"
        about = "A client that tries again and again."
        [main]
        steps = [
            { set = "tries", to = 0 },
            { while = "GOES_ON", do = [{ set = "tries", to = "tries + 1" }, { sleep = "1ms..2ms" }] },
        ]
    "#;
    let search = |goes_on| asyncio(&text.replace("GOES_ON", goes_on)).search(Bounds::default(), &mut |_| true);
    let endless = search("True");
    assert_eq!((endless.runs, &endless.bounded_by[..]), (1, &[Bounded::Lengths, Bounded::Endless][..]));
    assert_eq!(endless.failures.len(), 1);
    let long = search("tries < 25000");
    assert_eq!((long.runs, &long.bounded_by[..]), (1, &[Bounded::Depth(20_000), Bounded::Lengths][..]));
    assert_eq!(long.failures.len(), 0);
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
    let [naive, ..] = agree(&asyncio(text), 150).unwrap();
    let tallies: BTreeSet<_> = naive.unwrap().results.into_keys().map(|summary| summary.tally.cancelled).collect();
    assert_eq!(tallies.len(), 2, "the second one is asked first, or not at all");
}

fn factorial(count: usize) -> u64 {
    (1..=count as u64).product()
}

/// Runs by how many tasks there are and what they have to do with each other: all orders, and what is left of them. What
/// the README shows is this table.
#[test]
fn counts_follow_their_formulas() {
    let alone = |at: usize| format!("{{ set = \"v{at}\", to = {at} }}");
    let together = |at: usize| format!("{{ set = \"v0\", to = {at} }}");
    let beside = |at: usize| format!("{{ set = \"v{at}\", to = 1 }}, {{ set = \"v{}\", to = {at} }}", at + 1);
    let in_pairs = |at: usize| format!("{{ set = \"v{}\", to = {at} }}", at / 2);
    let own_lock = |at: usize| format!("{{ with = \"lock{at}\", do = [{{ sleep = 0 }}] }}");
    let one_lock = |_: usize| "{ with = \"lock\", do = [{ sleep = 0 }] }".to_owned();
    /// What the tasks have to do with each other, how many runs are left as a formula, the program, and the formula.
    type Row<'a> = (&'a str, &'a str, Box<dyn Fn(usize) -> Asyncio + 'a>, fn(usize) -> u64);
    let rows: [Row<'_>; 7] = [
        ("set a variable each of their own", "1", Box::new(|n| tied(n, &alone)), |_| 1),
        ("set two and two the same variable", "2^(n/2)", Box::new(|n| tied(n, &in_pairs)), |n| 1 << (n / 2)),
        ("set a variable that the next one sets too", "2^(n-1)", Box::new(|n| tied(n, &beside)), |n| 1 << (n - 1)),
        ("set all the same variable", "n!", Box::new(|n| tied(n, &together)), factorial),
        ("take a lock each of their own", "1", Box::new(|n| tied(n, &own_lock)), |_| 1),
        ("take all the same lock", "n!", Box::new(|n| tied(n, &one_lock)), factorial),
        ("are cancelled by the group that they are in", "1", Box::new(aborted), |_| 1),
    ];
    let mut table =
        "| n tasks that wake at one instant | naive, n = 5 | merged, n = 5 | reduced | n = 5 | n = 10 |\n".to_owned();
    table.push_str("|---|---:|---:|---:|---:|---:|\n");
    for (what, formula, make, expected) in rows {
        let runs =
            |count, method| search(&make(count), method, 10_000).map(|searched| (searched.classes, searched.runs));
        for count in 2..=5 {
            let (naive, reduced) = (runs(count, Method::Naive), runs(count, Method::Reduced));
            assert_eq!(naive, Some((factorial(count), factorial(count))), "{count} {what}");
            assert_eq!(reduced, Some((expected(count), expected(count))), "{count} {what}");
        }
        let merged = runs(5, Method::Merged).expect("it is small").1;
        let ten = match expected(10) {
            3_628_800 => "3,628,800".to_owned(),
            few => {
                assert_eq!(runs(10, Method::Reduced), Some((few, few)), "10 {what}");
                few.to_string()
            }
        };
        table.push_str(&format!("| {what} | 120 | {merged} | {formula} | {} | {} |\n", expected(5), ten));
    }
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.contains(&table), "the README does not have this table:\n{table}");
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
            for cancels in [0, 1, 2] {
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
