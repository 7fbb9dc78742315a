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
//! On each host tasks that are spawned through [`atropos::tokio`](crate::tokio) are polled in any order, as in
//! [`check`](super::check), and [`Sim::here`] is the run that all of them are in: `Sim::here().cut(…)` may be dropped at
//! any await. What is spawned past it, by a library, keeps tokio's order.
//!
//! Knows nothing of what the hosts do.

use std::cell::Cell;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::experiment::{Made, Subject, whole};
use super::{Check, Ending, Found, replay};
use crate::body::{Body, Recording};
#[cfg(doc)]
use crate::check::Sim;
use crate::choice::{Choices, Lent};
use crate::executor::{self, Registry, Setting, Tasks, panics};
use crate::explore::Sampler;
use crate::id::HostId;
use crate::judge;
use crate::machine::Openings;
use crate::network::{Running, Simulation, Software};
use crate::program::{Begins, CLIENT, Failure, Fault, Host, Limits, Network as Hosted, Outage, Program, Wires};
use crate::report;
use crate::time::{Nanos, TICK};
use crate::trace::{Fingerprint, Moment, Outcome, Trace};

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
        let make = Box::new(move || -> Running { Box::pin(make()) });
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

    /// Of which test it is, as [`Check::name`] says it.
    pub fn name(self, name: impl Into<String>) -> Network {
        Network { check: self.check.name(name), ..self }
    }

    /// How many runs are made: half of them for single faults, if there are so many, and the others from seeds.
    pub fn runs(self, runs: u64) -> Network {
        Network { check: self.check.runs(runs), ..self }
    }

    /// How many cuts there may be in one run, of what is in [`Sim::cut`].
    pub fn cuts(self, cuts: u32) -> Network {
        Network { check: self.check.cuts(cuts), ..self }
    }

    /// Leaves tasks in tokio's own order.
    pub fn plain_order(self) -> Network {
        Network { check: self.check.plain_order(), ..self }
    }

    /// How a seed becomes choices.
    pub fn sampler(self, sampler: Sampler) -> Network {
        Network { check: self.check.sampler(sampler), ..self }
    }

    /// On how many threads runs are made. What is found does not depend on it.
    pub fn jobs(self, jobs: NonZero<usize>) -> Network {
        Network { check: self.check.jobs(jobs), ..self }
    }

    /// How long a message travels, in whole milliseconds, at least one: a range that is chosen from for each. Its two ends are
    /// tried for each message of the ordinary run, one at a time; what lies between is drawn.
    ///
    /// # Panics
    ///
    /// If the range ends before it begins.
    pub fn latency(self, range: RangeInclusive<Duration>) -> Network {
        let (from, to) = (*range.start(), *range.end());
        assert!(from <= to, "a latency from {from:?} to {to:?}: the shortest is longer than the longest");
        Network { latency: (nanos(from).max(TICK), nanos(to).max(TICK)), ..self }
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
        let (check, subject) = self.subject(test);
        check.run_as(subject, replay::test_name::<T>(), Location::caller());
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
        let (check, subject) = self.subject(test);
        check.called(replay::test_name::<T>().as_deref(), Location::caller()).explore(subject)
    }

    /// The test on its network, and how it is checked.
    fn subject<T, F>(self, test: T) -> (Check, Arc<dyn Subject>)
    where
        T: Fn(&mut Hosts) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Ending,
    {
        let test = Arc::new(test);
        let make = move |hosts: &mut Hosts| -> Client { Box::pin(whole(test(hosts))) };
        let network = self.hosted(&make);
        (self.check, Arc::new(Networked { make: Box::new(make), network, ticks: self.ticks, made: AtomicU64::new(0) }))
    }

    /// The hosts of a test, which only the test knows, and what may happen to their messages.
    fn hosted(&self, make: &Make) -> Hosted {
        let mut hosts = Hosts::default();
        drop(make(&mut hosts));
        for (at, Software { name, .. }) in hosts.software.iter().enumerate() {
            assert!(name != CLIENT, "a host cannot be called `client`: that is where the test itself runs");
            let is_first = hosts.software[..at].iter().all(|other| other.name != *name);
            assert!(is_first, "there are two hosts `{name}` in this test");
        }
        let host = |software: Software| Host { name: software.name, port: 0, answers: Vec::new(), too_many: None };
        let mut network = Hosted { hosts: hosts.software.into_iter().map(host).collect(), wires: Wires::default() };
        let id = |name: &str| match name {
            CLIENT => HostId::CLIENT,
            name => network.find(name).unwrap_or_else(|| panic!("there is no host `{name}` in this test")),
        };
        let outages = self.faults.iter().map(|(named, begins, lasts)| {
            let what = match named {
                Named::Partition(a, b) | Named::Hold(a, b) if a == b => panic!("`{a}` has no link with itself"),
                Named::Crash(host) if host == CLIENT => {
                    panic!("the test itself runs on `client`, which cannot crash: put what is to crash on a host")
                }
                Named::Partition(a, b) => Fault::Partition(id(a), id(b)),
                Named::Hold(a, b) => Fault::Hold(id(a), id(b)),
                Named::Crash(host) => Fault::Crash(id(host)),
            };
            Outage { what, begins: *begins, lasts: *lasts }
        });
        let outages = outages.collect();
        network.wires = Wires { latency: self.latency, links: Vec::new(), loss: self.loss, outages };
        network
    }
}

