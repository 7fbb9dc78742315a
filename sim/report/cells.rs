//! What stands in the cells of the lane table: each event in a few words, and what belongs together in one row.
//!
//! Knows nothing of widths, or of which rows are left out.

use unicode_width::UnicodeWidthStr as _;

use crate::choice::{Choice, Kind};
use crate::id::{FutureId, TaskId, TextId};
use crate::program::Program;
use crate::time::{Nanos, Time};
use crate::trace::{Moment, Phase, Requester, Trace, Wake, What};

use super::names::{Doing, Names, clipped, counted, listed, ordinal, quoted};
use super::network;
use super::parting::is_counted;
use super::sites::{Site, own_frame};
use super::trace::{is_untold, requester, sentence};

/// A row: what happens at one moment, in the lanes of whoever has a part in it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) time: Time,
    pub(super) turn: u32,
    /// How many events of the run come before it.
    pub(super) event: usize,
    /// By lane, each with the rail of the task's life.
    pub(super) cells: Vec<(Rail, Option<Cell>)>,
    /// Who creates or cancels the others here.
    actor: Option<Actor>,
}

/// What a task has to do with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) tone: Tone,
}

/// How much a cell matters to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// The task goes its way; such cells of one task go together in a row.
    Plain,
    /// The task ends, or has to do with another one.
    Apart,
    /// It is a cancellation or an error.
    Trouble,
    /// The harness does it, or something does not come in plain order.
    Unusual,
}

/// The line that stands for a task's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rail {
    /// It is not there yet, or not any more.
    Absent,
    /// It comes into being.
    Begins,
    /// It is there.
    Goes,
    /// It ends.
    Ends,
}

/// Who does something to other tasks in one go.
#[derive(Clone, Debug)]
struct Actor {
    task: TaskId,
    verb: &'static str,
    /// To whom, those with a lane first.
    names: Vec<String>,
    /// How many of them have a lane.
    shown: usize,
}

/// An event as a cell.
struct Act {
    whose: TaskId,
    text: String,
    tone: Tone,
    /// Who does it to `whose`.
    actor: Option<(TaskId, &'static str)>,
}

/// Two plain cells go together if they do not get wider than this, with so many lanes.
fn longest_joined(lanes: usize) -> usize {
    match lanes {
        ..=2 => 44,
        3 => 34,
        _ => 26,
    }
}

/// An actor's cell names those who have a lane, or if nobody has, so many.
const MOST_NAMED: usize = 3;

/// Of a longer text, so many characters are told: what a scenario prints may have no end.
const LONGEST_TEXT: usize = 100;

/// The rows in the making.
pub(super) struct Fold<'a> {
    program: &'a Program,
    trace: &'a Trace,
    names: Names<'a>,
    /// Whose the lanes are, in the order of the tasks.
    lanes: &'a [TaskId],
    alive: Vec<bool>,
    rows: Vec<Row>,
    /// How many events there have been.
    events: usize,
    /// The last event: some are told together with the next.
    last: Option<What>,
    /// Who was cut last.
    cut: Option<TaskId>,
}

