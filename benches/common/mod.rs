//! What the benches share: the program of the articles, medians, and a CPython that times the same programs.
//!
//! Knows nothing of what is compared with what.

use std::io::{BufRead, BufReader, Write};
use std::num::NonZero;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use atropos::explore::{Plan, Sampler, explore};
use atropos::harness::{Asyncio, strategies};
use atropos::program::Program;
use atropos::scenario::Scenario;
use atropos::verdict::Expectation;

/// Tasks of which the sixth fails half way; main cancels the others.
pub fn gather(count: u32) -> String {
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
}

/// A scenario's program under a strategy, or under its own main.
pub fn program(text: &str, strategy: Option<&str>) -> Program {
    let scenario = Scenario::parse(text, &strategies()).expect("a valid scenario");
    scenario.program(strategy, None).expect("a strategy that exists")
}

/// What `atropos explore` does with so many seeds: all judges, the count of distinct orders, some runs made twice.
pub fn explored(program: &Program, seeds: u32, jobs: NonZero<usize>) {
    let experiment = Asyncio::new(Arc::new(program.clone()), Expectation::default());
    let (seeds, shard) = (0..u64::from(seeds), (0, const { NonZero::new(1).unwrap() }));
    let plan = Plan { faults: 0, seeds, sampler: Sampler::Random, shard, jobs, ..Plan::default() };
    std::hint::black_box(explore(&experiment, &plan, &mut |_| true));
}

/// So many nanoseconds.
pub fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// The middle one; nothing if there is none.
pub fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The median of what each round says of how many times faster `here` was.
pub fn ratio(other: &[f64], here: &[f64]) -> Option<f64> {
    median(&other.iter().zip(here).map(|(other, here)| other / here).collect::<Vec<_>>())
}

/// A CPython that times the same programs, a line at a time.
pub struct Python {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// `ATROPOS_BENCH_PYTHON`, or else `python3.13`, or else `python3`; nothing if there is none.
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a door of its own")]
    pub fn start(script: &str) -> Option<Python> {
        let named = std::env::var("ATROPOS_BENCH_PYTHON").ok();
        let candidates = named.map_or_else(|| vec!["python3.13".to_owned(), "python3".to_owned()], |name| vec![name]);
        let started = candidates.iter().find_map(|interpreter| Python::start_one(interpreter, script));
        if started.is_none() {
            println!("no CPython found (set ATROPOS_BENCH_PYTHON): the ratios to it are left out");
        }
        started
    }

    fn start_one(interpreter: &str, script: &str) -> Option<Python> {
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
    pub fn measure(&mut self, program: &str, runs: u32) -> (f64, f64) {
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
