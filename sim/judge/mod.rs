//! Whether a run is as expected: a fold over its events.
//!
//! A search may be in the middle of many runs at once, so a [`Judge`] can be copied between two events, and two judges
//! that will say the same about the same rest are equal. [`judge`] is that fold over a whole trace.
//!
//! Knows nothing of how a run came about, or of how a verdict is told.

use std::hash::{Hash, Hasher};

use crate::program::{ErrorType, Program, Texts, quote};
use crate::time::Time;
use crate::trace::{Counting, Moment, Outcome, Trace, What};
use crate::verdict::{Ending, Expectation, Unmet, Verdict};

/// What a whole run means.
pub fn judge(expectation: &Expectation, program: &Program, trace: &Trace) -> Verdict {
    let mut judge = Judge::new(expectation, program);
    for moment in trace.iter() {
        judge.see(moment, &trace.texts);
    }
    judge.end(trace.outcome)
}

/// A judgement in the making. Judges are compared by what they have seen; only those that go by the same expectation
/// and program may be.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    expectation: &'a Expectation,
    program: &'a Program,
    seen: Seen,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Seen {
    counting: Counting,
    printed: Printed,
}

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
    /// A judge that has seen nothing.
    pub fn new(expectation: &'a Expectation, program: &'a Program) -> Judge<'a> {
        Judge { expectation, program, seen: Seen::default() }
    }

    /// Takes one more event in. `texts` are the run's own.
    pub fn see(&mut self, moment: Moment, texts: &Texts) {
        self.seen.counting.see(moment);
        if let (What::Printed { text, .. }, Some(expected)) = (moment.what, &self.expectation.prints) {
            let text = texts.get(text).unwrap_or_else(|| self.program.text(text));
            text.split('\n').for_each(|line| self.seen.printed.see(line, expected));
        }
    }

    /// The verdict on a run that ended like this after the events that were seen.
    pub fn end(self, outcome: Outcome) -> Verdict {
        let Judge { expectation, program, seen } = self;
        let tally = seen.counting.tally();
        let mut unmet = Vec::new();
        let counts = [
            ("finished", expectation.finished, tally.finished),
            ("failed", expectation.failed, tally.failed),
            ("cancelled", expectation.cancelled, tally.cancelled),
            ("running", expectation.running, tally.running),
        ];
        for (key, expected, found) in counts {
            if let Some(expected) = expected.filter(|&expected| expected != found) {
                unmet.push(Unmet { key, expected: expected.to_string(), found: found.to_string() });
            }
        }
        let ended = seen.counting.has_main_ended().then_some(tally.ended);
        if let Some(expected) = expectation.ended.filter(|&expected| ended != Some(Time::ZERO + expected)) {
            let found = ended.map_or_else(|| "that main never ended".to_owned(), |time| time.to_string());
            unmet.push(Unmet { key: "ended", expected: expected.to_string(), found });
        }
        let ending = Ending::from(outcome);
        if let Some(expected) = expectation.outcome.filter(|&expected| expected != ending) {
            unmet.push(Unmet { key: "outcome", expected: expected.name().to_owned(), found: ending.name().to_owned() });
        }
        unmet.extend(expectation.raises.and_then(|expected| unmet_error(program, expected, outcome)));
        unmet.extend(expectation.prints.as_ref().and_then(|expected| seen.printed.unmet(expected)));
        Verdict { unmet, findings: Vec::new() }
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
    Some(Unmet { key: "raises", expected: program.error_types.name(expected).to_owned(), found })
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
        Some(Unmet { key: "prints", expected: format!("{expected} as line {}", line + 1), found })
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(text, &mut out);
    out
}

impl PartialEq for Judge<'_> {
    fn eq(&self, other: &Judge<'_>) -> bool {
        self.seen == other.seen
    }
}

impl Eq for Judge<'_> {}

