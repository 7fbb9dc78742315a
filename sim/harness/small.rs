//! Less of a scenario file and of its choices together, with the same failure.
//!
//! Every candidate is read like any file. What the run of the smallest one so far chose is looked for in it by name; if
//! it does not fail like that, a bounded search tries its single faults and some seeds, and takes what needs no more
//! faults and no more choices than before.
//!
//! Knows nothing of how a text is made smaller, or of how it is told.

use std::collections::{BTreeMap, BTreeSet};

use crate::choice::{Deviation, Given, Kind, Log, Token};
use crate::experiment::Experiment;
use crate::explore::{Plan, explore, shows};
use crate::id::TaskId;
use crate::program::Program;
use crate::replay;
use crate::scenario::Scenario;
use crate::shrink::{self, Size};
use crate::trace::{Outcome, Trace, What};
use crate::verdict::Identity;

use super::search::{answers, small};
use super::{File, RunsOn, Setting, Told, strategies};

/// How much a scenario may cost that is made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How many candidates are tried.
    pub candidates: usize,
    /// How many runs are made of one that does not fail with the choices of the one before; with 0 it is given up then.
    pub runs: u64,
}

impl Effort {
    /// What somebody waits for who asked for it.
    pub const FULL: Effort = Effort { candidates: 20_000, runs: 200 };
    /// What is done on the way.
    pub const LITTLE: Effort = Effort { candidates: 1_500, runs: 0 };
}

/// A scenario made small.
#[derive(Debug)]
pub struct Small {
    /// The scenario; the same, if none is smaller.
    pub file: File,
    /// What was run of it.
    pub experiment: RunsOn,
    /// What happens in it.
    pub told: Told,
    /// The run of it.
    pub token: Token,
    /// How many candidates were tried.
    pub tried: usize,
}

impl File {
    /// Makes a failure small that an experiment with this file showed: the scenario, and the choices with it. `go_on` is
    /// told how many candidates were tried and how long the smallest text is, and says whether to try more.
    ///
    /// # Panics
    ///
    /// If the experiment that this setting makes does not fail like that.
    pub fn in_small(
        &self,
        setting: &Setting,
        told: &Told,
        effort: Effort,
        go_on: &mut dyn FnMut(usize, &str) -> bool,
    ) -> Small {
        let mut search = Search::new(self, setting, told, effort);
        loop {
            let text = search.best.file.text.clone();
            let text = shrink::document(&text, &mut |text| {
                let is_on = search.is_on && search.tried < effort.candidates;
                search.is_on = is_on && go_on(search.tried, &search.best.file.text);
                search.is_on && search.attempt(text)
            })
            .text;
            debug_assert_eq!(text, search.best.file.text, "the smallest text is the last one that was good");
            if !search.smaller_choices() {
                break;
            }
        }
        let Search { best: Best { file, log, .. }, tried, .. } = search;
        let experiment = file.experiment(setting).expect("it was made before");
        let told = small(&experiment, log, &told.identity);
        Small { token: file.token(setting, &experiment, &told), file, experiment, told, tried }
    }
}

/// The smallest scenario so far, and its run.
struct Best {
    file: File,
    experiment: RunsOn,
    log: Log,
    deviations: Vec<Deviation>,
}

struct Search<'a> {
    setting: &'a Setting,
    identity: &'a Identity,
    /// Everything that is wrong with the run that was given.
    known: Vec<Identity>,
    /// Whether the ordinary run fails in the same way: if it does not, it never may, because then the choices are what it
    /// takes.
    is_plain: bool,
    /// Whether the file speaks of its main.
    is_listed: bool,
    strategies: Vec<(&'static str, &'static str)>,
    /// Who is stuck in the run that was given, if nothing can go on in it.
    stuck: BTreeSet<Stuck>,
    /// A candidate that goes on for longer is another story; of what goes on for ever all are.
    steps: u64,
    effort: Effort,
    best: Best,
    tried: usize,
    is_on: bool,
}

