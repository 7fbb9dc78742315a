//! Bugs of cancellation in real tokio code, each in a few lines and with its fix: `check` finds every bug with its default
//! settings, and nothing in what is fixed. The scoreboard of the README is made here.

use std::pin::Pin;
use std::sync::Arc;

use atropos::body::Body;
use atropos::check::{Check, Sim};
use atropos::choice::{Given, Ordinary};
use atropos::executor::{Cuts, Executor, Registry, Setting};
use atropos::machine::{Machine, Openings};
use atropos::program::Limits;
use atropos::trace::{Outcome, Phase};

mod cases {
    pub mod blocking_outlives;
    pub mod checked_then_done;
    pub mod deaf_worker;
    pub mod futurelock;
    pub mod half_a_transaction;
    pub mod late_write;
    pub mod lost_handover;
    pub mod partial_read;
    pub mod pooled_connection;
    pub mod reply_to_nobody;
    pub mod send_in_select;
    pub mod siblings_left_running;
}

/// What each way of testing makes of the buggy half of a case.
struct Score {
    case: &'static str,
    /// tokio's own order a hundred times, nobody dropped.
    paused_tokio: bool,
    /// In tokio's own order, dropped right after each poll that returns that it is not ready.
    kth_pending: bool,
    /// In so many runs, by `check`.
    runs: Option<u64>,
}

type Test = fn(Sim) -> Pin<Box<dyn Future<Output = ()>>>;

fn score(case: &'static str, test: Test) -> Score {
    let make = move || Body::new(move || test(Sim::here()));
    let limits = Limits { steps: 20_000, turns_at_one_instant: 2_000 };
    let executor =
        |cuts| Executor::new(&make, Arc::new(Registry::default()), Setting { cuts, any_order: false, limits });
    let fails = |outcome: Outcome| !matches!(outcome, Outcome::Finished(_));
    let mut plain = executor(Cuts::default());
    let paused_tokio = (0..100).any(|_| {
        plain.reset();
        fails(plain.run(&mut Ordinary))
    });
    let Openings { list, handles, tasks, .. } = plain.openings(&mut Ordinary, usize::MAX);
    let cuts = Cuts { up_to: 1, moments: handles, victims: tasks[0] };
    let after_polls = list.iter().filter(|opening| opening.phase == Phase::OwnPoll);
    let kth_pending = paused_tokio
        || after_polls.map(|opening| opening.cut.answer(tasks[0])).any(|answer| {
            let mut cut = executor(cuts);
            fails(cut.run(&mut Given::new(&[answer])))
        });
    let runs = Check::new().find(test).failures.first().map(|failed| failed.runs);
    Score { case, paused_tokio, kth_pending, runs }
}

#[test]
fn the_scoreboard_of_the_readme_is_this_one() {
    let mut table =
        "| bug | paused tokio, 100 times | drop after the k-th Pending | `check` | runs |\n|---|---|---|---|---|\n"
            .to_owned();
    let found = |is_found: bool| if is_found { "found" } else { "–" };
    for Score { case, paused_tokio, kth_pending, runs } in scores() {
        let runs_told = runs.map_or_else(|| "–".to_owned(), |runs| runs.to_string());
        let cells = [found(paused_tokio), found(kth_pending), found(runs.is_some()), &runs_told];
        table.push_str(&format!("| {} | {} |\n", case.replace('_', " "), cells.join(" | ")));
    }
    println!("{table}");
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(readme.contains(&table), "the README does not have this table:\n{table}");
}

macro_rules! cases {
    ($($case:ident: $what:literal;)*) => {
        fn scores() -> Vec<Score> {
            vec![$(score(stringify!($case), |sim| Box::pin(cases::$case::buggy(sim)))),*]
        }

        $(
        mod $case {
            use super::*;

            #[test]
            fn the_bug_is_found() {
                let found = Check::new().find(cases::$case::buggy);
                let failed = found.failures.first().expect("the bug is found");
                println!("{}", failed.story);
                assert_eq!(failed.what, $what, "{}", failed.story);
            }

            #[test]
            fn nothing_is_found_in_the_fix() {
                let found = Check::new().find(cases::$case::fixed);
                if let Some(failed) = found.failures.first() {
                    panic!("{}", failed.story);
                }
                println!("{}", found.covered);
            }
        }
        )*
    };
}

cases! {
    blocking_outlives: "panicked";
    checked_then_done: "panicked";
    deaf_worker: "deadlock";
    futurelock: "deadlock";
    half_a_transaction: "panicked";
    late_write: "panicked";
    lost_handover: "panicked";
    partial_read: "deadlock";
    pooled_connection: "panicked";
    reply_to_nobody: "panicked";
    send_in_select: "panicked";
    siblings_left_running: "panicked";
}

#[test]
fn a_futurelock_is_told_with_both_places() {
    let told = Check::new().find(cases::futurelock::buggy).failures.remove(0).story;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let place =
        |line, column, function: &str| format!("tests/corpus/cases/futurelock.rs:{line}:{column} in {function}");
    let (lock, select) = (place(12, 18, "use_resource"), place(25, 5, "buggy"));
    assert!(told.contains(&format!("a futurelock: the lock waited for at {lock}, awaited from {select}")), "{told}");
    let behind = place(28, 70, "buggy");
    assert!(told.contains("behind it, main waits at") && told.contains(&format!(", awaited from {behind}")), "{told}");
}
