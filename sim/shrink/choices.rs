//! A smaller log of the same failure, and how far one answer may move without losing it.
//!
//! **Smaller** is a [`Size`]: first fewer faults, then fewer answers that are not the ordinary one, then smaller answers,
//! then fewer questions. The order is that of a reader's effort: a cancellation has to be explained, a tie that fell the
//! other way has to be believed, a number has to be read.
//!
//! A candidate is a list of answers, not a log: an answer that changes may change every question after it. So what is
//! compared, and gone on with, is the log of the run that was really made.
//!
//! Knows nothing of what runs, or of what a failure is.

use std::ops::Range;

use super::{RUNS_MAX, leave_out_pieces};
use crate::choice::{Choice, Class, Log};

/// How many steps apart, at most, two answers are tried where the steps between them do not fail.
const STRIDE_MAX: u64 = 16;

/// How many questions fewer, or more, a run is supposed to ask where one answer became ordinary.
const SHIFT_MAX: usize = 8;

/// Up to how many deviations are also made ordinary two by two.
const PAIRED_MAX: usize = 64;

/// How many answers [`window`] tries on each side.
const WINDOW_STEPS_MAX: usize = 1_000;

/// How much of a story a log is; the smaller is the better one. The fields are compared in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// Answers that only a fault gives: cuts, and injected failures.
    pub faults: usize,
    /// Answers that are not the ordinary one, faults included. With none it is the plain order.
    pub deviations: usize,
    /// The sum of all answers.
    pub sum: u128,
    /// The number of questions.
    pub questions: usize,
}

impl Size {
    /// The size of a log.
    pub fn of(log: &[Choice]) -> Size {
        Size {
            faults: log.iter().filter(|choice| is_fault(choice)).count(),
            deviations: log.iter().filter(|choice| deviates(choice)).count(),
            sum: log.iter().map(|choice| u128::from(choice.answer)).sum(),
            questions: log.len(),
        }
    }
}

/// What [`choices`] has made of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The log of the smallest run that was found; the one that was given if none is smaller.
    pub log: Log,
    /// How many runs were made.
    pub runs: usize,
}

/// Finds a smaller log of the same failure.
///
/// `same` makes a run under [`Given`](crate::choice::Given) answers, and returns the run's own log if it fails in the
/// same way. It is called [`RUNS_MAX`] times at most. The plain order is tried first, then the rest without faults,
/// then the faults without the rest; then answers become ordinary, many at a time and one by one; then those that are left become smaller. All of it
/// is repeated until nothing more is found.
///
/// `width` says how many answers lie side by side at one moment: the number of victims for a cut, whose answers are
/// pairs of a moment and a victim, and 1 for everything else. So an earlier moment is looked for with the same victim first.
///
/// ```
/// use atropos::choice::{Choice, Kind};
/// use atropos::id::TaskId;
/// use atropos::shrink::choices;
///
/// let asked = |answer: u64| {
///     let bound = 10;
///     Choice { kind: Kind::SleepLength, subject: TaskId::MAIN, site: 0, bound, answer: answer % bound, chosen: None }
/// };
/// let log = vec![asked(4), asked(9), asked(7)];
/// // Three questions are asked, and it fails if the second is answered with 3 or more.
/// let mut same = |answers: &[u64]| {
///     let run: Vec<_> = (0..3).map(|at| asked(answers.get(at).copied().unwrap_or(0))).collect();
///     (3 <= run[1].answer).then_some(run)
/// };
/// assert_eq!(choices(log, &|_| 1, &mut same).log, [asked(0), asked(3), asked(0)]);
/// ```
pub fn choices(log: Log, width: &dyn Fn(&Choice) -> u64, same: &mut dyn FnMut(&[u64]) -> Option<Log>) -> Shrunk {
    let mut search = Search { size: Size::of(&log), log, runs: 0, width, same };
    if !search.plain() {
        // First, because a failure without faults may need all the rest, which the next pass gives up.
        search.leave_out_faults();
        search.faults_alone();
        while search.round() {}
    }
    Shrunk { log: search.log, runs: search.runs }
}

/// The answers around one choice that make no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The least answer that was found to fail in the same way.
    pub first: u64,
    /// The greatest.
    pub last: u64,
    /// How many runs were made.
    pub runs: usize,
}

