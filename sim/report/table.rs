//! Strategies side by side: how the same tasks ended under each.
//!
//! Knows nothing of how the runs were made.

use crate::trace::{Outcome, Tally};
use crate::verdict::Ending;

use super::columns::{Side, align};
use super::names::printable;

/// One run in the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// The name of the strategy.
    pub strategy: &'a str,
    /// Where the tasks ended up.
    pub tally: Tally,
    /// How the run ended.
    pub outcome: Outcome,
    /// What it ran on: "asyncio 3.13".
    pub on: &'a str,
}

const HEAD: [&str; 8] = ["strategy", "finished", "failed", "cancelled", "running", "main ended", "outcome", "on"];

const SIDES: [Side; 8] =
    [Side::Left, Side::Right, Side::Right, Side::Right, Side::Right, Side::Right, Side::Left, Side::Left];

/// The rows as aligned text.
pub fn table(rows: &[Row<'_>]) -> String {
    let mut out = String::new();
    align(&cells(rows), SIDES, &mut out);
    out
}

/// The rows as a Markdown table.
pub fn markdown(rows: &[Row<'_>]) -> String {
    let mut out = String::new();
    let rule = SIDES.map(|side| if side == Side::Left { "---" } else { "---:" }.to_owned());
    let mut all = cells(rows);
    all.insert(1, rule);
    for row in all {
        out.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    out
}

fn cells(rows: &[Row<'_>]) -> Vec<[String; 8]> {
    let head = [HEAD.map(str::to_owned)];
    head.into_iter().chain(rows.iter().map(Row::cells)).collect()
}

impl Row<'_> {
    fn cells(&self) -> [String; 8] {
        let Row { strategy, tally, outcome, on } = self;
        let ending = Ending::from(*outcome);
        // After any other ending the tally may hold when the run ended instead.
        let main_has_ended = matches!(ending, Ending::Finished | Ending::Failed);
        [
            printable(strategy),
            tally.finished.to_string(),
            tally.failed.to_string(),
            tally.cancelled.to_string(),
            tally.running.to_string(),
            if main_has_ended { tally.ended.to_string() } else { "-".to_owned() },
            ending.name().to_owned(),
            printable(on),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Value;
    use crate::time::Time;

    fn rows() -> [Row<'static>; 2] {
        let gather = Tally { finished: 9, failed: 1, ended: Time(1_000_000_000), ..Tally::default() };
        let stuck = Tally { finished: 10, cancelled: 12, ..Tally::default() };
        [
            Row { strategy: "gather", tally: gather, outcome: Outcome::Finished(Value::None), on: "asyncio 3.13" },
            Row { strategy: "a|b", tally: stuck, outcome: Outcome::Deadlocked, on: "asyncio 3.13" },
        ]
    }

    #[test]
    fn aligns_its_columns() {
        let expected = "\
strategy  finished  failed  cancelled  running  main ended  outcome     on
gather           9       1          0        0          1s  finished    asyncio 3.13
a|b             10       0         12        0           -  deadlocked  asyncio 3.13
";
        assert_eq!(table(&rows()), expected);
    }

    #[test]
    fn is_a_markdown_table_too() {
        let expected = "\
| strategy | finished | failed | cancelled | running | main ended | outcome | on |
| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |
| gather | 9 | 1 | 0 | 0 | 1s | finished | asyncio 3.13 |
| a\\|b | 10 | 0 | 12 | 0 | - | deadlocked | asyncio 3.13 |
";
        assert_eq!(markdown(&rows()), expected);
    }
}
