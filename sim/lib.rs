//! Atropos runs tasks on a seeded virtual clock and shows exactly what happens when one of them is cancelled.
//!
//! A scenario file says what the tasks do, where they may fail, and who cancels whom; a run is a function of that file,
//! a strategy and a seed. The `README.md` beside `Cargo.toml` is for people who come with a question; this page is the
//! map of the house, for people who want to build on it or in it.
//!
//! # The map
//!
//! Four floors and one law: nouns are shared, machines never meet, the door introduces them. A room names rooms of
//! lower floors, and on floor 1 its neighbours; never one above, and never another machine. `tests/tidy.rs` holds it.
//!
//! **Floor 0, the ground**
//!
//! - `choice`: the one door through which everything free in a run is asked, and who answers: nobody, a seed, a log; the
//!   token, which is a run as one word.
//! - `time`, `id`: integer nanoseconds and how they are written; the names of tasks, futures and texts inside a run.
//! - `reuse`: copies into memory that is there already.
//!
//! **Floor 1, the nouns**
//!
//! - `program`: what runs: steps resolved into plain operations, and the interpreter that all machines share.
//! - `body`: what runs when it is a root future instead, how it reaches hosts, and what all who take part in a run record.
//! - `machine`: what search drives: step, and where it can, fork and key.
//! - `trace`: what happened: events, questions, exactly one outcome; the tally, the fingerprint, and who waits for whom.
//! - `verdict`, `experiment`: what was expected of a run and what it means; what a program can run on.
//! - `diagnostic`: what is wrong with a file, and where.
//!
//! **Floor 2, the machines**
//!
//! - `scenario`: TOML text to a scenario, and on to a program; every message about a bad file.
//! - `strategy`: the named main programs, a small file each.
//! - `event_loop`: asyncio's loop, tasks, futures, gather, wait and the end of `run()`, as data, exact to the turn.
//! - `tokio_program`: a program as real tokio tasks, and the strategies as a Rust programmer would write them.
//! - `executor`: a body as real futures under our choices: any order of tasks, a drop at any await.
//! - `network`: a body and the hosts that it talks to, on turmoil: every message is asked about and delivered by us.
//! - `cpython`: the scripts with which a real interpreter runs a program, and how its events are compared with ours.
//! - `judge`: expectations, and oracles that nobody has to ask, as folds over events.
//! - `explore`: which runs to make: the ordinary one, every single fault in it, seeds and their samplers; or all there are.
//! - `replay`: the choices of a run by name, and found again in another one, perhaps of an edited program.
//! - `report`: every sentence, table and line of JSON.
//! - `shrink`: fewer choices, and less of a file, with the same failure.
//! - `generate`: random small scenarios, for property tests (feature `proptest`).
//!
//! **Floor 3, the door**
//!
//! - `harness`: files in, judged runs out; the command line and the tests both come through here.
//! - `check`: tests of real tokio code, for `cargo test`.
//! - `suite`: a folder of scenarios as tests of a crate (feature `suite`).
//! - `cli`, `main`: the command `atropos`.
//!
//! # The route
//!
//! The data goes one way: file → `Scenario` → `Program` → machine and choices → `Trace` → `Verdict` → report or snapshot.
//!
//! ```
//! use atropos::experiment::Runtime;
//! use atropos::harness::{File, Run};
//! use atropos::report;
//!
//! let file = File::load("scenarios/first.toml".as_ref())?;
//! let strategy = Some("gather-cancel-wrong".to_owned());
//! let judged = file.run(&Run { strategy, runtime: Runtime::Asyncio, profile: None, seed: None })?;
//!
//! assert!(judged.verdict.is_good());
//! assert!(report::transcript(&judged.program, &judged.trace).ends_with(">task 9 done\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod body;
pub mod check;
pub mod choice;
#[cfg(feature = "cli")]
pub mod cli;
pub mod cpython;
pub mod diagnostic;
pub mod event_loop;
pub mod executor;
pub mod experiment;
pub mod explore;
#[cfg(feature = "proptest")]
pub mod generate;
pub mod harness;
pub mod id;
pub mod judge;
pub mod machine;
#[cfg(feature = "network")]
pub mod network;
pub mod program;
pub mod replay;
pub mod report;
mod reuse;
pub mod scenario;
pub mod shrink;
pub mod strategy;
#[cfg(feature = "suite")]
pub mod suite;
pub mod time;
pub mod tokio_program;
pub mod trace;
pub mod verdict;

#[doc(inline)]
pub use check::check;
#[doc(inline)]
pub use executor::twin as tokio;
/// The simulated network of [`check::Network`], with its sockets: a test and what it tests must use this very one.
#[cfg(feature = "network")]
pub use turmoil;

/// The examples of the README are tests.
#[cfg(all(doctest, feature = "suite"))]
#[doc = include_str!("../README.md")]
struct Readme;
