//! After a warm-up, a run allocates nothing: neither the event loop nor the bodies, plain or seeded.

use std::path::PathBuf;

use atropos::choice::{Ordinary, Seeded};
use atropos::event_loop::EventLoop;
use atropos::harness::{File, find};
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
        // How gather takes its children differs between the versions, so each has its turn.
        for (main, profile) in mains.into_iter().flat_map(|main| Profile::ALL.map(|profile| (main, profile))) {
            // A profile may lack what a file is about.
            let Ok(program) = file.scenario.program(main, Some(profile)) else { continue };
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
                "{} under {main:?} on {} allocated {} bytes",
                path.display(),
                profile.name,
                seen.bytes_total
            );
        }
    }
}
