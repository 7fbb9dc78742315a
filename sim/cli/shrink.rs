//! `atropos shrink`: a scenario that fails like a token's, and is as small as it goes.
//!
//! Knows nothing of how it is made smaller.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use super::Refused;
use super::progress::{Shown, stop_on_interrupt};
use super::replay::{Named, known_failure};
use crate::experiment::Experiment;
use crate::harness::{Effort, Small};
use crate::report;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: Named,
    /// Of several failures that the run shows, keep what this oracle or expectation says.
    #[arg(long, value_name = "NAME", value_parser = known_failure)]
    failure: Option<&'static str>,
    /// Where to write the smaller scenario, instead of printing it.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Shrinks. The scenario goes to standard output, and what is said about it to standard error; or else the one to a file
/// and the other to standard output.
pub(super) fn shrink(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let (token, file) = arguments.run.load()?;
    let replayed = file.replay(&token)?;
    let Some(told) = replayed.failure(arguments.failure) else {
        let why = format!(
            "there is nothing to shrink, because the run passes\n{}",
            report::strayed(&replayed.strayed(&token))
        );
        return Err(Refused::Usage(why.trim_end().to_owned()));
    };
    let stop = stop_on_interrupt();
    let bar = Shown::new(format!("shrinking {}", file.path.display()));
    let lines = file.text().lines().count();
    bar.set_length(lines as u64);
    let mut small = file.in_small(&replayed.setting, told, Effort::FULL, &mut |tried, text| {
        let left = text.lines().count();
        bar.set_position(lines.saturating_sub(left) as u64);
        bar.set_prefix(format!("{left} lines left, {tried} tried"));
        !stop.load(Ordering::Relaxed)
    });
    drop(bar);

    let is_stopped = stop.load(Ordering::Relaxed);
    let left = small.file.text().lines().count();
    _ = write!(io::stderr(), "{}", report::shrunk(lines, left, small.tried, is_stopped));
    let Some(output) = &arguments.output else {
        out.write_all(small.file.text().as_bytes())?;
        out.flush()?;
        // Where it will be is up to whoever reads the output.
        small.file.path = "FILE".into();
        _ = write!(io::stderr(), "\n{}", story(&small, false));
        return Ok(ExitCode::SUCCESS);
    };
    small.file.write_to(output).map_err(Refused::Usage)?;
    out.write_all(story(&small, super::colors()).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn story(small: &Small, color: bool) -> String {
    let program = small.experiment.program();
    let command = small.file.replay_command(&small.token, small.told.name_if_not_first(&program));
    report::failure(&small.told.story(&program, false, &command), color)
}
