//! What the README shows is what happens: its commands are run, and their output is held against it.

#![cfg(all(feature = "cli", feature = "network"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use atropos::experiment::Runtime;
use atropos::explore::{Plan, Sampler};
use atropos::harness::{File, Judged, Run, Setting};
use atropos::report::{self, Row};
use atropos::strategy;

/// The commands of the README that are not run as they stand. What the last three do is tested below.
const NOT_RUN: [&str; 4] = [
    "cargo test --all-features",
    "cp scenarios/first.toml scenarios/mine.toml",
    "cargo test --all-features --test scenarios mine",
    "INSTA_UPDATE=always cargo test --all-features --test scenarios mine",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The lines of every block in this language, without the indentation of a list around them.
fn blocks(language: &str) -> Vec<Vec<String>> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for line in readme().lines() {
        let indent = line.len() - line.trim_start().len();
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(found)) => open = Some((found == language, indent, Vec::new())),
            (Some(_), Some(_)) => blocks.extend(open.take().filter(|open| open.0).map(|open| open.2)),
            (Some((_, indent, lines)), None) => lines.push(line.get(*indent..).unwrap_or_default().to_owned()),
            (None, None) => {}
        }
    }
    blocks
}

/// Every command of the README, with the lines that are shown under it.
fn commands() -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in blocks("console").concat() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("the README shows `{line}` under no command"),
        }
    }
    commands
}

/// What follows `atropos`, if that is the command, or if cargo is to run it.
fn arguments(command: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["atropos", arguments @ ..] => Some(arguments.to_vec()),
        ["cargo", "run", flags_and_arguments @ ..] => {
            let end = flags_and_arguments.iter().position(|&word| word == "--")?;
            Some(flags_and_arguments[end + 1..].to_vec())
        }
        _ => None,
    }
}

/// Whether these are the lines that are shown, `[…]` being any number of lines. A text ends where what is shown ends.
fn shows(shown: &[String], lines: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        [gap, rest @ ..] if gap == "[…]" => (0..=lines.len()).any(|skipped| shows(rest, &lines[skipped..])),
        [first, rest @ ..] => lines.first() == Some(&first.as_str()) && shows(rest, &lines[1..]),
    }
}

fn run(command: &mut Command) -> Output {
    command.current_dir(root()).env_remove("CLICOLOR_FORCE").output().unwrap()
}

