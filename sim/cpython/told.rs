//! Our runs in the words of `judge.py`, and whether two runs are alike.
//!
//! Knows nothing of interpreters.

use serde_json::{Value as Json, json};

use crate::id::{ObjectId, TextId};
use crate::program::{Error, Program, Value};
use crate::trace::{Outcome, Requester, Trace, Wake, What};

use super::difference::Difference;

/// How many events of a run that hit a limit are compared: as many as the judge keeps.
const KEPT_OF_CUT_RUNS: usize = 1000;

/// How much of an answer is shown that is none, in characters.
const RUBBISH_SHOWN: usize = 200;

/// A run as the judge tells it.
#[derive(Debug)]
pub struct Told {
    events: Vec<Json>,
    outcome: Json,
}

impl Told {
    /// Our run.
    pub fn ours(program: &Program, trace: &Trace) -> Told {
        let teller = Teller { program, trace };
        let mut events = Vec::new();
        for moment in trace.iter() {
            if let Some((task, what, detail)) = teller.event(moment.what) {
                let mut event = vec![json!(moment.turn), json!(moment.time.0), task, json!(what)];
                event.extend(detail);
                events.push(Json::Array(event));
            }
        }
        let outcome = match trace.outcome {
            Outcome::Finished(_) => {
                // A list is a text in the event alone.
                let main = events.iter().find(|event| event[2] == 0 && event[3] == "finished");
                json!(["finished", main.expect("main has finished")[4]])
            }
            Outcome::Failed(error) => json!(["failed", teller.error(error)]),
            Outcome::Deadlocked => json!(["deadlocked"]),
            Outcome::OutOfSteps | Outcome::Livelocked => json!(["cut"]),
        };
        Told { events, outcome }
    }

    /// The judge's answer.
    ///
    /// # Errors
    ///
    /// If it is none: rubbish, or that the program makes no sense to the judge.
    pub fn theirs(answer: &str) -> Result<Told, String> {
        let Ok(Json::Object(mut json)) = serde_json::from_str(answer) else { return Err(rubbish(answer)) };
        if let Some(complaint) = json.get("error") {
            return Err(format!("it does not understand the program: {complaint}"));
        }
        match (json.remove("events"), json.remove("outcome")) {
            (Some(Json::Array(events)), Some(outcome @ Json::Array(_))) => Ok(Told { events, outcome }),
            _ => Err(rubbish(answer)),
        }
    }

    /// Why the judge has given the run up, where that is the program's doing and nothing that we would do as well.
    pub fn refusal(&self) -> Option<&'static str> {
        let why = "a coroutine is started again that has not ended: Python takes steps of it in both places";
        (self.outcome == json!(["cut", "coroutine"])).then_some(why)
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is no event; a run has at least one.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Where ours first differs from theirs, and what led there; nothing if they are alike.
    pub fn difference(&self, theirs: &Told) -> Option<Difference> {
        let is_cut = |told: &Told| told.outcome[0] == "cut";
        let (mut ours, mut others) = (&self.events[..], &theirs.events[..]);
        if is_cut(self) || is_cut(theirs) {
            let kept = ours.len().min(others.len()).min(KEPT_OF_CUT_RUNS);
            (ours, others) = (&ours[..kept], &others[..kept]);
        }
        let longest = ours.len().max(others.len());
        let differs = |&at: &usize| match (ours.get(at), others.get(at)) {
            (Some(ours), Some(theirs)) => !is_same(ours, theirs),
            _ => true,
        };
        if let Some(at) = (0..longest).find(differs) {
            return Some(Difference::new(ours, others, at));
        }
        let is_same = is_cut(self) || is_cut(theirs) || is_same(&self.outcome, &theirs.outcome);
        (!is_same).then(|| Difference::of_outcomes(ours, &self.outcome, &theirs.outcome))
    }
}

/// What is said of an answer that is none.
pub(super) fn rubbish(answer: &str) -> String {
    let beginning: String = answer.chars().take(RUBBISH_SHOWN).collect();
    format!("it answers {beginning:?}")
}

/// What Python says of its own errors differs between versions, so there the type alone counts.
fn is_same(ours: &Json, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Json::Array(ours), Json::Array(theirs)) if theirs.len() == 3 && theirs[2] == "python" => ours[0] == theirs[0],
        (Json::Array(ours), Json::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Json::Object(ours), Json::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|their| is_same(value, their)))
        }
        _ => ours == theirs,
    }
}

struct Teller<'a> {
    program: &'a Program,
    trace: &'a Trace,
}

