//! The command line as a user sees it: what is printed, where, and how the process ends.
//!
//! Most of it stands in snapshots, under `snapshots/cli/`; they were read one by one, as a newcomer would.

#![cfg(all(feature = "cli", feature = "network"))]

mod finding;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Two tasks, of which one fails; two strategies; as short a trace as there can be.
const SMALL: &str = r#"
about = "One of two tasks fails."
strategy = ["gather-cancel-wrong", "cancel-each-task"]
parameters = { linger = "1s" }

[[task]]
name = "task {i}"
count = 2
steps = [{ sleep = "1s" }, { point = "p" }, { sleep = "500ms" }, { print = "task {i} done" }]

[[fail]]
task = "task 1"
at = "p"
raise = "broken"

[expect]
failed = 1
"#;

/// A folder of its own for a test, with these files in it.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (file, text) in files {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// The command in a folder, without anything of the environment that could change how it looks.
fn atropos(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atropos"));
    command.current_dir(folder).args(arguments.split_whitespace()).stdin(Stdio::null());
    for variable in ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

/// What the command leaves behind: the two streams, as they would stand in a terminal one after the other, and the
/// exit code.
fn seen(folder: &Path, arguments: &str) -> (String, i32) {
    let output = atropos(folder, arguments).output().unwrap();
    let code = output.status.code().expect("it is not killed");
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "colours go to terminals only");
    let mut text = format!("{}\n{out}", format!("$ atropos {arguments}").trim_end());
    if !err.is_empty() {
        text.push_str(&format!("-- on standard error --\n{err}"));
    }
    (format!("{text}-- exit code {code} --\n"), code)
}

/// Holds what the command shows against the snapshot of this name.
fn shows(name: &str, files: &[(&str, &str)], arguments: &str, code: i32) {
    shows_in(&folder(name, files), name, arguments, code);
}

/// The same in a folder in which something happened before.
fn shows_in(folder: &Path, name: &str, arguments: &str, code: i32) {
    let (text, found) = seen(folder, arguments);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/cli"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
    assert_eq!(found, code, "the exit code of `atropos {arguments}`");
}

#[test]
fn help() {
    shows("help", &[], "--help", 0);
    shows("help-run", &[], "run --help", 0);
    shows("help-check", &[], "check --help", 0);
    shows("help-python", &[], "python --help", 0);
    shows("help-verify", &[], "verify --help", 0);
    shows("help-strategies", &[], "strategies --help", 0);
    shows("no-command", &[], "", 2);
    shows("unknown-command", &[], "rnu", 2);
}

#[test]
fn run_prints_every_event() {
    shows("run", &[("small.toml", SMALL)], "run small.toml", 0);
    shows("run-one-strategy", &[("small.toml", SMALL)], "run small.toml --strategy cancel-each-task", 0);
    shows("run-seed", &[("small.toml", SMALL)], "run small.toml --strategy cancel-each-task --seed 7", 0);
    shows("run-python", &[("small.toml", SMALL)], "run small.toml --strategy cancel-each-task --python 3.10", 0);
    shows("run-tokio", &[("small.toml", SMALL)], "run small.toml --strategy cancel-each-task --runtime tokio", 0);
    shows("run-turmoil", &[("small.toml", SMALL)], "run small.toml --strategy cancel-each-task --runtime turmoil", 0);
}

#[test]
fn run_prints_in_other_formats() {
    shows("run-json", &[("small.toml", SMALL)], "run small.toml --strategy cancel-each-task --format json", 0);
    shows("run-transcript", &[("small.toml", SMALL)], "run small.toml --format transcript", 0);
    shows("run-table", &[("small.toml", SMALL)], "run small.toml --strategy all --format table", 0);
    shows("run-markdown", &[("small.toml", SMALL)], "run small.toml --format markdown --python 3.8", 0);
    shows("run-table-tokio", &[("small.toml", SMALL)], "run small.toml --format table --runtime tokio", 0);
    shows("unknown-format", &[("small.toml", SMALL)], "run small.toml --format jsno", 2);
}

