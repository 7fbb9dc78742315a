//! How many runs each sampler needs until it finds the bug of each program under `scenarios/order/`: the mean over twenty
//! trials, beside what is published of the original programs. All of it is deterministic, so the table is a snapshot.

use std::collections::BTreeMap;
use std::path::Path;

use atropos::choice::Ordinary;
use atropos::experiment::Experiment;
use atropos::explore::{Plan, Sampler, explore};
use atropos::harness::{File, Setting, find};

/// Seeds of one trial are far from those of the next.
const TRIAL: u64 = 1_000_000;
const TRIALS: u64 = 20;

const SAMPLERS: [Sampler; 5] =
    [Sampler::Random, Sampler::Pct { depth: 3 }, Sampler::Pos, Sampler::Surw, Sampler::All { depth: 3 }];

/// Mean runs to the first bug, of a random walk, PCT(3), POS and SURW: Zhao et al. 2025, 20 trials of at most some 10,000
/// runs; a dash where none found it.
fn published(name: &str) -> &'static str {
    match name {
        "account" => "18 | 4 | 4 | 6",
        "bluetooth-driver" => "215 | 112 | 36 | 70",
        "reorder-10" => "– | 3,225 | – | 17",
        "reorder-100" => "– | – | – | 194",
        "twostage-100" => "– | 7,466 | 6,674 | 454",
        _ => "| | | ",
    }
}

/// In how many runs a trial finds a bug; nothing if it does not.
fn runs(experiment: &dyn Experiment, sampler: Sampler, trial: u64, most: u64) -> Option<u64> {
    let from = trial * TRIAL;
    let plan = Plan { faults: 0, seeds: from..from + most, sampler, ..Plan::default() };
    let mut made = 0;
    let explored = explore(experiment, &plan, &mut |progress| {
        made = progress.runs;
        progress.failing == 0 && progress.runs < most
    });
    // Run 0 is the ordinary one.
    explored.failures.iter().map(|failure| failure.first).min().filter(|&first| first <= most)
}

#[test]
fn the_samplers_find_the_order_bugs_as_soon_as_they_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/order");
    let (mut rows, mut apart) = (BTreeMap::new(), Vec::new());
    for path in find(&[folder]).unwrap() {
        let file = File::load(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let experiment = file.experiment(&Setting::default()).unwrap();
        let tasks = experiment.program().instances.len();
        // Enough to tell the samplers apart, and few enough for a gate.
        let most = match tasks {
            0..15 => 2_000,
            15..50 => 500,
            _ => 250,
        };
        if !experiment.begin().run(&mut Ordinary).is_good {
            apart.push(name);
            continue;
        }
        let mean = |sampler| {
            let found: Vec<u64> = (0..TRIALS).filter_map(|trial| runs(&experiment, sampler, trial, most)).collect();
            let times = found.len() as u64;
            match (found.iter().sum::<u64>() + times / 2).checked_div(times) {
                None => "–".to_owned(),
                Some(mean) if times == TRIALS => mean.to_string(),
                Some(mean) => format!("{mean} ({times} of {TRIALS})"),
            }
        };
        let means = SAMPLERS.map(mean).join(" | ");
        rows.insert((tasks, name.clone()), format!("{most} | {means} | {}", published(&name)));
    }
    let mut table =
        "Mean runs until the bug is found, over 20 trials; in brackets, how many trials found it.\n\n".to_owned();
    table.push_str(
        "| program | runs at most | random | PCT(3) | POS | SURW | all | published: random | PCT(3) | POS | SURW |\n",
    );
    table.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for ((_, name), row) in &rows {
        table.push_str(&format!("| {name} | {row} |\n"));
    }
    table.push_str(&format!("\nThese fail in plain order, so they test no sampler: {}.\n", apart.join(", ")));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/samplers"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("order-bugs", table));
}
