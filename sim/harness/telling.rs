//! What is told of an exploration: the same text for the command line and for a failing test.
//!
//! Knows nothing of where it is printed, and makes no sentence itself.

use crate::choice::Token;
use crate::explore::{Case, Failure, Sampler};
use crate::program::Program;
use crate::report::{self, Story, Wrong};
use crate::scenario::SavedFailure;
use crate::verdict::Identity;

use super::{File, Search, Setting, Told};

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
            if let Sampler::Pct { depth } = sampler {
                option("sampler", "pct");
                option("depth", &depth.to_string());
            }
        }
        command
    }
}

impl Told {
    /// The story of it. It took so many `runs` to find it, unless it was known.
    pub fn story<'a>(&'a self, program: &'a Program, runs: Option<u64>, command: &'a str) -> Story<'a> {
        let Told { identity, verdict, trace, passing, window, .. } = self;
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
            runs,
            shrunk: None,
            command,
        }
    }
}

impl Search {
    /// Everything that was found but for what is `known`, and what was covered, in ANSI colours or without; with
    /// `runs_per_second`, if somebody measured that.
    pub fn text(&mut self, file: &File, known: &[Identity], runs_per_second: Option<f64>, color: bool) -> String {
        let mut out = format!("{}\n\n", file.title(&self.setting));
        self.each_story(file, known, &mut |story, _, _| out.push_str(&format!("{}\n", report::failure(story, color))));
        let covered = self.covered(runs_per_second);
        out.push_str(&report::explored(&self.experiment.shared_program(), &covered, color));
        let known = self.explored.failures.iter().filter(|failure| known.contains(&failure.identity)).count();
        if 0 < known {
            out.push_str(&report::told_before(known));
        }
        out
    }

    /// The same as JSON Lines.
    pub fn json(&mut self, file: &File, known: &[Identity], runs_per_second: Option<f64>) -> String {
        let mut out = String::new();
        self.each_story(file, known, &mut |story, _, _| out.push_str(&report::json_failure(story)));
        let covered = self.covered(runs_per_second);
        out.push_str(&report::json_explored(&self.experiment.shared_program(), &covered));
        out
    }

    /// What is to be saved of this exploration: everything that was made small, but for what is `known`.
    pub fn to_save(&self, file: &File, known: &[Identity]) -> Vec<SavedFailure> {
        let mut saved = Vec::new();
        self.each_story(file, known, &mut |story, failure, token| {
            saved.push(SavedFailure {
                identity: failure.identity.clone(),
                story: report::failure_in_short(story),
                found_by: Some(file.explore_command(&self.setting, failure.case, self.sampler)),
                token,
            });
        });
        saved
    }

    fn each_story(&self, file: &File, known: &[Identity], tell: &mut dyn FnMut(&Story<'_>, &Failure, Token)) {
        let program = self.experiment.shared_program();
        for (told, failure) in self.told.iter().zip(&self.explored.failures) {
            if !known.contains(&told.identity) {
                let token = file.token(&self.setting, &self.experiment, told);
                let command = file.replay_command(&token);
                tell(&told.story(&program, Some(failure.number + 1), &command), failure, token);
            }
        }
    }
}
