//! Programs on tokio's own scheduler, and inside a turmoil host: what happens to the tasks, told as stories.
//!
//! Knows nothing of the scenario language; the programs are built by hand.

mod build;

use std::sync::Arc;

#[cfg(feature = "network")]
use atropos::choice::Kind;
use atropos::choice::{Choices, Ordinary, Question};
use atropos::event_loop::EventLoop;
#[cfg(feature = "network")]
use atropos::harness::run_on_network;
use atropos::id::TaskId;
use atropos::machine::Machine;
use atropos::program::{Program, ReturnWhen, Value};
use atropos::time::Nanos;
use atropos::tokio_program;
use atropos::trace::{Outcome, Trace, What};

use build::{Build, program, story};

const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;

fn run(program: Program) -> (Arc<Program>, Trace) {
    let program = Arc::new(program);
    let trace = tokio_program::run(program.clone(), Box::new(Ordinary));
    (program, trace)
}

/// The program tells this story on tokio, and the very same one, event for event, in a turmoil host.
fn check(program: Program, expected: &[&str]) {
    let (program, trace) = run(program);
    assert_eq!(story(&program, &trace), expected);
    #[cfg(feature = "network")]
    {
        let (on_turmoil, _) = run_on_network(&program, Box::new(Ordinary));
        assert_eq!(story(&program, &on_turmoil), expected, "on turmoil");
        // There it is asked who is polled next, and the ordinary answer is tokio's order.
        let is_order = |what: &What| matches!(what, What::Chose(choice) if choice.kind == Kind::PollOrder);
        let unasked = on_turmoil.iter().filter(|moment| !is_order(&moment.what));
        assert_eq!(unasked.collect::<Vec<_>>(), trace.iter().collect::<Vec<_>>());
    }
}

/// Three tasks: one is quick, one fails after half a second, one is slow.
fn shop() -> Build {
    program()
        .task("quick", |code| code.sleep(100))
        .task("broken", |code| {
            code.sleep(500);
            code.raise("no stock");
        })
        .task("slow", |code| code.sleep(1000))
}

#[test]
fn two_tasks_sleep_side_by_side() {
    let two = program().task("a", |code| code.sleep(1000)).task("b", |code| code.sleep(2000));
    let program = two.main(|code| {
        let group = code.gather(&[1, 2], false);
        code.join_group(group);
    });
    check(program, &["1s a finishes", "2s b finishes", "2s main finishes", "finished"]);
}

/// The `except` and everything after it belong to a future that tokio drops: nothing of it runs.
#[test]
fn an_aborted_task_runs_no_line_more() {
    let victim = program().task("a", |code| {
        code.attempt(|code| code.sleep(1000), |code| code.print("never"));
        code.print("never");
    });
    let program = victim.main(|code| {
        code.spawn(&[1]);
        code.sleep(500);
        code.cancel(1);
        code.sleep(1000);
    });
    check(program, &["0.5s a is cancelled", "1.5s main finishes", "finished"]);
}

#[test]
fn a_task_that_is_aborted_before_its_first_line_never_starts() {
    let program = program().task("a", |code| code.print("never")).main(|code| {
        code.spawn(&[1]);
        code.cancel(1);
        code.sleep(1000);
    });
    let (_, trace) = run(program.clone());
    assert!(!trace.iter().any(|moment| moment.what == What::Started { task: TaskId(1) }));
    check(program, &["0s a is cancelled", "1s main finishes", "finished"]);
}

#[test]
fn an_abort_of_something_done_is_refused() {
    let program = program().task("a", |_| {}).main(|code| {
        code.spawn(&[1]);
        code.sleep(1000);
        code.cancel(1);
    });
    let (_, trace) = run(program);
    assert!(trace.iter().any(|moment| matches!(moment.what, What::CancelRefused { task: TaskId(1), .. })));
}