fn nanos(length: Duration) -> Nanos {
    Nanos(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
}

/// What runs on the test's own host.
type Client = Pin<Box<dyn Future<Output = ()>>>;

/// Makes the hosts of a run, and what runs on the test's own.
type Make = dyn Fn(&mut Hosts) -> Client + Send + Sync;

/// A test on a network.
struct Networked {
    make: Box<Make>,
    network: Hosted,
    ticks: u64,
    /// How many ticks all runs together have made.
    made: AtomicU64,
}

impl Subject for Networked {
    fn begin<'a>(&'a self, names: &Arc<Registry>, setting: &Setting, with_sites: bool) -> Box<dyn Made + 'a> {
        // The ticks bound a run here, and each of them may be full of polls.
        let limits = Limits { steps: u64::MAX / 2, ..setting.limits };
        let setting = Setting { limits, ..setting.clone() };
        Box::new(Runs { test: self, names: names.clone(), setting, with_sites, last: None })
    }

    fn program(&self, program: Program) -> Program {
        let limits = Limits { steps: self.ticks, ..program.limits };
        Program { network: Some(self.network.clone()), limits, ..program }
    }

    fn cost(&self) -> Option<String> {
        Some(report::ticks_made(self.made.load(Ordering::Relaxed)))
    }
}

struct Runs<'a> {
    test: &'a Networked,
    names: Arc<Registry>,
    setting: Setting,
    with_sites: bool,
    last: Option<Trace>,
}

impl Runs<'_> {
    fn make_run(&self, openings: Option<usize>) -> (Trace, Openings) {
        let recording = Recording::new(Box::new(Lent));
        let (names, setting) = (self.names.clone(), self.setting.clone());
        let tasks = Tasks::new(recording.clone(), names, setting, openings, self.with_sites);
        let mut hosts = Hosts::default();
        let main = tasks.main((self.test.make)(&mut hosts));
        let wires = self.test.network.wires.clone();
        let software = (1..).map(HostId).zip(hosts.software).map(|(id, software)| governed(software, tasks.host(id)));
        let simulation = Simulation::of(software.collect(), wires, recording.clone(), self.test.ticks);
        let given_up = Rc::new(Cell::new(Outcome::OutOfSteps));
        let told = given_up.clone();
        let body = Body::new(move || async move {
            tokio::select! {
                biased;
                () = main => {}
                outcome = recording.given_up() => told.set(outcome),
            }
        });
        match catch_unwind(AssertUnwindSafe(|| simulation.run(body))) {
            Ok(Ok(cost)) => _ = self.test.made.fetch_add(cost.ticks, Ordering::Relaxed),
            Ok(Err(error)) => tasks.fail(&format!("fails with a host: {error}")),
            // Of a panic of its software, the host's task has told.
            Err(_) => match panics::take().pop() {
                Some(panic) => tasks.panicked(&panic),
                None => tasks.fail("fails with a host, whose software panicked"),
            },
        }
        tasks.end(given_up.get())
    }
}

/// The software of a host with its tasks under our executor.
fn governed(software: Software, host: executor::Host) -> Software {
    let Software { name, port, make } = software;
    let root = name.clone();
    let make = move || -> Running {
        let (host, root, running) = (host.clone(), root.clone(), make());
        Box::pin(async move { host.run(&root, running).await? })
    };
    Software { name, port, make: Box::new(make) }
}

impl Made for Runs<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Outcome {
        let (trace, _) = executor::quietly(choices, self.with_sites, || self.make_run(None));
        self.last.insert(trace).outcome
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        let (trace, openings) = executor::quietly(choices, self.with_sites, || self.make_run(Some(most)));
        self.last = Some(trace);
        openings
    }

    fn trace(&self) -> Trace {
        self.last.clone().expect("a run was made")
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.last.iter().flat_map(Trace::iter).for_each(see);
    }

    fn show(&self, judge: &mut judge::Futures) {
        self.each(&mut |moment| judge.see(moment));
    }

    fn fingerprint_and_order(&self) -> (Fingerprint, u64) {
        let trace = self.last.as_ref().expect("a run was made");
        (trace.fingerprint(), trace.order())
    }
}
