//! A task: a future that tokio keeps and drops, and that is polled when it is its turn.
//!
//! Each task is a task of tokio in a `LocalSet` of its own, so handles, aborts, join errors and panics are tokio's; the
//! set also gives each poll tokio's budget anew. What its future is polled with is a waker of ours.
//!
//! Knows nothing of whose turn it is.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::{AbortHandle, JoinHandle, JoinSet, LocalSet};

use super::names::Called;
use super::panics::{self, Panic};
use super::shared::{Shared, VALUE, current, reason};
use super::sites;
use crate::body::{Spawner, Who, Work};
use crate::id::TaskId;
use crate::program::{Error, Value};
use crate::trace::What;

thread_local! {
    /// Why the task that is polled was woken.
    pub(super) static WOKEN_BY: Cell<Option<TaskId>> = const { Cell::new(None) };
}

/// Makes a task of a future.
pub(super) fn spawn<F>(shared: &Rc<Shared>, name: Called<'_>, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Place::new(shared, name).spawn(shared, future)
}

/// Makes a task of a body that tells of its tasks itself.
pub(super) fn spawn_for(shared: &Shared, who: Option<Who>, work: Work) -> JoinHandle<Result<Value, Error>> {
    let place = Place::called(shared, who);
    place.spawn(shared, work)
}

/// The same for one that belongs to a set.
pub(super) fn spawn_in(shared: &Shared, set: &mut JoinSet<Result<Value, Error>>, who: Who, work: Work) -> AbortHandle {
    let place = Place::called(shared, Some(who));
    place.spawn_in(shared, set, work)
}

/// Makes the tasks of such a body in the run that goes on on this thread.
#[derive(Clone, Copy, Debug)]
pub struct InAnyOrder;

impl Spawner for InAnyOrder {
    fn spawn(&self, who: Option<Who>, work: Work) -> JoinHandle<Result<Value, Error>> {
        match current() {
            Some(shared) => spawn_for(&shared, who, work),
            None => tokio::task::spawn_local(work),
        }
    }

    fn spawn_in(&self, set: &mut JoinSet<Result<Value, Error>>, who: Who, work: Work) -> AbortHandle {
        match current() {
            Some(shared) => spawn_in(&shared, set, who, work),
            None => set.spawn_local(work),
        }
    }

    fn tells_moments(&self) -> bool {
        true
    }
}

/// Its tasks have names of their own.
const TASK: Called<'static> = Called::Name("task");

/// A task that is not with tokio yet.
pub(super) struct Place {
    task: TaskId,
    set: LocalSet,
}

impl Place {
    /// For a task that questions call so, or that there are none about.
    fn called(shared: &Shared, who: Option<Who>) -> Place {
        let place = Place::new(shared, TASK);
        shared.call(place.task, who);
        place
    }

    pub(super) fn new(shared: &Shared, name: Called<'_>) -> Place {
        let task = shared.create(name, shared.maker(), true);
        Place { task, set: shared.take_set() }
    }

    /// Makes it a task of this future.
    pub(super) fn spawn<F>(self, shared: &Shared, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let handle = self.set.spawn_local(gate(self.task, future));
        shared.keep_set(self.task, handle.id(), self.set);
        handle
    }

    /// The same for one that belongs to a set.
    pub(super) fn spawn_in<F>(self, shared: &Shared, set: &mut JoinSet<F::Output>, future: F) -> AbortHandle
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let handle = set.spawn_local_on(gate(self.task, future), &self.set);
        shared.keep_set(self.task, handle.id(), self.set);
        handle
    }
}

pin_project! {
    /// Lets a future be polled only when it is its turn, and sees everything that becomes of it.
    struct Gate<F> {
        #[pin]
        future: F,
        // Dropped after the future, so that the task is over when everything of it is.
        life: Life,
    }
}

/// An `async fn` would have room for the future twice, and a task is moved a few times before its first poll.
fn gate<F: Future>(task: TaskId, future: F) -> Gate<F> {
    Gate { future, life: Life(task) }
}

impl<F: Future> Future for Gate<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let gate = self.project();
        poll(gate.life.0, gate.future, context)
    }
}

/// Thrown to end a run that is none of those that are meant.
pub(super) struct Rejected;

struct Life(TaskId);

impl Drop for Life {
    fn drop(&mut self) {
        let Some(shared) = current() else { return };
        let task = self.0;
        // tokio keeps a panic of a destructor to itself. At the end of a run they are looked at all together.
        if !shared.is_closed()
            && let Some(panic) = panics::take().last()
        {
            shared.panicked(task, panic);
        }
        shared.over(task, What::Cancelled { task, message: None });
    }
}

fn poll<F: Future>(task: TaskId, future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    let Some(shared) = current().filter(|shared| shared.turn.get() == Some(task)) else { return Poll::Pending };
    let Some(waker) = shared.take_waker(task, context.waker()) else { return Poll::Pending };
    shared.polled(task, reason(WOKEN_BY.take(), task));
    shared.names.begin_poll(shared.instance(task));
    let recorded = shared.with_sites.then(|| sites::recording(task, waker.clone()));
    let mut context = Context::from_waker(recorded.as_ref().unwrap_or(&waker));
    let strays = shared.strays();
    let polled = {
        let _bare_spawns = strays.as_ref().map(|strays| strays.enter());
        catch_unwind(AssertUnwindSafe(|| future.poll(&mut context)))
    };
    shared.names.end_poll();
    shared.keep_waker(task, waker);
    if polled.is_ok() {
        // Whoever has panicked in there was caught by the code under test.
        panics::take();
    }
    match polled {
        Ok(Poll::Pending) => {
            shared.suspended(task);
            Poll::Pending
        }
        Ok(Poll::Ready(output)) => {
            shared.over(task, What::Finished { task, value: VALUE });
            Poll::Ready(output)
        }
        Err(payload) if payload.is::<Rejected>() => {
            shared.finish(Ok(()));
            resume_unwind(payload)
        }
        Err(payload) => {
            let unknown = || Panic { place: "somewhere".to_owned(), message: "a panic without words".to_owned() };
            shared.panicked(task, &panics::take().pop().unwrap_or_else(unknown));
            resume_unwind(payload)
        }
    }
}
