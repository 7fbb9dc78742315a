//! Cuts by name: who is cancelled, at which await, in which phase, and how long after it last ran.
//!
//! Knows nothing of what else is free in a run.

use super::names::Named;
use crate::choice::{Cut, Deviation, Kind};
use crate::id::{InstanceId, TaskId};
use crate::machine::{Opening, Openings};
use crate::program::{IN_RUST, Program};
use crate::trace::Phase;

/// What the last part of a cut's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// In which phase the victim is, and how many handles after it last ran.
    Somebody(Phase, u64),
    /// Nobody is known to be there, so the answer itself is the name.
    Number(u64),
}

impl Aim {
    /// As in `waiting+3`, `number 57`, `woken+0 of inject 2`.
    fn write(self, entry: usize) -> String {
        let aim = match self {
            Aim::Somebody(phase, age) => format!("{}+{age}", phase.name()),
            Aim::Number(answer) => format!("number {answer}"),
        };
        if entry == 0 { aim } else { format!("{aim} of inject {}", entry + 1) }
    }

    /// The same backwards, with the entry.
    fn read(text: &str) -> Option<(Aim, usize)> {
        let (aim, entry) = match text.split_once(" of inject ") {
            Some((aim, number)) => (aim, number.parse::<usize>().ok()?.checked_sub(1)?),
            None => (text, 0),
        };
        if let Some(answer) = aim.strip_prefix("number ") {
            return Some((Aim::Number(answer.parse().ok()?), entry));
        }
        let (name, age) = aim.split_once('+')?;
        let phase = Phase::ALL.into_iter().find(|phase| phase.name() == name)?;
        Some((Aim::Somebody(phase, age.parse().ok()?), entry))
    }
}

/// The name of the cut that is `answer` to a question of `entry`.
pub(super) fn name(program: &Program, run: &Named, entry: usize, answer: u64) -> Deviation {
    let opening = Cut::from_answer(answer, program.cuts[entry].tasks).and_then(|cut| at(&run.openings, entry, cut));
    match opening {
        Some(opening) => {
            let (subject, own) = run.tasks[opening.task.index()].clone();
            let chosen = Aim::Somebody(opening.phase, opening.age).write(entry);
            Deviation { kind: Kind::Cut, subject, site: site(program, own, opening), visit: opening.visit, chosen }
        }
        None => {
            let chosen = Aim::Number(answer).write(entry);
            Deviation { kind: Kind::Cut, subject: String::new(), site: String::new(), visit: 0, chosen }
        }
    }
}

/// The opening that a cut goes through.
fn at(openings: &Openings, entry: usize, cut: Cut) -> Option<&Opening> {
    let mut here = openings.list.iter();
    here.find(|opening| (opening.entry, opening.cut) == (entry, cut))
}

/// At which await of its code a victim is, `own` being the coroutine that it was made of; nothing before its start, and
/// nothing for Rust code, where how often it has waited is what is known in every run.
fn site(program: &Program, own: InstanceId, opening: &Opening) -> String {
    if opening.visit == 0 || program.is_rust() || opening.site == IN_RUST {
        return String::new();
    }
    let body = program.body(opening.instance);
    let number = body.ops.iter().take(opening.site as usize + 1).filter(|op| op.awaits().is_some()).count();
    if opening.instance == own { format!("await {number}") } else { format!("await {number} of {}", body.name) }
}

/// Where a cut of this name would be: its entry, and the answer. `room` is how many cuts more there may be by each entry.
pub(super) fn find(program: &Program, run: &Named, cut: &Deviation, room: &[u32]) -> Option<(usize, u64)> {
    match Aim::read(&cut.chosen)? {
        (Aim::Number(answer), entry) => {
            let cuts = program.cuts.get(entry)?;
            let is_asked = 0 < answer && answer <= cuts.handles.saturating_mul(cuts.tasks.into()) && room[entry] > 0;
            (is_asked && name(program, run, entry, answer) == *cut).then_some((entry, answer))
        }
        (Aim::Somebody(phase, age), entry) => {
            let is_it = |found: &&Opening| (found.entry, found.visit, found.age) == (entry, cut.visit, age);
            let found = through(program, run, cut, phase, room)?.find(is_it)?;
            Some((entry, found.cut.answer(program.cuts[entry].tasks)))
        }
    }
}

/// The same for the nearest cut of that victim at that await in that phase: if possible at the same visit, and as long
/// after it.
pub(super) fn find_near(program: &Program, run: &Named, cut: &Deviation, room: &[u32]) -> Option<(usize, u64)> {
    let (Aim::Somebody(phase, age), entry) = Aim::read(&cut.chosen)? else { return None };
    let distance = |found: &&Opening| {
        (found.visit.abs_diff(cut.visit), found.age.abs_diff(age), found.entry != entry, found.entry)
    };
    let found = through(program, run, cut, phase, room)?.min_by_key(distance)?;
    Some((found.entry, found.cut.answer(program.cuts[found.entry].tasks)))
}

/// The openings of a cut's victim at its await in this phase that can be answered.
fn through<'a>(
    program: &'a Program,
    run: &'a Named,
    cut: &'a Deviation,
    phase: Phase,
    room: &'a [u32],
) -> Option<impl Iterator<Item = &'a Opening>> {
    let task = run.tasks.iter().position(|(name, _)| *name == cut.subject)?;
    let own = run.tasks[task].1;
    let is_there = move |found: &&Opening| {
        let cuts = &program.cuts[found.entry];
        (found.task, found.phase) == (TaskId(task as u32), phase)
            && found.cut.handle < cuts.handles
            && found.cut.victim < cuts.tasks
            && room[found.entry] > 0
            && site(program, own, found) == cut.site
    };
    Some(run.openings.list.iter().filter(is_there))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_read_as_it_is_written() {
        let check = |aim: Aim, entry: usize, text: &str| {
            assert_eq!((aim.write(entry).as_str(), Aim::read(text)), (text, Some((aim, entry))));
        };
        check(Aim::Somebody(Phase::Waiting, 3), 0, "waiting+3");
        check(Aim::Somebody(Phase::NotStarted, 0), 1, "not-started+0 of inject 2");
        check(Aim::Number(57), 0, "number 57");
        for text in ["", "waiting", "waiting+", "waiting+x", "asleep+1", "number", "number -1", "woken+0 of inject 0"] {
            assert_eq!(Aim::read(text), None, "{text}");
        }
    }
}
