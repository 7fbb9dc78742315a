//! What a main program in Rust is given: the scenario's coroutines, its parameters, and somewhere to print.
//!
//! [`JoinHandle`] and [`JoinSet`] are tokio's, with tokio's names, shapes and behaviour, in a thin coat that records what
//! is spawned and aborted.
//!
//! Knows nothing of what the main program does with it.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_util::future::abortable;
use tokio::task::JoinError;
use tokio::time::Duration;
use tokio::time::error::Elapsed;

use super::shared::Shared;
use super::task::{out_of_steps, sleep};
use crate::id::{FutureId, InstanceId, TaskId};
use crate::program::{Error, Value, display};
use crate::time::Nanos;
use crate::trace::{Requester, What};

/// Where a main program in Rust stands.
#[derive(Clone)]
pub struct Stage {
    shared: Rc<Shared>,
}

/// One of the scenario's coroutines.
#[derive(Debug)]
pub struct Coroutine(InstanceId);

/// An error of a coroutine, which shows what it says, or the fate of a task that was aborted.
#[derive(Clone, Debug)]
pub struct Exception {
    pub(super) error: Error,
    shown: String,
}

/// tokio's join handle: awaited it gives what the task returned, dropped it lets the task go on.
pub struct JoinHandle {
    stage: Stage,
    name: String,
    host: Option<String>,
    future: FutureId,
    handle: tokio::task::JoinHandle<Result<Value, Error>>,
}

/// tokio's join set: it aborts what is left in it when it is dropped.
pub struct JoinSet {
    stage: Stage,
    futures: Vec<FutureId>,
    set: tokio::task::JoinSet<Result<Value, Error>>,
}

/// A coroutine's future, to be polled or dropped.
pub type Work = Pin<Box<dyn Future<Output = Result<Value, Exception>>>>;

impl Stage {
    pub(super) fn new(shared: Rc<Shared>) -> Stage {
        Stage { shared }
    }

    /// Every coroutine of the file, in its order.
    pub fn coroutines(&self) -> Vec<Coroutine> {
        (1..self.shared.program.instances.len() as u32).map(|at| Coroutine(InstanceId(at))).collect()
    }

    /// Makes a task of a coroutine.
    pub fn spawn(&self, coroutine: Coroutine) -> JoinHandle {
        let (who, task) = self.shared.create(coroutine.0, TaskId::MAIN);
        let handle = self.shared.spawner.spawn(Some(who), Box::pin(task.run()));
        let abort = handle.abort_handle();
        self.shared.can_be_aborted(who.future, Box::new(move || abort.abort()));
        let name = self.shared.program.name(coroutine.0).to_owned();
        let host = self.shared.program.host_of(coroutine.0).map(str::to_owned);
        JoinHandle { stage: self.clone(), name, host, future: who.future, handle }
    }

    /// A coroutine as a future that is polled by whoever awaits it, and dropped with it. It can be aborted all the same: then
    /// it alone is dropped.
    pub fn run(&self, coroutine: Coroutine) -> impl Future<Output = Result<Value, Exception>> + use<> {
        let (who, task) = self.shared.create(coroutine.0, TaskId::MAIN);
        let (work, abort) = abortable(task.run());
        self.shared.can_be_aborted(who.future, Box::new(move || abort.abort()));
        let stage = self.clone();
        async move { stage.outcome(work.await.unwrap_or(Err(Error::cancelled(None)))) }
    }

    /// A set without tasks.
    pub fn join_set(&self) -> JoinSet {
        JoinSet { stage: self.clone(), futures: Vec::new(), set: tokio::task::JoinSet::new() }
    }

    /// A line of output.
    pub fn print(&self, text: impl AsRef<str>) {
        let text = self.shared.memory().texts().intern(text.as_ref());
        self.shared.record(What::Printed { task: TaskId::MAIN, text });
    }

    /// The strategy's parameter of this name, or nothing at all if it has none.
    pub fn parameter(&self, name: &str) -> Duration {
        let parameters = &self.shared.program.parameters;
        let found = parameters.iter().find(|(known, _)| known == name);
        Duration::from_nanos(found.map_or(0, |(_, length)| length.0))
    }

