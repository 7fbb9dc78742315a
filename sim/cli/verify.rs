//! `atropos verify`: which interpreters, which files, and a line for every comparison.
//!
//! Knows nothing of how a comparison is made.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::ValueEnum;

use super::progress::{Shown, stop_on_interrupt};
use super::{Files, Refused, load};
use crate::diagnostic::Diagnostic;
use crate::experiment::Runtime;
use crate::harness::{self, File, Interpreter, Patience, Problem, Verifier, installed};
use crate::report::{self, Alike, Compared, Comparison};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    files: Files,
    /// Run them on this interpreter, which may be given several times; otherwise on every version that is found on PATH
    /// and under pyenv.
    #[arg(long, value_name = "INTERPRETER")]
    python: Vec<PathBuf>,
    /// How long an interpreter may take for one answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each comparison; of one that differs, both sides.
    Text,
    /// JSON Lines: an object for each comparison, and one for all together.
    Json,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused::Usage(problem.0)
    }
}

/// Verifies, and says how the process is to end: 0 if something was compared, and all of it is equal.
pub(super) fn verify(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let files = load(&arguments.files)?;
    let mut patience = Patience::of(Duration::from_secs(arguments.timeout));
    let named: Result<Vec<Interpreter>, Problem> =
        arguments.python.iter().map(|path| Interpreter::find(path, &patience)).collect();
    let named = named?;
    // To ask all that there are takes a while, and is for nothing if those that are named can do everything.
    let found = if named.iter().any(Interpreter::reads_toml) { Vec::new() } else { installed() };
    let interpreters = if named.is_empty() { &found } else { &named };
    patience.is_over = stop_on_interrupt();
    let mut verifier = Verifier::start(interpreters, &found, &patience)?;

    let mut teller =
        Teller { out, format: arguments.format, bar: Shown::new(String::new()), compared: Compared::default() };
    let mains = files.iter().filter(|file| is_for_python(file)).map(|file| file.scenario.mains().len() as u64);
    teller.bar.set_length(mains.sum());
    'files: for file in &files {
        let scenario = file.path.display().to_string();
        if !is_for_python(file) {
            let runtimes: Vec<&str> = file.scenario.runtimes().iter().map(|runtime| runtime.name()).collect();
            let why = format!("it is for {}", runtimes.join(" and "));
            teller.tell(&scenario, None, None, Alike::NotApplicable(&why))?;
            continue;
        }
        for strategy in file.scenario.mains() {
            teller.bar.set_message(scenario.clone());
            let verified = verifier.file(file, strategy);
            if patience.is_over.load(Ordering::Relaxed) {
                teller.compared.interrupted = true;
                break 'files;
            }
            let under = strategy.map(|strategy| format!(" under {strategy}")).unwrap_or_default();
            let unknown = |Problem(what)| Problem(format!("{scenario}{under}: nothing is known, because {what}"));
            match verified.map_err(unknown)? {
                Err(why) => teller.tell(&scenario, strategy, None, Alike::NotApplicable(&why))?,
                Ok(verified) => {
                    let mut drawn = None;
                    for (python, became) in &verified {
                        let alike = alike(python, became, file.text(), &mut drawn);
                        teller.tell(&scenario, strategy, Some(&python.version), alike)?;
                    }
                }
            }
            teller.bar.inc(1);
        }
    }
    teller.sum_up()
}

fn is_for_python(file: &File) -> bool {
    file.scenario.runtimes().contains(&Runtime::Asyncio)
}

/// What is told of one version; a place that several versions in a row stumble over is `drawn` once.
fn alike<'a>(
    python: &'a Interpreter,
    became: &'a harness::Compared,
    source: &'a str,
    drawn: &mut Option<&'a Diagnostic>,
) -> Alike<'a> {
    match became {
        harness::Compared::Equal(events) => Alike::Equal(*events),
        harness::Compared::Different(difference) => Alike::Different {
            shown: difference.to_string(),
            keys: difference.keys(),
            checked_against: Some(python.profile.checked_against).filter(|patch| *patch != python.version),
        },
        harness::Compared::Lacking(lacking) => {
            let is_new = drawn.replace(lacking).is_none_or(|other| other.span != lacking.span);
            Alike::Lacking { lacking, source, is_new }
        }
        harness::Compared::NotApplicable(why) => Alike::NotApplicable(why),
    }
}

/// Who says what came of it, and counts.
struct Teller<'a, W: Write> {
    out: &'a mut W,
    format: Format,
    bar: Shown,
    compared: Compared,
}

impl<W: Write> Teller<'_, W> {
    fn tell(
        &mut self,
        scenario: &str,
        strategy: Option<&str>,
        python: Option<&str>,
        result: Alike<'_>,
    ) -> io::Result<()> {
        let comparison = Comparison { scenario, strategy, python, result };
        self.compared.add(&comparison);
        let text = match self.format {
            Format::Text => report::comparison(&comparison),
            Format::Json => report::json_comparison(&comparison),
        };
        let Compared { equal, different, .. } = self.compared;
        self.bar.set_prefix(format!("{equal} equal, {different} different"));
        // At once: what was found out so far is not lost if an interpreter fails.
        self.bar.suspend(|| self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()))
    }

    fn sum_up(self) -> Result<ExitCode, Refused> {
        self.bar.finish_and_clear();
        match self.format {
            Format::Text => write!(self.out, "\n{}", report::compared(&self.compared))?,
            Format::Json => write!(self.out, "{}", report::json_compared(&self.compared))?,
        }
        let Compared { equal, different, interrupted, .. } = self.compared;
        if equal + different == 0 {
            self.out.flush()?;
            _ = writeln!(io::stderr(), "error: nothing was verified");
        }
        Ok(if different == 0 && equal > 0 && !interrupted { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}
