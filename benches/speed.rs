//! How fast the event loop is, beside CPython, in one interleaved run.
//!
//! `cargo bench --bench speed` prints a table: nanoseconds of CPU time a run, the median of all rounds, and how many
//! times CPython's fresh loop that is, the median of the rounds' own ratios. In every round each program runs on
//! CPython first and then in every way here, so that a machine that slows down slows both down. Absolute numbers mean
//! little; the ratios are what is claimed.
//!
//! CPython is `python3.13` or else `python3`, or `ATROPOS_BENCH_PYTHON`; without one the ratios are left out, and it
//! says so.

mod common;

use std::num::NonZero;

use atropos::choice::{Ordinary, Seeded};
use atropos::event_loop::EventLoop;
use atropos::machine::Machine;
use atropos::program::Program;
use common::{Python, explored, gather, median, nanos, ratio};
use cpu_time::ProcessTime;

const ROUNDS: usize = 15;

/// The programs: a name that `sim/cpython/bench.py` knows, runs a round on CPython and here, the scenario, and the
/// strategy.
fn programs() -> [(&'static str, u32, u32, String, Option<&'static str>); 3] {
    let chain = r#"
about = "Ten tasks that sleep a hundred times each."
[[task]]
name = "task {i}"
count = 10
steps = [{ for = "n", in = "range(100)", do = [{ sleep = "1ms" }] }]
[main]
steps = [{ gather = "coros", as = "group" }, { await = "group" }]
"#;
    [
        ("gather10", 200, 20_000, gather(10), Some("cancel-each-task")),
        ("gather1000", 3, 200, gather(1000), Some("cancel-each-task")),
        ("chain", 20, 2_000, chain.to_owned(), None),
    ]
}

/// A way of making runs of a program: its name, and what makes so many of them. As `explore` makes seeded ones, each begins
/// with a copy of what comes before the first question; "whole run" does without.
type Way = (&'static str, fn(&Program, u32));

const WAYS: [Way; 6] = [
    ("plain, fingerprint", |program, runs| {
        let mut event_loop = EventLoop::new(program);
        for _ in 0..runs {
            event_loop.reset();
            event_loop.run(&mut Ordinary);
            std::hint::black_box(event_loop.fingerprint());
        }
    }),
    ("plain, recorded", |program, runs| {
        let mut event_loop = EventLoop::new(program);
        for _ in 0..runs {
            event_loop.reset();
            event_loop.run(&mut Ordinary);
            std::hint::black_box(event_loop.trace());
        }
    }),
    ("seeded, whole run", |program, runs| {
        let mut event_loop = EventLoop::new(program);
        for seed in 0..u64::from(runs) {
            event_loop.reset();
            event_loop.run(&mut Seeded::new(seed));
            std::hint::black_box(event_loop.fingerprint());
        }
    }),
    ("seeded, fingerprint", |program, runs| {
        let beginning = EventLoop::at_first_question(program);
        let mut event_loop = beginning.clone();
        for seed in 0..u64::from(runs) {
            event_loop.clone_from(&beginning);
            event_loop.run(&mut Seeded::new(seed));
            std::hint::black_box(event_loop.fingerprint());
        }
    }),
    ("seeded, recorded", |program, runs| {
        let mut event_loop = EventLoop::new(program);
        for seed in 0..u64::from(runs) {
            event_loop.reset();
            event_loop.run(&mut Seeded::new(seed));
            std::hint::black_box(event_loop.trace());
        }
    }),
    ("seeded, explored", |program, runs| explored(program, runs, NonZero::<usize>::MIN)),
];

fn main() {
    let mut python = Python::start(concat!(env!("CARGO_MANIFEST_DIR"), "/sim/cpython/bench.py"));
    println!("{:<12} {:<22} {:>12} {:>18} {:>18}", "program", "way", "ns a run", "x fresh loop", "x reused loop");
    for (name, python_runs, runs, text, strategy) in programs() {
        let program = common::program(&text, strategy);
        let mut here: [Vec<f64>; WAYS.len()] = Default::default();
        let (mut fresh, mut reused) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            if let Some(python) = &mut python {
                let (fresh_ns, reused_ns) = python.measure(name, python_runs);
                fresh.push(fresh_ns);
                reused.push(reused_ns);
            }
            for ((_, make), samples) in WAYS.iter().zip(&mut here) {
                let start = ProcessTime::now();
                make(&program, runs);
                samples.push(nanos(start.elapsed()) / f64::from(runs));
            }
        }
        if let (Some(fresh), Some(reused)) = (median(&fresh), median(&reused)) {
            println!("{name:<12} {:<22} {fresh:>12.0} {:>18} {:>18.1}", "CPython, fresh loop", "1", reused / fresh);
            println!("{name:<12} {:<22} {reused:>12.0} {:>18.1} {:>18}", "CPython, reused loop", fresh / reused, "1");
        }
        for ((way, _), samples) in WAYS.iter().zip(&here) {
            let median = median(samples).expect("there were rounds");
            let times = |python| ratio(python, samples).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.0}"));
            println!("{name:<12} {way:<22} {median:>12.0} {:>18} {:>18}", times(&fresh), times(&reused));
        }
    }
}
