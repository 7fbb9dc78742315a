//! The lane table: one column a task, main first, rows by virtual time and turn.
//!
//! It is made for reading how one run failed: only the tasks that have a role in it have a lane, what a task does in
//! one go stands in one row, and what is as in the passing run is left out. Whoever creates or cancels another task
//! has a cell in the row in which that happens to the other.
//!
//! Knows nothing of why a run failed: it is told whom it is about.

use crate::choice::Kind;
use crate::id::TaskId;
use crate::program::Program;
use crate::trace::{Requester, Trace, What};

use super::cells::{Fold, Row, Tone};
use super::draw::{Line, draw};
use super::names::{Names, counted, listed};
use super::paint::{Paint, Style};
use super::parting::is_counted;

/// What a lane table is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// The tasks that the failure is about. Main, and whoever cancelled them, awaited them or was awaited by them, come
    /// by themselves.
    pub tasks: Vec<TaskId>,
    /// How many events are as in the nearest passing run; nothing without one.
    pub agree: Option<usize>,
}

/// More lanes than this do not fit a terminal.
const MOST_LANES: usize = 5;

/// So many of the others are named.
const MOST_NAMED: usize = 6;

/// A program of so few tasks has all of them in lanes, and one in which nobody has a role the first.
const FEW_TASKS: usize = 3;

/// A run of so few rows is told whole.
const WHOLE: usize = 28;

/// Of a longer one: so many rows before the runs part, so many from there on, and so many at the end.
const BEFORE: usize = 6;
const AFTER: usize = 18;
const LAST: usize = 4;

/// The longest stretch of rows of which repetitions are looked for.
const LONGEST_PERIOD: usize = 8;

/// The lanes of a run as text.
pub fn lanes(program: &Program, trace: &Trace, focus: &Focus) -> String {
    let mut out = String::new();
    tell_lanes(program, trace, focus, Paint::Off, &mut out);
    out
}

/// Appends the lanes.
pub(super) fn tell_lanes(program: &Program, trace: &Trace, focus: &Focus, paint: Paint, out: &mut String) {
    let mut names = Names::new(program, trace);
    trace.iter().for_each(|moment| names.see(moment.what));
    let chosen = choose(&names, trace, focus);
    let mut fold = Fold::new(program, trace, &chosen);
    let mut events = 0;
    for moment in trace.iter() {
        fold.see(moment, focus.agree == Some(events));
        events += usize::from(is_counted(moment.what));
    }
    let mut lines = window(fold.finish(), events, focus);
    // A lane in which nothing is left to be told would be nothing but width.
    let is_kept: Vec<bool> =
        (0..).zip(&chosen).map(|(lane, task)| focus.tasks.contains(task) || has_cell(&lines, lane)).collect();
    for line in &mut lines {
        if let Line::Row(row) = line {
            let mut kept = is_kept.iter();
            row.cells.retain(|_| kept.next() == Some(&true));
        }
    }
    let all = (0..names.count() as u32).map(TaskId);
    let (shown, others): (Vec<TaskId>, Vec<TaskId>) =
        all.partition(|task| chosen.binary_search(task).is_ok_and(|lane| is_kept[lane]));
    let heads: Vec<String> = shown.iter().map(|&task| names.task(task)).collect();
    draw(&heads, &lines, paint, out);
    if !others.is_empty() {
        let count = counted(others.len() as u64, "other task", "other tasks");
        let others: Vec<String> = others.iter().map(|&task| names.task(task)).collect();
        out.push_str(&paint.text(&format!("{count}: {}", listed(&others, MOST_NAMED)), Style::Faint));
        out.push('\n');
    }
}

/// Whether anything is told in this lane.
fn has_cell(lines: &[Line], lane: usize) -> bool {
    lines.iter().any(|line| matches!(line, Line::Row(row) if row.cells[lane].1.is_some()))
}

