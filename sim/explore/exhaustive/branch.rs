//! A state in which a step asks something, and which answers have been tried there.
//!
//! Knows nothing of the machine that asks.

use super::normal::Normal;
use crate::choice::{Choices, Kind, Options, Question};
use crate::machine::{Order, Touch, Watched, conflict};
use crate::time::Nanos;

/// A question of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    alternatives: Alternatives,
}

/// The answers to be tried, from the ordinary one on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Alternatives {
    /// All that are less than that.
    Below(u64),
    /// These, in order.
    These(Vec<u64>),
}

impl Alternatives {
    /// Those after one of them.
    fn after(&self, before: u64) -> impl Iterator<Item = u64> + '_ {
        let (below, these) = match self {
            Alternatives::Below(bound) => (before + 1..*bound, &[][..]),
            Alternatives::These(these) => (0..0, &these[..]),
        };
        below.chain(these.iter().copied().filter(move |&answer| answer > before))
    }
}

/// Gives the answers that it is told, and else the ordinary ones.
pub(super) struct Script<'a> {
    pub(super) answers: &'a [u64],
    pub(super) asked: Vec<Asked>,
    /// How long it is to each deadline that is set.
    pub(super) deadlines: &'a [Nanos],
    /// Whether anything that is ready may run next, so that the order of timers says nothing.
    pub(super) is_free: bool,
    /// Whether a range had more lengths than are tried.
    pub(super) left_out_lengths: bool,
}

/// A range of so few lengths is tried whole.
const LENGTHS_MAX: u64 = 8;

impl Script<'_> {
    /// The least length, the greatest, and those just before, at and just after each deadline.
    fn lengths(&mut self, min: u64, max: u64) -> Vec<u64> {
        if max - min < LENGTHS_MAX {
            return (0..=max - min).collect();
        }
        self.left_out_lengths = true;
        let mut lengths = vec![0, max - min];
        for deadline in self.deadlines {
            let around = [deadline.0.saturating_sub(1), deadline.0, deadline.0.saturating_add(1)];
            lengths.extend(around.into_iter().filter(|length| (min..=max).contains(length)).map(|length| length - min));
        }
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }
}

impl Choices for Script<'_> {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        let answer = self.answers.get(self.asked.len()).copied().unwrap_or(0);
        let alternatives = match question.options {
            Options::Range { min, max } => Alternatives::These(self.lengths(min, max)),
            _ if self.is_free && question.kind == Kind::TimerOrder => Alternatives::Below(1),
            _ => Alternatives::Below(question.bound()),
        };
        self.asked.push(Asked { kind: question.kind, alternatives });
        answer
    }
}

/// Something ready that need not run next: every run that begins with it has been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sleeper {
    pub(super) name: u64,
    pub(super) touches: Vec<Touch>,
}

impl Sleeper {
    pub(super) fn size(&self) -> usize {
        size_of::<Sleeper>() + size_of_val(&self.touches[..])
    }
}

/// The sleepers that a step with these touches does not wake.
pub(super) fn still_asleep<'a>(sleepers: impl Iterator<Item = &'a Sleeper>, touches: &[Touch]) -> Vec<Sleeper> {
    sleepers.filter(|sleeper| !conflict(&sleeper.touches, touches)).cloned().collect()
}

/// The answers of a step, as far as they have been tried.
#[derive(Clone, Debug, Default)]
pub(super) struct Branch {
    pub(super) answers: Vec<u64>,
    asked: Vec<Asked>,
    orders: Vec<(Order, Normal)>,
    ready: Option<Ready>,
    /// Whether there was no room for an answer.
    pub(super) is_bounded: bool,
}

/// The question which of what is ready runs next.
#[derive(Clone, Debug)]
struct Ready {
    question: usize,
    names: Vec<u64>,
    /// Those that have had their turn.
    done: Vec<Sleeper>,
    /// What the present one has touched.
    touches: Vec<Touch>,
}

/// What bounds the answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room<'a> {
    /// How many more deviations there may be.
    pub(super) deviations: u32,
    /// What sleeps, if no one is cut.
    pub(super) asleep: &'a [Sleeper],
}

