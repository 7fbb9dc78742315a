//! `atropos compare`: in which ways runs end under one strategy, and in which under another one.
//!
//! Knows nothing of how runs are gone through.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use super::progress::stop_on_interrupt;
use super::{Refused, SCENARIOS, load, mains, profile};
use crate::explore::exhaustive::Bounds;
use crate::harness::Setting;
use crate::program::Profile;
use crate::report;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A strategy.
    one: String,
    /// Another one.
    other: String,
    /// Scenario files, and folders of them.
    #[arg(default_value = SCENARIOS)]
    paths: Vec<PathBuf>,
    /// Behave like this version of Python, such as 3.10, instead of the file's.
    #[arg(long, value_name = "VERSION", value_parser = profile)]
    python: Option<Profile>,
    /// Cancel up to so many times in a run, whoever the file lets be cancelled; anybody, if it does not say.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(0..=100))]
    cancels: Option<u32>,
}

/// Compares, with the command that shows a run for each way in which only one ends, and says how the process is to end: 0 if no file tells the two apart.
pub(super) fn compare(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let files = load(&arguments.paths)?;
    let stop = stop_on_interrupt();
    let (mut is_same, mut is_first) = (true, true);
    for file in &files {
        let mut ends = Vec::new();
        for name in [&arguments.one, &arguments.other] {
            for strategy in mains(file, Some(name), file.runtime())? {
                let setting =
                    Setting { strategy, profile: arguments.python, runtime: None, cancels: arguments.cancels };
                let all = file.exhaust(&setting, Bounds::default(), &mut |_| !stop.load(Ordering::Relaxed))?;
                ends.push((file.outcomes_to_see(&setting, &all), all.covered(None)));
            }
        }
        let [(one, covered), (other, covered_other)] = &ends[..] else {
            return Err(Refused::Usage("expected two strategies, each by its name".to_owned()));
        };
        if !std::mem::take(&mut is_first) {
            writeln!(out)?;
        }
        writeln!(out, "{}", file.path.display())?;
        let names = [arguments.one.as_str(), arguments.other.as_str()];
        let covered = [covered, covered_other];
        for (name, covered) in names.iter().zip(covered) {
            write!(out, "{name}: {}", report::completeness(covered))?;
        }
        let is_complete = covered.iter().all(|covered| covered.bounded_by.is_empty());
        write!(out, "{}", report::side_by_side(names, [one, other], is_complete))?;
        is_same &= one.keys().eq(other.keys());
    }
    Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
