//! What is told of an exploration: the same text for the command line and for a failing test.
//!
//! Knows nothing of where it is printed, and makes no sentence itself.

use crate::choice::Token;
use crate::experiment::Experiment;
use crate::explore::{Case, Sampler};
use crate::program::Program;
use crate::report::{self, Story, Wrong};
use crate::scenario::SavedFailure;
use crate::verdict::Identity;

use super::{Exhaustion, File, Search, Setting, Told};

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
}

impl File {
    /// The command that makes the run of a token again.
    pub fn replay_command(&self, token: &Token) -> String {
        format!("atropos replay {token} {}", report::pasted(&self.path.display().to_string()))
    }

    /// Which exploration it is: `first.toml under cancel-each-task on asyncio 3.13`.
    pub fn title(&self, setting: &Setting) -> String {
        let under = setting.strategy.as_ref().map(|name| format!(" under {name}")).unwrap_or_default();
        let profile = setting.profile.unwrap_or(self.scenario.profile());
        format!("{}{under} on asyncio {}", self.path.display(), profile.name)
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
        if let Some(cancels) = setting.cancels {
            option("cancels", &cancels.to_string());
        }
        if let Case::Seed(seed) = case {
            option("seeds", &format!("{seed}..{}", seed + 1));
            if sampler != Sampler::Portfolio {
                option("sampler", sampler.name());
            }
            if let Sampler::Pct { depth } = sampler {
                option("depth", &depth.to_string());
            }
        }
        command
    }
}

impl Told {
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
            let command = self.replay_command(&self.token(setting, experiment, told));
            let story = told.story(&program, false, &command);
            stories.push(match (is_text, at) {
                (true, 0) => format!("\n{}", report::failure(&story, color)),
                (true, _) => format!("\n{}", report::brief(&story, color)),
                (false, _) => report::json_failure(&story),
            });
        }
        if is_text {
            out.push_str(&format!("{}\n{}", self.title(setting), report::exhausted(&covered, color)));
            stories.iter().rev().for_each(|story| out.push_str(story));
        } else {
            stories.iter().for_each(|story| out.push_str(story));
            out.push_str(&report::json_exhausted(&covered));
        }
        out
    }
}

impl Findings<'_> {
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
        for (at, told) in self.search.told.iter().enumerate().rev() {
            self.with_story(told, |story| {
                let is_whole = at == 0 && !story.is_sought && !self.known.contains(story.identity);
                let text = if is_whole { report::failure(story, color) } else { report::brief(story, color) };
                out.push_str(&format!("\n{text}"));
            });
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
        let Findings { file, setting, search, known } = self;
        let is_new = |told: &&Told| !known.contains(&told.identity) && !search.is_sought(&told.identity);
        let save = |told: &Told| {
            let found = search.explored.failures.iter().find(|failure| failure.identity == told.identity);
            SavedFailure {
                identity: told.identity.clone(),
                story: self.with_story(told, report::in_short),
                found_by: found.map(|failure| file.explore_command(setting, failure.case, sampler)),
                token: self.token(told),
            }
        };
        search.told.iter().filter(is_new).map(save).collect()
    }

    fn token(&self, told: &Told) -> Token {
        self.file.token(self.setting, &self.search.experiment, told)
    }

    fn with_story<T>(&self, told: &Told, tell: impl FnOnce(&Story<'_>) -> T) -> T {
        let command = self.file.replay_command(&self.token(told));
        let is_sought = self.search.is_sought(&told.identity);
        tell(&told.story(&self.search.experiment.program(), is_sought, &command))
    }
}
