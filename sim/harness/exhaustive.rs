//! Going through all runs of a file: what came of it, with each failure made small, and each end of a run as answers that a
//! plain run takes.
//!
//! Knows nothing of how any of it is told, or of clocks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::choice::{Given, Kind};
use crate::event_loop::EventLoop;
use crate::experiment::{Experiment, Runtime};
use crate::explore::exhaustive::{Bounds, Found, Method, Searched, Searching, Summary};
use crate::explore::shows;
use crate::machine::Machine;
use crate::report::Exhausted;
use crate::trace::Trace;
use crate::verdict::{Expectation, Identity, MustFind};

use super::asyncio::Asyncio;
use super::runs_on::RunsOn;
use super::search::{self, Setting, Told};
use super::{File, Rejected};

/// What came of going through all runs of a file under one main.
#[derive(Debug)]
pub struct Exhaustion {
    /// What was searched.
    pub experiment: Asyncio,
    /// With which bounds.
    pub bounds: Bounds,
    /// What came of it.
    pub searched: Searched,
    /// The failures; of very many only the first.
    pub told: Vec<Told>,
    /// In which ways runs should end, if the file says so.
    expected: Option<Vec<String>>,
    /// What has to be found, if anything has.
    must_find: Option<MustFind>,
}

/// In what the ways in which runs end differ from those that a file lists.
#[derive(Debug, Default)]
pub struct Unlisted {
    /// Those that it does not list, each with a simplest run that ends so.
    pub new: Vec<(String, Trace)>,
    /// Those that no run ends in. Empty if not all runs have been seen.
    pub missing: Vec<String>,
}

impl File {
    /// Goes through all runs, and makes what fails small. `watch` is told how far it has come, and says whether to go on.
    ///
    /// # Errors
    ///
    /// If the file does not fit the strategy, or what it runs on cannot be searched.
    pub fn exhaust(
        &self,
        setting: &Setting,
        bounds: Bounds,
        watch: &mut dyn FnMut(Searching) -> bool,
    ) -> Result<Exhaustion, Rejected> {
        let RunsOn::Asyncio(experiment) = self.experiment(setting)? else {
            return Err(self.beyond_search(setting.runtime.unwrap_or(self.runtime())));
        };
        let searched = experiment.search(bounds, watch);
        let experiment = with_room(experiment, &searched);
        let failures = searched.failures.iter().take(search::TOLD_MAX);
        let told = failures.map(|(identity, found)| tell(&experiment, identity, found)).collect();
        let Expectation { outcomes: expected, must_find, .. } =
            self.expectation(setting.strategy.as_deref(), Runtime::Asyncio);
        Ok(Exhaustion { experiment, bounds, searched, told, expected, must_find })
    }

    /// That nobody goes through all its runs there: only the simulated event loop can be copied in the midst of a run.
    pub fn beyond_search(&self, runtime: Runtime) -> Rejected {
        let message = format!("only what runs on asyncio can be gone through, and this runs on {}", runtime.name());
        let help = match self.runtime() {
            Runtime::Asyncio => "leave `--runtime` out",
            _ => "`atropos explore` without `--exhaustive` tries many of its runs",
        };
        Rejected::whole(&self.path, message, help)
    }
}

impl File {
    /// The ends of runs in one line each, with the command that shows a simplest run that ends so.
    pub fn outcomes_to_see(&self, setting: &Setting, exhaustion: &Exhaustion) -> BTreeMap<String, String> {
        let experiment = &exhaustion.experiment;
        let see = |found| {
            let token = self.token_of(setting, experiment, &answers(experiment, found));
            format!("{} --trace", self.replay_command(&token, None))
        };
        exhaustion.simplest().into_iter().map(|(outcome, found)| (outcome, see(found))).collect()
    }
}

impl Exhaustion {
    /// What was covered, in numbers; with `states_per_second`, if somebody measured that.
    pub fn covered(&self, states_per_second: Option<f64>) -> Exhausted {
        let Exhaustion { experiment, bounds, searched, .. } = self;
        let program = experiment.program();
        let cuts = &program.cuts;
        Exhausted {
            classes: searched.count(),
            is_reduced: bounds.method == Method::Reduced && bounds.deviations.is_none(),
            runs: searched.runs,
            states: searched.states,
            cancels: cuts.iter().map(|cuts| cuts.up_to).sum(),
            failures: searched.failures.len() as u64,
            outcomes: self.searched.results.keys().map(outcome).collect::<BTreeSet<_>>().into_iter().collect(),
            bounded_by: searched.bounded_by.clone(),
            states_per_second,
        }
    }

    /// Whether nothing is wrong with any run but what has to be found, and they end as the file says. A search in which no run
    /// came to its end has judged nothing, so that is not good either.
    pub fn is_good(&self) -> bool {
        let is_judged = 0 < self.searched.runs;
        let Unlisted { new, missing } = self.unlisted();
        let is_found = self.must_find.is_none() || !self.searched.failures.is_empty() || !self.searched.is_complete();
        is_judged
            && is_found
            && self.searched.failures.keys().all(|identity| self.is_sought(identity))
            && new.is_empty()
            && missing.is_empty()
    }

