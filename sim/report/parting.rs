//! Where a failing run leaves a passing run of the same program, and which two events change places.
//!
//! What is asked and who is cut is not counted: that is why the runs part, not where. Events are the same in two runs if
//! they happen at the same time, to somebody of the same name, and are told in the same words; turns may differ.
//!
//! Knows nothing of how the passing run was found, or of why one of the two fails.

use std::collections::BTreeMap;

use crate::program::Program;
use crate::time::Time;
use crate::trace::{Moment, Trace, What};

use super::columns::{Side, align};
use super::names::{Names, clipped, counted};
use super::trace::{is_untold, tell};

/// Where two runs part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// How many events they have in common from the start.
    pub agree: usize,
    /// What happens next in the passing run; nothing if it ends there.
    pub passing: Option<Told>,
    /// What happens next in the failing one; a cut, if that is why they part.
    pub failing: Option<Told>,
    /// Two events, the first of which comes first in the passing run and second in the failing one. Nothing if the
    /// failing run leaves the passing one because somebody is cut there.
    pub order: Option<(Told, Told)>,
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub time: Time,
    /// In which turn; 0 on a machine that has none.
    pub turn: u32,
    /// To whom: `worker 1`.
    pub who: String,
    /// What: `starts`.
    pub event: String,
}

/// After the parting, the order of so many events is looked at.
const MOST_COMPARED: usize = 10_000;

/// Of a longer event, so many characters are told.
const LONGEST_EVENT: usize = 80;

/// Where `failing` leaves `passing`.
pub fn parting(program: &Program, failing: &Trace, passing: &Trace) -> Parting {
    let agree = agreement(failing, passing);
    let (is_cut, failing) = after(program, failing, agree);
    let (_, passing) = after(program, passing, agree);
    let order = if is_cut { None } else { exchanged(&failing, &passing) };
    let order = order.map(|(first, second)| (passing[first].clone(), failing[second].clone()));
    Parting { agree, passing: passing.into_iter().next(), failing: failing.into_iter().next(), order }
}

/// How many events two runs of one program have in common from the start.
pub fn agreement(one: &Trace, other: &Trace) -> usize {
    let counts = |moment: &Moment| is_counted(moment.what);
    let pairs = one.iter().filter(counts).zip(other.iter().filter(counts));
    pairs.take_while(|(a, b)| a.time == b.time && a.what == b.what).count()
}

/// Whether an event is one in which runs are compared.
pub(super) fn is_counted(what: What) -> bool {
    !matches!(what, What::Chose(_) | What::Cut { .. }) && !is_untold(what)
}

/// The events after the first `agree` ones, cuts among them, and whether a cut comes first.
fn after(program: &Program, trace: &Trace, agree: usize) -> (bool, Vec<Told>) {
    let mut names = Names::new(program, trace);
    let (mut seen, mut is_cut, mut told) = (0, false, Vec::new());
    for moment in trace.iter() {
        names.see(moment.what);
        let is_here = agree <= seen;
        seen += usize::from(is_counted(moment.what));
        if !is_here || matches!(moment.what, What::Chose(_)) {
            continue;
        }
        if told.len() == MOST_COMPARED {
            break;
        }
        is_cut |= told.is_empty() && matches!(moment.what, What::Cut { .. });
        if let Some((who, event)) = tell(&names, moment.what) {
            let event = clipped(&event, LONGEST_EVENT).into_owned();
            told.push(Told { time: moment.time, turn: moment.turn, who, event });
        }
    }
    (is_cut, told)
}

/// The first two events that have changed places: the number in `passing` of the one that comes first there, and the
/// number in `failing` of the one that comes first here.
fn exchanged(failing: &[Told], passing: &[Told]) -> Option<(usize, usize)> {
    let mut places: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (at, told) in passing.iter().enumerate().rev() {
        places.entry((&told.who, &told.event)).or_default().push(at);
    }
    // The n-th time that something happens is the n-th time in the other run too.
    let mut latest: Vec<(usize, usize)> = Vec::new();
    for (here, told) in failing.iter().enumerate() {
        let Some(at) = places.get_mut(&(told.who.as_str(), told.event.as_str())).and_then(Vec::pop) else { continue };
        // As long as nothing is found the last one is the latest.
        if latest.last().is_some_and(|&(last, _)| at < last) {
            return latest.into_iter().find(|&(earlier, _)| at < earlier).map(|(_, overtaking)| (at, overtaking));
        }
        latest.push((at, here));
    }
    None
}

/// Two runs that should be one and the same, and are not: where they part, from both sides.
pub fn mismatch(program: &Program, first: &Trace, again: &Trace) -> String {
    let parting = parting(program, again, first);
    let events = counted(parting.agree as u64, "event", "events");
    let mut out = format!("Two runs with the same choices agree for {events} only. Then\n");
    parting.tell_both(["first time", "second time"], &mut out);
    out
}

/// The same of two runs as lines of text, the second of which was made in a fresh process.
pub fn mismatch_in_fresh_process(here: &[String], fresh: &[String]) -> String {
    let agree = here.iter().zip(fresh).take_while(|(one, other)| one == other).count();
    // The first line is the head of the table.
    let events = counted(agree.saturating_sub(1) as u64, "event", "events");
    let line = |lines: &[String]| clipped(lines.get(agree).map_or("", String::as_str), LONGEST_EVENT).into_owned();
    let mut out = format!("A run here and the same one in a fresh process agree for {events} only. Then\n");
    let rows = [["  here".to_owned(), line(here)], ["  fresh process".to_owned(), line(fresh)]];
    align(&rows, [Side::Left; 2], &mut out);
    out
}

impl Parting {
    /// A few lines for a person.
    pub(super) fn tell(&self, out: &mut String) {
        let agree = counted(self.agree as u64, "event", "events");
        if self.passing.is_none() && self.failing.is_none() {
            out.push_str(&format!("The nearest passing run has the same {agree}.\n"));
            return;
        }
        out.push_str(&format!("The nearest passing run agrees for {agree}. Then\n"));
        self.tell_both(["passing", "failing"], out);
        if let Some((first, second)) = &self.order {
            if (Some(first), Some(second)) == (self.passing.as_ref(), self.failing.as_ref()) {
                out.push_str("What decides is the order of these two.\n");
                return;
            }
            out.push_str("What decides is the order of two events, which is the other way round in the passing run:\n");
            let row = |when: &str, Told { who, event, .. }: &Told| [format!("  {when}"), who.clone(), event.clone()];
            align(&[row("first", second), row("then", first)], [Side::Left; 3], out);
        }
    }

    /// What happens next in either run.
    fn tell_both(&self, names: [&str; 2], out: &mut String) {
        let row = |which: &str, told: &Option<Told>| {
            let [time, turn, who, event] = told.as_ref().map_or_else(Default::default, Told::cells);
            let event = if told.is_some() { event } else { "the run ends".to_owned() };
            [format!("  {which}"), time, turn, who, event]
        };
        let rows = [row(names[0], &self.passing), row(names[1], &self.failing)];
        align(&rows, [Side::Left, Side::Right, Side::Left, Side::Left, Side::Left], out);
    }
}

impl Told {
    fn cells(&self) -> [String; 4] {
        let turn = if self.turn > 0 { format!("turn {}", self.turn) } else { String::new() };
        [self.time.to_string(), turn, self.who.clone(), self.event.clone()]
    }
}
