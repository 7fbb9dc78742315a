//! The futures that tokio polls: a task that runs frames, and a gather.
//!
//! Either is dropped by tokio when it is aborted, and its `Drop` is the only thing that runs then; it records the end.
//!
//! Knows nothing of who spawned it.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::{join_all, try_join_all};

use super::get::get;
use super::shared::Shared;
use super::stage::Stage;
use super::strategies;
use crate::id::{FutureId, InstanceId, ListId, TaskId};
use crate::program::{Effects as _, Error, FutureState, IN_RUST, Next, ReturnWhen, Source, Value};
use crate::time::Nanos;
use crate::trace::{Outcome, Wake, What};

/// One task of the program.
pub(super) struct Task {
    shared: Rc<Shared>,
    task: TaskId,
    future: FutureId,
    instance: InstanceId,
}

/// Aborted, before it started or where it awaited. What it dropped with it, it dropped without a word.
impl Drop for Task {
    fn drop(&mut self) {
        if !self.shared.is_done(self.future) && !self.shared.has_ended() {
            let error = Error::cancelled(None);
            let what = What::Cancelled { task: self.task, message: None };
            self.shared.settle(self.future, FutureState::Cancelled, Err(error), what);
        }
    }
}

impl Task {
    pub(super) fn new(shared: Rc<Shared>, task: TaskId, future: FutureId, instance: InstanceId) -> Task {
        Task { shared, task, future, instance }
    }

    /// The whole life of the task. An error that it lets out is a failure, even a `CancelledError`: only who is dropped
    /// was cancelled.
    pub(super) async fn run(self) -> Result<Value, Error> {
        let task = self.task;
        self.shared.record(What::Started { task });
        let strategy = self.shared.program.strategy.as_deref().and_then(strategies::find);
        let result = match strategy {
            Some(strategy) if task == TaskId::MAIN => {
                let main = (strategy.main)(Stage::new(self.shared.clone()));
                in_rust(&self.shared, task, main).await.map(|()| Value::None).map_err(|exception| exception.error)
            }
            _ => run_in_place(&self.shared, task, self.instance).await,
        };
        let (state, what) = match result {
            Ok(value) => {
                let value = self.shared.running(task).without_list(&self.shared.program, value);
                (FutureState::Finished, What::Finished { task, value })
            }
            Err(error) => (FutureState::Failed, What::Failed { task, error }),
        };
        self.shared.settle(self.future, state, result, what);
        result
    }
}

/// Runs a main in Rust, and sees when it waits.
async fn in_rust<T>(shared: &Shared, task: TaskId, mut main: Pin<Box<dyn Future<Output = T>>>) -> T {
    poll_fn(|context| {
        shared.goes_on(task);
        let polled = main.as_mut().poll(context);
        if polled.is_pending() {
            shared.waits_at(task, InstanceId::MAIN, IN_RUST);
        }
        polled
    })
    .await
}

/// Runs a coroutine, and those that it calls, on behalf of `task`.
pub(super) async fn run_in_place(shared: &Rc<Shared>, task: TaskId, instance: InstanceId) -> Result<Value, Error> {
    let mut frame = shared.memory().open(&shared.program, instance, Source::Call, None);
    let mut input = Ok(Value::None);
    loop {
        let next = shared.resume(task, frame, input);
        if let Next::Sleep { .. } | Next::Await(_) | Next::Wait { .. } | Next::Get { .. } = next {
            shared.waits(task, frame);
        }
        input = match next {
            Next::Sleep { min, max } => sleep(shared, task, min, max).await,
            Next::Await(future) => join(shared, task, future).await,
            Next::Wait { over, timeout, return_when } => wait(shared, task, over, timeout, return_when).await,
            Next::Library(_) => unreachable!("what only asyncio has is refused before it runs"),
            Next::Get { url, timeout } => get(shared, task, url, timeout).await,
            Next::Call(instance, _) => {
                frame = shared.memory().open(&shared.program, instance, Source::Call, Some(frame));
                shared.record(What::Called { task, instance });
                Ok(Value::None)
            }
            Next::Returned(value) => {
                let Some(caller) = shared.memory().close(frame) else { return Ok(value) };
                let shown = shared.running(task).without_list(&shared.program, value);
                shared.record(What::CallReturned { task, value: shown });
                frame = caller;
                Ok(value)
            }
            Next::Raised(error) => {
                let Some(caller) = shared.memory().close(frame) else { return Err(error) };
                frame = caller;
                Err(error)
            }
            Next::OutOfSteps => return out_of_steps(shared).await,
        };
        shared.goes_on(task);
    }
}

/// The run is over; the task is aborted with all others and comes no further.
pub(super) async fn out_of_steps<T>(shared: &Shared) -> T {
    shared.end(Outcome::OutOfSteps);
    std::future::pending().await
}

