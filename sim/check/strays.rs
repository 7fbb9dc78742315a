//! What a run did past us: tasks that are tokio's alone, and other threads that wake tasks; where in the source, and what to
//! do about it.
//!
//! tokio does not tell who spawns a task. What is known is the poll in which there was one task more, and between which two
//! awaits that poll was: the `spawn` in the source that is nearest to them is the one that is told.
//!
//! Knows nothing of how runs are made.

use super::experiment::Futures;
use crate::choice::Ordinary;
use crate::trace::{Frame, Trace};

/// So many places are named.
const MOST_NAMED: usize = 4;

impl Futures {
    /// Sentences about what nobody chooses, with the places of a recorded run.
    pub(super) fn past_us(&self) -> String {
        let (strays, is_woken) = (self.names().strays(), self.names().is_woken_from_outside());
        if strays == 0 && !is_woken {
            return String::new();
        }
        let trace = self.recorded(&mut Ordinary);
        let mut out = String::new();
        if strays > 0 {
            out.push_str(&format!(
                "up to {strays} tasks at once were spawned past `atropos::tokio`{}, so nobody chose their order: write \
                 `#[cfg(test)] use atropos::tokio;` there, and test it from within the crate\n",
                at(stray_places(&trace))
            ));
        }
        if is_woken {
            let places = trace.sites.outside().iter().filter_map(|chain| own(chain)).map(Frame::place_and_function);
            out.push_str(&format!(
                "a task was woken by another thread{}, so runs depend on real time: spawn what blocks with \
                 `atropos::tokio::task::spawn_blocking`, and give the test something else than threads, files and sockets\n",
                at(places.collect())
            ));
        }
        out
    }
}

/// ` at a.rs:3 and b.rs:5`, without what is there twice.
fn at(mut places: Vec<String>) -> String {
    places.sort();
    places.dedup();
    let more = places.len().saturating_sub(MOST_NAMED);
    places.truncate(MOST_NAMED);
    match places.as_slice() {
        [] => String::new(),
        places if more > 0 => format!(" at {} and {more} more places", places.join(", ")),
        places => format!(" at {}", places.join(" and ")),
    }
}

/// The innermost await in the package's own code.
fn own(chain: &[Frame]) -> Option<&Frame> {
    chain.iter().rev().find(|frame| frame.is_own)
}

/// Where the tasks were spawned that are tokio's alone.
fn stray_places(trace: &Trace) -> Vec<String> {
    let frames = trace.sites.strays().map(|around| around.map(|chain| chain.and_then(own)));
    frames.filter_map(|[before, after]| place(before, after)).collect()
}

/// The `spawn` that is nearest before the place where the task waits next, and not before the one where it waited; or the
/// nearest after that one.
fn place(before: Option<&Frame>, after: Option<&Frame>) -> Option<String> {
    let spawns = |frame: &Frame| {
        let text = std::fs::read_to_string(&frame.file).unwrap_or_default();
        (1..).zip(text.lines()).filter(|(_, line)| is_spawn(line)).map(|(number, _)| number).collect::<Vec<u32>>()
    };
    let from = before.filter(|before| after.is_none_or(|after| before.file == after.file && before.line <= after.line));
    let least = from.map_or(1, |frame| frame.line);
    let found = after.and_then(|after| {
        let line = spawns(after).into_iter().rev().find(|&line| least <= line && line <= after.line)?;
        Some(format!("{}:{line}", after.file))
    });
    let behind = || {
        let line = spawns(before?).into_iter().find(|&line| least <= line)?;
        Some(format!("{}:{line}", before?.file))
    };
    let somewhere = || Some(format!("a place shortly before {}", after.or(before)?.place()));
    found.or_else(behind).or_else(somewhere)
}

/// Whether a line of source spawns, and not through us.
fn is_spawn(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    (code.contains("spawn(") || code.contains("spawn_local(")) && !code.contains("atropos::") && !code.contains("fn ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spawns_are_seen_in_the_source() {
        assert!(is_spawn("    let task = tokio::spawn(flush());"));
        assert!(is_spawn("        self.set.spawn("));
        assert!(!is_spawn("    atropos::tokio::spawn(flush());"));
        assert!(!is_spawn("    // tokio::spawn(flush())"));
        assert!(!is_spawn("pub fn spawn(&self) {"));
    }

    #[test]
    fn places_are_listed_once() {
        assert_eq!(at(Vec::new()), "");
        assert_eq!(at(["b.rs:2", "a.rs:1", "b.rs:2"].map(str::to_owned).to_vec()), " at a.rs:1 and b.rs:2");
    }
}
