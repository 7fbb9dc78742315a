//! What is told of an exploration: the same text for the command line and for a failing test.
//!
//! Knows nothing of where it is printed, and makes no sentence itself.

use crate::choice::Token;
use crate::experiment::{Experiment, Runtime};
use crate::explore::{Case, Sampler};
use crate::program::{Profile, Program};
use crate::report::{self, Story, Wrong};
use crate::scenario::SavedFailure;
#[cfg(feature = "shrink")]
use crate::trace::Outcome;
use crate::trace::Trace;
use crate::verdict::Identity;

#[cfg(feature = "shrink")]
use super::Effort;
use super::{Exhaustion, File, Run, Search, Setting, Told, Unlisted};

/// In a story, a scenario in small has at most so many lines.
#[cfg(feature = "shrink")]
const SHRUNK_LINES_MAX: usize = 24;

/// What came of exploring a file under one main, to be told and saved.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The file.
    pub file: &'a File,
    /// Which experiment was made of it.
    pub setting: &'a Setting,
    /// What came of it.
    pub search: Search,
    /// Failures that were told before, because they are saved and still there.
    pub known: Vec<Identity>,
    /// The scenario in small, for the failure that is told whole.
    shrunk: Option<String>,
}

impl File {
    /// The command that makes the run of a token again, and tells what this oracle or expectation says of it, or else the
    /// first of all that goes wrong.
    pub fn replay_command(&self, token: &Token, what: Option<&str>) -> String {
        let failure = what.map(|what| format!(" --failure {what}")).unwrap_or_default();
        format!("atropos replay {token} {}{failure}", report::pasted(&self.path.display().to_string()))
    }

    /// The command that shows a run.
    pub fn run_command(&self, run: &Run) -> String {
        let mut command = format!("atropos run {}", report::pasted(&self.path.display().to_string()));
        if let Some(strategy) = &run.strategy {
            command.push_str(&format!(" --strategy {strategy}"));
        }
        if let Some(profile) = run.profile {
            command.push_str(&format!(" --python {}", profile.name));
        }
        if run.runtime != self.runtime() {
            command.push_str(&format!(" --runtime {}", run.runtime.name()));
        }
        if let Some(seed) = run.seed {
            command.push_str(&format!(" --seed {seed}"));
        }
        command
    }

    /// Which run it is: `first.toml under cancel-each-task on asyncio 3.13, seed 7`.
    pub fn run_title(&self, run: &Run, profile: Profile) -> String {
        let order = run.seed.map_or_else(|| "in the ordinary order".to_owned(), |seed| format!("seed {seed}"));
        format!("{}, {order}", self.under_on(run.strategy.as_deref(), run.runtime, profile))
    }

    /// Which exploration it is: `first.toml under cancel-each-task on asyncio 3.13`.
    pub fn title(&self, setting: &Setting) -> String {
        let profile = setting.profile.unwrap_or(self.scenario.profile());
        self.under_on(setting.strategy.as_deref(), setting.runtime.unwrap_or(self.runtime()), profile)
    }

    fn under_on(&self, strategy: Option<&str>, runtime: Runtime, profile: Profile) -> String {
        let under = strategy.map(|name| format!(" under {name}")).unwrap_or_default();
        format!("{}{under} on {}", self.path.display(), runtime_name(runtime, profile))
    }

    /// The command that finds a failure of this file again, in the folder in which the file is.
    fn explore_command(&self, setting: &Setting, case: Case, sampler: Sampler) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let mut command = format!("atropos explore {}", report::pasted(&name));
        let mut option = |name: &str, value: &str| command.push_str(&format!(" --{name} {value}"));
        if let Some(strategy) = &setting.strategy {
            option("strategy", strategy);
        }
        if let Some(profile) = setting.profile {
            option("python", profile.name);
        }
        if let Some(runtime) = setting.runtime {
            option("runtime", runtime.name());
        }
        if let Some(cancels) = setting.cancels {
            option("cancels", &cancels.to_string());
        }
        if let Some((name, seed)) = case.sampler() {
            option("seeds", &format!("{seed}..{}", seed + 1));
            if let Case::PosSeed(_) | Case::SurwSeed(_) | Case::StarveSeed(_) = case {
                option("sampler", name);
            }
        }
        if let (Case::PctSeed(_), Sampler::Pct { depth } | Sampler::All { depth }) = (case, sampler) {
            option("sampler", "pct");
            option("depth", &depth.to_string());
        }
        command
    }
}

