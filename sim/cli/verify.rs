//! `atropos verify`: which interpreters, which files, and a line for every comparison.
//!
//! Knows nothing of how a comparison is made.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{Refused, SCENARIOS, load};
use crate::experiment::Runtime;
use crate::harness::{Compared, File, Interpreter, Problem, Verifier, installed};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, and folders of them.
    #[arg(default_value = SCENARIOS)]
    paths: Vec<PathBuf>,
    /// Run them on this interpreter, which may be given several times; otherwise on every version that is found on PATH
    /// and under pyenv.
    #[arg(long, value_name = "INTERPRETER")]
    python: Vec<PathBuf>,
    /// How long an interpreter may take for one answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused::Usage(problem.0)
    }
}

/// What has come of all comparisons.
#[derive(Default)]
struct Count {
    equal: usize,
    different: usize,
    not_applicable: usize,
    versions: BTreeSet<(u8, String)>,
}

pub(super) fn verify(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let files = load(&arguments.paths)?;
    let patience = Duration::from_secs(arguments.timeout);
    let named: Result<Vec<Interpreter>, Problem> =
        arguments.python.iter().map(|path| Interpreter::find(path, patience)).collect();
    let named = named?;
    // To ask all that there are takes a while, and is for nothing if those that are named can do everything.
    let found = if named.iter().any(Interpreter::reads_toml) { Vec::new() } else { installed() };
    let interpreters = if named.is_empty() { &found } else { &named };
    let mut verifier = Verifier::start(interpreters, &found, patience)?;
    let mut count = Count::default();
    for file in &files {
        if !file.scenario.runtimes().contains(&Runtime::Asyncio) {
            let runtimes: Vec<&str> = file.scenario.runtimes().iter().map(|runtime| runtime.name()).collect();
            count.not_applicable += 1;
            writeln!(out, "{}: not applicable, because it is for {}", file.path.display(), runtimes.join(" and "))?;
            continue;
        }
        for main in file.scenario.mains() {
            // What was found out so far is not lost if an interpreter fails.
            out.flush()?;
            let compared = verifier
                .file(file, main)
                .map_err(|Problem(what)| Problem(format!("{}: nothing is known, because {what}", title(file, main))))?;
            match compared {
                Err(why) => {
                    count.not_applicable += 1;
                    writeln!(out, "{}: not applicable, because {why}", title(file, main))?;
                }
                Ok(compared) => {
                    for (python, compared) in compared {
                        tell(&title(file, main), &python, compared, &mut count, out)?;
                    }
                }
            }
        }
    }
    sum_up(&count, out)
}

fn title(file: &File, main: Option<&str>) -> String {
    let path = file.path.display();
    main.map_or_else(|| path.to_string(), |main| format!("{path} under {main}"))
}

fn tell(
    title: &str,
    python: &Interpreter,
    compared: Compared,
    count: &mut Count,
    out: &mut impl Write,
) -> Result<(), Refused> {
    let version = &python.version;
    match compared {
        Compared::Equal(events) => {
            count.equal += 1;
            count.versions.insert((minor(version), version.clone()));
            writeln!(out, "{title} on Python {version}: equal, {events} events")?;
        }
        Compared::Different(difference) => {
            count.different += 1;
            writeln!(out, "{title} on Python {version}: DIFFERENT, {}", difference.trim_end())?;
        }
        Compared::NotApplicable(why) => {
            count.not_applicable += 1;
            writeln!(out, "{title} on Python {version}: not applicable, because {why}")?;
        }
    }
    Ok(())
}

/// What versions are sorted by: 3.9 is before 3.10.
fn minor(version: &str) -> u8 {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0)
}

fn sum_up(count: &Count, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let Count { equal, different, not_applicable, versions } = count;
    let on = match versions.iter().map(|(_, version)| version.as_str()).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => String::new(),
        versions => format!(" on Python {versions}"),
    };
    writeln!(out, "\n{equal} runs equal{on}; {different} different, {not_applicable} not applicable")?;
    if equal + different == 0 {
        out.flush()?;
        _ = writeln!(std::io::stderr(), "error: nothing was verified");
    }
    Ok(if *different == 0 && *equal > 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