impl<'a> Fold<'a> {
    pub(super) fn new(program: &'a Program, trace: &'a Trace, lanes: &'a [TaskId]) -> Fold<'a> {
        let names = Names::new(program, trace);
        let alive = vec![false; lanes.len()];
        Fold { program, trace, names, lanes, alive, rows: Vec::new(), events: 0, last: None, cut: None }
    }

    /// The rows.
    pub(super) fn finish(self) -> Vec<Row> {
        self.rows
    }

    /// Takes one more event in. With `apart` it goes with none of the rows before it.
    pub(super) fn see(&mut self, moment: Moment, apart: bool) {
        self.names.see(moment.what);
        if let What::Cut { task, .. } = moment.what {
            self.cut = Some(task);
        }
        if let Some(act) = self.act(moment.what) {
            let text = clipped(&act.text, LONGEST_TEXT).into_owned();
            self.tell(moment, Act { text, ..act }, apart);
        }
        self.events += usize::from(is_counted(moment.what));
        if !is_untold(moment.what) {
            self.last = Some(moment.what);
        }
    }

    fn lane(&self, task: TaskId) -> Option<usize> {
        self.lanes.binary_search(&task).ok()
    }

    /// Whether a task has a lane and has not ended.
    fn is_alive(&self, task: TaskId) -> bool {
        self.lane(task).is_some_and(|lane| self.alive[lane])
    }

    fn tell(&mut self, Moment { time, turn, what }: Moment, act: Act, apart: bool) {
        let lane = self.lane(act.whose);
        let actor = act.actor.filter(|&(actor, _)| self.lane(actor).is_some());
        if lane.is_none() && actor.is_none() {
            return;
        }
        let goes_on = !apart && self.rows.last().is_some_and(|row| (row.time, row.turn) == (time, turn));
        if goes_on && let Some(lane) = lane {
            if self.ends_in_its_last_cell(what) {
                self.rewrite_last(lane, act.text);
                return;
            }
            if act.tone == Tone::Plain && actor.is_none() && self.joins_last(lane, &act.text) {
                return;
            }
        }
        if goes_on && matches!(what, What::CancelRequested { .. }) && actor.is_none() && self.ends_with(lane, &act.text)
        {
            // One who awaits it was asked at the same time, and has passed that on.
            return;
        }
        let goes_with_last = goes_on && actor.is_some() && self.last_row_is_by(actor, lane);
        if !goes_with_last {
            let rail = |&alive: &bool| (if alive { Rail::Goes } else { Rail::Absent }, None);
            let cells = self.alive.iter().map(rail).collect();
            self.rows.push(Row { time, turn, event: self.events, cells, actor: None });
        }
        if let Some(lane) = lane {
            self.put(lane, what, Cell { text: act.text, tone: act.tone });
        }
        if let Some((actor, verb)) = actor {
            self.put_actor(actor, verb, act.whose, lane.is_some(), act.tone);
        }
    }

    /// Whether the last row says this of this lane.
    fn ends_with(&self, lane: Option<usize>, text: &str) -> bool {
        let cell = lane.and_then(|lane| self.rows.last()?.cells[lane].1.as_ref());
        cell.is_some_and(|cell| cell.text == text)
    }

    /// Whether the event is the end of a task that was told in the last row what ends it.
    fn ends_in_its_last_cell(&self, what: What) -> bool {
        match (self.last, what) {
            (Some(What::Raised { task: last, error: raised }), What::Failed { task, error }) => {
                last == task && raised == error
            }
            (Some(What::CancelDelivered { task: last, .. }), What::Cancelled { task, .. }) => last == task,
            _ => false,
        }
    }

    fn rewrite_last(&mut self, lane: usize, text: String) {
        self.alive[lane] = false;
        if let Some((rail, Some(cell))) = self.rows.last_mut().map(|row| &mut row.cells[lane]) {
            *rail = Rail::Ends;
            cell.text = text;
        }
    }

    /// Adds to the last row if it has nothing but a plain cell of this lane, and room.
    fn joins_last(&mut self, lane: usize, text: &str) -> bool {
        let longest = longest_joined(self.lanes.len());
        let Some(row) = self.rows.last_mut() else { return false };
        if row.cells.iter().enumerate().any(|(at, (_, cell))| at != lane && cell.is_some()) {
            return false;
        }
        let (_, Some(Cell { text: before, tone: Tone::Plain })) = &mut row.cells[lane] else { return false };
        let fits = before.width() + 2 + text.width() <= longest;
        if fits {
            before.push_str(", ");
            before.push_str(text);
        }
        fits
    }

    /// Whether the last row is of the same doing, and has nothing in this lane yet.
    fn last_row_is_by(&self, actor: Option<(TaskId, &'static str)>, lane: Option<usize>) -> bool {
        self.rows.last().is_some_and(|row| {
            row.actor.as_ref().map(|actor| (actor.task, actor.verb)) == actor
                && lane.is_none_or(|lane| row.cells[lane].1.is_none())
        })
    }

    fn put(&mut self, lane: usize, what: What, cell: Cell) {
        let was_alive = self.alive[lane];
        let begins = matches!(what, What::Created { .. } | What::Started { .. });
        let is_alive = !is_end(what) && (was_alive || begins);
        self.alive[lane] = is_alive;
        let rail = match (was_alive, is_alive) {
            (false, true) => Rail::Begins,
            (true, true) => Rail::Goes,
            (true, false) => Rail::Ends,
            (false, false) => Rail::Absent,
        };
        if let Some(row) = self.rows.last_mut() {
            row.cells[lane] = (rail, Some(cell));
        }
    }

    fn put_actor(&mut self, task: TaskId, verb: &'static str, whom: TaskId, is_shown: bool, tone: Tone) {
        let (name, lane) = (self.names.task(whom), self.lane(task));
        let (Some(row), Some(lane)) = (self.rows.last_mut(), lane) else { return };
        let actor = row.actor.get_or_insert_with(|| Actor { task, verb, names: Vec::new(), shown: 0 });
        if is_shown {
            actor.names.insert(actor.shown, name);
            actor.shown += 1;
        } else {
            actor.names.push(name);
        }
        let text = format!("{verb} {}", listed(&actor.names, if actor.shown > 0 { actor.shown } else { MOST_NAMED }));
        row.cells[lane].1 = Some(Cell { text, tone });
    }
}

fn is_end(what: What) -> bool {
    matches!(what, What::Finished { .. } | What::Failed { .. } | What::Cancelled { .. } | What::Dropped { .. })
}

/// The words.
impl Fold<'_> {
    /// The event as a cell; nothing if it is not told, or was told with the last.
    fn act(&self, what: What) -> Option<Act> {
        let act = |whose, tone, text: String| Some(Act { whose, text, tone, actor: None });
        let plain = |whose, text: &str| act(whose, Tone::Plain, text.to_owned());
        let names = &self.names;
        match what {
            What::Created { task, by, .. } if task == by => None,
            What::Created { task, by, .. } => {
                Some(Act { whose: task, text: "created".to_owned(), tone: Tone::Apart, actor: Some((by, "creates")) })
            }
            What::Started { task } => plain(task, "starts"),
            What::Printed { task, text } if !self.program.is_rust() => {
                act(task, Tone::Plain, format!("prints {}", names.quoted(text)))
            }
            What::Yielded { task } => plain(task, "yields"),
            What::Slept { task, until } => act(task, Tone::Plain, format!("sleeps until {until}")),
            What::Awaited { task, future } => act(task, Tone::Plain, format!("awaits {}", names.future(future))),
            What::Waited { task, count, until } => {
                let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
                act(task, Tone::Plain, format!("waits for {}{until}", counted(count, "future", "futures")))
            }
            What::Called { task, instance } => act(task, Tone::Plain, format!("calls {}", names.instance(instance))),
            What::CallReturned { task, value } => {
                act(task, Tone::Plain, format!("call returns {}", names.value(value)))
            }
            What::Resumed { task, by: Wake::Yield } => plain(task, "goes on"),
            What::Resumed { task, by: Wake::Timer } => plain(task, "wakes"),
            What::Resumed { task, by: Wake::Task(by) } => {
                act(task, Tone::Plain, format!("woken by {}", names.task(by)))
            }
            What::Resumed { task, by: Wake::Future(future) } => {
                act(task, Tone::Plain, format!("resumed: {} is done", names.future(future)))
            }
            What::Resumed { task, by: Wake::Object(object) } => {
                act(task, Tone::Plain, format!("resumed: {} wakes it", names.object(object)))
            }
            What::Resumed { task, by: Wake::Library } => plain(task, "resumed"),
            What::Blocked { task, .. }
            | What::WaitingFor { task, .. }
            | What::LeavingGroup { task, .. }
            | What::AwaitingNext { task, .. } => act(task, Tone::Plain, sentence(names, what)),
            What::Used { task, .. } | What::TimeoutSet { task, .. } => act(task, Tone::Plain, sentence(names, what)),
            What::Shielded { future, by, inner } => {
                act(by, Tone::Plain, format!("makes {} of {}", names.future(future), names.future(inner)))
            }
            What::WaitReturned { task, timed_out: true, pending, .. } => {
                act(task, Tone::Plain, format!("resumed: timeout, {pending} pending"))
            }
            What::WaitReturned { task, done, pending, .. } => {
                act(task, Tone::Plain, format!("resumed: {done} done, {pending} pending"))
            }
            What::CalledBack { task } => plain(task, "its callback is called"),
            What::CallbackFailed { task, error } => {
                act(task, Tone::Trouble, format!("its callback raises {}", names.error(error)))
            }
            What::Raised { task, error } => act(task, Tone::Trouble, format!("raises {}", names.error(error))),
            What::Caught { task, error, .. } => act(task, Tone::Trouble, format!("catches {}", names.error(error))),
            What::Finished { task, .. } if self.program.is_rust() => act(task, Tone::Apart, "is done".to_owned()),
            What::Cancelled { task, .. } if self.program.is_rust() => act(task, Tone::Trouble, "is dropped".to_owned()),
            What::Printed { task, text } if self.program.is_rust() => {
                act(task, Tone::Plain, format!("notes {}", names.quoted(text)))
            }
            What::Finished { task, value } => act(task, Tone::Apart, format!("returns {}", names.value(value))),
            What::Failed { task, error } => {
                let subject = if names.is_no_panic(error) { "it " } else { "" };
                act(task, Tone::Trouble, format!("fails: {subject}{}", names.error(error)))
            }
            What::Cancelled { task, .. } => {
                let by = if self.ends_in_its_last_cell(what) { "CancelledError ends it" } else { "ends as cancelled" };
                act(task, Tone::Trouble, by.to_owned())
            }
            What::Suspended { task } => self.suspended(task),
            What::WaitDropped { task, place } => {
                let place = own_frame(self.trace.sites.dropped(place)?)?.short_place();
                act(task, Tone::Trouble, format!("drops what waits at {place}"))
            }
            What::WakeLost { task } => act(task, Tone::Unusual, "could go on, and nobody has woken it".to_owned()),
            What::Dropped { task } => act(task, Tone::Trouble, "never ends: the loop is closed".to_owned()),
            // What run() gathers after main has ended is its own affair.
            What::Gathered { by, .. } if !self.is_alive(by) => None,
            What::Gathered { future, by, children } => {
                let children = counted(children, "child", "children");
                act(by, Tone::Plain, format!("makes {} of {children}", names.future(future)))
            }
            What::ShutdownBegan { left } => {
                act(TaskId::MAIN, Tone::Apart, format!("run() cancels the {} left", counted(left, "task", "tasks")))
            }
            What::Chose(choice) => self.unusual(choice),
            _ => self.trouble(what),
        }
    }

    /// Where a real future waits, if that was seen.
    fn suspended(&self, task: TaskId) -> Option<Act> {
        let Some(Doing::Suspended(_, polls)) = self.names.doing(task) else { return None };
        let place = own_frame(self.names.chain(task, polls)?)?.short_place();
        Some(Act { whose: task, text: format!("waits at {place}"), tone: Tone::Plain, actor: None })
    }

    /// What has to do with cancelling and with errors that nobody raised.
    fn trouble(&self, what: What) -> Option<Act> {
        let act = |whose, text: String| Some(Act { whose, text, tone: Tone::Trouble, actor: None });
        let names = &self.names;
        match what {
            What::CancelRequested { task, by, message } => self.request(task, by, message),
            What::CancelRefused { task, by, since } => {
                let text = format!("is done since turn {since}");
                let actor = if let Requester::Task(by) = by { Some((by, "cannot cancel")) } else { None };
                Some(Act { whose: task, text, tone: Tone::Trouble, actor })
            }
            What::GatherCancelRequested { future, by, .. } => {
                act(names.owner(future)?, self.gather_cancel(future, by, ""))
            }
            What::GatherCancelRefused { future, by, since } => act(
                names.owner(future)?,
                self.gather_cancel(future, by, &format!(": refused, done since turn {since}")),
            ),
            What::GatherFinished { future } => {
                let whose = names.owner(future).filter(|&owner| self.is_alive(owner))?;
                let text = format!("{} has every result", names.future(future));
                Some(Act { whose, text, tone: Tone::Plain, actor: None })
            }
            What::GatherFailed { future, error } => {
                act(names.owner(future)?, format!("{} fails: {}", names.future(future), names.error(error)))
            }
            What::CancelDelivered { task, message } => {
                act(task, format!("CancelledError raised{}", self.with(message)))
            }
            What::Struck { task, instance, point } => {
                let point = quoted(names.point(instance, point));
                Some(Act { whose: task, text: format!("struck at point {point}"), tone: Tone::Trouble, actor: None })
            }
            What::Cut { task, phase, instance, site } => {
                let site = Site::new(instance, site, names.instance_of_task(task)).seen(self.trace, task);
                let when = if phase == Phase::NotStarted { String::new() } else { site.told_short(self.program) };
                let text = format!("✂ cut {}{when}", short_phase(phase));
                Some(Act { whose: task, text, tone: Tone::Unusual, actor: None })
            }
            What::UnhandledInShutdown { task, error } => act(task, format!("run() reports its {}", names.error(error))),
            _ => {
                let (whose, text) = network::cell(names, what)?;
                Some(Act { whose, text, tone: Tone::Plain, actor: None })
            }
        }
    }

    fn request(&self, task: TaskId, by: Requester, message: Option<TextId>) -> Option<Act> {
        let message = self.with(message);
        let (text, actor) = match by {
            Requester::Task(by) if by == task => (format!("cancels itself{message}"), None),
            Requester::Task(by) => {
                let arrow = match (self.lane(by), self.lane(task)) {
                    (Some(by), Some(own)) if by < own => "← ",
                    (Some(_), Some(_)) => "→ ",
                    _ => "",
                };
                (format!("{arrow}cancelled by {}{message}", self.names.task(by)), Some((by, "cancels")))
            }
            Requester::Outside => (format!("cancelled by the scenario{message}"), None),
            Requester::Shutdown => ("cancelled by run()".to_owned(), None),
            Requester::Timeout => ("cancelled by its timeout".to_owned(), None),
            Requester::TaskGroup => ("cancelled by the task group".to_owned(), None),
            Requester::Callback => ("cancelled by a callback".to_owned(), None),
            // The cut itself says so.
            Requester::Harness if matches!(self.last, Some(What::Cut { task: cut, .. }) if cut == task) => return None,
            Requester::Harness => {
                let whom = self.cut.map(|task| format!(" with {}", self.names.task(task))).unwrap_or_default();
                (format!("cancelled{whom}"), None)
            }
        };
        Some(Act { whose: task, text, tone: Tone::Trouble, actor })
    }

    fn gather_cancel(&self, future: FutureId, by: Requester, how: &str) -> String {
        let gather = self.names.future(future);
        match by {
            Requester::Task(by) if self.names.owner(future) == Some(by) => format!("cancels {gather}{how}"),
            by => format!("{gather} cancelled by {}{how}", requester(&self.names, by)),
        }
    }

    fn with(&self, message: Option<TextId>) -> String {
        message.map(|message| format!(": {}", self.names.quoted(message))).unwrap_or_default()
    }

    /// A choice that is not the ordinary one.
    fn unusual(&self, choice: Choice) -> Option<Act> {
        let Choice { kind, subject, bound, answer, chosen, .. } = choice;
        let whose = chosen.and_then(|future| self.names.owner(future)).unwrap_or(subject);
        let place = ordinal(answer as usize + 1);
        let text = match kind {
            _ if answer == 0 => return None,
            // The cut itself is told when it comes.
            Kind::Cut => return None,
            Kind::TimerOrder => format!("comes early: {place} of {bound} due now"),
            Kind::TaskSetOrder => format!("comes early: {place} of a set of {bound}"),
            Kind::ReadyOrder | Kind::PollOrder => format!("comes early: {place} of {bound} ready"),
            Kind::Branch => "polls the last branch of its `select!` first".to_owned(),
            Kind::Chosen => format!("the test chooses {answer}"),
            Kind::SleepLength => format!("takes {} longer", Nanos(answer)),
            Kind::Failure => "an injected failure fires".to_owned(),
            Kind::MessageLatency | Kind::MessageOrder | Kind::MessageLoss | Kind::Outage => {
                network::chosen(&self.names, choice)?
            }
        };
        Some(Act { whose, text, tone: Tone::Unusual, actor: None })
    }
}

/// The phase before the name of a site.
fn short_phase(phase: Phase) -> &'static str {
    match phase {
        Phase::NotStarted => "before its first line",
        Phase::Waiting => "while it waits: ",
        Phase::Woken => "when woken, not yet run: ",
        Phase::Cleanup => "in its cleanup: ",
        Phase::Again => "before it is told: ",
        Phase::OwnPoll => "within its own poll: ",
        Phase::ResultNotTaken => "done, its result not taken: ",
    }
}
