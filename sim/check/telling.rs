//! What a check says of what it found: the story of each failure with the command that replays it.
//!
//! Knows nothing of how runs are made, and makes no sentence about a run itself.

use super::experiment::Futures;
use super::{Check, Failed};
use crate::choice::{Given, Token};
use crate::experiment::Experiment;
use crate::explore::{Explored, Unstable};
use crate::harness::Told;
use crate::replay::deviations;
use crate::report::{self, mismatch};
use crate::trace::Trace;

impl Futures {
    /// A failure, told with the places of all awaits.
    pub(super) fn failed(&self, check: &Check, told: &Told) -> Failed {
        let recorded = |answers: &[u64]| self.recorded(&mut Given::new(answers));
        // Runs are compared event by event, so what is noted in one has to be noted in the other.
        let answers = |trace: &Trace| trace.log().iter().map(|choice| choice.answer).collect::<Vec<_>>();
        let passing = told.passing.as_ref().filter(|_| cfg!(feature = "tracing"));
        let passing = passing.map(|passing| recorded(&answers(passing))).or_else(|| told.passing.clone());
        failed(self, check, Told { trace: recorded(&told.answers), passing, ..told.clone() })
    }

    /// A run that was another one when it was made again.
    pub(super) fn unstable(&self, explored: &Explored) -> Option<Failed> {
        let Unstable { number, first, again, .. } = explored.unstable.as_ref()?;
        let parting = mismatch(&self.program(), first, again);
        let story = format!("unstable: a run is not the same when it is made again.\n\n{parting}\n{SUSPECTS}");
        Some(Failed { what: "unstable", runs: number + 1, token: String::new(), story })
    }

    /// What has to happen in some run, and has in none.
    pub(super) fn never_happened(&self, explored: &Explored) -> Vec<Failed> {
        let runs = explored.runs;
        let told = |what: String| {
            let story = format!("never-happened: {what:?} is to happen in some run, and has in none of {runs}.\n");
            Failed { what: "never-happened", runs, token: String::new(), story }
        };
        self.names().never_happened().into_iter().map(told).collect()
    }

    /// What a reader of a green line has to know beside it.
    pub(super) fn warnings(&self, runs: u64) -> String {
        let mut out = String::new();
        let rejected = self.names().rejected();
        if runs < rejected.saturating_mul(2) {
            let hint = "so little was tried: choose what is meant instead";
            out.push_str(&format!("{rejected} runs were rejected by `assume`, {hint}\n"));
        }
        if self.names().are_draws_unknown() {
            out.push_str(
                "this tokio draws the branches of an unbiased `select!` in a way that is not known here, so they are left to \
                 chance: write `biased;`\n",
            );
        }
        let not_chosen = self.names().draws_not_chosen();
        if not_chosen > 0 {
            out.push_str(&format!(
                "{not_chosen} branches of unbiased `select!`s were left to chance, the third and later ones in one poll: \
                 write `biased;` there\n"
            ));
        }
        out.push_str(&self.past_us());
        out
    }
}

/// A run that is another one in a fresh process.
pub(super) fn unstable_in_fresh_process(parting: &str, runs: u64) -> Failed {
    let story = format!("unstable: a run is not the same in a fresh process.\n\n{parting}");
    Failed { what: "unstable", runs, token: String::new(), story }
}

/// A failure of any test, told.
pub(super) fn failed(experiment: &dyn Experiment, check: &Check, told: Told) -> Failed {
    let token = token(experiment, check, &told.answers).to_string();
    let command = format!("ATROPOS_REPLAY={token} cargo test {}", check.test());
    let program = experiment.program();
    let story = told.story(&program, false, &command);
    Failed { what: told.identity.what, runs: told.found_in.unwrap_or(1), token, story: report::failure(&story, false) }
}

/// What replays a run.
fn token(experiment: &dyn Experiment, check: &Check, answers: &[u64]) -> Token {
    Token {
        scenario_hash: Token::hash(&check.title()),
        strategy: None,
        profile: None,
        deviations: deviations(&mut *experiment.begin(), &experiment.program(), &mut Given::new(answers)),
    }
}

/// Where to look first when a run is not repeated.
pub(super) const SUSPECTS: &str = "Likely suspects: the order of a HashMap or HashSet, a real clock (SystemTime, std's Instant), \
    a random number,\na static or thread-local that remembers earlier runs, an address that is printed or compared, another \
    thread, more\nthan two unbiased `select!` in one poll.\n";
