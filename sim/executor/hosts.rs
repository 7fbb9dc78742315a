//! The tasks of a simulated network: on each host a loop of ours polls its tasks, whenever the host has its turn, and who of
//! them is next is asked as anywhere else.
//!
//! What runs on a host is polled within the runtime that the host has, and time is that of the recording. A host that
//! crashes drops its loop, and with that its tasks. What is spawned past the [`twin`](super::twin) is polled after each round,
//! in tokio's own order, and nobody is asked.
//!
//! Knows nothing of links, messages, or when a host has its turn.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};

use super::cut::Victims;
use super::names::{Called, Registry};
use super::rounds::Rounds;
use super::shared::{Entered, Shared};
use super::task::{self, Place};
use super::{Setting, outcome, plan_cuts, root, sites};
use crate::body::{Recording, Spawner, Who, Work};
use crate::id::HostId;
use crate::machine::Openings;
use crate::program::{Error, Value};
use crate::trace::{Outcome, Trace};

/// The tasks of one run, on all of its hosts. As long as it is there, the run is the one of this thread.
pub struct Tasks {
    shared: Rc<Shared>,
    setting: Setting,
    _entered: Entered,
}

/// Where tasks of a run are polled.
#[derive(Clone)]
pub struct Host {
    shared: Rc<Shared>,
    setting: Setting,
    home: usize,
}

impl Tasks {
    /// The tasks of a test, of whom everything is told. Where they could have been cut is listed if `openings` says so: at most
    /// so many places.
    pub fn new(
        recording: Recording,
        names: Arc<Registry>,
        setting: Setting,
        openings: Option<usize>,
        with_sites: bool,
    ) -> Tasks {
        let shared = Shared::on_network(recording, names, Victims::new(openings), with_sites);
        let shared = Rc::new(shared);
        shared.move_in(HostId::CLIENT.index());
        plan_cuts(&shared, setting.cuts);
        Tasks { _entered: Entered::new(shared.clone()), shared, setting }
    }

    /// The tasks of a program that tells of itself: nothing but their order is recorded here.
    pub fn of_program(recording: Recording, setting: Setting) -> Tasks {
        let shared = Shared::on_network(recording, Arc::default(), Victims::default(), false).untold();
        let shared = Rc::new(shared);
        shared.move_in(HostId::CLIENT.index());
        Tasks { _entered: Entered::new(shared.clone()), shared, setting }
    }

    /// The root of the run, on a host of its own: to be made before any other host begins.
    pub fn main<F: Future<Output = ()> + 'static>(&self, future: F) -> impl Future<Output = ()> + use<F> {
        let host = self.host(HostId::CLIENT);
        host.shared.enter(host.home);
        let place = Place::new(&host.shared, Called::Name("main"));
        async move {
            host.begin();
            // What it came to, its task has told.
            _ = place.spawn(&host.shared, root(host.shared.clone(), future)).await;
        }
    }

    /// One of the hosts.
    pub fn host(&self, host: HostId) -> Host {
        Host { shared: self.shared.clone(), setting: self.setting.clone(), home: host.index() }
    }

    /// Something has panicked that is no task, so main fails, unless it has before.
    #[cfg(feature = "network")]
    pub(crate) fn panicked(&self, panic: &super::panics::Panic) {
        if self.shared.end().is_none() {
            self.shared.panicked(crate::id::TaskId::MAIN, panic);
        }
    }

    /// Main has failed with a host and without a panic, unless it had failed before. `how` goes on after its name.
    #[cfg(feature = "network")]
    pub(crate) fn fail(&self, how: &str) {
        if self.shared.end().is_none() {
            self.shared.failed(super::shared::Unpanicked::Host, how);
        }
    }

    /// The whole run, which ended like this unless its root came to an end of its own, and where it could have been cut.
    pub fn end(self, otherwise: Outcome) -> (Trace, Openings) {
        let shared = &self.shared;
        let panic = shared.leave();
        let end = match (shared.end(), panic) {
            (Some(Ok(())), Some(panic)) => Outcome::Failed(shared.error(&panic)),
            (end, _) => end.map_or(otherwise, outcome),
        };
        let (recorder, texts, places) = shared.take_told();
        let mut trace = recorder.trace(end, &texts);
        trace.sites = sites::resolve(&places);
        let mut victims = shared.victims.take();
        let openings = victims.openings.take().map(|(openings, _)| openings).unwrap_or_default();
        let (count, moments) = victims.measured();
        (trace, Openings { handles: moments, tasks: vec![count], ..openings })
    }
}

/// Whoever still holds a host holds no task by it.
impl Drop for Tasks {
    fn drop(&mut self) {
        self.shared.leave();
        if let Some(panic) = self.shared.broken().filter(|_| !std::thread::panicking()) {
            resume_unwind(panic);
        }
    }
}

impl Host {
    /// The host begins, and its loop polls whatever is spawned here from now on. To be called on the host, in a `LocalSet`.
    pub fn begin(&self) {
        if self.home != HostId::CLIENT.index() {
            self.shared.move_in(self.home);
        }
        let rounds = Rounds::new(self.shared.clone(), &self.setting, self.home);
        tokio::task::spawn_local(Loop { rounds, is_over: false, host: self.clone() });
    }

    /// The host begins with this task, and this is what it comes to.
    ///
    /// # Errors
    ///
    /// If the task panics.
    pub async fn run<F>(self, name: &str, future: F) -> Result<F::Output, JoinError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.begin();
        task::spawn(&self.shared, Called::Name(name), future).await
    }
}

impl Spawner for Host {
    fn spawn(&self, who: Option<Who>, work: Work) -> JoinHandle<Result<Value, Error>> {
        if who.is_none() {
            return tokio::task::spawn_local(work);
        }
        task::spawn_for(&self.shared, who, work)
    }

    fn spawn_in(&self, set: &mut JoinSet<Result<Value, Error>>, who: Who, work: Work) -> AbortHandle {
        task::spawn_in(&self.shared, set, who, work)
    }
}

/// What polls the tasks of a host, as a task of the host.
struct Loop {
    rounds: Rounds,
    is_over: bool,
    host: Host,
}

impl Future for Loop {
    type Output = ();

    /// Never done: the host may go on when its first task has ended, and one that was given up is not polled any more.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_over {
            return Poll::Pending;
        }
        let round = catch_unwind(AssertUnwindSafe(|| self.rounds.round(context)));
        self.is_over = !matches!(round, Ok(Poll::Pending));
        match round {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(outcome)) => self.host.shared.give_up(outcome),
            Err(panic) => self.host.shared.breaks(panic),
        }
        Poll::Pending
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.host.shared.drop_all_of(self.host.home);
    }
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").field("setting", &self.setting).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("home", &self.home).finish_non_exhaustive()
    }
}
