//! The regression suite: the tests of the folder `scenarios/`, as any crate has those of its own, and a snapshot of each
//! run under `snapshots/scenarios/`. A snapshot that nothing uses is a failure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atropos::harness::{File, Run, find};
use atropos::report;
use atropos::suite::{Seen, Suite};

fn main() -> ExitCode {
    Suite::new(root().join("scenarios")).also(as_before).test("every snapshot is in use", no_stale_snapshot).run()
}

/// The package: where cargo says that it is, which may be a copy of the one that this was built in.
fn root() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    let told = std::env::var("CARGO_MANIFEST_DIR");
    told.unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned()).into()
}

/// Where the snapshots of a scenario are kept.
fn folder(name: &str) -> PathBuf {
    root().join("snapshots/scenarios").join(name)
}

fn snapshot(run: &Run) -> String {
    let main = run.strategy.as_deref().unwrap_or("main");
    let seed = run.seed.map(|seed| format!(".seed-{seed}")).unwrap_or_default();
    format!("{main}.{}{seed}", run.runtime.name())
}

/// The trace is the one that was accepted.
fn as_before(seen: &Seen<'_>) -> Result<(), String> {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder(seen.name));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(seen.file.scenario.about());
    settings.set_input_file(&seen.file.path);
    settings.bind(|| {
        insta::assert_snapshot!(snapshot(seen.run), told(seen));
    });
    Ok(())
}

/// A longer run is told by its beginning and its end, which nobody would read otherwise, and by its fingerprint.
const LINES_MAX: usize = 150;

/// So many lines are left at each end of a long run. The last ones say how it ended, with the tally.
const LINES_LEFT: usize = 40;

/// What a snapshot holds of a run.
fn told(seen: &Seen<'_>) -> String {
    let text = report::trace(&seen.judged.program, &seen.judged.trace);
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= LINES_MAX {
        return text;
    }
    let (first, last) = (&lines[..LINES_LEFT], &lines[lines.len() - LINES_LEFT..]);
    let left_out = format!(
        "\n[{} of {} lines are left out; the fingerprint of all is {}]\n",
        lines.len() - 2 * LINES_LEFT,
        lines.len(),
        seen.judged.trace.fingerprint()
    );
    [first, &[left_out.as_str()], last].concat().join("\n")
}

fn no_stale_snapshot() -> Result<(), String> {
    let scenarios = root().join("scenarios");
    let mut used = BTreeSet::new();
    for path in find(std::slice::from_ref(&scenarios)).map_err(|rejected| rejected.to_string())? {
        let file = File::load(&path).map_err(|rejected| rejected.to_string())?;
        let below = path.strip_prefix(&scenarios).expect("it was found there").with_extension("");
        let snapshots = folder(&below.display().to_string());
        for strategy in file.scenario.mains() {
            for &runtime in file.scenario.runtimes() {
                let mut run = Run { strategy: strategy.map(str::to_owned), runtime, profile: None, seed: None };
                used.insert(snapshots.join(format!("{}.snap", snapshot(&run))));
                // A seed that is asked nothing is the ordinary run again, and is not made.
                if file.run(&run).is_ok_and(|judged| judged.trace.log().is_empty()) {
                    continue;
                }
                for &seed in file.scenario.seeds() {
                    run.seed = Some(seed);
                    used.insert(snapshots.join(format!("{}.snap", snapshot(&run))));
                }
            }
        }
    }
    let mut there = BTreeSet::new();
    collect(&root().join("snapshots/scenarios"), &mut there).map_err(|error| error.to_string())?;
    let stale: Vec<String> = there.difference(&used).map(|path| path.display().to_string()).collect();
    if stale.is_empty() { Ok(()) } else { Err(format!("nothing uses these, delete them:\n{}", stale.join("\n"))) }
}

fn collect(folder: &Path, found: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
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
