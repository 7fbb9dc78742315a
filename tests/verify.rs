//! `atropos verify` with interpreters that are none, that are broken, and that lie: nothing of it may pass for a
//! comparison. The fakes stand in `tests/interpreters/`.

#![cfg(all(feature = "cli", unix))]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use atropos::harness::{Interpreter, installed};

const SCENARIO: &str = r#"
about = "A task fails."
[[task]]
name = "worker"
steps = [{ sleep = "1s" }, { raise = "broken" }]
[main]
steps = [
    { spawn = "worker", as = "task" },
    { try = [{ await = "task" }], except = { "Exception as e" = [{ print = "{e}" }] } },
]
"#;

/// A folder of its own for a test, with one scenario in it.
fn folder(name: &str, scenario: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verify").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.toml"), scenario).unwrap();
    folder
}

fn fake(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interpreters").join(name).display().to_string()
}

/// What `verify` prints on each of its streams, and its exit code. `environment` says what is found without being named.
fn verify(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atropos"));
    command.current_dir(folder).args(["verify", "a.toml"]).args(arguments).stdin(Stdio::null());
    command.envs(environment.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&fake(""), "");
    (text(&output.stdout), text(&output.stderr), output.status.code().expect("it is not killed"))
}

/// With nothing but fakes to be found: what they need stands in `/usr/bin` and `/bin` everywhere, Python may too.
fn with_fake(name: &str, expected: &str) {
    let folder = folder(name, SCENARIO);
    let (out, err, code) = verify(&folder, &["--timeout", "2", "--python", &fake(name)], &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{err}");
    assert!(err.contains(expected), "{name}: {err}");
}

#[test]
fn who_is_no_cpython_of_these_versions_is_told_so() {
    with_fake("nobody.sh", "error: `nobody.sh` cannot be run: No such file or directory");
    with_fake("no-python.sh", "`no-python.sh` is no Python: asked for its version, it answered \"good morning\"");
    with_fake("too-old.sh", "`too-old.sh` is Python 2.7.18; expected one from 3.8 to 3.13");
    with_fake("pypy.sh", "`pypy.sh` is pypy 3.10.14; expected CPython");
    with_fake("mute.sh", "is no Python that can be used: asked for its version, it gave no answer within 2 s");
    with_fake("dies-at-once.sh", "it ended with exit status: 127 in place of an answer, saying\nlibpython is missing");
}

#[test]
fn an_interpreter_that_does_not_answer_is_an_error() {
    with_fake(
        "dies.sh",
        "a.toml: nothing is known, because the reader of scenarios on Python 3.13.0 (`dies.sh`) ended",
    );
    with_fake("dies.sh", "ended with exit status: 3 in place of an answer, saying\nFatal Python error: out of luck");
    with_fake("hangs.sh", "on Python 3.13.0 (`hangs.sh`) gave no answer within 2 s");
    for rubbish in ["rubbish.sh", "number.sh", "silent-run.sh", "endless.sh"] {
        with_fake(rubbish, "a.toml: nothing is known, because the reader of scenarios on Python 3.13.0");
    }
}

#[test]
fn no_interpreter_is_an_error() {
    let nowhere = folder("nowhere", SCENARIO);
    let empty = nowhere.display().to_string();
    let environment = [("PATH", empty.as_str()), ("HOME", &empty)];
    let (out, err, code) = verify(&nowhere, &[], &environment);
    assert_eq!((out.as_str(), code), ("", 2));
    assert!(err.starts_with("error: expected a CPython from 3.8 to 3.13 on PATH or in ~/.pyenv/versions"), "{err}");
    // It says who it is in words of the shell itself, for which there is nothing to be found.
    let (_, err, code) = verify(&nowhere, &["--python", &fake("old.sh")], &environment);
    assert_eq!(
        (err.as_str(), code),
        ("error: expected a Python from 3.11 on, which can read TOML, but found only older ones\n", 2)
    );
}

/// Of those that are installed here, too: the reason is told, and nothing is run.
#[test]
fn an_old_python_is_told_so() {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    let home = std::env::var("HOME").unwrap_or_default();
    let folder = folder("old", SCENARIO);
    for version in ["2.7.18", "3.6.15", "3.7.16"] {
        let path = format!("{home}/.pyenv/versions/{version}/bin/python");
        if !Path::new(&path).exists() {
            println!("skipped, because no Python {version} is installed");
            continue;
        }
        let (out, err, code) = verify(&folder, &["--python", &path], &[]);
        let expected = format!("error: `{path}` is Python {version}; expected one from 3.8 to 3.13\n");
        assert_eq!((out.as_str(), err, code), ("", expected, 2));
    }
}

/// Killed in the middle of many: what was compared before stands, and the rest is no pass.
#[test]
fn an_interpreter_that_is_killed_half_way_is_an_error() {
    let installed = installed();
    let Some(python) = installed.iter().rev().find(|python| python.profile.name == "3.13") else {
        return println!("skipped, because no Python 3.13 is installed");
    };
    let folder = folder("killed", SCENARIO);
    for name in ["b.toml", "c.toml"] {
        std::fs::write(folder.join(name), SCENARIO).unwrap();
    }
    let path = python.path.display().to_string();
    let arguments = ["b.toml", "c.toml", "--python", &fake("killed.sh")];
    let (out, err, code) = verify(&folder, &arguments, &[("LIAR", &path)]);
    let (version, equal) = (&python.version, "equal, 14 events");
    assert!(
        out.starts_with(&format!("a.toml on Python {version}: {equal}\nb.toml on Python {version}: {equal}\n")),
        "{out}"
    );
    assert!(!out.contains("c.toml"), "{out}");
    let expected = format!(
        "error: c.toml: nothing is known, because the reader of scenarios on Python {version} (`killed.sh`) ended"
    );
    assert!(err.starts_with(&expected) && err.contains("signal: 9"), "{err}");
    assert_eq!(code, 2);
}

/// Where Python takes steps of one coroutine in two places, nothing is compared, and so nothing is equal.
#[test]
fn a_coroutine_in_two_tasks_is_not_applicable() {
    let installed = installed();
    let Some(python) = installed.iter().rev().find(|python| python.profile.name == "3.13") else {
        return println!("skipped, because no Python 3.13 is installed");
    };
    let steps = "[{ spawn = \"coros\" }, { gather = \"coros\", as = \"all\" }, { await = \"all\" }]";
    let task = "[[task]]\nname = \"a\"\nsteps = [{ sleep = \"1s\" }]\n";
    let folder = folder("twice", &format!("about = \"Twice.\"\n{task}[main]\nsteps = {steps}\n"));
    let (out, err, code) = verify(&folder, &["--python", &python.path.display().to_string()], &[]);
    let reason = "a coroutine is started again that has not ended: Python takes steps of it in both places";
    assert!(
        out.starts_with(&format!("a.toml on Python {}: not applicable, because {reason}\n", python.version)),
        "{out}"
    );
    assert_eq!((err.as_str(), code), ("error: nothing was verified\n", 1));
}

/// No interpreter is needed to see that there is nothing for one.
#[test]
fn nothing_verified_is_a_failure() {
    let folder = folder("tokio", &format!("runtimes = [\"tokio\", \"turmoil\"]\n{SCENARIO}"));
    let (out, err, code) = verify(&folder, &["--python", &fake("hangs.sh")], &[]);
    let expected =
        "a.toml: not applicable, because it is for tokio and turmoil\n\n0 equal, 0 different; 1 not applicable\n";
    assert_eq!((out.as_str(), err.as_str(), code), (expected, "error: nothing was verified\n", 1));
}

/// Ctrl-C at an interpreter that hangs: it ends at once, says how far it has come, and is no success.
#[test]
fn an_interruption_is_no_success() {
    let folder = folder("interrupted", SCENARIO);
    std::fs::write(folder.join("tokio.toml"), format!("runtimes = [\"tokio\"]\n{SCENARIO}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_atropos"));
    command.current_dir(&folder).args(["verify", "tokio.toml", "a.toml", "--python", &fake("hangs.sh")]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    assert_eq!(first, "tokio.toml: not applicable, because it is for tokio\n");
    // Now it waits for the interpreter, and would for a minute.
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "\n0 equal, 0 different; 1 not applicable; interrupted before it was done\n");
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((err.as_str(), output.status.code()), ("error: nothing was verified\n", Some(1)));
}

/// An interpreter of each of these versions. Nothing if one is missing: then it is said which, and what is skipped.
///
/// # Panics
///
/// If there is none at all, and the environment says that there has to be one.
fn pythons<const COUNT: usize>(versions: [&str; COUNT]) -> Option<[Interpreter; COUNT]> {
    let installed = installed();
    let of = |name: &str| installed.iter().rev().find(|python| python.profile.name == name).cloned();
    if let Some(missing) = versions.iter().find(|name| of(name).is_none()) {
        #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
        let is_required = std::env::var("ATROPOS_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
        assert!(
            !installed.is_empty() || !is_required,
            "expected a Python {missing}, but no Python at all is installed"
        );
        #[expect(clippy::disallowed_methods, reason = "the name is for people")]
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // What a test prints with `println!` is shown only if it fails.
        _ = writeln!(std::io::stderr(), "skipped: {test}, because no Python {missing} is installed");
        return None;
    }
    Some(versions.map(|name| of(name).expect("it is there")))
}

/// Every line is an object whose keys stand in the documentation.
#[test]
fn programs_are_told_in_json() {
    let Some([python]) = pythons(["3.13"]) else { return };
    let path = python.path.display().to_string();
    let folder = folder("json", SCENARIO);
    std::fs::write(folder.join("b.toml"), format!("runtimes = [\"tokio\"]\n{SCENARIO}")).unwrap();
    let arguments = ["b.toml", "--format", "json", "--python", &fake("liar.sh"), "--python", &path];
    let (out, err, code) = verify(&folder, &arguments, &[("LIAR", &path)]);
    assert_eq!((err.as_str(), code), ("", 1));
    let schema = include_str!("../sim/report/json.md");
    for line in out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in line.as_object().unwrap().keys() {
            assert!(schema.contains(&format!("`{key}`")), "{key} is not in json.md");
        }
    }
    snapshot("json", &out.replace(&python.version, "3.13.x"));
}

/// What a version does not have is no difference; it is said which has it.
#[test]
fn what_a_version_lacks_is_not_applicable_there() {
    let Some([old, new]) = pythons(["3.10", "3.13"]) else { return };
    let main = "[main]\nsteps = [{ timeout = \"1s\", do = [{ sleep = \"500ms\" }] }]\n";
    let folder = folder("lacks", &format!("about = \"A timeout.\"\n{main}"));
    let (old_path, new_path) = (old.path.display().to_string(), new.path.display().to_string());
    let (out, err, code) = verify(&folder, &["--python", &old_path, "--python", &new_path], &[]);
    let (old, new) = (&old.version, &new.version);
    let reason = "Python 3.10 has no asyncio.timeout; there is one from Python 3.11 on: `python = \"3.11\"`";
    let place = " --> a.toml:3:10
  |
3 | steps = [{ timeout = \"1s\", do = [{ sleep = \"500ms\" }] }]
  |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not in 3.10";
    let expected = format!(
        "a.toml on Python {old}: not applicable, because {reason}\n{place}\na.toml on Python {new}: equal, 6 events\n\n\
         1 equal, 0 different on Python {new}; 1 not applicable\n"
    );
    assert_eq!((out, err.as_str(), code), (expected, "", 0));
    // The next one that lacks the same is told without the place, and programs are told it every time.
    let (out, ..) = verify(&folder, &["--python", &old_path, "--python", &old_path], &[]);
    assert_eq!((out.matches(reason).count(), out.matches(place).count()), (2, 1), "{out}");
    let (out, ..) = verify(&folder, &["--format", "json", "--python", &old_path, "--python", &old_path], &[]);
    assert_eq!(out.matches(r#""line":3,"column":10}"#).count(), 2, "{out}");
    // And with the old one alone nothing is verified; who reads is found without being named.
    let (out, err, code) = verify(&folder, &["--python", &old_path], &[]);
    assert_eq!((err.as_str(), code), ("error: nothing was verified\n", 1), "{out}");
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots/verify" }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn what_differs_is_shown_beside_what_we_say() {
    let Some([python]) = pythons(["3.13"]) else { return };
    let path = python.path.display().to_string();
    let folder = folder("liar", SCENARIO);
    let (out, err, code) = verify(&folder, &["--python", &path], &[]);
    let version = &python.version;
    let expected = format!(
        "a.toml on Python {version}: equal, 14 events\n\n1 equal, 0 different on Python {version}; 0 not applicable\n"
    );
    assert_eq!((out, err, code), (expected, String::new(), 0));
    // The reader is the real one, and what judges beside it is none.
    for broken in ["dies.sh", "hangs.sh", "rubbish.sh", "number.sh"] {
        let (out, err, code) = verify(&folder, &["--timeout", "2", "--python", &fake(broken), "--python", &path], &[]);
        assert_eq!((out.as_str(), code), ("", 2), "{broken}: {err}");
        assert!(err.contains("nothing is known, because the judge of programs on Python 3.13.0 (`"), "{broken}: {err}");
    }
    let (out, _, code) = verify(&folder, &["--python", &fake("liar.sh")], &[("LIAR", &path)]);
    assert_eq!(code, 1, "{out}");
    snapshot("different", &out.replace(version, "3.13.x"));
}