impl Branch {
    /// Takes over what a step was asked with these answers.
    pub(super) fn adopt(&mut self, mut script: Vec<u64>, asked: Vec<Asked>, watched: &mut Watched, is_reduced: bool) {
        // What was asked up to the last answer of the script was asked before.
        let known = script.len();
        script.resize(asked.len(), 0);
        (self.answers, self.asked) = (script, asked);
        if !is_reduced {
            return;
        }
        self.orders.retain(|(order, _)| (order.first_question as usize) < known);
        for order in &watched.orders {
            match self.orders.iter_mut().find(|(other, _)| other.first_question == order.first_question) {
                // An earlier answer may have changed how many orders the run had before.
                Some((known, _)) => *known = *order,
                None => self.orders.push((*order, Normal::new(order.items))),
            }
        }
        let ready = watched.ready.take().map(|(question, names)| (question as usize, names));
        match (ready, &mut self.ready) {
            (Some((question, _)), Some(ready)) if ready.question == question && question < known => {}
            (Some((question, names)), ready) => {
                *ready = Some(Ready { question, names, done: Vec::new(), touches: Vec::new() });
            }
            (None, ready) => *ready = None,
        }
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let lengths = self.asked.iter().map(|asked| match &asked.alternatives {
            Alternatives::Below(_) => 0,
            Alternatives::These(these) => size_of_val(&these[..]),
        });
        let orders = self.orders.iter().map(|(_, normal)| size_of::<Order>() + normal.size());
        let ready = self.ready.as_ref().map_or(0, |ready| {
            let done: usize = ready.done.iter().map(Sleeper::size).sum();
            size_of_val(&ready.names[..]) + done + size_of_val(&ready.touches[..])
        });
        let answers = size_of_val(&self.answers[..]) + size_of_val(&self.asked[..]);
        size_of::<Branch>() + answers + lengths.chain(orders).sum::<usize>() + ready
    }

    /// Whether somebody is cut.
    pub(super) fn cuts(&self) -> bool {
        self.asked.iter().zip(&self.answers).any(|(asked, &answer)| asked.kind == Kind::Cut && answer != 0)
    }

    /// How many answers are not the ordinary ones.
    pub(super) fn deviations(&self) -> u32 {
        self.answers.iter().filter(|&&answer| answer != 0).count() as u32
    }

    /// Two items of an order are in each other's way.
    pub(super) fn relate(&mut self, number: u32, one: u32, other: u32) {
        if let Some((_, normal)) = self.orders.iter_mut().find(|(order, _)| order.number == number) {
            normal.relate(one, other);
        }
    }

    /// The orders that the step asked for.
    pub(super) fn orders(&self) -> impl Iterator<Item = u32> {
        self.orders.iter().map(|(order, _)| order.number)
    }

    /// Whether what runs next is asleep.
    pub(super) fn is_asleep(&self, room: Room<'_>) -> bool {
        let Some(ready) = &self.ready else { return false };
        self.sleeps(ready, self.answers[ready.question], room)
    }

    fn sleeps(&self, ready: &Ready, answer: u64, room: Room<'_>) -> bool {
        let name = ready.names[answer as usize];
        let asleep = if self.cuts() { &[] } else { room.asleep };
        asleep.iter().chain(&ready.done).any(|sleeper| sleeper.name == name)
    }

    /// The present step has touched this: who sleeps after it.
    pub(super) fn step_touches(&mut self, touches: &[Touch], asleep: &[Sleeper]) -> Vec<Sleeper> {
        let asleep = if self.cuts() { &[] } else { asleep };
        let Some(ready) = &mut self.ready else { return still_asleep(asleep.iter(), touches) };
        ready.touches.extend_from_slice(touches);
        ready.touches.sort_unstable();
        ready.touches.dedup();
        still_asleep(asleep.iter().chain(&ready.done), touches)
    }

    /// The beginning of the next answers to be tried.
    pub(super) fn next(&mut self, room: Room<'_>) -> Option<Vec<u64>> {
        let asleep = self.ready.as_ref().filter(|_| self.is_asleep(room)).map(|ready| ready.question + 1);
        for at in (0..asleep.unwrap_or(self.asked.len())).rev() {
            let within = |order: &Order| {
                (order.first_question as usize..).take(order.items as usize - 1).any(|asked| asked == at)
            };
            if let Some((order, normal)) = self.orders.iter_mut().find(|(order, _)| within(order)) {
                if order.first_question as usize == at
                    && let Some(next) = normal.next()
                {
                    return Some([&self.answers[..at], &Normal::answers(next)].concat());
                }
                continue;
            }
            self.answers.truncate(at + 1);
            self.asked.truncate(at + 1);
            let before = self.answers[at];
            let spent = self.answers[..at].iter().filter(|&&answer| answer != 0).count() as u32;
            let next = if room.deviations <= spent {
                self.is_bounded |= self.asked[at].alternatives.after(before).next().is_some();
                None
            } else if self.ready.as_ref().is_some_and(|ready| ready.question == at) {
                self.next_ready(at, room)
            } else {
                self.asked[at].alternatives.after(before).next()
            };
            if let Some(next) = next {
                return Some([&self.answers[..at], &[next]].concat());
            }
        }
        None
    }

    fn next_ready(&mut self, at: usize, room: Room<'_>) -> Option<u64> {
        let before = self.answers[at];
        let mut ready = self.ready.take()?;
        if !self.sleeps(&ready, before, room) {
            let done = Sleeper { name: ready.names[before as usize], touches: std::mem::take(&mut ready.touches) };
            ready.done.push(done);
        }
        let next = self.asked[at].alternatives.after(before).find(|&answer| !self.sleeps(&ready, answer, room));
        self.ready = Some(ready);
        next
    }
}
