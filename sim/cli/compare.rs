//! `atropos compare`: in which ways runs end under one strategy, and in which under another one.
//!
//! Knows nothing of how runs are gone through.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use super::progress::stop_on_interrupt;
use super::watcher::Watcher;
use super::{Behaves, Cancels, Files, Refused, load, mains, searchable};
use crate::experiment::Bounded;
use crate::explore::exhaustive::Bounds;
use crate::harness::Setting;
use crate::report::{self, Exhausted};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A strategy.
    one: String,
    /// Another one.
    other: String,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    behaves: Behaves,
    #[command(flatten)]
    cancels: Cancels,
}

/// Compares, with the command that shows a run for each way in which only one ends, and says how the process is to end: 0 if
/// no file tells the two apart. Where a search broke off, nobody knows.
pub(super) fn compare(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let files = searchable(load(&arguments.files)?, None)?;
    let stop = stop_on_interrupt();
    let (mut is_same, mut is_first) = (true, true);
    for file in &files {
        let mut ends = Vec::new();
        for name in [&arguments.one, &arguments.other] {
            for strategy in mains(file, Some(name), file.runtime())? {
                let setting = Setting {
                    strategy,
                    profile: arguments.behaves.python,
                    runtime: None,
                    cancels: arguments.cancels.cancels,
                };
                let mut watcher = Watcher::new(&stop, None, file.title(&setting));
                let all = file.exhaust(&setting, Bounds::default(), &mut |searching| watcher.see_search(searching))?;
                watcher.done();
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
        is_same &= one.keys().eq(other.keys()) && covered.iter().all(|covered| is_gone_through(covered));
        if stop.load(Ordering::Relaxed) {
            is_same = false;
            break;
        }
    }
    Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Whether runs were seen, and the search did not break off in the midst of them.
fn is_gone_through(covered: &Exhausted) -> bool {
    let breaks_off =
        |bound: &Bounded| matches!(bound, Bounded::Endless | Bounded::Stopped | Bounded::NoFork | Bounded::Depth(_));
    0 < covered.runs && !covered.bounded_by.iter().any(breaks_off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_broke_off_is_not_gone_through() {
        let covered = |runs, bounded_by| Exhausted { runs, bounded_by, ..Exhausted::default() };
        assert!(is_gone_through(&covered(1, vec![])));
        assert!(is_gone_through(&covered(1, vec![Bounded::Lengths, Bounded::Limits(1)])));
        assert!(!is_gone_through(&covered(0, vec![Bounded::Memory(1)])));
        for bound in [Bounded::Endless, Bounded::Stopped, Bounded::NoFork, Bounded::Depth(1)] {
            assert!(!is_gone_through(&covered(1, vec![Bounded::Lengths, bound])), "{bound:?}");
        }
    }
}