#[test]
fn run_leaves_out_the_middle_of_a_run_without_end() {
    let endless = "about = \"A loop.\"\n[main]\nsteps = [{ while = true, do = [{ sleep = \"1s\" }] }]\n";
    let here = folder("no-end", &[("endless.toml", endless)]);
    let (text, code) = seen(&here, "run endless.toml");
    assert_eq!(
        (code, text.lines().filter(|line| line.contains("resumed: its sleep is over")).count()),
        (1, 124),
        "{text}"
    );
    assert!(text.contains("more events, all of which are in `--format json`"), "{text}");
    assert!(text.contains("out of steps: the limits are 1,000,000 steps (`steps` under `[limits]`)"), "{text}");
    assert!(100_000 < seen(&here, "run endless.toml --format json").0.lines().count());
}

#[test]
fn run_takes_files_and_folders() {
    let own_main = "about = \"Nothing but main.\"\n[main]\nsteps = [{ print = \"hello\" }]\n";
    let files = [("one.toml", own_main), ("folder/b.toml", SMALL), ("folder/a.toml", own_main), ("folder/x.txt", "no")];
    shows("several-files", &files, "run one.toml folder --format table", 0);
    shows("own-main", &files, "run one.toml", 0);
    let at_home = [("scenarios/a.toml", own_main), ("scenarios/b.toml", SMALL)];
    shows("run-here", &at_home, "run --format table", 0);
    shows("check-here", &at_home, "check", 0);
    shows("check-one", &at_home, "check scenarios/a.toml", 0);
}

#[test]
fn what_was_expected_and_did_not_happen() {
    let unmet = SMALL.replace("failed = 1", "failed = 0\nended = \"2s\"\n[expect.cancel-each-task]\nfailed = 2");
    let files = [("unmet.toml", unmet.as_str())];
    shows("unmet", &files, "run unmet.toml --format table", 1);
    shows("unmet-seed", &files, "run unmet.toml --strategy cancel-each-task --seed 7 --format transcript", 1);
    shows("unmet-in-a-folder-with-a-space", &[("it's here/a.toml", unmet.as_str())], "run . --format table", 1);
    // The file expects nothing of a strategy that it does not list.
    shows("unmet-other-strategy", &files, "run unmet.toml --strategy wait-first-exception --format table", 0);
}

#[test]
fn files_that_cannot_be_used() {
    let bad = SMALL.replace("strategy =", "stratgey =");
    let files = [("bad.toml", bad.as_str()), ("good.toml", SMALL), ("worse.toml", "about = 1\n[main]\nsteps = []\n")];
    shows("missing-file", &[], "run missing.toml", 2);
    shows("missing-default-folder", &[], "run", 2);
    shows("bad-files", &files, "run bad.toml good.toml worse.toml", 2);
    shows("check-bad-files", &files, "check .", 2);
    shows("empty-folder", &[("empty/x.txt", "no scenario")], "check empty", 2);
    shows(
        "not-a-strategy-for-it",
        &[("own.toml", OWN_MAIN_WITH_COROS)],
        "run own.toml --strategy all --format table",
        0,
    );
}

const OWN_MAIN_WITH_COROS: &str = r#"
about = "Its own main, which another strategy may replace."
[[task]]
name = "task"
steps = [{ sleep = "1s" }]
[main]
steps = [{ await = "coros[0]" }]
"#;

#[test]
fn a_file_that_is_not_utf_8() {
    let here = folder("not-utf-8", &[]);
    std::fs::write(here.join("latin.toml"), b"about = \"one\"\nsource = \"caf\xe9\"\n").unwrap();
    let (text, code) = seen(&here, "check latin.toml");
    assert_eq!(code, 2);
    assert!(text.contains("expected UTF-8, but found other bytes in line 2, at byte 27 of the file"), "{text}");
    assert!(text.contains("latin.toml") && text.contains("save the file as UTF-8"), "{text}");
}

#[test]
fn names_that_nothing_has() {
    shows("unknown-strategy", &[("small.toml", SMALL)], "run small.toml --strategy cancel-each-taks", 2);
    shows("unknown-strategy-far", &[("small.toml", SMALL)], "run small.toml --strategy xyz", 2);
    shows("unknown-strategy-to-show", &[], "strategies gather", 2);
    shows("unknown-python", &[("small.toml", SMALL)], "run small.toml --python 3.14", 2);
    shows("unknown-python-release", &[("small.toml", SMALL)], "run small.toml --python 3.10.13", 2);
    shows("unknown-runtime", &[("small.toml", SMALL)], "run small.toml --runtime tokoi", 2);
    shows("unknown-strategy-part", &[("small.toml", SMALL)], "run small.toml --strategy gather", 2);
    shows("bad-seed", &[("small.toml", SMALL)], "run small.toml --seed -1", 2);
}

