//! (file, strategy, seed) names one run, byte for byte: in one process, in many, on every platform.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use atropos::choice::Seeded;
use atropos::experiment::{Experiment, Runtime};
use atropos::explore::Plan;
use atropos::harness::{File, Run, Setting, find};
use atropos::report;

/// Every run that the golden file knows: the articles under all their mains, ordinary and under three seeds.
fn runs() -> Vec<(String, File, Run)> {
    let mut runs = Vec::new();
    for path in find(&["scenarios/articles".into()]).unwrap() {
        let file = File::load(&path).unwrap();
        for main in file.scenario.mains() {
            for seed in [None, Some(1), Some(2), Some(u64::MAX)] {
                let strategy = main.map(str::to_owned);
                let run = Run { strategy, runtime: Runtime::Asyncio, profile: None, seed };
                let seed = seed.map_or_else(|| "ordinary".to_owned(), |seed| format!("seed {seed}"));
                runs.push((format!("{} {} {seed}", path.display(), main.unwrap_or("main")), file.clone(), run));
            }
        }
    }
    runs
}

/// A change here means that a seed, or a token, means something else than before: that is a breaking change. Another
/// platform that gives other fingerprints is a bug.
#[test]
fn golden_fingerprints() {
    let mut all = String::new();
    for (name, file, run) in runs() {
        let fingerprint = file.run(&run).unwrap().trace.fingerprint();
        writeln!(all, "{fingerprint} {name}").unwrap();
    }
    golden("fingerprints", "The fingerprint of every run, on every machine.", &all);
}

/// What exploring finds does not hang on the build either: this stands for all others.
#[test]
fn golden_explorations() {
    let all: String = EXPLORED.into_iter().map(|arguments| atropos(&format!("explore {arguments}"))).collect();
    golden("explorations", "What exploring finds, in every build.", &all);
}