/// An abort marks a task, and a task that never awaits again never notices.
#[test]
fn a_task_that_aborts_itself_and_returns_has_finished() {
    let one = program()
        .task("returns", |code| {
            code.cancel_current();
            code.print("still here");
        })
        .task("awaits", |code| {
            code.cancel_current();
            code.sleep(0);
            code.print("never");
        });
    let program = one.main(|code| {
        code.spawn(&[1, 2]);
        code.sleep(1);
    });
    let expected = [
        "0s returns prints \"still here\"",
        "0s returns finishes",
        "0s awaits is cancelled",
        "0.001s main finishes",
        "finished",
    ];
    check(program, &expected);
}

/// Whoever awaits an aborted task gets the error, and fails with it: only who is dropped was cancelled.
#[test]
fn the_error_of_an_aborted_task_is_an_ordinary_error_elsewhere() {
    let program = program().task("a", |code| code.sleep(1000)).task("b", |code| code.join(1)).main(|code| {
        code.spawn(&[1, 2]);
        code.sleep(500);
        code.cancel(1);
        code.attempt(|code| code.join(2), |code| code.print("caught"));
    });
    let expected = [
        "0.5s a is cancelled",
        "0.5s b fails with CancelledError()",
        "0.5s main prints \"caught\"",
        "0.5s main finishes",
        "finished",
    ];
    check(program, &expected);
}

#[test]
fn main_can_be_aborted_like_any_other_task() {
    let program = program().task("a", |code| code.cancel_main()).main(|code| {
        code.spawn(&[1]);
        code.sleep(1000);
    });
    check(program, &["0s a finishes", "0s main is cancelled", "failed with CancelledError()"]);
}

/// The group is a future over join handles; dropping it drops the handles, and the tasks go on.
#[test]
fn aborting_a_gather_cancels_no_child() {
    let program = shop().main(|code| {
        let group = code.gather(&[1, 3], false);
        code.sleep(50);
        code.cancel_group(group);
        code.attempt(|code| code.join_group(group), |code| code.print("caught"));
        code.sleep(2000);
    });
    let expected =
        ["0.05s main prints \"caught\"", "0.1s quick finishes", "1s slow finishes", "2.05s main finishes", "finished"];
    check(program, &expected);
}

