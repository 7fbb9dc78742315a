//! `atropos explore`: what is asked for, progress while it runs, and what is printed of it.
//!
//! Knows nothing of how runs are made or chosen.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Refused, SCENARIOS, load, profile};
use crate::explore::{Plan, Progress, Sampler};
use crate::program::Profile;

/// How many single faults are tried of a file, at most.
const FAULTS_MAX: u64 = 20_000;

/// How many seeds are tried if nobody says how many.
const SEEDS: u64 = 1000;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, and folders of them.
    #[arg(default_value = SCENARIOS)]
    paths: Vec<PathBuf>,
    /// Explore under this strategy instead of the file's own mains; `all` for every one.
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// Behave like this version of Python, such as 3.10, instead of the file's.
    #[arg(long, value_name = "VERSION", value_parser = profile)]
    python: Option<Profile>,
    /// The seeds to try after every single fault, the last one not included [default: 0..1000].
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "time")]
    seeds: Option<Range<u64>>,
    /// Cancel up to so many times in a run, whoever the file lets be cancelled; anybody, if it does not say.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(0..=100))]
    cancels: Option<u32>,
    /// Try seeds for so long, such as 30s, on each file and strategy, instead of a fixed number.
    #[arg(long = "for", id = "time", value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    /// On how many threads; as many as there are processors if it is not given. What is found does not depend on it.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Make only every N-th run, beginning with the I-th: 1/4, 2/4, 3/4 and 4/4 together are the whole.
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(u64, NonZero<u64>)>,
    /// How a seed decides: each question evenly, or by priorities that change at few places (PCT).
    #[arg(long, value_enum, default_value_t = SamplerName::Random)]
    sampler: SamplerName,
    /// For how many orderings PCT looks at once.
    #[arg(long, value_name = "D", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    depth: u32,
    /// Leave the files of failures beside the scenarios as they are.
    #[arg(long)]
    no_save: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SamplerName {
    Random,
    Pct,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A story for each failure, and what was covered.
    Text,
    /// JSON Lines: an object for each failure, and one for what was covered.
    Json,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let expected = || format!("expected a range such as 0..1000, up to {}", i64::MAX);
    let (from, to) = text.split_once("..").ok_or_else(expected)?;
    let bound = |text: &str| text.trim().parse::<u64>().ok().filter(|&bound| bound <= i64::MAX as u64);
    let (from, to) = bound(from).zip(bound(to)).ok_or_else(expected)?;
    match from.cmp(&to) {
        std::cmp::Ordering::Less => Ok(from..to),
        std::cmp::Ordering::Equal => Err(format!("there is no seed in {text}; did you mean {from}..{}?", from + 1)),
        std::cmp::Ordering::Greater => Err(format!("there is no seed in {text}; did you mean {to}..{from}?")),
    }
}

fn shard(text: &str) -> Result<(u64, NonZero<u64>), String> {
    let expected = || "expected a shard such as 1/4, from 1/4 to 4/4".to_owned();
    let (which, of) = text.split_once('/').ok_or_else(expected)?;
    let which: u64 = which.trim().parse().map_err(|_| expected())?;
    let of: NonZero<u64> = of.trim().parse().map_err(|_| expected())?;
    if !(1..=of.get()).contains(&which) {
        return Err(format!("there is no shard {text}; they go from 1/{of} to {of}/{of}"));
    }
    Ok((which - 1, of))
}

fn time(text: &str) -> Result<Duration, String> {
    let length = crate::time::duration::parse(text).map_err(|problem| problem.message)?;
    if length.0 == 0 { Err("expected some time, but found none".to_owned()) } else { Ok(Duration::from_nanos(length.0)) }
}
