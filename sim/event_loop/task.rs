//! Tasks: creating one, running it until it waits, and ending it, as `Task.__step` and `Task.__wakeup` do.
//!
//! Knows nothing of what a step computes: frames do that.

use super::library::Call;
use super::{Callback, EventLoop, Future, Handle, Owner, Running, Timer, future};
use crate::choice::{Choices, Kind, Options, Question};
use crate::id::{FutureId, InstanceId, ObjectId, TaskId, TextId};
use crate::machine::{Access, Object};
use crate::program::{Effects as _, Error, ErrorType, Found, FrameId, Next, Source, Value, resume};
use crate::time::Nanos;
use crate::trace::{Outcome, Wake, What};

/// A task of asyncio.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Task {
    pub(super) future: FutureId,
    pub(super) instance: InstanceId,
    /// The coroutine that runs now: the task's own, or one that it awaits in place.
    pub(super) frame: FrameId,
    /// What it waits for; it stays what it is while the wakeup is queued, as asyncio's `_fut_waiter` does.
    pub(super) waits_for: WaitsFor,
    /// The future that only this task knows: of its sleep, or of the waiter inside `wait`.
    pub(super) own: Own,
    /// How many of those there have been; a timer with another number is cancelled.
    pub(super) own_serial: u32,
    /// Whether the next step raises `CancelledError`.
    pub(super) must_cancel: bool,
    /// Whether somebody has asked for a cancellation that the task has not seen yet.
    pub(super) cancel_requested: bool,
    /// How many cancellations it was asked for and has not taken back: `cancelling()`.
    pub(super) cancels: u32,
    /// The coroutine of asyncio's own that the innermost coroutine awaits.
    pub(super) call: Call,
    pub(super) started: bool,
    /// Whether a cancellation has been raised in it.
    pub(super) was_cancelled: bool,
    itself: AwaitOfItself,
}

/// What a coroutine of asyncio's own has come to; nothing while it waits.
pub(super) type Progress = Option<Result<Value, Error>>;

/// Whether a task has awaited itself. If so, asyncio has left a mark on its future, so that everybody who awaits it from
/// then on is told at once of an error that they have not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AwaitOfItself {
    Never,
    /// The next step tells it that this is an error.
    Untold,
    Told,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum WaitsFor {
    /// Nothing: it runs, or its step is queued.
    Nothing,
    /// Its own sleep.
    Sleep,
    /// The waiter of this `wait`.
    Wait(u32),
    /// Its waiter in the queue of an object.
    Object(ObjectId),
    /// A waiter inside asyncio's library.
    Library,
    /// A task or a gather.
    Future(FutureId),
}

/// The state of a future that only one task knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Own {
    Pending,
    Done,
    Cancelled(Option<TextId>),
}

