//! What is shared by all who take part in one run: where it is recorded what happens and asked what is free, and which
//! timers are pending.
//!
//! Knows nothing of who takes part.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::choice::{Choice, Choices, Question};
use crate::program::Texts;
use crate::time::Time;
use crate::trace::{Outcome, Recorder, Trace, What};

/// The recording of one run. Clones are the same recording.
#[derive(Clone)]
pub struct Recording(Rc<RefCell<State>>);

struct State {
    recorder: Recorder,
    /// The time that was recorded last.
    time: Time,
    /// What whoever moves the clock says that it is.
    now: Time,
    choices: Box<dyn Choices>,
    /// How many timers are due when.
    due: BTreeMap<Time, u32>,
    made: u64,
    has_ended: bool,
    is_closed: bool,
    /// How whoever drives the run says that it ends, if it cannot end by itself.
    given_up: Option<Outcome>,
    root: Option<Waker>,
}

/// The timers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// When the next one is due; nothing if none is pending.
    pub next: Option<Time>,
    /// How many there ever were.
    pub made: u64,
}

/// A timer, as long as it is pending.
pub struct Timer {
    recording: Recording,
    due: Time,
}

impl Recording {
    /// A recording of nothing, whose questions go to `choices`.
    pub fn new(choices: Box<dyn Choices>) -> Recording {
        Recording::over(Recorder::default(), choices)
    }

    /// The same in the memory of another one.
    pub fn over(mut recorder: Recorder, choices: Box<dyn Choices>) -> Recording {
        recorder.reset();
        Recording(Rc::new(RefCell::new(State {
            recorder,
            time: Time::ZERO,
            now: Time::ZERO,
            choices,
            due: BTreeMap::new(),
            made: 0,
            has_ended: false,
            is_closed: false,
            given_up: None,
            root: None,
        })))
    }

    /// Records what happens, unless the recording is closed.
    pub fn record(&self, now: Time, what: What) {
        self.0.borrow_mut().record(now, what);
    }

    /// Puts a question that is recorded by whoever puts it.
    pub fn answer(&self, question: &Question<'_>) -> u64 {
        self.0.borrow_mut().choices.answer(question)
    }

    /// Puts a question, and records it with its answer.
    pub fn ask(&self, now: Time, question: &Question<'_>) -> u64 {
        let mut state = self.0.borrow_mut();
        let answer = state.choices.answer(question);
        state.record(now, What::Chose(Choice::new(question, answer)));
        answer
    }

    /// The time of the run, as whoever moves its clock has told it.
    pub fn now(&self) -> Time {
        self.0.borrow().now
    }

    /// It is this late.
    pub fn set_now(&self, now: Time) {
        self.0.borrow_mut().now = now;
    }

    /// The clock has moved, and that is recorded even if nothing happens before it moves again.
    pub fn turn(&self, now: Time) {
        let mut state = self.0.borrow_mut();
        state.time = now;
        state.recorder.turn(0, now);
    }

    /// The body has come to its end: what its tasks still do when they are dropped, nobody has to choose.
    pub fn end(&self) {
        self.0.borrow_mut().has_ended = true;
    }

    /// Whether that is so.
    pub fn has_ended(&self) -> bool {
        self.0.borrow().has_ended
    }

    /// From here on nothing is recorded.
    pub fn close(&self) {
        self.0.borrow_mut().is_closed = true;
    }

    /// Whether that is so.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// What was recorded, of a run that ended like this.
    pub fn trace(&self, outcome: Outcome, texts: &Texts) -> Trace {
        self.0.borrow().recorder.trace(outcome, texts)
    }

    /// The same as it was written, for whoever needs no trace of it.
    pub fn take(&self) -> Recorder {
        std::mem::take(&mut self.0.borrow_mut().recorder)
    }

    /// Somebody waits for this time.
    pub fn timer(&self, due: Time) -> Timer {
        let mut state = self.0.borrow_mut();
        *state.due.entry(due).or_insert(0) += 1;
        state.made += 1;
        Timer { recording: self.clone(), due }
    }

    /// Who waits for a time.
    pub fn timers(&self) -> Timers {
        let state = self.0.borrow();
        Timers { next: state.due.keys().next().copied(), made: state.made }
    }

    /// The run will not end by itself: it ends like this.
    pub fn give_up(&self, outcome: Outcome) {
        let mut state = self.0.borrow_mut();
        state.given_up = Some(outcome);
        let root = state.root.take();
        drop(state);
        root.into_iter().for_each(Waker::wake);
    }

    /// That somebody gave up, as a future.
    pub async fn given_up(&self) -> Outcome {
        std::future::poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            state.root = Some(context.waker().clone());
            state.given_up.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl State {
    fn record(&mut self, now: Time, what: What) {
        if self.is_closed {
            return;
        }
        if self.time < now {
            self.time = now;
            self.recorder.turn(0, now);
        }
        self.recorder.record(what);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut state = self.recording.0.borrow_mut();
        if let Some(count) = state.due.get_mut(&self.due) {
            *count -= 1;
            if *count == 0 {
                state.due.remove(&self.due);
            }
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recording")
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timer").field(&self.due).finish()
    }
}
