//! Real futures under our choices: tokio's timers, channels and `select!` unmodified, and who is polled next, and who is
//! dropped at which await, decided here.
//!
//! A run is one `block_on` of a paused, single-threaded tokio runtime. What it blocks on is a loop of ours that polls the
//! woken tasks, each a task of tokio of its own; the ordinary run polls them in tokio's own order. Virtual time moves when
//! nobody is woken, as tokio's paused clock does it, and a timer in the far future ends a run in which everybody waits for
//! ever.
//!
//! A run cannot be left in the middle or copied, so as a [`Machine`] it takes one step, which is all of it. It tells no
//! footprints: what a future touches is not known.
//!
//! Knows nothing of the step language, or of what a run means.

mod cut;
mod draws;
#[cfg(feature = "tracing")]
mod events;
mod hosts;
mod ids;
mod names;
pub(crate) mod panics;
mod queue;
mod rounds;
mod shared;
mod sim;
mod sites;
mod strays;
mod task;
pub mod twin;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::body::{self, Body};
use crate::choice::{Choices, Cut as PlannedCut, lend};
use crate::id::TaskId;
use crate::machine::{Footprint, Machine, Openings};
use crate::program::{Error, Limits, Texts, Value};
use crate::trace::{Fingerprint, Moment, Outcome, Recorder, Trace};

pub use cut::{Cut, Race};
pub use hosts::{Host, Tasks};
pub use names::{Ongoing, Registry};
pub(crate) use shared::Unpanicked;
pub use sim::{Probe, Settle, Sim};
pub use task::InAnyOrder;

use cut::Victims;
use names::Called;
use rounds::Rounds;
use shared::{Entered, Memory, Shared};
use sites::Places;

/// How runs are made.
#[derive(Clone, Debug)]
pub struct Setting {
    /// How many cuts there may be in a run, in how many moments of a life, and of how many futures; the last two are
    /// [measured](Executor::openings).
    pub cuts: Cuts,
    /// Whether another order than tokio's is asked for.
    pub any_order: bool,
    /// When to give up.
    pub limits: Limits,
}

/// What may be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// How many in a run.
    pub up_to: u32,
    /// How many moments the longest life has.
    pub moments: u64,
    /// How many futures there are that may be cut.
    pub victims: u32,
}

/// One run after the other of the same body.
pub struct Executor<'a> {
    make: &'a dyn Fn() -> Body,
    names: Arc<Registry>,
    setting: Setting,
    with_sites: bool,
    last: Option<Ended>,
    kept: RefCell<Kept>,
}

/// What a run leaves to the next one, because it takes long to make.
#[derive(Default)]
struct Kept {
    runtime: Option<Runtime>,
    memory: Memory,
}

/// A run that has ended.
struct Ended {
    recorder: Recorder,
    texts: Texts,
    outcome: Outcome,
    places: Places,
    victims: Victims,
}

impl<'a> Executor<'a> {
    /// Runs of what `make` makes, its tasks numbered in `names`.
    pub fn new(make: &'a dyn Fn() -> Body, names: Arc<Registry>, setting: Setting) -> Executor<'a> {
        Executor { make, names, setting, with_sites: false, last: None, kept: RefCell::default() }
    }

    /// The same, and where tasks wait is recorded in each run, which takes much longer; so are the `tracing` events of the
    /// code under test, with that feature.
    pub fn with_sites(self) -> Executor<'a> {
        Executor { with_sites: true, ..self }
    }

    /// Forgets the last run, so that another one can be made.
    pub fn reset(&mut self) {
        if let Some(ended) = self.last.take() {
            self.kept.get_mut().memory.recorder = ended.recorder;
        }
    }