/// What it ran on: only asyncio is one of several versions.
pub fn runtime_name(runtime: Runtime, profile: Profile) -> String {
    match runtime {
        Runtime::Asyncio => format!("asyncio {}", profile.name),
        other => other.name().to_owned(),
    }
}

impl Told {
    /// Its name, if something else goes wrong in its run that would be told first.
    pub fn name_if_not_first(&self, program: &Program) -> Option<&'static str> {
        let is_first = self.verdict.identities(program).first() == Some(&self.identity);
        (!is_first).then_some(self.identity.what)
    }

    /// The story of it, which may be one that had to be found.
    pub fn story<'a>(&'a self, program: &'a Program, is_sought: bool, command: &'a str) -> Story<'a> {
        let Told { identity, verdict, trace, passing, window, found_in, found_by, .. } = self;
        let finding = verdict.findings.iter().find(|finding| finding.identity(program) == *identity);
        let unmet = || verdict.unmet.iter().find(|unmet| unmet.identity(program) == *identity);
        let wrong = finding.map(Wrong::Finding).or_else(|| unmet().map(Wrong::Unmet));
        Story {
            program,
            trace,
            passing: passing.as_ref(),
            identity,
            wrong: wrong.expect("a small run fails as the great one did"),
            window: *window,
            runs: *found_in,
            sampler: *found_by,
            is_sought,
            shrunk: None,
            command,
        }
    }
}

impl File {
    /// What came of going through all runs: whether that was complete, and every failure, the first one last and whole; in
    /// ANSI colours or without, or as JSON Lines.
    pub fn told_exhaustion(
        &self,
        setting: &Setting,
        exhaustion: &Exhaustion,
        states_per_second: Option<f64>,
        is_text: bool,
        color: bool,
    ) -> String {
        let Exhaustion { experiment, told, .. } = exhaustion;
        let (program, covered) = (experiment.program(), exhaustion.covered(states_per_second));
        let (mut out, mut stories) = (String::new(), Vec::new());
        for (at, told) in told.iter().enumerate() {
            let token = self.token(setting, experiment, told);
            let command = self.replay_command(&token, told.name_if_not_first(&program));
            let is_sought = exhaustion.is_sought(&told.identity);
            let story = told.story(&program, is_sought, &command);
            stories.push(match (is_text, at) {
                (true, 0) if !is_sought => format!("\n{}", report::failure(&story, color)),
                (true, _) => format!("\n{}", report::brief(&story, color)),
                (false, _) => report::json_failure(&story),
            });
        }
        if is_text {
            out.push_str(&format!("{}\n{}", self.title(setting), report::exhausted(&covered, color)));
            let Unlisted { new, missing } = exhaustion.unlisted();
            let trace = |(outcome, trace): (String, Trace)| (outcome, report::trace(&program, &trace));
            out.push_str(&report::unlisted(&new.into_iter().map(trace).collect::<Vec<_>>(), &missing));
            stories.iter().rev().for_each(|story| out.push_str(story));
        } else {
            stories.iter().for_each(|story| out.push_str(story));
            out.push_str(&report::json_exhausted(&covered));
        }
        out
    }
}

