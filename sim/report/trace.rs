//! In which order everything happened, and why: a trace as a table of virtual time, turn, who and event.
//!
//! Time and turn stand only where they change, so that the eye sees a turn as a group. This text is what is kept as
//! a snapshot, so every change of a word here is a change of every snapshot.
//!
//! Knows nothing of judging: whether any of it was expected is not said here.

use std::ops::Range;

use crate::choice::{Choice, Kind};
use crate::id::{ObjectId, TaskId, TextId};
use crate::program::{Error, Make, Operation, Program};
use crate::time::{Nanos, Time};
use crate::trace::{Counting, Outcome, Phase, Requester, Trace, Wake, What};
use crate::verdict::Ending;

use super::columns::{Side, align};
use super::limits::{limit, raised_by};
use super::names::{Doing, Names, counted, grouped, listed, quoted};
use super::network;
use super::sites::own_frame;

/// A run with more events than this is told by the first and the last of them, if it is to be told in short.
const WHOLE: usize = 1_000;
const FIRST: usize = 200;
const LAST: usize = 50;

/// The trace as text: the events, how the run ended, and the tally.
pub fn trace(program: &Program, trace: &Trace) -> String {
    told(program, trace, 0..0)
}

/// The same without the middle of a very long run: one that has no end comes to a million rows which say the same.
pub fn trace_in_short(program: &Program, trace: &Trace) -> String {
    let all = trace.iter().filter(|moment| !is_untold(moment.what)).count();
    told(program, trace, if WHOLE < all { FIRST..all - LAST } else { 0..0 })
}

/// The trace as text, without these of the rows.
fn told(program: &Program, trace: &Trace, left_out: Range<usize>) -> String {
    let mut names = Names::new(program, trace);
    let mut counting = Counting::default();
    let mut rows = vec![["time", "turn", "who", "event"].map(str::to_owned)];
    let mut told = None;
    let mut time = Time::ZERO;
    let mut number = 0;
    for moment in trace.iter() {
        names.see(moment.what);
        counting.see(moment);
        time = moment.time;
        if is_untold(moment.what) {
            continue;
        }
        number += 1;
        if left_out.contains(&(number - 1)) {
            if number == left_out.end {
                let events = counted(left_out.len() as u64, "more event", "more events");
                let elided = format!("⋮ {events}, all of which are in `--format json`");
                rows.push([String::new(), String::new(), String::new(), elided]);
                told = None;
            }
            continue;
        }
        let Some((who, event)) = tell(&names, moment.what) else { continue };
        let is_new = told.replace((moment.turn, moment.time)) != Some((moment.turn, moment.time));
        let place = |text: String| if is_new { text } else { String::new() };
        rows.push([place(moment.time.to_string()), place(moment.turn.to_string()), who, event]);
    }
    let mut out = String::new();
    if trace.iter().any(|moment| moment.turn > 0) {
        align(&rows, [Side::Right, Side::Right, Side::Left, Side::Left], &mut out);
    } else {
        // A machine without turns.
        let rows: Vec<_> = rows.into_iter().map(|[time, _, who, event]| [time, who, event]).collect();
        align(&rows, [Side::Right, Side::Left, Side::Left], &mut out);
    }
    out.push('\n');
    tell_outcome(program, &names, trace, time, &mut out);
    tell_tally(&counting, &mut out);
    out
}

/// Who it happens to and what happens; nothing for a question that had its ordinary answer, nor for what only judges
/// want to know.
pub(super) fn tell(names: &Names<'_>, what: What) -> Option<(String, String)> {
    if is_untold(what) {
        return None;
    }
    let nobody = match what {
        What::Chose(Choice { kind: Kind::MessageOrder | Kind::Outage, .. }) => "network",
        What::Chose(_) => "event loop",
        _ => "run()",
    };
    let who = names.subject(what).map_or_else(|| nobody.to_owned(), |named| named.to_string());
    Some((who, sentence(names, what)))
}

pub(super) fn is_untold(what: What) -> bool {
    matches!(
        what,
        What::Chose(Choice { answer: 0, .. })
            | What::Children { .. }
            | What::Taken { .. }
            | What::Item { .. }
            | What::Lacks { .. }
            | What::Declared { .. }
            | What::Cleanup { .. }
            | What::WaitDropped { .. }
    )
}

