//! Scenarios on real CPythons: every event of theirs is compared with ours.
//!
//! One interpreter reads the scenarios, because reading them is Python's own too; all run them, each in one process.
//!
//! Knows nothing of how a difference looks, nor of what is printed.

use crate::choice::Ordinary;
use crate::cpython::{Difference, Reading, Script, Told, question, reading};
use crate::diagnostic::Diagnostic;
use crate::event_loop::EventLoop;
use crate::machine::Machine;
use crate::scenario::Scenario;
use crate::strategy;

use super::File;
use super::python::{Interpreter, Patience, Problem, Session};

/// The interpreters at work.
pub struct Verifier {
    reader: Session,
    judges: Vec<Session>,
}

/// What became of a scenario on one interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// So many events, all alike.
    Equal(usize),
    /// The first difference and what led to it.
    Different(Box<Difference>),
    /// This version does not have what the scenario uses, and where it does.
    Lacking(Diagnostic),
    /// There is nothing to compare, and why.
    NotApplicable(String),
}

/// What became of a scenario, interpreter by interpreter; or why no Python can run it.
pub type Verified = Result<Vec<(Interpreter, Compared)>, String>;

impl Verifier {
    /// Starts them: `interpreters` run scenarios; who reads them is the newest of these and of `readers` that can.
    ///
    /// # Errors
    ///
    /// If there is nobody to run or to read, or if an interpreter cannot be started.
    pub fn start(
        interpreters: &[Interpreter],
        readers: &[Interpreter],
        patience: &Patience,
    ) -> Result<Verifier, Problem> {
        if interpreters.is_empty() {
            let expected = "expected a CPython from 3.8 to 3.13 on PATH or in ~/.pyenv/versions, but found none";
            return Err(Problem(format!("{expected}; name one with --python")));
        }
        let reader = interpreters.iter().rev().chain(readers.iter().rev()).find(|python| python.reads_toml());
        let Some(reader) = reader else {
            return Err(Problem(
                "expected a Python from 3.11 on, which can read TOML, but found only older ones".into(),
            ));
        };
        let reader = Session::start(reader, Script::Reader, patience)?;
        let judges: Result<Vec<_>, _> =
            interpreters.iter().map(|python| Session::start(python, Script::Judge, patience)).collect();
        Ok(Verifier { reader, judges: judges? })
    }

    /// Runs a file under one of its mains, or under any strategy, on every interpreter and as that version.
    ///
    /// # Errors
    ///
    /// If an interpreter does not answer as it should: then nothing is known about the scenario.
    pub fn file(&mut self, file: &File, strategy: Option<&str>) -> Result<Verified, Problem> {
        self.scenario(&file.scenario, &file.text, strategy)
    }

    /// The same for a scenario that stands in no file.
    ///
    /// # Errors
    ///
    /// As for a file.
    pub fn scenario(&mut self, scenario: &Scenario, text: &str, strategy: Option<&str>) -> Result<Verified, Problem> {
        let strategy_text = strategy.and_then(strategy::find).map(|strategy| strategy.text);
        self.reader.send(&question(text, strategy_text));
        // Passed on as it is, because the order of its keys counts.
        let request = self.reader.receive()?;
        let reading = reading(&request).map_err(|what| self.reader.problem(&format!("gives no answer: {what}")))?;
        if let Reading::Unreadable(why) = reading {
            return Ok(Err(format!("Python reads no TOML but 1.0: {why}")));
        }
        let mut programs = Vec::new();
        for judge in &self.judges {
            let program = scenario.program(strategy, Some(judge.interpreter().profile));
            if program.is_ok() {
                judge.send(&request);
            }
            programs.push(program);
        }
        let mut compared = Vec::new();
        let mut problem = None;
        // Every answer is taken, whatever is wrong with one of them, so that the next scenario gets its own.
        for (judge, program) in self.judges.iter_mut().zip(programs) {
            let result = match program {
                // It was a program with its own profile, so something is lacking: there is a first error.
                Err(mut errors) => Compared::Lacking(errors.swap_remove(0)),
                Ok(program) => {
                    let theirs = judge.receive().and_then(|answer| {
                        Told::theirs(&answer).map_err(|what| judge.problem(&format!("gives no answer: {what}")))
                    });
                    let theirs = match theirs {
                        Ok(theirs) => theirs,
                        Err(other) => {
                            problem.get_or_insert(other);
                            continue;
                        }
                    };
                    let mut event_loop = EventLoop::new(&program);
                    event_loop.run(&mut Ordinary);
                    let difference = Told::ours(&program, &event_loop.trace()).difference(&theirs);
                    match (difference, theirs.refusal()) {
                        (Some(difference), _) => Compared::Different(difference.into()),
                        (None, Some(why)) => Compared::NotApplicable(why.to_owned()),
                        (None, None) => Compared::Equal(theirs.len()),
                    }
                }
            };
            compared.push((judge.interpreter().clone(), result));
        }
        match problem {
            Some(problem) => Err(problem),
            None => Ok(Ok(compared)),
        }
    }

    /// The versions of those that run scenarios.
    pub fn versions(&self) -> Vec<&str> {
        self.judges.iter().map(|judge| judge.interpreter().version.as_str()).collect()
    }
}