impl Hash for Judge<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.seen.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{InstanceId, TaskId};
    use crate::program::{Error, Value, sample};
    use crate::time::Nanos;
    use crate::trace::Recorder;

    const MAIN: TaskId = TaskId::MAIN;
    const RAISED: Outcome = Outcome::Failed(Error::new(ErrorType::VALUE_ERROR));

    /// Two tasks, one of which fails; lines `a` and `b` in two texts or in one; main ends at 3 s.
    fn run(prints: &[&str], outcome: Outcome) -> (Program, Trace) {
        let mut program = sample::program(&["worker"]);
        let mut recorder = Recorder::default();
        for task in [TaskId(1), TaskId(2)] {
            recorder.record(What::Created { task, by: MAIN, instance: InstanceId(1) });
        }
        recorder.turn(7, Time(3_000_000_000));
        for text in prints {
            let text = sample::text(&mut program, text);
            recorder.record(What::Printed { task: MAIN, text });
        }
        recorder.record(What::Failed { task: TaskId(1), error: Error::new(ErrorType::EXCEPTION) });
        match outcome {
            Outcome::Finished(value) => recorder.record(What::Finished { task: MAIN, value }),
            Outcome::Failed(error) => recorder.record(What::Failed { task: MAIN, error }),
            _ => {}
        }
        recorder.record(What::Cancelled { task: TaskId(2), message: None });
        (program, recorder.trace(outcome, &Texts::default()))
    }

    /// What `expectation` has against a run, one `key: expected / found` each.
    fn check(expectation: &Expectation, (program, trace): &(Program, Trace), expected: &[&str]) {
        let verdict = judge(expectation, program, trace);
        let unmet: Vec<String> =
            verdict.unmet.iter().map(|unmet| format!("{}: {} / {}", unmet.key, unmet.expected, unmet.found)).collect();
        assert_eq!(unmet, expected);
    }

    #[test]
    fn what_is_not_expected_is_not_checked() {
        check(&Expectation::default(), &run(&["a"], Outcome::Livelocked), &[]);
    }

    #[test]
    fn everything_that_is_expected_is_checked() {
        let good = Expectation {
            finished: Some(0),
            failed: Some(1),
            cancelled: Some(0),
            running: Some(1),
            ended: Some(Nanos::from_secs(3)),
            outcome: Some(Ending::Failed),
            raises: Some(ErrorType::VALUE_ERROR),
            prints: Some(vec!["a".to_owned(), "b".to_owned()]),
        };
        check(&good, &run(&["a", "b"], RAISED), &[]);
        check(&good, &run(&["a\nb"], RAISED), &[]);
        check(
            &good,
            &run(&["a"], Outcome::Deadlocked),
            &[
                "cancelled: 0 / 1",
                "running: 1 / 0",
                "ended: 3s / that main never ended",
                "outcome: failed / deadlocked",
                "raises: ValueError / the outcome deadlocked",
                "prints: 'b' as line 2 / the end of what is printed",
            ],
        );
    }

    #[test]
    fn an_error_is_of_the_class_itself() {
        let raises = |ty| Expectation { raises: Some(ty), ..Expectation::default() };
        check(&raises(ErrorType::EXCEPTION), &run(&[], RAISED), &["raises: Exception / ValueError"]);
        let finished = Outcome::Finished(Value::None);
        check(&raises(ErrorType::EXCEPTION), &run(&[], finished), &["raises: Exception / that main returned"]);
    }

    #[test]
    fn the_first_line_that_strays_is_told() {
        let prints = |lines: &[&str]| Expectation {
            prints: Some(lines.iter().map(|&line| line.to_owned()).collect()),
            ..Expectation::default()
        };
        check(&prints(&["a"]), &run(&["a", "b", "c"], RAISED), &["prints: nothing as line 2 / 'b'"]);
        check(&prints(&["x", "b"]), &run(&["a", "b"], RAISED), &["prints: 'x' as line 1 / 'a'"]);
        check(&prints(&[]), &run(&[""], RAISED), &["prints: nothing as line 1 / ''"]);
        check(&prints(&[""]), &run(&[""], RAISED), &[]);
    }

    /// What strayed stays so, and what nobody expects anything of is not kept.
    #[test]
    fn judges_are_equal_when_they_will_say_the_same() {
        let (program, trace) = run(&["a", "b"], RAISED);
        let any = Expectation::default();
        let mut judge = Judge::new(&any, &program);
        let events: Vec<Moment> = trace.iter().collect();
        judge.see(events[2], &trace.texts);
        let mut fork = judge.clone();
        fork.see(events[3], &trace.texts);
        assert!(judge == fork);
        fork.see(events[4], &trace.texts);
        assert!(judge != fork);
    }
}
