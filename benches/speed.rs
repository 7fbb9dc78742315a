//! How fast the event loop is, beside CPython, in one interleaved run.
//!
//! `cargo bench --bench speed` prints a table: nanoseconds of CPU time a run, the median of all rounds, and how many
//! times CPython's fresh loop that is, the median of the rounds' own ratios. In every round each program runs on
//! CPython first and then in every way here, so that a machine that slows down slows both down. Absolute numbers mean
//! little; the ratios are what is claimed.
//!
//! CPython is `python3.13` or else `python3`, or `ATROPOS_BENCH_PYTHON`; without one the ratios are left out, and it
//! says so.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use atropos::choice::{Ordinary, Seeded};
use atropos::event_loop::EventLoop;
use atropos::harness::strategies;
use atropos::machine::Machine;
use atropos::program::Program;
use atropos::scenario::Scenario;
use cpu_time::ProcessTime;

const ROUNDS: usize = 15;

/// The programs: a name that `sim/cpython/bench.py` knows, runs a round on CPython and here, the scenario, and the
/// strategy.
fn programs() -> [(&'static str, u32, u32, String, Option<&'static str>); 3] {
    let gather = |count: u32| {
        format!(
            r#"
about = "Tasks of which the sixth fails half way."
strategy = "cancel-each-task"
[[task]]
name = "task {{i}}"
count = {count}
steps = [
    {{ print = ">task {{i}} executing" }},
    {{ sleep = "1s" }},
    {{ point = "halfway" }},
    {{ sleep = "1s" }},
    {{ print = ">task {{i}} done" }},
]
[[fail]]
task = "task 5"
at = "halfway"
print = ">task 5 failing"
raise = "Something bad happened"
"#
        )
    };
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

/// The ways of running a program here.
const WAYS: [&str; 4] = ["plain, fingerprint", "plain, recorded", "seeded, fingerprint", "seeded, recorded"];

fn main() {
    let mut python = Python::start();
    if python.is_none() {
        println!("no CPython found (set ATROPOS_BENCH_PYTHON): the ratios are left out");
    }
    println!("{:<12} {:<22} {:>12} {:>18} {:>18}", "program", "way", "ns a run", "x fresh loop", "x reused loop");
    for (name, python_runs, runs, text, strategy) in programs() {
        let scenario = Scenario::parse(&text, &strategies()).expect("a valid scenario");
        let program = scenario.program(strategy, None).expect("a strategy that exists");
        let mut here: [Vec<f64>; 4] = Default::default();
        let (mut fresh, mut reused) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            if let Some(python) = &mut python {
                let (fresh_ns, reused_ns) = python.measure(name, python_runs);
                fresh.push(fresh_ns);
                reused.push(reused_ns);
            }
            for (way, samples) in here.iter_mut().enumerate() {
                samples.push(measure(&program, way, runs));
            }
        }
        if let (Some(fresh), Some(reused)) = (median(&fresh), median(&reused)) {
            println!("{name:<12} {:<22} {fresh:>12.0} {:>18} {:>18.1}", "CPython, fresh loop", "1", reused / fresh);
            println!("{name:<12} {:<22} {reused:>12.0} {:>18.1} {:>18}", "CPython, reused loop", fresh / reused, "1");
        }
        for (way, samples) in WAYS.iter().zip(&here) {
            let ratio = |python: &[f64]| {
                let ratios: Vec<f64> = python.iter().zip(samples).map(|(python, here)| python / here).collect();
                median(&ratios).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.0}"))
            };
            let median = median(samples).expect("there were rounds");
            println!("{name:<12} {way:<22} {median:>12.0} {:>18} {:>18}", ratio(&fresh), ratio(&reused));
        }
    }
}

/// Nanoseconds a run.
fn measure(program: &Program, way: usize, runs: u32) -> f64 {
    let (is_seeded, is_recorded) = (way >= 2, way % 2 == 1);
    let mut event_loop = EventLoop::new(program);
    let start = ProcessTime::now();
    for seed in 0..u64::from(runs) {
        event_loop.reset();
        if is_seeded {
            event_loop.run(&mut Seeded::new(seed));
        } else {
            event_loop.run(&mut Ordinary);
        }
        if is_recorded {
            std::hint::black_box(event_loop.trace());
        } else {
            std::hint::black_box(event_loop.fingerprint());
        }
    }
    nanos(start.elapsed()) / f64::from(runs)
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// A CPython that times the same programs, a line at a time.
struct Python {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a door of its own")]
    fn start() -> Option<Python> {
        let named = std::env::var("ATROPOS_BENCH_PYTHON").ok();
        let candidates = named.map_or_else(|| vec!["python3.13".to_owned(), "python3".to_owned()], |name| vec![name]);
        candidates.iter().find_map(|interpreter| Python::start_one(interpreter))
    }

    fn start_one(interpreter: &str) -> Option<Python> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/cpython/bench.py");
        let version =
            Command::new(interpreter).arg("--version").output().ok().filter(|output| output.status.success())?;
        println!("{}, virtual clock", String::from_utf8_lossy(&version.stdout).trim());
        let mut child = Command::new(interpreter)
            .args([script, "--serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (ask, answers) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Python { child, ask, answers })
    }

    /// Nanoseconds a run on a fresh loop, and on a reused one.
    fn measure(&mut self, program: &str, runs: u32) -> (f64, f64) {
        writeln!(self.ask, "{program} {runs}").expect("CPython listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("CPython answers");
        let answer: serde_json::Value = serde_json::from_str(&line).expect("CPython answers with JSON");
        let ns = |key: &str| answer[key].as_f64().expect("a number of nanoseconds") / f64::from(runs);
        (ns("fresh_ns"), ns("reused_ns"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
