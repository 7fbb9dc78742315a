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

use super::replay::{command, story};
use super::{Refused, SCENARIOS, load, mains, profile, runtime_name};
use crate::experiment::{Experiment, Runtime};
use crate::explore::exhaustive::{Bounds, Method, STATES_MAX, Searching};
use crate::explore::{Case, Plan, Progress, Sampler};
use crate::harness::{File, Search, Setting};
use crate::program::Profile;
use crate::report::{self, Story};

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
    /// How a seed decides.
    #[arg(long, value_enum, default_value_t = SamplerName::Portfolio)]
    sampler: SamplerName,
    /// For how many orderings PCT looks at once.
    #[arg(long, value_name = "D", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    depth: u32,
    /// Go through all runs instead, as far as they differ, and say whether that was complete.
    #[arg(long, conflicts_with_all = ["seeds", "shard", "sampler", "jobs"])]
    exhaustive: bool,
    /// Of all runs, only those that deviate from the ordinary one in up to so many places.
    #[arg(long, value_name = "D", requires = "exhaustive")]
    deviations: Option<u32>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SamplerName {
    /// All of them in turn; the seed says which.
    Portfolio,
    /// Each question evenly.
    Random,
    /// By priorities of tasks, which change at few places.
    Pct,
    /// By priorities of steps, drawn anew when they race.
    Pos,
    /// Every interleaving of what is shared as likely as any other.
    Surw,
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
    if length.0 == 0 {
        Err("expected some time, but found none".to_owned())
    } else {
        Ok(Duration::from_nanos(length.0))
    }
}

/// Explores, and says how the process is to end: 0 if nothing failed.
pub(super) fn explore(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let files = load(&arguments.paths)?;
    let jobs = arguments.jobs.or_else(|| std::thread::available_parallelism().ok());
    let sampler = match arguments.sampler {
        SamplerName::Random => Sampler::Random,
        SamplerName::Pct => Sampler::Pct { depth: arguments.depth },
        SamplerName::Pos => Sampler::Pos,
        SamplerName::Surw => Sampler::Surw,
        SamplerName::Portfolio => Sampler::Portfolio,
    };
    let seeds = match (&arguments.seeds, arguments.time) {
        (Some(seeds), _) => seeds.clone(),
        (None, None) => 0..SEEDS,
        (None, Some(_)) => 0..i64::MAX as u64,
    };
    let plan = Plan {
        faults: FAULTS_MAX,
        seeds,
        sampler,
        shard: arguments.shard.unwrap_or((0, NonZero::<u64>::MIN)),
        jobs: jobs.unwrap_or(NonZero::<usize>::MIN),
    };
    let stop = stop_on_interrupt();
    let mut is_good = true;
    let mut is_first = true;
    for file in &files {
        for strategy in mains(file, arguments.strategy.as_deref())? {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let setting = Setting { strategy, profile: arguments.python, cancels: arguments.cancels };
            let mut watcher = Watcher::new(&stop, arguments.time, title(file, &setting));
            if arguments.exhaustive {
                if arguments.format == Format::Text && !std::mem::take(&mut is_first) {
                    writeln!(out)?;
                }
                is_good &= exhaust(file, &setting, &mut watcher, arguments, out)?;
                out.flush()?;
                continue;
            }
            let mut search = file.explore(&setting, &plan, &mut |progress| watcher.see(progress))?;
            watcher.done();
            let rate = watcher.rate(search.explored.runs);
            if arguments.format == Format::Text && !std::mem::take(&mut is_first) {
                writeln!(out)?;
            }
            is_good &= print(file, &setting, &mut search, rate, arguments, out)?;
            out.flush()?;
        }
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Goes through all runs of one file under one main, and prints what came of it.
fn exhaust(
    file: &File,
    setting: &Setting,
    watcher: &mut Watcher<'_>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<bool, Refused> {
    let bounds = Bounds { method: Method::Reduced, deviations: arguments.deviations, states: STATES_MAX };
    let exhaustion = file.exhaust(setting, bounds, &mut |searching| watcher.see_search(searching))?;
    watcher.done();
    let color = super::colors();
    let covered = exhaustion.covered(watcher.rate(exhaustion.searched.states));
    let program = exhaustion.experiment.program();
    let is_text = arguments.format == Format::Text;
    if is_text {
        writeln!(out, "{}\n", title(file, setting))?;
    }
    for told in &exhaustion.told {
        let command = command(file, &file.token(setting, &exhaustion.experiment, told));
        let story = story(told, program, exhaustion.searched.runs, &command);
        if is_text {
            writeln!(out, "{}", report::failure(&story, color))?;
        } else {
            out.write_all(report::json_failure(&story).as_bytes())?;
        }
    }
    if is_text {
        out.write_all(report::exhausted(&covered, color).as_bytes())?;
    } else {
        out.write_all(report::json_exhausted(&covered).as_bytes())?;
    }
    Ok(exhaustion.searched.failures.is_empty())
}

/// Set once somebody has pressed Ctrl-C; whoever presses it again means it.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = stop.clone();
    // Where it cannot be heard, Ctrl-C ends the process as it always does.
    _ = ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    stop
}

/// Shows how far an exploration has come, and ends it when it is time.
struct Watcher<'a> {
    stop: &'a AtomicBool,
    begun: Instant,
    time: Option<Duration>,
    bar: ProgressBar,
}