impl<'a> Search<'a> {
    fn new(file: &File, setting: &'a Setting, told: &'a Told, effort: Effort) -> Search<'a> {
        let experiment = file.experiment(setting).expect("the failure was seen in this experiment");
        let mut run = experiment.begin();
        let log = shows(&mut *run, &experiment, &told.answers, &told.identity).expect("it fails like that");
        let known = run.verdict().identities(&experiment.program());
        let stuck = stuck(&experiment.program(), &run.trace());
        let deviations = replay::deviations(&mut *run, &experiment.program(), &mut Given::new(&told.answers));
        let is_plain = shows(&mut *run, &experiment, &[], &told.identity).is_some();
        drop(run);
        Search {
            setting,
            identity: &told.identity,
            known,
            stuck,
            is_plain,
            is_listed: file.speaks_of(setting.strategy.as_deref()),
            strategies: strategies(),
            steps: match told.trace.outcome {
                Outcome::OutOfSteps | Outcome::Livelocked => u64::MAX,
                _ => 1_000 + 100 * told.trace.events.len() as u64,
            },
            effort,
            best: Best { file: file.clone(), experiment, log, deviations },
            tried: 0,
            is_on: true,
        }
    }

    /// Whether a text is a scenario with the same failure; if so, it is the smallest one from now on.
    fn attempt(&mut self, text: &str) -> bool {
        self.tried += 1;
        let Some((file, experiment)) = self.read(text) else { return false };
        let mut run = experiment.begin();
        let program = experiment.program();
        let placed = replay::place(&mut *run, &program, &self.best.deviations);
        let found = self.same(&experiment, &answers(&placed.log)).or_else(|| self.searched(&experiment));
        let Some(log) = found else { return false };
        let deviations = replay::deviations(&mut *run, &program, &mut Given::new(&answers(&log)));
        drop(run);
        if !is_alike(&deviations, &self.best.deviations) {
            return false;
        }
        self.best = Best { file, experiment, log, deviations };
        true
    }

    /// The experiment with a text, if it is a scenario that has the main.
    fn read(&self, text: &str) -> Option<(File, RunsOn)> {
        let scenario = Scenario::parse(text, &self.strategies).ok()?;
        let file = File { path: self.best.file.path.clone(), scenario, text: text.to_owned() };
        if self.is_listed && !file.speaks_of(self.setting.strategy.as_deref()) {
            return None;
        }
        let experiment = file.experiment_within(self.steps, self.setting).ok()?;
        Some((file, experiment))
    }

    /// The choices of a run with these answers, if it fails in the same way and in no other, and takes no more than before.
    fn same(&self, experiment: &RunsOn, answers: &[u64]) -> Option<Log> {
        let mut run = experiment.begin();
        let log = shows(&mut *run, experiment, answers, self.identity)?;
        let (size, before) = (Size::of(&log), Size::of(&self.best.log));
        let is_small = size.faults <= before.faults && size.deviations <= before.deviations;
        let kinds = run.verdict().identities(&experiment.program());
        let is_same = is_small
            && kinds.iter().all(|kind| self.known.contains(kind))
            && self.is_stuck_likewise(&stuck(&experiment.program(), &run.trace()))
            && (self.is_plain || shows(&mut *run, experiment, &[], self.identity).is_none());
        is_same.then_some(log)
    }

    /// Whether nobody is stuck who was not before, and somebody beside main is, if anybody was: everything hangs when main waits
    /// for nothing, whatever the workers do, but that is another story than theirs.
    fn is_stuck_likewise(&self, stuck: &BTreeSet<Stuck>) -> bool {
        let is_others = |stuck: &BTreeSet<Stuck>| stuck.iter().any(|stuck| !stuck.is_main);
        stuck.is_subset(&self.stuck) && (is_others(stuck) || !is_others(&self.stuck))
    }

    /// The same for any of the first runs that an exploration makes.
    fn searched(&self, experiment: &RunsOn) -> Option<Log> {
        let Size { faults, deviations, .. } = Size::of(&self.best.log);
        let faults = if 0 < faults { self.effort.runs } else { 0 };
        // A seed decides orders and lengths; without any it would be the same runs again.
        let seeds = if 0 < deviations { self.effort.runs } else { 0 };
        if self.effort.runs == 0 {
            return None;
        }
        let explored = explore(experiment, &Plan { faults, seeds: 0..seeds, ..Plan::default() }, &mut |_| true);
        let failure = explored.failures.into_iter().find(|failure| failure.identity == *self.identity)?;
        let told = small(experiment, failure.log, self.identity);
        self.same(experiment, &told.answers)
    }

    /// Makes the choices smaller, and says whether they are, so that more of the text may go.
    fn smaller_choices(&mut self) -> bool {
        if !self.is_on {
            return false;
        }
        let told = small(&self.best.experiment, self.best.log.clone(), self.identity);
        let Some(log) = self.same(&self.best.experiment, &told.answers) else { return false };
        let is_smaller = Size::of(&log) < Size::of(&self.best.log);
        let mut run = self.best.experiment.begin();
        let program = self.best.experiment.program();
        let deviations = replay::deviations(&mut *run, &program, &mut Given::new(&told.answers));
        drop(run);
        (self.best.log, self.best.deviations) = (log, deviations);
        is_smaller
    }
}

/// Who hangs and waits for no task, where nothing can go on, and in what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stuck {
    is_main: bool,
    name: String,
    waits_in: Option<(&'static str, String)>,
}

fn stuck(program: &Program, trace: &Trace) -> BTreeSet<Stuck> {
    if trace.outcome != Outcome::Deadlocked {
        return BTreeSet::new();
    }
    let (mut instances, mut last) = (BTreeMap::new(), BTreeMap::new());
    for moment in trace.iter() {
        match moment.what {
            What::Created { task, instance, .. } => _ = instances.insert(task, instance),
            What::Blocked { task, operation, object } => _ = last.insert(task, (operation, object)),
            What::Resumed { task, .. } => _ = last.remove(&task),
            _ => {}
        }
    }
    let tell = |task: TaskId| Stuck {
        is_main: task == TaskId::MAIN,
        name: instances.get(&task).map(|&instance| program.body(instance).name.clone()).unwrap_or_default(),
        waits_in: last
            .get(&task)
            .map(|&(operation, object)| (operation.method(), program.objects[object.index()].name.clone())),
    };
    trace.stuck().into_iter().map(tell).collect()
}

/// Whether there is a cut of the same phase for each one: who waits may be cut for long, who is woken for a moment only.
fn is_alike(deviations: &[Deviation], before: &[Deviation]) -> bool {
    let phases = |deviations: &[Deviation]| -> Vec<String> {
        let cuts = deviations.iter().filter(|deviation| deviation.kind == Kind::Cut);
        cuts.map(|cut| cut.chosen.split('+').next().unwrap_or_default().to_owned()).collect()
    };
    let mut left = phases(before);
    phases(deviations).iter().all(|phase| match left.iter().position(|other| other == phase) {
        Some(at) => left.remove(at) == *phase,
        None => false,
    })
}
