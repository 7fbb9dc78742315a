//! Which expectations a run did not meet, what is wrong with it besides, and what to do next.
//!
//! Knows nothing of how it was judged.

use crate::program::Program;
use crate::trace::Trace;
use crate::verdict::{Finding, Oracle, Verdict};

use super::names::{counted, printable};
use super::sentence;

/// How many findings are told one by one.
const TOLD_MAX: usize = 10;

/// The unmet expectations of a run and its findings, a line each, how the latter are allowed, and last the command that
/// shows how it came to this; nothing if all is well. `run` says which run it was: "retry.toml under wait".
pub fn verdict(run: &str, program: &Program, trace: &Trace, verdict: &Verdict, command: &str) -> String {
    if verdict.is_good() {
        return String::new();
    }
    let Verdict { unmet, findings } = verdict;
    let mut counts = Vec::new();
    if !unmet.is_empty() {
        counts.push(format!("{} not met", counted(unmet.len() as u32, "expectation", "expectations")));
    }
    if !findings.is_empty() {
        counts.push(counted(findings.len() as u32, "finding", "findings"));
    }
    let mut out = format!("{run}: {}\n", counts.join(", "));
    for unmet in unmet {
        let (expected, found) = (printable(&unmet.expected), printable(&unmet.found));
        out.push_str(&format!("  {}: expected {expected}, but found {found}\n", unmet.key));
    }
    tell_findings(program, trace, findings, &mut out);
    out.push_str(&format!("See in which order it happened:\n  {command}\n"));
    out
}

fn tell_findings(program: &Program, trace: &Trace, findings: &[Finding], out: &mut String) {
    if findings.is_empty() {
        return;
    }
    for told in findings.iter().take(TOLD_MAX) {
        out.push_str(&format!("  {}\n", finding(program, trace, told)));
    }
    if findings.len() > TOLD_MAX {
        out.push_str(&format!("  and {} more\n", findings.len() - TOLD_MAX));
    }
    let oracles = Oracle::ALL.into_iter().filter(|oracle| findings.iter().any(|finding| finding.oracle == *oracle));
    let lines: String = oracles.map(|oracle| format!("  {} = \"…\"\n", oracle.name())).collect();
    out.push_str(&format!("If that is as it should be, say why in the file:\n  [allow]\n{lines}"));
}

/// A finding as a sentence without its full stop, with the oracle behind it.
pub fn finding(program: &Program, trace: &Trace, finding: &Finding) -> String {
    let sentence = sentence::finding(program, trace, finding);
    format!("{} ({})", sentence.trim_end_matches('.'), finding.oracle.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{FutureId, InstanceId, TaskId};
    use crate::program::{ErrorType, Texts, sample};
    use crate::trace::{Outcome, Recorder, Requester, What};
    use crate::verdict::Unmet;

    const MAIN: TaskId = TaskId::MAIN;

    /// Two tasks that await each other, the first of which main cancels.
    fn run() -> (Program, Trace) {
        let program = sample::program(&["buy", "sell"]);
        let mut recorder = Recorder::default();
        for task in 1..=2 {
            recorder.record(What::Created { task: TaskId(task), by: MAIN, instance: InstanceId(task) });
        }
        recorder.record(What::Awaited { task: TaskId(1), future: FutureId(2) });
        recorder.record(What::Awaited { task: TaskId(2), future: FutureId(1) });
        recorder.record(What::CancelRequested { task: TaskId(1), by: Requester::Task(MAIN), message: None });
        (program, recorder.trace(Outcome::Deadlocked, &Texts::default()))
    }

    #[test]
    fn ends_in_the_command_to_run_next() {
        let (program, trace) = run();
        let unmet = |key, expected: &str, found: &str| Unmet {
            key,
            task: None,
            expected: expected.into(),
            found: found.into(),
        };
        let bad =
            Verdict { unmet: vec![unmet("failed", "1", "2"), unmet("ended", "3s", "2.5s")], ..Verdict::default() };
        let expected = "\
retry.toml under wait: 2 expectations not met
  failed: expected 1, but found 2
  ended: expected 3s, but found 2.5s
See in which order it happened:
  atropos run retry.toml --strategy wait
";
        let command = "atropos run retry.toml --strategy wait";
        assert_eq!(verdict("retry.toml under wait", &program, &trace, &bad, command), expected);
        assert_eq!(verdict("retry.toml", &program, &trace, &Verdict::default(), "atropos run retry.toml"), "");
    }

    #[test]
    fn a_finding_is_a_sentence_and_says_how_it_is_allowed() {
        let (program, trace) = run();
        let task = Some((TaskId(1), InstanceId(1)));
        let of = |oracle, error| Finding { oracle, task, error };
        let findings = vec![
            of(Oracle::Deadlock, None),
            of(Oracle::LostCancel, None),
            of(Oracle::LostCancel, Some(ErrorType::VALUE_ERROR)),
            of(Oracle::OutlivesMain, None),
            of(Oracle::CleanupCutShort, None),
            of(Oracle::LostResult, None),
            of(Oracle::LostResult, Some(ErrorType::VALUE_ERROR)),
            of(Oracle::AssertionFailed, Some(ErrorType::ASSERTION_ERROR)),
            of(Oracle::MainFailed, Some(ErrorType::VALUE_ERROR)),
            of(Oracle::Livelock, None),
            of(Oracle::Unsettled, None),
        ];
        let bad = Verdict { findings, ..Verdict::default() };
        let expected = "\
trade.toml: 11 findings
  nothing can go on: `buy` waits for `sell`, which waits for `buy` (deadlock)
  `buy` was cancelled by main at 0s, and went on as if nothing had happened (lost-cancel)
  `buy` was cancelled by main at 0s, and went on instead (lost-cancel)
  `buy` was still there when main ended (outlives-main)
  `buy` was cancelled by main at 0s, and its `finally` did not come to its end (cleanup-cut-short)
  `buy` was cancelled by main at 0s, and the result of what it awaited is lost (lost-result)
  `buy` was cancelled by main at 0s, and the ValueError of what it awaited is lost (lost-result)
  an `assert` failed in `buy` (assertion-failed)
  `buy` ended the whole run, which nothing in the file accounts for (main-failed)
  time stands still at 0s (livelock)
  and 1 more
If that is as it should be, say why in the file:
  [allow]
  assertion-failed = \"…\"
  main-failed = \"…\"
  deadlock = \"…\"
  livelock = \"…\"
  unsettled = \"…\"
  lost-cancel = \"…\"
  cleanup-cut-short = \"…\"
  lost-result = \"…\"
  outlives-main = \"…\"
See in which order it happened:
  atropos run trade.toml
";
        assert_eq!(verdict("trade.toml", &program, &trace, &bad, "atropos run trade.toml"), expected);
        assert!(
            finding(&program, &trace, &bad.findings[10]).ends_with("it is given up after 1,000,000 steps (unsettled)")
        );
    }
}
