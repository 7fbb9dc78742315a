//! Which cuts come to the same as one that comes later at the same instant, so that only that has to be made.
//!
//! A cut and all that descends from it at its instant go their own way beside the other steps of that instant. If no such
//! step that comes before one of theirs gets in its way, from some place on, then the cut could as well have come at that
//! place: it is the same cut, made earlier. Steps of different turns are in order whatever is chosen, but a cut that comes
//! earlier moves all that descends from it to earlier turns, so here it does not matter in which turn a step is.
//!
//! Places are tried from the last one on. What is found of a cut there goes up to the places before.
//!
//! Where the same cut may come in another turn without a difference, it needs no order of its own in this turn. Where it
//! may not, it counts as a part of all that ran in this turn before as well, because an order in which it comes after one of
//! those may leave no place for it.
//!
//! Of several cuts only the last one of a run is looked at like this: what one does the next may undo.
//!
//! Knows nothing of how steps are made.

use super::branch::Asked;
use super::stack::Turn;
use crate::choice::Kind;
use crate::id::FutureId;
use crate::machine::{Part, Root, Watched, conflict};

/// Where in a run a cut may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The how manieth instant it is.
    instant: u64,
    /// The turn; none while everybody waits for time to move.
    turn: Option<u32>,
    /// After how many steps of the instant.
    step: u64,
}

/// A cut that was tried at a place, or at a later one that comes to the same.
#[derive(Clone, Copy, Debug)]
struct Cut {
    victim: FutureId,
    /// In which turn it was made.
    turn: Option<u32>,
    reach: Reach,
    /// Whether it could as well come after the turn of this place.
    may_leave_turn: bool,
}

/// How much earlier a cut could as well have come: after so many steps of its instant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    /// In whichever turn.
    since: u64,
    /// In the turn in which it was made.
    since_in_turn: u64,
}

impl Reach {
    fn within(self, other: Reach) -> Reach {
        let (since, since_in_turn) = (self.since.max(other.since), self.since_in_turn.max(other.since_in_turn));
        Reach { since, since_in_turn }
    }
}

/// A step that does not descend from the cut.
#[derive(Clone, Debug)]
pub(super) struct Other {
    turn: u32,
    /// The how manieth of its instant it is.
    step: u64,
    pub(super) part: Part,
}

/// A place for the last cut of a run, and what is known of it.
#[derive(Clone, Debug)]
struct Place {
    /// Which question of the step asks for it, and for which victims.
    question: usize,
    victims: Vec<FutureId>,
    spot: Spot,
    made: Vec<Cut>,
    later: Later,
}

/// What is known of the cuts at the next place, if there is none here.
#[derive(Clone, Debug, Default)]
struct Later {
    /// In how many ways it goes on from here to such a place, and how many of those have told.
    ways: u32,
    told: u32,
    cuts: Vec<Cut>,
}

/// What a place tells the one before.
pub(super) struct Told {
    spot: Spot,
    cuts: Vec<Cut>,
}

/// The places of a step: one while everybody waits for time to move, and one before the handle.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    list: Vec<Place>,
    /// Whether the first place has been there after different answers.
    is_split: bool,
}

/// The last cut of the run, while its instant lasts.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// In which frame it was made.
    pub(super) frame: usize,
    /// By which question, and who.
    pub(super) question: usize,
    victim: FutureId,
    spot: Spot,
    /// What ran before in its turn, if that counts.
    pub(super) ahead: Vec<Root>,
}

impl Places {
    /// Takes over what a step was asked with answers of which so many were given. `before` is the turn before it,
    /// `is_at_rest` says whether nothing was ready then.
    pub(super) fn adopt(
        &mut self,
        known: usize,
        asked: &mut [Asked],
        before: &Turn,
        is_at_rest: bool,
        watched: &Watched,
    ) {
        let first = self.list.first().map(|place| place.question);
        self.is_split |= first.is_some_and(|question| question >= known);
        self.list.retain(|place| place.question < known);
        let cuts = asked.iter_mut().enumerate().filter(|(_, asked)| asked.kind == Kind::Cut);
        for (question, asked) in cuts.filter(|(question, _)| *question >= known) {
            let has_moved = watched.moved.is_some_and(|(questions, _)| questions as usize <= question);
            let turn = Some(watched.turn).filter(|_| has_moved || !is_at_rest);
            let spot = match has_moved {
                true => Spot { instant: before.instant + 1, turn, step: 0 },
                false => Spot { instant: before.instant, turn, step: before.steps },
            };
            let (made, later) = (Vec::new(), Later::default());
            self.list.push(Place { question, victims: std::mem::take(&mut asked.victims), spot, made, later });
        }
    }

    /// The run goes on with these answers.
    pub(super) fn take(&mut self, answers: &[u64]) {
        if let Some(place) = self.list.last_mut()
            && answers[place.question] == 0
        {
            place.later.ways += 1;
        }
    }