    /// Whether a failure is what has to be found.
    pub fn is_sought(&self, identity: &Identity) -> bool {
        self.must_find.as_ref().is_some_and(|must_find| must_find.is_found(&self.experiment.program(), identity))
    }

    /// In what the ways in which runs end differ from those that the file lists, if it does.
    pub fn unlisted(&self) -> Unlisted {
        let Some(expected) = &self.expected else { return Unlisted::default() };
        let outcomes = self.outcomes();
        let missing = expected.iter().filter(|outcome| !outcomes.contains_key(*outcome)).cloned().collect();
        let missing = if self.searched.is_complete() { missing } else { Vec::new() };
        Unlisted { new: outcomes.into_iter().filter(|(outcome, _)| !expected.contains(outcome)).collect(), missing }
    }

    /// The ends of runs in one line each, with a simplest run that ends so.
    pub fn outcomes(&self) -> BTreeMap<String, Trace> {
        self.simplest().into_iter().map(|(outcome, found)| (outcome, trace(&self.experiment, found))).collect()
    }

    fn simplest(&self) -> BTreeMap<String, &Found> {
        let mut outcomes: BTreeMap<String, &Found> = BTreeMap::new();
        for (summary, found) in &self.searched.results {
            let known = outcomes.entry(outcome(summary)).or_insert(found);
            if (found.deviations, &found.answers) < (known.deviations, &known.answers) {
                *known = found;
            }
        }
        outcomes
    }
}

/// The end of a run as a scenario lists it. Times are left out.
fn outcome(summary: &Summary) -> String {
    let Summary { result, tally, .. } = summary;
    let counts = [
        (tally.finished, "finished"),
        (tally.failed, "failed"),
        (tally.cancelled, "cancelled"),
        (tally.running, "running"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, how)| format!("; {count} {how}"));
    let counts: String = counts.collect();
    format!("{result}{counts}")
}

/// The same experiment, if all cuts that were found have a number in it; else with room for them.
fn with_room(experiment: Asyncio, searched: &Searched) -> Asyncio {
    let all = searched.failures.values().chain(searched.results.values());
    let mut program = experiment.program();
    let mut event_loop = EventLoop::new(&program);
    let mut room: Vec<(u64, u32)> = program.cuts.iter().map(|cuts| (cuts.handles, cuts.tasks)).collect();
    let enough = room.clone();
    for found in all {
        event_loop.reset();
        event_loop.begin_search();
        event_loop.run(&mut Given::new(&found.answers));
        for &(cut, entry) in event_loop.cuts_made() {
            let (handles, tasks) = &mut room[entry];
            *handles = (*handles).max(cut.handle + 1);
            *tasks = (*tasks).max(cut.victim + 1);
        }
    }
    drop(event_loop);
    if room == enough {
        return experiment;
    }
    for (cuts, (handles, tasks)) in Arc::make_mut(&mut program).cuts.iter_mut().zip(room) {
        (cuts.handles, cuts.tasks) = (handles, tasks);
    }
    experiment.with_program(program)
}

/// A run that a search has found, made again.
fn trace(experiment: &Asyncio, found: &Found) -> Trace {
    let mut run = experiment.begin();
    run.run(&mut Given::new(&answers(experiment, found)));
    run.trace()
}

/// The answers of a run that a search has found, as a plain run is asked: its cuts first.
fn answers(experiment: &dyn Experiment, found: &Found) -> Vec<u64> {
    let program = experiment.program();
    let mut event_loop = EventLoop::new(&program);
    event_loop.begin_search();
    event_loop.run(&mut Given::new(&found.answers));
    let mut answers = Vec::new();
    for (at, cuts) in program.cuts.iter().enumerate().filter(|(_, cuts)| cuts.handles > 0 && cuts.tasks > 0) {
        let made = event_loop.cuts_made().iter().filter(|(_, entry)| *entry == at);
        let own: Vec<u64> = made.map(|(cut, _)| cut.answer(cuts.tasks)).collect();
        answers.extend(own.iter().copied().take(cuts.up_to as usize));
        // Whoever is asked for one more says no.
        answers.extend((own.len() < cuts.up_to as usize).then_some(0));
    }
    let log = event_loop.trace().log();
    answers.extend(log.iter().filter(|choice| choice.kind != Kind::Cut).map(|choice| choice.answer));
    answers
}

fn tell(experiment: &Asyncio, identity: &Identity, found: &Found) -> Told {
    let answers = answers(experiment, found);
    let mut run = experiment.begin();
    let log = shows(&mut *run, experiment, &answers, identity);
    let log = log.expect("a run that is made again as it was found fails again");
    Told { found_in: None, ..search::small(experiment, log, identity) }
}
