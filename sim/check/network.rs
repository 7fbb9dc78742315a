//! Tests of real clients and servers: hosts with software of the test's own, and every latency, loss and fault of the network
//! between them that it allows.
//!
//! ```
//! use atropos::check::Network;
//! use atropos::turmoil::net::{TcpListener, TcpStream};
//! use std::time::Duration;
//!
//! const fn millis(millis: u64) -> Duration {
//!     Duration::from_millis(millis)
//! }
//!
//! let found = Network::new().latency(millis(1)..=millis(30)).runs(200).find(|hosts| {
//!     hosts.host("shop", || async {
//!         let listener = TcpListener::bind("0.0.0.0:80").await?;
//!         loop {
//!             listener.accept().await?;
//!         }
//!     });
//!     async move {
//!         // It is there as soon as the wish for it has arrived.
//!         let connect = TcpStream::connect("shop:80");
//!         tokio::time::timeout(millis(20), connect).await.expect("in time").unwrap();
//!     }
//! });
//! assert_eq!(found.failures[0].what, "panicked");
//! ```
//!
//! Within a host tasks go in tokio's own order, and only what is between the hosts is chosen: [`check`](super::check) is for
//! the order of tasks.
//!
//! Knows nothing of what the hosts do.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Check, Ending, Found, telling};
use crate::body::{Body, Recording};
use crate::choice::{Choices, Lent, lend};
use crate::executor::{RETURNED, Registry, panics};
use crate::experiment::{Experiment, Ran, Run};
use crate::explore::Sampler;
use crate::harness::Search;
use crate::id::{HostId, InstanceId, TaskId};
use crate::judge;
use crate::machine::Openings;
use crate::network::{Simulation, Software};
use crate::program::{
    Begins, CLIENT, Error, Failure, Fault, Host, Limits, Network as Hosted, Outage, Program, Texts, Value, Wires,
};
use crate::report;
use crate::time::{Nanos, TICK, Time};
use crate::trace::{Moment, Outcome, Trace, What};
use crate::verdict::Verdict;

/// How many runs are made of a test on a network, and what may happen to its messages.
#[derive(Clone, Debug)]
pub struct Network {
    check: Check,
    latency: (Nanos, Nanos),
    loss: Option<Failure>,
    faults: Vec<(Named, Begins, Option<Nanos>)>,
    ticks: u64,
}

/// What fails, by names.
#[derive(Clone, Debug)]
enum Named {
    Partition(String, String),
    Hold(String, String),
    Crash(String),
}

/// The hosts of one run, beside the one on which the test itself runs, called `client`.
#[derive(Debug, Default)]
pub struct Hosts {
    software: Vec<Software>,
}

impl Hosts {
    /// A host, and what runs on it: made anew when it comes back after a crash.
    pub fn host<M, F>(&mut self, name: impl Into<String>, make: M)
    where
        M: Fn() -> F + 'static,
        F: Future<Output = turmoil::Result> + 'static,
    {
        let make = Box::new(move || -> crate::network::Running { Box::pin(make()) });
        self.software.push(Software { name: name.into(), port: None, make });
    }
}

impl Default for Network {
    fn default() -> Network {
        Network::new()
    }
}

impl Network {
    /// 1,000 runs, with messages that take one millisecond and never fail, for at most a virtual minute each.
    pub fn new() -> Network {
        Network {
            check: Check::new().runs(1_000),
            latency: (TICK, TICK),
            loss: None,
            faults: Vec::new(),
            ticks: 60_000,
        }
    }

    /// Of which test it is. Without a name it is that of the thread, which `cargo test` calls after the test.
    pub fn name(self, name: impl Into<String>) -> Network {
        Network { check: self.check.name(name), ..self }
    }

    /// How many runs are made: half of them for single faults, if there are so many, and the others from seeds.
    pub fn runs(self, runs: u64) -> Network {
        Network { check: self.check.runs(runs), ..self }
    }

    /// How a seed becomes choices.
    pub fn sampler(self, sampler: Sampler) -> Network {
        Network { check: self.check.sampler(sampler), ..self }
    }

    /// On how many threads runs are made. What is found does not depend on it.
    pub fn jobs(self, jobs: NonZero<usize>) -> Network {
        Network { check: self.check.jobs(jobs), ..self }
    }

    /// How long a message travels, in whole milliseconds, at least one: a range that is chosen from for each.
    pub fn latency(self, range: RangeInclusive<Duration>) -> Network {
        let (least, most) = (nanos(*range.start()).max(TICK), nanos(*range.end()).max(TICK));
        Network { latency: (least, most.max(least)), ..self }
    }

    /// How often a seed lets a message be lost, in percent, and how many may be in a run.
    pub fn loss(self, percent: f64, up_to: u32) -> Network {
        let per_million = (percent.clamp(0.0, 100.0) * 10_000.0) as u32;
        Network { loss: Some(Failure { per_million, up_to }), ..self }
    }

