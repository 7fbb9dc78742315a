//! The suite of `tests/scenarios.rs` in another folder: what its tests are called, and what they say.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A worker that takes a cancellation for one more error.
const LOST: &str = include_str!("lost.toml");

/// The token with which it is found, beside what people read.
const SAVED: &str = r#"
[[failure]]
what = "lost-cancel"
task = "worker"
story = "It is lost."
token = "a1-JVqlkQAyjBBMAAAEBndvcmtlcgdhd2FpdCAxAQl3YWl0aW5nKzB2Segq"
"#;

/// The package in another place, with these files in it.
fn package(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("suite").join(name);
    _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("snapshots/scenarios")).unwrap();
    std::fs::create_dir_all(folder.join("scenarios")).unwrap();
    for (file, text) in files {
        std::fs::write(folder.join("scenarios").join(file), text).unwrap();
    }
    folder
}

/// Runs the suite in that place: whether it passes, and what it prints.
fn tests(package: &Path, arguments: &[&str]) -> (bool, String) {
    let runner = format!("target.'cfg(all())'.runner = ['env', 'CARGO_MANIFEST_DIR={}']", package.display());
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["--offline", "--config", &runner, "test", "--all-features", "-q", "--test", "scenarios", "--"]);
    cargo.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUST_BACKTRACE");
    let output = cargo.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_file_is_several_tests_and_what_is_saved_comes_first() {
    let plain = LOST.split("[[inject]]").next().unwrap();
    let must_find = format!("{plain}\n[expect]\nmust_find = {{ oracle = \"deadlock\", within = 3 }}\n");
    let files = [("a.toml", plain), ("b.toml", must_find.as_str()), ("c.toml", LOST), ("c.failures.toml", SAVED)];
    let (passes, text) = tests(&package("names", &files), &["--list"]);
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let expected = [
        "c::saved failures",
        "a::main::asyncio",
        "b::main::asyncio",
        "b::main::explored",
        "c::main::asyncio",
        "c::main::explored",
        "every snapshot is in use",
    ];
    assert!(passes && names == expected, "{text}");
}

#[test]
fn what_is_found_is_told_with_the_command_that_shows_it_again() {
    let package = package("found", &[("lost.toml", LOST)]);
    let (passes, text) = tests(&package, &["explored"]);
    assert!(!passes && text.contains("lost-cancel: `worker` was cancelled while it waited"), "{text}");
    assert!(text.contains("1,008 runs: every one of 7 single cancellations in plain order, seeds 0..1000"), "{text}");
    assert!(!package.join("scenarios/lost.failures.toml").exists(), "a test saves nothing");
    // The same words as those of the command line.
    let mut command = text.lines().find_map(|line| line.trim().strip_prefix("atropos ")).unwrap().split(' ');
    let (replay, token, path) = (command.next().unwrap(), command.next().unwrap(), command.next().unwrap());
    assert_eq!((replay, command.next()), ("replay", None));
    assert!(SAVED.contains(token) && Path::new(path).is_relative() && Path::new(path).exists(), "{path}");
}

#[test]
fn what_is_saved_has_to_hold() {
    let files = [("lost.toml", LOST), ("lost.failures.toml", SAVED)];
    let (passes, text) = tests(&package("saved", &files), &["saved"]);
    assert!(!passes && text.contains("still fails (lost-cancel, under the file's own main)"), "{text}");
    assert!(text.contains("See it again:\n  atropos replay a1-"), "{text}");

    let fixed = LOST.replace("BaseException", "Exception");
    let files = [("lost.toml", fixed.as_str()), ("lost.failures.toml", SAVED)];
    let (passes, text) = tests(&package("fixed", &files), &["saved"]);
    assert!(passes && text.contains("1 passed"), "{text}");
}

#[test]
fn nothing_that_is_saved_is_left_out_unseen() {
    let broken = SAVED.replace("what =", "waht =");
    let files = [("lost.toml", LOST), ("lost.failures.toml", broken.as_str()), ("gone.failures.toml", SAVED)];
    let (passes, text) = tests(&package("unseen", &files), &["failures"]);
    assert!(!passes && text.contains("there is no key `waht`") && text.contains("lost.failures.toml:3:1"), "{text}");
    assert!(text.contains("gone.failures.toml: these failures stand beside no scenario"), "{text}");
}

#[test]
fn a_folder_without_scenarios_fails() {
    let (passes, text) = tests(&package("empty", &[]), &["scenarios"]);
    assert!(!passes && text.contains("found no *.toml in this folder"), "{text}");
}
