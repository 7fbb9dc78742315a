//! `atropos replay`: the run that a token names, once more.
//!
//! Knows nothing of how a token is placed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Refused, unknown};
use crate::choice::{BadToken, Token};
use crate::harness::File;
use crate::report;
use crate::verdict::{Expectation, Oracle};

// Which run. This is no doc comment, which would be the text about the command.
#[derive(clap::Args)]
pub(super) struct Named {
    /// The token that `atropos explore` printed.
    token: String,
    /// The scenario file that it belongs to.
    file: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: Named,
    /// Of several failures that the run shows, tell what this oracle or expectation says.
    #[arg(long, value_name = "NAME", value_parser = known_failure)]
    failure: Option<&'static str>,
    /// Print every event of the run instead of its story.
    #[arg(long)]
    trace: bool,
}

/// Replays, and says how the process is to end: 1 if the run fails.
pub(super) fn replay(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let (token, file) = arguments.run.load()?;
    let replayed = file.replay(&token)?;
    let strayed = report::strayed(&replayed.strayed(&token));
    if !strayed.is_empty() {
        writeln!(out, "{strayed}")?;
    }
    if arguments.trace {
        write!(out, "{}", report::trace(&replayed.program, &replayed.trace))?;
    }
    let Some(told) = replayed.failure(arguments.failure) else {
        writeln!(out, "The run passes.")?;
        return Ok(ExitCode::SUCCESS);
    };
    if !arguments.trace {
        let command = file.replay_command(&token, told.name_if_not_first(&replayed.program));
        write!(out, "{}", report::failure(&told.story(&replayed.program, false, &command), super::colors()))?;
    }
    Ok(ExitCode::from(1))
}

impl Named {
    /// The token, and the file.
    pub(super) fn load(&self) -> Result<(Token, File), Refused> {
        token_and_file(&self.token, &self.file)
    }
}

/// A token and its file; who gives them the other way round means the same.
fn token_and_file(token: &str, file: &Path) -> Result<(Token, File), Refused> {
    let is_token = |word: &str| word.parse::<Token>() != Err(BadToken::NoToken);
    match file.to_str() {
        Some(other) if !is_token(token) && is_token(other) => token_and_file(other, token.as_ref()),
        _ => {
            let token: Token = token.parse().map_err(|bad: BadToken| Refused::Usage(bad.to_string()))?;
            if file.is_dir() {
                return Err(Refused::Usage("expected one scenario file, but found a folder".to_owned()));
            }
            Ok((token, File::load(file)?))
        }
    }
}

/// The name of an oracle, or the key of an expectation.
pub(super) fn known_failure(name: &str) -> Result<&'static str, String> {
    let names: Vec<&str> = Oracle::ALL.into_iter().map(Oracle::name).chain(Expectation::KEYS).collect();
    let known = names.iter().copied().find(|known| *known == name);
    known.ok_or_else(|| unknown("failure", name, &names, &format!("there are {}", names.join(", "))))
}