    /// At any time within a range, or never, a host may crash; it is back after `lasts`.
    pub fn crash(self, host: &str, within: RangeInclusive<Duration>, lasts: Duration) -> Network {
        self.fault(Named::Crash(host.to_owned()), within, lasts)
    }

    /// At any time within a range, or never, a link may lose everything, for `lasts`.
    pub fn partition(self, a: &str, b: &str, within: RangeInclusive<Duration>, lasts: Duration) -> Network {
        self.fault(Named::Partition(a.to_owned(), b.to_owned()), within, lasts)
    }

    /// At any time within a range, or never, a link may hold everything back, for `lasts`.
    pub fn hold(self, a: &str, b: &str, within: RangeInclusive<Duration>, lasts: Duration) -> Network {
        self.fault(Named::Hold(a.to_owned(), b.to_owned()), within, lasts)
    }

    fn fault(mut self, named: Named, within: RangeInclusive<Duration>, lasts: Duration) -> Network {
        let begins = Begins::Within(nanos(*within.start()), nanos(*within.end()));
        self.faults.push((named, begins, Some(nanos(lasts))));
        self
    }

    /// After how much virtual time a run is given up. Each millisecond of it is made, because nobody knows the timers of
    /// the hosts: a virtual hour takes seconds.
    pub fn at_most(self, time: Duration) -> Network {
        Network { ticks: nanos(time).0 / TICK.0, ..self }
    }

    /// Makes the runs, and fails if one of them does. With `ATROPOS_REPLAY` set to a token of this test, makes the run of
    /// that token alone.
    ///
    /// # Panics
    ///
    /// If a run fails; the message is the story of that run. If a fault names a host that there is not.
    #[track_caller]
    pub fn run<T, F>(self, test: T)
    where
        T: Fn(&mut Hosts) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        let check = self.check.clone().called_from(Location::caller());
        let found = match super::replay::wanted(&check) {
            Some(token) => {
                let experiment = Networked::new(Arc::new(test), &self);
                super::replay::replay(&experiment, &token, &|told| telling::failed(&experiment, &check, told))
            }
            None => Network { check: check.widened(), ..self }.find(test),
        };
        found.or_panic();
    }

    /// Makes the runs, and gives back what was found instead of failing.
    ///
    /// # Panics
    ///
    /// If a fault names a host that there is not.
    #[track_caller]
    pub fn find<T, F>(self, test: T) -> Found
    where
        T: Fn(&mut Hosts) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        let check = self.check.clone().called_from(Location::caller());
        let experiment = Networked::new(Arc::new(test), &self);
        let mut search = Search::new(experiment, None, &check.plan(), &mut |_| true);
        let failures =
            search.told.iter().map(|told| telling::failed(&search.experiment, &check, told.clone())).collect();
        let mut covered = report::explored(&search.experiment.program(), &search.covered(None), false);
        let ticks = search.experiment.made.load(Ordering::Relaxed);
        covered.push_str(&report::ticks_made(ticks));
        Found { runs: search.explored.runs, failures, covered }
    }
}