/// A folder with a copy of the scenarios, for commands that leave something behind.
fn copy_of_the_scenarios() -> PathBuf {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-commands");
    _ = std::fs::remove_dir_all(&copy);
    let scenarios = atropos::harness::find(&[root().join("scenarios")]).unwrap();
    for path in scenarios {
        let to = copy.join(path.strip_prefix(root()).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(path, to).unwrap();
    }
    copy
}

#[test]
fn every_command_does_what_it_shows() {
    let here = copy_of_the_scenarios();
    for (command, shown) in commands() {
        let Some(arguments) = arguments(&command) else {
            assert!(NOT_RUN.contains(&command.as_str()), "`{command}` is neither run nor listed here as not run");
            assert!(shown.is_empty(), "nobody checks what is shown under `{command}`");
            continue;
        };
        let mut atropos = Command::new(env!("CARGO_BIN_EXE_atropos"));
        let output = atropos.args(&arguments).current_dir(&here).env_remove("CLICOLOR_FORCE").output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        // What is explored there fails, and is meant to.
        let expected = if arguments[0] == "explore" { Some(1) } else { Some(0) };
        assert_eq!(output.status.code(), expected, "`{command}` fails:\n{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert!(shows(&shown, &lines), "`{command}` shows\n{}\nbut it prints\n{text}", shown.join("\n"));
    }
}

#[test]
fn every_listed_command_stands_in_the_readme() {
    for listed in NOT_RUN {
        assert!(commands().iter().any(|(command, _)| command == listed), "`{listed}` is not in the README");
    }
}

/// One run of the first scenario.
fn first_run(strategy: &strategy::Strategy, runtime: Runtime) -> Judged {
    let file = File::load(&root().join("scenarios/first.toml")).unwrap();
    file.run(&Run { strategy: Some(strategy.name.to_owned()), runtime, profile: None, seed: None }).unwrap()
}

#[test]
fn the_strategies_table_is_the_generated_one() {
    let runs: Vec<_> =
        strategy::on(Runtime::Asyncio).map(|strategy| (strategy.name, first_run(strategy, Runtime::Asyncio))).collect();
    let rows: Vec<Row<'_>> = runs
        .iter()
        .map(|&(strategy, ref judged)| {
            let (tally, outcome) = (judged.trace.tally(), judged.trace.outcome);
            Row { strategy, tally, outcome, on: "asyncio 3.13" }
        })
        .collect();
    let table = report::table(&rows);
    assert!(readme().contains(&table), "the README does not have this table:\n{table}");
}

/// The two runtimes side by side: what happens in the ordinary order, and in how many ways runs on tokio end in others.
#[test]
fn the_columns_of_tokio_are_the_generated_ones() {
    let file = File::load(&root().join("scenarios/first.toml")).unwrap();
    let told = |strategy, runtime| {
        let tally = first_run(strategy, runtime).trace.tally();
        format!("{} / {} / {}, {}", tally.finished, tally.failed, tally.cancelled, tally.ended)
    };
    let mut table = "| strategy | asyncio 3.13 | tokio | tokio, 200 orders |\n|---|---|---|---|\n".to_owned();
    for strategy in strategy::on(Runtime::Tokio) {
        let on_asyncio = if strategy.is_tokio_only { "–".to_owned() } else { told(strategy, Runtime::Asyncio) };
        let (name, runtime) = (strategy.name, Some(Runtime::Tokio));
        let setting = Setting { strategy: Some(name.to_owned()), runtime, ..Setting::default() };
        let plan = Plan { faults: 0, seeds: 0..200, sampler: Sampler::Random, ..Plan::default() };
        let explored = file.explore(&setting, &plan, &mut |_| true).unwrap().explored;
        assert!(explored.unstable.is_none(), "{name}");
        let mut ways: Vec<String> = explored
            .endings
            .keys()
            .map(|(_, tally)| format!("{} / {} / {}", tally.finished, tally.failed, tally.cancelled))
            .collect();
        ways.dedup();
        let ways = ways.join(", ");
        table.push_str(&format!("| `{name}` | {on_asyncio} | {} | {ways} |\n", told(strategy, Runtime::Tokio)));
    }
    assert!(readme().contains(&table), "the README does not have this table:\n{table}");
}

#[test]
fn the_scenario_that_is_shown_is_the_one_that_runs() {
    let text = std::fs::read_to_string(root().join("scenarios/first.toml")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = blocks("toml").into_iter().find(|block| block.iter().any(|line| line == "[[task]]")).unwrap();
    for end in [0, shown.len() + 1] {
        shown.insert(end, "[…]".to_owned());
    }
    assert!(shows(&shown, &lines), "scenarios/first.toml does not have these lines:\n{}", shown.join("\n"));
}

#[test]
fn every_file_that_is_named_is_there() {
    let text = readme();
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let is_here =
        |name: &&str| ["sim/", "tests/", "scenarios/", "snapshots/", "LICENSE"].iter().any(|at| name.starts_with(at));
    // These two the reader makes.
    let made = ["scenarios/mine.toml", "snapshots/scenarios/mine/"];
    for name in quoted.chain(linked).filter(is_here).filter(|name| !made.contains(name)) {
        assert!(root().join(name).exists(), "the README speaks of {name}, which is not there");
    }
}

#[test]
fn a_dev_dependency_adds_so_many_crates() {
    let arguments = ["tree", "--offline", "-e", "normal", "--no-default-features", "--prefix", "none", "--no-dedupe"];
    let output = run(Command::new(env!("CARGO")).args(arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let crates: std::collections::BTreeSet<&str> = text.lines().collect();
    let claim = format!("adds {} other crates", crates.len() - 1);
    assert!(readme().contains(&claim), "the README does not say that it {claim}");
}

/// The three steps of the README, in a copy of the package: cargo itself tests, but the suite looks into the copy.
#[test]
fn a_scenario_of_ones_own_is_three_steps() {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir_all(copy.join("scenarios")).unwrap();
    std::fs::create_dir_all(copy.join("snapshots/scenarios")).unwrap();
    std::fs::copy(root().join("scenarios/first.toml"), copy.join("scenarios/mine.toml")).unwrap();

    let (test, accept) = (NOT_RUN[2], NOT_RUN[3]);
    let stand_together = commands().windows(2).any(|two| two[0].0 == test && two[1].0 == accept);
    assert!(stand_together, "the README does not say: {test}, and then {accept}");

    let (passes, text) = in_the_copy(&copy, test);
    assert!(!passes && text.contains("9 finished, 1 failed"), "it shows the whole trace and fails:\n{text}");
    let (passes, text) = in_the_copy(&copy, accept);
    assert!(passes, "it accepts:\n{text}");
    assert!(copy.join("snapshots/scenarios/mine/cancel-each-task.asyncio.snap").exists());
    let (passes, text) = in_the_copy(&copy, test);
    assert!(passes, "it passes from then on:\n{text}");

    let path: PathBuf = copy.join("scenarios/mine.toml");
    let changed = std::fs::read_to_string(&path).unwrap().replacen("sleep = \"1s\"", "sleep = \"1100ms\"", 1);
    std::fs::write(&path, changed).unwrap();
    assert!(!in_the_copy(&copy, test).0, "it fails when anything happens otherwise");
}

/// Runs a `cargo test` of the README, with the copy as the package: whether it passes, and what it prints.
fn in_the_copy(copy: &Path, command: &str) -> (bool, String) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let at = words.iter().position(|&word| word == "cargo").unwrap();
    let runner = format!("target.'cfg(all())'.runner = ['env', 'CARGO_MANIFEST_DIR={}']", copy.display());
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["--offline", "--config", &runner]).args(&words[at + 1..]);
    // Neither a build server's settings nor this developer's may accept or forbid for the reader.
    for variable in ["CI", "TF_BUILD", "INSTA_UPDATE", "INSTA_FORCE_PASS", "INSTA_OUTPUT", "RUST_BACKTRACE"] {
        cargo.env_remove(variable);
    }
    cargo.envs(words[..at].iter().filter_map(|word| word.split_once('=')));
    let output = run(&mut cargo);
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_gap_is_any_number_of_lines() {
    let shows = |shown: &str, text: &str| {
        let shown: Vec<String> = shown.lines().map(str::to_owned).collect();
        shows(&shown, &text.lines().collect::<Vec<_>>())
    };
    assert!(shows("a\n[…]\nd", "a\nb\nc\nd") && shows("[…]\na", "a") && shows("[…]", ""));
    assert!(!shows("a\n[…]\nc", "a\nb") && !shows("a", "a\nb") && !shows("[…]\nb\n[…]\na", "a\nb"));
}
