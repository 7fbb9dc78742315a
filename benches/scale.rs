//! What an event costs in programs of ten tasks and of a hundred thousand: it should be the same.
//!
//! `cargo bench --bench scale` prints, for each shape of program and each number of tasks, nanoseconds of CPU time an
//! event, the least of a few runs: in the ordinary order, from a seed, and from a seed with `order = "any"`; and what
//! making the program of the file costs a task. A column that grows tenfold from row to row would be quadratic; a few
//! times more at the end is memory that no cache holds. `-- SHAPE` prints that one alone.

#[expect(dead_code, reason = "the benches share it, and each needs a part of it")]
mod common;

use std::time::Duration;

use atropos::choice::{Choices, Ordinary, Seeded};
use atropos::event_loop::EventLoop;
use atropos::machine::Machine;
use atropos::program::Program;
use common::{gather, nanos};
use cpu_time::ProcessTime;

const TASKS: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];

/// Each column is measured for so long, or once.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

/// A shape: its name, the text for so many tasks, and the strategy.
type Shape = (&'static str, fn(u32) -> String, Option<&'static str>);

const SHAPES: [Shape; 7] = [
    ("gather, one fails", gather, Some("cancel-each-task")),
    ("sleeps of any length", |count| waiting(count, "{ sleep = '1s..2s' }, { sleep = '1s..2s' }"), None),
    ("all await one", |count| waiting(count, "{ await = 'first' }"), None),
    ("all wait for one", |count| waiting(count, "{ wait = ['first'], timeout = '500ms' }"), None),
    ("all want one lock", |count| waiting(count, "{ with = 'lock', do = [{ sleep = 0 }] }"), None),
    ("shields with timeouts", |count| waiting(count, "{ wait_for = 'first', timeout = '2s' }"), None),
    ("a task group", task_group, None),
];

/// So many tasks that do this, after a first one that sleeps for a second.
fn waiting(count: u32, steps: &str) -> String {
    format!(
        r#"
about = "Many tasks that wait."
[objects]
lock = "Lock()"
[[task]]
name = "first"
steps = [{{ sleep = "1s" }}]
[[task]]
name = "task {{i}}"
count = {count}
steps = [{steps}]
[limits]
tasks = 1000000
[main]
steps = [{{ spawn = "coros", as = "tasks" }}, {{ gather = "tasks", as = "group" }}, {{ await = "group" }}]
"#
    )
}

/// So many tasks of a group, of which the first fails.
fn task_group(count: u32) -> String {
    format!(
        r#"
about = "A group of many tasks."
[[task]]
name = "first"
steps = [{{ sleep = "1s" }}, {{ raise = "oh" }}]
[[task]]
name = "task {{i}}"
count = {count}
steps = [{{ sleep = "1s" }}, {{ sleep = "1s" }}]
[limits]
tasks = 1000000
[main]
steps = [{{ task_group = "group", do = [{{ spawn = "coros", in = "group" }}] }}]
"#
    )
}

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!(
        "{:<22} {:>8} {:>9} {:>8} {:>8} {:>8} {:>10}",
        "ns an event", "tasks", "events", "plain", "seeded", "any", "ns a task"
    );
    for (name, text, strategy) in SHAPES {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        for tasks in TASKS {
            let text = text(tasks);
            let start = ProcessTime::now();
            let mut program = common::program(&text, strategy);
            let prepare = nanos(start.elapsed()) / f64::from(tasks);
            program.limits.steps = u64::MAX;
            let (plain, events) = measure(&program, |_| Ordinary);
            let (seeded, _) = measure(&program, Seeded::new);
            program.schedule.ready_any_order = true;
            let (any, _) = measure(&program, Seeded::new);
            println!("{name:<22} {tasks:>8} {events:>9} {plain:>8.1} {seeded:>8.1} {any:>8.1} {prepare:>10.0}");
        }
    }
}

/// Nanoseconds an event, and how many events a run has.
fn measure<C: Choices>(program: &Program, choices: impl Fn(u64) -> C) -> (f64, usize) {
    let mut event_loop = EventLoop::new(program);
    let (mut least, mut spent) = (f64::MAX, Duration::ZERO);
    for seed in 0.. {
        event_loop.reset();
        let start = ProcessTime::now();
        event_loop.run(&mut choices(seed));
        std::hint::black_box(event_loop.fingerprint());
        let once = start.elapsed();
        spent += once;
        // The first run is the one that allocates.
        if seed > 0 {
            least = least.min(nanos(once) / event_loop.moments().count() as f64);
        }
        if seed > 0 && spent > LONG_ENOUGH {
            break;
        }
    }
    (least, event_loop.moments().count())
}
