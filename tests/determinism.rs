//! (file, strategy, seed) names one run, byte for byte: in one process, in many, on every platform.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use atropos::experiment::Runtime;
use atropos::harness::{File, Run, find};

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
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/determinism"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description("The fingerprint of every run, on every machine.");
    settings.bind(|| insta::assert_snapshot!("fingerprints", all));
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
