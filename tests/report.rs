//! What a failure looks like: runs of small scenarios on the event loop, told whole, each held against a snapshot that
//! a person has read.

use std::path::Path;

use atropos::choice::{Cut, Given, Ordinary};
use atropos::event_loop::EventLoop;
use atropos::id::{InstanceId, TaskId};
use atropos::machine::{Machine as _, Opening};
use atropos::program::{Cuts, Pattern, Program};
use atropos::report::{
    Covered, Focus, Sought, Story, Wrong, explored, failure, json_explored, json_failure, lanes, mismatch,
};
use atropos::scenario::Scenario;
use atropos::time::Time;
use atropos::trace::{Phase, Trace};
use atropos::verdict::{Finding, MustFind, Oracle, Unmet, Verdict};

/// The program of a scenario, in which every task but main may be cut once.
fn program(text: &str) -> Program {
    let scenario =
        Scenario::parse(text, &atropos::harness::strategies()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let main = scenario.mains()[0].map(str::to_owned);
    let mut program = scenario.program(main.as_deref(), None).unwrap();
    let victims = (0..program.instances.len()).map(|at| at > 0).collect();
    program.cuts = vec![Cuts { up_to: 1, victims, handles: 0, tasks: 0 }];
    let openings = EventLoop::new(&program).openings(&mut Ordinary, 0);
    program.cuts[0].handles = openings.handles;
    program.cuts[0].tasks = openings.tasks[0];
    program
}

/// A run under answers, the first of which is the cut.
fn run(program: &Program, answers: &[u64]) -> Trace {
    let mut event_loop = EventLoop::new(program);
    event_loop.run(&mut Given::new(answers));
    event_loop.trace()
}

/// The run in which the instance called `name` is cut at the first of its openings that fits.
fn cut(program: &Program, name: &str, fits: impl Fn(&Opening) -> bool) -> Trace {
    let openings = EventLoop::new(program).openings(&mut Ordinary, 1000);
    let opening = openings.list.iter().find(|opening| program.name(opening.instance) == name && fits(opening));
    let Cut { handle, victim } = opening.expect("there is such an opening").cut;
    run(program, &[Cut { handle, victim }.answer(program.cuts[0].tasks)])
}

fn finding(program: &Program, oracle: Oracle, name: Option<(u32, &str)>) -> Finding {
    let instance = |name: &str| (0..).map(InstanceId).find(|&id| program.name(id) == name).unwrap();
    Finding { oracle, task: name.map(|(task, name)| (TaskId(task), instance(name))), error: None }
}

fn found(finding: Finding) -> Verdict {
    Verdict { findings: vec![finding], ..Verdict::default() }
}

fn not_met(key: &'static str, expected: &str, found: &str) -> Verdict {
    let unmet = Unmet { key, task: None, expected: expected.to_owned(), found: found.to_owned() };
    Verdict { unmet: vec![unmet], ..Verdict::default() }
}

/// Gives `use_story` the story of the first failure of a verdict.
fn with_story<T>(
    (program, trace, passing): (&Program, &Trace, Option<&Trace>),
    verdict: &Verdict,
    use_story: impl FnOnce(Story<'_>) -> T,
) -> T {
    let identity = &verdict.identities(program)[0];
    let wrong = verdict.findings.first().map_or_else(|| Wrong::Unmet(&verdict.unmet[0]), Wrong::Finding);
    let command = "atropos replay 1-example file.toml";
    use_story(Story {
        program,
        trace,
        passing,
        identity,
        wrong,
        window: None,
        runs: Some(1240),
        is_sought: false,
        sampler: None,
        shrunk: None,
        command,
    })
}

/// The failure as it is told.
fn told(run: (&Program, &Trace, Option<&Trace>), verdict: &Verdict) -> String {
    with_story(run, verdict, |story| failure(&story, false))
}

fn check(name: &str, about: &str, text: &str) {
    for line in text.lines() {
        let is_told = !line.starts_with('{');
        assert!(
            !is_told || unicode_width::UnicodeWidthStr::width(line) <= 120,
            "{name}: too wide for a terminal:\n{line}"
        );
        assert_eq!(line, line.trim_end(), "{name}: spaces at the end of a line");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/report"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(about);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

const LOST_CANCEL: &str = r#"
about = "One of three workers takes a cancellation for a failure of its own, and goes on."
[[task]]
name = "worker {i}"
count = 3
steps = [
    { print = "{name} begins" },
    { sleep = "1s" },
    { try = [
        { sleep = "1s" },
    ], except = { "BaseException" = [
        { print = "never mind" },
    ] } },
    { sleep = "1s" },
    { return = "{i}" },
]
[main]
steps = [
    { spawn = "coros", as = "tasks" },
    { wait = "tasks" },
    { print = "all done" },
]
"#;

#[test]
fn a_lost_cancel() {
    let program = program(LOST_CANCEL);
    let failing = cut(&program, "worker 1", |at| at.phase == Phase::Waiting && at.visit == 2);
    let passing = run(&program, &[]);
    let lost = found(finding(&program, Oracle::LostCancel, Some((2, "worker 1"))));
    let window = Some((Time(1_000_000_000), Time(2_000_000_000)));
    let text =
        with_story((&program, &failing, Some(&passing)), &lost, |story| failure(&Story { window, ..story }, false));
    check("lost-cancel", "A worker that catches its cancellation and goes on.", &text);
}

const MANY: &str = r#"
about = "One of ten workers fails, and main cancels what is done already."
strategy = "gather-cancel-wrong"
[[task]]
name = "worker {i}"
count = 10
steps = [
    { sleep = "1s" },
    { point = "working" },
    { sleep = "1s" },
    { print = "{name} is done" },
]
[[fail]]
task = "worker 7"
at = "working"
raise = "out of paper"
"#;

#[test]
fn ten_workers() {
    let program = program(MANY);
    let failing = run(&program, &[]);
    let text = told((&program, &failing, None), &not_met("cancelled", "9", "0"));
    check("ten-workers", "Most of ten workers have no lane.", &text);
}

const RACE: &str = r#"
about = "Two deposits read the balance, and one overwrites the other's."
[shared]
balance = 10
[[task]]
name = "deposit {i}"
count = 2
steps = [
    { set = "seen", to = "balance" },
    { sleep = "1s" },
    { if = "i == 0", then = [{ sleep = 0 }] },
    { set = "balance", to = "balance + seen" },
    { print = "{balance}" },
]
[main]
steps = [
    { gather = "coros", as = "both" },
    { await = "both" },
]
[expect]
prints = ["20", "30"]
"#;

#[test]
fn an_order() {
    let program = program(RACE);
    let (failing, passing) = (run(&program, &[0, 1]), run(&program, &[]));
    let verdict = not_met("prints", "'20' as line 1", "'30'");
    let shrunk = Some("about = \"In small.\"\n[main]\nsteps = []\n");
    let text =
        with_story((&program, &failing, Some(&passing)), &verdict, |story| failure(&Story { shrunk, ..story }, false));
    check("order", "Two timers of one instant fire in the other order.", &text);
}

const DEADLOCK: &str = r#"
about = "Two tasks that await each other."
[[task]]
name = "left"
steps = [{ sleep = "1s" }, { await = "right" }]
[[task]]
name = "right"
steps = [{ sleep = "1s" }, { await = "left" }]
[main]
steps = [
    { spawn = "left", as = "l" },
    { spawn = "right", as = "r" },
    { await = "l" },
]
"#;

#[test]
fn a_deadlock() {
    let program = program(DEADLOCK);
    let failing = run(&program, &[]);
    let text = told((&program, &failing, None), &found(finding(&program, Oracle::Deadlock, None)));
    check("deadlock", "Who waits for whom, as a circle.", &text);
}

const LENGTH: &str = r#"
about = "A request that may take longer than the timeout that was meant for it."
[[task]]
name = "request"
steps = [{ await = "answer" }]
[[task]]
name = "answer"
steps = [{ sleep = 0 }, { sleep = "1s..3s" }, { print = "answered" }]
[[task]]
name = "timeout"
steps = [{ sleep = "2s" }, { print = "timed out" }]
[main]
steps = [{ spawn = "request", as = "r" }, { spawn = "timeout", as = "t" }, { wait = ["r", "t"] }]
"#;

#[test]
fn a_length() {
    let program = program(LENGTH);
    let (failing, passing) = (run(&program, &[0, 1_500_000_000]), run(&program, &[]));
    let text = told((&program, &failing, Some(&passing)), &not_met("prints", "'answered' as line 1", "'timed out'"));
    check("length", "What decides comes later than where the runs part.", &text);
}

/// The code in which a task is cut need not be its own.
#[test]
fn a_cut_in_a_coroutine_that_is_awaited_in_place() {
    let program = program(LENGTH);
    let failing = cut(&program, "answer", |at| at.phase == Phase::Woken);
    let text = told((&program, &failing, None), &found(finding(&program, Oracle::Unsettled, None)));
    let points = text.lines().find(|line| line.starts_with("It takes")).unwrap();
    let expected =
        "It takes: plain order; cancel `request` at 0s, woken but not yet run, at the 1st await of `answer`: sleep 0.";
    assert!(points.starts_with(expected), "{points}");
}

const CLEANUP: &str = r#"
about = "A writer flushes in its finally, which takes two seconds; main does not wait so long."
[[task]]
name = "writer"
steps = [
    { try = [
        { sleep = "1s" },
        { if = "i == 1", then = ["return"] },
        { sleep = "9s" },
    ], finally = [
        { print = "flushing" },
        { sleep = "2s" },
        { print = "flushed" },
    ] },
    { sleep = "1s" },
]
[[task]]
name = "reader {i}"
count = 6
steps = [{ sleep = "2s" }, { return = "page {i}" }]
[main]
steps = [
    { spawn = "coros", as = "tasks" },
    { sleep = "1500ms" },
    { cancel = "tasks[0]", message = "enough" },
    { try = [{ await = "tasks[0]" }], except = { "CancelledError" = [] } },
]
"#;

#[test]
fn a_cleanup_that_is_cut() {
    let program = program(CLEANUP);
    let failing = cut(&program, "writer", |at| at.phase == Phase::Cleanup);
    let passing = run(&program, &[]);
    let short = finding(&program, Oracle::CleanupCutShort, Some((1, "writer")));
    let text = told((&program, &failing, Some(&passing)), &found(short));
    check("cleanup-cut-short", "The second cancellation comes during the cleanup after the first.", &text);
}

const LIVELOCK: &str = r#"
about = "Two tasks wait for each other by polling."
[shared]
left = 0
right = 0
[limits]
turns_at_one_instant = 1_000
[[task]]
name = "left"
steps = [{ sleep = "1s" }, { while = "right == 0", do = [{ sleep = 0 }] }, { set = "left", to = 1 }]
[[task]]
name = "right"
steps = [{ sleep = "1s" }, { while = "left == 0", do = [{ sleep = 0 }] }, { set = "right", to = 1 }]
[main]
steps = [{ gather = "coros", as = "both" }, { await = "both" }]
"#;

/// The first of two timeouts cuts a `finally`, and the second one nothing.
#[test]
fn a_cleanup_is_cut_by_what_cut_it() {
    let program = program(
        r#"
        about = "Two timeouts."
        [[task]]
        name = "worker"
        steps = [
            { try = [{ timeout = "1500ms", do = [
                { try = [{ sleep = "1s" }], finally = [{ sleep = "1s" }] },
            ] }], except = { "TimeoutError" = [] } },
            { try = [{ timeout = "5s", do = [{ sleep = "1h" }] }], except = { "TimeoutError" = [] } },
        ]
        [main]
        steps = [{ spawn = "worker", as = "w" }, { await = "w" }]
        "#,
    );
    let trace = run(&program, &[]);
    let verdict = found(finding(&program, Oracle::CleanupCutShort, Some((1, "worker"))));
    let told = told((&program, &trace, None), &verdict);
    assert!(told.contains("was cancelled by its timeout at 1.5s, and its `finally`"), "{told}");
}

#[test]
fn a_livelock() {
    let program = program(LIVELOCK);
    let failing = run(&program, &[]);
    let text = told((&program, &failing, None), &found(finding(&program, Oracle::Livelock, None)));
    check("livelock", "What repeats itself at one instant is told once.", &text);
}

const LONG: &str = r#"
about = "A poller among others is cut in its thirtieth round."
[[task]]
name = "poller"
steps = [
    { for = "round", in = "range(60)", do = [
        { try = [{ sleep = "1s" }], except = { "CancelledError" = [] } },
    ] },
]
[[task]]
name = "other {i}"
count = 12
steps = [{ sleep = "{i}s" }]
[main]
steps = [{ spawn = "coros", as = "tasks" }, { wait = "tasks" }]
"#;

#[test]
fn a_long_run() {
    let program = program(LONG);
    let failing = cut(&program, "poller", |at| at.phase == Phase::Waiting && at.visit == 30);
    let passing = run(&program, &[]);
    let lost = finding(&program, Oracle::LostCancel, Some((1, "poller")));
    let text = told((&program, &failing, Some(&passing)), &found(lost));
    check("long-run", "What is as in the passing run, and what comes long after, is left out.", &text);
}

const CHOICES: &str = r#"
about = "A request that may take longer and may fail, under a timeout, and nobody takes the answer."
[schedule]
order = "any"
[[task]]
name = "request"
steps = [
    { sleep = "1s..3s" },
    { point = "answered" },
    { return = "42" },
]
[[task]]
name = "timeout"
steps = [{ sleep = "1s" }, { cancel = "request" }]
[[inject]]
task = "request"
at = "answered"
raise = "connection reset"
type = "ConnectionResetError"
[main]
steps = [
    { spawn = "request", as = "r" },
    { spawn = "timeout", as = "t" },
    { sleep = "500ms" },
]
"#;

#[test]
fn every_kind_of_choice() {
    let program = program(CHOICES);
    // No cut; then timeout before request, and a request that takes half a second longer.
    let failing = run(&program, &[0, 1, 500_000_000]);
    let late = finding(&program, Oracle::OutlivesMain, Some((1, "request")));
    let text = told((&program, &failing, Some(&run(&program, &[]))), &found(late));
    check("choices", "An order beyond asyncio and a longer sleep, told as points.", &text);
}

#[test]
fn a_failure_that_fires() {
    let text = CHOICES.replace("{ sleep = \"500ms\" }", "{ await = \"r\" }").replace("order = \"any\"", "");
    let program = program(&text.replace("{ cancel = \"request\" }", ""));
    // No cut, timers in order, the shortest sleep, and the failure.
    let failing = run(&program, &[0, 0, 0, 1]);
    let text = told((&program, &failing, Some(&run(&program, &[]))), &not_met("outcome", "finished", "failed"));
    check("injected-failure", "A failure that fires, as a point.", &text);
}

const NAMES: &str = r#"
about = "Names of other widths, of more than a column, and of more than a line."
[[task]]
name = "注文"
steps = [{ print = "受け取りました\n\u001b[31m" }, { sleep = "1s" }, { await = "a name that is a good deal longer than any column has room for, and then some" }]
[[task]]
name = "a name that is a good deal longer than any column has room for, and then some"
steps = [{ sleep = "1s" }, { print = "a-text-without-a-single-space-that-is-longer-than-any-column-is-wide-and-then-some" }]
[[task]]
name = "\u202eturned"
steps = [{ sleep = "1s" }, { await = "注文" }]
[main]
steps = [{ gather = "coros", as = "all" }, { await = "all" }]
"#;

#[test]
fn odd_names_stay_in_their_lanes() {
    let program = program(NAMES);
    let trace = run(&program, &[]);
    let focus = Focus { tasks: [1, 2, 3].map(TaskId).to_vec(), agree: None };
    check("odd-names", "Nothing that a scenario says can break a row.", &lanes(&program, &trace, &focus));
}

#[test]
fn colours_are_all_that_colours_add() {
    let program = program(LOST_CANCEL);
    let (failing, passing) = (cut(&program, "worker 1", |at| at.visit == 2), run(&program, &[]));
    let lost = found(finding(&program, Oracle::LostCancel, Some((2, "worker 1"))));
    let told = |color| with_story((&program, &failing, Some(&passing)), &lost, |story| failure(&story, color));
    let coloured = told(true);
    assert!(coloured.contains("\u{1b}["));
    let mut plain = String::new();
    for (at, part) in coloured.split('\u{1b}').enumerate() {
        plain.push_str(if at == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(plain, told(false));
}

#[test]
fn runs_that_should_be_equal_are_shown_from_both_sides() {
    let program = program(RACE);
    let text = mismatch(&program, &run(&program, &[]), &run(&program, &[0, 1]));
    check("mismatch", "The first event that differs, from both sides.", &text);
    let ends = mismatch(&program, &run(&program, &[]), &run(&program, &[]));
    assert!(ends.ends_with("the run ends\n"), "{ends}");
}

/// What an exploration of the lost cancel may have covered.
fn covered() -> Covered {
    Covered {
        runs: 1240,
        distinct_orders: 812,
        distinct_outcomes: 5,
        faults_tried: 240,
        faults_possible: 240,
        cuts_made: 740,
        cuts_missed: 0,
        never_cut: vec![(InstanceId(1), 1, Phase::Again), (InstanceId(2), 1, Phase::Again)],
        never_reached: vec![(InstanceId(3), 0, Phase::NotStarted)],
        seeds: Some(0..1000),
        runs_per_second: Some(310_000.4),
        ..Covered::default()
    }
}

#[test]
fn an_exploration_says_what_it_covered() {
    let mut program = program(LOST_CANCEL);
    let check = |program: &Program, covered: &Covered, expected: &str| {
        assert_eq!(explored(program, covered, false), expected);
    };
    let green = "\
1,240 runs: every one of 240 single cancellations in plain order, seeds 0..1000; 812 distinct orders, 5 outcomes; 0 \
failures (310,000 runs/s)
never cut:
  `worker {i}` once more before it is told, at its 1st await: sleep 1s
never reached, so never cut:
  `worker {i}` before its first line runs
";
    check(&program, &covered(), green);
    let red = Covered {
        failures: 1,
        failing: 912,
        unfinished: 12,
        never_cut: Vec::new(),
        never_reached: Vec::new(),
        ..covered()
    };
    let expected = "\
1,240 runs: every one of 240 single cancellations in plain order, seeds 0..1000; 812 distinct orders, 5 outcomes; 1 \
failure, in 912 runs (310,000 runs/s)
12 of 1,240 runs hit the step limit
";
    check(&program, &red, expected);
    let must = |task, found_in, is_whole| {
        let what = MustFind { what: "lost-cancel", task, within: 100 };
        Covered { sought: Some(Sought { what, found_in, is_whole }), ..Covered::default() }
    };
    let sought = |covered: Covered| {
        let missed = covered.sought.as_ref().unwrap().is_missed();
        (explored(&program, &covered, false).lines().last().unwrap().to_owned(), missed)
    };
    let workers = || Some(Pattern::new("worker *"));
    let told = |text: &str, is_missed| (format!("`lost-cancel`{text}"), is_missed);
    let within = " of `worker *` has to be found within 100 runs";
    assert_eq!(sought(must(workers(), Some(100), true)), told(&format!("{within}, and was found in 100"), false));
    assert_eq!(sought(must(workers(), Some(101), true)), told(&format!("{within}, but was found in 101 only"), true));
    assert_eq!(sought(must(workers(), None, true)), told(&format!("{within}, but was not found"), true));
    // Another shard may have found it.
    assert!(!sought(must(None, None, false)).1);
    program.cuts.clear();
    let stopped = Covered {
        runs: 1000,
        distinct_orders: 1,
        distinct_outcomes: 1,
        unfinished: 912,
        interrupted: true,
        ..Covered::default()
    };
    let expected = "\
stopped early: 1,000 runs: nothing injected; 1 distinct order, 1 outcome; 0 failures
912 of 1,000 runs hit the step limit of 1,000,000 steps, so they say little: raise it with `steps` under \
`[limits]`, or let the tasks come to an end
";
    check(&program, &stopped, expected);
}

/// Whoever waits for several is told by their names when nothing can go on, and a lock by who holds it.
#[test]
fn a_deadlock_names_who_is_waited_for() {
    let told = |main: &str| {
        let text = format!(
            r#"
about = "Two locks in two orders, and main that waits for both who take them."
[objects]
one = "Lock()"
two = "Lock()"
[[task]]
name = "left"
steps = [{{ acquire = "one" }}, {{ sleep = "1s" }}, {{ acquire = "two" }}]
[[task]]
name = "right"
steps = [{{ acquire = "two" }}, {{ sleep = "1s" }}, {{ acquire = "one" }}]
[[task]]
name = "quick"
steps = [{{ acquire = "two" }}]
[main]
steps = [{main}]
"#
        );
        let program = program(&text);
        let trace = run(&program, &[]);
        let deadlock = found(finding(&program, Oracle::Deadlock, None));
        let story = with_story((&program, &trace, None), &deadlock, |story| failure(&story, false));
        let sentence: Vec<&str> = story.lines().take_while(|line| !line.starts_with("It takes")).collect();
        let text = atropos::report::trace(&program, &trace);
        let (_, end) = text.split_once("deadlocked: nothing is ready and no timer is set\n").expect("it is a deadlock");
        (sentence.join("").replace("  ", " "), end.lines().map(str::trim).collect::<Vec<_>>().join("; "))
    };
    let both = "left waits for two.acquire(), which right holds; right waits for one.acquire(), which left holds";
    let (sentence, end) = told(r#"{ spawn = ["left", "right"], as = "all" }, { wait = "all" }"#);
    assert!(end.starts_with(&format!("main waits for left and right; {both}; 0 finished")), "{end}");
    let marked = both.replace("left waits", "`left` waits").replace("right waits", "`right` waits");
    assert_eq!(sentence, format!("deadlock: nothing can go on: main waits for left and right; {marked}."));
    let (_, end) = told(r#"{ task_group = "tg", do = [{ spawn = ["left", "right"], in = "tg" }] }"#);
    assert!(end.starts_with(&format!("main waits for left and right; {both}; 0 finished")), "{end}");
    let (_, end) = told(
        r#"{ spawn = ["quick", "left"], as = "all" }, { as_completed = "all", as = "it", do = [{ print = "{it}" }] }"#,
    );
    let ended = "main waits for left; left waits for two.acquire(), which quick still held when it ended";
    assert!(end.starts_with(&format!("{ended}; 1 finished")), "{end}");
}

/// Who was woken in `wait()` and blocks again to get the lock back takes it from nobody.
#[test]
fn a_lock_is_held_although_a_woken_waiter_wants_it_back() {
    let text = r#"
about = "A waiter that is notified long before the lock is free."
[objects]
c = "Condition()"
[[task]]
name = "waiter"
steps = [{ acquire = "c" }, { wait = "c" }, { release = "c" }]
[[task]]
name = "holder"
steps = [{ sleep = "1s" }, { acquire = "c" }, { notify = "c" }, { sleep = "1s" }, { release = "c" }]
[[task]]
name = "other"
steps = [{ sleep = "1500ms" }, { acquire = "c" }, { release = "c" }]
[main]
steps = [{ gather = "coros", as = "all" }, { await = "all" }]
"#;
    let program = program(text);
    let told = atropos::report::trace(&program, &run(&program, &[]));
    assert!(told.contains("waits: c.acquire(), which holder holds"), "{told}");
}

/// The sentence about a run in the ordinary order, on one line.
fn sentence(text: &str, oracle: Oracle) -> String {
    let program = program(text);
    let trace = run(&program, &[]);
    let story = told((&program, &trace, None), &found(finding(&program, oracle, None)));
    let lines = story.lines().take_while(|line| !line.starts_with("It takes"));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Where so many wait that some are not named, it is still plain where one ends and the next one begins.
#[test]
fn many_who_wait_are_parted_as_few_are() {
    let text = r#"
about = "A lock that nobody gives back."
[objects]
lock = "Lock()"
[[task]]
name = "taker {i}"
count = 8
steps = [{ acquire = "lock" }]
[main]
steps = [{ acquire = "lock" }, { gather = "coros", as = "all" }, { await = "all" }]
"#;
    let told = sentence(text, Oracle::Deadlock);
    let wait = |i: u32| format!("; `taker {i}` waits for lock.acquire(), which main holds");
    let waits: String = (0..5).map(wait).collect();
    assert!(told.contains(&format!("main waits for gather 1{waits}; and 3 more.")), "{told}");
}

/// Who has come to an end by itself does not go on, however late that was.
#[test]
fn who_has_ended_does_not_go_on_and_on() {
    let text = r#"
about = "One task polls for ever, and another one ends shortly before the run is given up."
[limits]
steps = 100
[[task]]
name = "poller"
steps = [{ for = "round", in = "range(1000)", do = [{ sleep = "1s" }] }]
[[task]]
name = "quick"
steps = [{ sleep = "9s" }]
[main]
steps = [{ gather = "coros", as = "all" }, { await = "all" }]
"#;
    let told = sentence(text, Oracle::Unsettled);
    assert!(told.contains("`poller` sleeps for 1s, again and again.") && !told.contains("quick"), "{told}");
}

/// What goes through a queue is shown, unless it is a list; then nothing older is shown in its place.
#[test]
fn items_of_a_queue_are_shown() {
    let text = r#"
about = "Two items, of which one is a list."
[objects]
jobs = "Queue()"
[main]
steps = [
    { put = "'one'", into = "jobs" },
    { put = "[2]", into = "jobs" },
    { get = "jobs", as = "item" },
    { get = "jobs", as = "item" },
]
"#;
    let program = program(text);
    let told = atropos::report::trace(&program, &run(&program, &[]));
    let uses: Vec<&str> = told.lines().filter_map(|line| Some(&line[line.find("jobs.")?..])).collect();
    let expected = [
        "jobs.put('one'): 1 item in it",
        "jobs.put(): 2 items in it",
        "jobs.get() -> 'one': 1 item in it",
        "jobs.get(): 0 items in it",
    ];
    assert_eq!(uses, expected);
}

/// A line of JSON is a promise: each of its keys stands in the documentation.
#[test]
fn json_has_the_keys_that_are_documented() {
    let program = program(LOST_CANCEL);
    let (failing, passing) = (cut(&program, "worker 1", |at| at.visit == 2), run(&program, &[]));
    let lost = found(finding(&program, Oracle::LostCancel, Some((2, "worker 1"))));
    let (window, shrunk) = (Some((Time(1), Time(2))), Some("about = \"\""));
    let line = with_story((&program, &failing, Some(&passing)), &lost, |story| {
        json_failure(&Story { window, shrunk, ..story })
    });
    let lines = line + &json_explored(&program, &covered());
    let text = lines.replace(&failing.fingerprint().to_string(), "FINGERPRINT");
    check("json", "A failure and the end of an exploration.", &text);
    let schema = include_str!("../sim/report/json.md");
    for line in lines.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in value.as_object().unwrap().keys() {
            assert!(schema.contains(&format!("`{key}`")), "{key} is not in json.md");
        }
    }
}
