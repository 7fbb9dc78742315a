//! A body and the hosts that it talks to, in one simulated network on turmoil.
//!
//! Each host has a tokio runtime of its own, on a paused clock that turmoil moves one [`TICK`] at a time. Everything that
//! turmoil would draw is fixed: one seed, one epoch, no loss of its own, no host before its turn. All of its links are held,
//! so that no message moves by itself; how long each travels, which of two comes first, which is lost and what fails when
//! is asked through the run's [`Recording`], and turmoil is told what to deliver.
//!
//! A tick goes like this:
//!
//! 1. what fails in it, or is over, does so;
//! 2. the messages that are due are delivered, each recorded;
//! 3. turmoil lets every host run until nothing in it is ready;
//! 4. what the hosts have sent is recorded, and asked how long it will travel.
//!
//! Where all timers are known, ticks in which nothing can happen are not made: every clock is moved over them at once.
//! When nothing is left to happen at all, the run is told that it is deadlocked.
//!
//! What turmoil decides, and nobody is asked: a connection is there as soon as the wish for it has arrived, without a way
//! back; hosts run in the order in which they were named, the tasks' own last. Within one host the order is that of whoever
//! polls there: of handlers here it is tokio's own.
//!
//! turmoil reports through `tracing`, and nobody here subscribes, so it prints nothing.
//!
//! Knows nothing of what the body does, or of the step language.

mod client;
mod clock;
mod outages;
mod server;
mod wires;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;

use tokio::time::Duration;

use crate::body::{Body, Http, Recording};
use crate::id::HostId;
use crate::program::{CLIENT, Network, Wires};
use crate::time::{TICK, Time};
use crate::trace::Outcome;

use client::Client;
use clock::Clock;
use outages::Outages;
use wires::Messages;

/// How many ticks the run of a program may make, those that are skipped not counted: a virtual hour.
pub const TICKS_MAX: u64 = 3_600_000;

/// What runs on a host: made anew whenever the host is started.
pub struct Software {
    /// What others call the host.
    pub name: String,
    /// The port on which it listens, if that is known and the only one.
    pub port: Option<u16>,
    /// Makes it.
    pub make: Box<dyn Fn() -> Running>,
}

/// The software of a host, as it runs.
pub type Running = Pin<Box<dyn Future<Output = turmoil::Result>>>;

/// A network before its run.
pub struct Simulation {
    recording: Recording,
    wires: Wires,
    hosts: Vec<Software>,
    clock: Rc<Clock>,
    client: Rc<Client>,
    /// Whether every timer of the run is in the recording.
    knows_timers: bool,
    /// How many ticks it may make.
    ticks_max: u64,
}

/// What a run cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many ticks were made.
    pub ticks: u64,
    /// How many were skipped, because nothing could happen in them.
    pub skipped: u64,
}

impl Simulation {
    /// The hosts of a program, which answer HTTP; nobody else, if it has none.
    pub fn new(network: Option<&Network>, recording: Recording) -> Simulation {
        let (clock, client) = (Rc::new(Clock::default()), Rc::new(Client::default()));
        let hosts = network.map(|network| network.hosts.as_slice()).unwrap_or_default();
        let hosts = (1..)
            .map(HostId)
            .zip(hosts)
            .map(|(id, host)| server::software(id, host, server::Around::new(&recording, &client)));
        let wires = network.map(|network| network.wires.clone()).unwrap_or_default();
        Simulation { hosts: hosts.collect(), recording, wires, clock, client, knows_timers: true, ticks_max: TICKS_MAX }
    }

    /// Hosts with software of anybody's. Nobody knows their timers, so no tick is skipped, and a body that has not ended
    /// after `ticks_max` of them is told that it is out of steps.
    pub fn of(hosts: Vec<Software>, wires: Wires, recording: Recording, ticks_max: u64) -> Simulation {
        let (clock, client) = (Rc::new(Clock::default()), Rc::new(Client::default()));
        Simulation { recording, wires, hosts, clock, client, knows_timers: false, ticks_max }
    }

    /// How the body reaches the hosts.
    pub fn http(&self) -> Rc<dyn Http> {
        self.client.clone()
    }

    /// Runs a body on a host of its own until it has ended and the last messages have arrived. A body that will never end
    /// is told so through the recording.
    ///
    /// # Errors
    ///
    /// If the software of a host fails.
    ///
    /// # Panics
    ///
    /// If the body or the software of a host panics.
    pub fn run(self, body: Body) -> Result<Cost, Box<dyn std::error::Error>> {
        Driver::new(self, body).run()
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation").field("wires", &self.wires).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Software {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Software").field("name", &self.name).field("port", &self.port).finish_non_exhaustive()
    }
}

/// A network in its run.
struct Driver {
    sim: turmoil::Sim<'static>,
    recording: Recording,
    clock: Rc<Clock>,
    has_ended: Rc<Cell<bool>>,
    messages: Messages,
    outages: Outages,
    knows_timers: bool,
    ticks_max: u64,
    /// The tick that comes next.
    tick: u64,
    cost: Cost,
}

