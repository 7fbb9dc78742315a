//! The numbered list of runs: the ordinary one, one for each single fault in it, one or two for each seed.
//!
//! Knows nothing of who makes them, or in which order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::private::PrivateFirst;
use super::{Pct, Plan, Pos, Sampler, Starve, Surw, hits_limit};
use crate::choice::{Choice, Choices, Class, Kind, Ordinary, Question, Seeded};
use crate::experiment::{Experiment, Run};
use crate::machine::{Footsteps, Opening};
use crate::verdict::Ending;

/// One run of an exploration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Nothing but ordinary answers.
    Ordinary,
    /// The ordinary answers but for one, which makes a fault.
    Fault(Fault),
    /// Every answer evenly, from this seed.
    Seed(u64),
    /// Orders by priorities, from this seed.
    PctSeed(u64),
    /// Orders by priorities of single steps, from this seed.
    PosSeed(u64),
    /// Every order of what is shared as likely as any other, from this seed.
    SurwSeed(u64),
    /// Orders in which some tasks starve for a while, from this seed.
    StarveSeed(u64),
}

impl Case {
    /// The sampler that makes this run, as commands write it, and its seed; nothing if it is no seed's.
    pub fn sampler(self) -> Option<(&'static str, u64)> {
        match self {
            Case::Ordinary | Case::Fault(_) => None,
            Case::Seed(seed) => Some(("random", seed)),
            Case::PctSeed(seed) => Some(("pct", seed)),
            Case::PosSeed(seed) => Some(("pos", seed)),
            Case::SurwSeed(seed) => Some(("surw", seed)),
            Case::StarveSeed(seed) => Some(("starve", seed)),
        }
    }
}

/// One question that is answered otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the question, from 0.
    pub question: u64,
    /// The answer.
    pub answer: u64,
}

/// How many places for a cut are listed. More are counted, but only seeds reach them.
pub(super) const OPENINGS_MAX: usize = 1_000_000;

/// So many other answers to one question are listed, where each answer is a case of its own.
const ANSWERS_MAX: u64 = 64;

/// All cases of an experiment.
#[derive(Clone, Debug)]
pub struct Cases {
    faults: Vec<Fault>,
    /// How many faults there are, listed or not.
    possible: u64,
    has_cuts: bool,
    /// How many orders the ordinary run asks for.
    order_questions: u64,
    /// What its steps touched, where anything may run next.
    footsteps: Arc<Footsteps>,
    /// Those in which steps are in each other's way.
    contended: Arc<Footsteps>,
    /// How many orders are asked for where steps come first that are in nobody's way.
    contended_questions: u64,
    is_free: bool,
    endless: Option<Ending>,
}

