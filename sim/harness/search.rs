//! Exploring a file, and what is made of each failure that is found: a small log, the nearest run that passes, a token.
//!
//! Knows nothing of how any of it is told, or of clocks.

use std::sync::Arc;

use crate::choice::{Choice, Cut, Deviation, Given, Kind, Log, Token};
use crate::experiment::{Experiment, Run, Runtime};
use crate::explore::{Explored, Failure, Plan, Progress, explore, shows};
use crate::machine::Opening;
use crate::program::{Cuts, Profile, Program};
use crate::replay;
use crate::report::agreement;
use crate::shrink;
use crate::time::Time;
use crate::trace::Trace;
use crate::verdict::{Expectation, Identity, MustFind, Verdict};

use super::{Asyncio, File, OnTokio, Refused, Rejected, RunsOn, check_runtime, prepare};

/// Which experiment to make of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// The strategy that is main; nothing for the scenario's own main.
    pub strategy: Option<String>,
    /// The Python to behave like, instead of the scenario's.
    pub profile: Option<Profile>,
    /// What it runs on, instead of the file's own.
    pub runtime: Option<Runtime>,
    /// How many cancellations in a run, instead of what the file says. If the file lets nobody be cancelled, anybody
    /// may be.
    pub cancels: Option<u32>,
}

/// What came of exploring an experiment.
#[derive(Debug)]
pub struct Search<E = RunsOn> {
    /// What was explored.
    pub experiment: E,
    /// What came of it.
    pub explored: Explored,
    /// The failures, the most telling one first; of very many only these. What had to be found comes last.
    pub told: Vec<Told>,
    /// What had to be found, if anything had.
    pub must_find: Option<MustFind>,
    /// Whether all runs were made here that decide whether it is found in time.
    pub(super) is_whole: bool,
}

/// So many failures of one search are made small.
pub(super) const TOLD_MAX: usize = 10;

/// A failure made small.
#[derive(Clone, Debug)]
pub struct Told {
    /// Which failure.
    pub identity: Identity,
    /// In how many runs it was found; nothing if nobody searched.
    pub found_in: Option<u64>,
    /// By which sampler, and with which seed, if it was a seed's run.
    pub found_by: Option<(&'static str, u64)>,
    /// The answers that are left of it.
    pub answers: Vec<u64>,
    /// How many runs that took.
    pub runs: usize,
    /// What happens in the run.
    pub trace: Trace,
    /// All that is wrong with it.
    pub verdict: Verdict,
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
    pub fn experiment(&self, setting: &Setting) -> Result<RunsOn, Rejected> {
        self.experiment_within(u64::MAX, setting)
    }

    /// The same with runs that are given up after so many steps, if not earlier.
    pub(super) fn experiment_within(&self, steps: u64, setting: &Setting) -> Result<RunsOn, Rejected> {
        let strategy = setting.strategy.as_deref();
        let mut program = self.scenario.program(strategy, setting.profile).map_err(|errors| self.rejected(errors))?;
        program.limits.steps = program.limits.steps.min(steps);
        allow_cuts(&mut program, setting.cancels);
        let runtime = setting.runtime.unwrap_or(self.runtime());
        check_runtime(&program, runtime).map_err(|refused| match refused {
            Refused::Rejected(rejected) => rejected,
            other => Rejected::whole(&self.path, other.to_string(), "leave `--runtime` out for the file's own"),
        })?;
        prepare(&mut program, runtime);
        let expectation = self.expectation(strategy, runtime);
        match runtime {
            Runtime::Asyncio => Ok(RunsOn::Asyncio(Asyncio::new(program.into(), expectation))),
            Runtime::Tokio => Ok(RunsOn::Tokio(OnTokio::new(program.into(), expectation))),
            Runtime::Turmoil => self.on_network(program, expectation),
        }
    }

    #[cfg(feature = "network")]
    fn on_network(&self, program: Program, expectation: Expectation) -> Result<RunsOn, Rejected> {
        Ok(RunsOn::Network(super::OnNetwork::new(program.into(), expectation)))
    }

    #[cfg(not(feature = "network"))]
    fn on_network(&self, _: Program, _: Expectation) -> Result<RunsOn, Rejected> {
        let message = Refused::NotBuilt(Runtime::Turmoil).to_string();
        Err(Rejected::whole(&self.path, message, "it has a [[host]], and only turmoil has a network"))
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
        let runtime = setting.runtime.unwrap_or(self.runtime());
        let must_find = self.expectation(setting.strategy.as_deref(), runtime).must_find;
        Ok(Search::new(experiment, must_find, plan, watch))
    }
}

/// The run of a token.
#[derive(Debug)]
pub struct Replayed {
    /// Which experiment the run belongs to.
    pub setting: Setting,
    /// What ran.
    pub program: Arc<Program>,
    /// What happened.
    pub trace: Trace,
    /// What is wrong with it, each kind of failure by itself; empty if the run passes.
    pub told: Vec<Told>,
    /// What the token says and the program does not ask for.
    pub unplaced: Vec<Deviation>,
    /// Whether the file's text is another one than when the token was made.
    pub was_edited: bool,
}

impl Replayed {
    /// What is told of all that is wrong with it: what this oracle or expectation says, or else the first.
    pub fn failure(&self, what: Option<&str>) -> Option<&Told> {
        let wanted = what.and_then(|what| self.told.iter().find(|told| told.identity.what == what));
        wanted.or_else(|| self.told.first())
    }
}

impl File {
    /// The token of a failure that an experiment with this file showed.
    pub fn token(&self, setting: &Setting, experiment: &dyn Experiment, told: &Told) -> Token {
        self.token_of(setting, experiment, &told.answers)
    }

