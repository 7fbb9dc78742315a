//! A test of real futures as an experiment: what exploring, replaying and shrinking go round.
//!
//! Knows nothing of which choices are tried.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::{Check, Ending, Sim};
use crate::body::Body;
use crate::choice::{Choices, Ordinary, Seeded};
use crate::executor::{Cuts as Moments, Executor, RETURNED, Registry, Setting};
use crate::experiment::{Experiment, Ran, Run};
use crate::judge;
use crate::machine::{Machine, Openings};
use crate::program::{Cuts, Program};
use crate::trace::{Moment, Trace};
use crate::verdict::Verdict;

/// A test, and everything that was met in its runs so far.
pub(super) struct Futures {
    make: Box<dyn Fn() -> Body + Send + Sync>,
    names: Arc<Registry>,
    setting: Setting,
    forbidden: judge::Forbidden,
    /// The program as it was known last.
    program: Mutex<Arc<Program>>,
}

impl Futures {
    /// Measures the ordinary run.
    pub(super) fn new<T, F>(test: Arc<T>, check: &Check, names: Arc<Registry>) -> Futures
    where
        T: Fn(Sim) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        let experiment = Futures::unmeasured(test, check, names);
        experiment.with_measure()
    }

    /// As it was measured in another process.
    pub(super) fn as_measured<T, F>(
        test: Arc<T>,
        check: &Check,
        names: Arc<Registry>,
        measured: (Moments, bool),
    ) -> Futures
    where
        T: Fn(Sim) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        let (cuts, draws) = measured;
        if draws {
            names.set_draws();
        }
        Futures::unmeasured(test, check, names).with_cuts(cuts)
    }

    /// What was measured: which cuts there may be, and whether tokio draws numbers.
    pub(super) fn measured(&self) -> (Moments, bool) {
        (self.setting.cuts, self.names.draws())
    }

    fn unmeasured<T, F>(test: Arc<T>, check: &Check, names: Arc<Registry>) -> Futures
    where
        T: Fn(Sim) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        let make = move || {
            let test = test.clone();
            Body::new(move || async move {
                let sim = Sim::here();
                if let Some(problem) = test(sim).await.problem() {
                    return sim.fail(RETURNED, problem);
                }
                if sim.is_watching() {
                    sim.settle().await;
                    if let Some(problem) = sim.not_given_back() {
                        sim.fail("the end, where something is not given back", problem);
                    }
                }
            })
        };
        let cuts = Moments { up_to: check.cuts, moments: 0, victims: 0 };
        let setting = Setting { cuts, any_order: check.any_order, limits: check.limits };
        let program = Mutex::new(Arc::new(program(&names, &setting)));
        Futures { make: Box::new(make), names, setting, forbidden: check.forbidden, program }
    }

    fn with_measure(self) -> Futures {
        let Futures { make, names, setting, .. } = &self;
        // Whether tokio has to be steered, which changes its runs, is seen in a few of them.
        let mut executor = Executor::new(&**make, names.clone(), setting.clone());
        executor.run(&mut Ordinary);
        for seed in 0..TRIED {
            executor.reset();
            executor.run(&mut Seeded::new(seed));
        }
        let openings = executor.openings(&mut Ordinary, 0);
        drop(executor);
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
        let program = Mutex::new(Arc::new(program(&self.names, &setting)));
        Futures { setting, program, ..self }
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
        let mut executor = Executor::new(&*self.make, self.names.clone(), self.setting.clone()).with_sites();
        executor.run(choices);
        executor.trace()
    }
}

/// So many runs are made to see what a test is like.
const TRIED: u64 = 3;

fn program(names: &Registry, setting: &Setting) -> Program {
    let Moments { up_to, moments, victims } = setting.cuts;
    let is_cut = moments > 0 && victims > 0 && up_to > 0;
    let cuts = Cuts { up_to, victims: Vec::new(), handles: moments, tasks: victims };
    names.program(is_cut.then_some(cuts).into_iter().collect(), setting.limits)
}

impl Experiment for Futures {
    fn program(&self) -> Arc<Program> {
        let mut known = self.program.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !self.names.is_known(&known) {
            *known = Arc::new(program(&self.names, &self.setting));
        }
        known.clone()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        let executor = Executor::new(&*self.make, self.names.clone(), self.setting.clone());
        let judge = judge::Futures::forbidding(self.forbidden);
        Box::new(Runs { executor, judge, verdict: Verdict::default() })
    }
}

impl fmt::Debug for Futures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Futures").field("setting", &self.setting).finish_non_exhaustive()
    }
}

struct Runs<'a> {
    executor: Executor<'a>,
    judge: judge::Futures,
    verdict: Verdict,
}

impl Run for Runs<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        self.executor.reset();
        let outcome = self.executor.run(choices);
        self.judge.reset();
        self.executor.moments().for_each(|moment| self.judge.see(moment));
        self.verdict = self.judge.end(outcome);
        Ran {
            fingerprint: self.executor.fingerprint(),
            order: self.executor.order(),
            outcome,
            tally: self.judge.tally(),
            is_good: self.verdict.is_good(),
        }
    }

    fn trace(&self) -> Trace {
        self.executor.trace()
    }

    fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.executor.moments().for_each(see);
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        self.executor.openings(choices, most)
    }
}