pub(super) async fn sleep(shared: &Shared, task: TaskId, min: Nanos, max: Nanos) -> Result<Value, Error> {
    let length = shared.length(task, min, max);
    let by = if length == Nanos(0) {
        shared.record(What::Yielded { task });
        tokio::task::yield_now().await;
        Wake::Yield
    } else {
        let until = shared.now() + length;
        shared.record(What::Slept { task, until });
        shared.sleep_until(until).await;
        Wake::Timer
    };
    shared.record(What::Resumed { task, by });
    Ok(Value::None)
}

async fn join(shared: &Rc<Shared>, task: TaskId, future: FutureId) -> Result<Value, Error> {
    shared.record(What::Awaited { task, future });
    let result = shared.clone().done(future).await;
    shared.record(What::Resumed { task, by: Wake::Future(future) });
    if let Err(error) = result {
        shared.record(What::Raised { task, error });
    }
    result
}

/// Waits as `asyncio.wait` does, over whatever was spawned; never raises for it and never cancels it.
async fn wait(
    shared: &Shared,
    task: TaskId,
    over: ListId,
    timeout: Option<Nanos>,
    return_when: ReturnWhen,
) -> Result<Value, Error> {
    let mut futures: Vec<FutureId> = {
        let memory = shared.memory();
        (0..memory.list(over).len()).map(|at| memory.handle(over, at)).collect()
    };
    futures.sort_unstable();
    futures.dedup();
    let until = timeout.map(|timeout| shared.now() + timeout);
    shared.record(What::Waited { task, count: futures.len() as u32, until });
    let enough = poll_fn(|context| {
        let states = futures.iter().map(|&future| shared.poll(future, context));
        let (mut is_any_pending, mut is_enough) = (false, false);
        for state in states {
            is_any_pending |= state.is_pending();
            is_enough |= match return_when {
                ReturnWhen::AllCompleted => false,
                ReturnWhen::FirstCompleted => state.is_ready(),
                ReturnWhen::FirstException => state == Poll::Ready(FutureState::Failed),
            };
        }
        if is_enough || !is_any_pending { Poll::Ready(()) } else { Poll::Pending }
    });
    let timed_out = match until {
        None => {
            enough.await;
            false
        }
        Some(until) => {
            let _timer = shared.timer(until);
            tokio::time::timeout_at(shared.start_plus(Nanos(until.0)), enough).await.is_err()
        }
    };
    let (done, pending): (Vec<FutureId>, Vec<FutureId>) = futures.iter().partition(|&&future| shared.is_done(future));
    let counts = [&done, &pending].map(|list| list.len() as u32);
    shared.record(What::WaitReturned { task, done: counts[0], pending: counts[1], timed_out });
    let mut memory = shared.memory();
    let lists = memory.new_pair();
    for (list, futures) in lists.into_iter().zip([done, pending]) {
        memory.list_mut(list).extend(futures.into_iter().map(Value::Handle));
    }
    Ok(Value::List(lists[0]))
}

/// A future over the join handles of its children. Dropping it drops the handles, and what they belong to goes on.
pub(super) struct Gather {
    shared: Rc<Shared>,
    future: FutureId,
    children: Vec<FutureId>,
    return_exceptions: bool,
}

impl Drop for Gather {
    fn drop(&mut self) {
        if !self.shared.is_done(self.future) && !self.shared.has_ended() {
            let error = Error::cancelled(None);
            let what = What::GatherFailed { future: self.future, error };
            self.shared.settle(self.future, FutureState::Cancelled, Err(error), what);
        }
    }
}

impl Gather {
    pub(super) fn new(
        shared: Rc<Shared>,
        future: FutureId,
        children: Vec<FutureId>,
        return_exceptions: bool,
    ) -> Gather {
        Gather { shared, future, children, return_exceptions }
    }

    pub(super) async fn run(self) -> Result<Value, Error> {
        let handles = self.children.iter().map(|&child| self.shared.clone().done(child));
        let results = if self.return_exceptions {
            Ok(join_all(handles).await.into_iter().map(|result| result.unwrap_or_else(Value::Error)).collect())
        } else {
            try_join_all(handles).await
        };
        let future = self.future;
        match results {
            Ok(values) => {
                let list = self.keep(values);
                let what = What::GatherFinished { future };
                self.shared.settle(future, FutureState::Finished, Ok(Value::List(list)), what);
                Ok(Value::List(list))
            }
            Err(error) => {
                let what = What::GatherFailed { future, error };
                self.shared.settle(future, FutureState::Failed, Err(error), what);
                Err(error)
            }
        }
    }

    fn keep(&self, values: Vec<Value>) -> ListId {
        let mut memory = self.shared.memory();
        let list = memory.new_list();
        *memory.list_mut(list) = values;
        list
    }
}
