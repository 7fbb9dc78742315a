//! Which awaits were seen to wait: a sample of recorded runs against the sources that appear in them.
//!
//! The denominator is every `.await` in a file of the package of which at least one was seen. An await that is ready at
//! once is never seen, and so is one within `FuturesUnordered` and its like: the sentence says so.
//!
//! Knows nothing of how runs are made.

use std::collections::{BTreeMap, BTreeSet};

use super::experiment::Futures;
use crate::choice::{Choices, Ordinary, Seeded};

/// So many seeds are recorded beside the ordinary run.
const SEEDS: u64 = 15;

/// So many awaits that never waited are named.
const MOST_NAMED: usize = 6;

impl Futures {
    /// The sentence about awaits.
    pub(super) fn await_coverage(&self) -> String {
        let mut seen: BTreeMap<String, BTreeSet<(u32, u32)>> = BTreeMap::new();
        let mut see = |choices: &mut dyn Choices| {
            let trace = self.recorded(choices);
            let frames = trace.sites.iter().flat_map(|(_, _, chain)| chain);
            for frame in frames.filter(|frame| frame.is_own) {
                seen.entry(frame.file.clone()).or_default().insert((frame.line, frame.column));
            }
        };
        see(&mut Ordinary);
        (0..SEEDS).for_each(|seed| see(&mut Seeded::new(seed)));
        let (mut all, mut waited, mut never) = (0, 0, Vec::new());
        for (file, places) in &seen {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            for (line, column) in awaits(&text) {
                all += 1;
                if places.contains(&(line, column)) {
                    waited += 1;
                } else {
                    never.push(format!("{file}:{line}:{column}"));
                }
            }
        }
        let runs = SEEDS + 1;
        let mut out = format!(
            "{waited} of {all} awaits in {} files waited in {runs} recorded runs (one that is ready at once is never seen)\n",
            seen.len()
        );
        if !never.is_empty() {
            let more = never.len().saturating_sub(MOST_NAMED);
            never.truncate(MOST_NAMED);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            out.push_str(&format!("never seen to wait: {}{more}\n", never.join(", ")));
        }
        out
    }
}

/// Where `.await` stands in a text, comments apart: lines and columns from 1, those of the word itself.
fn awaits(text: &str) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices(".await") {
            let is_whole = !code[at + 6..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if is_whole {
                found.push((number, code[..at].chars().count() as u32 + 2));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::awaits;

    #[test]
    fn awaits_are_found_where_a_backtrace_has_them() {
        let text = "x.await;\n    f(y.await, z.await)\n// a.await\nb.awaited";
        assert_eq!(awaits(text), [(1, 3), (2, 9), (2, 18)]);
    }
}
