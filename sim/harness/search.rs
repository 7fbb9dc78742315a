//! Exploring a file, and what is made of each failure that is found: a small log, the nearest run that passes, a token.
//!
//! Knows nothing of how any of it is told, or of clocks.

use crate::choice::{Choice, Given, Kind, Log};
use crate::experiment::{Experiment, Run};
use crate::explore::{Explored, Failure, Plan, Progress, explore, shows};
use crate::id::InstanceId;
use crate::machine::Openings;
use crate::program::{Cuts, Profile, Program};
use crate::report::Covered;
use crate::shrink;
use crate::time::Time;
use crate::trace::{Phase, Trace, What};
use crate::verdict::{Identity, Verdict};

use super::asyncio::{Asyncio, measure};
use super::{File, Rejected};

/// Which experiment to make of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// The strategy that is main; nothing for the scenario's own main.
    pub strategy: Option<String>,
    /// The Python to behave like, instead of the scenario's.
    pub profile: Option<Profile>,
    /// How many cancellations in a run, instead of what the file says. If the file lets nobody be cancelled, anybody
    /// may be.
    pub cancels: Option<u32>,
}

/// What came of exploring a file under one main.
#[derive(Debug)]
pub struct Search {
    /// What was explored.
    pub experiment: Asyncio,
    /// What came of it.
    pub explored: Explored,
    /// The failures, the first one first; of very many only the first.
    pub told: Vec<Told>,
}

/// So many failures of one search are made small.
const TOLD_MAX: usize = 10;

/// A failure made small.
#[derive(Clone, Debug)]
pub struct Told {
    /// Which failure.
    pub identity: Identity,
    /// The choices that are left of it.
    pub log: Log,
    /// How many runs that took.
    pub runs: usize,
    /// What happens in the run.
    pub trace: Trace,
    /// All that is wrong with it.
    pub verdict: Verdict,
    /// Where it could be cut, had it not been.
    pub openings: Openings,
    /// From when to when its only cut may come, and the failure stays the same.
    pub window: Option<(Time, Time)>,
    /// The nearest run that passes.
    pub passing: Option<Trace>,
}

impl File {
    /// The experiment that a setting makes of this file.
    ///
    /// # Errors
    ///
    /// If the file does not fit the strategy.
    pub fn experiment(&self, setting: &Setting) -> Result<Asyncio, Rejected> {
        let strategy = setting.strategy.as_deref();
        let mut program = self.scenario.program(strategy, setting.profile).map_err(|errors| self.rejected(errors))?;
        allow_cuts(&mut program, setting.cancels);
        measure(&mut program);
        Ok(Asyncio::new(program.into(), self.expectation(strategy, false)))
    }

    /// Explores it, and makes what fails small. `watch` is told how far the exploration has come, and says whether to go
    /// on.
    ///
    /// # Errors
    ///
    /// If the file does not fit the strategy.
    pub fn explore(
        &self,
        setting: &Setting,
        plan: &Plan,
        watch: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Search, Rejected> {
        let experiment = self.experiment(setting)?;
        let explored = explore(&experiment, plan, watch);
        let told = explored.failures.iter().take(TOLD_MAX).map(|failure| tell(&experiment, failure)).collect();
        Ok(Search { experiment, explored, told })
    }
}

impl Search {
    /// What was covered, in numbers; with `runs_per_second`, if somebody measured that.
    pub fn covered(&mut self, runs_per_second: Option<f64>) -> Covered {
        let never_reached = self.never_reached();
        let explored = &mut self.explored;
        Covered {
            runs: explored.runs,
            failures: explored.failures.len() as u64,
            distinct_orders: explored.orders.count(),
            distinct_outcomes: explored.endings.len() as u64,
            cuts_tried: explored.faults.1,
            cuts_possible: explored.faults.0,
            cuts_made: explored.cuts.values().sum(),
            never_reached,
            seeds: explored.seeds.clone(),
            unfinished: explored.unfinished,
            interrupted: explored.is_interrupted,
            runs_per_second,
        }
    }