impl Teller<'_> {
    /// Whose event it is, what it is, and its details; nothing for what the judge cannot see.
    fn event(&self, what: What) -> Option<(Json, &'static str, Vec<Json>)> {
        let text = |text: TextId| json!(self.trace.text(self.program, text));
        let message = |message: Option<TextId>| message.map_or(Json::Null, text);
        let nobody = Json::Null;
        Some(match what {
            What::Created { task, by, instance } => {
                (json!(task.0), "created", vec![json!(self.program.name(instance)), json!(by.0)])
            }
            What::Started { task } => (json!(task.0), "started", vec![]),
            What::Printed { task, text: printed } => (json!(task.0), "printed", vec![text(printed)]),
            What::Yielded { task } => (json!(task.0), "yielded", vec![]),
            What::Slept { task, until } => (json!(task.0), "slept", vec![json!(until.0)]),
            What::Awaited { task, future } => (json!(task.0), "awaited", vec![json!(future.0)]),
            What::Waited { task, count, until } => {
                (json!(task.0), "waited", vec![json!(count), json!(until.map(|until| until.0))])
            }
            What::Called { task, instance } => (json!(task.0), "called", vec![json!(self.program.name(instance))]),
            What::CallReturned { task, value } => (json!(task.0), "call_returned", vec![self.value(value)]),
            What::Resumed { task, by } => {
                let how = match by {
                    Wake::Yield => "yield",
                    Wake::Timer => "timer",
                    Wake::Future(_) => "future",
                    Wake::Object(_) | Wake::Library => "object",
                    Wake::Task(_) => unreachable!("Python has no real futures"),
                };
                (json!(task.0), "resumed", vec![json!(how)])
            }
            What::CancelRequested { task, by, message: given } => {
                (json!(task.0), "cancel_requested", vec![requester(by), message(given)])
            }
            What::CancelRefused { task, by, since } => {
                (json!(task.0), "cancel_refused", vec![requester(by), json!(since)])
            }
            What::GatherCancelRequested { future, by, message: given } => {
                (nobody, "gather_cancel_requested", vec![json!(future.0), requester(by), message(given)])
            }
            What::GatherCancelRefused { future, by, since } => {
                (nobody, "gather_cancel_refused", vec![json!(future.0), requester(by), json!(since)])
            }
            What::CancelDelivered { task, message: given } => (json!(task.0), "cancel_delivered", vec![message(given)]),
            What::Cut { .. } => unreachable!("nothing is injected here"),
            What::Struck { task, instance, point } => {
                let point = &self.program.body(instance).points[usize::from(point)];
                (json!(task.0), "struck", vec![json!(point)])
            }
            What::Raised { task, error } => (json!(task.0), "raised", vec![self.error(error)]),
            What::Caught { task, error, .. } => (json!(task.0), "caught", vec![self.error(error)]),
            What::Finished { task, value } => (json!(task.0), "finished", vec![self.value(value)]),
            What::Failed { task, error } => (json!(task.0), "failed", vec![self.error(error)]),
            What::Cancelled { task, message: given } => (json!(task.0), "cancelled", vec![message(given)]),
            What::Gathered { future, by, children } => {
                (json!(by.0), "gathered", vec![json!(future.0), json!(children)])
            }
            What::GatherFinished { future } => (nobody, "gather_finished", vec![json!(future.0)]),
            What::GatherFailed { future, error } => (nobody, "gather_failed", vec![json!(future.0), self.error(error)]),
            What::WaitReturned { task, done, pending, .. } => {
                (json!(task.0), "wait_returned", vec![json!(done), json!(pending)])
            }
            What::ShutdownBegan { left } => (nobody, "shutdown", vec![json!(left)]),
            What::UnhandledInShutdown { task, error } => (json!(task.0), "unhandled", vec![self.error(error)]),
            What::Dropped { task } => (json!(task.0), "dropped", vec![]),
            What::Shielded { future, by, inner } => (json!(by.0), "shielded", vec![json!(future.0), json!(inner.0)]),
            What::WaitingFor { task, .. } => (json!(task.0), "blocked", vec![json!("wait_for"), Json::Null]),
            What::LeavingGroup { task, .. } => (json!(task.0), "blocked", vec![json!("task_group"), Json::Null]),
            What::AwaitingNext { task, .. } => (json!(task.0), "blocked", vec![json!("as_completed"), Json::Null]),
            What::CalledBack { task } => (json!(task.0), "called_back", vec![]),
            What::CallbackFailed { task, error } => (json!(task.0), "callback_failed", vec![self.error(error)]),
            What::TimeoutSet { task, until } => (json!(task.0), "timeout_set", vec![json!(until.map(|until| until.0))]),
            What::Blocked { task, operation, object } => {
                (json!(task.0), "blocked", vec![json!(operation.method()), self.object(object)])
            }
            What::Used { task, operation, object, count } => {
                (json!(task.0), "used", vec![json!(operation.method()), self.object(object), json!(count)])
            }
            // Questions, and what is not told.
            What::Children { .. }
            | What::Taken { .. }
            | What::Item { .. }
            | What::Lacks { .. }
            | What::Declared { .. }
            | What::Suspended { .. }
            | What::WaitDropped { .. }
            | What::WakeLost { .. }
            | What::Cleanup { .. }
            | What::Requested { .. }
            | What::Responded { .. }
            | What::Served { .. }
            | What::Carried { .. }
            | What::Outage { .. }
            | What::Chose(_) => return None,
        })
    }

    fn object(&self, object: ObjectId) -> Json {
        json!(self.program.objects[object.index()].name)
    }

    fn error(&self, error: Error) -> Json {
        let message = error.message.map(|text| self.trace.text(self.program, text));
        json!([self.program.error_types.name(error.ty), message])
    }

    fn value(&self, value: Value) -> Json {
        match value {
            Value::Unbound | Value::None => Json::Null,
            Value::Bool(bool) => json!(bool),
            Value::Int(int) => json!(int),
            Value::Text(text) => json!(self.trace.text(self.program, text)),
            Value::Handle(future) => json!({ "future": future.0 }),
            Value::Coroutine(instance) | Value::Call(instance) => json!({ "coroutine": self.program.name(instance) }),
            Value::Error(error) => json!({ "error": self.error(error) }),
            Value::Timeout(_) => json!("timeout"),
            Value::TaskGroup(_) => json!("task group"),
            Value::Callback(_) => json!("callback"),
            Value::Function(_) => json!("function"),
            Value::List(_) | Value::Tuple(_) => unreachable!("an event has the text of a list"),
        }
    }
}

fn requester(by: Requester) -> Json {
    match by {
        Requester::Task(task) => json!(task.0),
        Requester::Outside => json!("outside"),
        Requester::Shutdown => json!("shutdown"),
        Requester::Timeout => json!("timeout"),
        Requester::TaskGroup => json!("task_group"),
        Requester::Callback => json!("callback"),
        Requester::Harness => unreachable!("nothing is injected here"),
    }
}