impl EventLoop<'_> {
    pub(super) fn create_task(&mut self, instance: InstanceId, source: Source, found: Found, by: TaskId) -> FutureId {
        let task = TaskId(self.tasks.len() as u32);
        let future = self.futures.add(Owner::Task(task));
        let frame = self.memory.open(self.program, instance, source, None);
        self.tasks.push(Task {
            future,
            instance,
            frame,
            waits_for: WaitsFor::Nothing,
            own: Own::Done,
            own_serial: 0,
            must_cancel: false,
            cancel_requested: false,
            cancels: 0,
            call: Call::None,
            started: false,
            was_cancelled: false,
            itself: AwaitOfItself::Never,
        });
        if found == Found::ByName {
            self.memory.set_newest(instance, future);
        }
        self.recorder.record(What::Created { task, by, instance });
        if !self.program.eager_tasks || task == TaskId::MAIN {
            self.ready.push(Handle::Step(task));
        }
        self.cutting.created(self.program, task, instance);
        future
    }

    /// What a task goes on with at its queued step: its first, or the one after `sleep(0)`.
    #[inline(always)]
    pub(super) fn step_input(&mut self, task: TaskId) -> Result<Value, Error> {
        let state = &mut self.tasks[task.index()];
        if state.itself == AwaitOfItself::Untold {
            state.itself = AwaitOfItself::Told;
            return Err(self.runtime_error(&format!("Task cannot await on itself: {task}")));
        }
        if !state.must_cancel {
            let was_started = std::mem::replace(&mut state.started, true);
            let what = if was_started { What::Resumed { task, by: Wake::Yield } } else { What::Started { task } };
            self.recorder.record(what);
        }
        Ok(Value::None)
    }

    /// What a task goes on with at its queued wakeup: what came of what it awaited, which is done.
    #[inline(always)]
    pub(super) fn wakeup_input(&mut self, task: TaskId) -> Result<Value, Error> {
        let state = &mut self.tasks[task.index()];
        let &mut Task { waits_for, must_cancel, cancel_requested, .. } = state;
        let input = match waits_for {
            WaitsFor::Sleep => {
                // On its way out a sleep cancels its timer.
                state.own_serial += 1;
                own_result(state.own)
            }
            WaitsFor::Future(future) => self.take_result(future),
            _ => own_result(state.own),
        };
        let is_cancelled = must_cancel || cancel_requested && input.is_err_and(Error::is_cancelled);
        match waits_for {
            // What is cancelled did not end by itself: nothing but the cancellation is told.
            _ if is_cancelled => {}
            WaitsFor::Sleep => self.recorder.record(What::Resumed { task, by: Wake::Timer }),
            WaitsFor::Future(future) => self.recorder.record(What::Resumed { task, by: Wake::Future(future) }),
            WaitsFor::Library => self.recorder.record(What::Resumed { task, by: Wake::Library }),
            WaitsFor::Object(object) => self.recorder.record(What::Resumed { task, by: Wake::Object(object) }),
            // `WaitReturned` tells it.
            WaitsFor::Wait(_) => {}
            WaitsFor::Nothing => unreachable!("{task} was woken from nothing"),
        }
        input
    }

    /// Runs a task with what it waited for, until it waits again or ends: asyncio's `__step`.
    #[inline(always)]
    pub(super) fn resume_task<C: Choices + ?Sized>(
        &mut self,
        task: TaskId,
        input: Result<Value, Error>,
        choices: &mut C,
    ) {
        let state = &mut self.tasks[task.index()];
        let frame = state.frame;
        let waited_for = std::mem::replace(&mut state.waits_for, WaitsFor::Nothing);
        let mut input = input;
        if state.must_cancel || input.is_err() {
            input = self.deliver_cancel(task, input);
        }
        if let WaitsFor::Wait(wait) = waited_for {
            let lists = self.leave_wait(task, wait, input.is_ok());
            input = input.map(|_| lists);
        }
        if !matches!(self.tasks[task.index()].call, Call::None) {
            match self.go_on_with_call(task, input, choices) {
                Some(result) => input = result,
                None => return,
            }
        }
        if let Some(input) = self.run_frame(task, frame, input, choices) {
            self.run_more_frames(task, input, choices);
        }
    }

    /// Goes on with a task whose innermost coroutine is another one now. Apart from the common case, which is that
    /// there is but one.
    #[cold]
    fn run_more_frames<C: Choices + ?Sized>(&mut self, task: TaskId, input: Result<Value, Error>, choices: &mut C) {
        let mut goes_on = Some(input);
        while let Some(input) = goes_on {
            let frame = self.tasks[task.index()].frame;
            goes_on = self.run_frame(task, frame, input, choices);
        }
    }

    /// Runs a frame, the innermost coroutine of a task, until it waits, calls another one in place, or ends. Returns what the
    /// coroutine that is the innermost then goes on with, if the task does not wait.
    #[inline(always)]
    fn run_frame<C: Choices + ?Sized>(
        &mut self,
        task: TaskId,
        frame: FrameId,
        input: Result<Value, Error>,
        choices: &mut C,
    ) -> Option<Result<Value, Error>> {
        match resume(self.program, &mut Running { event_loop: self, choices, task }, frame, input) {
            Next::Sleep { min, max } => self.sleep(task, min, max, choices),
            Next::Await(future) => return self.await_future(task, future),
            Next::Wait { over, timeout, return_when } => self.begin_wait(task, over, timeout, return_when),
            Next::Library(call) => return self.call_library(task, call, choices),
            Next::Get { .. } => unreachable!("a program with a network runs on one"),
            Next::Call(instance, source) => {
                self.tasks[task.index()].frame = self.memory.open(self.program, instance, source, Some(frame));
                self.recorder.record(What::Called { task, instance });
                return Some(Ok(Value::None));
            }
            Next::Returned(value) => {
                let program = self.program;
                let shown = Running { event_loop: self, choices, task }.without_list(program, value);
                let Some(caller) = self.memory.close(frame) else {
                    self.task_returned(task, value, shown);
                    return None;
                };
                self.recorder.record(What::CallReturned { task, value: shown });
                self.tasks[task.index()].frame = caller;
                return Some(Ok(value));
            }
            Next::Raised(error) => {
                let Some(caller) = self.memory.close(frame) else {
                    self.task_raised(task, error);
                    return None;
                };
                self.tasks[task.index()].frame = caller;
                return Some(Err(error));
            }
            Next::OutOfSteps => self.end(Outcome::OutOfSteps),
        }
        None
    }

    /// A cancellation that waited for this step replaces whatever the step was to be told, but for a `CancelledError`.
    #[inline(never)]
    fn deliver_cancel(&mut self, task: TaskId, input: Result<Value, Error>) -> Result<Value, Error> {
        let state = &mut self.tasks[task.index()];
        let must_cancel = std::mem::take(&mut state.must_cancel);
        let error = match input {
            Err(error) if !must_cancel || error.is_cancelled() => error,
            _ => Error::cancelled(self.futures[state.future].cancel_message),
        };
        if !state.started {
            // No line of it runs; that it ends as cancelled says it all.
        } else if error.is_cancelled() && std::mem::take(&mut state.cancel_requested) {
            state.was_cancelled = true;
            self.recorder.record(What::CancelDelivered { task, message: error.message });
        } else {
            self.recorder.record(What::Raised { task, error });
        }
        Err(error)
    }

    #[inline(always)]
    fn sleep<C: Choices + ?Sized>(&mut self, task: TaskId, min: Nanos, max: Nanos, choices: &mut C) {
        let length = if min < max { self.ask_for_length(task, min, max, choices) } else { min };
        if length == Nanos(0) {
            self.recorder.record(What::Yielded { task });
            self.ready.push(Handle::Step(task));
            return;
        }
        let until = self.now + length;
        self.recorder.record(What::Slept { task, until });
        self.touch_timer(until);
        let serial = self.begin_own(task, WaitsFor::Sleep);
        self.timers.set(until, Timer::Own { task, serial });
    }

    #[inline(never)]
    fn ask_for_length<C: Choices + ?Sized>(&mut self, task: TaskId, min: Nanos, max: Nanos, choices: &mut C) -> Nanos {
        let options = Options::Range { min: min.0, max: max.0 };
        Nanos(min.0 + self.ask(choices, &Question { kind: Kind::SleepLength, subject: task, site: 0, options }))
    }

    /// From here on the task waits on a new future of its own; a task that was cancelled while it ran is cancelled
    /// now that it waits.
    #[inline(always)]
    pub(super) fn begin_own(&mut self, task: TaskId, waits_for: WaitsFor) -> u32 {
        let state = &mut self.tasks[task.index()];
        state.own_serial += 1;
        state.own = Own::Pending;
        state.waits_for = waits_for;
        if std::mem::take(&mut state.must_cancel) {
            state.own = Own::Cancelled(self.futures[state.future].cancel_message);
            self.ready.push(Handle::Wakeup(task));
        }
        state.own_serial
    }

    /// Returns an error if the task does not get to wait at all.
    fn await_future(&mut self, task: TaskId, future: FutureId) -> Option<Result<Value, Error>> {
        if let Owner::Task(awaited) = self.futures[future].owner {
            let state = &mut self.tasks[awaited.index()];
            if state.itself != AwaitOfItself::Never {
                let error = self.runtime_error("await wasn't used with future");
                self.recorder.record(What::Raised { task, error });
                return Some(Err(error));
            }
            if awaited == task {
                if let Some(watch) = &mut self.watch {
                    watch.touch(Object::Future(future), Access::Changes);
                }
                state.itself = AwaitOfItself::Untold;
                self.ready.push(Handle::Step(task));
                return None;
            }
        }
        self.recorder.record(What::Awaited { task, future });
        self.add_done_callback(future, Callback::Wake(task));
        let state = &mut self.tasks[task.index()];
        state.waits_for = WaitsFor::Future(future);
        if state.must_cancel {
            let message = self.futures[state.future].cancel_message;
            if self.cancel_awaited(task, future, message) {
                self.tasks[task.index()].must_cancel = false;
            }
        }
        None
    }

    fn runtime_error(&mut self, message: &str) -> Error {
        Error { ty: ErrorType::RUNTIME_ERROR, message: Some(self.memory.texts().intern(message)) }
    }

    /// The timer of a task's own future fires: whatever it waits for on its own is over.
    #[inline]
    pub(super) fn own_timer_fired(&mut self, task: TaskId) {
        let state = &mut self.tasks[task.index()];
        if let Own::Pending = state.own {
            state.own = Own::Done;
            if let WaitsFor::Wait(wait) = state.waits_for {
                self.waits[wait as usize].timed_out = true;
            }
            self.ready.push(Handle::Wakeup(task));
        }
    }

    /// A timer whose number is not the task's any more is cancelled.
    pub(super) fn cancel_own_timer(&mut self, task: TaskId) {
        self.tasks[task.index()].own_serial += 1;
    }

    fn task_returned(&mut self, task: TaskId, value: Value, shown: Value) {
        let state = &mut self.tasks[task.index()];
        let future = state.future;
        if std::mem::take(&mut state.must_cancel) {
            // The value is lost: the task is cancelled by returning.
            let message = self.futures[future].cancel_message;
            self.recorder.record(What::Cancelled { task, message });
            self.futures[future].result = future::Result::Cancelled;
        } else {
            self.recorder.record(What::Finished { task, value: shown });
            self.futures[future].result = future::Result::Finished(value);
        }
        self.tell(future);
    }

    fn task_raised(&mut self, task: TaskId, error: Error) {
        let future = self.tasks[task.index()].future;
        // Out of a task that has started at once it goes to whoever has started that.
        let leaves_loop = error.ty.leaves_loop() && self.starts == 0;
        if leaves_loop {
            // `run_until_complete` is not to be told any more that main is done.
            self.futures.remove_callback(self.tasks[0].future, Callback::Stop);
        }
        let state: &mut Future = &mut self.futures[future];
        if error.is_cancelled() {
            state.result = future::Result::Cancelled;
            // The message is the error's now, and the future's own is gone.
            state.cancel_message = None;
            state.cancelled_error = Some(error);
            self.recorder.record(What::Cancelled { task, message: error.message });
        } else {
            state.result = future::Result::Failed(error);
            self.recorder.record(What::Failed { task, error });
        }
        self.tell(future);
        if leaves_loop {
            self.leave_loop(error);
        }
    }
}

fn own_result(own: Own) -> Result<Value, Error> {
    match own {
        Own::Cancelled(message) => Err(Error::cancelled(message)),
        Own::Done => Ok(Value::None),
        Own::Pending => unreachable!("nothing is woken before it is done"),
    }
}