    /// The last cut of the run, if it is made with these answers; `watched` is the step.
    pub(super) fn cut(&mut self, frame: usize, answers: &[u64], watched: &Watched) -> Option<Running> {
        let place = self.list.iter_mut().find(|place| answers[place.question] != 0)?;
        let victim = place.victims[answers[place.question] as usize - 1];
        let may_leave_turn = place.later.find(victim).is_some_and(|cut| cut.may_leave_turn);
        if !place.made.iter().any(|cut| cut.victim == victim) {
            place.made.push(Cut { victim, turn: place.spot.turn, reach: Reach::default(), may_leave_turn });
        }
        let ahead = if may_leave_turn { Vec::new() } else { watched.ahead.clone() };
        Some(Running { frame, question: place.question, victim, spot: place.spot, ahead })
    }

    /// In another run a cut reaches only so far.
    pub(super) fn hinder(&mut self, running: &Running, reach: Reach) {
        for place in self.list.iter_mut().filter(|place| place.question == running.question) {
            for cut in place.made.iter_mut().filter(|cut| cut.victim == running.victim) {
                cut.reach = cut.reach.within(reach);
            }
        }
    }

    /// Whether an answer to a question is a cut that comes to the same as one that was made later.
    pub(super) fn is_made_later(&self, question: usize, answer: u64) -> bool {
        let Some(place) = self.list.iter().find(|place| place.question == question) else { return false };
        let Some(victim) = (answer as usize).checked_sub(1).map(|at| place.victims[at]) else { return false };
        place.later.find(victim).is_some_and(|cut| {
            let is_in_turn = cut.turn.is_some() && cut.turn == place.spot.turn;
            cut.reach.since <= place.spot.step || is_in_turn && cut.reach.since_in_turn <= place.spot.step
        })
    }

    /// What the first place tells the one before, once all has been tried.
    pub(super) fn tell(self) -> Option<Told> {
        let place = self.list.into_iter().next().filter(|_| !self.is_split)?;
        let mut cuts = place.made;
        for &victim in &place.victims {
            if !cuts.iter().any(|cut| cut.victim == victim) {
                cuts.extend(place.later.find(victim));
            }
        }
        Some(Told { spot: place.spot, cuts })
    }

    /// What the next place has told, if there was no cut with these answers.
    pub(super) fn hear(&mut self, answers: &[u64], told: Option<Told>) {
        let Some(place) = self.list.last_mut() else { return };
        let Some(Told { spot, mut cuts }) = told.filter(|told| told.spot.instant == place.spot.instant) else { return };
        if answers.get(place.question) != Some(&0) {
            return;
        }
        if spot.turn != place.spot.turn {
            cuts.iter_mut().for_each(|cut| cut.may_leave_turn = cut.reach.since <= spot.step);
        }
        place.later.hear(cuts);
    }

    /// About how many bytes they take.
    pub(super) fn size(&self) -> usize {
        let place = |place: &Place| {
            let cuts = size_of_val(&place.made[..]) + size_of_val(&place.later.cuts[..]);
            size_of::<Place>() + size_of_val(&place.victims[..]) + cuts
        };
        self.list.iter().map(place).sum()
    }
}

impl Later {
    fn hear(&mut self, cuts: Vec<Cut>) {
        self.told += 1;
        if self.told == 1 {
            self.cuts = cuts;
            return;
        }
        self.cuts.retain_mut(|known| {
            let Some(cut) = cuts.iter().find(|cut| cut.victim == known.victim) else { return false };
            known.reach = known.reach.within(cut.reach);
            // Of two turns it is in none.
            known.turn = known.turn.filter(|_| known.turn == cut.turn);
            known.may_leave_turn &= cut.may_leave_turn;
            true
        });
    }

    fn find(&self, victim: FutureId) -> Option<Cut> {
        let all_have_told = self.told == self.ways;
        self.cuts.iter().copied().find(|cut| all_have_told && cut.victim == victim)
    }
}

/// Takes the parts of a step into an instant: how far the cut of the run reaches for all that.
pub(super) fn follow(turn: &mut Turn, watched: &Watched, parts: &[Part]) -> Reach {
    let mut reach = Reach::default();
    for part in parts {
        if !part.roots.contains(&Root::CUT) {
            turn.others.push(Other { turn: watched.turn, step: turn.steps, part: part.clone() });
            continue;
        }
        let cut_in = turn.cut.as_ref().and_then(|cut| cut.spot.turn);
        for other in turn.others.iter().filter(|other| conflict(&other.part.touches, &part.touches)) {
            let since = other.step + 1;
            // A step of another turn comes before or after this one wherever in its turn the cut is made, and of one that
            // has become ready since nobody knows by what.
            let since_in_turn = match other.turn == watched.turn {
                true if Some(other.turn) == cut_in => since,
                true => u64::MAX,
                false => 0,
            };
            reach = reach.within(Reach { since, since_in_turn });
        }
    }
    reach
}

impl Reach {
    /// Of a cut that ends the loop: in another turn it would do that before other steps.
    pub(super) const TURN: Reach = Reach { since: u64::MAX, since_in_turn: 0 };
    /// That leaves the cut where it is.
    pub(super) const NONE: Reach = Reach { since: u64::MAX, since_in_turn: u64::MAX };
}
