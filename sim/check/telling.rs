//! What a check says of what it found: the story of each failure with the command that replays it.
//!
//! Knows nothing of how runs are made, and makes no sentence about a run itself.

use super::experiment::Futures;
use super::{Check, Failed};
use crate::choice::{Given, Token};
use crate::experiment::Experiment;
use crate::harness::Told;
use crate::replay::deviations;
use crate::report;

impl Futures {
    /// A failure, told with the places of all awaits.
    pub(super) fn failed(&self, check: &Check, told: &Told) -> Failed {
        failed(self, check, Told { trace: self.recorded(&told.answers), ..told.clone() })
    }
}

/// A failure of any test, told.
pub(super) fn failed(experiment: &dyn Experiment, check: &Check, told: Told) -> Failed {
    let token = token(experiment, check, &told.answers).to_string();
    let command = format!("ATROPOS_REPLAY={token} cargo test {}", check.title());
    let program = experiment.program();
    let story = told.story(&program, false, &command);
    Failed { what: told.identity.what, runs: told.found_in.unwrap_or(1), token, story: report::failure(&story, false) }
}

/// What replays a run.
fn token(experiment: &dyn Experiment, check: &Check, answers: &[u64]) -> Token {
    Token {
        scenario_hash: Token::hash(check.title()),
        strategy: None,
        profile: None,
        deviations: deviations(&mut *experiment.begin(), &experiment.program(), &mut Given::new(answers)),
    }
}