    /// The token of the run that these answers make of an experiment with this file.
    pub(super) fn token_of(&self, setting: &Setting, experiment: &dyn Experiment, answers: &[u64]) -> Token {
        let mut choices = Given::new(answers);
        Token {
            scenario_hash: Token::hash(&self.text),
            strategy: setting.strategy.clone(),
            profile: self.behaves_like(setting).map(str::to_owned),
            deviations: replay::deviations(&mut *experiment.begin(), &experiment.program(), &mut choices),
        }
    }

    /// The Python, or the runtime, that a token of this setting names.
    pub(super) fn behaves_like(&self, setting: &Setting) -> Option<&'static str> {
        let runtime = setting.runtime.filter(|&runtime| runtime != self.runtime());
        runtime.map(Runtime::name).or(setting.profile.map(|profile| profile.name))
    }

    fn known_profile(&self, name: &str) -> Result<Profile, Rejected> {
        Profile::find(name).ok_or_else(|| {
            let message = format!("there is no Python `{name}` here, which the token was made with");
            Rejected::whole(&self.path, message, "a newer Atropos has it")
        })
    }

    /// Makes the run of a token, as far as this file still asks what the token answers.
    ///
    /// # Errors
    ///
    /// If the file does not fit the token's strategy.
    pub fn replay(&self, token: &Token) -> Result<Replayed, Rejected> {
        let cuts = token.deviations.iter().filter(|deviation| deviation.kind == Kind::Cut).count() as u32;
        let runtime = token.profile.as_deref().and_then(Runtime::find);
        let profile = token.profile.as_deref().filter(|_| runtime.is_none());
        let profile = profile.map(|name| self.known_profile(name)).transpose()?;
        let mut setting = Setting { strategy: token.strategy.clone(), profile, runtime, cancels: None };
        let mut experiment = self.experiment(&setting)?;
        let allowed: u32 = experiment.program().cuts.iter().map(|cuts| cuts.up_to).sum();
        if allowed < cuts {
            // It was found with more cuts than the file itself allows.
            setting.cancels = Some(cuts);
            experiment = self.experiment(&setting)?;
        }
        let mut run = experiment.begin();
        let placed = replay::place(&mut *run, &experiment.program(), &token.deviations);
        run.run(&mut Given::new(&answers(&placed.log)));
        let told = replayed(&experiment, &mut *run, &placed.log);
        Ok(Replayed {
            trace: run.trace(),
            told,
            unplaced: placed.unplaced,
            was_edited: Token::hash(&self.text) != token.scenario_hash,
            program: experiment.program(),
            setting,
        })
    }
}

impl<E: Experiment> Search<E> {
    /// Explores an experiment, in which perhaps something has to be found, and makes what fails small.
    pub fn new(
        experiment: E,
        must_find: Option<MustFind>,
        plan: &Plan,
        watch: &mut dyn FnMut(Progress) -> bool,
    ) -> Search<E> {
        let explored = explore(&experiment, plan, watch);
        let within = must_find.as_ref().map_or(0, |must_find| must_find.within);
        let is_whole = plan.shard.1.get() == 1 && (!explored.is_interrupted || within <= explored.in_a_row);
        let mut search = Search { experiment, explored, told: Vec::new(), must_find, is_whole };
        let mut failures: Vec<&Failure> = search.explored.failures.iter().collect();
        failures.sort_by_key(|failure| (search.is_sought(&failure.identity), failure.identity.rank()));
        search.told = failures.into_iter().take(TOLD_MAX).map(|failure| tell(&search.experiment, failure)).collect();
        search
    }