fn nanos(length: Duration) -> Nanos {
    Nanos(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
}

/// Makes the hosts of a run, and what runs on the test's own.
type Make = dyn Fn(&mut Hosts, Rc<Told>) -> Body + Send + Sync;

/// A test on a network as an experiment.
struct Networked {
    make: Box<Make>,
    names: Registry,
    network: Hosted,
    ticks: u64,
    /// How many ticks all runs together have made.
    made: AtomicU64,
    /// The program as it was known last.
    program: Mutex<Arc<Program>>,
}

/// What one run tells beside its messages.
struct Told {
    recording: Recording,
    end: Cell<Option<Outcome>>,
    texts: RefCell<Texts>,
    /// What the test returned, if that was an error.
    problem: RefCell<Option<String>>,
}

impl Networked {
    fn new<T, F>(test: Arc<T>, settings: &Network) -> Networked
    where
        T: Fn(&mut Hosts) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        let make = move |hosts: &mut Hosts, told: Rc<Told>| {
            let client = test(hosts);
            Body::new(move || live(client, told))
        };
        // Which hosts there are, only the test knows.
        let mut hosts = Hosts::default();
        drop(make(&mut hosts, Rc::new(Told::new(Box::new(crate::choice::Ordinary)))));
        let names: Vec<String> = hosts.software.iter().map(|software| software.name.clone()).collect();
        let host = |name: String| Host { name, port: 0, answers: Vec::new(), too_many: None };
        let mut network = Hosted { hosts: names.into_iter().map(host).collect(), wires: Wires::default() };
        let id = |name: &str| match name {
            CLIENT => HostId::CLIENT,
            name => network.find(name).unwrap_or_else(|| panic!("there is no host `{name}` in this test")),
        };
        let outages = settings.faults.iter().map(|(named, begins, lasts)| {
            let what = match named {
                Named::Partition(a, b) => Fault::Partition(id(a), id(b)),
                Named::Hold(a, b) => Fault::Hold(id(a), id(b)),
                Named::Crash(host) => Fault::Crash(id(host)),
            };
            Outage { what, begins: *begins, lasts: *lasts }
        });
        let outages = outages.collect();
        network.wires = Wires { latency: settings.latency, links: Vec::new(), loss: settings.loss, outages };
        let names = Registry::default();
        let program = Mutex::new(Arc::new(program(&names, &network, settings.ticks)));
        Networked { make: Box::new(make), names, network, ticks: settings.ticks, made: AtomicU64::new(0), program }
    }

    fn make_run(&self) -> Trace {
        let told = Rc::new(Told::new(Box::new(Lent)));
        let main = What::Created { task: TaskId::MAIN, by: TaskId::MAIN, instance: InstanceId::MAIN };
        told.recording.record(Time::ZERO, main);
        told.recording.record(Time::ZERO, What::Started { task: TaskId::MAIN });
        let mut hosts = Hosts::default();
        let body = (self.make)(&mut hosts, told.clone());
        let simulation = Simulation::of(hosts.software, self.network.wires.clone(), told.recording.clone(), self.ticks);
        let failed = match catch_unwind(AssertUnwindSafe(|| simulation.run(body))) {
            Ok(Ok(cost)) => {
                self.made.fetch_add(cost.ticks, Ordering::Relaxed);
                None
            }
            Ok(Err(error)) => Some(("a host".to_owned(), error.to_string())),
            Err(_) => panics::take().pop().map(|panic| (panic.place, panic.message)),
        };
        let returned = || told.problem.take().map(|problem| (RETURNED.to_owned(), problem));
        let outcome = match failed.or_else(returned) {
            Some((place, message)) => {
                let message = Some(told.texts.borrow_mut().intern(&message));
                let error = Error { ty: self.names.panic(&place), message };
                told.recording.record(Time::ZERO, What::Failed { task: TaskId::MAIN, error });
                Outcome::Failed(error)
            }
            None => told.end.get().unwrap_or(Outcome::OutOfSteps),
        };
        told.recording.trace(outcome, &told.texts.borrow())
    }
}

impl Told {
    fn new(choices: Box<dyn Choices>) -> Told {
        let recording = Recording::new(choices);
        Told { recording, end: Cell::default(), texts: RefCell::default(), problem: RefCell::default() }
    }
}

/// Runs the test on its host, and notes what it came to.
async fn live<F: Future>(client: F, told: Rc<Told>)
where
    F::Output: Ending,
{
    #[expect(clippy::disallowed_methods, reason = "a body runs on a paused clock")]
    let now = tokio::time::Instant::now;
    let begun = now();
    tokio::select! {
        biased;
        ended = client => match ended.problem() {
            None => {
                let finished = What::Finished { task: TaskId::MAIN, value: Value::None };
                told.recording.record(Time::ZERO + nanos(now() - begun), finished);
                told.end.set(Some(Outcome::Finished(Value::None)));
            }
            // It is told once the last messages have come.
            Some(problem) => *told.problem.borrow_mut() = Some(problem),
        },
        outcome = told.recording.given_up() => told.end.set(Some(outcome)),
    }
}

fn program(names: &Registry, network: &Hosted, ticks: u64) -> Program {
    let limits = Limits { steps: ticks, turns_at_one_instant: 0 };
    Program { network: Some(network.clone()), ..names.program(Vec::new(), limits) }
}

impl Experiment for Networked {
    fn program(&self) -> Arc<Program> {
        let mut known = self.program.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !self.names.is_known(&known) {
            *known = Arc::new(program(&self.names, &self.network, self.ticks));
        }
        known.clone()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        Box::new(Runs { experiment: self, judge: judge::Futures::default(), verdict: Verdict::default(), trace: None })
    }
}

impl fmt::Debug for Networked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Networked").field("network", &self.network).finish_non_exhaustive()
    }
}

struct Runs<'a> {
    experiment: &'a Networked,
    judge: judge::Futures,
    verdict: Verdict,
    trace: Option<Trace>,
}

impl Run for Runs<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        let trace = panics::quietly(|| lend(choices, || self.experiment.make_run()));
        self.judge.reset();
        trace.iter().for_each(|moment| self.judge.see(moment));
        self.verdict = self.judge.end(trace.outcome);
        let ran = Ran {
            fingerprint: trace.fingerprint(),
            order: trace.order(),
            outcome: trace.outcome,
            tally: self.judge.tally(),
            is_good: self.verdict.is_good(),
        };
        self.trace = Some(trace);
        ran
    }

    fn trace(&self) -> Trace {
        self.trace.clone().expect("a run was made")
    }

    fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.trace.iter().flat_map(Trace::iter).for_each(see);
    }

    fn openings(&mut self, choices: &mut dyn Choices, _: usize) -> Openings {
        self.run(choices);
        Openings::default()
    }
}
