//! What holds of every run, on random scenarios and random answers.
//!
//! `ATROPOS_PROPTEST_CASES` sets how many; the seed is fixed, so the same number means the same cases.

use std::collections::BTreeMap;

use atropos::choice::{Choices, Given, Replay, Seeded};
use atropos::event_loop::EventLoop;
use atropos::explore::{Failure, Plan, explore};
use atropos::generate::{Sketch, answers, scenarios};
use atropos::harness::{File, Setting};
use atropos::id::TaskId;
use atropos::judge::Judge;
use atropos::machine::Machine;
use atropos::program::{ErrorType, Program};
use atropos::report;
use atropos::scenario::Scenario;
use atropos::trace::{Moment, Outcome, Subject, Tally, Trace, Wake, What};
use atropos::verdict::{Expectation, Oracle};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use proptest::{prop_assert, prop_assert_eq};

fn runner() -> TestRunner {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    let cases = std::env::var("ATROPOS_PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400);
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        max_shrink_iters: 20_000,
        ..Config::default()
    })
}

/// Tries a property; what fails is shown as the scenario that it was shrunk to.
fn check<S: Strategy>(strategy: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    match runner().run(strategy, property) {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => panic!("{reason}\nfor\n{value:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn program(sketch: &Sketch) -> Result<Program, TestCaseError> {
    let text = sketch.to_string();
    let parsed = Scenario::parse(&text, &[]).and_then(|scenario| scenario.program(None, None));
    parsed.map_err(|errors| TestCaseError::fail(report::diagnostics("random.toml", &text, &errors, false)))
}

fn run(program: &Program, answers: &[u64]) -> Trace {
    let mut event_loop = EventLoop::new(program);
    event_loop.run(&mut Given::new(answers));
    event_loop.trace()
}

#[test]
fn every_sketch_is_a_scenario() {
    check(&scenarios(), |sketch| program(&sketch).map(drop));
}

#[test]
fn a_replay_of_the_log_is_the_same_run() {
    check(&(scenarios(), answers()), |(sketch, answers)| {
        let program = program(&sketch)?;
        let trace = run(&program, &answers);
        let log = trace.log();
        let mut replay = Replay::new(&log);
        let mut event_loop = EventLoop::new(&program);
        event_loop.run(&mut replay);
        prop_assert_eq!((replay.divergence(), replay.left_over()), (None, 0));
        prop_assert_eq!(event_loop.trace(), trace);
        Ok(())
    });
}

#[test]
fn the_same_answers_are_the_same_run() {
    check(&(scenarios(), answers()), |(sketch, answers)| {
        let program = program(&sketch)?;
        let first = run(&program, &answers).fingerprint();
        let mut event_loop = EventLoop::new(&program);
        for _ in 0..2 {
            event_loop.run(&mut Given::new(&answers));
            prop_assert_eq!((event_loop.fingerprint(), event_loop.trace().fingerprint()), (first, first));
            event_loop.reset();
        }
        Ok(())
    });
}

#[test]
fn what_comes_before_the_first_question_may_be_copied() {
    check(&(scenarios(), answers()), |(sketch, answers)| {
        let program = program(&sketch)?;
        let trace = run(&program, &answers);
        let beginning = EventLoop::at_first_question(&program);
        let mut event_loop = beginning.clone();
        for _ in 0..2 {
            event_loop.run(&mut Given::new(&answers));
            prop_assert_eq!(&event_loop.trace(), &trace);
            let (before, after) = (beginning.moments(), event_loop.moments_since(&beginning));
            prop_assert!(before.chain(after).eq(trace.iter()));
            event_loop.clone_from(&beginning);
            prop_assert_eq!(event_loop.key(), beginning.key());
        }
        Ok(())
    });
}

#[test]
fn a_fork_goes_on_as_its_original() {
    check(&(scenarios(), answers(), 0..1000_usize), |(sketch, answers, at)| {
        let program = program(&sketch)?;
        let mut event_loop = EventLoop::new(&program);
        let handles = std::iter::from_fn(|| event_loop.step(&mut Given::new(&answers))).count();
        event_loop.reset();
        let mut choices = Given::new(&answers);
        for _ in 0..at % handles {
            event_loop.step(&mut choices);
        }
        let mut fork = event_loop.fork().expect("the event loop can fork");
        prop_assert_eq!(fork.key(), event_loop.key());
        let mut same_choices = choices.clone();
        event_loop.run(&mut choices);
        fork.run(&mut same_choices);
        prop_assert_eq!(fork.trace(), event_loop.trace());
        prop_assert_eq!(fork.key(), event_loop.key());
        Ok(())
    });
}

#[test]
fn every_task_ends_once_and_the_tally_adds_up() {
    check(&(scenarios(), answers()), |(sketch, answers)| {
        let program = program(&sketch)?;
        let trace = run(&program, &answers);
        accounts_for_every_task(&trace)
    });
}

/// What the tally says, worked out in another way; and that nothing happens to a task that has ended.
fn accounts_for_every_task(trace: &Trace) -> Result<(), TestCaseError> {
    let mut ends: BTreeMap<TaskId, Option<What>> = BTreeMap::new();
    let mut when_main_ended = None;
    let mut called_back = None;
    for Moment { turn, time, what } in trace.iter() {
        if let What::CalledBack { task } = what {
            called_back = Some((task, turn));
        }
        if let What::Created { task, .. } = what {
            prop_assert!(ends.insert(task, None).is_none(), "{task} is created twice");
        }
        let Some(task) = acts(what) else { continue };
        let end = ends.get_mut(&task).expect("what acts was created");
        // What its callbacks do they may do when it has ended.
        let may_be_callback = matches!(what, What::Printed { .. } | What::Used { .. } | What::Item { .. });
        if may_be_callback && called_back == Some((task, turn)) {
            continue;
        }
        prop_assert!(end.is_none(), "{what:?} comes after {end:?}");
        if is_end(what) {
            *end = Some(what);
            if task == TaskId::MAIN {
                when_main_ended = Some((ends.clone(), time));
            }
        }
    }
    let has_main_ended = !matches!(ends[&TaskId::MAIN], None | Some(What::Dropped { .. }));
    // Main may have ended when `run()` waits for ever for what is left.
    let has_run_ended = matches!(trace.outcome, Outcome::Finished(_) | Outcome::Failed(_));
    // Or another task has ended the whole run.
    let has_been_ended = trace.iter().any(|moment| match moment.what {
        What::Failed { error, .. } | What::CallbackFailed { error, .. } => error.ty.leaves_loop(),
        _ => false,
    });
    let has_ended = has_main_ended || has_been_ended;
    prop_assert!(!has_run_ended || has_ended && ends.values().all(Option::is_some), "{ends:?}");

    let tally = trace.tally();
    let (ends, ended) = when_main_ended.unwrap_or((ends, tally.ended));
    let mut expected = Tally { ended, ..Tally::default() };
    for (_, end) in ends.iter().filter(|(task, _)| **task != TaskId::MAIN) {
        *match end {
            Some(What::Finished { .. }) => &mut expected.finished,
            Some(What::Failed { .. }) => &mut expected.failed,
            Some(What::Cancelled { .. }) => &mut expected.cancelled,
            _ => &mut expected.running,
        } += 1;
    }
    prop_assert_eq!(tally, expected);
    Ok(())
}

fn is_end(what: What) -> bool {
    matches!(what, What::Finished { .. } | What::Failed { .. } | What::Cancelled { .. } | What::Dropped { .. })
}

/// The task that does something, or to which something happens that only happens to one that has not ended.
fn acts(what: What) -> Option<TaskId> {
    match what {
        What::Created { .. } | What::CancelRefused { .. } | What::UnhandledInShutdown { .. } | What::Chose(_) => None,
        What::CalledBack { .. } | What::CallbackFailed { .. } => None,
        _ => match what.subject() {
            Subject::Task(task) => Some(task),
            Subject::Gather(_) | Subject::Host(_) | Subject::EventLoop => None,
        },
    }
}

/// What the oracles find is there when it is looked for in another way, and a judge that is used again finds the same.
#[test]
fn what_the_oracles_find_is_in_the_trace() {
    let expectation = Expectation::default();
    check(&(scenarios(), answers()), |(sketch, answers)| {
        let program = program(&sketch)?;
        let trace = run(&program, &answers);
        let mut judge = Judge::with_oracles(&expectation, &program);
        let mut findings = || {
            judge.reset();
            trace.iter().for_each(|moment| judge.see(moment, &trace.texts));
            judge.end(trace.outcome).findings
        };
        let found = findings();
        prop_assert_eq!(&found, &findings());
        let whats = || trace.iter().map(|moment| moment.what);
        // Nobody outlives a main that is still there because another task has ended the whole run.
        let has_main_ended = |&what: &What| {
            matches!(what, What::Finished { .. } | What::Failed { .. } | What::Cancelled { .. })
                && what.subject() == Subject::Task(TaskId::MAIN)
        };
        let after_main = whats().skip_while(|what| !has_main_ended(what));
        let left: u32 = after_main.map(|what| if let What::ShutdownBegan { left } = what { left } else { 0 }).sum();
        let outlive = found.iter().filter(|finding| finding.oracle == Oracle::OutlivesMain).count();
        prop_assert_eq!(outlive, left as usize);
        for finding in &found {
            let (task, _) = finding.task.expect("every oracle speaks of a task");
            let asked = |what| matches!(what, What::CancelRequested { task: whom, .. } if whom == task);
            let told = |what| matches!(what, What::CancelDelivered { task: whom, .. } if whom == task);
            let cancelled = |what| matches!(what, What::Cancelled { task: whom, .. } if whom == task);
            let is_there = match finding.oracle {
                Oracle::LostCancel => whats().any(asked) && !whats().any(cancelled),
                Oracle::LostResult => whats().any(|what| {
                    told(what) || matches!(what, What::Resumed { by: Wake::Library, task: whom } if whom == task)
                }),
                Oracle::LostWakeup | Oracle::Overtaken => {
                    whats().any(|what| matches!(what, What::Blocked { task: whom, .. } if whom == task))
                }
                Oracle::MainFailed => matches!(trace.outcome, Outcome::Failed(_)),
                _ => true,
            };
            prop_assert!(is_there, "{:?}", finding);
        }
        Ok(())
    });
}

/// Whoever is cancelled, and whenever: since 3.13 nobody sleeps on beside what he waits for, and nobody is overtaken.
#[test]
fn nothing_is_lost_by_the_newest_locks_and_queues() {
    let plan = Plan { faults: 200, seeds: 0..0, ..Plan::default() };
    let setting = Setting { cancels: Some(1), ..Setting::default() };
    check(&scenarios(), |sketch| {
        let file = File::parse("random.toml".as_ref(), sketch.to_string()).expect("a sketch is a scenario");
        let experiment = file.experiment(&setting).expect("it has a main");
        let explored = explore(&experiment, &plan, &mut |_| true);
        let lost = |failure: &&Failure| ["lost-wakeup", "overtaken"].contains(&failure.identity.what);
        let found = explored.failures.iter().find(lost);
        prop_assert!(found.is_none(), "{:?}", found);
        Ok(())
    });
}

/// The program of a sketch in which anything that is ready may run next.
fn in_any_order(sketch: &Sketch) -> Result<Program, TestCaseError> {
    let text = sketch.to_string();
    assert!(!text.contains("[schedule]"), "a second table of that name is no scenario");
    let text = format!("{text}\n[schedule]\norder = \"any\"\n");
    let parsed = Scenario::parse(&text, &[]).and_then(|scenario| scenario.program(None, None));
    parsed.map_err(|errors| TestCaseError::fail(report::diagnostics("random.toml", &text, &errors, false)))
}

/// However far from asyncio's order: no run panics or stands still, every task ends as it should, and equal answers are
/// equal runs.
#[test]
fn in_any_order_runs_settle_and_are_named_by_their_answers() {
    check(&(scenarios(), answers(), 0..20_u64), |(sketch, answers, seed)| {
        let program = in_any_order(&sketch)?;
        let mut event_loop = EventLoop::new(&program);
        for seeded in [false, true] {
            let mut given = Given::new(&answers);
            let mut drawn = Seeded::new(seed);
            event_loop.reset();
            event_loop.run(if seeded { &mut drawn as &mut dyn Choices } else { &mut given });
            let trace = event_loop.trace();
            prop_assert!(!matches!(trace.outcome, Outcome::Livelocked | Outcome::OutOfSteps), "{:?}", trace.outcome);
            accounts_for_every_task(&trace)?;
            let log = trace.log();
            let mut replay = Replay::new(&log);
            event_loop.reset();
            event_loop.run(&mut replay);
            prop_assert_eq!((replay.divergence(), replay.left_over()), (None, 0));
            prop_assert_eq!(event_loop.fingerprint(), trace.fingerprint());
            prop_assert_eq!(event_loop.trace(), trace);
        }
        Ok(())
    });
}

/// Zero is the ordinary answer here too: first in, first out, as if nothing had been asked.
#[test]
fn the_ordinary_one_of_any_orders_is_that_of_asyncio() {
    check(&scenarios(), |sketch| {
        // There, what is due at once is ready at once; asyncio has it ready in the next turn.
        let text = sketch.to_string();
        if ["timeout = 0", "call_later", "at = 0", "reschedule"].iter().any(|due| text.contains(due)) {
            return Ok(());
        }
        let (any, plain) = (run(&in_any_order(&sketch)?, &[]), run(&program(&sketch)?, &[]));
        // In the same order and at the same times until main ends: where anything may run next, turns end where it matters,
        // and the loop stops at once.
        let is_end = |what: What| match what {
            What::Finished { task, .. } | What::Failed { task, .. } | What::Cancelled { task, .. } => {
                task == TaskId::MAIN
            }
            _ => false,
        };
        let events = |trace: &Trace| {
            let mut told: Vec<_> = trace.iter().filter(|at| !matches!(at.what, What::Chose(_))).collect();
            let end = told.iter().position(|at| is_end(at.what)).map_or(told.len(), |at| at + 1);
            told.truncate(end);
            told.into_iter().map(|at| (at.time, at.what)).collect::<Vec<_>>()
        };
        prop_assert_eq!(events(&any), events(&plain));
        prop_assert_eq!(any.outcome, plain.outcome);
        Ok(())
    });
}

#[test]
fn what_fails_shrinks_to_a_few_lines() {
    let nothing_is_cancelled = |sketch: Sketch| {
        let tally = run(&program(&sketch)?, &[]).tally();
        prop_assert_eq!(tally.cancelled, 0);
        Ok(())
    };
    let Err(TestError::Fail(_, smallest)) = runner().run(&scenarios(), nothing_is_cancelled) else {
        panic!("expected a scenario in which a task is cancelled")
    };
    let text = smallest.to_string();
    assert!(text.lines().count() <= 30, "{text}");
}

/// A seed does not shrink, a list of answers does: of everything that is drawn, the choices are left that it takes.
#[test]
fn answers_shrink_to_those_that_matter() {
    let text = r#"
        about = "Four count, in any order; and whoever sleeps for longest comes last."

        [shared]
        last = 0

        [[task]]
        name = "count {i}"
        count = 4
        steps = [{ sleep = "1s..2s" }, { sleep = "1s..2s" }, { set = "last", to = "i" }]

        [main]
        steps = [{ gather = "coros", as = "all" }, { await = "all" }, { print = "{last}" }]
    "#;
    let program = Scenario::parse(text, &[]).unwrap().program(None, None).unwrap();
    let smallest = |fails: &dyn Fn(&str) -> bool| {
        let property = |answers: Vec<u64>| {
            prop_assert!(!fails(&report::transcript(&program, &run(&program, &answers))));
            Ok(())
        };
        match runner().run(&answers(), property) {
            Err(TestError::Fail(_, answers)) => answers,
            other => panic!("expected a run that fails, but found {other:?}"),
        }
    };
    // In the ordinary run the four wake together, in their order. It takes a nanosecond for another one to be last.
    let others = smallest(&|printed| printed != "3\n");
    assert_eq!(others.iter().filter(|&&answer| answer != 0).collect::<Vec<_>>(), [&1], "{others:?}");
    let first = smallest(&|printed| printed == "0\n");
    assert_eq!(first.len(), 1, "{first:?}");
}

/// Python's recursion limit ends it there; here it must not take the whole stack.
#[test]
fn a_cancel_in_a_circle_of_gathers_ends() {
    let text = r#"
        about = "Two tasks that gather each other, and main cancels one."

        [[task]]
        name = "first"
        steps = [{ gather = ["second"], as = "group" }, { await = "group" }]

        [[task]]
        name = "second"
        steps = [{ sleep = "1s" }, { gather = ["first"], as = "group" }, { await = "group" }]

        [main]
        steps = [{ spawn = "first", as = "task" }, { sleep = "2s" }, { cancel = "task" }]
    "#;
    let program = Scenario::parse(text, &[]).unwrap().program(None, None).unwrap();
    let trace = run(&program, &[]);
    assert!(matches!(trace.outcome, Outcome::Failed(error) if error.ty == ErrorType::RECURSION_ERROR));
}

/// Two tasks that sleep equally long and end; `[schedule]` is put in front.
fn tied(schedule: &str) -> Program {
    let text = format!(
        r#"
about = "Two tasks end at one instant."
{schedule}
[[task]]
name = "t {{i}}"
count = 2
steps = [{{ sleep = "1s" }}]
[main]
steps = [{{ spawn = "coros" }}, {{ sleep = "2s" }}]
"#
    );
    Scenario::parse(&text, &[]).unwrap().program(None, None).unwrap()
}

/// A search that comes to a state in two ways has to see that it has been there.
#[test]
fn two_ways_to_one_state_have_one_key_and_two_states_have_two() {
    let program = tied("");
    let keys = |answers: &[u64]| {
        let mut event_loop = EventLoop::new(&program);
        let mut choices = Given::new(answers);
        let mut keys = vec![event_loop.key().expect("the event loop has keys")];
        while event_loop.step(&mut choices).is_some() {
            keys.push(event_loop.key().expect("the event loop has keys"));
        }
        (keys, event_loop.fingerprint())
    };
    let ((first, ordinary), (second, exchanged)) = (keys(&[]), keys(&[1]));
    assert_ne!(ordinary, exchanged, "the two ways differ");
    let parted = first.iter().zip(&second).filter(|(first, second)| first != second).count();
    assert!(0 < parted && parted < 6, "they differ while one task has ended and the other has not: {parted} times");
    assert_eq!(first.last(), second.last());
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert!(first.len() - distinct.len() <= 4, "few handles change nothing: {} of {}", distinct.len(), first.len());
}

#[test]
fn a_freedom_that_the_scenario_closes_is_not_asked() {
    let fingerprints = |program: &Program| {
        let run = |seed| {
            let mut event_loop = EventLoop::new(program);
            event_loop.run(&mut Seeded::new(seed));
            event_loop.fingerprint()
        };
        (0..20).map(run).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(fingerprints(&tied("")), 2);
    assert_eq!(fingerprints(&tied("[schedule]\ntimers = \"insertion\"")), 1);
}
