//! How many runs each sampler needs until it finds the bug of each program under `scenarios/order/`: the mean over twenty
//! trials, beside what is published of the original programs. All of it is deterministic, so the table is a snapshot.
//!
//! The programs are those of SCTBench, written as scenarios. A task has one turn before each access to what is shared, and main
//! one after each task that it creates, as a thread has after `pthread_create`: who is created late has to catch up with the
//! others, and that is what makes most of these bugs rare. What a thread does under a lock that all take is one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atropos::choice::Ordinary;
use atropos::experiment::Experiment;
use atropos::explore::{Plan, Sampler, explore};
use atropos::harness::{File, Setting, find};

/// Seeds of one trial are far from those of the next.
const TRIAL: u64 = 1_000_000;
const TRIALS: u64 = 20;
/// How many runs a trial has at most: as many as in what is published.
const RUNS_MAX: u64 = 10_000;

const SAMPLERS: [Sampler; 6] = [
    Sampler::Random,
    Sampler::Pct { depth: 3 },
    Sampler::Pos,
    Sampler::Surw,
    Sampler::Starve,
    Sampler::All { depth: 3 },
];

/// Mean runs to the first bug, of a random walk, PCT(3), POS and SURW: Zhao et al. 2025, 20 trials of at most some 10,000
/// runs; a dash where none found it, and nothing where no figure is at hand.
fn published(name: &str) -> &'static str {
    match name {
        "account" => "18 | 4 | 4 | 6",
        "bluetooth-driver" => "215 | 112 | 36 | 70",
        "reorder-10" => "– | 3,225 | – | 17",
        "reorder-100" => "– | – | – | 194",
        "twostage-100" => "– | 7,466 | 6,674 | 454",
        _ => " | | | ",
    }
}

/// In how many runs a trial finds a bug; nothing if it does not.
fn runs(experiment: &dyn Experiment, sampler: Sampler, trial: u64) -> Option<u64> {
    let from = trial * TRIAL;
    let plan = Plan { faults: 0, seeds: from..from + RUNS_MAX, sampler, ..Plan::default() };
    let mut made = 0;
    let explored = explore(experiment, &plan, &mut |progress| {
        made = progress.runs;
        progress.failing == 0 && progress.runs < RUNS_MAX
    });
    // Run 0 is the ordinary one.
    explored.failures.iter().map(|failure| failure.first).min().filter(|&first| first <= RUNS_MAX)
}

/// The mean over all trials, and how many found it if not all did.
fn mean(experiment: &dyn Experiment, sampler: Sampler) -> String {
    let found: Vec<u64> = (0..TRIALS).filter_map(|trial| runs(experiment, sampler, trial)).collect();
    let times = found.len() as u64;
    match (found.iter().sum::<u64>() + times / 2).checked_div(times) {
        None => "–".to_owned(),
        Some(mean) if times == TRIALS => mean.to_string(),
        Some(mean) => format!("{mean} ({times} of {TRIALS})"),
    }
}

/// The rows of the programs with fewer tasks than that, and the names of those that fail in plain order.
fn rows(tasks_max: usize) -> (BTreeMap<(usize, String), String>, Vec<String>) {
    let (mut rows, mut apart) = (BTreeMap::new(), Vec::new());
    for path in find(&[folder()]).unwrap() {
        let file = File::load(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let experiment = file.experiment(&Setting::default()).unwrap();
        let tasks = experiment.program().instances.len();
        if !experiment.begin().run(&mut Ordinary).is_good {
            apart.push(name);
            continue;
        }
        if tasks_max <= tasks {
            continue;
        }
        let means = SAMPLERS.map(|sampler| mean(&experiment, sampler)).join(" | ");
        let row = format!("| {name} | {means} | {} |", published(&name));
        println!("{row}");
        rows.insert((tasks, name), row);
    }
    (rows, apart)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/order")
}

/// The cells of a row.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

/// What stands above the table.
const CAPTION: &str = "\
Mean runs until the bug is found, over 20 trials of at most 10,000 runs; in brackets, how many trials found it if not all did, \
whose mean it is; a dash if none. Such a mean is off by about a quarter of itself. In every other seed PCT and POS decide here \
only about steps that are in somebody else's way, which the papers' do not.

The published means are of the original programs in C, with at most some 10,000 runs a trial, and on each tool's own events. What \
compares are `account`, `bluetooth-driver`, `reorder-*` and `twostage-*`: as many tasks, each with the accesses of the original's \
threads in their order, created one after the other, and the original's assertion. Of the others no figures are at hand. \
`work-steal-queue` has a bug of ours, and in `stringbuffer-jdk1.4` and `queue` the texts and items are left out, and their numbers \
are kept.
";

/// What stands above the rows.
fn heading() -> String {
    let samplers = "random | PCT(3) | POS | SURW";
    format!(
        "{CAPTION}\n| program | {samplers} | starvation | all in turn | published: {samplers} |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    )
}

/// Cells of large programs that are worked out each time: the place of the sampler, and of whom.
const LARGE: [(usize, &str); 5] =
    [(3, "reorder-10"), (3, "reorder-100"), (3, "twostage-100"), (2, "reorder-10"), (2, "reorder-20")];

/// The rows of the small programs are worked out each time, and a cell or two of some large ones. `ATROPOS_SAMPLERS=write` works
/// out all of them and writes the table. That takes long: a quarter of an hour with `--profile optimized`, and else ten times
/// as long.
#[test]
fn the_samplers_find_the_order_bugs_as_soon_as_they_did() {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    let writes = std::env::var("ATROPOS_SAMPLERS").is_ok_and(|what| what == "write");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/samplers/order-bugs.md");
    let (rows, apart) = rows(if writes { usize::MAX } else { 6 });
    let apart = format!("These fail in plain order, so they test no sampler: {}.", apart.join(", "));
    if writes {
        let rows: String = rows.values().map(|row| format!("{row}\n")).collect();
        std::fs::write(&path, format!("{}{rows}\n{apart}\n", heading())).unwrap();
        return;
    }
    let table = std::fs::read_to_string(&path).unwrap();
    let path = path.display();
    assert!(rows.len() >= 6);
    let rest = table.strip_prefix(&heading()).unwrap_or_else(|| panic!("{path} does not begin with\n{}", heading()));
    for row in rows.values().chain([&apart]) {
        assert!(rest.lines().any(|line| line == row), "{path} does not have\n{row}");
    }
    for row in rest.lines().filter(|line| line.starts_with('|')) {
        let published = published(cells(row)[0]);
        assert!(row.ends_with(&format!(" | {published} |")), "{path}: published is {published}, not\n{row}");
    }
}

/// The whole rows take too long for every day.
#[test]
fn the_bugs_of_large_programs_are_found_as_soon_as_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/samplers/order-bugs.md");
    let table = std::fs::read_to_string(&path).unwrap();
    for (at, name) in LARGE {
        let file = File::load(&folder().join(name).with_extension("toml")).unwrap();
        let experiment = file.experiment(&Setting::default()).unwrap();
        let row = table.lines().map(cells).find(|cells| cells[0] == name);
        let row = row.unwrap_or_else(|| panic!("{} has no row {name}", path.display()));
        assert_eq!(row[1 + at], mean(&experiment, SAMPLERS[at]), "{name}, {:?}", SAMPLERS[at]);
    }
}
