//! The interpreters of this machine: which there are, and processes of theirs that answer lines.
//!
//! Everything that can be wrong with an interpreter is found here, and is an error that says so: it is missing, too old,
//! no Python at all, it dies, it hangs. None of it can be taken for an answer.
//!
//! Knows nothing of what is asked.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use crate::cpython::{LOADER, Script};
use crate::program::Profile;

/// An installed CPython for which there is a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// Its program.
    pub path: PathBuf,
    /// Its version with the patch level, such as `3.12.1`.
    pub version: String,
    /// Which behaviour is expected of it.
    pub profile: Profile,
}

/// How long somebody waits for an answer.
#[derive(Clone, Debug)]
pub struct Patience {
    /// So long, and then it is a problem.
    pub limit: Duration,
    /// And only as long as this is not set.
    pub is_over: Arc<AtomicBool>,
}

impl Patience {
    /// One that nobody ends earlier.
    pub fn of(limit: Duration) -> Patience {
        Patience { limit, is_over: Arc::default() }
    }
}

/// What is wrong with an interpreter, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub String);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

/// Prints the implementation and the version, in words that even an old Python understands.
const WHO: &str = "import sys; print('%s %s' % (getattr(getattr(sys, 'implementation', None), 'name', 'cpython'), \
                   '.'.join(map(str, sys.version_info[:3]))))";

/// How long an interpreter that nobody has named may take to say who it is.
const FOUND_PATIENCE: Duration = Duration::from_secs(20);

/// How long nobody looks whether patience is over.
const LOOK: Duration = Duration::from_millis(50);

/// How long an answer may be, and how many are kept that nobody has asked for yet.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
const ANSWERS_KEPT: usize = 4;

/// How much of what an interpreter complains about is shown.
const COMPLAINT_MAX: usize = 600;

/// The interpreters on PATH and under pyenv: one for each profile that there is one for, the oldest first.
pub fn installed() -> Vec<Interpreter> {
    let mut found: Vec<Interpreter> =
        candidates().iter().filter_map(|path| Interpreter::find(path, &Patience::of(FOUND_PATIENCE)).ok()).collect();
    // The patch level that the profile was checked against goes first.
    found.sort_by_key(|python| python.version != python.profile.checked_against);
    let of_profile = |profile: Profile| found.iter().find(|python| python.profile == profile).cloned();
    Profile::ALL.into_iter().filter_map(of_profile).collect()
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(home) = std::env::var_os("HOME")
        && let Ok(versions) = std::fs::read_dir(Path::new(&home).join(".pyenv/versions"))
    {
        found.extend(versions.flatten().map(|version| version.path().join("bin/python")));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let minors = Profile::ALL.map(|profile| format!("python{}", profile.name));
    for folder in std::env::split_paths(&path) {
        found.extend(minors.iter().map(String::as_str).chain(["python3"]).map(|name| folder.join(name)));
    }
    found.retain(|candidate| candidate.is_file());
    found.sort();
    found.dedup();
    found
}

impl Interpreter {
    /// The interpreter of this path, or of this name on PATH, which may take so long to say who it is.
    ///
    /// # Errors
    ///
    /// If it cannot be run, is no CPython, or one for which there is no profile.
    pub fn find(path: &Path, patience: &Patience) -> Result<Interpreter, Problem> {
        let shown = path.display();
        let problem = |what: String| Err(Problem(format!("`{shown}` {what}")));
        let mut command = Command::new(path);
        command.args(["-c", WHO]);
        let mut process = match Process::start(&mut command) {
            Ok(process) => process,
            Err(error) => return problem(format!("cannot be run: {error}")),
        };
        let answer = match process.line(patience) {
            Ok(line) => line,
            Err(what) => return problem(format!("is no Python that can be used: asked for its version, it {what}")),
        };
        let Some((name, version)) = answer.trim().split_once(' ').filter(|(_, version)| is_version(version)) else {
            let answer: String = answer.trim().chars().take(COMPLAINT_MAX).collect();
            return problem(format!("is no Python: asked for its version, it answered {answer:?}"));
        };
        if name != "cpython" {
            return problem(format!("is {name} {version}; expected CPython, whose loop this is about"));
        }
        let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
        let Some(profile) = Profile::find(minor) else {
            let [oldest, .., newest] = Profile::ALL;
            return problem(format!("is Python {version}; expected one from {} to {}", oldest.name, newest.name));
        };
        Ok(Interpreter { path: path.to_owned(), version: version.to_owned(), profile })
    }

    /// Whether it can read scenarios: older ones know no TOML.
    pub fn reads_toml(&self) -> bool {
        !matches!(self.profile.name, "3.8" | "3.9" | "3.10")
    }
}

fn is_version(text: &str) -> bool {
    text.split('.').count() == 3 && text.split('.').all(|part| part.parse::<u32>().is_ok())
}

/// A script that an interpreter runs: it answers every line with a line.
pub struct Session {
    interpreter: Interpreter,
    script: Script,
    patience: Patience,
    process: Process,
}

impl Session {
    /// Starts a script, which may take so long for each answer.
    ///
    /// # Errors
    ///
    /// If the interpreter cannot be run.
    pub fn start(interpreter: &Interpreter, script: Script, patience: &Patience) -> Result<Session, Problem> {
        let mut command = Command::new(&interpreter.path);
        // Isolated: neither a module in this folder nor a setting of the user is part of the comparison.
        command.args(["-I", "-B", "-X", "utf8", "-c", LOADER]);
        let process = Process::start(&mut command)
            .map_err(|error| Problem(format!("`{}` cannot be run: {error}", interpreter.path.display())))?;
        process.send(script.first_line());
        Ok(Session { interpreter: interpreter.clone(), script, patience: patience.clone(), process })
    }

    /// Sends a line. Its answer is read later, so that several interpreters can work at a time.
    pub fn send(&self, request: &str) {
        self.process.send(request.trim_end().to_owned());
    }

    /// The answer of the line that was sent last. A script that has none to give is started again, for the next.
    ///
    /// # Errors
    ///
    /// If there is none: the script has ended, or takes too long.
    pub fn receive(&mut self) -> Result<String, Problem> {
        let answer = self.process.line(&self.patience);
        answer.map_err(|what| {
            let problem = self.problem(&what);
            if let Ok(again) = Session::start(&self.interpreter, self.script, &self.patience) {
                *self = again;
            }
            problem
        })
    }

    /// What this script did instead of what it should.
    pub fn problem(&self, what: &str) -> Problem {
        let Interpreter { path, version, .. } = &self.interpreter;
        Problem(format!("{} on Python {version} (`{}`) {what}", self.script.name(), path.display()))
    }

    /// Who runs it.
    pub fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }
}

