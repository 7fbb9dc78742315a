//! How much faster two threads explore than one.
//!
//! `cargo bench --bench cores` explores `gather10` on one thread and on two, in turns, and prints the medians of the
//! rounds: runs a second by the wall clock, how many times faster two are, and what a run costs on two in processor time,
//! beside what it costs on one. The first wants a machine with two cores and nothing else to do; the last shows on a busy
//! one, too, whether threads stand in each other's way: it is 1 if they do not.

#[expect(dead_code, reason = "the benches share it, and each needs a part of it")]
mod common;

use std::num::NonZero;
use std::time::Instant;

use common::{explored, gather, median, nanos};
use cpu_time::ProcessTime;

const ROUNDS: usize = 15;
const SEEDS: u32 = 100_000;

#[expect(clippy::disallowed_methods, reason = "a benchmark is a door of its own")]
fn main() {
    let program = common::program(&gather(10), Some("cancel-each-task"));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([1, 2].map(|jobs| {
            let (wall, processor) = (Instant::now(), ProcessTime::now());
            explored(&program, SEEDS, NonZero::new(jobs).expect("one or two"));
            [nanos(wall.elapsed()), nanos(processor.elapsed())]
        }));
    }
    let over = |number: &dyn Fn(&[[f64; 2]; 2]) -> f64| {
        median(&rounds.iter().map(number).collect::<Vec<_>>()).expect("there were rounds")
    };
    let rate = |jobs: usize| over(&|round| f64::from(SEEDS) * 1e9 / round[jobs - 1][0]);
    println!("runs a second: {:.0} on one thread, {:.0} on two", rate(1), rate(2));
    println!("two threads are {:.2} times as fast", over(&|[one, two]| one[0] / two[0]));
    println!("a run costs {:.2} times the processor time", over(&|[one, two]| two[1] / one[1]));
}
