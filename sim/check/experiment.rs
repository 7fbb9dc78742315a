//! A test of real futures as an experiment: what exploring, replaying and shrinking go round.
//!
//! Knows nothing of which choices are tried, or of where a test runs: its [`Subject`] makes the runs.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::{Check, Ending, Sim};
use crate::body::Body;
use crate::choice::{Choices, Ordinary, Seeded};
use crate::executor::{Cuts as Moments, Executor, Registry, Setting, Unpanicked};
use crate::experiment::{Experiment, Ran, Run};
use crate::judge;
use crate::machine::{Machine, Openings};
use crate::program::{Cuts, Program};
use crate::trace::{Fingerprint, Moment, Outcome, Trace};
use crate::verdict::Verdict;

/// A test that can be run: in a runtime of its own, or on the hosts of a network.
pub(super) trait Subject: Send + Sync {
    /// One run after the other; with the places of all awaits, if that is wanted.
    fn begin<'a>(&'a self, names: &Arc<Registry>, setting: &Setting, with_sites: bool) -> Box<dyn Made + 'a>;

    /// The program that stands for it, made of all names and cuts.
    fn program(&self, program: Program) -> Program {
        program
    }

    /// What its runs have cost so far, if that has to be said.
    fn cost(&self) -> Option<String> {
        None
    }
}

/// Runs of a test. But for the first two methods, all tell of the last one.
pub(super) trait Made {
    /// Makes a run.
    fn run(&mut self, choices: &mut dyn Choices) -> Outcome;
    /// Makes a run and lists where it could have been cut.
    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings;
    /// What happened.
    fn trace(&self) -> Trace;
    /// The same, event by event.
    fn each(&self, see: &mut dyn FnMut(Moment));
    /// Shows what happened to a judge, without a call for each event as in [`each`](Made::each).
    fn show(&self, judge: &mut judge::Futures);
    /// A hash of what happened and was asked, and one of what happened, whatever was asked.
    fn fingerprint_and_order(&self) -> (Fingerprint, u64);
}

/// A test in a runtime of its own.
struct Alone(Box<dyn Fn() -> Body + Send + Sync>);

/// The runs of a test there.
pub(super) fn alone<T, F>(test: T) -> Arc<dyn Subject>
where
    T: Fn(Sim) -> F + Send + Sync + 'static,
    F: Future + 'static,
    F::Output: Ending,
{
    let test = Arc::new(test);
    Arc::new(Alone(Box::new(move || {
        let test = test.clone();
        Body::new(move || whole(async move { test(Sim::here()).await }))
    })))
}

/// A test from its beginning to the end in which everything has to be given back.
pub(super) async fn whole<F: Future>(test: F)
where
    F::Output: Ending,
{
    let sim = Sim::here();
    if let Some(problem) = test.await.problem() {
        return sim.fail(Unpanicked::Returned, &format!("returned an error: {problem}"));
    }
    if sim.is_watching() {
        sim.settle().await;
        if let Some(problem) = sim.not_given_back() {
            let how = format!("ended, and something is not given back: {problem}");
            sim.fail(Unpanicked::NotGivenBack, &how);
        }
    }
}

impl Subject for Alone {
    fn begin<'a>(&'a self, names: &Arc<Registry>, setting: &Setting, with_sites: bool) -> Box<dyn Made + 'a> {
        let executor = Executor::new(&*self.0, names.clone(), setting.clone());
        Box::new(if with_sites { executor.with_sites() } else { executor })
    }
}

impl Made for Executor<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Outcome {
        self.reset();
        Machine::run(self, choices)
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        Executor::openings(self, choices, most)
    }

    fn trace(&self) -> Trace {
        Machine::trace(self)
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.moments().for_each(see);
    }

    fn show(&self, judge: &mut judge::Futures) {
        for moment in self.happened() {
            judge.see(moment);
        }
    }

    fn fingerprint_and_order(&self) -> (Fingerprint, u64) {
        Executor::fingerprint_and_order(self)
    }
}

/// What is known of a test when its runs begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    /// Which cuts there may be.
    pub(super) cuts: Moments,
    /// Whether tokio draws numbers.
    pub(super) draws: bool,
    /// In the polls of tasks of which names, after how many others of it.
    pub(super) drawing: Vec<(String, u32)>,
}

/// A test, and everything that was met in its runs so far.
pub(super) struct Futures {
    subject: Arc<dyn Subject>,
    names: Arc<Registry>,
    setting: Setting,
    forbidden: judge::Forbidden,
    /// The program as it was known last.
    program: Mutex<Arc<Program>>,
}

impl Futures {
    /// Measures the ordinary run.
    pub(super) fn new(subject: Arc<dyn Subject>, check: &Check, names: Arc<Registry>) -> Futures {
        Futures::unmeasured(subject, check, names).with_measure()
    }