/// Finds how far the answer of one choice can be moved, to both sides, with the same failure at every step.
///
/// A step is `width` answers wide: the number of victims for a cut, so that the victim stays the same; for a range, as
/// fine as the sentence that is to be said of it, the last step up to its end being as wide as it comes out. A fault is
/// never moved to 0, which is none. It stops at the first step that does not fail, and after 1,000 steps on a side.
///
/// # Panics
///
/// If the log has no such choice, or if `width` is 0.
pub fn window(log: &[Choice], at: usize, width: u64, same: &mut dyn FnMut(&[u64]) -> Option<Log>) -> Window {
    assert!(0 < width, "a step of no width leads nowhere");
    let choice = log[at];
    let is_stepped = choice.kind.class() == Class::Fault;
    let least = u64::from(is_stepped);
    let mut answers: Vec<u64> = log.iter().map(|choice| choice.answer).collect();
    let mut runs = 0;
    let mut walk = |next: &dyn Fn(u64) -> Option<u64>| {
        let mut reached = choice.answer;
        for _ in 0..WINDOW_STEPS_MAX {
            let Some(further) = next(reached) else { break };
            answers[at] = further;
            runs += 1;
            if same(&answers).is_none() {
                break;
            }
            reached = further;
        }
        reached
    };
    let step = |room: u64| if is_stepped { width } else { width.min(room) };
    let first = walk(&|from| {
        let room = from.saturating_sub(least);
        (0 < room && step(room) <= room).then(|| from - step(room))
    });
    let last = walk(&|from| {
        let room = choice.bound - 1 - from;
        (0 < room && step(room) <= room).then(|| from + step(room))
    });
    Window { first, last, runs }
}

fn deviates(choice: &Choice) -> bool {
    choice.answer != 0
}

fn is_fault(choice: &Choice) -> bool {
    deviates(choice) && choice.kind.class() == Class::Fault
}

/// The smallest log so far, and what it may still cost.
struct Search<'a> {
    log: Log,
    size: Size,
    runs: usize,
    width: &'a dyn Fn(&Choice) -> u64,
    same: &'a mut dyn FnMut(&[u64]) -> Option<Log>,
}

