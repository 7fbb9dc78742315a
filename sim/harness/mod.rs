//! The door: scenario files in, judged runs out. Here the machines are introduced to each other.
//!
//! The command line and the tests both come through here, so (file, strategy, seed) names the same run in both.
//!
//! Knows nothing of command lines.

mod asyncio;
mod coverage;
mod exhaustive;
#[cfg(feature = "network")]
mod network;
mod python;
mod runs_on;
mod saved;
mod search;
#[cfg(feature = "shrink")]
mod small;
mod telling;
mod tokio;
mod verify;

pub use asyncio::Asyncio;
pub use exhaustive::{Exhaustion, Unlisted};
#[cfg(feature = "network")]
pub use network::{OnNetwork, run_on_network};
pub use python::{Interpreter, Patience, Problem, Session, installed};
pub use runs_on::RunsOn;
pub use saved::{Kept, without_scenario};
pub use search::{Replayed, Search, Setting, Told, replayed, tell};
#[cfg(feature = "shrink")]
pub use small::{Effort, Small};
pub use telling::{Findings, runtime_name};
pub use tokio::OnTokio;
pub use verify::{Compared, Verified, Verifier};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::choice::{Choices, Ordinary, Seeded};
use crate::diagnostic::Diagnostic;
use crate::event_loop::EventLoop;
use crate::experiment::Runtime;
use crate::judge::judge;
use crate::machine::Machine;
use crate::program::{Profile, Program};
use crate::scenario::Scenario;
use crate::trace::Trace;
use crate::verdict::{Expectation, Verdict};
use crate::{report, strategy, tokio_program};

use saved::keeps_failures;

/// A scenario file that is valid.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub scenario: Scenario,
    text: String,
}

/// A file, or a folder, that cannot be used; it displays as the message for whoever wrote it.
#[derive(Clone, Debug)]
pub struct Rejected {
    path: PathBuf,
    text: String,
    diagnostics: Vec<Diagnostic>,
}

/// Which run of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The strategy that is main; nothing for the scenario's own main.
    pub strategy: Option<String>,
    /// What it runs on.
    pub runtime: Runtime,
    /// The Python to behave like, instead of the scenario's.
    pub profile: Option<Profile>,
    /// Who answers: a seed, or nobody, which is the ordinary run.
    pub seed: Option<u64>,
}

/// A run that has ended, with what it means.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What ran.
    pub program: Arc<Program>,
    /// What happened.
    pub trace: Trace,
    /// Whether it was as the scenario expects; good if the scenario does not speak of this strategy.
    pub verdict: Verdict,
}

/// Why a run was not made.
#[derive(Clone, Debug)]
pub enum Refused {
    /// The file does not fit the strategy that was asked for.
    Rejected(Rejected),
    /// The program does something that this runtime does not have.
    NoTwin(Runtime),
    /// This build does not have the runtime.
    NotBuilt(Runtime),
    /// The file has hosts, and the runtime has no network.
    NoNetwork(Runtime),
}

impl File {
    /// Reads and checks a scenario file.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is no valid scenario.
    pub fn load(path: &Path) -> Result<File, Rejected> {
        if keeps_failures(path) {
            let message = "expected a scenario file, but found one of saved failures";
            return Err(Rejected::whole(path, message, "give the scenario that it stands beside"));
        }
        let rejected = |text: String, diagnostics| Rejected { path: path.to_owned(), text, diagnostics };
        let bytes = std::fs::read(path).map_err(|error| {
            let message = format!("expected a scenario file, but it cannot be read: {error}");
            let hint = "give a scenario file, or a folder with some in it";
            rejected(String::new(), vec![Diagnostic::whole(message).help(hint)])
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
            let message = format!("expected UTF-8, but found other bytes in line {line}, at byte {at} of the file");
            rejected(String::new(), vec![Diagnostic::whole(message).help("save the file as UTF-8")])
        })?;
        File::parse(path, text)
    }

    /// Checks a text as the scenario file that it would be at `path`, where nothing has to be.
    ///
    /// # Errors
    ///
    /// If it is no valid scenario.
    pub fn parse(path: &Path, text: String) -> Result<File, Rejected> {
        match Scenario::parse(&text, &strategies()) {
            Ok(scenario) => Ok(File { path: path.to_owned(), scenario, text }),
            Err(diagnostics) => Err(Rejected { path: path.to_owned(), text, diagnostics }),
        }
    }

