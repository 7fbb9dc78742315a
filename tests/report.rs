//! What a failure looks like: runs of small scenarios on the event loop, told whole, each held against a snapshot that
//! a person has read.

use std::path::Path;

use atropos::choice::{Cut, Given, Ordinary};
use atropos::event_loop::EventLoop;
use atropos::id::{InstanceId, TaskId};
use atropos::machine::{Machine as _, Opening};
use atropos::program::{Cuts, Program};
use atropos::report::{Story, Wrong, failure};
use atropos::scenario::Scenario;
use atropos::time::Time;
use atropos::trace::{Phase, Trace};
use atropos::verdict::{Finding, Oracle, Unmet, Verdict};

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

fn told(
    program: &Program,
    trace: &Trace,
    passing: Option<&Trace>,
    finding: Finding,
    more: impl Fn(&mut Story<'_>),
) -> String {
    let verdict = Verdict { findings: vec![finding], ..Verdict::default() };
    let identity = &verdict.identities(program)[0];
    let mut story = Story {
        program,
        trace,
        passing,
        identity,
        wrong: Wrong::Finding(&finding),
        window: None,
        runs: 1240,
        shrunk: None,
        command: "atropos replay 1-example worker.toml",
    };
    more(&mut story);
    failure(&story, false)
}

fn check(name: &str, about: &str, text: &str) {
    for line in text.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 120, "{name}: too wide for a terminal:\n{line}");
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
    let lost = finding(&program, Oracle::LostCancel, Some((2, "worker 1")));
    let text = told(&program, &failing, Some(&passing), lost, |story| {
        story.window = Some((Time(1_000_000_000), Time(2_000_000_000)));
    });
    check("lost-cancel", "A worker that catches its cancellation and goes on.", &text);
}

const MANY: &str = r#"
about = "Ten workers, one of which cancels another."
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
    let finding = finding(&program, Oracle::OutlivesMain, Some((8, "worker 7")));
    check("ten-workers", "Most of ten workers have no lane.", &told(&program, &failing, None, finding, |_| ()));
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
    let unmet = Unmet { key: "prints", task: None, expected: "'20' as line 1".into(), found: "'30'".into() };
    let verdict = Verdict { unmet: vec![unmet], ..Verdict::default() };
    let text = failure(
        &Story {
            program: &program,
            trace: &failing,
            passing: Some(&passing),
            identity: &verdict.identities(&program)[0],
            wrong: Wrong::Unmet(&verdict.unmet[0]),
            window: None,
            runs: 3,
            shrunk: Some("about = \"In small.\"\n[main]\nsteps = []\n"),
            command: "atropos run race.toml --seed 2",
        },
        false,
    );
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
    let text = told(&program, &failing, None, finding(&program, Oracle::Deadlock, None), |_| ());
    check("deadlock", "Who waits for whom, as a circle.", &text);
}