/// Where nothing is cancelled, the two libraries agree on who ends how, and when.
#[test]
fn asyncio_tells_the_same_story_of_what_runs_to_its_end() {
    let ending = |build: Build| {
        build.main(|code| {
            let group = code.gather(&[1, 2, 3], true);
            code.join_group(group);
            code.wait(&[1, 3], ReturnWhen::AllCompleted, Some(100));
            code.attempt(|code| code.join(2), |code| code.print("caught"));
        })
    };
    let circle = program().task("a", |code| code.join(2)).task("b", |code| code.join(1));
    for program in [ending(shop()), circle.main(|code| code.join(1)), shop().main(|code| code.join(2))] {
        let mut event_loop = EventLoop::new(&program);
        event_loop.run(&mut Ordinary);
        let on_asyncio = story(&program, &event_loop.trace());
        check(program, &on_asyncio.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn a_failed_gather_leaves_its_other_children_running() {
    let program = shop().main(|code| {
        let group = code.gather(&[1, 2, 3], false);
        code.join_group(group);
    });
    let expected = [
        "0.1s quick finishes",
        "0.5s broken fails with Exception(no stock)",
        "0.5s main fails with Exception(no stock)",
        "0.5s slow is dropped",
        "failed with Exception(no stock)",
    ];
    check(program, &expected);
}

#[test]
fn wait_takes_the_first_or_gives_up() {
    let program = shop().main(|code| {
        code.spawn(&[1, 2, 3]);
        code.wait(&[1, 2, 3], ReturnWhen::FirstCompleted, None);
        code.print("one");
        code.wait(&[3], ReturnWhen::AllCompleted, Some(200));
        code.print("gave up");
        code.wait(&[2, 3], ReturnWhen::FirstException, None);
        code.print("failure");
    });
    let expected = [
        "0.1s quick finishes",
        "0.1s main prints \"one\"",
        "0.3s main prints \"gave up\"",
        "0.5s broken fails with Exception(no stock)",
        "0.5s main prints \"failure\"",
        "0.5s main finishes",
        "0.5s slow is dropped",
        "finished",
    ];
    check(program, &expected);
}

#[test]
fn a_cancellation_comes_from_outside_at_its_time() {
    let program = shop().cancelled_from_outside(3, 300).main(|code| {
        code.spawn(&[3]);
        code.attempt(|code| code.join(3), |code| code.print("gone"));
    });
    check(program, &["0.3s slow is cancelled", "0.3s main prints \"gone\"", "0.3s main finishes", "finished"]);
}

#[test]
fn tasks_that_wait_for_each_other_are_deadlocked() {
    let circle = program()
        .task("a", |code| {
            code.sleep(1500);
            code.join(2);
        })
        .task("b", |code| code.join(1));
    let program = circle.main(|code| {
        code.spawn(&[1, 2]);
        code.join(1);
    });
    check(program, &["Deadlocked"]);
}

#[test]
fn endless_programs_run_out_of_steps() {
    check(program().main(|code| code.for_ever(|code| code.sleep(0))), &["OutOfSteps"]);
    let (_, trace) = run(program().main(|code| code.for_ever(|code| code.sleep_nanos(YEAR * 100, YEAR * 100))));
    assert_eq!(trace.outcome, Outcome::OutOfSteps);
}

/// A poll in Rust that looks for ever at tasks that wait for each other is no deadlock: its timer always comes.
#[test]
fn a_loop_of_waits_in_rust_counts_as_steps() {
    let circle = program().task("a", |code| code.join(2)).task("b", |code| code.join(1));
    let (_, trace) = run(circle.strategy("poll-and-cancel"));
    assert_eq!(trace.outcome, Outcome::OutOfSteps);
}

#[test]
fn centuries_pass_at_once() {
    let sleeper = program().task("a", |code| (0..5).for_each(|_| code.sleep_nanos(YEAR * 100, YEAR * 100)));
    let (_, trace) = run(sleeper.main(|code| code.join(1)));
    assert_eq!((trace.outcome, trace.tally().ended.0), (Outcome::Finished(Value::None), YEAR * 500));
}

#[test]
fn tokio_rounds_a_sleep_up_to_milliseconds() {
    check(program().main(|code| code.sleep_nanos(1, 1)), &["0.001s main finishes", "finished"]);
}

/// The longest of every range.
struct Longest;

impl Choices for Longest {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        question.bound() - 1
    }
}

#[test]
fn the_length_of_a_sleep_is_asked_and_recorded() {
    let program = Arc::new(program().main(|code| code.sleep_nanos(1_000_000, 3_000_000)));
    let trace = tokio_program::run(program, Box::new(Longest));
    assert_eq!(trace.tally().ended.0, 3_000_000);
    let [choice] = trace.log()[..] else { panic!("expected one question, but found {:?}", trace.log()) };
    assert_eq!((choice.bound, choice.answer), (2_000_001, 2_000_000));
}

#[test]
fn every_strategy_treats_the_tasks_as_it_says() {
    let no_stock = "0.5s broken fails with Exception(no stock)";
    let told = |at: &str| format!("{at} main prints \"A task failed with: no stock, canceling all tasks\"");
    let check = |name: &str, expected: &[&str]| {
        let story = [&["0.1s quick finishes", no_stock], expected].concat();
        check(shop().strategy(name), &story);
    };
    let told_at_once = told("0.5s");
    let lingers = ["1s slow finishes", "2.5s main finishes", "finished"];
    check("gather-cancel-wrong", &[&[&*told_at_once], &lingers[..]].concat());
    let cancels = [&*told_at_once, "0.5s slow is cancelled", "2.5s main finishes", "finished"];
    check("cancel-each-task", &cancels);
    check("cancel-all-tasks", &cancels);
    check("await-one-by-one", &cancels);
    check("wait-first-exception", &[&told_at_once, "0.5s slow is cancelled", "0.5s main finishes", "finished"]);
    check("poll-and-cancel", &[&told("0.6s"), "0.6s slow is cancelled", "0.6s main finishes", "finished"]);
    check("task-group", &["0.5s slow is cancelled", &told_at_once, "0.5s main finishes", "finished"]);
    let goes_on = "0.5s main prints \"A task failed with: no stock, and the others go on\"";
    check("timeout-around-gather", &[&[goes_on], &lingers[..]].concat());
    check("shield", &[&[goes_on], &lingers[..]].concat());
    let late = "1s main prints \"broken failed with: no stock\"";
    check("gather-return-exceptions", &["1s slow finishes", late, "1s main finishes", "finished"]);
}

#[test]
fn a_request_to_abort_is_recorded_for_every_task_that_is_not_done() {
    for strategy in ["cancel-each-task", "cancel-all-tasks"] {
        let (_, trace) = run(shop().strategy(strategy));
        let requested = trace.iter().filter_map(|moment| match moment.what {
            What::CancelRequested { task, .. } => Some(task),
            _ => None,
        });
        assert_eq!(requested.collect::<Vec<_>>(), [TaskId(3)], "{strategy}");
    }
}

#[test]
fn two_hundred_runs_have_one_fingerprint() {
    let program = Arc::new(shop().strategy("cancel-each-task"));
    let fingerprint = || tokio_program::run(program.clone(), Box::new(Ordinary)).fingerprint();
    let first = fingerprint();
    assert!((0..200).all(|_| fingerprint() == first));
}

/// More tasks wake at one instant than tokio polls in a row, and more than 30 children make `try_join_all` another type.
#[test]
fn a_thousand_tasks_end_at_one_instant() {
    let crowd = (0..1000).fold(program(), |build, at| build.task(&format!("task {at}"), |code| code.sleep(10)));
    let (_, trace) = run(crowd.strategy("cancel-each-task"));
    assert_eq!((trace.tally().finished, trace.tally().ended), (1000, atropos::time::Time::ZERO + Nanos(2_010_000_000)));
}

/// With one child more, `try_join_all` takes the results in order, and the slow task stands before the broken one.
#[test]
fn of_more_than_thirty_tasks_a_failure_is_seen_in_their_order() {
    for (quick, cancelled) in [(28, 1), (29, 0)] {
        let tasks = program().task("slow", |code| code.sleep(1000)).task("broken", |code| code.raise("no stock"));
        let crowd = (0..quick).fold(tasks, |build, at| build.task(&format!("quick {at}"), |_| {}));
        let (_, trace) = run(crowd.strategy("cancel-each-task"));
        assert_eq!(trace.tally().cancelled, cancelled, "of {} tasks", quick + 2);
    }
}

/// A year of nothing costs turmoil no more ticks than a moment of it.
#[cfg(feature = "network")]
#[test]
fn a_year_passes_on_turmoil_in_a_few_ticks() {
    let program = Arc::new(program().main(|code| code.sleep_nanos(YEAR, YEAR)));
    let (trace, cost) = run_on_network(&program, Box::new(Ordinary));
    assert_eq!(trace.tally().ended.0, YEAR);
    assert!(cost.ticks < 10 && cost.ticks + cost.skipped > YEAR / 1_000_000, "{cost:?}");
}

/// Whatever slot of tokio's timer wheel they waited in.
#[test]
fn timers_of_one_instant_fire_in_the_order_in_which_they_were_set() {
    let set_at: Vec<u64> = (0..40).map(|at| (at * 7919 + 13) % 4999).collect();
    let crowd = set_at.iter().fold(program(), |build, ms| {
        build.task(&format!("set at {ms}"), |code| {
            code.sleep(*ms);
            code.sleep(5000 - ms);
        })
    });
    let mut sorted = set_at;
    sorted.sort_unstable();
    let mut expected: Vec<String> = sorted.iter().map(|ms| format!("5s set at {ms} finishes")).collect();
    expected.extend(["5s main finishes".to_owned(), "finished".to_owned()]);
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(crowd.strategy("gather-return-exceptions"), &expected);
}
