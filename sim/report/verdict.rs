//! Which expectations a run did not meet, what is wrong with it besides, and what to do next.
//!
//! Knows nothing of how it was judged.

use crate::id::TaskId;
use crate::program::Program;
use crate::trace::{Owner, Trace};
use crate::verdict::{Finding, Oracle, Verdict};

use super::names::{Names, counted, printable};

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
    let names = all_names(program, trace);
    for finding in findings.iter().take(TOLD_MAX) {
        out.push_str(&format!("  {}\n", sentence(&names, program, trace, finding)));
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
    sentence(&all_names(program, trace), program, trace, finding)
}

fn all_names<'a>(program: &'a Program, trace: &'a Trace) -> Names<'a> {
    let mut names = Names::new(program, trace);
    trace.iter().for_each(|moment| names.see(moment.what));
    names
}

fn sentence(names: &Names<'_>, program: &Program, trace: &Trace, finding: &Finding) -> String {
    let who = quoted_name(names, finding.task.map_or(TaskId::MAIN, |(task, _)| task));
    let class = finding.error.map(|class| program.error_types.name(class));
    let what = match (finding.oracle, class) {
        (Oracle::LostCancel, None) => format!("{who} was cancelled and ended as if nothing had happened"),
        (Oracle::LostCancel, Some(class)) => format!("{who} was cancelled and failed with {class} instead"),
        (Oracle::OutlivesMain, _) => format!("{who} was still there when main had ended"),
        (Oracle::CleanupCutShort, _) => format!("{who} did not come to the end of a `finally`"),
        (Oracle::LostResult, None) => {
            format!("{who} was cancelled when what it awaited was there, and the result is lost")
        }
        (Oracle::LostResult, Some(class)) => {
            format!("{who} was cancelled when what it awaited had failed, and the {class} is lost")
        }
        (Oracle::Deadlock, _) => deadlock(names, trace),
        (Oracle::Livelock, _) => "turn follows turn, and time stands still".to_owned(),
        (Oracle::Unsettled, _) => "the run went on until its limit of steps".to_owned(),
        (Oracle::MainFailed, class) => {
            let with = class.map(|class| format!(" with {class}")).unwrap_or_default();
            format!("main failed{with}, which nothing in the file accounts for")
        }
        (Oracle::AssertionFailed, _) => format!("an `assert` failed in {who}"),
    };
    format!("{what} ({})", finding.oracle.name())
}

fn deadlock(names: &Names<'_>, trace: &Trace) -> String {
    let name = |owner: &Owner| match owner {
        Owner::Task(task) => quoted_name(names, *task),
        Owner::Gather(number) => format!("gather {number}"),
        Owner::Shield(number) => format!("shield {number}"),
        Owner::Declared(object) => names.object(*object),
    };
    let circle: Vec<String> = trace.cycle().iter().map(name).collect();
    match circle.as_slice() {
        [] => "everybody waits, and nobody can go on".to_owned(),
        [first, rest @ ..] => {
            let rest: String = rest.iter().map(|next| format!("{next}, which waits for ")).collect();
            format!("{first} waits for {rest}{first}: nobody can go on")
        }
    }
}

fn quoted_name(names: &Names<'_>, task: TaskId) -> String {
    format!("`{}`", names.task(task))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{FutureId, InstanceId};
    use crate::program::{ErrorType, Texts, sample};
    use crate::trace::{Outcome, Recorder, What};
    use crate::verdict::Unmet;

    const MAIN: TaskId = TaskId::MAIN;

    /// Two tasks that await each other.
    fn run() -> (Program, Trace) {
        let program = sample::program(&["buy", "sell"]);
        let mut recorder = Recorder::default();
        for task in 1..=2 {
            recorder.record(What::Created { task: TaskId(task), by: MAIN, instance: InstanceId(task) });
        }
        recorder.record(What::Awaited { task: TaskId(1), future: FutureId(2) });
        recorder.record(What::Awaited { task: TaskId(2), future: FutureId(1) });
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
  `buy` waits for `sell`, which waits for `buy`: nobody can go on (deadlock)
  `buy` was cancelled and ended as if nothing had happened (lost-cancel)
  `buy` was cancelled and failed with ValueError instead (lost-cancel)
  `buy` was still there when main had ended (outlives-main)
  `buy` did not come to the end of a `finally` (cleanup-cut-short)
  `buy` was cancelled when what it awaited was there, and the result is lost (lost-result)
  `buy` was cancelled when what it awaited had failed, and the ValueError is lost (lost-result)
  an `assert` failed in `buy` (assertion-failed)
  main failed with ValueError, which nothing in the file accounts for (main-failed)
  turn follows turn, and time stands still (livelock)
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
        assert!(finding(&program, &trace, &bad.findings[10]).ends_with("until its limit of steps (unsettled)"));
    }
}
