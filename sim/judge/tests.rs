//! Judging by what the file expects, on traces made by hand. The oracles have tests of their own.
//!
//! Knows nothing of machines.

use super::*;
use crate::id::{InstanceId, TaskId};
use crate::program::{Error, Value, sample};
use crate::time::Nanos;
use crate::trace::Recorder;

const MAIN: TaskId = TaskId::MAIN;
const RAISED: Outcome = Outcome::Failed(Error::new(ErrorType::VALUE_ERROR));

/// Two tasks, one of which fails; lines `a` and `b` in two texts or in one; main ends at 3 s.
fn run(prints: &[&str], outcome: Outcome) -> (Program, Trace) {
    let mut program = sample::program(&["worker"]);
    let mut recorder = Recorder::default();
    for task in [TaskId(1), TaskId(2)] {
        recorder.record(What::Created { task, by: MAIN, instance: InstanceId(1) });
    }
    recorder.turn(7, Time(3_000_000_000));
    for text in prints {
        let text = sample::text(&mut program, text);
        recorder.record(What::Printed { task: MAIN, text });
    }
    recorder.record(What::Failed { task: TaskId(1), error: Error::new(ErrorType::EXCEPTION) });
    match outcome {
        Outcome::Finished(value) => recorder.record(What::Finished { task: MAIN, value }),
        Outcome::Failed(error) => recorder.record(What::Failed { task: MAIN, error }),
        _ => {}
    }
    recorder.record(What::Cancelled { task: TaskId(2), message: None });
    (program, recorder.trace(outcome, &Texts::default()))
}

/// What `expectation` has against a run, one `key: expected / found` each.
fn check(expectation: &Expectation, (program, trace): &(Program, Trace), expected: &[&str]) {
    let verdict = judge(expectation, program, trace);
    let unmet: Vec<String> =
        verdict.unmet.iter().map(|unmet| format!("{}: {} / {}", unmet.key, unmet.expected, unmet.found)).collect();
    assert_eq!(unmet, expected);
}

#[test]
fn what_is_not_expected_is_not_checked() {
    check(&Expectation::default(), &run(&["a"], Outcome::Livelocked), &[]);
}

#[test]
fn everything_that_is_expected_is_checked() {
    let good = Expectation {
        finished: Some(0),
        failed: Some(1),
        cancelled: Some(0),
        running: Some(1),
        ended: Some(Nanos::from_secs(3)),
        outcome: Some(Ending::Failed),
        raises: Some(ErrorType::VALUE_ERROR),
        prints: Some(vec!["a".to_owned(), "b".to_owned()]),
        ..Expectation::default()
    };
    check(&good, &run(&["a", "b"], RAISED), &[]);
    check(&good, &run(&["a\nb"], RAISED), &[]);
    check(
        &good,
        &run(&["a"], Outcome::Deadlocked),
        &[
            "cancelled: 0 / 1",
            "running: 1 / 0",
            "ended: 3s / that main never ended",
            "outcome: failed / deadlocked",
            "raises: ValueError / the outcome deadlocked",
            "prints: 'b' as line 2 / the end of what is printed",
        ],
    );
}

#[test]
fn an_error_is_of_the_class_itself() {
    let raises = |ty| Expectation { raises: Some(ty), ..Expectation::default() };
    check(&raises(ErrorType::EXCEPTION), &run(&[], RAISED), &["raises: Exception / ValueError"]);
    let finished = Outcome::Finished(Value::None);
    check(&raises(ErrorType::EXCEPTION), &run(&[], finished), &["raises: Exception / that main returned"]);
}

#[test]
fn the_first_line_that_strays_is_told() {
    let prints = |lines: &[&str]| Expectation {
        prints: Some(lines.iter().map(|&line| line.to_owned()).collect()),
        ..Expectation::default()
    };
    check(&prints(&["a"]), &run(&["a", "b", "c"], RAISED), &["prints: nothing as line 2 / 'b'"]);
    check(&prints(&["x", "b"]), &run(&["a", "b"], RAISED), &["prints: 'x' as line 1 / 'a'"]);
    check(&prints(&[]), &run(&[""], RAISED), &["prints: nothing as line 1 / ''"]);
    check(&prints(&[""]), &run(&[""], RAISED), &[]);
}

/// What strayed stays so, and what nobody expects anything of is not kept.
#[test]
fn judges_are_equal_when_they_will_say_the_same() {
    let (program, trace) = run(&["a", "b"], RAISED);
    let any = Expectation::default();
    let mut judge = Judge::new(&any, &program);
    let events: Vec<Moment> = trace.iter().collect();
    judge.see(events[2], &trace.texts);
    let mut fork = judge.clone();
    fork.see(events[3], &trace.texts);
    assert!(judge == fork);
    fork.see(events[4], &trace.texts);
    assert!(judge != fork);
}
