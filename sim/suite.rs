//! A folder of scenarios as tests: in your crate, under `cargo test`, with its filters and its `--list`.
//!
//! In `Cargo.toml`, a test with a `main` of its own:
//!
//! ```toml
//! [[test]]
//! name = "scenarios"
//! harness = false
//! ```
//!
//! And all of `tests/scenarios.rs`:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     atropos::suite::Suite::new("scenarios").run()
//! }
//! ```
//!
//! Every file in the folder is several tests, called by its path below the folder:
//!
//! - `retry::saved failures`, if there are any: those that [`atropos explore`](crate::harness::File::saved_failures) has
//!   saved beside the file, and which have to hold; they come before everything else;
//! - `retry::main::asyncio`, one for each main and each runtime that the file names: the ordinary run, and the seeds that
//!   the file names, with its expectations;
//! - `retry::main::explored`, if somebody may be cancelled or something may fail in it (`[[inject]]`), or if something
//!   must be found: every single fault and a thousand seeds, always the same ones;
//! - `retry::main::outcomes`, if the file lists in which ways runs end: all runs, as far as they differ.
//!
//! What fails is told as `atropos run` and `atropos explore` tell it, with the command that shows it again. A test saves
//! nothing. Files are found when the test runs, so a new one needs no rebuild; a folder without any fails.
//!
//! Knows nothing of which folder it is, or of snapshots: who wants them adds them with [`Suite::also`].

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::experiment::{Experiment, Runtime};
use crate::explore::Plan;
use crate::explore::exhaustive::Bounds;
use crate::harness::{File, Findings, Judged, Run, Setting, Unlisted, find, without_scenario};
use crate::report;

/// The tests of a folder of scenarios.
pub struct Suite {
    folder: PathBuf,
    plan: Plan,
    also: Vec<Arc<Check>>,
    trials: Vec<Trial>,
}

/// What is checked of every run besides the scenario's expectations.
type Check = dyn Fn(&Seen<'_>) -> Result<(), String> + Send + Sync;

/// A run of a scenario that a test has made.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The file's path below the folder, without its extension: `articles/retry`.
    pub name: &'a str,
    /// The file.
    pub file: &'a File,
    /// Which run of it.
    pub run: &'a Run,
    /// What happened.
    pub judged: &'a Judged,
}

impl Suite {
    /// The tests of all scenarios in a folder and those below it; a relative path begins at the root of the package.
    pub fn new(folder: impl Into<PathBuf>) -> Suite {
        Suite { folder: folder.into(), plan: Plan::default(), also: Vec::new(), trials: Vec::new() }
    }

    /// Explores with these seeds instead of 0 to 999.
    #[must_use]
    pub fn seeds(mut self, seeds: Range<u64>) -> Suite {
        self.plan.seeds = seeds;
        self
    }