pub(super) fn sentence(names: &Names<'_>, what: What) -> String {
    match what {
        What::Created { task, by, .. } if task == by => "created by run()".to_owned(),
        What::Created { by, .. } => format!("created by {}", names.task(by)),
        What::Started { .. } => "starts".to_owned(),
        What::Printed { text, .. } => format!("prints {}", names.quoted(text)),
        What::Yielded { .. } => "yields: sleep(0)".to_owned(),
        What::Slept { until, .. } => format!("sleeps until {until}"),
        What::Awaited { future, .. } => match names.children(future) {
            Some(children) => format!("awaits {} ({})", names.future(future), counted_children(children)),
            None => format!("awaits {}", names.future(future)),
        },
        What::Waited { count, until, .. } => {
            let futures = counted(count, "future", "futures");
            let until = until.map(|until| format!(", until {until} at the latest")).unwrap_or_default();
            format!("awaits wait() on {futures}{until}")
        }
        What::Called { instance, .. } => format!("awaits {} in place", names.instance(instance)),
        What::CallReturned { value, .. } => format!("the coroutine returns {}", names.value(value)),
        What::Resumed { by: Wake::Yield, .. } => "resumed: it had yielded".to_owned(),
        What::Resumed { by: Wake::Task(by), .. } => format!("resumed: woken by {}", names.task(by)),
        // A timer, or something else that is no task of the run.
        What::Resumed { by: Wake::Timer, .. } if names.program().is_rust() => "resumed".to_owned(),
        What::Resumed { by: Wake::Timer, .. } => "resumed: its sleep is over".to_owned(),
        What::Resumed { by: Wake::Future(future), .. } => format!("resumed: {} is done", names.future(future)),
        What::Resumed { by: Wake::Library, .. } => "resumed".to_owned(),
        What::Resumed { by: Wake::Object(object), .. } => format!("resumed: {} wakes it", names.object(object)),
        What::CancelRequested { by, message, .. } | What::GatherCancelRequested { by, message, .. } => {
            format!("cancel() by {}: accepted{}", requester(names, by), with_message(names, message))
        }
        What::CancelRefused { by, since, .. } => {
            format!("cancel() by {}: refused, {}", requester(names, by), done_since(since))
        }
        What::GatherCancelRefused { future, by, since } if names.children(future).is_none() => {
            format!("cancel() by {}: refused, {}", requester(names, by), done_since(since))
        }
        What::GatherCancelRefused { by, since, .. } => {
            format!("cancel() by {}: refused, {}, so no child is asked", requester(names, by), done_since(since))
        }
        What::CancelDelivered { message, .. } => {
            format!("CancelledError raised inside{}", with_message(names, message))
        }
        What::Cut { phase, .. } => format!("is cut {}", when(phase)),
        What::Struck { instance, point, .. } => {
            format!("reaches point {}: the scenario strikes", quoted(names.point(instance, point)))
        }
        What::Raised { error, .. } => format!("raises {}", names.error(error)),
        What::Caught { error, .. } => format!("except catches {}", names.error(error)),
        What::Finished { value, .. } => format!("returns {}", names.value(value)),
        What::Failed { error, .. } if names.is_no_panic(error) => format!("fails: it {}", names.error(error)),
        What::Failed { error, .. } | What::GatherFailed { error, .. } => format!("fails with {}", names.error(error)),
        What::Cancelled { message, .. } => format!("is cancelled{}", with_message(names, message)),
        What::Gathered { by, children, .. } => {
            format!("created by {}: {}", names.maker(by), counted_children(children))
        }
        What::GatherFinished { future } if names.children(future).is_none() => "is done: it has a result".to_owned(),
        What::GatherFinished { .. } => "is done: it has every result".to_owned(),
        What::Shielded { by, inner, .. } => {
            format!("created by {}: it shields {}", names.maker(by), names.future(inner))
        }
        What::WaitingFor { future, until: Some(until), .. } => {
            format!("awaits wait_for() on {}, until {until} at the latest", names.future(future))
        }
        What::WaitingFor { future, until: None, .. } => {
            format!("wait_for() has cancelled {} and waits for it", names.future(future))
        }
        What::LeavingGroup { left, .. } => {
            format!("leaves the task group: waits for {}", counted(left, "task", "tasks"))
        }
        What::AwaitingNext { left, .. } => {
            format!("awaits the next of {} in as_completed()", counted(left, "future", "futures"))
        }
        What::CalledBack { .. } => "a callback that it made is called".to_owned(),
        What::CallbackFailed { error, .. } => {
            format!("the callback raises {}: the loop reports it", names.error(error))
        }
        What::TimeoutSet { until: Some(until), .. } => format!("timeout set to {until}"),
        What::TimeoutSet { until: None, .. } => "timeout set to never".to_owned(),
        What::WaitReturned { done, pending, timed_out, .. } => {
            let why = if timed_out { "timed out" } else { "returned" };
            format!("resumed: wait() {why} with {done} done, {pending} pending")
        }
        What::ShutdownBegan { left } => {
            let verb = if left == 1 { "is" } else { "are" };
            format!("cancels the {} that {verb} left", counted(left, "task", "tasks"))
        }
        What::UnhandledInShutdown { error, .. } => format!("run() reports its unhandled {}", names.error(error)),
        What::Blocked { operation, object, .. } => {
            format!("waits: {}.{}(){}", names.object(object), operation.method(), held(names, operation, object))
        }
        What::Used { operation, object, count, .. } => {
            let state = object_state(names.make(object), operation, count);
            let (given, got) = match (operation, names.item()) {
                (Operation::Put | Operation::PutNowait, Some(item)) => (names.value(item), String::new()),
                (Operation::Get | Operation::GetNowait, Some(item)) => {
                    (String::new(), format!(" -> {}", names.value(item)))
                }
                _ => Default::default(),
            };
            format!("{}.{}({given}){got}: {state}", names.object(object), operation.method())
        }
        What::Dropped { .. } => "never ends: the loop is closed".to_owned(),
        What::Suspended { .. } => "waits".to_owned(),
        What::WaitDropped { .. } => "drops a future that waits".to_owned(),
        What::WakeLost { .. } => "could go on, and nobody has woken it".to_owned(),
        What::Chose(choice) => chosen(names, choice),
        What::Requested { .. }
        | What::Responded { .. }
        | What::Served { .. }
        | What::Carried { .. }
        | What::Outage { .. } => network::sentence(names, what).unwrap_or_default(),
        What::Children { .. }
        | What::Taken { .. }
        | What::Item { .. }
        | What::Lacks { .. }
        | What::Declared { .. }
        | What::Cleanup { .. } => {
            unreachable!("{what:?} is not told")
        }
    }
}