    /// As it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What runs, ready for the choices to cut.
    ///
    /// # Errors
    ///
    /// If the file does not fit the strategy.
    pub fn program(&self, strategy: Option<&str>, profile: Option<Profile>) -> Result<Arc<Program>, Rejected> {
        let mut program = self.scenario.program(strategy, profile).map_err(|errors| self.rejected(errors))?;
        prepare(&mut program, self.runtime());
        Ok(Arc::new(program))
    }

    /// What it runs on if nobody says: turmoil if it has hosts, asyncio if that is among its `runtimes`, or else the first of
    /// those.
    pub fn runtime(&self) -> Runtime {
        let runtimes = self.scenario.runtimes();
        match runtimes.first() {
            _ if self.scenario.has_hosts() => Runtime::Turmoil,
            Some(&first) if !runtimes.contains(&Runtime::Asyncio) => first,
            _ => Runtime::Asyncio,
        }
    }

    /// One run of it.
    ///
    /// # Errors
    ///
    /// If the file does not fit the strategy, or this build does not have the runtime.
    pub fn run(&self, run: &Run) -> Result<Judged, Refused> {
        let strategy = run.strategy.as_deref();
        let mut program = self.scenario.program(strategy, run.profile).map_err(|errors| self.rejected(errors))?;
        check_runtime(&program, run.runtime)?;
        prepare(&mut program, run.runtime);
        let program = Arc::new(program);
        let trace = trace(&program, run.runtime, run.seed)?;
        let expectation = self.expectation(strategy, run.runtime);
        let mut verdict = judge(&expectation, &program, &trace);
        if let Some(must_find) = &expectation.must_find {
            // What a search has to find may well be there without one.
            verdict.unmet.retain(|unmet| !must_find.is_found(&program, &unmet.identity(&program)));
        }
        Ok(Judged { program, trace, verdict })
    }

    /// The scenario as an asyncio script: under a strategy, or else with the main that the file names first.
    ///
    /// # Errors
    ///
    /// If the file does not fit the strategy.
    pub fn python(&self, strategy: Option<&str>) -> Result<String, Rejected> {
        let main = strategy.or_else(|| self.scenario.mains().first().copied().flatten());
        self.scenario.python(main, None).map_err(|errors| self.rejected(errors))
    }

    /// What is expected of a run: nothing, if the file does not speak of this strategy.
    fn expectation(&self, strategy: Option<&str>, runtime: Runtime) -> Expectation {
        let tokio = runtime != Runtime::Asyncio && !self.scenario.has_hosts();
        if self.speaks_of(strategy) { self.scenario.expectation(strategy, tokio) } else { Expectation::default() }
    }

    /// Whether the file's expectations are about this strategy: it lists it, or brings its own main.
    pub fn speaks_of(&self, strategy: Option<&str>) -> bool {
        self.scenario.mains().contains(&strategy)
    }

    fn rejected(&self, diagnostics: Vec<Diagnostic>) -> Rejected {
        Rejected { path: self.path.clone(), text: self.text.clone(), diagnostics }
    }
}

/// Runs a program on a runtime, under a seed or in the ordinary order.
///
/// # Errors
///
/// If this build does not have the runtime, or the runtime does not have what the program does.
pub fn trace(program: &Arc<Program>, runtime: Runtime, seed: Option<u64>) -> Result<Trace, Refused> {
    check_runtime(program, runtime)?;
    let mut choices: Box<dyn Choices> = match seed {
        Some(seed) => Box::new(Seeded::new(seed)),
        None => Box::new(Ordinary),
    };
    match runtime {
        Runtime::Asyncio => {
            let mut event_loop = EventLoop::new(program);
            event_loop.run(&mut *choices);
            Ok(event_loop.trace())
        }
        Runtime::Tokio => Ok(OnTokio::new(program.clone(), Expectation::default()).trace(&mut *choices)),
        Runtime::Turmoil => on_turmoil(program, choices),
    }
}