    /// Checks something else of every run that is made of a file with its expectations, such as a snapshot of its trace.
    ///
    /// ```no_run
    /// use atropos::report;
    /// use atropos::suite::{Seen, Suite};
    ///
    /// fn says_goodbye(seen: &Seen<'_>) -> Result<(), String> {
    ///     let printed = report::transcript(&seen.judged.program, &seen.judged.trace);
    ///     if printed.ends_with("bye\n") { Ok(()) } else { Err(format!("{}: no goodbye in\n{printed}", seen.name)) }
    /// }
    ///
    /// fn main() -> std::process::ExitCode {
    ///     Suite::new("scenarios").also(says_goodbye).run()
    /// }
    /// ```
    #[must_use]
    pub fn also(mut self, check: impl Fn(&Seen<'_>) -> Result<(), String> + Send + Sync + 'static) -> Suite {
        self.also.push(Arc::new(check));
        self
    }

    /// Adds a test of your own.
    #[must_use]
    pub fn test(mut self, name: &str, test: impl FnOnce() -> Result<(), String> + Send + 'static) -> Suite {
        self.trials.push(Trial::test(name, move || test().map_err(Failed::from)));
        self
    }

    /// Runs the tests that the command line asks for, and says how the process is to end.
    pub fn run(self) -> ExitCode {
        let arguments = Arguments::from_args();
        libtest_mimic::run(&arguments, self.into_trials()).exit_code()
    }

    fn into_trials(self) -> Vec<Trial> {
        let folder = relative(&self.folder);
        let (mut saved, mut others) = (Vec::new(), Vec::new());
        match find(std::slice::from_ref(&folder)) {
            Err(rejected) => others.push(failing(&folder.display().to_string(), rejected.to_string())),
            Ok(paths) => {
                for path in paths {
                    let name = name_of(&path, &folder);
                    match File::load(&path) {
                        Err(rejected) => others.push(failing(&name, rejected.to_string())),
                        Ok(file) => {
                            let file = Arc::new(file);
                            saved.extend(saved_trial(&name, &file));
                            self.add_runs(&name, &file, &mut others);
                            self.add_explored(&name, &file, &mut others);
                            add_outcomes(&name, &file, &mut others);
                        }
                    }
                }
            }
        }
        for path in without_scenario(&folder) {
            let message = "these failures stand beside no scenario: rename the file with its scenario, or delete it";
            saved.push(failing(&name_of(&path, &folder), format!("{}: {message}", path.display())));
        }
        saved.into_iter().chain(others).chain(self.trials).collect()
    }

    /// A test for each main and each runtime.
    fn add_runs(&self, name: &str, file: &Arc<File>, trials: &mut Vec<Trial>) {
        for strategy in file.scenario.mains() {
            for &runtime in file.scenario.runtimes() {
                let seeds = std::iter::once(None).chain(file.scenario.seeds().iter().copied().map(Some));
                let strategy_of_run = strategy.map(str::to_owned);
                let run = |seed| Run { strategy: strategy_of_run.clone(), runtime, profile: None, seed };
                let runs: Vec<Run> = seeds.map(run).collect();
                let trial = format!("{name}::{}::{}", strategy.unwrap_or("main"), runtime.name());
                let ignored = runtime == Runtime::Turmoil && cfg!(not(feature = "network"));
                let (file, name, also) = (file.clone(), name.to_owned(), self.also.clone());
                let test = move || Ok(make(&runs, &file, &name, &also)?);
                trials.push(Trial::test(trial, test).with_ignored_flag(ignored));
            }
        }
    }

    /// A test for each main under which there is something to be found.
    fn add_explored(&self, name: &str, file: &Arc<File>, trials: &mut Vec<Trial>) {
        for strategy in file.scenario.mains() {
            let must_find = file.scenario.expectation(strategy, false).must_find;
            let setting = Setting { strategy: strategy.map(str::to_owned), ..Setting::default() };
            let Ok(experiment) = file.experiment(&setting) else { continue };
            let program = experiment.program();
            if program.cuts.is_empty() && program.failures.is_empty() && must_find.is_none() {
                continue;
            }
            let (file, plan) = (file.clone(), self.plan.clone());
            let trial = format!("{name}::{}::explored", strategy.unwrap_or("main"));
            trials.push(Trial::test(trial, move || {
                let search = file.explore(&setting, &plan, &mut |_| true)?;
                if search.is_good() {
                    return Ok(());
                }
                let mut findings = Findings::new(&file, &setting, search, Vec::new());
                findings.make_small(&mut || true);
                Err(findings.text(0, None, false).into())
            }));
        }
    }
}

/// A test for each main of which the file says in which ways it ends.
fn add_outcomes(name: &str, file: &Arc<File>, trials: &mut Vec<Trial>) {
    for strategy in file.scenario.mains() {
        if file.scenario.expectation(strategy, false).outcomes.is_none() {
            continue;
        }
        let setting = Setting { strategy: strategy.map(str::to_owned), ..Setting::default() };
        let (file, trial) = (file.clone(), format!("{name}::{}::outcomes", strategy.unwrap_or("main")));
        trials.push(Trial::test(trial, move || {
            let exhaustion = file.exhaust(&setting, Bounds::default(), &mut |_| true)?;
            let Unlisted { new, missing } = exhaustion.unlisted();
            if new.is_empty() && missing.is_empty() && exhaustion.searched.is_complete() {
                return Ok(());
            }
            Err(file.told_exhaustion(&setting, &exhaustion, None, true, false).into())
        }));
    }
}

/// Makes runs that have to be as the scenario expects, and lets others look at them too.
fn make(runs: &[Run], file: &File, name: &str, also: &[Arc<Check>]) -> Result<(), String> {
    let mut is_asked = true;
    for run in runs {
        // A seed that is asked nothing is the ordinary run again.
        if run.seed.is_some() && !is_asked {
            continue;
        }
        let judged = file.run(run).map_err(|refused| refused.to_string())?;
        is_asked &= run.seed.is_some() || !judged.trace.log().is_empty();
        for check in also {
            check(&Seen { name, file, run, judged: &judged })?;
        }
        let Judged { program, trace, verdict } = &judged;
        if !verdict.is_good() {
            let title = file.run_title(run, program.profile);
            return Err(report::verdict(&title, program, trace, verdict, &file.run_command(run)));
        }
    }
    Ok(())
}

/// A test of what is saved beside a file, if anything is.
fn saved_trial(name: &str, file: &Arc<File>) -> Option<Trial> {
    let name = format!("{name}::saved failures");
    let saved = match file.saved_failures() {
        Ok(saved) if saved.is_empty() => return None,
        Ok(saved) => saved,
        Err(rejected) => return Some(failing(&name, rejected.to_string())),
    };
    let file = file.clone();
    Some(Trial::test(name, move || {
        let mut told = Vec::new();
        for saved in saved {
            let kept = file.rerun(saved)?;
            if kept.told().is_some() {
                told.push(kept.text(false));
            }
        }
        if told.is_empty() { Ok(()) } else { Err(told.join("\n").into()) }
    }))
}

fn failing(name: &str, message: String) -> Trial {
    Trial::test(name, move || Err(message.into()))
}

/// The path below the folder, without its extension.
fn name_of(path: &Path, folder: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The same place from where the test runs, if it is below that: what is told is shorter, and can be pasted.
fn relative(folder: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let below = folder.strip_prefix(here).ok().filter(|below| !below.as_os_str().is_empty());
    below.unwrap_or(folder).to_owned()
}
