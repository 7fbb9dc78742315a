//! The cross-check of the exhaustive search: every run, merged states, and reduction come to the same.

use std::collections::BTreeSet;
use std::path::Path;

use atropos::explore::exhaustive::{Bounds, Method, STATES_MAX, Searched};
use atropos::harness::{Asyncio, File, Setting, find};

fn bounds(method: Method) -> Bounds {
    Bounds { method, deviations: None, states: STATES_MAX }
}

/// Searches until there have been so many runs; nothing, if there are more.
fn searched(experiment: &Asyncio, method: Method, runs: u64) -> Option<Searched> {
    let searched = experiment.search(bounds(method), &mut |searching| searching.runs < runs);
    searched.is_complete().then_some(searched)
}

/// What the three ways have to agree on.
fn ends(searched: &Searched) -> (BTreeSet<String>, BTreeSet<String>) {
    let results = searched.results.keys().map(|summary| format!("{summary:?}")).collect();
    (results, searched.failures.keys().map(|identity| format!("{identity:?}")).collect())
}

#[test]
fn scratch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for path in find(&[folder]).unwrap() {
        let file = File::load(&path).unwrap();
        for strategy in file.scenario.mains() {
            for cancels in [Some(0), Some(1)] {
                let setting = Setting { strategy: strategy.map(str::to_owned), cancels, ..Setting::default() };
                let experiment = file.experiment(&setting).unwrap();
                let all = [Method::Naive, Method::Merged, Method::Reduced];
                let all = all.map(|method| searched(&experiment, method, 3_000));
                let counts: Vec<_> = all.iter().map(|s| s.as_ref().map(|s| (s.classes, s.runs, s.states, s.results.len()))).collect();
                println!("{} {strategy:?} {cancels:?} {counts:?}", path.file_name().unwrap().display());
                let ends: BTreeSet<_> = all.iter().flatten().map(ends).collect();
                if ends.len() > 1 { println!("   DISAGREE"); for e in ends { println!("     {e:?}"); } }
            }
        }
    }
}
