//! Programs as tokio tasks that the executor polls: the ordinary run is tokio's own, a seed names one run in every command,
//! cuts come before any poll, and what is found has a token.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use atropos::choice::{Given, Kind, Ordinary, Seeded};
use atropos::experiment::{Experiment, Runtime};
use atropos::explore::{Case, Plan, Sampler, ordinary_openings};
use atropos::harness::{File, Run, Setting, find};
use atropos::strategy;
use atropos::tokio_program;
use atropos::trace::{Moment, Phase, Trace, What};
use atropos::verdict::Ending;

fn scenario(name: &str) -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    File::load(&path).unwrap_or_else(|rejected| panic!("{rejected}"))
}

fn parsed(text: &str) -> File {
    File::parse(&PathBuf::from("test.toml"), text.to_owned()).unwrap_or_else(|rejected| panic!("{rejected}"))
}

fn on_tokio(strategy: Option<&str>, cancels: Option<u32>) -> Setting {
    let strategy = strategy.map(str::to_owned);
    Setting { strategy, runtime: Some(Runtime::Tokio), cancels, profile: None }
}

/// What happened, the questions left out.
fn events(trace: &Trace) -> Vec<Moment> {
    trace.iter().filter(|moment| !matches!(moment.what, What::Chose(_))).collect()
}

/// The executor polls as tokio does unless it is told otherwise: the very same events, for whatever tokio can run.
#[test]
fn the_ordinary_run_is_tokios_own() {
    let mut count = 0;
    for path in find(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")]).unwrap() {
        let file = File::load(&path).unwrap();
        // What an unbiased `select!` of tokio's alone does is up to a generator that the system seeds. Most files have a main
        // of their own, and some never end under another.
        let is_meant_for_all =
            ["articles", "strategies", "scenarios"].iter().any(|folder| path.parent().unwrap().ends_with(folder));
        let all = strategy::on(Runtime::Tokio).filter(|strategy| is_meant_for_all && strategy.name != "select-drop");
        let own = file.scenario.mains().into_iter().filter(Option::is_none);
        let mains: Vec<Option<&str>> = own.chain(all.map(|strategy| Some(strategy.name))).collect();
        for main in mains {
            let run = Run { strategy: main.map(str::to_owned), runtime: Runtime::Tokio, profile: None, seed: None };
            let judged = match file.run(&run) {
                Ok(judged) => judged,
                // Some do not fit the file's Python.
                Err(_) => continue,
            };
            let alone = tokio_program::run(judged.program.clone(), Box::new(Ordinary));
            let name = format!("{} under {main:?}", path.display());
            assert_eq!(judged.trace.outcome, alone.outcome, "{name}");
            assert_eq!(events(&judged.trace), events(&alone), "{name}");
            count += 1;
        }
    }
    assert!(count > 150, "only {count} runs were compared");
}

#[test]
fn a_seed_names_one_run_whoever_makes_it() {
    let file = scenario("first.toml");
    for main in ["cancel-each-task", "cancel-token", "select-drop"] {
        let experiment = file.experiment(&on_tokio(Some(main), None)).unwrap();
        let plan = Plan { faults: 0, seeds: 7..8, sampler: Sampler::Random, ..Plan::default() };
        let mut explored = experiment.begin();
        let run = Run { strategy: Some(main.to_owned()), runtime: Runtime::Tokio, profile: None, seed: Some(7) };
        let judged = file.run(&run).unwrap();
        let ran = explored.run(&mut Seeded::new(7));
        assert_eq!(ran.fingerprint, judged.trace.fingerprint(), "{main}");
        let found = atropos::explore::explore(&experiment, &plan, &mut |_| true);
        assert!(found.seeds == Some(7..8) && found.unstable.is_none(), "{main}");
    }
}

/// Ten tasks wake at one instant: the order is chosen, and two threads find what one finds.
#[test]
fn orders_differ_and_threads_make_no_difference() {
    let file = scenario("first.toml");
    let setting = on_tokio(Some("cancel-each-task"), Some(1));
    let explored = |jobs| {
        let plan = Plan { seeds: 0..200, jobs: NonZero::new(jobs).unwrap(), ..Plan::default() };
        let mut search = file.explore(&setting, &plan, &mut |_| true).unwrap();
        let covered = search.covered(None);
        (covered.runs, covered.distinct_orders, covered.distinct_outcomes, covered.cuts_made, covered.faults_possible)
    };
    let one = explored(1);
    assert!(one.1 > 500 && one.2 > 5 && one.3 > 300, "{one:?}");
    assert_eq!(one, explored(2));
}

/// Before the first poll, while it waits, and when it is woken and not yet polled; a main in Rust as well.
#[test]
fn cuts_come_in_every_phase() {
    let file = scenario("first.toml");
    for main in ["cancel-each-task", "select-drop"] {
        let experiment = file.experiment(&on_tokio(Some(main), Some(1))).unwrap();
        let program = experiment.program();
        let openings = ordinary_openings(&experiment);
        let phases = |is_main: bool| -> BTreeSet<&str> {
            let list = openings.list.iter().filter(|opening| (opening.task.0 == 0) == is_main);
            list.map(|opening| opening.phase.name()).collect()
        };
        let all = [Phase::NotStarted, Phase::Waiting, Phase::Woken].map(Phase::name);
        assert_eq!(phases(true), BTreeSet::from(all), "main of {main}");
        // What main polls in place is not polled on its own, and begins in the poll in which it is made.
        let expected = if main == "select-drop" { &all[1..2] } else { &all[..] };
        assert_eq!(phases(false), expected.iter().copied().collect(), "{main}");
        let mut run = experiment.begin();
        for opening in openings.list.iter().step_by(7) {
            let answer = opening.cut.answer(program.cuts[0].tasks);
            run.run(&mut Given::new(&[answer]));
            let trace = run.trace();
            let cut = trace.iter().find_map(|moment| match moment.what {
                What::Cut { task, phase, .. } => Some((task, phase, moment.time)),
                _ => None,
            });
            assert_eq!(cut, Some((opening.task, opening.phase, opening.time)), "{main}: {opening:?}");
        }
    }
}

