//! A run by names: what deviates in it from the ordinary run, and the same found again, perhaps in an edited program.
//!
//! [`deviations`] names every choice of a run that is not the ordinary one. [`place`] goes the other way: it looks for the
//! question that each name speaks of and answers it as it was answered, and says which names found no place. In the
//! program that they come from, all of them do, and the run is the same to the last question.
//!
//! A question exists only once what comes before it has been answered. So `place` goes in rounds: it answers every
//! question that it recognises in the run so far, makes the run again, and takes back what has become wrong by that.
//! A name is unique in a run, and a run is the same up to where it is answered otherwise; so in each round at least the
//! first answer that was missing is put where it belongs, and stays.
//!
//! Knows nothing of tokens, of files, or of which machine runs.

mod answers;
mod cuts;
mod names;

use std::collections::BTreeMap;

use crate::choice::{Choices, Deviation, Kind, Log};
use crate::experiment::Run;
use crate::program::Program;
use crate::time::duration;

use answers::{Answers, Wish};
use names::{FIRES, Named};

/// What became of names in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The choices of the run in which they are placed.
    pub log: Log,
    /// Those that found no place.
    pub unplaced: Vec<Deviation>,
}

/// Names every choice of a run that is not the ordinary one, in the order of the questions. Makes the run; if the
/// program may be cut, a second time.
pub fn deviations(run: &mut dyn Run, program: &Program, choices: &mut dyn Choices) -> Vec<Deviation> {
    let named = Named::run(run, program, choices, !program.cuts.is_empty());
    let cuts = named.cuts.iter().map(|&(entry, answer)| cuts::name(program, &named, entry, answer));
    let answers = named.log.iter().filter(|choice| choice.kind != Kind::Cut).map(|choice| choice.answer);
    let others = named.questions.iter().zip(answers).filter(|(_, answer)| *answer != 0);
    cuts.chain(others.map(|(question, _)| question.clone())).collect()
}

/// Looks for the questions that `deviations` speak of, and answers them so; everything else is answered as in the
/// ordinary run. A cut that cannot be exactly where it was is put to the nearest place that differs only in how often and
/// how long ago the victim ran.
pub fn place(run: &mut dyn Run, program: &Program, deviations: &[Deviation]) -> Placed {
    let has_cuts = deviations.iter().any(|deviation| deviation.kind == Kind::Cut);
    let items = deviations.iter().map(|deviation| Item { wanted: deviation.clone(), spot: None, was_moved: false });
    let mut search = Search { run, program, items: items.collect(), has_cuts };
    let mut named = search.settle();
    // Where nothing has to be moved, each round settles one more; and each is moved at most once.
    for _ in 0..2 * deviations.len() {
        let before = search.spots();
        if search.put_exactly(&named) {
            named = search.settle();
        }
        if search.spots() == before {
            if !search.put_nearby(&named) {
                break;
            }
            named = search.settle();
        }
    }
    let unplaced = search.items.iter().zip(deviations).filter(|(item, _)| item.spot.is_none());
    Placed { unplaced: unplaced.map(|(_, deviation)| deviation.clone()).collect(), log: named.log }
}

/// A deviation and where it is.
struct Item {
    /// What is to be found there: the deviation itself, unless it was moved.
    wanted: Deviation,
    spot: Option<Spot>,
    was_moved: bool,
}

/// A question, as far as a replay can point to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// The question of this number, those of cuts not counted, and how it is answered.
    Question(usize, Wish),
    /// A question of this entry, and its answer.
    Cut(usize, u64),
}

struct Search<'a> {
    run: &'a mut dyn Run,
    program: &'a Program,
    items: Vec<Item>,
    has_cuts: bool,
}

