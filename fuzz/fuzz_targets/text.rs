//! The bytes are a scenario file: whatever stands there, its writer gets an answer, and what is valid runs.
//!
//! Knows nothing of TOML: `cargo fuzz run text fuzz/corpus/text scenarios/...` begins with files that are valid.

#![no_main]

use std::path::Path;

use atropos::choice::{Bytes, Given};
use atropos::experiment::Experiment;
use atropos::harness::{Asyncio, File};
use libfuzzer_sys::fuzz_target;

/// A program may loop for longer than anybody waits here.
const STEPS: u64 = 10_000;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = match File::parse(Path::new("fuzzed.toml"), text.to_owned()) {
        Ok(file) => file,
        Err(rejected) => {
            assert!(!rejected.render(true).is_empty());
            return;
        }
    };
    for strategy in file.scenario.mains() {
        let Ok(mut program) = file.scenario.program(strategy, None) else { continue };
        if program.network.is_some() {
            continue;
        }
        program.limits.steps = program.limits.steps.min(STEPS);
        let experiment = Asyncio::new(program.into(), file.scenario.expectation(strategy, false));
        let mut run = experiment.begin();
        // Any bytes will do for answers; those of the text are at hand.
        let ran = run.run(&mut Bytes::new(data));
        let log: Vec<u64> = run.trace().log().iter().map(|choice| choice.answer).collect();
        assert_eq!(run.run(&mut Given::new(&log)), ran);
        _ = file.scenario.python(strategy, None);
    }
});
