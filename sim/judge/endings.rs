//! The oracles that go by how tasks and the run end: `assertion-failed`, `main-failed`, `deadlock`, `livelock`,
//! `unsettled`.
//!
//! - `assertion-failed`: a task failed with `AssertionError`; main only if no other task had. Silent if a declared fault
//!   raises that class, or if the file expects it of main.
//! - `main-failed`: main failed with anything else. Silent if the file expects that main fails, or if a declared fault
//!   (`[[fail]]` or `[[inject]]`) raises an error of that class; and about `CancelledError` if anybody but `run()` cancelled
//!   anybody. About the task that raised it, if it is a `SystemExit` or a `KeyboardInterrupt`, which end the run.
//! - `deadlock`, `livelock`, `unsettled`: the run ended so, and the file does not expect it. `deadlock` is about the first
//!   task in the first circle of those who wait for each other; about main, if no circle can be seen.
//!
//! Knows nothing of what happened before.

use super::oracles::Found;
use crate::id::TaskId;
use crate::program::{ErrorType, Program, Strike};
use crate::reuse::clone_in_place;
use crate::trace::{Outcome, Owner, Requester, Waits, What};
use crate::verdict::{Ending, Expectation, Oracle};

/// What of a run bears on how it may end.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Endings {
    /// The classes that the file's faults raise; the same in every run.
    declared: Vec<ErrorType>,
    was_cancelled: bool,
    assertion_failed: bool,
    /// The last task that an error has left which leaves the loop as well.
    left_by: TaskId,
}

clone_in_place!(Endings { declared, was_cancelled, assertion_failed, left_by });

impl Endings {
    pub(super) fn new(program: &Program) -> Endings {
        let raised = program.actions.iter().filter_map(|action| match action.strike {
            Strike::Raise(error) => Some(error.ty),
            Strike::Cancel(..) => None,
        });
        let mut declared: Vec<ErrorType> = raised.collect();
        declared.sort_unstable_by_key(|ty| ty.0);
        declared.dedup();
        Endings { declared, was_cancelled: false, assertion_failed: false, left_by: TaskId::MAIN }
    }

    pub(super) fn reset(&mut self) {
        self.was_cancelled = false;
        self.assertion_failed = false;
        self.left_by = TaskId::MAIN;
    }

    pub(super) fn see(&mut self, what: What, waits: &Waits, found: &mut Found) {
        match what {
            What::CancelRequested { by, .. } => self.was_cancelled |= by != Requester::Shutdown,
            What::Failed { task, error } if error.ty.leaves_loop() => self.left_by = task,
            What::Failed { task, error } if error.ty == ErrorType::ASSERTION_ERROR && task != TaskId::MAIN => {
                self.assertion_failed = true;
                if !self.declared.contains(&error.ty) {
                    found.add(Oracle::AssertionFailed, task, waits, Some(error.ty));
                }
            }
            _ => {}
        }
    }

    pub(super) fn end(&self, outcome: Outcome, expectation: &Expectation, waits: &Waits, found: &mut Found) {
        if expectation.outcome == Some(Ending::from(outcome)) && !matches!(outcome, Outcome::Finished(_)) {
            return;
        }
        match outcome {
            Outcome::Finished(_) => {}
            Outcome::Failed(error) => self.main_failed(error.ty, waits, found),
            Outcome::Deadlocked => {
                let first = waits.cycle().first().map_or(TaskId::MAIN, |owner| match owner {
                    Owner::Task(task) => *task,
                    _ => TaskId::MAIN,
                });
                found.add(Oracle::Deadlock, first, waits, None);
            }
            Outcome::OutOfSteps => found.add(Oracle::Unsettled, TaskId::MAIN, waits, None),
            Outcome::Livelocked => found.add(Oracle::Livelock, TaskId::MAIN, waits, None),
        }
    }