    /// As it was measured in another process.
    pub(super) fn as_measured(
        subject: Arc<dyn Subject>,
        check: &Check,
        names: Arc<Registry>,
        measured: Measured,
    ) -> Futures {
        let Measured { cuts, draws, drawing } = measured;
        if draws {
            names.set_draws();
        }
        names.as_measured(drawing);
        Futures::unmeasured(subject, check, names).with_cuts(cuts)
    }

    /// What was measured.
    pub(super) fn measured(&self) -> Measured {
        let drawing = self.names.measured().iter().map(|drawing| (drawing.task.clone(), drawing.poll)).collect();
        Measured { cuts: self.setting.cuts, draws: self.names.draws(), drawing }
    }

    fn unmeasured(subject: Arc<dyn Subject>, check: &Check, names: Arc<Registry>) -> Futures {
        let cuts = Moments { up_to: check.cuts, moments: 0, victims: 0 };
        let setting = Setting { cuts, any_order: check.any_order, limits: check.limits };
        let program = Mutex::new(Arc::new(program(&*subject, &names, &setting)));
        Futures { subject, names, setting, forbidden: check.forbidden, program }
    }

    fn with_measure(self) -> Futures {
        let Futures { subject, names, setting, .. } = &self;
        // Whether tokio has to be steered, which changes its runs, is seen in a few of them, and for whom in those after that.
        let mut runs = subject.begin(names, setting, false);
        runs.openings(&mut Ordinary, 0);
        for seed in 0..TRIED {
            runs.openings(&mut Seeded::new(seed), 0);
        }
        let openings = runs.openings(&mut Ordinary, 0);
        names.measured();
        drop(runs);
        if setting.cuts.up_to == 0 {
            return self;
        }
        // Other orders may take a little longer, so there is a quarter more room.
        let moments = openings.handles + openings.handles / 4;
        let cuts = Moments { moments, victims: openings.tasks[0], ..setting.cuts };
        self.with_cuts(cuts)
    }

    fn with_cuts(self, cuts: Moments) -> Futures {
        let setting = Setting { cuts, ..self.setting };
        let program = Mutex::new(Arc::new(program(&*self.subject, &self.names, &setting)));
        Futures { setting, program, ..self }
    }

    /// What its runs have cost so far, if that has to be said.
    pub(super) fn cost(&self) -> Option<String> {
        self.subject.cost()
    }

    /// What was met in all runs.
    pub(super) fn names(&self) -> &Registry {
        &self.names
    }

    /// Whether nothing has to be chosen for it to fail.
    pub(super) fn is_good_in_plain_order(&self) -> bool {
        self.begin().run(&mut Ordinary).is_good
    }

    /// A run of these answers with the places of all awaits.
    pub(super) fn recorded(&self, choices: &mut dyn Choices) -> Trace {
        let mut runs = self.subject.begin(&self.names, &self.setting, true);
        runs.run(choices);
        runs.trace()
    }
}

/// So many runs are made to see what a test is like.
const TRIED: u64 = 3;

fn program(subject: &dyn Subject, names: &Registry, setting: &Setting) -> Program {
    let Moments { up_to, moments, victims } = setting.cuts;
    let is_cut = moments > 0 && victims > 0 && up_to > 0;
    let cuts = Cuts { up_to, victims: Vec::new(), handles: moments, tasks: victims };
    subject.program(names.program(is_cut.then_some(cuts).into_iter().collect(), setting.limits))
}

impl Experiment for Futures {
    fn program(&self) -> Arc<Program> {
        let mut known = self.program.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !self.names.is_known(&known) {
            *known = Arc::new(program(&*self.subject, &self.names, &self.setting));
        }
        known.clone()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        let made = self.subject.begin(&self.names, &self.setting, false);
        let judge = judge::Futures::forbidding(self.forbidden);
        Box::new(Runs { made, judge, verdict: Verdict::default() })
    }
}

impl fmt::Debug for Futures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Futures").field("setting", &self.setting).finish_non_exhaustive()
    }
}

struct Runs<'a> {
    made: Box<dyn Made + 'a>,
    judge: judge::Futures,
    verdict: Verdict,
}

impl Run for Runs<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        let outcome = self.made.run(choices);
        self.judge.reset();
        self.made.show(&mut self.judge);
        self.verdict = self.judge.end(outcome);
        let (fingerprint, order) = self.made.fingerprint_and_order();
        Ran { fingerprint, order, outcome, tally: self.judge.tally(), is_good: self.verdict.is_good() }
    }

    fn trace(&self) -> Trace {
        self.made.trace()
    }

    fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.made.each(see);
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        self.made.openings(choices, most)
    }
}
