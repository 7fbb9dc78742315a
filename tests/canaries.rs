//! Planted bugs: `explore`, by its default settings, finds each that says `must_find`, within as many runs as it says;
//! every other file under `scenarios/canary/` stays clean.

use std::num::NonZero;
use std::path::Path;

use atropos::choice::Given;
use atropos::experiment::Experiment;
use atropos::explore::{Plan, Sampler};
use atropos::harness::{File, Setting, find};

#[test]
fn canaries_are_caught_and_their_twins_are_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/canary");
    let (one, jobs) = (NonZero::<u64>::MIN, NonZero::<usize>::MIN);
    let plan = Plan { faults: 20_000, seeds: 0..1000, sampler: Sampler::Portfolio, shard: (0, one), jobs };
    let (mut caught, mut clean) = (0, 0);
    for path in find(&[folder]).unwrap() {
        let file = File::load(&path).unwrap();
        let strategy = file.scenario.mains()[0].map(str::to_owned);
        let expectation = file.scenario.expectation(strategy.as_deref(), false);
        let search = file.explore(&Setting { strategy, ..Setting::default() }, &plan, &mut |_| true).unwrap();
        let name = path.display();
        let Some(must_find) = &expectation.must_find else {
            assert!(search.explored.failures.is_empty(), "{name}: {:?}", search.explored.failures);
            clean += 1;
            continue;
        };
        let program = search.experiment.program();
        let mut run = search.experiment.begin();
        let mut is_it = |log: &[atropos::choice::Choice]| {
            let answers: Vec<u64> = log.iter().map(|choice| choice.answer).collect();
            run.run(&mut Given::new(&answers));
            must_find.is_found(program, &run.verdict())
        };
        let found = search.explored.failures.iter().find(|failure| is_it(&failure.log));
        let found = found.unwrap_or_else(|| panic!("{name}: not found, but {:?}", search.explored.failures));
        assert!(found.number < must_find.within, "{name}: found in run {} only", found.number + 1);
        println!("{name}: {} runs", found.number + 1);
        caught += 1;
    }
    assert!(caught >= 3 && clean >= 1, "{caught} caught, {clean} clean");
}
