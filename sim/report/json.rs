//! A trace for programs: JSON Lines.
//!
//! What a reader may rely on stands in `json.md`, which is also the documentation of [`json`].
//!
//! Knows nothing of who reads it.

use serde::Serialize;

use crate::choice::Choice;
use crate::id::{FutureId, TextId};
use crate::program::{self, Program};
use crate::trace::{Counting, Message, Outcome, Requester, Serves, Trace, Wake, What};
use crate::verdict::Ending;

use super::names::{Named, Names};

/// Which run a trace is of, as far as neither the program nor the trace says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The scenario's file, as it was given.
    pub scenario: Option<&'a str>,
    /// What the program ran on.
    pub runtime: &'a str,
    /// Who answered; nothing for the ordinary run.
    pub seed: Option<u64>,
}

/// The trace as JSON Lines.
///
#[doc = include_str!("json.md")]
pub fn json(origin: &Origin<'_>, program: &Program, trace: &Trace) -> String {
    let header = Header {
        schema: "atropos-trace/1",
        scenario: origin.scenario,
        strategy: program.strategy.as_deref(),
        python: program.profile.name,
        runtime: origin.runtime,
        seed: origin.seed,
    };
    let mut out = line_of(&header);
    let mut names = Names::new(program, trace);
    let mut counting = Counting::default();
    for moment in trace.iter() {
        names.see(moment.what);
        counting.see(moment);
        let line = Line {
            time_ns: moment.time.0,
            turn: moment.turn,
            subject: names.subject(moment.what),
            event: event(&names, moment.what),
        };
        out.push_str(&line_of(&line));
    }
    out.push_str(&line_of(&end(&names, trace, &counting)));
    out
}

/// A line of JSON, with its end.
pub(super) fn line_of(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("a line has nothing but texts and numbers under texts") + "\n"
}

#[derive(Serialize)]
struct Header<'a> {
    schema: &'a str,
    scenario: Option<&'a str>,
    strategy: Option<&'a str>,
    python: &'a str,
    runtime: &'a str,
    seed: Option<u64>,
}