impl<'a> Watcher<'a> {
    #[expect(clippy::disallowed_methods, reason = "the clock is on the door; no run sees it")]
    fn new(stop: &'a AtomicBool, time: Option<Duration>, title: String) -> Watcher<'a> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = "{msg} {wide_bar} {prefix}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well written"));
        bar.set_message(title);
        Watcher { stop, begun: Instant::now(), time, bar }
    }

    /// Whether to go on.
    fn see(&mut self, progress: Progress) -> bool {
        let Progress { runs, of, orders, failing } = progress;
        let passed = self.begun.elapsed();
        match self.time {
            Some(time) => {
                self.bar.set_length(time.as_millis() as u64);
                self.bar.set_position(passed.as_millis() as u64);
            }
            None => {
                self.bar.set_length(of);
                self.bar.set_position(runs);
            }
        }
        let rate = runs as f64 / passed.as_secs_f64().max(0.001);
        self.bar.set_prefix(format!("{runs} runs, {rate:.0}/s, {orders} orders, {failing} failing"));
        !self.stop.load(Ordering::Relaxed) && self.time.is_none_or(|time| passed < time)
    }

    /// The same for a search through all runs, of which nobody knows how many there are.
    fn see_search(&mut self, searching: Searching) -> bool {
        let Searching { runs, states, failures } = searching;
        let passed = self.begun.elapsed();
        let rate = states as f64 / passed.as_secs_f64().max(0.001);
        self.bar.set_prefix(format!("{states} states, {rate:.0}/s, {runs} runs, {failures} failures"));
        !self.stop.load(Ordering::Relaxed) && self.time.is_none_or(|time| passed < time)
    }

    fn done(&self) {
        self.bar.finish_and_clear();
    }

    /// Runs a second, to be told to people only: it differs from time to time.
    fn rate(&self, runs: u64) -> Option<f64> {
        io::stderr().is_terminal().then(|| runs as f64 / self.begun.elapsed().as_secs_f64().max(0.001))
    }
}

/// Which exploration it is: `first.toml under cancel-each-task on asyncio 3.13`.
fn title(file: &File, setting: &Setting) -> String {
    let under = setting.strategy.as_ref().map(|name| format!(" under {name}")).unwrap_or_default();
    let on = runtime_name(Runtime::Asyncio, setting.profile.unwrap_or(file.scenario.profile()));
    format!("{}{under} on {on}", file.path.display())
}

/// Prints what came of it, and says whether that is good.
fn print(
    file: &File,
    setting: &Setting,
    search: &mut Search,
    rate: Option<f64>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<bool, Refused> {
    let color = super::colors();
    let covered = search.covered(rate);
    let program = search.experiment.program();
    let is_text = arguments.format == Format::Text;
    if is_text {
        writeln!(out, "{}\n", title(file, setting))?;
    }
    for (at, told) in search.told.iter().enumerate() {
        let command = command(file, &file.token(setting, &search.experiment, told));
        let failure = &search.explored.failures[at];
        let sampler = match (failure.sampler, failure.case) {
            (Some(sampler), Case::Seed(seed)) => Some((sampler.name(), seed)),
            _ => None,
        };
        let story = Story { sampler, ..story(told, program, failure.number + 1, &command) };
        if is_text {
            writeln!(out, "{}", report::failure(&story, color))?;
        } else {
            out.write_all(report::json_failure(&story).as_bytes())?;
        }
    }
    if is_text {
        out.write_all(report::explored(program, &covered, color).as_bytes())?;
    } else {
        out.write_all(report::json_explored(program, &covered).as_bytes())?;
    }
    Ok(search.explored.failures.is_empty())
}
