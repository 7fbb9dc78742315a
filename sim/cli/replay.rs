//! `atropos replay`: the run that a token names, once more.
//!
//! Knows nothing of how a token is placed.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Refused, load, pasted};
use crate::choice::Token;
use crate::harness::{File, Told};
use crate::program::Program;
use crate::report::{self, Story, Wrong};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The token that `atropos explore` printed.
    token: String,
    /// The scenario file that it belongs to.
    file: PathBuf,
    /// Print every event of the run instead of its story.
    #[arg(long)]
    trace: bool,
}

/// Replays, and says how the process is to end: 1 if the run fails.
pub(super) fn replay(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let token: Token = arguments.token.parse().map_err(|bad| Refused::Usage(format!("{bad}")))?;
    let [file] = &load(std::slice::from_ref(&arguments.file))?[..] else {
        return Err(Refused::Usage("expected one scenario file, but found a folder".to_owned()));
    };
    let replayed = file.replay(&token)?;
    if replayed.was_edited {
        writeln!(out, "The file was edited since the token was made.")?;
    }
    for deviation in &replayed.unplaced {
        let what = [deviation.kind.label(), &deviation.subject, &deviation.site, &deviation.chosen];
        let what: Vec<&str> = what.into_iter().filter(|part| !part.is_empty()).collect();
        writeln!(out, "No place was found for: {}", what.join(", "))?;
    }
    if arguments.trace {
        write!(out, "{}", report::trace(&replayed.program, &replayed.trace))?;
    }
    let Some(told) = replayed.told.first() else {
        writeln!(out, "The run passes.")?;
        return Ok(ExitCode::SUCCESS);
    };
    if !arguments.trace {
        let command = command(file, &token);
        write!(out, "{}", report::failure(&story(told, &replayed.program, 1, &command), super::colors()))?;
    }
    Ok(ExitCode::from(1))
}

/// The command that shows a failure again.
pub(super) fn command(file: &File, token: &Token) -> String {
    format!("atropos replay {token} {}", pasted(&file.path.display().to_string()))
}

/// The story of a failure that took so many runs to be found.
pub(super) fn story<'a>(told: &'a Told, program: &'a Program, runs: u64, command: &'a str) -> Story<'a> {
    let identity = &told.identity;
    let finding =
        told.verdict.findings.iter().find(|finding| finding.identity(program) == *identity).map(Wrong::Finding);
    let unmet = || told.verdict.unmet.iter().find(|unmet| unmet.identity(program) == *identity).map(Wrong::Unmet);
    Story {
        program,
        trace: &told.trace,
        passing: told.passing.as_ref(),
        identity,
        wrong: finding.or_else(unmet).expect("a small run fails as the great one did"),
        window: told.window,
        runs,
        sampler: None,
        shrunk: None,
        command,
    }
}