    /// Where somebody might have been cut, and never was: before the first line, and waiting or woken at each wait.
    fn never_reached(&self) -> Vec<(InstanceId, u32, Phase)> {
        let program = self.experiment.program();
        let mut never = Vec::new();
        for (at, body) in (0_u32..).zip(&program.bodies) {
            let mut ids = (0..).map(InstanceId).take(program.instances.len());
            let victim = ids.find(|&id| {
                program.instance(id).body == at && program.cuts.iter().any(|cuts| cuts.victims[id.index()])
            });
            let Some(victim) = victim else { continue };
            let is_reached = |site: u32, phase: Phase| {
                let mut cuts = self.explored.cuts.keys();
                cuts.any(|&(id, op, cut)| program.instance(id).body == at && (op, cut) == (site, phase))
            };
            let waits = (0..).zip(&body.ops).filter(|(_, op)| op.waits()).map(|(site, _)| site);
            let places = waits.flat_map(|site| [(site, Phase::Waiting), (site, Phase::Woken)]);
            let places = std::iter::once((0, Phase::NotStarted)).chain(places);
            never.extend(
                places.filter(|&(site, phase)| !is_reached(site, phase)).map(|(site, phase)| (victim, site, phase)),
            );
        }
        never
    }
}

/// Sets how many cuts there may be.
fn allow_cuts(program: &mut Program, cancels: Option<u32>) {
    let Some(up_to) = cancels else { return };
    if up_to == 0 {
        program.cuts.clear();
    } else if program.cuts.is_empty() {
        let victims = vec![true; program.instances.len()];
        program.cuts.push(Cuts { up_to, victims, handles: 0, tasks: 0 });
    }
    for cuts in &mut program.cuts {
        cuts.up_to = up_to;
    }
}

/// Makes a failure small, and looks for what is near it and passes.
pub fn tell(experiment: &Asyncio, failure: &Failure) -> Told {
    small(experiment, failure.log.clone(), &failure.identity)
}

/// The same for the choices of any run that fails like this.
pub fn small(experiment: &Asyncio, log: Log, identity: &Identity) -> Told {
    let program = experiment.program();
    let mut run = experiment.begin();
    let mut same = |answers: &[u64]| shows(&mut *run, experiment, answers, identity);
    let shrink::Shrunk { log, mut runs } = shrink::choices(log, &|choice| width(program, choice), &mut same);
    let cut = only_cut(&log);
    let range = cut.map(|at| shrink::window(&log, at, width(program, &log[at]), &mut same));
    runs += range.map_or(0, |range| range.runs);

    let answers = answers(&log);
    run.run(&mut Given::new(&answers));
    let (trace, verdict) = (run.trace(), run.verdict());
    let openings = run.openings(&mut Given::new(&answers), OPENINGS_MAX);
    let window = cut.zip(range).and_then(|(at, range)| times(&mut *run, program, &log, at, range));
    let passing = nearest_passing(&mut *run, program, &log, range.map(|range| (range.first, range.last)), &trace);
    Told { identity: identity.clone(), log, runs, trace, verdict, openings, window, passing }
}

/// How many places for a cut are looked at when a failure is told.
const OPENINGS_MAX: usize = 1_000_000;

/// The answers of a log.
pub fn answers(log: &[Choice]) -> Vec<u64> {
    log.iter().map(|choice| choice.answer).collect()
}

/// How many answers stand for one moment: for a cut there are as many as victims.
fn width(program: &Program, choice: &Choice) -> u64 {
    match choice.kind {
        Kind::Cut => u64::from(program.cuts[usize::from(choice.site)].tasks),
        _ => 1,
    }
}

/// The number of the choice that cuts, if there is but one.
fn only_cut(log: &[Choice]) -> Option<usize> {
    let mut cuts = log.iter().enumerate().filter(|(_, choice)| choice.kind == Kind::Cut && choice.answer != 0);
    let (at, _) = cuts.next()?;
    cuts.next().is_none().then_some(at)
}

/// At which times a cut of the range comes.
fn times(
    run: &mut dyn Run,
    program: &Program,
    log: &[Choice],
    at: usize,
    range: shrink::Window,
) -> Option<(Time, Time)> {
    let mut without = answers(log);
    without[at] = 0;
    let openings = run.openings(&mut Given::new(&without), OPENINGS_MAX);
    let width = width(program, &log[at]);
    let time = |answer: u64| {
        let is_it = |handle: u64| handle == (answer - 1) / width;
        openings.list.iter().find(|opening| is_it(opening.cut.handle)).map(|opening| opening.time)
    };
    let last = time(range.last).or(openings.list.last().map(|opening| opening.time));
    time(range.first).zip(last)
}

/// Of the runs that deviate in one choice less, and of those whose cut comes just before or after the `range` in which
/// it makes no difference: the one that passes and has most in common with the failing one from the start.
fn nearest_passing(
    run: &mut dyn Run,
    program: &Program,
    log: &[Choice],
    range: Option<(u64, u64)>,
    failing: &Trace,
) -> Option<Trace> {
    let answers = answers(log);
    let mut nearest: Option<(usize, Trace)> = None;
    for (at, choice) in log.iter().enumerate().filter(|(_, choice)| choice.answer != 0) {
        let width = width(program, choice);
        let beside = range.filter(|_| choice.kind == Kind::Cut);
        let beside = beside.map_or([None, None], |(first, last)| [first.checked_sub(width), Some(last + width)]);
        let other = beside.into_iter().flatten().filter(|&answer| answer < choice.bound);
        for answer in std::iter::once(0).chain(other) {
            let mut changed = answers.clone();
            changed[at] = answer;
            if !run.run(&mut Given::new(&changed)).is_good {
                continue;
            }
            let trace = run.trace();
            let agree = agreement(failing, &trace);
            if nearest.as_ref().is_none_or(|(most, _)| agree > *most) {
                nearest = Some((agree, trace));
            }
        }
    }
    nearest.map(|(_, trace)| trace)
}

/// How many events two runs have in common from the start, what was chosen or cut apart.
fn agreement(one: &Trace, other: &Trace) -> usize {
    let counts = |what: &What| !matches!(what, What::Chose(_) | What::Cut { .. });
    let [one, other] = [one, other].map(|trace| trace.iter().filter(move |moment| counts(&moment.what)));
    one.zip(other).take_while(|(a, b)| (a.time, a.what) == (b.time, b.what)).count()
}