impl Search<'_> {
    /// Makes runs until everything that is placed is found where it is.
    fn settle(&mut self) -> Named {
        loop {
            let named = self.make_run();
            let mut is_settled = true;
            for item in &mut self.items {
                if item.spot.is_some_and(|spot| found(self.program, &named, spot).as_ref() != Some(&item.wanted)) {
                    item.spot = None;
                    is_settled = false;
                }
            }
            if is_settled {
                return named;
            }
        }
    }

    fn spots(&self) -> Vec<Option<Spot>> {
        self.items.iter().map(|item| item.spot).collect()
    }

    fn make_run(&mut self) -> Named {
        let mut wishes = BTreeMap::new();
        let mut cuts = vec![Vec::new(); self.program.cuts.len()];
        for item in self.items.iter().rev() {
            match item.spot {
                Some(Spot::Question(number, wish)) => _ = wishes.insert(number, wish),
                Some(Spot::Cut(entry, answer)) => cuts[entry].push(answer),
                None => {}
            }
        }
        let mut answers = Answers { wishes: &wishes, cuts, asked: 0 };
        Named::run(self.run, self.program, &mut answers, self.has_cuts)
    }

    /// Puts whatever has no place where the run asks for exactly that; whether there was any.
    fn put_exactly(&mut self, named: &Named) -> bool {
        let mut numbers: BTreeMap<_, usize> = named.questions.iter().map(key).zip(0..).collect();
        for item in &self.items {
            if item.spot.is_some() {
                numbers.remove(&key(&item.wanted));
            }
        }
        let mut room = self.room();
        let mut spots = self.spots();
        for (spot, Item { wanted, .. }) in spots.iter_mut().zip(&self.items).filter(|(spot, _)| spot.is_none()) {
            if wanted.kind == Kind::Cut {
                let Some((entry, answer)) = cuts::find(self.program, named, wanted, &room) else { continue };
                room[entry] -= 1;
                *spot = Some(Spot::Cut(entry, answer));
            } else if let Some(wish) = wish(named, wanted) {
                *spot = numbers.remove(&key(wanted)).map(|number| Spot::Question(number, wish));
            }
        }
        let any = spots != self.spots();
        for (item, spot) in self.items.iter_mut().zip(spots) {
            item.spot = spot;
        }
        any
    }

    /// Puts the first cut that has no place to the nearest one; whether there was any.
    fn put_nearby(&mut self, named: &Named) -> bool {
        for at in 0..self.items.len() {
            let Item { wanted, spot, was_moved } = &self.items[at];
            if spot.is_some() || *was_moved || wanted.kind != Kind::Cut {
                continue;
            }
            let near = cuts::find_near(self.program, named, wanted, &self.room());
            if let Some((entry, answer)) = near {
                let wanted = cuts::name(self.program, named, entry, answer);
                self.items[at] = Item { wanted, spot: Some(Spot::Cut(entry, answer)), was_moved: true };
                return true;
            }
        }
        false
    }

    /// How many cuts more there may be, by entry.
    fn room(&self) -> Vec<u32> {
        let mut room: Vec<u32> = self.program.cuts.iter().map(|cuts| cuts.up_to).collect();
        for item in &self.items {
            if let Some(Spot::Cut(entry, _)) = item.spot {
                room[entry] -= 1;
            }
        }
        room
    }
}

/// What is asked and chosen at a spot of a run.
fn found(program: &Program, named: &Named, spot: Spot) -> Option<Deviation> {
    match spot {
        Spot::Question(number, _) => named.questions.get(number).cloned(),
        Spot::Cut(entry, answer) => Some(cuts::name(program, named, entry, answer)),
    }
}

/// What tells a question from every other one of its run.
fn key(deviation: &Deviation) -> (Kind, &str, &str, u32) {
    (deviation.kind, &deviation.subject, &deviation.site, deviation.visit)
}

/// The option that is chosen, if there can be such a one.
fn wish(named: &Named, Deviation { kind, chosen, .. }: &Deviation) -> Option<Wish> {
    match kind {
        Kind::MessageOrder => {
            let number = || chosen.strip_prefix("connection ")?.parse().ok();
            named.connections.get(chosen).copied().or_else(number).map(Wish::Connection)
        }
        Kind::SleepLength | Kind::MessageLatency | Kind::Outage => {
            duration::parse(chosen).ok().map(|length| Wish::Length(length.0))
        }
        Kind::Failure | Kind::MessageLoss => (chosen == FIRES).then_some(Wish::Fires),
        Kind::Chosen if chosen == FIRES => Some(Wish::Fires),
        Kind::Chosen | Kind::Branch => chosen.parse().ok().map(Wish::Length),
        Kind::TimerOrder | Kind::ReadyOrder | Kind::TaskSetOrder | Kind::PollOrder => {
            if let Some(&future) = named.futures.get(chosen) {
                return Some(Wish::Future(future, 1));
            }
            let (name, nth) = chosen.strip_suffix(')')?.rsplit_once(" (")?;
            let nth = nth.parse().ok().filter(|&nth| nth > 0)?;
            named.futures.get(name).map(|&future| Wish::Future(future, nth))
        }
        Kind::Cut => None,
    }
}
