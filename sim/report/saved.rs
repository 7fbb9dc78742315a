//! What is said of failures that were saved: that one holds now, what of its run found no place, where new ones are.
//!
//! Knows nothing of files, of how a run is found again, or of what still fails: that is told like any failure.

use serde::Serialize;

use crate::choice::Deviation;
use crate::verdict::Identity;

use super::draw::{WIDEST, wrap};
use super::json::line_of;
use super::names::{counted, printable};
use super::paint::{Paint, Style};

/// How the run of a token is another one than the run that the token was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strayed<'a> {
    /// Whether the file is another text than it was then.
    pub was_edited: bool,
    /// What the token says and the run does not ask for.
    pub unplaced: &'a [Deviation],
    /// How many choices the token has in all.
    pub choices: usize,
}

/// A saved failure that was run again.
#[derive(Clone, Copy, Debug)]
pub struct Rerun<'a> {
    /// What makes it the same failure again.
    pub identity: &'a Identity,
    /// The strategy that is main; nothing for the scenario's own main.
    pub strategy: Option<&'a str>,
    /// The story that was saved.
    pub story: &'a str,
    /// How far it is the run that was saved.
    pub strayed: Strayed<'a>,
    /// How the run fails now; nothing if it passes.
    pub fails: Option<&'a Identity>,
    /// What a reader types to see it again.
    pub command: &'a str,
}

/// Of so many choices that found no place, each is named.
const MOST_NAMED: usize = 6;

/// What is to be said before the run of a token, a line each; nothing if it is the run that it was.
pub fn strayed(strayed: &Strayed<'_>) -> String {
    let Strayed { was_edited, unplaced, choices } = *strayed;
    let mut lines = Vec::new();
    if was_edited {
        lines.push("The file was edited since the token was made, or it is another file.".to_owned());
    }
    for Deviation { kind, subject, site, chosen, .. } in unplaced.iter().take(MOST_NAMED) {
        let what = [kind.label(), subject, site, chosen].map(printable);
        let what: Vec<String> = what.into_iter().filter(|part| !part.is_empty()).collect();
        lines.push(format!("No place was found for: {}", what.join(", ")));
    }
    if unplaced.len() > MOST_NAMED {
        let more = counted((unplaced.len() - MOST_NAMED) as u64, "more choice", "more choices");
        lines.push(format!("No place was found for {more}."));
    }
    if 0 < choices && unplaced.len() == choices {
        lines.push("So nothing is left of the token, and this is the ordinary run.".to_owned());
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What is said before the saved failures of a file.
pub fn reruns(path: &str, failures: usize) -> String {
    let failures = counted(failures as u64, "saved failure is", "saved failures are");
    format!("{failures} run again first, from {}\n", printable(path))
}

/// A saved failure, before what its run shows now is told: whether it holds, under which main, and how far its run is
/// the one that was saved; of one that holds, its story too.
pub fn rerun(rerun: &Rerun<'_>, color: bool) -> String {
    let paint = Paint::new(color);
    let main = rerun.strategy.map_or_else(|| "the file's own main".to_owned(), printable);
    let is_whole = rerun.strayed.unplaced.is_empty();
    let (head, style) = match rerun.fails {
        Some(identity) if identity == rerun.identity => ("still fails", Style::Bad),
        Some(_) => ("fails in another way", Style::Bad),
        None if is_whole => ("holds now", Style::Good),
        None => ("holds now, but not all of its run is left", Style::Plain),
    };
    let mut out = format!("{} ({}, under {main})\n", paint.text(head, style), rerun.identity.what);
    let mut push = |line: &str| {
        for line in wrap(&printable(line), WIDEST - 2) {
            out.push_str(format!("  {line}").trim_end());
            out.push('\n');
        }
    };
    // An edit that left every choice its place is nothing to speak of.
    if !is_whole {
        strayed(&Strayed { was_edited: false, ..rerun.strayed }).lines().for_each(&mut push);
    }
    if rerun.fails.is_none() {
        rerun.story.trim().lines().for_each(&mut push);
    }
    out
}

/// Where failures were saved that are new.
pub fn saved(path: &str, failures: usize) -> String {
    let failures = counted(failures as u64, "failure is", "failures are");
    format!("{failures} saved in {}, and run first from now on: commit it\n", printable(path))
}

/// What came of making a scenario smaller: from so many lines to so many, in so many attempts.
pub fn shrunk(before: usize, after: usize, tried: usize, is_stopped: bool) -> String {
    let stopped = if is_stopped { "stopped early: " } else { "" };
    let tried = counted(tried as u64, "smaller scenario was tried", "smaller scenarios were tried");
    format!("{stopped}{} of {before} are left; {tried}\n", counted(after as u64, "line", "lines"))
}

/// A line of JSON about a saved failure: `rerun` in `json.md`.
pub fn json_rerun(rerun: &Rerun<'_>) -> String {
    let Rerun { identity: Identity { what, subject, error }, strategy, story, strayed, fails, command } = *rerun;
    let line = Line {
        event: "rerun",
        what,
        subject: subject.as_deref(),
        error: error.as_deref(),
        strategy,
        fails: fails.is_some(),
        edited: strayed.was_edited,
        choices: strayed.choices,
        unplaced: strayed.unplaced.len(),
        story,
        command,
    };
    line_of(&line)
}

/// A line of JSON about where failures were saved: `saved` in `json.md`.
pub fn json_saved(path: &str, failures: usize) -> String {
    line_of(&Saved { event: "saved", path, failures })
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    what: &'static str,
    subject: Option<&'a str>,
    error: Option<&'a str>,
    strategy: Option<&'a str>,
    fails: bool,
    edited: bool,
    choices: usize,
    unplaced: usize,
    story: &'a str,
    command: &'a str,
}

#[derive(Serialize)]
struct Saved<'a> {
    event: &'static str,
    path: &'a str,
    failures: usize,
}