/// A process with a thread at each of its streams, so that nobody waits for it longer than he wants to.
struct Process {
    child: Child,
    requests: Sender<String>,
    answers: Receiver<String>,
    complaints: Receiver<String>,
}

impl Process {
    fn start(command: &mut Command) -> std::io::Result<Process> {
        // Ctrl-C is for whoever waits; it ends what it has started.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (requests, to_write) = channel::<String>();
        thread::spawn(move || {
            let Some(mut input) = input else { return };
            for request in to_write {
                if writeln!(input, "{request}").and_then(|()| input.flush()).is_err() {
                    return;
                }
            }
        });
        let (to_answers, answers) = sync_channel(ANSWERS_KEPT);
        thread::spawn(move || {
            let Some(output) = output else { return };
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while (&mut output).take(ANSWER_BYTES_MAX).read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                if to_answers.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let (to_complaints, complaints) = channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut errors) = errors {
                _ = errors.read_to_end(&mut text);
            }
            _ = to_complaints.send(String::from_utf8_lossy(&text).into_owned());
        });
        Ok(Process { child, requests, answers, complaints })
    }

    fn send(&self, request: String) {
        // A process that has ended is told of where its answer is missing.
        _ = self.requests.send(request);
    }

    /// The next line, or what the process did instead.
    fn line(&mut self, patience: &Patience) -> Result<String, String> {
        let mut left = patience.limit;
        loop {
            let step = left.min(LOOK);
            match self.answers.recv_timeout(step) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended(patience.limit)),
                Err(RecvTimeoutError::Timeout) => left -= step,
            }
            let is_over = patience.is_over.load(Ordering::Relaxed);
            if is_over || left.is_zero() {
                _ = self.child.kill();
                let seconds = patience.limit.as_secs_f64();
                return Err(if is_over {
                    "was ended".to_owned()
                } else {
                    format!("gave no answer within {seconds} s")
                });
            }
        }
    }

    fn ended(&mut self, patience: Duration) -> String {
        let status = self.end(patience);
        let complaint = self.complaints.recv_timeout(patience).unwrap_or_default();
        let from = complaint.len().saturating_sub(COMPLAINT_MAX);
        let from = (from..=complaint.len()).find(|&at| complaint.is_char_boundary(at)).unwrap_or(from);
        let complaint = complaint[from..].trim();
        let complaint = if complaint.is_empty() { String::new() } else { format!(", saying\n{complaint}") };
        format!("ended with {status} in place of an answer{complaint}")
    }

    /// How it ended; one that has closed its output and still runs is ended.
    fn end(&mut self, patience: Duration) -> String {
        // Its errors are closed when it ends, and seldom before.
        if let Ok(complaint) = self.complaints.recv_timeout(patience) {
            let (again, complaints) = channel();
            _ = again.send(complaint);
            self.complaints = complaints;
        } else {
            _ = self.child.kill();
        }
        self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it may be left behind.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
