//! The simplest run for each way in which a scenario ends, where the file lists them: kept as snapshots. That no run ends
//! otherwise is held by the suite of scenarios.

use std::path::Path;

use atropos::experiment::Experiment;
use atropos::explore::exhaustive::Bounds;
use atropos::harness::{File, Setting, find};
use atropos::report;

#[test]
fn each_outcome_has_a_simplest_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for path in find(&[root.join("scenarios")]).unwrap() {
        let file = File::load(&path).unwrap();
        for strategy in file.scenario.mains() {
            if file.scenario.expectation(strategy, false).outcomes.is_none() {
                continue;
            }
            let setting = Setting { strategy: strategy.map(str::to_owned), ..Setting::default() };
            let exhaustion = file.exhaust(&setting, Bounds::default(), &mut |_| true).unwrap();
            let program = exhaustion.experiment.program();
            let mut told = report::completeness(&exhaustion.covered(None));
            for (outcome, trace) in exhaustion.outcomes() {
                told.push_str(&format!("\n{outcome}\n\n{}", report::trace(&program, &trace)));
            }
            let below = path.strip_prefix(root.join("scenarios")).unwrap().with_extension("");
            let name = below.display().to_string().replace('/', ".");
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(root.join("snapshots/outcomes"));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.set_description(file.scenario.about());
            settings.bind(|| insta::assert_snapshot!(format!("{name}.{}", strategy.unwrap_or("main")), told));
            count += 1;
        }
    }
    assert!(count > 0, "no scenario lists its outcomes");
}
