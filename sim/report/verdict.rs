//! Which expectations a run did not meet, and what to do next.
//!
//! Knows nothing of how it was judged.

use crate::verdict::Verdict;

use super::names::{counted, printable};

/// The unmet expectations of a run, a line each, and last the command that shows how it came to this; nothing if all
/// of them were met. `run` says which run it was: "retry.toml under wait".
pub fn verdict(run: &str, verdict: &Verdict, command: &str) -> String {
    if verdict.is_good() {
        return String::new();
    }
    let mut out = format!("{run}: {} not met\n", counted(verdict.unmet.len() as u32, "expectation", "expectations"));
    for unmet in &verdict.unmet {
        let (expected, found) = (printable(&unmet.expected), printable(&unmet.found));
        out.push_str(&format!("  {}: expected {expected}, but found {found}\n", unmet.key));
    }
    out.push_str(&format!("See in which order it happened:\n  {command}\n"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Unmet;

    #[test]
    fn ends_in_the_command_to_run_next() {
        let unmet = |key, expected: &str, found: &str| Unmet { key, expected: expected.into(), found: found.into() };
        let bad =
            Verdict { unmet: vec![unmet("failed", "1", "2"), unmet("ended", "3s", "2.5s")], ..Verdict::default() };
        let expected = "\
retry.toml under wait: 2 expectations not met
  failed: expected 1, but found 2
  ended: expected 3s, but found 2.5s
See in which order it happened:
  atropos run retry.toml --strategy wait
";
        assert_eq!(verdict("retry.toml under wait", &bad, "atropos run retry.toml --strategy wait"), expected);
        assert_eq!(verdict("retry.toml", &Verdict::default(), "atropos run retry.toml"), "");
    }
}