impl Cases {
    /// Measures the ordinary run.
    pub fn new(experiment: &dyn Experiment, plan: &Plan) -> Cases {
        let mut run = experiment.begin();
        let outcome = run.run(&mut Ordinary).outcome;
        if hits_limit(outcome) && run.verdict().findings.iter().any(|finding| finding.is_how_it_ended(outcome)) {
            return Cases::only_ordinary(Ending::from(outcome));
        }
        let log = run.trace().log();
        let has_cuts = log.iter().any(|choice| choice.kind == Kind::Cut);
        let is_fault = |choice: &Choice| choice.kind.class() == Class::Fault && choice.kind != Kind::Cut;
        let asked = (0..).zip(&log).filter(|(_, choice)| is_fault(choice));
        let single =
            asked.flat_map(|(question, choice)| (1..choice.bound).map(move |answer| Fault { question, answer }));
        let mut faults: Vec<Fault> = single.take(OPENINGS_MAX).collect();
        let mut possible = faults.len() as u64;
        if has_cuts {
            let openings = run.openings(&mut Ordinary, OPENINGS_MAX);
            possible += openings.total;
            let cut = |opening: Opening| Fault {
                question: log
                    .iter()
                    .position(|choice| choice.kind == Kind::Cut && usize::from(choice.site) == opening.entry)
                    .expect("an entry that has victims is asked for") as u64,
                answer: opening.cut.answer(experiment.program().cuts[opening.entry].tasks),
            };
            let (first, rest) = first_of_each(openings.list);
            faults.extend(first.into_iter().chain(rest).map(cut));
        }
        let is_single = |kind| matches!(kind, Kind::PollOrder | Kind::Chosen | Kind::Branch);
        for (question, choice) in (0..).zip(&log).filter(|(_, choice)| is_single(choice.kind)) {
            possible += choice.bound - 1;
            let answers = 1..choice.bound.min(1 + ANSWERS_MAX);
            faults.extend(answers.map(|answer| Fault { question, answer }));
        }
        // A message as late as it may be; what lies between, seeds draw.
        for (question, choice) in (0..).zip(&log).filter(|(_, choice)| choice.kind == Kind::MessageLatency) {
            possible += 1;
            faults.push(Fault { question, answer: choice.bound - 1 });
        }
        faults.truncate(usize::try_from(plan.faults).unwrap_or(usize::MAX));
        let order_questions = log.iter().filter(|choice| is_order(choice.kind)).count() as u64;
        let is_free = experiment.program().schedule.ready_any_order;
        let footsteps = if is_free { run.footsteps(&mut Ordinary) } else { Footsteps::default() };
        let contended = Arc::new(footsteps.contended());
        let contended_questions = contended_questions(&mut *run, &contended).unwrap_or(order_questions);
        Cases {
            faults,
            possible,
            has_cuts,
            order_questions,
            footsteps: Arc::new(footsteps),
            contended,
            contended_questions,
            is_free,
            endless: None,
        }
    }

    /// The ordinary run alone: it was given up, and every other would most likely take as long and say the same.
    fn only_ordinary(ending: Ending) -> Cases {
        let nothing = Arc::<Footsteps>::default();
        Cases {
            faults: Vec::new(),
            possible: 0,
            has_cuts: false,
            order_questions: 0,
            footsteps: nothing.clone(),
            contended: nothing,
            contended_questions: 0,
            is_free: false,
            endless: Some(ending),
        }
    }

    /// How many runs the plan makes.
    pub fn count(&self, plan: &Plan) -> u64 {
        let seeds = (plan.seeds.end - plan.seeds.start).saturating_mul(self.runs_of_a_seed(plan.sampler));
        let seeds = if self.endless.is_some() { 0 } else { seeds };
        let all = seeds.saturating_add(1 + self.faults.len() as u64);
        all.saturating_sub(plan.shard.0).div_ceil(plan.shard.1.get())
    }

    /// How many single faults there are in the ordinary run.
    pub fn faults(&self) -> u64 {
        self.possible
    }

    /// How the ordinary run was given up, if it was and nobody expects that of it: then there is no other case.
    pub fn endless(&self) -> Option<Ending> {
        self.endless
    }

    /// Whether any task may be cut.
    pub fn has_cuts(&self) -> bool {
        self.has_cuts
    }

    fn runs_of_a_seed(&self, sampler: Sampler) -> u64 {
        match sampler {
            Sampler::All { .. } if self.order_questions > 0 => 2 + 2 * u64::from(self.is_free),
            _ => 1,
        }
    }

    /// The run with this number.
    pub(super) fn case(&self, number: u64, plan: &Plan) -> Case {
        let Some(at) = number.checked_sub(1) else { return Case::Ordinary };
        if let Some(fault) = self.faults.get(at as usize) {
            return Case::Fault(*fault);
        }
        let (at, runs) = (at - self.faults.len() as u64, self.runs_of_a_seed(plan.sampler));
        let seed = plan.seeds.start + at / runs;
        match (plan.sampler, at % runs) {
            (Sampler::Pct { .. }, _) | (Sampler::All { .. }, 1) => Case::PctSeed(seed),
            (Sampler::Pos, _) | (Sampler::All { .. }, 2) => Case::PosSeed(seed),
            (Sampler::Surw, _) | (Sampler::All { .. }, 3) => Case::SurwSeed(seed),
            (Sampler::Starve, _) => Case::StarveSeed(seed),
            (Sampler::Random | Sampler::All { .. }, _) => Case::Seed(seed),
        }
    }

