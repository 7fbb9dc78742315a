//! How fast a seeded run of `gather10` is here, on shuttle, on madsim and on CPython, in one interleaved run.
//!
//! `cd benches/peers && cargo run --release` prints a table: nanoseconds of CPU time a run, the median of all rounds, and
//! how many times CPython's fresh loop and the fastest of the peers that is, the median of the rounds' own ratios.
//!
//! Each peer runs the program on its own tasks and its own sleep, one seed after the other, in the cheapest way that it
//! offers; as on CPython, texts are put together and printed nowhere. In the peers' favour: they keep no record of what
//! happened and make no fingerprint. shuttle has no clock, so there a sleep is a yield.
//!
//! The same program as real tokio futures is made twice: by tokio alone, a paused current-thread runtime for each run, in the
//! one order that it has and with nothing recorded; and by [`Check`](atropos::check::Check), orders drawn evenly, with every
//! event, every question, the judge, the fingerprint, and one passing run in 64 made again. A second table is about these.
//!
//! Knows nothing of whether the peers find anything: it is about speed alone.

#[path = "../../common/mod.rs"]
mod common;

use std::hint::black_box;
use std::num::NonZero;

use atropos::choice::Seeded;
use atropos::event_loop::EventLoop;
use atropos::machine::Machine;
use atropos::program::Program;
use common::{Python, explored, gather, median, nanos, ratio};
use cpu_time::ProcessTime;

const ROUNDS: usize = 25;

/// Runs a round, for the peers and here.
const RUNS: u32 = 5_000;

/// The same on CPython.
const PYTHON_RUNS: u32 = 200;

/// Ten tasks of which the sixth fails half way; main cancels the others.
macro_rules! gather10 {
    ($spawn:path, $sleep:path) => {
        async {
            let task = |number: u32| async move {
                black_box(format!(">task {number} executing"));
                $sleep(1).await;
                if number == 5 {
                    black_box(format!(">task {number} failing"));
                    return Err("Something bad happened");
                }
                $sleep(1).await;
                black_box(format!(">task {number} done"));
                Ok(())
            };
            let mut tasks: Vec<_> = (0..10).map(|number| $spawn(task(number))).collect();
            let each = tasks.iter_mut().map(|task| async { task.await.expect("nobody has been cancelled yet") });
            if let Err(error) = futures_util::future::try_join_all(each).await {
                black_box(format!("A task failed with: {error}, canceling all tasks"));
                tasks.iter().for_each(|task| task.abort());
            }
            $sleep(2).await;
        }
    };
}

async fn shuttle_sleep(_seconds: u64) {
    shuttle::future::yield_now().await;
}

async fn madsim_sleep(seconds: u64) {
    madsim::time::sleep(std::time::Duration::from_secs(seconds)).await;
}

async fn tokio_sleep(seconds: u64) {
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
}

/// One order, for ever.
fn on_paused_tokio(_: &Program, runs: u32) {
    for _ in 0..runs {
        let builder = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        builder.expect("a runtime without threads").block_on(gather10!(tokio::spawn, tokio_sleep));
    }
}

/// So many seeds, and some hundred single changes of order on top, which nobody subtracts.
fn checked(_: &Program, runs: u32) {
    let check = atropos::check::Check::new().name("gather10").runs(2 * u64::from(runs));
    let found = check.find(|_| gather10!(atropos::tokio::spawn, tokio_sleep));
    assert!(found.failures.is_empty() && u64::from(runs) < found.runs, "{}", found.covered);
}

fn on_shuttle(scheduler: impl shuttle::scheduler::Scheduler + 'static) {
    let mut config = shuttle::Config::new();
    config.failure_persistence = shuttle::FailurePersistence::None;
    let runner = shuttle::Runner::new(scheduler, config);
    runner.run(|| shuttle::future::block_on(gather10!(shuttle::future::spawn, shuttle_sleep)));
}

/// Who runs it: its name, and what makes so many runs. The program is ours; the peers bring their own.
type Way = (&'static str, fn(&Program, u32));

const PEERS: [Way; 3] = [
    ("shuttle, random", |_, runs| on_shuttle(shuttle::scheduler::RandomScheduler::new_from_seed(0, runs as usize))),
    ("shuttle, PCT depth 3", |_, runs| {
        on_shuttle(shuttle::scheduler::PctScheduler::new_from_seed(0, 3, runs as usize))
    }),
    ("madsim", |_, runs| {
        for seed in 0..u64::from(runs) {
            let runtime = madsim::runtime::Runtime::with_seed_and_config(seed, madsim::Config::default());
            runtime.block_on(gather10!(madsim::task::spawn, madsim_sleep));
        }
    }),
];

/// As `explore` makes runs, each begins with a copy of what comes before the first question; "whole run" does without.
const HERE: [Way; 3] = [
    ("Atropos, whole run", |program, runs| {
        let mut event_loop = EventLoop::new(program);
        for seed in 0..u64::from(runs) {
            event_loop.reset();
            event_loop.run(&mut Seeded::new(seed));
            black_box(event_loop.fingerprint());
        }
    }),
    ("Atropos, fingerprint", |program, runs| {
        let beginning = EventLoop::at_first_question(program);
        let mut event_loop = beginning.clone();
        for seed in 0..u64::from(runs) {
            event_loop.clone_from(&beginning);
            event_loop.run(&mut Seeded::new(seed));
            black_box(event_loop.fingerprint());
        }
    }),
    ("Atropos, explored", |program, runs| {
        explored(program, runs, NonZero::<usize>::MIN);
    }),
];

/// Real futures.
const FUTURES: [Way; 2] = [("paused tokio, one order", on_paused_tokio), ("Atropos, checked", checked)];

fn main() {
    let mut python = Python::start(concat!(env!("CARGO_MANIFEST_DIR"), "/../../sim/cpython/bench.py"));
    let program = common::program(&gather(10), Some("cancel-each-task"));
    let ways: Vec<Way> = PEERS.into_iter().chain(HERE).chain(FUTURES).collect();
    let mut samples = vec![Vec::new(); ways.len()];
    let mut fresh = Vec::new();
    for _ in 0..ROUNDS {
        if let Some(python) = &mut python {
            fresh.push(python.measure("gather10", PYTHON_RUNS).0);
        }
        for ((_, make), samples) in ways.iter().zip(&mut samples) {
            let start = ProcessTime::now();
            make(&program, RUNS);
            samples.push(nanos(start.elapsed()) / f64::from(RUNS));
        }
    }
    let peers = &samples[..PEERS.len()];
    let fastest = peers.iter().min_by_key(|samples| median(samples).map(|ns| ns as u64)).expect("there are peers");
    println!("{:<24} {:>12} {:>18} {:>18}", "gather10, seeded", "ns a run", "x CPython's fresh", "x fastest peer");
    if let Some(fresh) = median(&fresh) {
        println!("{:<24} {fresh:>12.0}", "CPython, fresh loop");
    }
    for ((way, _), samples) in ways.iter().zip(&samples) {
        let times = |other| ratio(other, samples).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}"));
        let median = median(samples).expect("there were rounds");
        println!("{way:<24} {median:>12.0} {:>18} {:>18}", times(&fresh), times(fastest));
    }
    let [.., plain, checked] = &samples[..] else { unreachable!("there are two ways with real futures") };
    println!("\n{:<24} {:>12}", "real futures, checked", "x as long");
    for ((peer, _), samples) in PEERS.iter().zip(&samples).chain([(&FUTURES[0], plain)]) {
        let times = ratio(checked, samples).expect("there were rounds");
        println!("{peer:<24} {times:>12.2}");
    }
}