#[test]
fn profiles() {
    shows("profiles", &[], "profiles", 0);
}

#[test]
fn strategies() {
    shows("strategies", &[], "strategies", 0);
    shows("strategies-one", &[], "strategies gather-cancel-wrong", 0);
}

#[test]
fn the_reference_is_the_reference() {
    let output = atropos(&folder("reference", &[]), "reference").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let (reference, differences) = (atropos::scenario::REFERENCE, atropos::tokio_program::DIFFERENCES);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{reference}\n{differences}"));
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = atropos(&folder("completions", &[]), &format!("completions {shell}")).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(String::from_utf8(output.stdout).unwrap().contains("strategies"), "{shell}");
    }
}

#[test]
fn every_command_may_lose_its_reader() {
    let many = SMALL.replace("count = 2", "count = 2000");
    let here = folder("closed", &[("many.toml", &many)]);
    let arguments = ["run many.toml", "run many.toml --format json", "reference", "completions bash", "strategies"];
    for arguments in arguments {
        let mut child = atropos(&here, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(!first.is_empty(), "{arguments}");
        assert_eq!(output.status.code(), Some(0), "{arguments}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments}");
    }
}

#[test]
fn who_stops_reading_still_learns_what_was_not_met() {
    let unmet = SMALL.replace("failed = 1", "failed = 0");
    let here = folder("closed-unmet", &[("unmet.toml", &unmet)]);
    let mut child = atropos(&here, "run unmet.toml").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn nobody_reads_the_errors() {
    let unmet = SMALL.replace("failed = 1", "failed = 0");
    let here = folder("closed-errors", &[("unmet.toml", &unmet), ("bad.toml", "about = 1")]);
    for (arguments, code) in [("run unmet.toml", 1), ("check bad.toml", 2), ("strategies xyz", 2), ("rnu", 2)] {
        let mut child = atropos(&here, arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments}");
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    let here = folder("colours", &[("bad.toml", "about = 1")]);
    let error = |variable: &str| {
        let output = atropos(&here, "check bad.toml").env(variable, "1").output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let (with, without) = (error("CLICOLOR_FORCE"), error("NO_COLOR"));
    assert!(with.contains('\u{1b}') && !without.contains('\u{1b}'), "{with}{without}");
    assert!(without.starts_with("error: expected a text, but found an integer"), "{without}");
}

#[test]
fn every_snapshot_is_in_use() {
    let tests =
        ["main.rs", "finding.rs"].map(|file| std::fs::read_to_string(Path::new("tests/cli").join(file)).unwrap());
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/cli")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        // What waits for review ends otherwise.
        if path.extension().is_some_and(|extension| extension == "snap") {
            let is_used = tests.iter().any(|tests| tests.contains(&format!("\"{name}\"")));
            assert!(is_used, "nothing uses {}: delete it", path.display());
        }
    }
}

/// What the articles say that their programs print, byte for byte: the listings' own output, with the blanks that the
/// articles' text has lost and the programs on CPython have.
#[test]
fn the_transcripts_of_the_ten_listings_are_what_the_articles_print() {
    let listings = atropos::harness::find(&["scenarios/articles".into()]).unwrap();
    let listings: Vec<_> = listings.into_iter().filter(|path| path.parent().unwrap().ends_with("articles")).collect();
    assert_eq!(listings.len(), 10);
    for path in listings {
        let file = atropos::harness::File::load(&path).unwrap();
        let [main] = file.scenario.mains()[..] else { panic!("{} has one main", path.display()) };
        let expected = file.scenario.expectation(main, false).prints.expect("a listing says what it prints");
        let command = format!("run {} --format transcript", path.display());
        let output = atropos(Path::new(env!("CARGO_MANIFEST_DIR")), &command).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected.join("\n") + "\n", "{}", path.display());
    }
}
