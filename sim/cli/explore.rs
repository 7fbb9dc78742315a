//! `atropos explore`: what is asked for, progress while it runs, and what is printed of it.
//!
//! Knows nothing of how runs are made or chosen.

use std::io::{self, Write};
use std::num::NonZero;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::ValueEnum;

use super::progress::stop_on_interrupt;
use super::watcher::Watcher;
use super::{Behaves, Cancels, Files, Refused, load, mains, runtime, searchable};
use crate::choice::Token;
use crate::experiment::{Experiment, Runtime};
use crate::explore::exhaustive::Bounds;
use crate::explore::{Plan, Sampler};
use crate::harness::{File, Findings, Kept, Setting};
use crate::report;
use crate::scenario::SavedFailure;
use crate::time::duration::{self, Problem};
use crate::verdict::Identity;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    files: Files,
    /// Explore under this strategy instead of the file's own mains; `all` for every one.
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    #[command(flatten)]
    behaves: Behaves,
    /// What to run on: asyncio, tokio or turmoil [default: as `run`].
    #[arg(long, value_name = "RUNTIME", value_parser = runtime)]
    runtime: Option<Runtime>,
    /// The seeds to try after every single fault, the last one not included [default: 0..1000].
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "time")]
    seeds: Option<Range<u64>>,
    #[command(flatten)]
    cancels: Cancels,
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
    #[arg(long, value_enum, default_value_t = SamplerName::All)]
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
    /// Only tell what is found: do not save it beside the file.
    #[arg(long)]
    no_save: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SamplerName {
    /// Each seed all ways that differ: none finds everything.
    All,
    /// Each question evenly, as `run --seed` does.
    Random,
    /// Orders by priorities of tasks, which change at few places.
    Pct,
    /// Orders by priorities of steps, drawn anew when they race.
    Pos,
    /// Every order of what is shared as likely as any other.
    Surw,
    /// Evenly, but for a while some tasks do not run at all.
    Starve,
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
    let length = duration::parse(text).map_err(|Problem { message, instead, .. }| match instead {
        Some(instead) => format!("{message}; write {instead}"),
        None => message,
    })?;
    if length.0 == 0 {
        Err("expected some time, but found none".to_owned())
    } else {
        Ok(Duration::from_nanos(length.0))
    }
}

/// Explores, and says how the process is to end: 0 if nothing failed, 1 if something did, 3 if runs were not repeatable.
pub(super) fn explore(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let mut files = load(&arguments.files)?;
    if arguments.exhaustive {
        files = searchable(files, arguments.runtime)?;
    }
    let saved = all_saved(&files)?;
    let plan = arguments.plan();
    let stop = stop_on_interrupt();
    let (is_text, color) = (arguments.format == Format::Text, super::colors());
    let mut printer = Printer { out, is_text, is_first: true };
    let (mut is_good, mut is_stable, mut injects, mut lists) = (true, true, false, false);
    for (file, saved) in files.iter().zip(saved) {
        let runtime = arguments.runtime.unwrap_or(file.runtime());
        let mains = mains(file, arguments.strategy.as_deref(), runtime)?;
        let saved = saved.into_iter().filter(|saved| arguments.speaks_of(file, &saved.token, &mains));
        let kept = saved.map(|saved| file.rerun(saved)).collect::<Result<Vec<Kept>, _>>()?;
        if is_text && !kept.is_empty() {
            printer.print(&report::reruns(&file.failures_path().display().to_string(), kept.len()))?;
        }
        for kept in &kept {
            is_good &= kept.told().is_none();
            printer.print(&if is_text { kept.text(color) } else { kept.json() })?;
        }
        for strategy in mains {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let (runtime, cancels) =
                (Some(runtime).filter(|runtime| *runtime != file.runtime()), arguments.cancels.cancels);
            let setting = Setting { strategy, profile: arguments.behaves.python, runtime, cancels };
            let mut watcher = Watcher::new(&stop, arguments.time, file.title(&setting));
            if arguments.exhaustive {
                let bounds = arguments.bounds();
                let exhaustion = file.exhaust(&setting, bounds, &mut |searching| watcher.see_search(searching))?;
                watcher.done();
                is_good &= exhaustion.is_good();
                injects |= 0 < exhaustion.covered(None).cancels;
                let rate = watcher.rate(exhaustion.searched.states);
                printer.print(&file.told_exhaustion(&setting, &exhaustion, rate, is_text, color))?;
                printer.out.flush()?;
                continue;
            }
            lists |= file.scenario.expectation(setting.strategy.as_deref(), false).outcomes.is_some();
            let search = file.explore(&setting, &plan, &mut |progress| watcher.see(progress))?;
            watcher.done();
            is_good &= search.is_good();
            is_stable &= search.explored.unstable.is_none();
            let program = search.experiment.program();
            injects |= !program.cuts.is_empty() || !program.failures.is_empty();

            let rate = watcher.rate(search.explored.runs);
            let known: Vec<Identity> = kept.iter().filter_map(|kept| kept.shows(&setting)).cloned().collect();
            let mut findings = Findings::new(file, &setting, search, known);
            // Saved before it is told, so that who stops reading loses nothing.
            let saved = if arguments.no_save { Ok(0) } else { file.save(&findings.to_save(plan.sampler)) };
            findings.make_small(&mut || !stop.load(Ordering::Relaxed));
            let new = *saved.as_ref().unwrap_or(&0);
            printer.print(&if is_text { findings.text(new, rate, color) } else { findings.json(new, rate) })?;
            printer.out.flush()?;
            if let Err(why) = saved {
                // The exit code says that there are failures, and each story has its command.
                _ = writeln!(io::stderr(), "error: {why}");
            }
        }
    }
    if is_good && is_text {
        for hint in hints(files.len() == 1, injects || arguments.cancels.cancels.is_some(), lists) {
            printer.print(&hint)?;
        }
    }
    Ok(ExitCode::from(match (is_stable, is_good) {
        (false, _) => 3,
        (true, false) => 1,
        (true, true) => 0,
    }))
}

