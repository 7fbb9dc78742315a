//! The oracles, and expectations of single events, on runs of the event loop: bugs that are there in the ordinary order,
//! and their fixed twins.

use atropos::choice::{Choices, Ordinary, Seeded};
use atropos::event_loop::EventLoop;
use atropos::judge::{Judge, examine};
use atropos::machine::Machine;
use atropos::program::Program;
use atropos::report;
use atropos::scenario::Scenario;
use atropos::verdict::{Expectation, Verdict};

fn scenario(text: &str) -> (Program, Expectation) {
    let text = format!("about = \"A test.\"\n{text}");
    let told = |errors: &[_]| panic!("{}", report::diagnostics("test.toml", &text, errors, false));
    let scenario = Scenario::parse(&text, &[]).unwrap_or_else(|errors| told(&errors));
    (scenario.program(None, None).unwrap(), scenario.expectation(None, false))
}

/// What is wrong with a run of a scenario: oracles and keys, each with its task.
fn found_by(text: &str, choices: &mut dyn Choices) -> Vec<String> {
    let (program, expectation) = scenario(text);
    let mut event_loop = EventLoop::new(&program);
    event_loop.run(choices);
    let Verdict { findings, unmet } = examine(&expectation, &program, &event_loop.trace());
    let findings = findings.iter().map(|finding| (finding.oracle.name(), finding.task));
    let unmet = unmet.iter().map(|unmet| (unmet.key, unmet.task));
    let tell = |(what, task): (&str, Option<(_, _)>)| match task {
        Some((_, instance)) => format!("{what} {}", program.name(instance)),
        None => what.to_owned(),
    };
    findings.chain(unmet).map(tell).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(found_by(text, &mut Ordinary), expected, "{text}");
}

/// A worker with these steps, and a main that cancels it half a second later and waits for it.
fn cancelled(steps: &str) -> String {
    format!(
        r#"
[[task]]
name = "worker"
steps = [{steps}]
[main]
steps = [
    {{ spawn = "worker", as = "task" }}, {{ sleep = "500ms" }}, {{ cancel = "task" }}, {{ wait = ["task"] }}, {{ sleep = "9s" }},
]
"#
    )
}