/// Who holds the lock that somebody wants to have, if that is known.
fn held(names: &Names<'_>, operation: Operation, object: ObjectId) -> String {
    match names.holder(object).filter(|_| operation == Operation::Acquire) {
        Some(holder) if names.doing(holder).is_none() => {
            format!(", which {} still held when it ended", names.task(holder))
        }
        Some(holder) => format!(", which {} holds", names.task(holder)),
        None => String::new(),
    }
}

/// What an object says after it was used.
fn object_state(make: Make, operation: Operation, count: u32) -> String {
    match (make, operation) {
        (Make::Event, _) => if count > 0 { "it is set" } else { "it is clear" }.to_owned(),
        (Make::Semaphore(_), _) => format!("{} free", counted(count, "permit", "permits")),
        (Make::Queue(_), Operation::TaskDone | Operation::Join) => {
            format!("{} not done", counted(count, "item", "items"))
        }
        (Make::Queue(_), _) => format!("{} in it", counted(count, "item", "items")),
        (Make::Condition, Operation::Notify | Operation::NotifyAll) => {
            format!("{} not notified", counted(count, "waiter", "waiters"))
        }
        (Make::Barrier(_), _) => format!("{count} in it"),
        (Make::Lock | Make::Condition | Make::Future, Operation::Wait) => "it has the lock again".to_owned(),
        (Make::Lock | Make::Condition | Make::Future, _) => {
            if count > 0 { "it has the lock" } else { "the lock is free" }.to_owned()
        }
    }
}

fn counted_children(count: u32) -> String {
    counted(count, "child", "children")
}

/// In which part of its life a task is cut.
pub(super) fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::NotStarted => "before its first line runs",
        Phase::Waiting => "while it waits",
        Phase::Woken => "when it has been woken and has not yet run",
        Phase::Cleanup => "when it has been cancelled before and goes on",
        Phase::Again => "when it has been cancelled and not yet been told",
        Phase::OwnPoll => "within its own poll",
        Phase::ResultNotTaken => "when it is done and its result is not taken",
    }
}

