//! Whether a run is as expected, and whether something is wrong with it that nobody has to ask for: folds over its
//! events.
//!
//! A search may be in the middle of many runs at once, so a [`Judge`] can be copied between two events, and two judges
//! that are equal will say the same about the same rest. [`judge`] is that fold over a whole trace by what the file
//! expects; [`examine`] asks the [`Oracles`] too.
//!
//! Knows nothing of how a run came about, or of how a verdict is told.

mod cleanup;
mod endings;
mod events;
mod futures;
mod lost_cancel;
mod lost_result;
mod lost_wakeup;
mod oracles;
mod overtaken;
mod requests;
#[cfg(test)]
mod tests;

pub use futures::{Forbidden, Futures};
pub use oracles::Oracles;

use std::hash::{Hash, Hasher};

use events::Events;

use crate::experiment::Judging;
use crate::id::TaskId;
use crate::machine::{Access, Object, Touch};
use crate::program::{ErrorType, Program, Texts, quote};
use crate::reuse::clone_in_place;
use crate::time::Time;
use crate::trace::{Counting, Moment, Outcome, Tally, Trace, What};
use crate::verdict::{Ending, Expectation, Under, Unmet, Verdict};

/// What a whole run means by what is expected of it.
pub fn judge(expectation: &Expectation, program: &Program, trace: &Trace) -> Verdict {
    after(Judge::new(expectation, program), trace)
}

/// What a whole run means, with all that the oracles find.
pub fn examine(expectation: &Expectation, program: &Program, trace: &Trace) -> Verdict {
    after(Judge::with_oracles(expectation, program), trace)
}

fn after(mut judge: Judge<'_>, trace: &Trace) -> Verdict {
    for moment in trace.iter() {
        judge.see(moment, &trace.texts);
    }
    judge.end(trace.outcome)
}

/// A judgement in the making. Judges are compared by what they have seen; only those that go by the same expectation
/// and program may be.
#[derive(Debug)]
pub struct Judge<'a> {
    expectation: &'a Expectation,
    program: &'a Program,
    seen: Seen,
    looks_at_events: bool,
    oracles: Option<Oracles>,
}

clone_in_place!(Judge<'a> { expectation, program, seen, looks_at_events, oracles });

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Seen {
    counting: Counting,
    under: Under,
    printed: Printed,
    events: Events,
}

clone_in_place!(Seen { counting, under, printed, events });

/// How far the program has printed what it should.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Printed {
    /// So many lines, each as expected.
    AsExpected(usize),
    /// This was printed where another line, or none, was expected; what is printed later does not matter any more.
    Strayed { line: usize, found: String },
}

impl Default for Printed {
    fn default() -> Printed {
        Printed::AsExpected(0)
    }
}

impl<'a> Judge<'a> {
    /// A judge by the file's expectations alone that has seen nothing.
    pub fn new(expectation: &'a Expectation, program: &'a Program) -> Judge<'a> {
        let looks_at_events = Events::are_expected(expectation);
        Judge { expectation, program, seen: Seen::default(), looks_at_events, oracles: None }
    }

    /// The same with the oracles, as runs are judged that are explored or replayed.
    pub fn with_oracles(expectation: &'a Expectation, program: &'a Program) -> Judge<'a> {
        Judge { oracles: Some(Oracles::new(program)), ..Judge::new(expectation, program) }
    }

    /// Back to before the run, in the same memory.
    pub fn reset(&mut self) {
        let Seen { counting, under, printed, events } = &mut self.seen;
        (*counting, *under, *printed) = Default::default();
        events.reset();
        if let Some(oracles) = &mut self.oracles {
            oracles.reset();
        }
    }

    /// Takes one more event in. `texts` are the run's own.
    #[inline(always)]
    pub fn see(&mut self, moment: Moment, texts: &Texts) {
        let Judge { expectation, program, seen, looks_at_events, oracles } = self;
        seen.counting.see(moment);
        match moment.what {
            What::Chose(choice) => seen.under = seen.under.max(Under::of(choice)),
            What::Printed { text, .. } if seen.under == Under::Plain => {
                if let Some(expected) = &expectation.prints {
                    let text = texts.get(text).unwrap_or_else(|| program.text(text));
                    text.split('\n').for_each(|line| seen.printed.see(line, expected));
                }
            }
            _ => {}
        }
        if *looks_at_events {
            seen.events.see(moment, expectation, program, texts);
        }
        if let Some(oracles) = oracles {
            oracles.see(moment.time, moment.what);
        }
    }

    /// Where the tasks have ended up so far.
    pub fn tally(&self) -> Tally {
        self.seen.counting.tally()
    }

    /// The verdict on a run that ended like this after the events that were seen. It holds no memory if all is well.
    pub fn end(&self, outcome: Outcome) -> Verdict {
        let Judge { expectation, program, seen, oracles, .. } = self;
        let mut unmet = Vec::new();
        if seen.under != Under::Fault {
            self.unmet_ends(outcome, &mut unmet);
        }
        if let (Under::Plain, Some(expected)) = (seen.under, &expectation.prints) {
            unmet.extend(seen.printed.unmet(expected));
        }
        seen.events.unmet(expectation, program, &mut unmet);
        let ended = self.ended();
        if let Some(deadline) =
            expectation.deadline.filter(|&latest| ended.is_none_or(|ended| Time::ZERO + latest < ended))
        {
            let found = ended.map_or_else(|| "that it never did".to_owned(), |time| format!("that it did at {time}"));
            unmet.push(Unmet { key: "deadline", task: None, expected: format!("that main ends by {deadline}"), found });
        }
        let findings = oracles.as_ref().map(|oracles| oracles.findings(expectation, outcome)).unwrap_or_default();
        // That a run does not finish is told once: by the oracle that says how it ended instead.
        if expectation.outcome == Some(Ending::Finished) && findings.iter().any(|it| it.is_how_it_ended(outcome)) {
            unmet.retain(|unmet| unmet.key != "outcome");
        }
        Verdict { unmet, findings }
    }

    /// When main ended.
    fn ended(&self) -> Option<Time> {
        let counting = &self.seen.counting;
        counting.has_main_ended().then(|| counting.tally().ended)
    }

    /// What is expected of how everybody ends.
    fn unmet_ends(&self, outcome: Outcome, unmet: &mut Vec<Unmet>) {
        let Judge { expectation, program, seen, .. } = self;
        let tally = seen.counting.tally();
        let counts = [
            ("finished", expectation.finished, tally.finished),
            ("failed", expectation.failed, tally.failed),
            ("cancelled", expectation.cancelled, tally.cancelled),
            ("running", expectation.running, tally.running),
        ];
        for (key, expected, found) in counts {
            if let Some(expected) = expected.filter(|&expected| expected != found) {
                unmet.push(Unmet { key, task: None, expected: expected.to_string(), found: found.to_string() });
            }
        }
        let ended = self.ended();
        if let Some(expected) = expectation.ended.filter(|&expected| ended != Some(Time::ZERO + expected)) {
            let found = ended.map_or_else(|| "that main never ended".to_owned(), |time| time.to_string());
            unmet.push(Unmet { key: "ended", task: None, expected: expected.to_string(), found });
        }
        let ending = Ending::from(outcome);
        if let Some(expected) = expectation.outcome.filter(|&expected| expected != ending) {
            let (expected, found) = (expected.name().to_owned(), ending.name().to_owned());
            unmet.push(Unmet { key: "outcome", task: None, expected, found });
        }
        unmet.extend(expectation.raises.and_then(|expected| unmet_error(program, expected, outcome)));
    }
}