/// Who has a lane: main, those in focus, who was cut or struck or comes out of order, who cancelled them, who was first told by a
/// host to wait, and who awaits or is awaited by them; the first to be named first if there are too many.
fn choose(names: &Names<'_>, trace: &Trace, focus: &Focus) -> Vec<TaskId> {
    if names.count() <= FEW_TASKS {
        return (0..names.count() as u32).map(TaskId).collect();
    }
    let mut chosen = vec![TaskId::MAIN];
    let add = |chosen: &mut Vec<TaskId>, task: TaskId| {
        if chosen.len() < MOST_LANES && !chosen.contains(&task) {
            chosen.push(task);
        }
    };
    focus.tasks.iter().for_each(|&task| add(&mut chosen, task));
    for moment in trace.iter() {
        match moment.what {
            What::Cut { task, .. } | What::Struck { task, .. } => add(&mut chosen, task),
            What::Chose(choice) if choice.answer != 0 && choice.kind != Kind::Cut => {
                let whose = choice.chosen.and_then(|future| names.owner(future));
                add(&mut chosen, whose.unwrap_or(choice.subject));
            }
            _ => {}
        }
    }
    let nearest = chosen.clone();
    let is_near = |task: TaskId| task != TaskId::MAIN && nearest.contains(&task);
    let mut tells_to_wait = trace.iter().filter_map(|moment| match moment.what {
        What::Responded { task, retry_after: Some(_), .. } => Some(task),
        _ => None,
    });
    if let Some(first) = tells_to_wait.next() {
        add(&mut chosen, first);
    }
    for moment in trace.iter() {
        match moment.what {
            What::CancelRequested { task, by: Requester::Task(by), .. } if is_near(task) => add(&mut chosen, by),
            What::Awaited { task, future } => match names.owner(future) {
                Some(other) if is_near(task) => add(&mut chosen, other),
                Some(other) if is_near(other) => add(&mut chosen, task),
                _ => {}
            },
            _ => {}
        }
    }
    if chosen.len() == 1 {
        (1..names.count() as u32).take(FEW_TASKS).for_each(|task| add(&mut chosen, TaskId(task)));
    }
    chosen.sort_unstable();
    chosen
}

/// The rows that are told, and what stands for the others. The run has `events` events in all.
fn window(rows: Vec<Row>, events: usize, focus: &Focus) -> Vec<Line> {
    let mut lines = without_repetitions(rows);
    let row_at =
        |fits: &dyn Fn(&Row) -> bool| lines.iter().position(|line| matches!(line, Line::Row(row) if fits(row)));
    let parting = focus.agree.and_then(|agree| row_at(&|row| agree <= row.event));
    let point = parting.or_else(|| row_at(&Row::is_unusual));
    if WHOLE < lines.len() {
        let first = |at: usize| {
            lines[at..].iter().find_map(|line| if let Line::Row(row) = line { Some(row.event) } else { None })
        };
        let to = point.map_or(lines.len(), |point| (point + AFTER).min(lines.len()));
        let from = point.map_or(lines.len() - WHOLE, |point| point.saturating_sub(BEFORE));
        let last = to.max(lines.len() - LAST);
        let left_out = |from: usize, to: usize| first(to).unwrap_or(events) - first(from).unwrap_or(events);
        let (before, after) = (left_out(0, from), left_out(to, last));
        let as_passing = if parting.is_some() { " as in the passing run" } else { "" };
        // From the end on, so that the places before stay what they are.
        if to < last {
            lines.splice(to..last, [Line::Elided(counted(after as u64, "event", "events"))]);
        }
        lines.splice(..from, (0 < from).then(|| Line::Elided(counted(before as u64, "event", "events") + as_passing)));
    }
    if let Some(agree) = focus.agree.filter(|&agree| 0 < agree) {
        let at = lines.iter().position(|line| matches!(line, Line::Row(row) if agree <= row.event));
        lines.insert(at.unwrap_or(lines.len()), Line::Parting);
    }
    lines
}

/// Rows that come again and again at one instant are told once.
fn without_repetitions(rows: Vec<Row>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut at = 0;
    'rows: while at < rows.len() {
        for period in 1..=LONGEST_PERIOD {
            let same = |next: usize| rows.get(next + period).is_some_and(|row| row.is_like(&rows[next]));
            let repeated = (at..).take_while(|&next| same(next)).count() / period;
            if repeated > 2 {
                lines.extend(rows[at..at + period].iter().cloned().map(Line::Row));
                let what = if period == 1 { "the same".to_owned() } else { format!("these {period} rows") };
                lines.push(Line::Elided(format!("{what} {} more", counted(repeated as u64, "time", "times"))));
                at += period * (repeated + 1);
                continue 'rows;
            }
        }
        lines.push(Line::Row(rows[at].clone()));
        at += 1;
    }
    lines
}

impl Row {
    /// Whether it says the same of the same tasks at the same time, in whatever turn.
    fn is_like(&self, other: &Row) -> bool {
        self.time == other.time && self.cells == other.cells
    }

    /// Whether something happens that does not happen in plain order.
    fn is_unusual(&self) -> bool {
        self.cells.iter().any(|(_, cell)| cell.as_ref().is_some_and(|cell| cell.tone == Tone::Unusual))
    }
}
