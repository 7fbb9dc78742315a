//! A failure in one screen: what went wrong, what it takes, how it happens, and the command that shows it again.
//!
//! The shortest comes first, so that whoever knows enough may stop reading, and the command last, where the cursor is.
//!
//! Knows nothing of how the failure was found or made small.

use serde::Serialize;

use crate::id::TaskId;
use crate::program::Program;
use crate::time::Time;
use crate::trace::{Owner, Trace};
use crate::verdict::{Finding, Identity, Oracle, Unmet};

use super::draw::{WIDEST, wrap};
use super::json::line_of;
use super::lanes::{Focus, tell_lanes};
use super::names::{clipped, counted, printable};
use super::paint::{Paint, Style};
use super::parting::parting;
use super::points::{points, told};
use super::sentence;

/// Everything that is told of one failure.
#[derive(Clone, Copy, Debug)]
pub struct Story<'a> {
    /// What runs: made small, if it could be.
    pub program: &'a Program,
    /// The run that fails.
    pub trace: &'a Trace,
    /// The nearest run of the same program that does not fail, if one is known.
    pub passing: Option<&'a Trace>,
    /// What kind of failure it is.
    pub identity: &'a Identity,
    /// What is wrong with the run.
    pub wrong: Wrong<'a>,
    /// From when to when the cut may come and the run fails all the same; for a run with one cut.
    pub window: Option<(Time, Time)>,
    /// How many runs it took to find it; nothing if nobody searched.
    pub runs: Option<u64>,
    /// The sampler that found it, and its seed, if one did.
    pub sampler: Option<(&'a str, u64)>,
    /// Whether it had to be found.
    pub is_sought: bool,
    /// The scenario in small, as TOML, if it is another one than the file's.
    pub shrunk: Option<&'a str>,
    /// What a reader types to see it again.
    pub command: &'a str,
}

/// What is wrong with a run.
#[derive(Clone, Copy, Debug)]
pub enum Wrong<'a> {
    /// Something that nobody has to ask for.
    Finding(&'a Finding),
    /// The scenario expects otherwise.
    Unmet(&'a Unmet),
}

/// Of a longer sentence, so many characters are told: it may quote what a task returned.
const LONGEST_SENTENCE: usize = 500;

/// The story of a failure, in ANSI colours or without. Its last line is the command.
pub fn failure(story: &Story<'_>, color: bool) -> String {
    let paint = Paint::new(color);
    let mut out = String::new();
    story.tell_head(paint, &mut out);
    out.push('\n');
    if let Some(shrunk) = story.shrunk {
        out.push_str("The same in small:\n\n");
        for line in shrunk.trim_end().lines() {
            out.push_str(format!("    {}", printable(line)).trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    let parting = story.passing.map(|passing| parting(story.program, story.trace, passing));
    let focus = Focus { tasks: story.tasks(), agree: parting.as_ref().map(|parting| parting.agree) };
    tell_lanes(story.program, story.trace, &focus, paint, &mut out);
    out.push('\n');
    if let Some(parting) = parting {
        parting.tell(&mut out);
        out.push('\n');
    }
    out.push_str(&format!("See it again:\n  {}\n", paint.text(&printable(story.command), Style::Strong)));
    out
}

/// A failure without its lanes: one of several, the most telling of which is told whole.
pub fn brief(story: &Story<'_>, color: bool) -> String {
    let paint = Paint::new(color);
    let mut out = String::new();
    story.tell_head(paint, &mut out);
    out.push_str(&format!("  {}\n", paint.text(&printable(story.command), Style::Strong)));
    out
}

/// The story of a failure in two lines, to be kept: what went wrong, and what it takes.
pub fn in_short(story: &Story<'_>) -> String {
    story.in_two_lines().map(|line| line + "\n").concat()
}

/// A line of JSON about a failure: `failure` in `json.md`.
pub fn json_failure(story: &Story<'_>) -> String {
    let Identity { what, subject, error } = story.identity;
    let parting = story.passing.map(|passing| parting(story.program, story.trace, passing));
    let line = Line {
        event: "failure",
        what,
        subject: subject.as_deref(),
        error: error.as_deref(),
        sentence: story.sentence(),
        points: story.points(),
        window_ns: story.window.map(|(from, to)| [from.0, to.0]),
        runs: story.runs,
        sampler: story.sampler.map(|(sampler, _)| sampler),
        seed: story.sampler.map(|(_, seed)| seed),
        is_sought: story.is_sought,
        agree: parting.map(|parting| parting.agree),
        shrunk: story.shrunk,
        fingerprint: story.trace.fingerprint().to_string(),
        command: story.command,
    };
    line_of(&line)
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    what: &'static str,
    subject: Option<&'a str>,
    error: Option<&'a str>,
    sentence: String,
    points: Vec<String>,
    window_ns: Option<[u64; 2]>,
    runs: Option<u64>,
    sampler: Option<&'a str>,
    seed: Option<u64>,
    is_sought: bool,
    agree: Option<usize>,
    shrunk: Option<&'a str>,
    fingerprint: String,
    command: &'a str,
}

impl Story<'_> {
    /// What went wrong, and what it takes.
    fn in_two_lines(&self) -> [String; 2] {
        let sentence = format!("{}: {}", self.identity.what, clipped(&self.sentence(), LONGEST_SENTENCE));
        [sentence, format!("It takes: {}.", told(&self.points()))]
    }

    /// The same, and in how many runs it was found.
    fn tell_head(&self, paint: Paint, out: &mut String) {
        let [sentence, mut takes] = self.in_two_lines();
        if let Some(runs) = self.runs {
            let by = self.sampler.map(|(sampler, seed)| format!(" by {sampler}, seed {seed}")).unwrap_or_default();
            takes.push_str(&format!(" Found in {}{by}.", counted(runs, "run", "runs")));
        }
        let style = if self.is_sought { Style::Good } else { Style::Bad };
        for (text, style) in [(sentence, style), (takes, Style::Plain)] {
            for line in wrap(&text, WIDEST) {
                out.push_str(&paint.text(&line, style));
                out.push('\n');
            }
        }
    }

    fn sentence(&self) -> String {
        match self.wrong {
            Wrong::Finding(finding) => sentence::finding(self.program, self.trace, finding),
            Wrong::Unmet(unmet) => sentence::unmet(unmet),
        }
    }

    fn points(&self) -> Vec<String> {
        points(self.program, self.trace, self.window)
    }

    /// Whom the failure is about.
    fn tasks(&self) -> Vec<TaskId> {
        let finding = match self.wrong {
            Wrong::Finding(finding) => finding,
            Wrong::Unmet(unmet) => return unmet.task.iter().map(|&(task, _)| task).collect(),
        };
        let mut tasks: Vec<TaskId> = finding.task.iter().map(|&(task, _)| task).collect();
        if finding.oracle == Oracle::Deadlock {
            let circle = self.trace.cycle();
            tasks.extend(
                circle.iter().filter_map(|owner| if let Owner::Task(task) = owner { Some(*task) } else { None }),
            );
            // Of Rust code nobody knows who waits for a task, so these are all that have not ended.
            tasks.extend(self.trace.stuck());
        }
        tasks
    }
}