impl<'a> Findings<'a> {
    /// What was found, and of that what is `known`.
    pub fn new(file: &'a File, setting: &'a Setting, search: Search, known: Vec<Identity>) -> Findings<'a> {
        Findings { file, setting, search, known, shrunk: None }
    }

    /// Makes the scenario small for the failure that is told whole, and keeps it for the story if it is much smaller.
    /// `go_on` says whether there is time for more of it.
    #[cfg(feature = "shrink")]
    pub fn make_small(&mut self, go_on: &mut dyn FnMut() -> bool) {
        // What ends otherwise than expected in plain order does so in a file with nothing in it, too.
        let is_about_all =
            |told: &Told| told.identity.subject.is_none() && told.answers.iter().all(|answer| *answer == 0);
        let is_wanted = |told: &&Told| self.is_told_whole(told) && self.is_new(told) && !is_about_all(told);
        // Of a run that never ends each smaller one takes as long, and the story says who goes on and on.
        let has_end = |told: &&Told| told.trace.outcome != Outcome::OutOfSteps;
        let Some(told) = self.search.told.first().filter(is_wanted).filter(has_end) else { return };
        let small = self.file.in_small(self.setting, told, Effort::LITTLE, &mut |_, _| go_on());
        let [before, after] = [self.file.text(), small.file.text()].map(without_comments);
        let lines = after.lines().count();
        self.shrunk = Some(after).filter(|_| 2 * lines <= before.lines().count() && lines <= SHRUNK_LINES_MAX);
    }

    /// Whether a failure is new, and nobody wants it to be found.
    fn is_new(&self, told: &Told) -> bool {
        !self.known.contains(&told.identity) && !self.search.is_sought(&told.identity)
    }

    /// Whether it is the one that is told with everything: a new one, or on a network, where a run has no other picture, one
    /// that had to be found.
    fn is_told_whole(&self, told: &Told) -> bool {
        let is_first = self.search.told.first().is_some_and(|first| first.identity == told.identity);
        let is_on_network = self.search.experiment.program().network.is_some();
        is_first && !self.known.contains(&told.identity) && (is_on_network || !self.search.is_sought(&told.identity))
    }

    /// What was covered, and every failure, the most telling one last and whole, so that the command that shows it again
    /// is where the cursor is; in ANSI colours or without. So many failures were `saved` now, and it took so many
    /// `runs_per_second`, if somebody measured that.
    pub fn text(&mut self, saved: usize, runs_per_second: Option<f64>, color: bool) -> String {
        let covered = self.search.covered(runs_per_second);
        let covered = report::explored(&self.search.experiment.program(), &covered, color);
        let mut out = format!("{}\n{covered}", self.file.title(self.setting));
        if 0 < saved {
            out.push_str(&report::saved(&self.file.failures_path().display().to_string(), saved));
        }
        for told in self.search.told.iter().rev() {
            let tell = if self.is_told_whole(told) { report::failure } else { report::brief };
            out.push_str(&format!("\n{}", self.with_story(told, |story| tell(story, color))));
        }
        out
    }

    /// The same as JSON Lines.
    pub fn json(&mut self, saved: usize, runs_per_second: Option<f64>) -> String {
        let mut out = String::new();
        for told in &self.search.told {
            self.with_story(told, |story| out.push_str(&report::json_failure(story)));
        }
        let covered = self.search.covered(runs_per_second);
        out.push_str(&report::json_explored(&self.search.experiment.program(), &covered));
        if 0 < saved {
            out.push_str(&report::json_saved(&self.file.failures_path().display().to_string(), saved));
        }
        out
    }

    /// What is to be saved: everything that was made small, but for what is known and what had to be found.
    pub fn to_save(&self, sampler: Sampler) -> Vec<SavedFailure> {
        let Findings { file, setting, search, .. } = self;
        let save = |told: &Told| {
            let found = search.explored.failures.iter().find(|failure| failure.identity == told.identity);
            SavedFailure {
                identity: told.identity.clone(),
                story: self.with_story(told, report::in_short),
                found_by: found.map(|failure| file.explore_command(setting, failure.case, sampler)),
                token: self.token(told),
            }
        };
        search.told.iter().filter(|told| self.is_new(told)).map(save).collect()
    }

    fn token(&self, told: &Told) -> Token {
        self.file.token(self.setting, &self.search.experiment, told)
    }

    fn with_story<T>(&self, told: &Told, tell: impl FnOnce(&Story<'_>) -> T) -> T {
        let program = self.search.experiment.program();
        let command = self.file.replay_command(&self.token(told), told.name_if_not_first(&program));
        let shrunk = self.shrunk.as_deref().filter(|_| self.is_told_whole(told));
        tell(&Story { shrunk, ..told.story(&program, self.search.is_sought(&told.identity), &command) })
    }
}

/// A scenario without the lines that only people read. In a text of several lines nothing is one.
#[cfg(feature = "shrink")]
fn without_comments(text: &str) -> String {
    if ["\"\"\"", "'''"].iter().any(|quotes| text.contains(quotes)) {
        return text.to_owned();
    }
    let is_comment = |line: &str| line.trim_start().starts_with('#') || line.trim().is_empty();
    text.lines().filter(|line| !is_comment(line)).map(|line| format!("{line}\n")).collect()
}
