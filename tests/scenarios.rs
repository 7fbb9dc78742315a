//! The regression suite: one test per scenario file, main and runtime, named by path.
//!
//! A test runs the scenario in the ordinary order and under every seed that the file names, holds each trace against
//! its snapshot under `snapshots/scenarios/`, and checks the file's expectations. New files are found without a
//! rebuild; a folder without scenarios and a snapshot that nothing uses are failures.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use atropos::experiment::{Experiment, Runtime};
use atropos::explore::exhaustive::{Bounds, Method, STATES_MAX};
use atropos::harness::{File, Run, Setting, Unlisted, find};
use atropos::report;
use atropos::trace::Trace;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let scenarios = root().join("scenarios");
    let mut trials = Vec::new();
    let mut used = BTreeSet::new();
    match find(std::slice::from_ref(&scenarios)) {
        Err(rejected) => trials.push(Trial::test("scenarios", move || Err(rejected.to_string().into()))),
        Ok(paths) => {
            for path in paths {
                let name = name_of(&path, &scenarios);
                match File::load(&path) {
                    Err(rejected) => trials.push(Trial::test(name, move || Err(rejected.to_string().into()))),
                    Ok(file) => add_trials(&name, file, &mut trials, &mut used),
                }
            }
        }
    }
    trials.push(Trial::test("every snapshot is in use", move || no_stale_snapshot(&used)));
    libtest_mimic::run(&arguments, trials).exit();
}

/// The package: where cargo says that it is, which may be a copy of the one that this was built in.
fn root() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    let told = std::env::var("CARGO_MANIFEST_DIR");
    told.unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned()).into()
}

/// The path below `scenarios/`, without its extension.
fn name_of(path: &Path, root: &Path) -> String {
    let below = path.strip_prefix(root).expect("it was found there").with_extension("");
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn add_trials(name: &str, file: File, trials: &mut Vec<Trial>, used: &mut BTreeSet<PathBuf>) {
    for main in file.scenario.mains() {
        let main = main.map(str::to_owned);
        for &runtime in file.scenario.runtimes() {
            let main_name = main.as_deref().unwrap_or("main");
            let mut runs = Vec::new();
            for seed in std::iter::once(None).chain(file.scenario.seeds().iter().copied().map(Some)) {
                let run = Run { strategy: main.clone(), runtime, profile: None, seed };
                let ending = seed.map(|seed| format!(".seed-{seed}")).unwrap_or_default();
                let snapshot = format!("{main_name}.{}{ending}", runtime.name());
                used.insert(folder(name).join(format!("{snapshot}.snap")));
                runs.push((run, snapshot));
            }
            if runtime == Runtime::Asyncio && file.scenario.expectation(main.as_deref(), false).outcomes.is_some() {
                let snapshot = format!("{main_name}.outcomes");
                used.insert(folder(name).join(format!("{snapshot}.snap")));
                let (file, name, strategy) = (file.clone(), name.to_owned(), main.clone());
                let trial = format!("{name}::{main_name}::outcomes");
                trials.push(Trial::test(trial, move || check_outcomes(&file, &name, strategy, &snapshot)));
            }
            let (file, name) = (file.clone(), name.to_owned());
            let trial = format!("{name}::{main_name}::{}", runtime.name());
            let ignored = runtime == Runtime::Turmoil && cfg!(not(feature = "network"));
            trials.push(Trial::test(trial, move || check(&file, &name, &runs)).with_ignored_flag(ignored));
        }
    }
}

fn check(file: &File, name: &str, runs: &[(Run, String)]) -> Result<(), Failed> {
    let mut asked = true;
    for (run, snapshot) in runs {
        // A seed that is asked nothing is the ordinary run again.
        if run.seed.is_some() && !asked {
            let stale = folder(name).join(format!("{snapshot}.snap"));
            if stale.exists() {
                return Err(format!("nothing is asked in this run, delete {}", stale.display()).into());
            }
            continue;
        }
        let judged = file.run(run)?;
        asked &= run.seed.is_some() || !judged.trace.log().is_empty();
        with_settings(file, name, || {
            insta::assert_snapshot!(snapshot.as_str(), report::trace(&judged.program, &judged.trace));
        });
        if !judged.verdict.is_good() {
            let command = format!("cargo run -- run scenarios/{name}.toml");
            return Err(report::verdict(snapshot, &judged.program, &judged.trace, &judged.verdict, &command).into());
        }
    }
    Ok(())
}

/// Every way in which runs end is one that the file lists; the snapshot has a simplest run for each.
fn check_outcomes(file: &File, name: &str, strategy: Option<String>, snapshot: &str) -> Result<(), Failed> {
    let bounds = Bounds { method: Method::Reduced, deviations: None, states: STATES_MAX };
    let setting = Setting { strategy, ..Setting::default() };
    let exhaustion = file.exhaust(&setting, bounds, &mut |_| true)?;
    let program = exhaustion.experiment.program();
    let mut told = report::completeness(&exhaustion.covered(None));
    for (outcome, trace) in exhaustion.outcomes() {
        told.push_str(&format!("\n{outcome}\n\n{}", report::trace(&program, &trace)));
    }
    with_settings(file, name, || insta::assert_snapshot!(snapshot, told));
    let Unlisted { new, missing } = exhaustion.unlisted();
    if new.is_empty() && missing.is_empty() {
        return Ok(());
    }
    let traces = |(outcome, trace): (String, Trace)| (outcome, report::trace(&program, &trace));
    Err(report::unlisted(&new.into_iter().map(traces).collect::<Vec<_>>(), &missing).into())
}

/// Runs with the settings of a scenario's snapshots.
fn with_settings(file: &File, name: &str, assert: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder(name));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(file.scenario.about());
    settings.set_input_file(&file.path);
    settings.bind(assert);
}

/// Where the snapshots of a scenario are kept.
fn folder(name: &str) -> PathBuf {
    root().join("snapshots/scenarios").join(name)
}

fn no_stale_snapshot(used: &BTreeSet<PathBuf>) -> Result<(), Failed> {
    let mut there = BTreeSet::new();
    collect(&root().join("snapshots/scenarios"), &mut there)?;
    let stale: Vec<String> = there.difference(used).map(|path| path.display().to_string()).collect();
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("nothing uses these, delete them:\n{}", stale.join("\n")).into())
    }
}

fn collect(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), Failed> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "snap") {
            found.insert(path);
        }
    }
    Ok(())
}
