//! What random programs do: how many deadlock, how many cancel something that matters, and which constructs they meet.
//! The table is a snapshot, so whoever changes a weight sees what becomes of it; and most programs do something.
//!
//! `ATROPOS_PROPTEST_CASES` sets how many are drawn; only the ordinary number is compared with the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use atropos::choice::Ordinary;
use atropos::event_loop::EventLoop;
use atropos::generate::scenarios;
use atropos::machine::Machine;
use atropos::program::{ErrorType, Program, Stage};
use atropos::scenario::Scenario;
use atropos::trace::{Outcome, Requester, Trace, What};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// How many programs are drawn.
const PROGRAMS: u32 = 1000;

/// Something is in its way, or in somebody's: a program with none of these is only a number of lines that are printed.
const INTERESTING: &[&str] = &[
    "a waiting task is cancelled, not by run()",
    "an error is raised, not by a cancellation",
    "a timeout passes",
    "a task waits for an object",
    "it deadlocks",
];

/// What a run was like: its outcome, what happened in it that matters, and the constructs that it met.
fn seen(program: &Program, trace: &Trace) -> BTreeSet<String> {
    let mut seen = BTreeSet::from([ending(&trace.outcome).to_owned()]);
    let mut is_over = false;
    let mut by_run = BTreeSet::new();
    for moment in trace.iter() {
        let mut see = |what: &str| _ = seen.insert(what.to_owned());
        match moment.what {
            What::ShutdownBegan { .. } => is_over = true,
            What::CancelRequested { task, by: Requester::Shutdown, .. } => _ = by_run.insert(task),
            What::CancelDelivered { task, .. } if !by_run.contains(&task) => see(INTERESTING[0]),
            What::CancelDelivered { .. } => see("run() cancels a waiting task"),
            What::Cancelled { .. } if !is_over => see("a task ends as cancelled before main does"),
            What::CancelRequested { by, .. } => see(match by {
                Requester::Timeout => INTERESTING[2],
                Requester::TaskGroup => "a task group cancels",
                Requester::Callback => "a callback cancels",
                Requester::Outside => "a cancel comes from outside",
                _ => "a task cancels",
            }),
            What::CancelRefused { .. } | What::GatherCancelRefused { .. } => see("a cancel is refused"),
            What::Raised { error, .. } | What::CallbackFailed { error, .. } => {
                let is_timeout = [ErrorType::TIMEOUT_ERROR, ErrorType::ASYNCIO_TIMEOUT_ERROR].contains(&error.ty);
                see(match error.is_cancelled() {
                    true => "a cancellation comes out of what is awaited",
                    false if is_timeout => INTERESTING[2],
                    false => INTERESTING[1],
                });
            }
            What::Caught { error, .. } if error.is_cancelled() => see("a cancellation is caught"),
            What::Caught { .. } => see("an error is caught"),
            What::Struck { .. } => see("a fault strikes at a point"),
            What::Cleanup { stage: Stage::Begun, .. } => see("a finally runs"),
            What::Called { .. } => see("a coroutine runs in place"),
            What::Gathered { .. } if !is_over => see("gather"),
            What::Waited { .. } => see("wait"),
            What::WaitingFor { .. } => see("wait_for, with a task of its own or of another"),
            What::TimeoutSet { .. } => see("timeout, or wait_for in place"),
            What::LeavingGroup { .. } => see("a task group waits for its tasks"),
            What::AwaitingNext { .. } => see("as_completed"),
            What::Shielded { .. } => see("shield"),
            What::CalledBack { .. } => see("a callback is called"),
            What::Blocked { object, .. } => {
                see(INTERESTING[3]);
                see(&format!("it is a {}", program.objects[object.index()].make.class()));
            }
            What::Failed { error, .. } if error.ty.leaves_loop() => see("an error leaves the loop"),
            What::UnhandledInShutdown { .. } => see("run() tells of an error that nobody retrieved"),
            What::Dropped { .. } => see("a task is dropped"),
            _ => {}
        }
    }
    if program.eager_tasks {
        seen.insert("tasks start at once".to_owned());
    }
    seen
}

fn ending(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Finished(_) => "it finishes",
        Outcome::Failed(_) => "it fails",
        Outcome::Deadlocked => INTERESTING[4],
        Outcome::OutOfSteps | Outcome::Livelocked => "it does not end",
    }
}

#[test]
fn most_random_programs_do_something() {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    let asked = std::env::var("ATROPOS_PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let programs = asked.unwrap_or(PROGRAMS);
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(311), ..Config::default() });
    let strategy = scenarios();
    let (mut counts, mut interesting, mut events) = (BTreeMap::new(), 0, 0);
    for _ in 0..programs {
        let sketch = strategy.new_tree(&mut runner).expect("there are scenarios").current();
        let scenario = Scenario::parse(&sketch.to_string(), &[]).expect("a sketch is a scenario");
        let program = scenario.program(None, None).expect("it is one of the newest Python");
        let mut event_loop = EventLoop::new(&program);
        event_loop.run(&mut Ordinary);
        let trace = event_loop.trace();
        events += trace.iter().count();
        let seen = seen(&program, &trace);
        interesting += u32::from(INTERESTING.iter().any(|what| seen.contains(*what)));
        seen.into_iter().for_each(|what| *counts.entry(what).or_insert(0_u32) += 1);
    }
    let of_all = |count: u32| format!("{:>5.1} %", 100.0 * f64::from(count) / f64::from(programs));
    let mut all: Vec<(String, u32)> = counts.into_iter().collect();
    all.sort_by(|(a, a_count), (b, b_count)| (b_count, a).cmp(&(a_count, b)));
    let rows: Vec<String> = all.iter().map(|(what, count)| format!("{}  {what}\n", of_all(*count))).collect();
    let mean = events as f64 / f64::from(programs);
    let table = format!(
        "Of {programs} random programs, as Python 3.13 runs them in the ordinary order, with {mean:.1} events each:\n\n\
         {}  something gets in somebody's way: {}\n\n{}",
        of_all(interesting),
        INTERESTING.join("; "),
        rows.concat()
    );
    println!("{table}");
    assert!(interesting * 10 >= programs * 9, "nine of ten were to do something\n{table}");
    if programs != PROGRAMS {
        return;
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/generator"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("what-random-programs-do", table));
}