    /// Whether a kind of failure is what had to be found.
    pub fn is_sought(&self, identity: &Identity) -> bool {
        self.must_find.as_ref().is_some_and(|must_find| must_find.is_found(&self.experiment.program(), identity))
    }

    /// In how many runs it was found.
    pub(super) fn found_in(&self) -> Option<u64> {
        let sought = self.explored.failures.iter().filter(|failure| self.is_sought(&failure.identity));
        sought.map(|failure| failure.first + 1).min()
    }

    /// Whether nothing failed but what had to be found, and that was found in time.
    pub fn is_good(&self) -> bool {
        let is_found = |must_find: &MustFind| self.found_in().is_some_and(|runs| runs <= must_find.within);
        self.explored.failures.iter().all(|failure| self.is_sought(&failure.identity))
            && (!self.is_whole || self.must_find.as_ref().is_none_or(is_found))
            && self.explored.unstable.is_none()
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

/// What is wrong with the last run, which had these choices, each kind of failure by itself.
pub fn replayed(experiment: &dyn Experiment, run: &mut dyn Run, log: &Log) -> Vec<Told> {
    let identities = run.verdict().identities(&experiment.program());
    identities.iter().map(|identity| as_it_is(experiment, log.clone(), identity)).collect()
}

/// Makes a failure small, and looks for what is near it and passes.
pub fn tell(experiment: &dyn Experiment, failure: &Failure) -> Told {
    let found_by = failure.case.sampler();
    Told { found_in: Some(failure.first + 1), found_by, ..small(experiment, failure.log.clone(), &failure.identity) }
}

/// The same for the choices of any run that fails like this.
pub(super) fn small(experiment: &dyn Experiment, log: Log, identity: &Identity) -> Told {
    let program = &experiment.program();
    let mut run = experiment.begin();
    run.run(&mut Given::new(&answers(&log)));
    let known = run.verdict().identities(program);
    // A smaller run in which something else goes wrong as well would be the longer story.
    let mut same = |answers: &[u64]| {
        let log = shows(&mut *run, experiment, answers, identity)?;
        run.verdict().identities(program).iter().all(|other| known.contains(other)).then_some(log)
    };
    let shrink::Shrunk { log, runs } = shrink::choices(log, &|choice| width(program, choice), &mut same);
    Told { runs, ..as_it_is(experiment, log, identity) }
}

/// What is near a run that fails.
fn as_it_is(experiment: &dyn Experiment, log: Log, identity: &Identity) -> Told {
    let program = &experiment.program();
    let mut run = experiment.begin();
    let mut same = |answers: &[u64]| shows(&mut *run, experiment, answers, identity);
    let cut = only_cut(&log);
    let range = cut.map(|at| shrink::window(&log, at, width(program, &log[at]), &mut same));

    let answers = answers(&log);
    run.run(&mut Given::new(&answers));
    let (trace, verdict) = (run.trace(), run.verdict());
    let window = cut.zip(range).and_then(|(at, range)| times(&mut *run, program, &log, at, range));
    let passing = nearest_passing(&mut *run, program, &log, range.map(|range| (range.first, range.last)), &trace);
    Told {
        identity: identity.clone(),
        found_in: None,
        found_by: None,
        answers,
        runs: 0,
        trace,
        verdict,
        window,
        passing,
    }
}

/// How many places for a cut are looked at when a failure is told.
const OPENINGS_MAX: usize = 1_000_000;

/// The answers of a log.
pub(super) fn answers(log: &[Choice]) -> Vec<u64> {
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

/// From when to when the cut of the range comes while its victim waits at the same place in the same phase.
fn times(
    run: &mut dyn Run,
    program: &Program,
    log: &[Choice],
    at: usize,
    range: shrink::Window,
) -> Option<(Time, Time)> {
    let mut without = answers(log);
    without[at] = 0;
    let openings = run.openings(&mut Given::new(&without), OPENINGS_MAX).list;
    let (entry, tasks) = (usize::from(log[at].site), width(program, &log[at]) as u32);
    let here = Cut::from_answer(log[at].answer, tasks)?;
    let here = *openings.iter().find(|opening| (opening.entry, opening.cut) == (entry, here))?;
    let is_alike = |opening: &&Opening| {
        (opening.entry, opening.task, opening.visit, opening.phase) == (entry, here.task, here.visit, here.phase)
            && (range.first..=range.last).contains(&opening.cut.answer(tasks))
    };
    let mut alike = openings.iter().filter(is_alike).map(|opening| opening.time);
    let from = alike.next()?;
    Some((from, alike.next_back().unwrap_or(from)))
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
