//! A test of real futures as an experiment: what exploring, replaying and shrinking go round.
//!
//! Knows nothing of which choices are tried.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::{Check, Ending, Sim};
use crate::body::Body;
use crate::choice::{Choices, Given, Ordinary};
use crate::executor::{Cuts as Moments, Executor, Registry, Setting};
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
    /// The program as it was known last.
    program: Mutex<Arc<Program>>,
}

impl Futures {
    /// Measures the ordinary run.
    pub(super) fn new<T, F>(test: Arc<T>, check: &Check) -> Futures
    where
        T: Fn(Sim) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        let make = move || {
            let test = test.clone();
            Body::new(move || async move {
                let sim = Sim::new();
                if let Some(problem) = test(sim).await.problem() {
                    sim.fail(problem);
                }
            })
        };
        let names = Arc::new(Registry::default());
        let cuts = Moments { up_to: check.cuts, moments: 0, victims: 0 };
        let mut setting = Setting { cuts, any_order: check.any_order, limits: check.limits };
        if check.cuts > 0 {
            let openings = Executor::new(&make, names.clone(), setting.clone()).openings(&mut Ordinary, 0);
            // Other orders may take a little longer, so there is a quarter more room.
            setting.cuts.moments = openings.handles + openings.handles / 4;
            setting.cuts.victims = openings.tasks[0];
        }
        let program = Mutex::new(Arc::new(program(&names, &setting)));
        Futures { make: Box::new(make), names, setting, program }
    }

    /// Whether nothing has to be chosen for it to fail.
    pub(super) fn is_good_in_plain_order(&self) -> bool {
        self.begin().run(&mut Ordinary).is_good
    }

    /// A run of these answers with the places of all awaits.
    pub(super) fn recorded(&self, answers: &[u64]) -> Trace {
        let mut executor = Executor::new(&*self.make, self.names.clone(), self.setting.clone()).with_sites();
        executor.run(&mut Given::new(answers));
        executor.trace()
    }
}

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
        Box::new(Runs { executor, judge: judge::Futures::default(), verdict: Verdict::default() })
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
