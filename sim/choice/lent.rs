//! Choices that belong to somebody else, for code that may not borrow.
//!
//! What a runtime polls has to live for ever as far as the compiler can tell, and so it cannot hold on to whoever answers
//! one run. [`lend`] makes them available to everything that a closure runs on this thread, as [`Lent`]; afterwards they are
//! taken back, so nobody can keep them.
//!
//! Knows nothing of what is run.

use scoped_tls_hkt::{ReborrowMut, scoped_thread_local};

use super::{Choices, Question};

scoped_thread_local!(static mut LENT: for<'a> Loan<'a>);

struct Loan<'a>(&'a mut dyn Choices);

impl<'a> ReborrowMut<'a> for Loan<'_> {
    type Result = Loan<'a>;

    fn reborrow_mut(&'a mut self) -> Loan<'a> {
        Loan(self.0)
    }
}

/// Whoever [`lend`] was given.
///
/// ```
/// use atropos::choice::{Choices, Given, Kind, Lent, Options, Question, lend};
/// use atropos::id::TaskId;
///
/// let options = Options::Range { min: 1, max: 5 };
/// let question = Question { kind: Kind::SleepLength, subject: TaskId::MAIN, site: 0, options };
/// let forever: Box<dyn Fn() -> u64> = Box::new(move || Lent.answer(&question));
/// assert_eq!(lend(&mut Given::new(&[3_u64]), &*forever), 3);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Lent;

/// Runs `run`, and answers what it asks of [`Lent`] with `choices`.
pub fn lend<R>(choices: &mut dyn Choices, run: impl FnOnce() -> R) -> R {
    LENT.set(Loan(choices), run)
}

impl Choices for Lent {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        LENT.with(|loan| loan.0.answer(question))
    }
}
