//! What a check says of what it found: the story of each failure with the command that replays it, and what was covered.
//!
//! Knows nothing of how runs are made, and makes no sentence about a run itself.

use super::experiment::Futures;
use super::{Check, Failed, Told};
use crate::choice::{Given, Token};
use crate::experiment::Experiment;
use crate::explore::Explored;
use crate::harness;
use crate::replay::deviations;
use crate::report::{self, Story, Wrong};

impl Futures {
    /// A failure, told.
    pub(super) fn failed(&self, check: &Check, told: &Told, runs: u64) -> Failed {
        let trace = self.recorded(&told.answers);
        let token = self.token(check, &told.answers).to_string();
        let command = format!("ATROPOS_REPLAY={token} cargo test {}", check.title());
        let program = self.program();
        let identity = &told.identity;
        let finding = told.verdict.findings.iter().find(|finding| finding.identity(&program) == *identity);
        let story = Story {
            program: &program,
            trace: &trace,
            passing: told.passing.as_ref(),
            identity,
            wrong: Wrong::Finding(finding.expect("a small run fails as the great one did")),
            window: told.window,
            runs: Some(runs),
            is_sought: false,
            shrunk: None,
            command: &command,
        };
        Failed { what: identity.what, runs, token, story: report::failure(&story, false) }
    }

    /// What replays a run.
    fn token(&self, check: &Check, answers: &[u64]) -> Token {
        Token {
            scenario_hash: Token::hash(check.title()),
            strategy: None,
            profile: None,
            deviations: deviations(&mut *self.begin(), &self.program(), &mut Given::new(answers)),
        }
    }

    /// What was covered.
    pub(super) fn covered(&self, mut explored: Explored) -> String {
        let covered = harness::covered(&mut explored);
        report::explored(&self.program(), &covered, false)
    }
}