impl Driver {
    fn new(simulation: Simulation, body: Body) -> Driver {
        let Simulation { recording, wires, hosts, clock, client, knows_timers, ticks_max } = simulation;
        let mut sim = turmoil::Builder::new()
            .rng_seed(0)
            .epoch(epoch())
            .tick_duration(Duration::from_nanos(TICK.0))
            .min_message_latency(Duration::from_nanos(TICK.0))
            .max_message_latency(Duration::from_nanos(TICK.0))
            .fail_rate(0.0)
            .tcp_capacity(1 << 16)
            .udp_capacity(1 << 16)
            .simulation_duration(Duration::MAX)
            .build();
        let mut names: Vec<String> = vec![CLIENT.to_owned()];
        let mut ports = vec![None];
        for Software { name, port, make } in hosts {
            let clock = clock.clone();
            sim.host(name.as_str(), move || {
                tokio::task::spawn_local(clock.clone().follow());
                make()
            });
            names.push(name);
            ports.push(port);
        }
        let has_ended = Rc::new(Cell::new(false));
        sim.client(CLIENT, {
            let (has_ended, clock) = (has_ended.clone(), clock.clone());
            async move {
                tokio::task::spawn_local(clock.follow());
                body.into_future().await;
                has_ended.set(true);
                // The host stays, so that what comes to it late finds somebody.
                std::future::pending().await
            }
        });
        let outages = Outages::new(&wires.outages, &recording);
        let messages = Messages::new(&sim, &names, &ports, wires, recording.clone(), client);
        let cost = Cost::default();
        Driver { sim, recording, clock, has_ended, messages, outages, knows_timers, ticks_max, tick: 0, cost }
    }

    fn run(mut self) -> Result<Cost, Box<dyn std::error::Error>> {
        while !self.has_ended.get() {
            let was_busy = self.make_tick()?;
            if self.has_ended.get() {
                break;
            }
            if self.cost.ticks >= self.ticks_max {
                self.give_up(Outcome::OutOfSteps)?;
            } else if self.knows_timers && !was_busy {
                match self.next() {
                    Some(next) => self.jump(next)?,
                    None => self.give_up(Outcome::Deadlocked)?,
                }
            }
        }
        if self.recording.is_closed() {
            return Ok(self.cost);
        }
        let latest = self.tick + self.messages.longest_latency() * 4;
        while let Some(next) = self.messages.next().filter(|&next| next <= latest) {
            if self.knows_timers {
                self.jump(next)?;
            }
            self.make_tick()?;
        }
        // What is dropped with the simulation is dropped outside of every run.
        self.recording.close();
        Ok(self.cost)
    }

    /// Makes the next tick; whether anything happened in it.
    fn make_tick(&mut self) -> Result<bool, Box<dyn std::error::Error>> {
        let tick = self.tick;
        let now = time_of(tick);
        self.recording.set_now(now);
        let before = self.recording.timers();
        let fails = self.outages.apply(tick, &mut self.sim, &mut self.messages, &self.recording);
        let delivered = self.messages.deliver(tick, &self.sim);
        self.step()?;
        let sent = self.messages.collect(tick, &self.sim);
        let was_due = before.next.is_some_and(|due| due <= now);
        self.tick += 1;
        Ok(tick == 0 || fails || delivered || sent || was_due || before.made != self.recording.timers().made)
    }

    /// The next tick in which something can happen; nothing if nothing can.
    fn next(&self) -> Option<u64> {
        let timer = self.recording.timers().next.map(|due| due.0.div_ceil(TICK.0));
        [timer, self.messages.next(), self.outages.next()].into_iter().flatten().min()
    }

    /// Moves every clock on to a tick. Nothing happens on the way.
    fn jump(&mut self, to: u64) -> Result<(), Box<dyn std::error::Error>> {
        let Some(ticks) = to.checked_sub(self.tick).filter(|&ticks| ticks > 0) else { return Ok(()) };
        self.recording.set_now(time_of(to));
        self.clock.jump(Duration::from_nanos(ticks * TICK.0));
        self.step()?;
        self.cost.skipped += ticks - 1;
        self.tick = to;
        Ok(())
    }

    /// The body ends here, and drops its tasks where there still is a runtime. What that leads to is no part of the run.
    fn give_up(&mut self, outcome: Outcome) -> Result<(), Box<dyn std::error::Error>> {
        self.recording.give_up(outcome);
        self.recording.close();
        self.make_tick()?;
        self.has_ended.set(true);
        Ok(())
    }

    fn step(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        self.cost.ticks += 1;
        match self.sim.step() {
            Ok(_) => Ok(()),
            Err(error) => match error.downcast::<tokio::task::JoinError>() {
                Ok(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => Err(error.into()),
                },
                Err(error) => Err(error),
            },
        }
    }
}

/// When a tick begins.
fn time_of(tick: u64) -> Time {
    Time(tick * TICK.0)
}

/// When the simulation begins, for whoever asks turmoil.
#[expect(clippy::disallowed_types, reason = "turmoil wants one, and this one is a constant")]
const fn epoch() -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH
}