/// Turn 0 is where nothing is ever done: there it stands for a machine without turns.
fn done_since(turn: u32) -> String {
    if turn == 0 { "done already".to_owned() } else { format!("done since turn {turn}") }
}

fn with_message(names: &Names<'_>, message: Option<TextId>) -> String {
    message.map(|message| format!(", message {}", names.quoted(message))).unwrap_or_default()
}

pub(super) fn requester(names: &Names<'_>, by: Requester) -> String {
    match by {
        Requester::Task(task) => names.task(task),
        Requester::Outside => "the scenario".to_owned(),
        Requester::Shutdown => "run()".to_owned(),
        Requester::Timeout => "its timeout".to_owned(),
        Requester::TaskGroup => "the task group".to_owned(),
        Requester::Callback => "a callback".to_owned(),
        Requester::Harness => "Atropos".to_owned(),
    }
}

/// Who comes earlier than it would have: the exchange that an answer stands for.
fn chosen(names: &Names<'_>, choice: Choice) -> String {
    let Choice { kind, bound, answer, chosen, .. } = choice;
    let who = chosen.map(|future| format!(", {}", names.future(future))).unwrap_or_default();
    match kind {
        Kind::TimerOrder => format!("next of {bound} timers of one instant: number {}{who}", answer + 1),
        Kind::TaskSetOrder => format!("next of a set of {bound}: number {}{who}", answer + 1),
        Kind::SleepLength => format!("sleep length: {} above the shortest", Nanos(answer)),
        Kind::ReadyOrder | Kind::PollOrder => {
            format!("next of {bound} that are ready: number {}{who}", answer + 1)
        }
        Kind::Branch => "polls the last branch of its `select!` first".to_owned(),
        Kind::Chosen => format!("the test chooses {answer} of {bound}"),
        Kind::Cut => format!("a cut: number {answer} of {}", bound - 1),
        Kind::Failure => "an injected failure fires".to_owned(),
        Kind::MessageLatency | Kind::MessageOrder | Kind::MessageLoss | Kind::Outage => {
            network::chosen(names, choice).unwrap_or_default()
        }
    }
}

/// Whether a run has failed as main did, and not by what another task or `run()` itself has raised.
fn is_mains(error: Error, trace: &Trace) -> bool {
    let end = trace.iter().filter_map(|moment| match moment.what {
        What::Finished { task: TaskId::MAIN, .. } => Some(false),
        What::Failed { task: TaskId::MAIN, error: failed } => Some(failed == error),
        What::Cancelled { task: TaskId::MAIN, .. } => Some(error.is_cancelled()),
        _ => None,
    });
    end.last().unwrap_or(!error.ty.leaves_loop())
}

fn tell_outcome(program: &Program, names: &Names<'_>, trace: &Trace, time: Time, out: &mut String) {
    match trace.outcome {
        Outcome::Finished(value) => out.push_str(&format!("finished: main returned {}\n", names.value(value))),
        Outcome::Failed(error) => {
            let who = if is_mains(error, trace) { "main" } else { "run()" };
            out.push_str(&format!("failed: {who} raised {}\n", names.error(error)));
        }
        Outcome::Deadlocked => {
            out.push_str("deadlocked: nothing is ready and no timer is set\n");
            for (task, doing) in names.unfinished() {
                out.push_str(&format!("  {} {}\n", names.task(task), now(names, doing)));
            }
        }
        Outcome::OutOfSteps => {
            let (limit, raised_by) = (limit(program, Ending::OutOfSteps), raised_by(program, Ending::OutOfSteps));
            out.push_str(&format!(
                "out of steps: the limits are {limit} ({raised_by}), and on turmoil 3,600,000 ticks\n"
            ));
        }
        Outcome::Livelocked => {
            let limit = grouped(u64::from(program.limits.turns_at_one_instant));
            let raised_by = raised_by(program, Ending::Livelocked);
            out.push_str(&format!("livelocked: more than {limit} turns passed at {time} ({raised_by})\n"));
        }
    }
}

/// So many of the futures that a task waits for are named.
const MOST_LACKS: usize = 6;