    /// Makes a run and lists where it could have been cut: of more than `most` places, the first.
    pub fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        let mut ended = self.make_run(choices, Victims::new(Some(most)));
        let openings = ended.victims.openings.take().map(|(openings, _)| openings).unwrap_or_default();
        let (victims, moments) = ended.victims.measured();
        self.last = Some(ended);
        Openings { handles: moments, tasks: vec![victims], ..openings }
    }

    /// What happened in the last run, without what was asked.
    pub fn happened(&self) -> impl Iterator<Item = Moment> {
        self.ended().recorder.happened()
    }

    /// What happened and was asked in the last run.
    pub fn moments(&self) -> impl Iterator<Item = Moment> {
        self.ended().recorder.iter()
    }

    /// The texts of the last run.
    pub fn texts(&self) -> Option<&Texts> {
        self.last.as_ref().map(|ended| &ended.texts)
    }

    /// The fingerprint of the last run, and a hash of what happened in it, whatever was asked.
    pub fn fingerprint_and_order(&self) -> (Fingerprint, u64) {
        let ended = self.ended();
        ended.recorder.fingerprint_and_order(ended.outcome, &ended.texts)
    }

    fn ended(&self) -> &Ended {
        self.last.as_ref().expect("a run was made")
    }

    /// Whether a runtime is as good as new but for the hour: nothing in it is left of the run, no thread has to do with it,
    /// and its clock stands still, at a whole millisecond, to which tokio rounds.
    fn is_clean(&self, runtime: &Runtime, shared: &Shared) -> bool {
        let passed = shared.look_again();
        passed.0.is_multiple_of(1_000_000)
            && passed == shared.look_again()
            && runtime.metrics().num_alive_tasks() == 0
            && self.names.strays() == 0
            && !self.names.is_woken_from_outside()
    }

    fn make_run(&self, choices: &mut dyn Choices, victims: Victims) -> Ended {
        quietly(choices, self.with_sites, || self.make_run_quietly(victims))
    }

    fn make_run_quietly(&self, victims: Victims) -> Ended {
        let Kept { runtime, memory } = self.kept.take();
        let runtime = runtime.unwrap_or_else(body::runtime);
        let guard = runtime.enter();
        let body = (self.make)();
        let shared = Rc::new(Shared::new(self.names.clone(), victims, self.with_sites, body.guest(), memory));
        let entered = Entered::new(shared.clone());
        let mut outcome = run(&runtime, &shared, body, &self.setting);
        self.names.stray(strays::alive(&shared));
        if shared.queue().is_woken_from_outside() {
            self.names.set_woken_from_outside();
        }
        if let Some(panic) = shared.leave().filter(|_| matches!(outcome, Outcome::Finished(_))) {
            outcome = Outcome::Failed(shared.error(&panic));
        }
        let is_clean = matches!(outcome, Outcome::Finished(_)) && self.is_clean(&runtime, &shared);
        drop(guard);
        let (recorder, texts, places) = shared.take_told();
        if is_clean {
            self.kept.replace(Kept { runtime: Some(runtime), memory: shared.take_memory() });
        } else {
            drop(runtime);
        }
        drop(entered);
        let victims = shared.victims.take();
        Ended { recorder, texts, outcome, places, victims }
    }
}

impl Machine for Executor<'_> {
    fn step<C: Choices + ?Sized>(&mut self, mut choices: &mut C) -> Option<Footprint> {
        if self.last.is_some() {
            return None;
        }
        self.last = Some(self.make_run(&mut choices, Victims::new(None)));
        Some(Footprint { task: None })
    }

    fn outcome(&self) -> Option<Outcome> {
        self.last.as_ref().map(|ended| ended.outcome)
    }

    fn trace(&self) -> Trace {
        let ended = self.ended();
        let mut trace = ended.recorder.trace(ended.outcome, &ended.texts);
        trace.sites = sites::resolve(&ended.places);
        trace
    }

    fn fingerprint(&self) -> Fingerprint {
        let ended = self.ended();
        ended.recorder.fingerprint(ended.outcome, &ended.texts)
    }
}

impl fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("setting", &self.setting).finish_non_exhaustive()
    }
}

/// Does something, which is a run that asks these choices, without a sound: panics are noted and not printed, and events of
/// `tracing` are noted if the run is told, and heard by nobody.
pub(crate) fn quietly<T>(choices: &mut dyn Choices, is_told: bool, run: impl FnOnce() -> T) -> T {
    let run = || panics::quietly(|| lend(choices, run));
    #[cfg(feature = "tracing")]
    return events::during(is_told, run);
    #[cfg(not(feature = "tracing"))]
    {
        _ = is_told;
        run()
    }
}

/// Whether a run goes on on this thread.
pub(crate) fn is_in_run() -> bool {
    shared::is_there()
}

/// Makes the root and polls everything until the run has ended.
fn run(runtime: &Runtime, shared: &Rc<Shared>, body: Body, setting: &Setting) -> Outcome {
    task::spawn(shared, Called::Name("main"), root(shared.clone(), async { body.into_future().await }));
    if shared.guest.is_some() {
        shared.call(TaskId::MAIN, None);
    }
    plan_cuts(shared, setting.cuts);
    let mut rounds = Rounds::new(shared.clone(), setting, 0);
    runtime.block_on(std::future::poll_fn(|context| rounds.round(context)))
}

/// The first task of a run, whose end is that of the run.
async fn root(shared: Rc<Shared>, main: impl Future<Output = ()>) {
    main.await;
    if shared.end().is_none() {
        shared.finish(Ok(()));
    }
}

fn plan_cuts(shared: &Shared, Cuts { up_to, moments, victims }: Cuts) {
    for cut in PlannedCut::plan(0, up_to, moments, victims, |question| shared.ask(question)) {
        shared.victims.borrow_mut().plan(cut);
    }
}

fn outcome(end: Result<(), Error>) -> Outcome {
    end.map_or_else(Outcome::Failed, |()| Outcome::Finished(Value::None))
}