#[derive(Serialize)]
struct Line<'a> {
    time_ns: u64,
    turn: u32,
    #[serde(flatten)]
    subject: Option<Named>,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    Created { by: String, instance: String },
    Started,
    Printed { text: &'a str },
    Yielded,
    Slept { until_ns: u64 },
    Awaited { on: Named },
    Waited { count: u32, until_ns: Option<u64> },
    Called { instance: String },
    CallReturned { value: String },
    Resumed { after: After },
    CancelRequested { by: By, message: Option<&'a str> },
    CancelRefused { by: By, since_turn: u32 },
    GatherCancelRequested { by: By, message: Option<&'a str> },
    GatherCancelRefused { by: By, since_turn: u32 },
    CancelDelivered { message: Option<&'a str> },
    Struck { instance: String, point: &'a str },
    Cut { phase: &'static str, instance: String, site: u32 },
    Raised { error: Error<'a> },
    Caught { error: Error<'a>, clause: &'a str },
    Finished { value: String },
    Failed { error: Error<'a> },
    Cancelled { message: Option<&'a str> },
    Gathered { by: String, children: u32 },
    Children { children: Vec<Named> },
    Taken { from: Named },
    Cleanup { instance: String, finally: u32, stage: &'static str },
    GatherFinished,
    GatherFailed { error: Error<'a> },
    WaitReturned { done: u32, pending: u32, timed_out: bool },
    ShutdownBegan { left: u32 },
    UnhandledInShutdown { error: Error<'a> },
    Dropped,
    Suspended,
    WaitDropped { place: u32 },
    WakeLost,
    Declared,
    Shielded { by: String, inner: Named },
    WaitingFor { on: Named, until_ns: Option<u64> },
    LeavingGroup { left: u32 },
    AwaitingNext { left: u32 },
    CalledBack,
    CallbackFailed { error: Error<'a> },
    TimeoutSet { until_ns: Option<u64> },
    Blocked { object: String, operation: &'static str },
    Used { object: String, operation: &'static str, count: u32 },
    Item { value: String },
    Lacks { on: Named },
    Requested { request: u32, host: String, url: &'a str },
    Responded { request: u32, status: u16, retry_after_s: Option<u32> },
    Served { request: u32, does: &'static str, status: Option<u16> },
    Carried { message: u32, fate: &'static str, carries: &'static str, connection: u32, from: String, to: String },
    Outage { outage: String },
    Chose { kind: &'static str, bound: u64, answer: u64, chosen: Option<String> },
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum After {
    Yield,
    Timer,
    Woken {
        by: String,
    },
    Object(String),
    Library,
    #[serde(untagged)]
    Future(Named),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Task(String),
    Outside,
    Shutdown,
    Timeout,
    #[serde(rename = "task-group")]
    TaskGroup,
    Callback,
    Harness,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    class: &'a str,
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct End<'a> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
    finished: u32,
    failed: u32,
    cancelled: u32,
    running: u32,
    main_ended: bool,
    ended_ns: u64,
    fingerprint: String,
}

fn event<'a>(names: &Names<'a>, what: What) -> Event<'a> {
    let text = |text: Option<TextId>| text.map(|text| names.text(text));
    match what {
        What::Created { by, instance, .. } => Event::Created { by: names.task(by), instance: names.instance(instance) },
        What::Started { .. } => Event::Started,
        What::Printed { text, .. } => Event::Printed { text: names.text(text) },
        What::Yielded { .. } => Event::Yielded,
        What::Slept { until, .. } => Event::Slept { until_ns: until.0 },
        What::Awaited { future, .. } => Event::Awaited { on: names.future(future) },
        What::Waited { count, until, .. } => Event::Waited { count, until_ns: until.map(|until| until.0) },
        What::Called { instance, .. } => Event::Called { instance: names.instance(instance) },
        What::CallReturned { value, .. } => Event::CallReturned { value: names.value(value) },
        What::Resumed { by, .. } => Event::Resumed { after: after(names, by) },
        What::CancelRequested { by, message, .. } => {
            Event::CancelRequested { by: requester(names, by), message: text(message) }
        }
        What::CancelRefused { by, since, .. } => Event::CancelRefused { by: requester(names, by), since_turn: since },
        What::GatherCancelRequested { by, message, .. } => {
            Event::GatherCancelRequested { by: requester(names, by), message: text(message) }
        }
        What::GatherCancelRefused { by, since, .. } => {
            Event::GatherCancelRefused { by: requester(names, by), since_turn: since }
        }
        What::Cut { phase, instance, site, .. } => {
            Event::Cut { phase: phase.name(), instance: names.instance(instance), site }
        }
        What::CancelDelivered { message, .. } => Event::CancelDelivered { message: text(message) },
        What::Struck { instance, point, .. } => {
            Event::Struck { instance: names.instance(instance), point: names.point(instance, point) }
        }
        What::Raised { error, .. } => Event::Raised { error: self::error(names, error) },
        What::Caught { error, clause, .. } => {
            Event::Caught { error: self::error(names, error), clause: names.class(clause) }
        }
        What::Finished { value, .. } => Event::Finished { value: names.value(value) },
        What::Failed { error, .. } => Event::Failed { error: self::error(names, error) },
        What::Cancelled { message, .. } => Event::Cancelled { message: text(message) },
        What::Gathered { by, children, .. } => Event::Gathered { by: names.maker(by), children },
        What::Children { first, count, .. } => {
            let children = first.0..first.0 + count;
            Event::Children { children: children.map(|child| names.future(FutureId(child))).collect() }
        }
        What::Item { value, .. } => Event::Item { value: names.value(value) },
        What::Lacks { future, .. } => Event::Lacks { on: names.future(future) },
        What::Taken { future, .. } => Event::Taken { from: names.future(future) },
        What::Cleanup { instance, finally, stage, .. } => {
            Event::Cleanup { instance: names.instance(instance), finally, stage: stage.name() }
        }
        What::GatherFinished { .. } => Event::GatherFinished,
        What::GatherFailed { error, .. } => Event::GatherFailed { error: self::error(names, error) },
        What::WaitReturned { done, pending, timed_out, .. } => Event::WaitReturned { done, pending, timed_out },
        What::ShutdownBegan { left } => Event::ShutdownBegan { left },
        What::UnhandledInShutdown { error, .. } => Event::UnhandledInShutdown { error: self::error(names, error) },
        What::Dropped { .. } => Event::Dropped,
        What::Suspended { .. } => Event::Suspended,
        What::WaitDropped { place, .. } => Event::WaitDropped { place },
        What::WakeLost { .. } => Event::WakeLost,
        What::Declared { .. } => Event::Declared,
        What::Shielded { by, inner, .. } => Event::Shielded { by: names.maker(by), inner: names.future(inner) },
        What::WaitingFor { future, until, .. } => {
            Event::WaitingFor { on: names.future(future), until_ns: until.map(|until| until.0) }
        }
        What::LeavingGroup { left, .. } => Event::LeavingGroup { left },
        What::AwaitingNext { left, .. } => Event::AwaitingNext { left },
        What::CalledBack { .. } => Event::CalledBack,
        What::CallbackFailed { error, .. } => Event::CallbackFailed { error: self::error(names, error) },
        What::TimeoutSet { until, .. } => Event::TimeoutSet { until_ns: until.map(|until| until.0) },
        What::Blocked { operation, object, .. } => {
            Event::Blocked { object: names.object(object), operation: operation.method() }
        }
        What::Used { operation, object, count, .. } => {
            Event::Used { object: names.object(object), operation: operation.method(), count }
        }
        What::Requested { request, host, url, .. } => {
            Event::Requested { request, host: names.host(host), url: names.text(url) }
        }
        What::Responded { request, status, retry_after, .. } => {
            Event::Responded { request, status, retry_after_s: retry_after }
        }
        What::Served { request, does, .. } => {
            let (does, status) = match does {
                Serves::Arrived => ("arrived", None),
                Serves::Answered(status) => ("answered", Some(status)),
                Serves::Dropped => ("dropped", None),
                Serves::Closed => ("closed", None),
                Serves::Reset => ("reset", None),
            };
            Event::Served { request, does, status }
        }
        What::Carried { message: Message { number, from, to, connection, carries }, fate } => Event::Carried {
            message: number,
            fate: fate.name(),
            carries: carries.name(),
            connection,
            from: names.host(from),
            to: names.host(to),
        },
        What::Outage { outage, is_over, .. } => Event::Outage { outage: names.outage(outage, is_over) },
        What::Chose(Choice { kind, bound, answer, chosen, .. }) => {
            let chosen = chosen.map(|future| names.future(future).to_string());
            Event::Chose { kind: kind.label(), bound, answer, chosen }
        }
    }
}

fn after(names: &Names<'_>, by: Wake) -> After {
    match by {
        Wake::Yield => After::Yield,
        Wake::Timer => After::Timer,
        Wake::Future(future) => After::Future(names.future(future)),
        Wake::Task(task) => After::Woken { by: names.task(task) },
        Wake::Library => After::Library,
        Wake::Object(object) => After::Object(names.object(object)),
    }
}

fn requester(names: &Names<'_>, by: Requester) -> By {
    match by {
        Requester::Task(task) => By::Task(names.task(task)),
        Requester::Outside => By::Outside,
        Requester::Shutdown => By::Shutdown,
        Requester::Timeout => By::Timeout,
        Requester::TaskGroup => By::TaskGroup,
        Requester::Callback => By::Callback,
        Requester::Harness => By::Harness,
    }
}

fn error<'a>(names: &Names<'a>, error: program::Error) -> Error<'a> {
    Error { class: names.class(error.ty), message: error.message.map(|message| names.text(message)) }
}

fn end<'a>(names: &Names<'a>, trace: &Trace, counting: &Counting) -> End<'a> {
    let tally = counting.tally();
    let (value, error) = match trace.outcome {
        Outcome::Finished(value) => (Some(names.value(value)), None),
        Outcome::Failed(error) => (None, Some(self::error(names, error))),
        Outcome::Deadlocked | Outcome::OutOfSteps | Outcome::Livelocked => (None, None),
    };
    End {
        outcome: Ending::from(trace.outcome).name(),
        value,
        error,
        finished: tally.finished,
        failed: tally.failed,
        cancelled: tally.cancelled,
        running: tally.running,
        main_ended: counting.has_main_ended(),
        ended_ns: tally.ended.0,
        fingerprint: trace.fingerprint().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Kind;
    use crate::id::{InstanceId, TaskId};
    use crate::program::{ErrorType, Texts, Value, sample};
    use crate::time::Time;
    use crate::trace::Recorder;

    const MAIN: TaskId = TaskId::MAIN;

    #[test]
    fn is_one_object_a_line_with_its_keys_in_order() {
        let mut program = sample::program(&["two\nlines"]);
        let text = sample::text(&mut program, "\"a\"\n\u{1b}");
        let task = TaskId(1);
        let error = program::Error { ty: ErrorType::VALUE_ERROR, message: Some(text) };
        let gather = FutureId(2);
        let mut recorder = Recorder::default();
        recorder.turn(1, Time(5));
        for what in [
            What::Created { task, by: MAIN, instance: InstanceId(1) },
            What::Gathered { future: gather, by: MAIN, children: 1 },
            What::Awaited { task: MAIN, future: gather },
            What::Printed { task, text },
            What::Waited { task, count: 2, until: None },
            What::Resumed { task, by: Wake::Timer },
            What::Resumed { task: MAIN, by: Wake::Future(gather) },
            What::CancelRequested { task, by: Requester::Task(MAIN), message: Some(text) },
            What::GatherCancelRefused { future: gather, by: Requester::Outside, since: 1 },
            What::Raised { task, error },
            What::ShutdownBegan { left: 1 },
            What::Chose(Choice { kind: Kind::TimerOrder, subject: MAIN, site: 0, bound: 3, answer: 0, chosen: None }),
            What::Finished { task: MAIN, value: Value::Text(text) },
        ] {
            recorder.record(what);
        }
        let trace = recorder.trace(Outcome::Finished(Value::Text(text)), &Texts::default());
        let origin = Origin { scenario: Some("a.toml"), runtime: "asyncio", seed: Some(u64::MAX) };
        let expected = r#"{"schema":"atropos-trace/1","scenario":"a.toml","strategy":"gather","python":"3.13","runtime":"asyncio","seed":18446744073709551615}
{"time_ns":5,"turn":1,"task":"two\\nlines","event":"created","by":"main","instance":"two\\nlines"}
{"time_ns":5,"turn":1,"gather":1,"event":"gathered","by":"main","children":1}
{"time_ns":5,"turn":1,"task":"main","event":"awaited","on":{"gather":1}}
{"time_ns":5,"turn":1,"task":"two\\nlines","event":"printed","text":"\"a\"\n\u001b"}
{"time_ns":5,"turn":1,"task":"two\\nlines","event":"waited","count":2,"until_ns":null}
{"time_ns":5,"turn":1,"task":"two\\nlines","event":"resumed","after":"timer"}
{"time_ns":5,"turn":1,"task":"main","event":"resumed","after":{"gather":1}}
{"time_ns":5,"turn":1,"task":"two\\nlines","event":"cancel-requested","by":{"task":"main"},"message":"\"a\"\n\u001b"}
{"time_ns":5,"turn":1,"gather":1,"event":"gather-cancel-refused","by":"outside","since_turn":1}
{"time_ns":5,"turn":1,"task":"two\\nlines","event":"raised","error":{"type":"ValueError","message":"\"a\"\n\u001b"}}
{"time_ns":5,"turn":1,"event":"shutdown-began","left":1}
{"time_ns":5,"turn":1,"event":"chose","kind":"timer-order","bound":3,"answer":0,"chosen":null}
{"time_ns":5,"turn":1,"task":"main","event":"finished","value":"'\"a\"\\n\\x1b'"}
{"outcome":"finished","value":"'\"a\"\\n\\x1b'","finished":0,"failed":0,"cancelled":0,"running":1,"main_ended":true,"ended_ns":5,"fingerprint":"FINGERPRINT"}
"#;
        let expected = expected.replace("FINGERPRINT", &trace.fingerprint().to_string());
        assert_eq!(json(&origin, &program, &trace), expected);
    }

    /// The schema is a promise, so each event that exists has to stand in it.
    #[test]
    fn the_schema_names_every_event() {
        let schema = include_str!("json.md");
        let variants = include_str!("json.rs").split("enum Event").nth(1).and_then(|rest| rest.split("\n}").next());
        let names = variants.expect("the events stand here").lines().filter_map(|line| {
            let name = line.trim().split([' ', ',']).next()?;
            name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(name)
        });
        for name in names {
            let kebab: String = name
                .char_indices()
                .flat_map(|(at, c)| {
                    let dash = (at > 0 && c.is_ascii_uppercase()).then_some('-');
                    dash.into_iter().chain([c.to_ascii_lowercase()])
                })
                .collect();
            assert!(schema.contains(&format!("`{kebab}`")), "{kebab} is not in json.md");
        }
    }
}
