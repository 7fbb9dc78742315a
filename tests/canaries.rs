//! Planted bugs: `explore`, by its default settings, finds each that says `must_find`, within as many runs as it says, and
//! nothing else; every other file under `scenarios/canary/` stays clean.
//!
//! A bug stands in `NAME.toml`, and what puts it right in `NAME-fixed.toml`, or under another strategy of the same file.

use std::collections::BTreeMap;
use std::path::Path;

use atropos::explore::{Plan, Sampler};
use atropos::harness::{File, Setting, find};

/// A planted bug under one main, and what came of looking for it.
struct Caught {
    /// What has to be found.
    what: String,
    within: u64,
    /// In how many runs it was.
    found_in: u64,
    /// The same with orders drawn evenly only.
    evenly: Option<u64>,
}

/// What comes of a file under a main: a bug that was caught, or how many clean runs.
fn explore(file: &File, strategy: Option<&str>) -> Result<Caught, u64> {
    let setting = Setting { strategy: strategy.map(str::to_owned), ..Setting::default() };
    let mut search = file.explore(&setting, &Plan::default(), &mut |_| true).unwrap();
    let name = format!("{} under {}", file.path.display(), strategy.unwrap_or("main"));
    assert!(search.explored.unstable.is_none(), "{name} is unstable");
    let Some(sought) = search.covered(None).sought else {
        assert!(search.is_good(), "{name}: {:?}", search.explored.failures);
        return Err(search.explored.runs);
    };
    let found_in = sought.found_in.unwrap_or_else(|| panic!("{name}: not found, but {:?}", search.explored.failures));
    assert!(search.is_good(), "{name}: found in {found_in}, and {:?}", search.explored.failures);
    let random = Plan { sampler: Sampler::Random, ..Plan::default() };
    let evenly = file.explore(&setting, &random, &mut |_| true).unwrap().covered(None).sought.unwrap().found_in;
    let task = sought.what.task.map(|task| format!(" of `{}`", task.text())).unwrap_or_default();
    Ok(Caught { what: format!("{}{task}", sought.what.what), within: sought.what.within, found_in, evenly })
}

/// The table is the snapshot: who needs more runs than before stands out in the diff.
#[test]
fn canaries_are_caught_and_their_twins_are_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/canary");
    let mut rows: BTreeMap<String, Caught> = BTreeMap::new();
    let mut clean: BTreeMap<String, u64> = BTreeMap::new();
    for path in find(&[folder]).unwrap() {
        let file = File::load(&path).unwrap_or_else(|rejected| panic!("{rejected}"));
        let name = path.file_stem().unwrap().to_str().unwrap();
        for main in file.scenario.mains() {
            let row = main.map_or_else(|| name.to_owned(), |main| format!("{name}, {main}"));
            match explore(&file, main) {
                Ok(caught) => _ = rows.insert(row, caught),
                Err(runs) => *clean.entry(name.strip_suffix("-fixed").unwrap_or(name).to_owned()).or_default() += runs,
            }
        }
    }
    let runs = |runs: Option<u64>| runs.map_or_else(|| "never".to_owned(), |runs| runs.to_string());
    let mut table = "| bug | what is found | within | needed | without PCT | clean runs of its twins |\n".to_owned();
    table.push_str("|---|---|---:|---:|---:|---:|\n");
    for (row, Caught { what, within, found_in, evenly }) in &rows {
        let twin = clean.get(row.split(',').next().unwrap()).unwrap_or_else(|| panic!("{row} has no fixed twin"));
        table.push_str(&format!("| {row} | {what} | {within} | {found_in} | {} | {twin} |\n", runs(*evenly)));
    }
    assert!(rows.len() >= 8, "{table}");
    assert!(rows.values().any(|caught| caught.evenly.is_none()), "one of them needs PCT:\n{table}");
    for name in clean.keys() {
        assert!(
            rows.keys().any(|row| row.split(',').next() == Some(name)),
            "nobody has planted what {name} puts right"
        );
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/canaries"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description("Planted bugs by the runs that explore needs to find them.");
    settings.bind(|| insta::assert_snapshot!("runs-needed", table));
}

/// Whatever else the repository shows, nothing is wrong with it that its file does not speak of. What is wrong with the
/// order bugs is the samplers' matter.
#[test]
fn every_other_scenario_is_as_its_file_says() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let plan = Plan { seeds: 0..20, ..Plan::default() };
    for path in find(&[scenarios])
        .unwrap()
        .into_iter()
        .filter(|path| !path.parent().unwrap().ends_with("canary") && !path.parent().unwrap().ends_with("order"))
    {
        let file = File::load(&path).unwrap_or_else(|rejected| panic!("{rejected}"));
        for main in file.scenario.mains() {
            let setting = Setting { strategy: main.map(str::to_owned), ..Setting::default() };
            let search = file.explore(&setting, &plan, &mut |_| true).unwrap();
            assert!(search.is_good(), "{} under {main:?}: {:?}", path.display(), search.explored.failures);
        }
    }
}
