//! A scenario on real CPython: the scripts that an interpreter needs for it, and how what it tells is compared with
//! what we tell.
//!
//! The scripts are part of the build, so that the command is all there is to install. They reach an interpreter by its
//! standard input, a loader by its command line; nothing is written anywhere.
//!
//! Knows nothing of where interpreters are or how they are run: that is the door's.

mod difference;
mod told;

pub use difference::Difference;
pub use told::Told;

use serde_json::{Value as Json, json};

/// What the interpreter is given as its program: it takes the rest from the first line of its input.
pub const LOADER: &str = include_str!("loader.py");

/// What a process is for. Each answers every line with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Reads scenario files, independently of us. It takes a Python from 3.11 on.
    Reader,
    /// Runs what the reader has read, and tells what happened.
    Judge,
    /// Runs what `atropos python` prints, on virtual time.
    Printed,
}

const VIRTUAL_LOOP: (&str, &str) = ("virtual_loop", include_str!("virtual_loop.py"));
const TRANSLATE: (&str, &str) = ("translate", include_str!("translate.py"));
const JUDGE: (&str, &str) = ("judge", include_str!("judge.py"));
const SCENARIO: (&str, &str) = ("scenario", include_str!("scenario.py"));
const PRINTED: (&str, &str) = ("printed", include_str!("printed.py"));

impl Script {
    /// The first line that the loader is given.
    pub fn first_line(self) -> String {
        let (modules, arguments): (&[(&str, &str)], &[&str]) = match self {
            Script::Reader => (&[VIRTUAL_LOOP, TRANSLATE, JUDGE, SCENARIO], &["--lines"]),
            Script::Judge => (&[VIRTUAL_LOOP, TRANSLATE, JUDGE], &[]),
            Script::Printed => (&[VIRTUAL_LOOP, PRINTED], &[]),
        };
        json!({ "modules": modules, "arguments": arguments }).to_string()
    }

    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Script::Reader => "the reader of scenarios",
            Script::Judge => "the judge of programs",
            Script::Printed => "the runner of scripts",
        }
    }
}

/// The line that asks the reader for the program of a scenario, under the text of a strategy or with its own main.
pub fn question(scenario: &str, strategy: Option<&str>) -> String {
    json!({ "toml": scenario, "strategy": strategy }).to_string()
}

/// What the reader has made of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A program: the answer is what the judge is asked.
    Program,
    /// Why it could not read the scenario, though it is valid: Python's TOML is older than ours.
    Unreadable(String),
}

/// Whether the reader's answer is a program.
///
/// # Errors
///
/// If it is no answer at all.
pub fn reading(answer: &str) -> Result<Reading, String> {
    let Ok(Json::Object(json)) = serde_json::from_str(answer) else { return Err(told::rubbish(answer)) };
    match (json.get("unreadable").and_then(Json::as_str), json.get("main")) {
        (Some(why), _) => Ok(Reading::Unreadable(why.to_owned())),
        (None, Some(Json::Object(_))) => Ok(Reading::Program),
        _ => Err(told::rubbish(answer)),
    }
}