    /// `tokio::time::sleep`.
    pub async fn sleep(&self, length: Duration) {
        self.take_step().await;
        let length = nanos(length);
        _ = sleep(&self.shared, TaskId::MAIN, length, length).await;
    }

    /// `tokio::time::timeout`.
    ///
    /// # Errors
    ///
    /// If `length` has passed first.
    pub async fn timeout<F: Future>(&self, length: Duration, future: F) -> Result<F::Output, Elapsed> {
        self.take_step().await;
        let _timer = self.shared.timer(self.shared.now() + nanos(length));
        tokio::time::timeout(length, future).await
    }

    /// A loop of waits in Rust ends at the limit of steps like one in the step language.
    async fn take_step(&self) {
        if !self.shared.memory().take_step() {
            out_of_steps(&self.shared).await
        }
    }

    fn outcome(&self, result: Result<Value, Error>) -> Result<Value, Exception> {
        result.map_err(|error| {
            let mut shown = String::new();
            display(&self.shared.program, &self.shared.running(TaskId::MAIN), Value::Error(error), &mut shown);
            Exception { error, shown }
        })
    }

    fn abort(&self, future: FutureId) {
        self.shared.abort(future, Requester::Task(TaskId::MAIN));
    }
}

fn nanos(length: Duration) -> Nanos {
    Nanos(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX))
}

impl JoinHandle {
    /// What the scenario calls the task.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host that the task asks first; nothing if it asks none.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The status of the last answer that the task got.
    pub fn status(&self) -> Option<u16> {
        self.stage.shared.memory().status(self.future)
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Marks the task: tokio drops it instead of polling it again.
    pub fn abort(&self) {
        self.stage.abort(self.future);
    }
}

impl Future for JoinHandle {
    type Output = Result<Result<Value, Exception>, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let joined = ready!(Pin::new(&mut self.handle).poll(context));
        Poll::Ready(joined.map(|result| self.stage.outcome(result)))
    }
}

impl JoinSet {
    /// Makes a task of a coroutine and keeps it in the set.
    pub fn spawn(&mut self, coroutine: Coroutine) {
        self.spawn_with(coroutine, |work| work);
    }

    /// The same for a task that does something with the coroutine's future, and may drop it.
    pub fn spawn_with<F>(&mut self, coroutine: Coroutine, make: impl FnOnce(Work) -> F)
    where
        F: Future<Output = Result<Value, Exception>> + 'static,
    {
        let (who, task) = self.stage.shared.create(coroutine.0, TaskId::MAIN);
        let stage = self.stage.clone();
        let whole = make(Box::pin(async move { stage.outcome(task.run().await) }));
        let whole = Box::pin(async move { whole.await.map_err(|exception| exception.error) });
        let abort = self.stage.shared.spawner.spawn_in(&mut self.set, who, whole);
        self.stage.shared.can_be_aborted(who.future, Box::new(move || abort.abort()));
        self.futures.push(who.future);
    }

    /// The next task that has ended, or nothing once the set is empty. Dropping it half way loses no task.
    pub async fn join_next(&mut self) -> Option<Result<Result<Value, Exception>, JoinError>> {
        let joined = self.set.join_next().await?;
        Some(joined.map(|result| self.stage.outcome(result)))
    }

    /// Whether every task was joined.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Aborts every task that has not ended.
    pub fn abort_all(&mut self) {
        let pending = self.futures.iter().filter(|&&future| !self.stage.shared.is_done(future));
        pending.for_each(|&future| self.stage.abort(future));
        self.set.abort_all();
    }

    /// Aborts every task and waits until all have been dropped.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        self.set.shutdown().await;
    }
}

impl Exception {
    /// Whether a task was aborted, rather than that it failed.
    pub fn is_cancelled(&self) -> bool {
        self.error.is_cancelled()
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// So that `handle.await??` is whatever went wrong.
impl From<JoinError> for Exception {
    fn from(error: JoinError) -> Exception {
        match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Exception { error: Error::cancelled(None), shown: "the task was cancelled".to_owned() },
        }
    }
}