const TOO_EARLY: &str = r#"
about = "Both wake at one instant, and the one needs what the other brings: fine in tokio's order, and in no other."
shared = { ready = 0 }
[[task]]
name = "first"
steps = [{ sleep = "1s" }, { set = "ready", to = 1 }]
[[task]]
name = "second"
steps = [{ sleep = "1s" }, { if = "ready == 0", then = [{ print = "too early" }] }, { sleep = "1s" }]
[main]
steps = [{ spawn = "coros", as = "all" }, { wait = "all" }]
[expect.tokio]
never = [{ prints = "too early" }]
always = [{ task = "second", does = "finished" }]
"#;

/// What fails has a token that is made again as it was, and says where it ran; whether it takes a cut or another order.
#[test]
fn what_is_found_is_replayed_by_its_token() {
    let file = parsed(TOO_EARLY);
    for (cancels, kind, wanted) in [(Some(1), Kind::Cut, &["always", "never"][..]), (None, Kind::PollOrder, &["never"])]
    {
        let setting = on_tokio(None, cancels);
        let search = file.explore(&setting, &Plan::default(), &mut |_| true).unwrap();
        assert!(search.explored.unstable.is_none());
        let found: BTreeSet<&str> = search.told.iter().map(|told| told.identity.what).collect();
        assert_eq!(found, wanted.iter().copied().collect());
        for told in &search.told {
            let deviations: Vec<_> = told.trace.log().into_iter().filter(|choice| choice.answer != 0).collect();
            assert_eq!((deviations.len(), deviations[0].kind), (1, kind));
            let token = file.token(&setting, &search.experiment, told);
            assert_eq!(token.profile.as_deref(), Some("tokio"));
            let replayed = file.replay(&token.to_string().parse().unwrap()).unwrap();
            assert_eq!(replayed.setting.runtime, Some(Runtime::Tokio));
            assert_eq!(replayed.unplaced, []);
            assert_eq!(events(&replayed.trace), events(&told.trace), "{:?}", told.identity);
            assert!(replayed.told.iter().any(|again| again.identity == told.identity));
        }
    }
}

/// Whoever deadlocks is told at once, with no virtual time gone by.
#[test]
fn a_deadlock_ends_the_run() {
    let circle = "about = \"A circle.\"\n\
        [[task]]\nname = \"a\"\nsteps = [{ sleep = \"1s\" }, { spawn = \"b\", as = \"b\" }, { await = \"b\" }]\n\
        [[task]]\nname = \"b\"\nsteps = [{ await = \"current\" }]\n\
        [main]\nsteps = [{ spawn = \"a\", as = \"a\" }, { await = \"a\" }]\n";
    let file = parsed(circle);
    let judged = file.run(&Run { strategy: None, runtime: Runtime::Tokio, profile: None, seed: None }).unwrap();
    assert_eq!(Ending::from(judged.trace.outcome), Ending::Deadlocked);
    assert_eq!(judged.trace.tally().ended.0, 1_000_000_000);
}

/// What asyncio has not is refused there, and what has no network here.
#[test]
fn a_strategy_of_tokio_alone_is_refused_elsewhere() {
    let file = scenario("first.toml");
    let setting = Setting { strategy: Some("cancel-token".to_owned()), ..Setting::default() };
    let refused = file.experiment(&setting).unwrap_err().render(false);
    assert!(refused.contains("tokio's alone") && refused.contains("--runtime tokio"), "{refused}");
    let refused = file.python(Some("cancel-token")).unwrap_err().render(false);
    assert!(refused.contains("`cancel-token` is tokio's alone"), "{refused}");
    let hosts = scenario("network/too-many-requests.toml");
    let refused = hosts.experiment(&on_tokio(Some("cancel-each-task"), None)).unwrap_err().render(false);
    assert!(refused.contains("tokio has no network"), "{refused}");
}

/// A saved failure is of the runtime that it was found on.
#[test]
fn the_commands_of_a_finding_say_tokio() {
    let file = parsed(TOO_EARLY);
    let setting = on_tokio(None, Some(1));
    let search = file.explore(&setting, &Plan::default(), &mut |_| true).unwrap();
    let findings = atropos::harness::Findings::new(&file, &setting, search, Vec::new());
    let saved = findings.to_save(Sampler::Random);
    let found_by = saved[0].found_by.as_deref().unwrap();
    assert!(found_by.contains("--runtime tokio"), "{found_by}");
    let kept = file.rerun(saved[0].clone()).unwrap();
    assert_eq!(kept.shows(&setting), Some(&saved[0].identity));
    assert_eq!(kept.shows(&Setting { runtime: None, ..setting.clone() }), None);
    assert!(matches!(search_case(&file, &setting), Case::Fault(_)));
}

fn search_case(file: &File, setting: &Setting) -> Case {
    file.explore(setting, &Plan::default(), &mut |_| true).unwrap().explored.failures[0].case
}
