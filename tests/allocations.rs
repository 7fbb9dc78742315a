//! After a warm-up, a run allocates nothing: neither the event loop nor the bodies, plain, seeded or in any order, nor
//! whoever explores and judges it.

use std::path::PathBuf;

use atropos::choice::{Ordinary, Seeded};
use atropos::event_loop::EventLoop;
use atropos::explore::{Plan, explore};
use atropos::harness::{File, Setting, find};
use atropos::machine::Machine;
use atropos::program::Profile;

#[test]
fn a_run_after_warm_up_allocates_nothing() {
    let strategies = &["gather-cancel-wrong", "cancel-each-task", "cancel-all-tasks", "poll-and-cancel"][..];
    let mut files = vec![
        (PathBuf::from("scenarios/first.toml"), strategies),
        ("scenarios/articles/10-three-tasks-with-cancel.toml".into(), &[]),
    ];
    files.extend(find(&["scenarios/constructs".into()]).unwrap().into_iter().map(|path| (path, &[][..])));
    for (path, strategies) in files {
        let file = File::load(&path).unwrap();
        let mains = if strategies.is_empty() { vec![None] } else { strategies.iter().copied().map(Some).collect() };
        let ways = Profile::ALL.into_iter().flat_map(|profile| [(profile, false), (profile, true)]);
        // How gather takes its children differs between the versions, so each has its turn. Where anything that is ready
        // may run next, memory for each question would grow with what is ready, and with it the time that a question takes.
        for (main, (profile, any_order)) in mains.into_iter().flat_map(|main| ways.clone().map(move |way| (main, way)))
        {
            // A profile may lack what a file is about.
            let Ok(mut program) = file.scenario.program(main, Some(profile)) else { continue };
            program.schedule.ready_any_order |= any_order;
            let mut event_loop = EventLoop::new(&program);
            let mut warm_up = || {
                for seed in 0..20 {
                    event_loop.reset();
                    event_loop.run(&mut Seeded::new(seed));
                }
            };
            warm_up();
            let seen = allocation_counter::measure(|| {
                for seed in 0..20 {
                    event_loop.reset();
                    event_loop.run(&mut Seeded::new(seed));
                    std::hint::black_box(event_loop.fingerprint());
                }
                event_loop.reset();
                event_loop.run(&mut Ordinary);
            });
            assert_eq!(
                seen.count_total,
                0,
                "{} under {main:?} on {}, any order {any_order}, allocated {} bytes",
                path.display(),
                profile.name,
                seen.bytes_total
            );
        }
    }
}

#[test]
fn exploring_allocates_for_what_it_finds_and_not_for_its_runs() {
    let file = File::load("scenarios/first.toml".as_ref()).unwrap();
    let strategy = Some("cancel-each-task".to_owned());
    let experiment = file.experiment(&Setting { strategy, ..Setting::default() }).unwrap();
    let allocations = |seeds: u64| {
        let plan = Plan { seeds: 0..seeds, ..Plan::default() };
        let mut failures = 0;
        let seen = allocation_counter::measure(|| failures = explore(&experiment, &plan, &mut |_| true).failures.len());
        assert_eq!(failures, 0);
        seen.count_total
    };
    // A table of orders that has grown is all that there may be.
    let (some, many) = (allocations(2_000), allocations(10_000));
    assert!(many - some <= 4, "{some} for 2,000 runs, {many} for 10,000");
}