fn golden(name: &str, about: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/determinism"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(about);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Explorations in which cuts, failures, ties and lengths are drawn, and things are found of each of these.
const EXPLORED: [&str; 4] = [
    "scenarios/first.toml --cancels 2 --seeds 5..155 --format json --no-save",
    "scenarios/canary/starved.toml scenarios/canary/used-too-early.toml --seeds 0..100 --format json --no-save",
    "scenarios/canary/one-fails.toml --cancels 1 --seeds 0..100 --format json --no-save",
    "scenarios/articles/10-three-tasks-with-cancel.toml --cancels 1 --seeds 0..100 --format json --no-save",
];

/// What `atropos` prints in a process of its own.
fn atropos(arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_atropos")).args(arguments.split(' ')).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn exploring_prints_the_same_bytes_on_any_number_of_threads() {
    for arguments in EXPLORED {
        let on = |jobs| atropos(&format!("explore {arguments} --jobs {jobs}"));
        let alone = on(1);
        assert!(alone.contains("\"event\":\"failure\""), "nothing is found, so nothing is compared: {arguments}");
        for jobs in [2, 7] {
            assert_eq!(on(jobs), alone, "{arguments} on {jobs} threads");
        }
    }
}

/// By kind of failure, in how many runs it was found; and how many runs were made in all.
fn found(printed: &str) -> (BTreeMap<String, u64>, u64) {
    let (mut found, mut runs) = (BTreeMap::new(), 0);
    let lines = printed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    for (line, value) in lines.enumerate() {
        let number = value["runs"].as_u64().unwrap();
        match value["event"].as_str() {
            Some("failure") => {
                let kind = format!("{} {} {}", value["what"], value["subject"], value["error"]);
                let first = found.entry(kind).or_insert(number);
                *first = number.min(*first);
            }
            other => {
                assert_eq!(other, Some("explored"), "line {line}");
                runs += number;
            }
        }
    }
    (found, runs)
}

#[test]
fn shards_together_find_what_one_exploration_finds() {
    // One main each, because the failures of all of them are thrown together here.
    let one_main = EXPLORED[0].replacen(".toml", ".toml --strategy gather-cancel-wrong", 1);
    for arguments in [&one_main, EXPLORED[3]] {
        let whole = atropos(&format!("explore {arguments}"));
        let shards = (1..=3).map(|shard| atropos(&format!("explore {arguments} --shard {shard}/3")));
        assert_eq!(found(&shards.collect::<String>()), found(&whole), "{arguments}");
    }
}

/// A seed is the same run for `run`, for an exploration and for the suite, which goes through [`File::run`].
#[test]
fn a_seed_is_one_run_in_every_command() {
    for path in find(&["scenarios/canary".into(), "scenarios/first.toml".into()]).unwrap() {
        let file = File::load(&path).unwrap();
        for seed in [3, u64::MAX] {
            let printed = atropos(&format!("run {} --seed {seed}", path.display()));
            for main in file.scenario.mains() {
                let strategy = main.map(str::to_owned);
                let setting = Setting { strategy: strategy.clone(), ..Setting::default() };
                let experiment = file.experiment(&setting).unwrap();
                let mut explored = experiment.begin();
                explored.run(&mut Seeded::new(seed));
                let text = report::trace(&experiment.program(), &explored.trace());
                assert!(
                    printed.contains(&text),
                    "{} under {main:?} and seed {seed} on the command line",
                    path.display()
                );
                let run = Run { strategy, runtime: file.runtime(), profile: None, seed: Some(seed) };
                assert_eq!(report::trace(&experiment.program(), &file.run(&run).unwrap().trace), text);
            }
        }
    }
}

/// What is told of a failure is what its token shows, event by event, in another process.
#[test]
fn a_token_is_the_run_that_was_told() {
    let (mut tokens, plan) = (0, Plan { seeds: 0..100, ..Plan::default() });
    for path in find(&["scenarios/canary".into()]).unwrap() {
        let file = File::load(&path).unwrap();
        for main in file.scenario.mains() {
            let setting = Setting { strategy: main.map(str::to_owned), ..Setting::default() };
            let search = file.explore(&setting, &plan, &mut |_| true).unwrap();
            for told in &search.told {
                let token = file.token(&setting, &search.experiment, told);
                let printed = atropos(&format!("replay {token} {} --trace", path.display()));
                assert_eq!(printed, report::trace(&search.experiment.program(), &told.trace), "{}", path.display());
                tokens += 1;
            }
        }
    }
    assert!(tokens >= 8, "{tokens} tokens");
}

#[test]
fn separate_processes_print_the_same_bytes() {
    let turmoil = cfg!(feature = "network").then_some("turmoil");
    for runtime in ["asyncio", "tokio"].into_iter().chain(turmoil) {
        for seed in ["0", "7"] {
            let output = |_| {
                let arguments = ["run", "scenarios/articles", "--format", "json", "--runtime", runtime, "--seed", seed];
                let output = Command::new(env!("CARGO_BIN_EXE_atropos")).args(arguments).output().unwrap();
                // Some of the articles' outputs hold in the ordinary order only.
                assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
                output.stdout
            };
            let first = output(0);
            assert!(first.windows(13).any(|bytes| bytes == b"\"fingerprint\""), "every run ends in its fingerprint");
            assert!((1..4).map(output).all(|other| other == first), "two processes differ on {runtime}, seed {seed}");
        }
    }
}

#[test]
fn repetitions_in_one_process_are_equal() {
    for (name, file, run) in runs() {
        for runtime in [Runtime::Asyncio, Runtime::Tokio] {
            let run = Run { runtime, ..run.clone() };
            let first = file.run(&run).unwrap().trace;
            for _ in 0..3 {
                assert!(file.run(&run).unwrap().trace == first, "{name} on {} differs from itself", runtime.name());
            }
        }
    }
}

/// Seeds are there to show other orders: over a few of them the ten tasks of the first scenario come in many.
#[test]
fn seeds_differ() {
    let file = File::load(Path::new("scenarios/first.toml")).unwrap();
    let fingerprints: std::collections::BTreeSet<_> = (0..50)
        .map(|seed| {
            let strategy = Some("cancel-all-tasks".to_owned());
            let run = Run { strategy, runtime: Runtime::Asyncio, profile: None, seed: Some(seed) };
            file.run(&run).unwrap().trace.fingerprint()
        })
        .collect();
    assert_eq!(fingerprints.len(), 50);
}
