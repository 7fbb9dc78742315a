//! What `atropos python` prints, as a reader sees it: a few scripts, reviewed line by line. That they print what their
//! scenarios print is for the conformance test to show.

use std::path::Path;

use atropos::harness::{File, strategies};
use atropos::scenario::Scenario;

/// Scripts that show what there is: the strategies, points, names of tasks, cancellations, shared variables.
const SHOWN: &[(&str, Option<&str>)] = &[
    ("first", Some("gather-cancel-wrong")),
    ("first", Some("cancel-each-task")),
    ("first", Some("cancel-all-tasks")),
    ("first", Some("gather-return-exceptions")),
    ("first", Some("wait-first-exception")),
    ("first", Some("poll-and-cancel")),
    ("first", Some("await-one-by-one")),
    ("first", Some("task-group")),
    ("first", Some("timeout-around-gather")),
    ("first", Some("shield")),
    ("articles/08-catch-in-task", None),
    ("articles/10-three-tasks-with-cancel", None),
    ("regressions/cancelled-and-failing-at-one-point", None),
];

/// Everything for which Python needs another word than the scenario, or one more.
const EVERYTHING: &str = r#"
about = "Everything for which a script needs something of its own."
exceptions = ["PaymentError", "print"]

[shared]
balance = 10

[[task]]
name = "payer {i}"
count = 5
steps = [
    { sleep = "{i}s..1m{i + 1}s" },
    { point = "paying" },
    { add = -1, to = "balance" },
    { if = "balance < 7", then = [{ raise = "no money for {name}", type = "PaymentError" }] },
    { return = "{name}" },
]

[[task]]
name = "class {i}"
each = { pause = ["1s", "1m"], sum = ["a", "b\"c"] }
steps = []

[main]
steps = [
    { spawn = "coros", as = "tasks" },
    { wait = "tasks", return_when = "FIRST_COMPLETED", done = "done", pending = "pending" },
    { print = "{done} {len(pending)} {tasks[0].i + 1}" },
    { try = [
        { await = "payer 3" },
    ], except = { "PaymentError as e" = [
        { print = "{e.type:>30}: {e} {{}}" },
    ], "print" = [] }, finally = [
        { print = "say \"{balance:*^9}\" \\ {tasks[1].name == 'a/b'}\n" },
    ] },
]

[[fail]]
task = "payer 2"
at = "paying"
time = "2s"
print = "{name} fails"
raise = "out of \"paper\""
type = "print"

[[cancel]]
task = "payer 0"
by = "payer 1"
at = "paying"

[[cancel]]
task = "payer 4"
time = "1500ms"
message = "too {i}"
"#;

fn shows(name: &str, about: &str, script: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/python"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(about);
    settings.bind(|| insta::assert_snapshot!(name, script));
}

#[test]
fn scripts_read_as_if_somebody_had_written_them() {
    for (name, strategy) in SHOWN {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.toml"));
        let file = File::load(&path).unwrap();
        let name = name.rsplit('/').next().unwrap_or(name);
        let name = strategy.map_or(name.to_owned(), |strategy| format!("{name}.{strategy}"));
        shows(&name, file.scenario.about(), &file.python(*strategy).unwrap());
    }
}

#[test]
fn a_script_defines_what_python_has_no_word_for() {
    let scenario = Scenario::parse(EVERYTHING, &strategies()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    shows("everything", scenario.about(), &scenario.python(None, None).unwrap());
}
