//! Answers from any list of numbers: what a fuzzer or a property test draws is a run, whatever it is.
//!
//! Knows nothing of what the numbers were meant for.

use super::{Choices, Question};

/// Answers from a list, each number modulo the question's bound; 0, the ordinary answer, when the list is at its end.
///
/// Unlike a [`Replay`](super::Replay) it fits every run: nothing is checked, so a list that is changed a little gives a
/// run that is changed a little. The bytes of a fuzzer's input are such a list too.
///
/// ```
/// use atropos::choice::{Choices, Given, Kind, Options, Question};
/// use atropos::id::TaskId;
///
/// let mut given = Given::new(&[7_u64, 2]);
/// let options = Options::Range { min: 1, max: 5 };
/// let question = Question { kind: Kind::SleepLength, subject: TaskId::MAIN, site: 0, options };
/// assert_eq!([(); 3].map(|()| given.answer(&question)), [2, 2, 0]);
/// ```
#[derive(Clone, Debug)]
pub struct Given<'a, N = u64> {
    numbers: std::slice::Iter<'a, N>,
}

impl<'a, N> Given<'a, N> {
    /// An answerer that uses `numbers` up.
    pub fn new(numbers: &'a [N]) -> Given<'a, N> {
        Given { numbers: numbers.iter() }
    }
}

impl<N: Copy + Into<u64>> Choices for Given<'_, N> {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        self.numbers.next().map_or(0, |&number| number.into() % question.bound())
    }
}
