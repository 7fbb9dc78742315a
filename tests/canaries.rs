//! Planted bugs: `explore`, by its default settings, finds each that says `must_find`, within as many runs as it says;
//! every other file under `scenarios/canary/` stays clean.

use std::path::Path;

use atropos::explore::Plan;
use atropos::harness::{File, Setting, find};

#[test]
fn canaries_are_caught_and_their_twins_are_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/canary");
    let plan = Plan::default();
    let (mut caught, mut clean) = (0, 0);
    for path in find(&[folder]).unwrap() {
        let file = File::load(&path).unwrap();
        let strategy = file.scenario.mains()[0].map(str::to_owned);
        let expectation = file.scenario.expectation(strategy.as_deref(), false);
        let mut search = file.explore(&Setting { strategy, ..Setting::default() }, &plan, &mut |_| true).unwrap();
        let name = path.display();
        if expectation.must_find.is_none() {
            assert!(search.explored.failures.is_empty(), "{name}: {:?}", search.explored.failures);
            clean += 1;
            continue;
        }
        let sought = search.covered(None).sought.expect("it must be found");
        let found = sought.found_in.unwrap_or_else(|| panic!("{name}: not found, but {:?}", search.explored.failures));
        assert!(search.is_good(), "{name}: {sought:?}, {:?}", search.explored.failures);
        println!("{name}: {found} runs");
        caught += 1;
    }
    assert!(caught >= 3 && clean >= 1, "{caught} caught, {clean} clean");
}