/// What else one may ask of files with which nothing is wrong.
fn hints(is_one: bool, injects: bool, lists: bool) -> Vec<String> {
    let mut hints = Vec::new();
    if !injects {
        let whom = if is_one { "this file lets nobody" } else { "no file lets anybody" };
        let how = "`--cancels 1` cancels anybody, once a run; [[inject]] in a file says whom";
        hints.push(format!("{whom} be cancelled: {how}\n"));
    }
    if lists {
        let which = if is_one { "this file lists" } else { "some files list" };
        hints.push(format!("{which} in which ways runs end: `--exhaustive` holds that against all runs\n"));
    }
    hints
}

/// What is saved beside each file, or what is wrong with all that cannot be read.
fn all_saved(files: &[File]) -> Result<Vec<Vec<SavedFailure>>, Refused> {
    let (mut all, mut rejected) = (Vec::new(), Vec::new());
    for file in files {
        match file.saved_failures() {
            Ok(saved) => all.push(saved),
            Err(error) => rejected.push(error),
        }
    }
    if rejected.is_empty() { Ok(all) } else { Err(Refused::Files(rejected)) }
}

impl Arguments {
    fn plan(&self) -> Plan {
        let jobs = self.jobs.or_else(|| std::thread::available_parallelism().ok());
        let sampler = match self.sampler {
            SamplerName::All => Sampler::All { depth: self.depth },
            SamplerName::Random => Sampler::Random,
            SamplerName::Pct => Sampler::Pct { depth: self.depth },
            SamplerName::Pos => Sampler::Pos,
            SamplerName::Surw => Sampler::Surw,
            SamplerName::Starve => Sampler::Starve,
        };
        let seeds = match (&self.seeds, self.time) {
            (Some(seeds), _) => seeds.clone(),
            (None, None) => Plan::default().seeds,
            (None, Some(_)) => 0..i64::MAX as u64,
        };
        let (shard, jobs) = (self.shard.unwrap_or(Plan::default().shard), jobs.unwrap_or(NonZero::<usize>::MIN));
        Plan { seeds, sampler, shard, jobs, ..Plan::default() }
    }

    fn bounds(&self) -> Bounds {
        Bounds { deviations: self.deviations, ..Bounds::default() }
    }

    /// Whether the run of a token is one of those that are asked for: of other mains, if none was chosen.
    fn speaks_of(&self, file: &File, token: &Token, mains: &[Option<String>]) -> bool {
        let (like, python) = (token.profile.as_deref(), self.behaves.python.map(|profile| profile.name));
        let runtime = like.and_then(Runtime::find).unwrap_or(file.runtime());
        (self.strategy.is_none() || mains.contains(&token.strategy))
            && (python.is_none() || python == like)
            && self.runtime.is_none_or(|wanted| wanted == runtime)
    }
}

/// Prints piece by piece, as text with a blank line between two of them, or as JSON Lines.
struct Printer<'a, W> {
    out: &'a mut W,
    is_text: bool,
    is_first: bool,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, piece: &str) -> io::Result<()> {
        if self.is_text && !std::mem::take(&mut self.is_first) {
            writeln!(self.out)?;
        }
        self.out.write_all(piece.as_bytes())
    }
}