/// What a task that has not ended does when nothing happens any more.
pub(super) fn now(names: &Names<'_>, doing: Doing) -> String {
    match doing {
        Doing::Starting => "has not started".to_owned(),
        Doing::Running => "waits for nobody".to_owned(),
        Doing::Suspended(task, polls) => match names.chain(task, polls).and_then(own_frame) {
            Some(frame) => format!("waits at {}", frame.place()),
            None => "waits".to_owned(),
        },
        Doing::Awaiting(future) => format!("waits for {}", names.future(future)),
        Doing::Blocked(operation, object) => {
            format!("waits for {}.{}(){}", names.object(object), operation.method(), held(names, operation, object))
        }
        Doing::Asking(host) => format!("waits for an answer of {}", names.host(host)),
        Doing::Waiting(task, count) => match &names.lacks(task)[..] {
            [] => format!("waits for {}", counted(count, "future", "futures")),
            lacks => {
                let lacks: Vec<String> = lacks.iter().map(|&future| names.future(future).to_string()).collect();
                format!("waits for {}", listed(&lacks, MOST_LACKS))
            }
        },
    }
}

fn tell_tally(counting: &Counting, out: &mut String) {
    let tally = counting.tally();
    let whose_end = if counting.has_main_ended() { "main" } else { "the run" };
    out.push_str(&format!(
        "{} finished, {} failed, {} cancelled, {} running when {whose_end} ended at {}\n",
        tally.finished, tally.failed, tally.cancelled, tally.running, tally.ended
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{FutureId, TaskId};
    use crate::program::{Error, ErrorType, Texts, Value, sample};
    use crate::trace::Recorder;

    const MAIN: TaskId = TaskId::MAIN;

    /// Events by turn and time; the texts are the program's.
    fn recorded(outcome: Outcome, turns: &[(u32, u64, &[What])]) -> Trace {
        let mut recorder = Recorder::default();
        for &(turn, secs, events) in turns {
            recorder.turn(turn, Time::ZERO + Nanos::from_secs(secs));
            events.iter().for_each(|&what| recorder.record(what));
        }
        recorder.trace(outcome, &Texts::default())
    }

    fn check(program: &Program, recorded: &Trace, expected: &str) {
        let text = trace(program, recorded);
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
        assert_eq!(text, expected);
    }

    #[test]
    fn tells_who_did_what_in_which_turn() {
        let mut program = sample::program(&["worker"]);
        let worker = sample::instance(&program, "worker");
        let [said, oops] = ["hello", "oops"].map(|text| sample::text(&mut program, text));
        let (first, second, gather) = (TaskId(1), TaskId(2), FutureId(3));
        let error = Error { ty: ErrorType::EXCEPTION, message: Some(oops) };
        let slow = Choice {
            kind: Kind::SleepLength,
            subject: second,
            site: 0,
            bound: 2_000_000_000,
            answer: 500_000_000,
            chosen: None,
        };
        let tie = Choice { kind: Kind::TimerOrder, subject: MAIN, site: 0, bound: 10, answer: 3, chosen: None };
        let recorded = recorded(
            Outcome::Failed(error),
            &[
                (
                    1,
                    0,
                    &[
                        What::Created { task: MAIN, by: MAIN, instance: crate::id::InstanceId::MAIN },
                        What::Started { task: MAIN },
                        What::Created { task: first, by: MAIN, instance: worker },
                        What::Created { task: second, by: MAIN, instance: worker },
                        What::Gathered { future: gather, by: MAIN, children: 2 },
                        What::Awaited { task: MAIN, future: gather },
                    ],
                ),
                (
                    2,
                    0,
                    &[
                        What::Started { task: first },
                        What::Slept { task: first, until: Time(1_000_000_000) },
                        What::Started { task: second },
                        What::Chose(slow),
                        What::Slept { task: second, until: Time(1_500_000_000) },
                    ],
                ),
                (
                    3,
                    1,
                    &[
                        What::Chose(Choice { answer: 0, ..tie }),
                        What::Chose(tie),
                        What::Resumed { task: first, by: Wake::Timer },
                        What::Printed { task: first, text: said },
                        What::Struck { task: first, instance: worker, point: 0 },
                        What::Raised { task: first, error },
                        What::Failed { task: first, error },
                    ],
                ),
                (4, 1, &[What::GatherFailed { future: gather, error }]),
                (
                    5,
                    1,
                    &[
                        What::Resumed { task: MAIN, by: Wake::Future(gather) },
                        What::Caught { task: MAIN, error, clause: ErrorType::EXCEPTION },
                        What::GatherCancelRefused { future: gather, by: Requester::Task(MAIN), since: 4 },
                        What::CancelRefused { task: first, by: Requester::Task(MAIN), since: 3 },
                        What::Failed { task: MAIN, error },
                        What::ShutdownBegan { left: 1 },
                        What::CancelRequested { task: second, by: Requester::Shutdown, message: None },
                    ],
                ),
                (
                    6,
                    1,
                    &[
                        What::CancelDelivered { task: second, message: None },
                        What::Cancelled { task: second, message: None },
                    ],
                ),
            ],
        );
        check(
            &program,
            &recorded,
            "\
time  turn  who         event
  0s     1  main        created by run()
            main        starts
            worker      created by main
            worker#2    created by main
            gather 1    created by main: 2 children
            main        awaits gather 1 (2 children)
  0s     2  worker      starts
            worker      sleeps until 1s
            worker#2    starts
            worker#2    sleep length: 0.5s above the shortest
            worker#2    sleeps until 1.5s
  1s     3  event loop  next of 10 timers of one instant: number 4
            worker      resumed: its sleep is over
            worker      prints 'hello'
            worker      reaches point 'commit': the scenario strikes
            worker      raises Exception('oops')
            worker      fails with Exception('oops')
  1s     4  gather 1    fails with Exception('oops')
  1s     5  main        resumed: gather 1 is done
            main        except catches Exception('oops')
            gather 1    cancel() by main: refused, done since turn 4, so no child is asked
            worker      cancel() by main: refused, done since turn 3
            main        fails with Exception('oops')
            run()       cancels the 1 task that is left
            worker#2    cancel() by run(): accepted
  1s     6  worker#2    CancelledError raised inside
            worker#2    is cancelled

failed: main raised Exception('oops')
0 finished, 1 failed, 0 cancelled, 1 running when main ended at 1s
",
        );
    }

    #[test]
    fn a_deadlock_says_who_waits_for_whom() {
        let program = sample::program(&["task 1"]);
        let one = sample::instance(&program, "task 1");
        let task = TaskId(1);
        let recorded = recorded(
            Outcome::Deadlocked,
            &[
                (
                    1,
                    0,
                    &[
                        What::Created { task, by: MAIN, instance: one },
                        What::Gathered { future: FutureId(2), by: MAIN, children: 1 },
                        What::Awaited { task: MAIN, future: FutureId(2) },
                    ],
                ),
                (2, 0, &[What::Started { task }, What::Waited { task, count: 1, until: None }]),
            ],
        );
        check(
            &program,
            &recorded,
            "\
time  turn  who       event
  0s     1  task 1    created by main
            gather 1  created by main: 1 child
            main      awaits gather 1 (1 child)
  0s     2  task 1    starts
            task 1    awaits wait() on 1 future

deadlocked: nothing is ready and no timer is set
  main waits for gather 1
  task 1 waits for 1 future
0 finished, 0 failed, 0 cancelled, 1 running when the run ended at 0s
",
        );
    }

    /// The sentences that the story above has no use for.
    #[test]
    fn every_event_is_a_sentence() {
        let mut program = sample::program(&["worker"]);
        let text = sample::text(&mut program, "stop");
        let (task, gather, message) = (TaskId(1), FutureId(2), Some(text));
        let error = Error { ty: ErrorType::VALUE_ERROR, message };
        let events = [
            What::Created { task, by: MAIN, instance: sample::instance(&program, "worker") },
            What::Gathered { future: gather, by: MAIN, children: 2 },
            What::Yielded { task },
            What::Resumed { task, by: Wake::Yield },
            What::Awaited { task: MAIN, future: FutureId(1) },
            What::Waited { task, count: 3, until: Some(Time(1_500_000_000)) },
            What::WaitReturned { task, done: 1, pending: 2, timed_out: true },
            What::WaitReturned { task, done: 1, pending: 2, timed_out: false },
            What::Called { task, instance: sample::instance(&program, "worker") },
            What::CallReturned { task, value: Value::Int(-1) },
            What::CancelRequested { task, by: Requester::Outside, message },
            What::GatherCancelRequested { future: gather, by: Requester::Task(MAIN), message },
            What::CancelDelivered { task, message },
            What::Cancelled { task, message },
            What::GatherFinished { future: gather },
            What::Chose(Choice { kind: Kind::TaskSetOrder, subject: MAIN, site: 0, bound: 3, answer: 2, chosen: None }),
            What::Finished { task: MAIN, value: Value::Text(text) },
            What::ShutdownBegan { left: 1 },
            What::Gathered { future: FutureId(3), by: MAIN, children: 1 },
            What::UnhandledInShutdown { task, error },
            What::Dropped { task },
        ];
        check(
            &program,
            &recorded(Outcome::OutOfSteps, &[(1, 0, &events)]),
            "\
time  turn  who       event
  0s     1  worker    created by main
            gather 1  created by main: 2 children
            worker    yields: sleep(0)
            worker    resumed: it had yielded
            main      awaits worker
            worker    awaits wait() on 3 futures, until 1.5s at the latest
            worker    resumed: wait() timed out with 1 done, 2 pending
            worker    resumed: wait() returned with 1 done, 2 pending
            worker    awaits worker in place
            worker    the coroutine returns -1
            worker    cancel() by the scenario: accepted, message 'stop'
            gather 1  cancel() by main: accepted, message 'stop'
            worker    CancelledError raised inside, message 'stop'
            worker    is cancelled, message 'stop'
            gather 1  is done: it has every result
            main      next of a set of 3: number 3
            main      returns 'stop'
            run()     cancels the 1 task that is left
            gather 2  created by run(): 1 child
            worker    run() reports its unhandled ValueError('stop')
            worker    never ends: the loop is closed

out of steps: the limits are 1,000,000 steps (`steps` under `[limits]`), and on turmoil 3,600,000 ticks
0 finished, 0 failed, 1 cancelled, 0 running when main ended at 0s
",
        );
    }

    #[test]
    fn a_long_run_is_told_by_its_beginning_and_its_end() {
        let program = sample::program(&[]);
        let turns = |count| {
            let mut recorder = Recorder::default();
            for turn in 1..=count {
                recorder.turn(turn, Time::ZERO + Nanos::from_secs(u64::from(turn)));
                recorder.record(What::Yielded { task: MAIN });
            }
            recorder.trace(Outcome::OutOfSteps, &Texts::default())
        };
        let most = turns(WHOLE as u32);
        assert_eq!(trace_in_short(&program, &most), trace(&program, &most));
        let told = trace_in_short(&program, &turns(12_595));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 1 + FIRST + 1 + LAST + 3);
        assert_eq!(lines[FIRST], "  200s    200  main  yields: sleep(0)");
        assert_eq!(lines[FIRST + 1].trim(), "⋮ 12,345 more events, all of which are in `--format json`");
        assert_eq!(lines[FIRST + 2], "12546s  12546  main  yields: sleep(0)");
        assert!(told.contains("12595s  12595  main"), "{told}");
    }

    /// Whatever a scenario calls its tasks and prints, a row is one line and the columns hold.
    #[test]
    fn odd_names_and_texts_stay_on_their_row() {
        let long = "a name that is too long to be given a column of its own";
        let names = ["two\nlines", "注文", long, "\u{202e}turned"];
        let mut program = sample::program(&names);
        let text = sample::text(&mut program, "a\nb\u{1b}[31m\u{2028}c");
        let mut events = Vec::new();
        for (number, name) in (1..).zip(names) {
            let task = TaskId(number);
            events.push(What::Created { task, by: MAIN, instance: sample::instance(&program, name) });
            events.push(What::Printed { task, text });
        }
        events.push(What::Finished { task: MAIN, value: Value::Handle(FutureId(1)) });
        check(
            &program,
            &recorded(Outcome::Finished(Value::Handle(FutureId(1))), &[(1, 0, &events)]),
            "\
time  turn  who           event
  0s     1  two\\nlines    created by main
            two\\nlines    prints 'a\\nb\\x1b[31m\\u2028c'
            注文          created by main
            注文          prints 'a\\nb\\x1b[31m\\u2028c'
            a name that is too long to be given a column of its own  created by main
            a name that is too long to be given a column of its own  prints 'a\\nb\\x1b[31m\\u2028c'
            \\u202eturned  created by main
            \\u202eturned  prints 'a\\nb\\x1b[31m\\u2028c'
            main          returns two\\nlines

finished: main returned two\\nlines
0 finished, 0 failed, 0 cancelled, 4 running when main ended at 0s
",
        );
    }
}
