//! A [`Program`] as real tokio tasks, on tokio's own scheduler and its paused clock.
//!
//! The steps are the same as on the event loop; what waiting and cancelling mean is tokio's. `cancel` is an abort: the
//! task is dropped where it awaits, and no line of it runs any more. A program whose strategy has a twin in Rust runs
//! that twin as its main. `differences.md` tells what a scenario sees of all this.
//!
//! There are no turns here, so every event has turn 0, and only time moves. The order is that of whoever makes the tasks:
//! tokio's own, always the same, or one that is asked for.
//!
//! Knows nothing of files, of asyncio's event loop, or of simulated networks.

mod cut;
mod get;
mod shared;
mod stage;
mod strategies;
mod task;

use std::rc::Rc;
use std::sync::Arc;

use tokio::task::LocalSet;
use tokio::time::Duration;

use crate::body::{self, Body, Http, InOrder, Recording, Spawner};
use crate::choice::Choices;
use crate::machine::Openings;
use crate::program::{Error, Program, Value};
use crate::time::Time;
use crate::trace::{Outcome, Requester, Trace};

use shared::Shared;

/// What a program does here that it does not do on the event loop, as Markdown.
///
#[doc = include_str!("differences.md")]
pub const DIFFERENCES: &str = include_str!("differences.md");

/// A strategy as a Rust programmer would write it, to be read beside its Python twin.
///
/// ```
/// let rust = atropos::tokio_program::source("cancel-each-task").unwrap();
/// assert!(rust.contains("handle.abort()"));
/// ```
pub fn source(strategy: &str) -> Option<&'static str> {
    strategies::find(strategy).map(|strategy| strategy.source)
}

/// Takes the steps out of a main that runs as Rust here, so that nobody looks for a task in one of them.
pub fn leave_to_rust(program: &mut Program) {
    let is_rust = program.strategy.as_deref().and_then(strategies::find).is_some();
    if let Some(main) = program.bodies.first_mut().filter(|_| is_rust) {
        main.ops.drain(..main.ops.len().saturating_sub(1));
    }
}

/// Runs a program to its end, by tokio alone.
///
/// # Panics
///
/// If the program is one that only asyncio can run, or if the operating system has nothing left to make a runtime of.
pub fn run(program: Arc<Program>, choices: Box<dyn Choices>) -> Trace {
    let (body, run) = body(program, choices);
    LocalSet::new().block_on(&body::runtime(), async { body.into_future().await });
    run.trace()
}

/// The program as a root future that somebody else polls, and where its trace is afterwards.
///
/// A root that is dropped before its end has run out of steps.
pub fn body(program: Arc<Program>, choices: Box<dyn Choices>) -> (Body, Run) {
    of(Shared::new(program, Recording::new(choices), None, Rc::new(InOrder)))
}

/// The same for tasks that come from `spawner`.
pub fn spawned_by(program: Arc<Program>, choices: Box<dyn Choices>, spawner: Rc<dyn Spawner>) -> (Body, Run) {
    of(Shared::new(program, Recording::new(choices), None, spawner))
}

/// The same for a program on a network: others take part in its run, and whoever drives it says through the recording
/// when nothing is left to happen. Its tasks come from `spawner`.
pub fn on_network(
    program: Arc<Program>,
    recording: Recording,
    http: Rc<dyn Http>,
    spawner: Rc<dyn Spawner>,
) -> (Body, Run) {
    of(Shared::new(program, recording, Some(http), spawner))
}

fn of(shared: Rc<Shared>) -> (Body, Run) {
    let root = Root(shared.clone());
    (Body::of_guest(shared.clone(), move || root.run()), Run { shared })
}

/// A program that was made into a body.
pub struct Run {
    shared: Rc<Shared>,
}

impl Run {
    /// What happened.
    ///
    /// # Panics
    ///
    /// If the body is still there and has not been polled to its end.
    pub fn trace(&self) -> Trace {
        self.shared.trace()
    }

    /// Before it runs: whoever polls it tells of every moment between two polls, and where it could be cut there is to be
    /// listed; of more than `most` places, the first.
    pub fn list_openings(&self, most: usize) {
        self.shared.listed.set(Some(most));
    }

    /// Where the run could have been cut: where that was listed, or else, on a network, each place a millisecond of a wait;
    /// of more than `most`, the first.
    ///
    /// # Panics
    ///
    /// As above.
    pub fn openings(&self, most: usize) -> Openings {
        if let Some(cutter) = &mut *self.shared.cutter.borrow_mut() {
            return cutter.openings(&self.shared);
        }
        let end = self.trace().tally().ended;
        cut::openings(&self.shared.program.cuts, &self.shared.tasks(), &self.shared.spells(), end, most)
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Run")
    }
}

/// What starts main and sees how the run ends. Main is a task like the others, so it can be aborted like the others.
struct Root(Rc<Shared>);

impl Drop for Root {
    fn drop(&mut self) {
        self.0.end(Outcome::OutOfSteps);
    }
}

impl Root {
    async fn run(self) {
        let shared = &self.0;
        shared.begin();
        shared.plan_cuts();
        // Its timers come before those of the program, as those of a `call_later` before `run()`.
        let cancels = shared.spawner.spawn(None, Box::pin(cancel_from_outside(shared.clone())));
        // On a network a cut comes at a tick; elsewhere it is made between two polls.
        let cuts =
            shared.program.network.as_ref().map(|_| shared.spawner.spawn(None, Box::pin(cut::make(shared.clone()))));
        shared.start_main();
        tokio::select! {
            biased;
            () = shared.ended() => {}
            outcome = shared.recording.given_up() => shared.end(outcome),
            () = watch_for_deadlock(shared), if shared.http.is_none() && !shared.is_told_moments() => shared.end(Outcome::Deadlocked),
        }
        cancels.abort();
        cuts.inspect(|cuts| cuts.abort());
    }
}

/// The scenario's cancellations at a virtual time, in the order of their times, then of the file.
async fn cancel_from_outside(shared: Rc<Shared>) -> Result<Value, Error> {
    let mut cancels = shared.program.outside_cancels.clone();
    cancels.sort_by_key(|cancel| cancel.at);
    for cancel in cancels {
        shared.sleep_until(Time::ZERO + cancel.at).await;
        shared.abort_newest(cancel.victim, Requester::Outside);
    }
    Ok(Value::None)
}

/// Returns once every task waits for another one.
///
/// tokio moves its paused clock only when nothing is ready. So if no timer of the program is pending, and none was made
/// until the clock has moved once more, nothing is left to happen. The watch doubles its interval: a program that sleeps
/// for centuries is disturbed some forty times, and where each virtual millisecond costs something, a deadlock is found
/// after as much virtual time again as the program took.
async fn watch_for_deadlock(shared: &Shared) {
    let mut interval = Duration::from_secs(1);
    loop {
        tokio::time::sleep(interval).await;
        let before = shared.recording.timers();
        if before.next.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if shared.recording.timers() == before {
                return;
            }
        }
        interval = interval.saturating_mul(2);
    }
}
