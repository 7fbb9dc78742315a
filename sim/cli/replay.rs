//! `atropos replay`: the run that a token names, once more.
//!
//! Knows nothing of how a token is placed.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Refused, load};
use crate::choice::Token;
use crate::report;

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
    let strayed = report::strayed(&replayed.strayed(&token));
    if !strayed.is_empty() {
        writeln!(out, "{strayed}")?;
    }
    if arguments.trace {
        write!(out, "{}", report::trace(&replayed.program, &replayed.trace))?;
    }
    let Some(told) = replayed.told.first() else {
        writeln!(out, "The run passes.")?;
        return Ok(ExitCode::SUCCESS);
    };
    if !arguments.trace {
        let command = file.replay_command(&token);
        write!(out, "{}", report::failure(&told.story(&replayed.program, false, &command), super::colors()))?;
    }
    Ok(ExitCode::from(1))
}