    fn main_failed(&self, error: ErrorType, waits: &Waits, found: &mut Found) {
        if self.declared.contains(&error) || error == ErrorType::CANCELLED_ERROR && self.was_cancelled {
            return;
        }
        if error != ErrorType::ASSERTION_ERROR {
            let task = if error.leaves_loop() { self.left_by } else { TaskId::MAIN };
            found.add(Oracle::MainFailed, task, waits, Some(error));
        } else if !self.assertion_failed {
            found.add(Oracle::AssertionFailed, TaskId::MAIN, waits, Some(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracles::tests::*;
    use super::*;
    use crate::id::TextId;
    use crate::program::{Action, Error, sample};
    use crate::time::Time;

    const ASSERTION: Error = Error::new(ErrorType::ASSERTION_ERROR);

    fn unexpected(outcome: Outcome, events: &[&[What]], expected: &[&str]) {
        assert_eq!(found(&Expectation::default(), outcome, events), expected);
    }

    #[test]
    fn main_may_fail_as_the_file_says_and_not_otherwise() {
        let fails = Outcome::Failed(BROKEN);
        unexpected(fails, &[], &["main-failed main ValueError"]);
        unexpected(RETURNED, &[], &[]);
        let expectation = Expectation { outcome: Some(Ending::Failed), ..Expectation::default() };
        assert_eq!(found(&expectation, fails, &[]), [""; 0]);
    }

    #[test]
    fn main_is_cancelled_only_by_somebody() {
        let fails = Outcome::Failed(CANCELLED);
        unexpected(fails, &[], &["main-failed main CancelledError"]);
        unexpected(fails, &[&[asked(A)]], &[]);
        let by = Requester::Shutdown;
        let shutdown = What::CancelRequested { task: A, by, message: None };
        unexpected(fails, &[&[shutdown, cancelled(A)]], &["main-failed main CancelledError"]);
    }

    #[test]
    fn a_declared_failure_may_reach_main() {
        let mut program = sample::program(&[]);
        let message: Option<TextId> = Some(sample::text(&mut program, "oh"));
        for error in [BROKEN, ASSERTION] {
            let strike = Strike::Raise(Error { message, ..error });
            program.actions.push(Action { from: Time::ZERO, print: None, strike, asked: None });
        }
        for error in [BROKEN, ASSERTION] {
            let (endings, mut found) = (Endings::new(&program), Found::default());
            endings.end(Outcome::Failed(error), &Expectation::default(), &Waits::default(), &mut found);
            assert!(found == Found::default(), "{error:?}");
        }
    }

    #[test]
    fn an_assertion_is_told_where_it_failed() {
        let fails = What::Failed { task: A, error: ASSERTION };
        let told = "assertion-failed a AssertionError";
        unexpected(RETURNED, &[&[fails]], &[told]);
        unexpected(Outcome::Failed(ASSERTION), &[&[fails]], &[told]);
        unexpected(Outcome::Failed(ASSERTION), &[], &["assertion-failed main AssertionError"]);
    }

    #[test]
    fn what_leaves_the_loop_is_told_of_the_task_that_raised_it() {
        let exit = Error::new(ErrorType::SYSTEM_EXIT);
        let raised = [What::Failed { task: A, error: exit }, cancelled(MAIN)];
        unexpected(Outcome::Failed(exit), &[&raised], &["main-failed a SystemExit"]);
        let last = What::Failed { task: B, error: exit };
        unexpected(Outcome::Failed(exit), &[&raised, &[last]], &["main-failed b SystemExit"]);
    }

    #[test]
    fn a_run_has_to_end_unless_the_file_says_otherwise() {
        for (outcome, oracle) in
            [(Outcome::Livelocked, "livelock"), (Outcome::OutOfSteps, "unsettled"), (Outcome::Deadlocked, "deadlock")]
        {
            unexpected(outcome, &[], &[&format!("{oracle} main")]);
            let expectation = Expectation { outcome: Some(Ending::from(outcome)), ..Expectation::default() };
            assert_eq!(found(&expectation, outcome, &[]), [""; 0]);
        }
        let circle = [awaits(MAIN, future(C)), awaits(C, future(B)), awaits(B, future(C))];
        unexpected(Outcome::Deadlocked, &[&circle], &["deadlock b"]);
    }
}