/// Whether a runtime has what a program does.
fn check_runtime(program: &Program, runtime: Runtime) -> Result<(), Refused> {
    if program.network.is_some() && runtime != Runtime::Turmoil {
        return Err(Refused::NoNetwork(runtime));
    }
    if program.is_asyncio_only && runtime != Runtime::Asyncio {
        return Err(Refused::NoTwin(runtime));
    }
    if program.is_tokio_only && runtime == Runtime::Asyncio {
        return Err(Refused::NoTwin(runtime));
    }
    Ok(())
}

/// Makes a program ready for a runtime, and finds out how long the ordinary run is, if there may be cuts in it. On turmoil
/// only what waits for hosts is cut.
fn prepare(program: &mut Program, runtime: Runtime) {
    if runtime == Runtime::Tokio {
        program.schedule.polls_any_order = true;
        tokio_program::leave_to_rust(program);
    }
    if program.cuts.is_empty() {
        return;
    }
    match runtime {
        Runtime::Asyncio => asyncio::measure(program),
        Runtime::Tokio => tokio::measure(program),
        #[cfg(feature = "network")]
        Runtime::Turmoil if program.network.is_some() => network::measure(program),
        Runtime::Turmoil => {}
    }
}

#[cfg(feature = "network")]
fn on_turmoil(program: &Arc<Program>, choices: Box<dyn Choices>) -> Result<Trace, Refused> {
    Ok(network::run_on_network(program, choices).0)
}

#[cfg(not(feature = "network"))]
fn on_turmoil(_: &Arc<Program>, _: Box<dyn Choices>) -> Result<Trace, Refused> {
    Err(Refused::NotBuilt(Runtime::Turmoil))
}

/// The scenario files that `paths` name: files as they are, folders searched for `*.toml`, in the order of their
/// names; what is saved beside scenarios is left out.
///
/// # Errors
///
/// If a path does not exist, or if a folder has no scenario in it.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Rejected> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        search(path, &mut found).map_err(|message| Rejected::whole(path, message, "check its permissions"))?;
        if found.len() == before {
            let message = "expected scenario files, but found no *.toml in this folder";
            return Err(Rejected::whole(path, message, "`atropos reference` shows what a scenario file looks like"));
        }
    }
    Ok(found)
}

fn search(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let unreadable = |error: std::io::Error| format!("expected a folder of scenarios, but it cannot be read: {error}");
    let entries: Result<Vec<_>, _> = std::fs::read_dir(path).map_err(unreadable)?.collect();
    let mut entries: Vec<PathBuf> = entries.map_err(unreadable)?.into_iter().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let is_scenario = entry.extension().is_some_and(|extension| extension == "toml") && !keeps_failures(&entry);
        if entry.is_dir() || is_scenario {
            search(&entry, found)?;
        }
    }
    Ok(())
}

/// The names and the texts of the strategies, as a scenario is parsed with.
pub fn strategies() -> Vec<(&'static str, &'static str)> {
    strategy::all().iter().map(|strategy| (strategy.name, strategy.text)).collect()
}

impl Rejected {
    fn whole(path: &Path, message: impl Into<String>, help: &str) -> Rejected {
        let diagnostics = vec![Diagnostic::whole(message).help(help)];
        Rejected { path: path.to_owned(), text: String::new(), diagnostics }
    }

    /// The message, in ANSI colours or without.
    pub fn render(&self, color: bool) -> String {
        report::diagnostics(&self.path.display().to_string(), &self.text, &self.diagnostics, color)
    }
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Rejected {}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Refused {
        Refused::Rejected(rejected)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Rejected(rejected) => rejected.fmt(f),
            Refused::NoTwin(Runtime::Asyncio) => {
                f.write_str("this strategy is tokio's alone, so asyncio cannot run it; run it with `--runtime tokio`")
            }
            Refused::NoTwin(runtime) => {
                write!(f, "this scenario has steps that only asyncio has, so {} cannot run it", runtime.name())
            }
            Refused::NoNetwork(runtime) => {
                write!(f, "{} has no network, and this file has hosts; run it with `--runtime turmoil`", runtime.name())
            }
            Refused::NotBuilt(runtime) => {
                write!(f, "this build has no {}; build it with `--features network`", runtime.name())
            }
        }
    }
}

impl std::error::Error for Refused {}
