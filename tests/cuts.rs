//! Cuts on the event loop: where they fit, that each comes where it was planned, and what it finds there.

use std::path::Path;

use atropos::choice::{Cut, Given, Ordinary};
use atropos::event_loop::EventLoop;
use atropos::generate::scenarios;
use atropos::harness::File;
use atropos::machine::{Machine, Opening};
use atropos::program::Program;
use atropos::time::Time;
use atropos::trace::{Phase, Requester, Trace, What};
use proptest::prop_assert_eq;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// A task that waits, cleans up for a second, and is over; and one that nobody may cancel.
const CLEANS_UP: &str = r#"
about = "One cleans up, and one looks on."
[[task]]
name = "worker"
steps = [{ try = [{ sleep = "1s" }], finally = [{ sleep = "1s" }] }]
[[task]]
name = "onlooker"
steps = [{ sleep = 0 }, { sleep = "5s" }]
[main]
steps = [{ spawn = "coros", as = "tasks" }, { wait = "tasks" }]
"#;

/// The program of a scenario with these faults, measured.
fn program(text: &str, inject: &str) -> Program {
    let file = File::parse(Path::new("it.toml"), format!("{text}{inject}")).unwrap_or_else(|bad| panic!("{bad}"));
    Program::clone(&file.program(None, None).unwrap_or_else(|bad| panic!("{bad}")))
}

fn openings(program: &Program) -> Vec<Opening> {
    EventLoop::new(program).openings(&mut Ordinary, 100_000).list
}

fn run(program: &Program, answers: &[u64]) -> Trace {
    let mut event_loop = EventLoop::new(program);
    event_loop.run(&mut Given::new(answers));
    event_loop.trace()
}

/// Every cut of a run: when, of which task, in which phase.
fn cuts(program: &Program, trace: &Trace) -> Vec<String> {
    let told = trace.iter().filter_map(|moment| match moment.what {
        What::Cut { phase, instance, .. } => {
            Some(format!("{} {} {}", moment.time, program.name(instance), phase.name()))
        }
        _ => None,
    });
    told.collect()
}

const ONE: &str = "[[inject]]\ncancel = \"worker\"\n";

/// In each phase: from when to when, and how many places there are.
#[test]
fn the_places_for_a_cut_are_told_by_phase() {
    let program = program(CLEANS_UP, ONE);
    let mut phases: Vec<(Phase, Time, Time, u32)> = Vec::new();
    for Opening { phase, time, .. } in openings(&program) {
        match phases.last_mut() {
            Some((last, _, to, count)) if *last == phase => (*to, *count) = (time, *count + 1),
            _ => phases.push((phase, time, time, 1)),
        }
    }
    let [start, wakes, ends] = [0, 1_000_000_000, 2_000_000_000].map(Time);
    let expected = [
        (Phase::NotStarted, start, start, 1),
        // Before each of the onlooker's two handles, before the loop waits, and when it has.
        (Phase::Waiting, start, wakes, 4),
        (Phase::Woken, wakes, wakes, 1),
        // The onlooker sleeps, so there is nothing but the wait of the loop.
        (Phase::Waiting, wakes, ends, 2),
        (Phase::Woken, ends, ends, 1),
    ];
    assert_eq!(phases, expected);
}

#[test]
fn a_second_cut_finds_what_the_first_has_left() {
    let program = program(CLEANS_UP, "[[inject]]\ncancel = \"worker\"\nup_to = 2\n");
    let tasks = program.cuts[0].tasks;
    let all = openings(&program);
    let first = all.iter().find(|opening| opening.phase == Phase::Waiting).unwrap().cut;
    let mut found: Vec<String> = Vec::new();
    for later in 0..6 {
        let second = Cut { handle: first.handle + later, ..first };
        let trace = run(&program, &[first.answer(tasks), second.answer(tasks)]);
        let told = cuts(&program, &trace);
        assert_eq!(told[0], "0s worker waiting", "the first is the first, in whatever order they are drawn");
        assert_eq!(cuts(&program, &run(&program, &[second.answer(tasks), first.answer(tasks)])), told);
        found.extend(told.into_iter().nth(1));
    }
    found.dedup();
    assert_eq!(found, ["0s worker again", "0s worker cleanup", "1s worker cleanup"]);
}

#[test]
fn a_cut_that_finds_nobody_does_nothing() {
    let program = program(CLEANS_UP, ONE);
    let (ordinary, tasks) = (run(&program, &[]), program.cuts[0].tasks);
    assert_eq!(tasks, 1, "the onlooker and main may not be cancelled");
    let events = |trace: &Trace| trace.iter().filter(|at| !matches!(at.what, What::Chose(_))).collect::<Vec<_>>();
    let last = program.cuts[0].handles - 1;
    for handle in [0, last] {
        // Before it is there, and when it is over.
        let trace = run(&program, &[Cut { handle, victim: 0 }.answer(tasks)]);
        assert_eq!(events(&trace), events(&ordinary), "handle {handle}");
    }
}

/// What is listed is what happens: a cut at a place comes at its time, to its task, in its phase, and the task is asked by
/// nobody else.
#[test]
fn a_cut_comes_where_it_was_planned() {
    let config = Config { cases: 60, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let done = runner.run(&(scenarios(), 0..1000_usize), |(sketch, at)| {
        let program = program(&sketch.to_string(), "\n[[inject]]\ncancel = \"*\"\n");
        let (all, tasks) = (openings(&program), program.cuts[0].tasks);
        for opening in all.iter().skip(at % all.len().max(1)).step_by(7) {
            let trace = run(&program, &[opening.cut.answer(tasks)]);
            let moments: Vec<_> = trace.iter().collect();
            let place = moments.iter().position(|moment| matches!(moment.what, What::Cut { .. }));
            let here = place.expect("somebody is there");
            let Opening { task, phase, instance, site, time, .. } = *opening;
            prop_assert_eq!(
                (moments[here].time, moments[here].what),
                (time, What::Cut { task, phase, instance, site })
            );
            let is_asked = matches!(
                moments[here + 1].what,
                What::CancelRequested { task: asked, by: Requester::Harness, .. } if asked == task
            );
            prop_assert_eq!(is_asked, true);
        }
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
}
