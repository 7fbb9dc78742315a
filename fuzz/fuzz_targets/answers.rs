//! The bytes are answers: the first says to which scenario, each other one mostly a choice of its run.
//!
//! No scenario may panic, whatever is chosen, and a run that is made again from its log is the same run.
//!
//! Knows nothing of what is expected of a scenario: some have bugs on purpose.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use atropos::choice::{Bytes, Given};
use atropos::experiment::Experiment;
use atropos::harness::{File, RunsOn, Setting, find};
use libfuzzer_sys::fuzz_target;

/// Every scenario, under each of its mains; anybody may be cancelled twice.
static EXPERIMENTS: LazyLock<Vec<RunsOn>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let files = find(&[folder]).expect("there are scenarios");
    let files = files.iter().map(|path| File::load(path).expect("they are valid"));
    // One that talks to hosts needs the network, which is not built here.
    let files: Vec<File> = files.filter(|file| !file.scenario.has_hosts()).collect();
    let mains = |file: &File| file.scenario.mains().into_iter().map(|main| main.map(str::to_owned)).collect::<Vec<_>>();
    let setting = |strategy| Setting { strategy, cancels: Some(2), ..Setting::default() };
    let each = |file: &File| {
        mains(file).into_iter().map(|main| file.experiment(&setting(main)).expect("it is one of its own")).collect()
    };
    files.iter().flat_map(|file| -> Vec<RunsOn> { each(file) }).collect()
});

fuzz_target!(|data: &[u8]| {
    let [which, answers @ ..] = data else { return };
    let experiment = &EXPERIMENTS[usize::from(*which) % EXPERIMENTS.len()];
    let mut run = experiment.begin();
    let ran = run.run(&mut Bytes::new(answers));
    let verdict = run.verdict();
    let log: Vec<u64> = run.trace().log().iter().map(|choice| choice.answer).collect();
    assert_eq!(run.run(&mut Given::new(&log)), ran);
    assert_eq!(run.verdict(), verdict);
});