fn unmet_error(program: &Program, expected: ErrorType, outcome: Outcome) -> Option<Unmet> {
    let found = match outcome {
        Outcome::Failed(error) if error.ty == expected => return None,
        Outcome::Failed(error) => program.error_types.name(error.ty).to_owned(),
        Outcome::Finished(_) => "that main returned".to_owned(),
        // Main may have raised this all the same, and the run got stuck in the shutdown that followed.
        other => format!("the outcome {}", Ending::from(other).name()),
    };
    Some(Unmet { key: "raises", task: None, expected: program.error_types.name(expected).to_owned(), found })
}

impl Printed {
    fn see(&mut self, line: &str, expected: &[String]) {
        if let Printed::AsExpected(count) = *self {
            *self = match expected.get(count) {
                Some(expected) if expected == line => Printed::AsExpected(count + 1),
                _ => Printed::Strayed { line: count, found: line.to_owned() },
            };
        }
    }

    fn unmet(&self, expected: &[String]) -> Option<Unmet> {
        let (line, found) = match self {
            Printed::AsExpected(count) if *count == expected.len() => return None,
            Printed::AsExpected(count) => (*count, "the end of what is printed".to_owned()),
            Printed::Strayed { line, found } => (*line, quoted(found)),
        };
        let expected = expected.get(line).map_or_else(|| "nothing".to_owned(), |text| quoted(text));
        Some(Unmet { key: "prints", task: None, expected: format!("{expected} as line {}", line + 1), found })
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(text, &mut out);
    out
}

impl Judging for Judge<'_> {
    fn see(&mut self, moment: Moment, texts: &Texts) {
        Judge::see(self, moment, texts);
    }

    /// What has ended when main does is counted, so only main's own end has to keep its place among the others'.
    fn touches(&self, moment: Moment, texts: &Texts, touch: &mut dyn FnMut(Touch)) {
        if self.seen.events.heeds(moment, self.expectation, self.program, texts) {
            touch(Touch { object: Object::Expectations, access: Access::Changes });
        }
        match moment.what {
            What::Finished { task, .. } | What::Failed { task, .. } | What::Cancelled { task, .. } => {
                let access = if task == TaskId::MAIN { Access::Changes } else { Access::Counts };
                touch(Touch { object: Object::Ends, access });
            }
            What::Created { .. } => touch(Touch { object: Object::Ends, access: Access::Counts }),
            _ => {}
        }
    }

    fn end(&self, outcome: Outcome) -> Verdict {
        Judge::end(self, outcome)
    }

    fn tally(&self) -> Tally {
        Judge::tally(self)
    }
}

impl PartialEq for Judge<'_> {
    fn eq(&self, other: &Judge<'_>) -> bool {
        (&self.seen, &self.oracles) == (&other.seen, &other.oracles)
    }
}

impl Eq for Judge<'_> {}

impl Hash for Judge<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.seen, &self.oracles).hash(state);
    }
}