impl Search<'_> {
    /// Every pass once; whether anything became smaller.
    fn round(&mut self) -> bool {
        let before = self.size;
        self.leave_out_faults();
        self.make_ordinary(deviates);
        self.make_ordinary_and_shift(deviates);
        self.lower();
        self.skip_questions();
        self.make_pairs_ordinary();
        self.size < before
    }

    /// Runs under these answers, and goes on from there if it fails in the same way and is smaller.
    fn attempt(&mut self, answers: &[u64]) -> bool {
        if self.runs == RUNS_MAX {
            return false;
        }
        self.runs += 1;
        let found = (self.same)(answers).map(|log| (Size::of(&log), log)).filter(|(size, _)| *size < self.size);
        match found {
            Some((size, log)) => {
                (self.size, self.log) = (size, log);
                true
            }
            None => false,
        }
    }

    fn answers(&self) -> Vec<u64> {
        self.log.iter().map(|choice| choice.answer).collect()
    }

    fn places(&self, of: impl Fn(&Choice) -> bool) -> Vec<usize> {
        (0..self.log.len()).filter(|&at| of(&self.log[at])).collect()
    }

    /// Tries the ordinary answer to every question: a failure that needs no choice at all is the best there is.
    fn plain(&mut self) -> bool {
        self.size.deviations == 0 || self.attempt(&[])
    }

    fn leave_out_faults(&mut self) {
        self.make_ordinary(is_fault);
        self.make_ordinary_and_shift(is_fault);
    }

    /// Tries the faults without anything else that varies.
    fn faults_alone(&mut self) {
        if 0 < self.size.faults && self.size.faults < self.size.deviations {
            let answers: Vec<u64> =
                self.log.iter().map(|choice| if is_fault(choice) { choice.answer } else { 0 }).collect();
            self.attempt(&answers);
        }
    }

    /// Makes the answers of some places ordinary: all of them, halves, and so on down to each.
    fn make_ordinary(&mut self, of: impl Fn(&Choice) -> bool) {
        leave_out_pieces(self.places(&of).len(), &mut |piece: Range<usize>| {
            let places = self.places(&of);
            let mut answers = self.answers();
            // What is left may be less than the piece, if the last run asked other questions.
            let piece = piece.start.min(places.len())..piece.end.min(places.len());
            for &at in &places[piece.clone()] {
                answers[at] = 0;
            }
            if !piece.is_empty() {
                self.attempt(&answers);
            }
            self.places(&of).len()
        });
    }

    /// Makes one answer ordinary where that changes how many questions follow, so that the later answers have to
    /// move with their questions.
    fn make_ordinary_and_shift(&mut self, of: impl Fn(&Choice) -> bool) {
        self.each(of, |search, at| {
            for shift in 1..=SHIFT_MAX {
                let mut fewer = search.answers();
                fewer.drain(at..fewer.len().min(at + shift));
                let mut more = search.answers();
                more[at] = 0;
                more.splice(at..at, std::iter::repeat_n(0, shift));
                if search.attempt(&fewer) || search.attempt(&more) {
                    return;
                }
            }
        });
    }

    /// Makes two answers ordinary that only go together: neighbours are found as a piece, others only here.
    fn make_pairs_ordinary(&mut self) {
        if PAIRED_MAX < self.size.deviations {
            return;
        }
        self.each(deviates, |search, second| {
            for first in search.places(deviates).into_iter().take_while(|&first| first < second) {
                let mut answers = search.answers();
                (answers[first], answers[second]) = (0, 0);
                if search.attempt(&answers) {
                    return;
                }
            }
        });
    }

    /// Lowers every answer that is not ordinary: in steps of its width, and then by any number.
    fn lower(&mut self) {
        self.each(deviates, |search, at| {
            let width = (search.width)(&search.log[at]).max(1);
            search.lower_in_steps(at, width);
            if 1 < width {
                search.lower_in_steps(at, 1);
            }
        });
    }

    fn lower_in_steps(&mut self, at: usize, width: u64) {
        let Some(answer) = self.answer(at).filter(|&answer| answer != 0) else { return };
        let least = 1 + (answer - 1) % width;
        if !self.lower_to(at, least) {
            self.halve_down(at, width, least);
        }
        self.step_down(at, width);
    }

    /// Between a number that does not fail and the answer, as if everything in between failed from some number on.
    fn halve_down(&mut self, at: usize, width: u64, mut too_low: u64) {
        while let Some(answer) = self.answer(at) {
            let steps = answer.saturating_sub(too_low) / width;
            if steps < 2 {
                break;
            }
            let middle = too_low + steps / 2 * width;
            if !self.lower_to(at, middle) {
                too_low = middle;
            }
        }
    }

    /// By a few steps at a time, twice as many each time as long as it goes: past numbers that do not fail.
    fn step_down(&mut self, at: usize, width: u64) {
        for stride in (1..=STRIDE_MAX).map(|steps| width.saturating_mul(steps)) {
            let mut step = stride;
            while let Some(answer) = self.answer(at) {
                if step < answer && self.lower_to(at, answer - step) {
                    step = step.saturating_mul(2);
                } else if step == stride {
                    break;
                } else {
                    step = stride;
                }
            }
        }
    }

    fn answer(&self, at: usize) -> Option<u64> {
        self.log.get(at).map(|choice| choice.answer)
    }

    fn lower_to(&mut self, at: usize, answer: u64) -> bool {
        let mut answers = self.answers();
        match answers.get_mut(at).filter(|old| answer < **old) {
            Some(old) => *old = answer,
            None => return false,
        }
        self.attempt(&answers)
    }

    /// Drops questions before an answer that matters, which comes the earlier then: the run may be shorter.
    fn skip_questions(&mut self) {
        self.each(deviates, |search, at| {
            let before = search.places(deviates).into_iter().rfind(|&place| place < at);
            let start = before.map_or(0, |place| place + 1);
            let mut length = at - start;
            while 0 < length {
                let mut answers = search.answers();
                answers.drain(start..start + length);
                if search.attempt(&answers) {
                    return;
                }
                length /= 2;
            }
        });
    }

    /// Calls `pass` for every place that is such a one when its turn comes, from the last to the first.
    fn each(&mut self, of: impl Fn(&Choice) -> bool, mut pass: impl FnMut(&mut Self, usize)) {
        let mut end = self.log.len();
        while let Some(at) = (0..end.min(self.log.len())).rfind(|&at| of(&self.log[at])) {
            pass(self, at);
            end = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::{Choices, Cut, Given, Kind, Options, Question};
    use crate::id::TaskId;

    /// The cuts of the toys have three victims.
    fn width(choice: &Choice) -> u64 {
        if choice.kind == Kind::Cut { 3 } else { 1 }
    }

    /// Asks questions of a toy and keeps the log.
    struct Toy<'a> {
        given: Given<'a>,
        log: Log,
    }

    impl Toy<'_> {
        fn ask(&mut self, kind: Kind, bound: u64) -> u64 {
            let options = Options::Range { min: 0, max: bound - 1 };
            let question = Question { kind, subject: TaskId::MAIN, site: 0, options };
            let answer = self.given.answer(&question);
            self.log.push(Choice::new(&question, answer));
            answer
        }
    }

    /// From the answers of a start to those of the end, for a toy that says whether it fails.
    fn check(start: &[u64], fails: impl Fn(&mut Toy) -> bool, end: &[u64]) -> usize {
        let mut same = |answers: &[u64]| {
            let mut toy = Toy { given: Given::new(answers), log: Log::new() };
            fails(&mut toy).then_some(toy.log)
        };
        let log = same(start).expect("the start does not fail");
        let shrunk = choices(log, &width, &mut same);
        assert_eq!(shrunk.log.iter().map(|choice| choice.answer).collect::<Vec<_>>(), end);
        let again = choices(shrunk.log.clone(), &width, &mut same);
        assert_eq!(again.log, shrunk.log, "shrinking the result again changes it");
        shrunk.runs
    }

    fn asks<const N: usize>(toy: &mut Toy, bounds: [u64; N]) -> [u64; N] {
        bounds.map(|bound| toy.ask(Kind::SleepLength, bound))
    }

    #[test]
    fn what_fails_in_the_plain_order_takes_one_run() {
        assert_eq!(check(&[3, 1, 4], |toy| asks(toy, [9; 3]).len() == 3, &[0, 0, 0]), 1);
    }

    #[test]
    fn a_plain_log_takes_none() {
        assert_eq!(check(&[], |toy| asks(toy, [9; 3]).len() == 3, &[0, 0, 0]), 0);
    }

    #[test]
    fn only_the_answers_that_matter_stay_and_as_small_as_they_go() {
        let fails = |toy: &mut Toy| {
            let answers = asks(toy, [1_000_000_000; 40]);
            123_456_789 <= answers[7] && 2 <= answers[31]
        };
        let start: Vec<u64> = (0..40).map(|at| 900_000_000 + at).collect();
        let mut end = [0; 40];
        (end[7], end[31]) = (123_456_789, 2);
        assert!(check(&start, fails, &end) < 1_000);
    }

    #[test]
    fn two_far_apart_that_only_go_together_go() {
        let fails = |toy: &mut Toy| {
            let [a, b, c] = asks(toy, [4; 3]);
            b == 3 && (a == 0) == (c == 0)
        };
        check(&[2, 3, 2], fails, &[0, 3, 0]);
    }

    #[test]
    fn answers_move_with_their_questions() {
        // Taking the first way asks two more questions; what fails is the last answer.
        let fails = |toy: &mut Toy| {
            if asks(toy, [2]) == [1] {
                asks(toy, [5, 5]);
            }
            asks(toy, [9]) == [8]
        };
        check(&[1, 0, 0, 8], fails, &[0, 8]);
        // And here the ordinary way asks more.
        let fails = |toy: &mut Toy| {
            if asks(toy, [2]) == [0] {
                asks(toy, [5, 5]);
            }
            asks(toy, [9]) == [8]
        };
        check(&[1, 8], fails, &[0, 0, 0, 8]);
    }

    #[test]
    fn questions_before_the_one_that_matters_are_skipped_for_a_shorter_run() {
        // Asks until the answer is 1: an endless story if nobody gives it.
        let fails = |toy: &mut Toy| (0..100).any(|_| asks(toy, [2]) == [1]);
        let mut start = [0; 60];
        start[59] = 1;
        check(&start, fails, &[1]);
    }

    #[test]
    fn an_answer_is_lowered_past_those_that_do_not_fail() {
        let fails = |toy: &mut Toy| {
            let [answer] = asks(toy, [1_000]);
            answer % 7 == 5 && 100 < answer
        };
        check(&[985], fails, &[103]);
    }

    #[test]
    fn faults_go_before_everything_else_and_a_cut_comes_earlier_with_its_victim() {
        // A plan of up to three cuts, and nothing more is asked once there is none; then a tie.
        let plan = |toy: &mut Toy| -> Vec<Cut> {
            (0..3).map_while(|_| Cut::from_answer(toy.ask(Kind::Cut, 1 + 3 * 1_000), 3)).collect()
        };
        let second_from_the_fiftieth = |toy: &mut Toy| {
            let cuts = plan(toy);
            toy.ask(Kind::TimerOrder, 5);
            cuts.iter().any(|cut| cut.victim == 1 && 50 <= cut.handle)
        };
        let at = |handle: u64, victim: u32| Cut { handle, victim }.answer(3);
        check(&[at(10, 0), at(700, 1), at(900, 2), 4], second_from_the_fiftieth, &[at(50, 1), 0, 0]);
        // Without its cut it takes three ties, which is more to believe but less to explain.
        let cut_or_ties = |toy: &mut Toy| {
            let cuts = plan(toy);
            let ties = [(); 3].map(|()| toy.ask(Kind::TimerOrder, 2));
            !cuts.is_empty() || ties == [1; 3]
        };
        check(&[at(4, 1), 0, 1, 1, 1], cut_or_ties, &[0, 1, 1, 1]);
        check(&[at(4, 1), 0, 1, 0, 1], cut_or_ties, &[1, 0, 0, 0, 0]);
    }

    #[test]
    fn sizes_compare_deviations_before_sums_before_lengths() {
        let log = |answers: &[u64]| -> Log {
            let mut toy = Toy { given: Given::new(answers), log: Log::new() };
            for _ in answers {
                toy.ask(Kind::SleepLength, 100);
            }
            toy.log
        };
        let ordered = [&[0_u64][..], &[0, 0], &[1], &[0, 1], &[2], &[99], &[1, 1]];
        let sizes = ordered.map(|answers| Size::of(&log(answers)));
        assert!(sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
        assert!(Size { faults: 0, deviations: 9, ..sizes[0] } < Size { faults: 1, ..sizes[0] });
    }

    #[test]
    fn the_number_of_runs_is_bounded() {
        // Each run fails only if its answer is less by one than the last: a way of a million runs.
        let (mut next, mut calls) = (1_000_000, 0);
        let mut same = |answers: &[u64]| {
            calls += 1;
            let mut toy = Toy { given: Given::new(answers), log: Log::new() };
            let is_next = asks(&mut toy, [2_000_000]) == [next];
            next -= u64::from(is_next);
            is_next.then_some(toy.log)
        };
        let log = same(&[1_000_000]).unwrap();
        let shrunk = choices(log, &width, &mut same);
        assert_eq!((shrunk.runs, calls), (RUNS_MAX, RUNS_MAX + 1));
        assert!((900_000..1_000_000).contains(&shrunk.log[0].answer), "what was found until then is kept");
    }

    #[test]
    fn a_window_is_as_wide_as_the_failure_stays() {
        let look = |answer: u64, width: u64, fails: &dyn Fn(u64) -> bool| {
            let mut same = |answers: &[u64]| {
                let mut toy = Toy { given: Given::new(answers), log: Log::new() };
                let [_, answer] = asks(&mut toy, [9, 101]);
                fails(answer).then_some(toy.log)
            };
            let log = same(&[4, answer]).expect("the start does not fail");
            let window = window(&log, 1, width, &mut same);
            (window.first, window.last, window.runs)
        };
        assert_eq!(look(50, 1, &|answer| (40..=60).contains(&answer)), (40, 60, 22));
        assert_eq!(look(50, 30, &|_| true), (0, 100, 4), "the last steps go to the ends");
        assert_eq!(look(7, 1, &|answer| answer == 7), (7, 7, 2));
        assert_eq!(look(0, 1, &|answer| answer == 0), (0, 0, 1), "there is nothing below 0");
    }
}
