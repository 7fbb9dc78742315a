//! Answers from any list of numbers: what a fuzzer or a property test draws is a run, whatever it is.
//!
//! Knows nothing of what the numbers were meant for.

use super::{Choices, Question};

/// Answers from a list, each number modulo the question's bound; 0, the ordinary answer, when the list is at its end.
///
/// Unlike a [`Replay`](super::Replay) it fits every run: nothing is checked, so a list that is changed a little gives a
/// run that is changed a little.
///
/// ```
/// use atropos::choice::{Choices, Given, Kind, Options, Question};
/// use atropos::id::TaskId;
///
/// let mut given = Given::new(&[7, 2]);
/// let options = Options::Range { min: 1, max: 5 };
/// let question = Question { kind: Kind::SleepLength, subject: TaskId::MAIN, site: 0, options };
/// assert_eq!([(); 3].map(|()| given.answer(&question)), [2, 2, 0]);
/// ```
#[derive(Clone, Debug)]
pub struct Given<'a> {
    numbers: std::slice::Iter<'a, u64>,
}

impl<'a> Given<'a> {
    /// An answerer that uses `numbers` up.
    pub fn new(numbers: &'a [u64]) -> Given<'a> {
        Given { numbers: numbers.iter() }
    }
}

impl Choices for Given<'_> {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        self.numbers.next().map_or(0, |number| number % question.bound())
    }
}

/// Answers from the bytes of a fuzzer's input: for each question as many of them as its bound needs, one for up to 256
/// options; 0, the ordinary answer, when they are at their end.
///
/// So every input is a run, one byte of it mostly one choice, and a shorter input a run with fewer of them. This is all of
/// a fuzz target, for a scenario of which nothing is expected but what its file says:
///
/// ```
/// use std::sync::LazyLock;
///
/// use atropos::choice::Bytes;
/// use atropos::experiment::Experiment;
/// use atropos::harness::{File, RunsOn, Setting};
///
/// fn fuzz(data: &[u8]) {
///     static SCENARIO: LazyLock<RunsOn> = LazyLock::new(|| {
///         let file = File::load("scenarios/canary/cleanup-cut-short-fixed.toml".as_ref()).unwrap();
///         file.experiment(&Setting::default()).unwrap()
///     });
///     let mut run = SCENARIO.begin();
///     run.run(&mut Bytes::new(data));
///     assert!(run.verdict().is_good(), "{:?}", run.verdict());
/// }
///
/// fuzz(b"");
/// fuzz(b"\x00\x07\xff");
/// ```
#[derive(Clone, Debug)]
pub struct Bytes<'a> {
    bytes: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// An answerer that uses `bytes` up.
    pub fn new(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes { bytes }
    }
}

impl Choices for Bytes<'_> {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        let mut next = || self.bytes.split_off_first().copied().unwrap_or(0);
        let (mut number, mut left) = (0, question.bound() - 1);
        while 0 < left {
            number = number << 8 | u64::from(next());
            left >>= 8;
        }
        number % question.bound()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::{Kind, Options};
    use crate::id::TaskId;

    #[test]
    fn a_question_takes_as_many_bytes_as_it_has_to() {
        let answers = |bytes: &[u8], bounds: &[u64]| {
            let mut choices = Bytes::new(bytes);
            let mut answer = |bound: u64| {
                let options = Options::Range { min: 0, max: bound - 1 };
                choices.answer(&Question { kind: Kind::SleepLength, subject: TaskId::MAIN, site: 0, options })
            };
            bounds.iter().map(|&bound| answer(bound)).collect::<Vec<_>>()
        };
        assert_eq!(answers(&[1, 255, 3], &[2, 256, 2, 2]), [1, 255, 1, 0]);
        assert_eq!(answers(&[1, 2, 7, 7], &[257, 3, 3]), [258 % 257, 1, 1]);
        assert_eq!(answers(&[1], &[1 << 16]), [256], "what is missing is 0");
        assert_eq!(answers(&[255; 8], &[u64::MAX]), [0]);
        assert_eq!(answers(&[0, 0, 0, 0, 0, 0, 1, 0], &[u64::MAX]), [256]);
    }
}
