//! The interpreters that are installed here, and the scripts of `tests/cpython/` run by them.
//!
//! Knows nothing of what is compared.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use atropos::program::Profile;

/// An installed CPython for which there is a profile.
#[derive(Clone, Debug)]
pub struct Python {
    pub path: PathBuf,
    pub version: String,
    pub profile: Profile,
}

/// One interpreter for each profile that there is one for, the oldest first; why the others are missing is printed.
///
/// # Panics
///
/// If there is none, and the environment says that there has to be one.
pub fn interpreters() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut installed: Vec<Python> = candidates().iter().filter_map(|path| ask_version(path)).collect();
        installed.sort_by_key(|python| python.version != python.profile.checked_against);
        let mut found = Vec::new();
        for profile in Profile::ALL {
            match installed.iter().find(|python| python.profile == profile) {
                Some(python) => found.push(python.clone()),
                None => println!("skipped: Python {}, because no such interpreter is installed", profile.name),
            }
        }
        assert!(
            !found.is_empty() || !is_required(),
            "expected a Python from 3.8 to 3.13 on PATH or in ~/.pyenv/versions, but found none"
        );
        found
    })
}

/// The interpreter that reads TOML: the newest that has `tomllib`.
pub fn reader() -> Option<&'static Python> {
    let newest = interpreters().last().filter(|python| !matches!(python.profile.name, "3.8" | "3.9" | "3.10"));
    if newest.is_none() {
        assert!(!is_required(), "expected a Python from 3.11 on, which can read TOML, but found only older ones");
        println!("skipped: everything, because reading TOML takes a Python from 3.11 on");
    }
    newest
}

/// Whether the environment says that what needs Python must not be skipped.
fn is_required() -> bool {
    variable("ATROPOS_REQUIRE_PYTHON").is_some_and(|value| value == "1")
}

pub fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    std::env::var(name).ok()
}

fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(home) = variable("HOME")
        && let Ok(versions) = std::fs::read_dir(Path::new(&home).join(".pyenv/versions"))
    {
        found.extend(versions.flatten().map(|version| version.path().join("bin/python")));
    }
    let path = variable("PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&path).map(|folder| folder.join("python3")));
    found.retain(|candidate| candidate.exists());
    found.sort();
    found
}

fn ask_version(path: &Path) -> Option<Python> {
    let program = "import sys; print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])))";
    let answer = Command::new(path).args(["-c", program]).stderr(Stdio::null()).output().ok()?;
    let answer = String::from_utf8(answer.stdout).ok()?;
    let version = answer.trim().strip_prefix("cpython ")?;
    let profile = Profile::find(version.rsplit_once('.')?.0)?;
    Some(Python { path: path.to_owned(), version: version.to_owned(), profile })
}

/// A script that answers every line with a line.
pub struct Script {
    python: &'static Python,
    script: &'static str,
    arguments: &'static [&'static str],
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Script {
    pub fn start(python: &'static Python, script: &'static str, arguments: &'static [&'static str]) -> Script {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cpython").join(script);
        let mut command = Command::new(&python.path);
        // Without `-B`, the scripts' folder would get a folder of compiled ones for each version.
        command.arg("-B").arg(path).args(arguments).env("PYTHONIOENCODING", "utf-8");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it was just asked");
        let requests = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        Script { python, script, arguments, process, requests, answers }
    }

    /// Sends a line. Its answer is read later, so that several scripts can work at a time.
    pub fn send(&mut self, request: &str) {
        // A script that has ended is told of where its answer is missing.
        _ = writeln!(self.requests, "{}", request.trim_end());
    }

    /// Reads the answer of the line that was sent last. A script that has ended instead is started again.
    pub fn receive(&mut self) -> Result<String, String> {
        let mut answer = String::new();
        if self.answers.read_line(&mut answer).is_ok_and(|length| length > 0) {
            return Ok(answer);
        }
        let status = self.process.wait().expect("it was started");
        let version = &self.python.version;
        let message = format!("{} on Python {version} ended with {status} in place of an answer", self.script);
        *self = Script::start(self.python, self.script, self.arguments);
        Err(message)
    }

    pub fn python(&self) -> &'static Python {
        self.python
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it may be left behind.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