#[test]
fn a_finally_that_returns_loses_the_cancellation() {
    check(&cancelled(r#"{ try = [{ sleep = "1s" }], finally = ["return"] }"#), &["lost-cancel worker"]);
    check(&cancelled(r#"{ try = [{ sleep = "1s" }], finally = [{ print = "closed" }] }"#), &[]);
    check(&cancelled(r#"{ try = [{ sleep = "1s" }], except = { "CancelledError" = [] } }"#), &[]);
    check(&cancelled(r#"{ try = [{ sleep = "1s" }], except = { "BaseException" = [] } }"#), &["lost-cancel worker"]);
    check(&cancelled(r#"{ try = [{ sleep = "1s" }], except = { "BaseException" = ["raise"] } }"#), &[]);
    check(
        &cancelled(r#"{ try = [{ sleep = "1s" }], finally = [{ raise = "broken" }] }"#),
        &["lost-cancel worker", "cleanup-cut-short worker"],
    );
}

#[test]
fn a_child_that_fails_in_the_instant_of_the_request_hides_it() {
    let text = |clause: &str| {
        format!(
            r#"
[[task]]
name = "child {{i}}"
count = 2
steps = [{{ sleep = "{{i + 1}}s" }}, {{ if = "i == 0", then = [{{ raise = "broken" }}] }}]
[[task]]
name = "parent"
steps = [{{ gather = ["child 0", "child 1"], as = "g" }}, {{ try = [{{ await = "g" }}], except = {{ {clause} }} }}]
[main]
steps = [
    {{ spawn = "parent", as = "p" }}, {{ for = "turn", in = "range(3)", do = [{{ sleep = 0 }}] }}, {{ sleep = "1s" }},
    {{ cancel = "p" }}, {{ wait = ["p"] }}, {{ sleep = "5s" }},
]
"#
        )
    };
    check(&text(r#""Exception" = [{ print = "one of them failed" }]"#), &["lost-cancel parent"]);
    check(&text(r#""Exception" = ["raise"]"#), &[]);
}

#[test]
fn a_gather_that_failed_leaves_its_children_running() {
    let text = |then: &str| {
        format!(
            r#"
[[task]]
name = "worker {{i}}"
count = 3
steps = [{{ sleep = "{{i + 1}}s" }}, {{ if = "i == 0", then = [{{ raise = "broken" }}] }}]
[main]
steps = [
    {{ gather = "coros", as = "g" }},
    {{ try = [{{ await = "g" }}], except = {{ "Exception" = [{then}] }} }},
]
"#
        )
    };
    check(&text(r#"{ cancel = "g" }"#), &["outlives-main worker 1", "outlives-main worker 2"]);
    check(&text(r#"{ cancel_all = "others" }, { sleep = 0 }"#), &[]);
    let allowed = format!("{}[allow]\noutlives-main = \"the process ends anyway\"\n", text(""));
    check(&allowed, &[]);
}

#[test]
fn a_second_cancellation_cuts_the_cleanup_short() {
    let text = |finally: &str| {
        format!(
            r#"
[[task]]
name = "worker"
steps = [{{ try = [{{ sleep = "5s" }}], finally = [{finally}] }}]
[main]
steps = [
    {{ spawn = "worker", as = "t" }}, {{ sleep = "1s" }}, {{ cancel = "t" }}, {{ sleep = "1s" }}, {{ cancel = "t" }}, {{ wait = ["t"] }},
]
"#
        )
    };
    check(&text(r#"{ sleep = "2s" }"#), &["cleanup-cut-short worker"]);
    check(&text(r#"{ sleep = "500ms" }"#), &[]);
    let guarded = r#"{ try = [{ sleep = "2s" }], except = { "CancelledError" = [] } }"#;
    check(&text(guarded), &[]);
}

#[test]
fn every_way_out_of_a_finally_is_told() {
    let main = |steps: &str| format!("[main]\nsteps = [{{ for = 'x', in = 'range(2)', do = [{steps}] }}]\n");
    for inside in ["'return'", "'break'", "'continue'", "{ raise = 'r' }", "{ sleep = 0 }"] {
        let tries =
            format!("{{ try = [{{ try = [{inside}], finally = [{{ sleep = 0 }}] }}], finally = [{{ print = 'x' }}] }}");
        let text = main(&format!("{{ try = [{tries}], except = {{ 'Exception' = [] }} }}"));
        check(&text, &[]);
    }
    for way_out in ["'return'", "'break'", "'continue'"] {
        check(&main(&format!("{{ try = [{{ raise = 'r' }}], finally = [{way_out}] }}")), &[]);
    }
    let nested = "{ try = [{ try = [], finally = [{ try = ['break'], finally = [{ raise = 'r' }] }] }], except = { 'Exception' = [] } }";
    check(&main(nested), &["cleanup-cut-short main"]);
}

#[test]
fn what_was_there_is_lost_with_the_task_that_awaited_it() {
    let text = |last: &str| {
        format!(
            r#"
[[task]]
name = "fetch"
steps = [{{ sleep = "1s" }}, {{ return = "a page" }}]
[[task]]
name = "reader"
steps = [{{ await = "fetch", as = "page" }}, {{ print = "{{page}}" }}]
[main]
steps = [
    {{ spawn = "fetch", as = "f" }}, {{ spawn = "reader", as = "r" }}, {{ sleep = "1s" }},
    {{ while = "not f.done", do = [{{ sleep = 0 }}] }}, {{ cancel = "r" }}, {{ wait = ["r"] }}, {last}
]
"#
        )
    };
    check(&text(r#"{ sleep = "1s" }"#), &["lost-result reader"]);
    check(&text(r#"{ await = "f" }"#), &[]);
    check(&text(r#"{ print = "{f.result}" }"#), &[]);
}

#[test]
fn a_deadlock_has_a_circle() {
    let text = r#"
[[task]]
name = "a"
steps = [{ gather = ["b"], as = "g" }, { await = "g" }]
[[task]]
name = "b"
steps = [{ sleep = "1s" }, { await = "a" }]
[main]
steps = [{ spawn = "b", as = "second" }, { spawn = "a", as = "first" }, { await = "first" }]
"#;
    // That it did not finish is not told a second time.
    check(text, &["deadlock b"]);
    check(&format!("{text}[expect]\noutcome = \"failed\"\n"), &["deadlock b", "outcome"]);
    check(&format!("{text}[expect]\noutcome = \"deadlocked\"\n"), &[]);
    let (program, expectation) = scenario(text);
    let mut event_loop = EventLoop::new(&program);
    event_loop.run(&mut Ordinary);
    let trace = event_loop.trace();
    let verdict = examine(&expectation, &program, &trace);
    let circle = "nothing can go on: `b` waits for `a`, which waits for gather 1, which waits for `b`";
    let told = report::verdict("test.toml", &program, &trace, &verdict, "atropos run test.toml");
    assert!(told.contains(circle), "{told}");
}

#[test]
fn single_events_are_expected_in_every_run() {
    let text = |expect: &str| {
        let steps = r#"{ print = "open" }, { try = [{ sleep = "1s" }, { raise = "broken", type = "ValueError" }], finally = [{ print = "close" }] }"#;
        let main = r#"{ gather = "coros", as = "g", return_exceptions = true }, { await = "g" }"#;
        format!(
            "[[task]]\nname = 'w {{i}}'\ncount = 2\nsteps = [{steps}]\n[main]\nsteps = [{main}]\n[expect]\n{expect}\n"
        )
    };
    check(&text("never = [{ task = 'w *', does = 'finished' }, { does = 'failed', error = 'KeyError' }]"), &[]);
    check(&text("never = [{ task = 'w {i}', does = 'failed', error = 'Exception' }]"), &["never w 0"]);
    check(&text("always = [{ does = 'raised' }, { prints = 'o*n' }, { task = 'w 1', does = 'started' }]"), &[]);
    check(&text("always = [{ does = 'caught' }]"), &["always"]);
    check(&text("before = [{ first = { prints = 'open' }, then = { does = 'failed' } }]"), &[]);
    check(
        &text("before = [{ first = { prints = 'close' }, then = { task = 'w 1', prints = 'open' } }]"),
        &["before w 1"],
    );
    check(&text("paired = [{ open = { prints = 'open' }, close = { prints = 'close' } }]"), &[]);
    check(
        &text("paired = [{ open = { prints = 'open' }, close = { task = 'w 0', prints = 'close' } }]"),
        &["paired w 1"],
    );
    check(&text("paired = [{ open = { prints = 'close' }, close = { prints = 'open' } }]"), &["paired w 0"]);
    check(&text("deadline = '1s'"), &[]);
    check(&text("deadline = '999ms'"), &["deadline"]);
}

/// A tally holds in any order, printed lines in the ordinary one only, and an event always.
#[test]
fn what_is_expected_hangs_on_how_the_run_came_about() {
    let text = r#"
[[task]]
name = "w {i}"
count = 2
steps = [{ sleep = "1s" }, { print = "{i}" }]
[main]
steps = [{ gather = "coros", as = "g" }, { await = "g" }]
[expect]
finished = 3
prints = ["1", "0"]
never = [{ task = "w 0", prints = "0" }]
"#;
    check(text, &["finished", "prints", "never w 0"]);
    let other = (0..20).map(|seed| found_by(text, &mut Seeded::new(seed)));
    assert!(other.into_iter().any(|found| found == ["finished", "never w 0"]));
}

/// Judges are used again for millions of runs.
#[test]
fn a_judge_after_warm_up_allocates_nothing() {
    let text = r#"
[[task]]
name = "w {i}"
count = 20
steps = [{ print = "open" }, { try = [{ sleep = "2s..3s" }], finally = [{ sleep = "1s" }, { print = "close" }] }]
[main]
steps = [{ spawn = "coros", as = "tasks" }, { sleep = "1500ms" }, { cancel_all = "others" }, { wait = "tasks" }]
[expect]
never = [{ does = "failed" }]
always = [{ prints = "close" }]
before = [{ first = { prints = "open" }, then = { prints = "close" } }]
paired = [{ open = { prints = "open" }, close = { prints = "close" } }]
"#;
    let (program, expectation) = scenario(text);
    let mut event_loop = EventLoop::new(&program);
    let traces: Vec<_> = (0..20)
        .map(|seed| {
            event_loop.reset();
            event_loop.run(&mut Seeded::new(seed));
            event_loop.trace()
        })
        .collect();
    let mut judge = Judge::with_oracles(&expectation, &program);
    let mut all = || {
        for trace in &traces {
            judge.reset();
            trace.iter().for_each(|moment| judge.see(moment, &trace.texts));
            let verdict = judge.end(trace.outcome);
            assert!(verdict.is_good(), "{verdict:?}");
        }
    };
    all();
    assert_eq!(allocation_counter::measure(all).count_total, 0);
}

/// Two consumers at a condition; the one that a producer notifies is cancelled before it runs, and does this then.
fn notified_and_cancelled(python: &str, handler: &str) -> String {
    format!(
        r#"
python = "{python}"
[objects]
ready = "Condition()"
[[task]]
name = "consumer {{i}}"
count = 2
steps = [{{ with = "ready", do = [
    {{ try = [{{ wait = "ready" }}], except = {{ "CancelledError" = [{handler}] }} }},
] }}]
[main]
steps = [
    {{ spawn = "coros", as = "consumers" }},
    {{ sleep = "1s" }},
    {{ with = "ready", do = [{{ notify = "ready" }}] }},
    {{ cancel = "consumers[0]" }},
    {{ wait = "consumers", timeout = "5s" }},
    {{ with = "ready", do = [{{ notify_all = "ready" }}] }},
    {{ wait = "consumers" }},
]
"#
    )
}

#[test]
fn a_notification_is_lost_with_who_was_cancelled_unless_it_is_passed_on() {
    check(&notified_and_cancelled("3.12", "\"raise\""), &["lost-wakeup consumer 1"]);
    check(&notified_and_cancelled("3.12", "{ notify = \"ready\" }, \"raise\""), &[]);
    check(&notified_and_cancelled("3.13", "\"raise\""), &[]);
    // Who is cancelled and was not notified has nothing to pass on.
    let not_notified = notified_and_cancelled("3.12", "\"raise\"").replace("consumers[0]", "consumers[1]");
    check(&not_notified, &[]);
}

/// A waiter for a semaphore, beside a task that has it three, four, … times in a row without a turn in between.
#[test]
fn who_is_overtaken_three_times_is_told() {
    let text = |python: &str, times: u32| {
        format!(
            r#"
python = "{python}"
[objects]
permit = "Semaphore()"
[[task]]
name = "hog"
steps = [{{ for = "time", in = "range({times})", do = [{{ with = "permit", do = [{{ sleep = "1s" }}] }}] }}]
[[task]]
name = "waiter"
steps = [{{ with = "permit", do = [] }}]
[main]
steps = [{{ spawn = "coros", as = "tasks" }}, {{ wait = "tasks" }}]
"#
        )
    };
    check(&text("3.8", 3), &[]);
    check(&text("3.8", 4), &["overtaken waiter"]);
    check(&text("3.9", 9), &[]);
}

/// A semaphore that only 3.9 kills: the next one who asks sleeps on beside its permit, as soon as time passes.
#[test]
fn who_sleeps_beside_a_permit_is_told() {
    let text = |python: &str| {
        format!(
            r#"
python = "{python}"
[objects]
permit = "Semaphore()"
[[task]]
name = "waiter {{i}}"
count = 2
steps = [{{ sleep = "{{i}}s" }}, {{ with = "permit", do = [] }}]
[main]
steps = [
    {{ acquire = "permit" }},
    {{ spawn = "coros", as = "waiters" }},
    {{ sleep = "500ms" }},
    {{ release = "permit" }},
    {{ cancel = "waiters[0]" }},
    {{ wait = "waiters", timeout = "5s" }},
    {{ cancel = "waiters[1]" }},
    {{ wait = "waiters" }},
]
"#
        )
    };
    check(&text("3.9"), &["lost-wakeup waiter 1"]);
    for python in ["3.8", "3.10", "3.13"] {
        check(&text(python), &[]);
    }
}

/// `wait_for` of 3.8 has decided for its timeout when the answer comes; if somebody else takes that, it is not lost.
#[test]
fn a_result_that_comes_in_spite_of_the_timeout_is_lost() {
    let text = |python: &str, then: &str| {
        format!(
            r#"
python = "{python}"
[[task]]
name = "stubborn"
steps = [{{ try = [{{ sleep = "9s" }}], except = {{ "CancelledError" = [] }} }}, {{ return = "1" }}]
[main]
steps = [
    {{ spawn = "stubborn", as = "work" }},
    {{ try = [{{ wait_for = "work", timeout = "1s" }}], except = {{ "TimeoutError" = [{then}] }} }},
]
"#
        )
    };
    check(&text("3.8", ""), &["lost-result main"]);
    check(&text("3.8", "{ print = \"{work.result}\" }"), &[]);
    check(&text("3.9", ""), &[]);
}
