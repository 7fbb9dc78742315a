//! Bugs that were there: `explore` finds each, and a search through all runs certifies what put it right.
//!
//! Bugs that asyncio once had are there in the versions that had them, and in no other, and are found by single cancellations
//! in plain order. A file under `scenarios/bugs/` is the bug as it happens, with its cancellation written down if it needs
//! one. The file of the same name under `searched/`, if there is one, is the same program with nothing written down. What
//! puts such a bug right is a newer version.
//!
//! Bugs of other libraries, and of versions of asyncio that are not here, stand under `written-out/`: what the library
//! does, as steps, in `NAME.toml`, and repaired in `NAME-fixed.toml`.
//!
//! What must be found in a file is what tells the bug. That real interpreters do the same is what `atropos verify
//! scenarios/bugs` shows, and `tests/conformance/` for each file.
//!
//! Not here, because steps cannot say it:
//!
//! - kotlinx.coroutines#4583, a subscriber of a SharedFlow and its emitter cancelled together: it is about the places in a
//!   buffer, and steps have no lists that tasks share.
//! - trio#1457: it is trio's own, and no runtime here behaves like trio.
//! - A TaskGroup that cancels its children in the order of their addresses: no bug, but a question of every run with a
//!   group (`scenarios/strategies/task-group.toml`). Nor are bugs what gather, shield, a second cancellation and one before
//!   the first step do by design: `scenarios/canary/one-fails.toml`, `constructs/shield.toml`,
//!   `canary/cleanup-cut-short.toml`, `articles/05-cancel-not-started.toml`.
//!
//! Of one shape with what is here: bpo-33638 and bpo-32751 with `wait-leaves-without-its-lock`; tokio#4618 with
//! `notification-erased-by-who-leaves`; tornado#2826, kotlinx.coroutines#1813, #1936 and #2233 with
//! `item-handed-to-a-cancelled-getter`; aredis#171 with `reply-of-another-request`; httpcore#1093 with
//! `slot-of-a-pool-never-given-back`; tokio#6450 with `lock-handed-to-nobody`; micropython#8717 with
//! `wait-for-swallows-a-cancel`; anyio#1075 with `condition-loses-a-notification`.

use std::path::{Path, PathBuf};

use atropos::experiment::Experiment;
use atropos::explore::Plan;
use atropos::explore::exhaustive::Bounds;
use atropos::harness::{File, Search, Setting, find};
use atropos::program::Profile;
use atropos::report;

/// A file, its issue on GitHub, and whether there is such a bug on Python 3.8, 3.9, …: as it was measured on real ones.
/// Nothing where there is no such program.
struct Bug(&'static str, &'static str, [Option<bool>; Profile::ALL.len()]);

const HAS: Option<bool> = Some(true);
const NOT: Option<bool> = Some(false);

const BUGS: [Bug; 6] = [
    Bug("wait-for-swallows-a-cancel", "python/cpython#86296", [HAS, HAS, HAS, HAS, NOT, NOT]),
    Bug("wait-for-drops-a-late-result", "python/asyncio#343", [HAS, NOT, NOT, NOT, NOT, NOT]),
    Bug("condition-loses-a-notification", "python/cpython#112202", [HAS, HAS, HAS, HAS, HAS, NOT]),
    Bug("semaphore-lets-a-waiter-starve", "python/cpython#90155", [HAS, NOT, NOT, NOT, NOT, NOT]),
    Bug("semaphore-is-dead-after-cancellations", "python/cpython#90155", [NOT, HAS, NOT, NOT, NOT, NOT]),
    Bug("task-group-swallows-the-abort", "python/cpython#116720", [None, None, None, HAS, HAS, NOT]),
];

/// So many runs were enough on real CPython.
const RUNS_MAX: u64 = 68;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn happening(name: &str) -> PathBuf {
    root().join("scenarios/bugs").join(name).with_extension("toml")
}

/// Where it is searched: the file in which nothing is written down, if there is one.
fn searched(name: &str) -> PathBuf {
    let path = root().join("scenarios/bugs/searched").join(name).with_extension("toml");
    if path.exists() { path } else { happening(name) }
}

/// Every single cancellation in plain order, and nothing else. Nothing if this version has no such program.
fn search(path: &Path, profile: Profile) -> Option<Search> {
    let file = File::load(path).unwrap();
    let plan = Plan { seeds: 0..0, ..Plan::default() };
    let setting = Setting { profile: Some(profile), ..Setting::default() };
    file.explore(&setting, &plan, &mut |_| true).ok()
}

/// In how many runs that was found which must be found in this file. Nothing else is a bug of asyncio's, but for what is
/// printed: the file says what its own version prints.
fn found_in(search: &Search) -> Option<u64> {
    let program = search.experiment.program();
    let must_find = search.must_find.as_ref().expect("a bug is what must be found");
    let failures = search.explored.failures.iter().filter(|failure| failure.identity.what != "prints");
    let (sought, others): (Vec<_>, Vec<_>) = failures.partition(|it| must_find.is_found(&program, &it.identity));
    assert!(others.is_empty(), "{others:?}");
    sought.first().map(|failure| failure.number + 1)
}