    /// Who answers for the cases.
    pub(super) fn answers(&self, sampler: Sampler) -> Answers {
        let depth = match sampler {
            Sampler::Random | Sampler::Pos | Sampler::Surw | Sampler::Starve => 1,
            Sampler::Pct { depth } | Sampler::All { depth } => depth,
        };
        Answers {
            one: One { question: 0, fault: Fault { question: 0, answer: 0 } },
            seeded: Seeded::new(0),
            pct: Pct::new(depth, self.order_questions),
            pos: Pos::new(self.contended.clone()),
            private_pct: PrivateFirst::new(self.contended.clone(), Pct::new(depth, self.contended_questions)),
            private_pos: PrivateFirst::new(self.contended.clone(), Pos::new(self.contended.clone())),
            surw: Surw::new(self.footsteps.clone()),
            starve: Starve::new(self.order_questions),
        }
    }
}

/// The first place in each phase of each wait of a task, and all others: the first are the most telling, and the rest may
/// be many.
fn first_of_each(openings: Vec<Opening>) -> (Vec<Opening>, Vec<Opening>) {
    let mut last = BTreeMap::new();
    openings.into_iter().partition(|opening| {
        let here = (opening.visit, opening.phase);
        last.insert((opening.entry, opening.task), here) != Some(here)
    })
}

/// Who answers for a case, with memory that is used again.
pub(super) struct Answers {
    one: One,
    seeded: Seeded,
    pct: Pct,
    pos: Pos,
    private_pct: PrivateFirst<Pct>,
    private_pos: PrivateFirst<Pos>,
    surw: Surw,
    starve: Starve,
}

impl Answers {
    /// The answers of a case, from the beginning.
    pub(super) fn to(&mut self, case: Case) -> &mut dyn Choices {
        match case {
            Case::Ordinary => {
                self.one = One { question: 0, fault: Fault { question: u64::MAX, answer: 0 } };
                &mut self.one
            }
            Case::Fault(fault) => {
                self.one = One { question: 0, fault };
                &mut self.one
            }
            Case::PctSeed(seed) if is_private_first(seed) => {
                self.private_pct.begin(seed).begin(seed);
                &mut self.private_pct
            }
            Case::PosSeed(seed) if is_private_first(seed) => {
                self.private_pos.begin(seed).begin(seed);
                &mut self.private_pos
            }
            Case::PctSeed(seed) => {
                self.pct.begin(seed);
                &mut self.pct
            }
            Case::PosSeed(seed) => {
                self.pos.begin(seed);
                &mut self.pos
            }
            Case::SurwSeed(seed) => {
                self.surw.begin(seed);
                &mut self.surw
            }
            Case::StarveSeed(seed) => {
                self.starve.begin(seed);
                &mut self.starve
            }
            Case::Seed(seed) => {
                self.seeded = Seeded::new(seed);
                &mut self.seeded
            }
        }
    }
}

/// How many orders are asked for where steps come first that are in nobody's way, if it is known which these are.
fn contended_questions(run: &mut dyn Run, contended: &Arc<Footsteps>) -> Option<u64> {
    if contended.futures() == 0 {
        return None;
    }
    let mut counting = PrivateFirst::new(contended.clone(), Counting(0));
    run.run(&mut counting);
    Some(counting.begin(0).0)
}

/// Every other seed, because what is private is a guess.
fn is_private_first(seed: u64) -> bool {
    !seed.is_multiple_of(2)
}

fn is_order(kind: Kind) -> bool {
    matches!(kind, Kind::TimerOrder | Kind::TaskSetOrder | Kind::ReadyOrder | Kind::PollOrder)
}

/// Answers ordinarily, and counts the orders.
struct Counting(u64);

impl Choices for Counting {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        self.0 += u64::from(is_order(question.kind));
        0
    }
}

/// Answers 0 to every question but one.
struct One {
    question: u64,
    fault: Fault,
}

impl Choices for One {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        let is_it = self.question == self.fault.question;
        self.question += 1;
        // Up to this question the run is the ordinary one, so it is the question that was meant.
        debug_assert!(!is_it || self.fault.answer < question.bound());
        if is_it { self.fault.answer } else { 0 }
    }
}