#[test]
fn each_bug_happens_in_the_versions_that_had_it() {
    for Bug(name, _, had) in BUGS {
        for (profile, had) in Profile::ALL.into_iter().zip(had) {
            // The first run is the ordinary one.
            let first = search(&happening(name), profile).map(|search| found_in(&search) == Some(1));
            assert_eq!(first, had, "{name} on {}", profile.name);
        }
    }
}

#[test]
fn each_bug_is_found_by_single_cancellations_where_it_is_and_nowhere_else() {
    for Bug(name, _, had) in BUGS {
        for (profile, had) in Profile::ALL.into_iter().zip(had) {
            let search = search(&searched(name), profile);
            let found = search.as_ref().map(|search| found_in(search).is_some_and(|runs| runs <= RUNS_MAX));
            assert_eq!(found, had, "{name} on {}", profile.name);
            let tried = search.map_or((1, 1), |search| search.explored.faults);
            assert!(tried.0 > 0 && tried.0 == tried.1, "{name} on {}: {tried:?}", profile.name);
        }
    }
}

#[test]
fn every_bug_is_in_the_table() {
    let mut files = find(&[root().join("scenarios/bugs")]).unwrap();
    files.retain(|path| !path.parent().unwrap().ends_with("written-out"));
    assert!(files.iter().all(|path| BUGS.iter().any(|Bug(name, ..)| path.file_stem().unwrap() == *name)));
}

/// What `explore` finds by its default settings, and in how many runs, as two cells of a table.
fn found(path: &Path) -> String {
    let file = File::load(path).unwrap();
    let mut search = file.explore(&Setting::default(), &Plan::default(), &mut |_| true).unwrap();
    assert!(search.is_good(), "{}: {:?}", path.display(), search.explored.failures);
    let sought = search.covered(None).sought.expect("a bug is what must be found");
    let task = sought.what.task.map(|task| format!(" of `{}`", task.text())).unwrap_or_default();
    format!("{}{task} | {}", sought.what.what, sought.found_in.expect("it is good"))
}

/// The line that one may quote of a search through all runs: complete, and nothing is wrong with any of them.
fn certified(path: &Path, profile: Option<Profile>) -> String {
    let file = File::load(path).unwrap();
    let setting = Setting { profile, ..Setting::default() };
    let exhaustion = file.exhaust(&setting, Bounds::default(), &mut |_| true).unwrap();
    let name = path.display();
    assert!(exhaustion.searched.is_complete(), "{name}: {:?}", exhaustion.searched.bounded_by);
    assert!(exhaustion.searched.failures.is_empty(), "{name}: {:?}", exhaustion.searched.failures.keys());
    report::completeness(&exhaustion.covered(None)).trim_end().to_owned()
}

/// The table is the snapshot: who needs more runs than before stands out in the diff.
#[test]
fn each_bug_is_found_and_what_puts_it_right_is_certified() {
    let mut table = "| bug | what is found | run | put right |\n|---|---|---:|---|\n".to_owned();
    for Bug(name, _, had) in BUGS {
        let path = searched(name);
        let versions = Profile::ALL.into_iter().zip(had);
        let (repaired, _) = versions.rev().take_while(|(_, had)| *had == NOT).last().expect("each is put right");
        let line = certified(&path, Some(repaired));
        table.push_str(&format!("| {name} | {} | {}: {line} |\n", found(&path), repaired.name));
    }
    let files = find(&[root().join("scenarios/bugs/written-out")]).unwrap();
    assert!(!files.is_empty());
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if let Some(bug) = name.strip_suffix("-fixed") {
            assert!(path.with_file_name(format!("{bug}.toml")).exists(), "nobody has written out what {name} repairs");
            continue;
        }
        let line = certified(&path.with_file_name(format!("{name}-fixed.toml")), None);
        table.push_str(&format!("| {name} | {} | {line} |\n", found(&path)));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/bugs"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description("In which run each bug is found, and all runs of what puts it right.");
    settings.bind(|| insta::assert_snapshot!("found-and-certified", table));
}

#[test]
fn the_table_of_the_readme_is_the_generated_one() {
    let mut table = format!("| bug | {} |\n", Profile::ALL.map(|profile| profile.checked_against).join(" | "));
    table.push_str(&format!("|---|{}\n", "---|".repeat(Profile::ALL.len())));
    for Bug(name, issue, _) in BUGS {
        let cells = Profile::ALL.map(|profile| match search(&searched(name), profile) {
            None => "–".to_owned(),
            Some(search) => match found_in(&search) {
                Some(runs) => format!("**found**, run {runs}"),
                None => format!("none in {}", search.explored.runs),
            },
        });
        let file = format!("scenarios/bugs/{name}.toml");
        let url = format!("https://github.com/{}", issue.replace('#', "/issues/"));
        table.push_str(&format!("| [{name}]({file}), [{issue}]({url}) | {} |\n", cells.join(" | ")));
    }
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&table), "the README does not have this table:\n{table}");
}
