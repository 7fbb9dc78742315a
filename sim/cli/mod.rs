//! The command line: what is asked, printed, and the exit code.
//!
//! Exit codes: 0 fine; 1 an expectation was not met, a run that was found or replayed fails, or what was compared differs, or
//! could not be compared at all; 2 bad input or usage; 3 a run was not the same twice.
//!
//! Knows nothing of how a run is made; that is the harness's.

mod compare;
mod explore;
mod progress;
mod replay;
mod shrink;
mod verify;
mod watcher;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::diagnostic::nearest;
use crate::experiment::Runtime;
use crate::harness::{self, File, Judged, Rejected, Run};
use crate::program::Profile;
use crate::report::{self, Origin, Row};
use crate::scenario::{REFERENCE, StrategyText};
use crate::{strategy, tokio_program};

/// Where scenarios are if nobody says where.
const SCENARIOS: &str = "scenarios";

/// Deterministic simulation tests for task cancellation.
#[derive(Parser)]
#[command(
    name = "atropos",
    version,
    after_help = "Exit codes: 0 fine, 1 an expectation was not met or a failure found, 2 bad input or usage, 3 a bug of \
                  Atropos: a run was not the same twice."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios and show in which order everything happened.
    Run(RunArguments),
    /// Try many runs: every single fault in the ordinary order, then seeds; and tell what fails as a short story.
    Explore(explore::Arguments),
    /// Go through all runs under two strategies, and tell in which ways they end under the one and not under the other.
    Compare(compare::Arguments),
    /// Make the run that a token names once more, and tell its story.
    Replay(replay::Arguments),
    /// Make a scenario smaller that fails, as long as the failure stays the same.
    Shrink(shrink::Arguments),
    /// Check that scenario files are valid, without running them.
    Check(Files),
    /// Print a scenario as the asyncio script that somebody could have written.
    Python {
        /// The scenario file.
        file: PathBuf,
        /// Under this strategy, instead of the file's own main or the first strategy that it lists.
        #[arg(long, value_name = "NAME")]
        strategy: Option<String>,
    },
    /// Run scenarios on real CPythons, and compare every event with ours.
    Verify(verify::Arguments),
    /// List the versions of Python that there are, what each was checked against, and in what they differ.
    Profiles,
    /// List the strategies, or show one: its steps, and the Python and Rust that they stand for.
    Strategies {
        /// The one to show.
        name: Option<String>,
    },
    /// Print the reference of the scenario format.
    Reference,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

// What several commands are told. These are no doc comments, which would be the text about each of the commands.

// What to work on.
#[derive(clap::Args)]
struct Files {
    /// Scenario files, and folders of them.
    #[arg(default_value = SCENARIOS)]
    paths: Vec<PathBuf>,
}

// Whose behaviour it is.
#[derive(clap::Args)]
struct Behaves {
    /// Behave like this version of Python, such as 3.10, instead of the file's.
    #[arg(long, value_name = "VERSION", value_parser = profile)]
    python: Option<Profile>,
}

// Whether a search cancels.
#[derive(clap::Args)]
struct Cancels {
    /// Cancel up to so many times in a run, whoever the file lets be cancelled; anybody, if it does not say.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(0..=100))]
    cancels: Option<u32>,
}

#[derive(clap::Args)]
struct RunArguments {
    #[command(flatten)]
    files: Files,
    /// Run under this strategy instead of the file's own main; `all` for every one.
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    #[command(flatten)]
    behaves: Behaves,
    /// What to run on: asyncio, tokio or turmoil [default: turmoil for a file with hosts, otherwise asyncio, or the first
    /// of the file's `runtimes` if that is not among them].
    #[arg(long, value_name = "RUNTIME", value_parser = runtime)]
    runtime: Option<Runtime>,
    /// Let this seed decide what is open: the order of equal deadlines and of sets of tasks, and sleeps with a range.
    /// Without one, everything happens in the ordinary order.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = seed)]
    seed: Option<u64>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Every event, in aligned columns; of more than a thousand, the first and the last.
    Text,
    /// JSON Lines, one object an event, however many there are.
    Json,
    /// Only what the program itself printed, run after run.
    Transcript,
    /// One row a strategy: how many tasks finished, failed, were cancelled.
    Table,
    /// The same rows as a Markdown table.
    Markdown,
}

/// Bad input or usage: everything that there is to say about it.
enum Refused {
    Files(Vec<Rejected>),
    Usage(String),
    Output(io::Error),
}

/// Runs the command line and says how the process is to end.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors, and go to standard output; clap knows which is which.
            _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut out = io::BufWriter::new(UntilClosed(io::stdout().lock()));
    let done =
        execute(arguments.command, &mut out).and_then(|code| out.flush().map(|()| code).map_err(Refused::Output));
    match done {
        Ok(code) => code,
        Err(refused) => {
            say(&refused);
            ExitCode::from(2)
        }
    }
}

/// Writes as long as somebody reads. Whoever has seen enough still wants the right exit code.
struct UntilClosed<W>(W);

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            done => done,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }
}

/// Colours are for terminals that want them: the stream takes them out elsewhere.
fn say(refused: &Refused) {
    let mut err = anstream::stderr().lock();
    _ = match refused {
        Refused::Files(files) => {
            let messages: Vec<String> = files.iter().map(|file| file.render(true)).collect();
            write!(err, "{}", messages.join("\n"))
        }
        Refused::Usage(message) => writeln!(err, "error: {message}"),
        Refused::Output(error) => writeln!(err, "error: the output could not be written: {error}"),
    };
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        Refused::Output(error)
    }
}

impl From<harness::Refused> for Refused {
    fn from(refused: harness::Refused) -> Refused {
        match refused {
            harness::Refused::Rejected(rejected) => rejected.into(),
            not_built => Refused::Usage(not_built.to_string()),
        }
    }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Refused {
        Refused::Files(vec![rejected])
    }
}

fn execute(command: Command, out: &mut impl Write) -> Result<ExitCode, Refused> {
    match command {
        Command::Run(arguments) => return run(&arguments, out),
        Command::Explore(arguments) => return explore::explore(&arguments, out),
        Command::Compare(arguments) => return compare::compare(&arguments, out),
        Command::Replay(arguments) => return replay::replay(&arguments, out),
        Command::Shrink(arguments) => return shrink::shrink(&arguments, out),
        Command::Check(files) => {
            let files = load(&files)?;
            writeln!(
                out,
                "{}",
                if files.len() == 1 {
                    "1 scenario is valid".into()
                } else {
                    format!("{} scenarios are valid", files.len())
                }
            )?;
        }
        Command::Python { file, strategy } => {
            let strategy = strategy.as_deref().map(known_strategy).transpose()?.map(|strategy| strategy.name);
            out.write_all(File::load(&file)?.python(strategy)?.as_bytes())?;
        }
        Command::Verify(arguments) => return verify::verify(&arguments, out),
        Command::Profiles => out.write_all(report::profiles().as_bytes())?,
        Command::Strategies { name: None } => list_strategies(out)?,
        Command::Strategies { name: Some(name) } => show_strategy(&name, out)?,
        Command::Reference => write!(out, "{REFERENCE}\n{}", tokio_program::DIFFERENCES)?,
        Command::Completions { shell } => {
            // It takes no reader that has seen enough for an answer, so it writes where nobody reads.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "atropos", &mut script);
            out.write_all(&script)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every file, or what is wrong with all of those that are not valid: nothing runs on bad input.
fn load(Files { paths }: &Files) -> Result<Vec<File>, Refused> {
    if *paths == [PathBuf::from(SCENARIOS)] && !paths[0].exists() {
        let message = format!("there is no folder `{SCENARIOS}` here, which is the default");
        return Err(Refused::Usage(format!("{message}; give a scenario file, or a folder with some in it")));
    }
    let (mut files, mut rejected) = (Vec::new(), Vec::new());
    for path in harness::find(paths)? {
        match File::load(&path) {
            Ok(file) => files.push(file),
            Err(error) => rejected.push(error),
        }
    }
    if rejected.is_empty() { Ok(files) } else { Err(Refused::Files(rejected)) }
}

/// The files of which all runs can be gone through, on the runtime that is asked for or their own. The others are left out, and
/// named; if there are only such, they are refused.
fn searchable(files: Vec<File>, runtime: Option<Runtime>) -> Result<Vec<File>, Refused> {
    let on = |file: &File| runtime.unwrap_or(file.runtime());
    let (kept, beyond): (Vec<File>, Vec<File>) = files.into_iter().partition(|file| on(file) == Runtime::Asyncio);
    if kept.is_empty() {
        return Err(Refused::Files(beyond.iter().map(|file| file.beyond_search(on(file))).collect()));
    }
    for file in &beyond {
        writeln!(io::stderr(), "left out, as only asyncio can be gone through: {}", file.path.display())?;
    }
    Ok(kept)
}

/// Whether what is printed may have colours.
fn colors() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// The mains to run a file under: the one that is asked for, every one that the runtime has for `all`, or else those that the
/// file lists.
fn mains(file: &File, strategy: Option<&str>, runtime: Runtime) -> Result<Vec<Option<String>>, Refused> {
    Ok(match strategy {
        None => file.scenario.mains().into_iter().map(|main| main.map(str::to_owned)).collect(),
        Some("all") => strategy::on(runtime).map(|strategy| Some(strategy.name.to_owned())).collect(),
        Some(name) => vec![Some(known_strategy(name)?.name.to_owned())],
    })
}

/// Why a strategy that fits the file does not run on this Python, if it does not.
fn lacks(file: &File, strategy: Option<&str>, profile: Option<Profile>) -> Option<String> {
    let errors = file.scenario.program(strategy, profile).err()?;
    file.scenario.program(strategy, Some(Profile::NEWEST)).ok()?;
    Some(errors.into_iter().next()?.message)
}

fn run(arguments: &RunArguments, out: &mut impl Write) -> Result<ExitCode, Refused> {
    let files = load(&arguments.files)?;
    let (mut met, mut is_first) = (true, true);
    for file in &files {
        let mut runs = Vec::new();
        let runtime = arguments.runtime.unwrap_or(file.runtime());
        for strategy in mains(file, arguments.strategy.as_deref(), runtime)? {
            let is_one_of_all = arguments.strategy.as_deref() == Some("all");
            if is_one_of_all && let Some(why) = lacks(file, strategy.as_deref(), arguments.behaves.python) {
                out.flush()?;
                _ = writeln!(io::stderr(), "note: {why}, so it is left out");
                continue;
            }
            let run = Run { strategy, runtime, profile: arguments.behaves.python, seed: arguments.seed };
            let judged = file.run(&run)?;
            if !arguments.format.is_table() {
                print(arguments.format, file, &run, &judged, std::mem::take(&mut is_first), out)?;
            }
            if let Some(name) =
                arguments.strategy.as_deref().filter(|name| *name != "all" && !file.speaks_of(Some(name)))
            {
                out.flush()?;
                let file = file.path.display();
                _ = writeln!(io::stderr(), "note: {file} does not list {name}, so nothing was expected of this run");
            }
            if !judged.verdict.is_good() {
                out.flush()?;
                let apart = if std::mem::replace(&mut met, false) { "" } else { "\n" };
                let title = file.run_title(&run, judged.program.profile);
                let Judged { program, trace, verdict } = &judged;
                let message = report::verdict(&title, program, trace, verdict, &file.run_command(&run));
                // Nobody has to read it: the exit code says it too.
                _ = write!(io::stderr(), "{apart}{message}");
            }
            if arguments.format.is_table() {
                runs.push((run, judged));
            }
        }
        if arguments.format.is_table() {
            if files.len() > 1 {
                let apart = if std::mem::take(&mut is_first) { "" } else { "\n" };
                writeln!(out, "{apart}{}\n", file.path.display())?;
            }
            out.write_all(table(arguments.format, &runs).as_bytes())?;
        }
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Format {
    /// Whether it shows all runs of a file together.
    fn is_table(self) -> bool {
        matches!(self, Format::Table | Format::Markdown)
    }
}

fn print(
    format: Format,
    file: &File,
    run: &Run,
    judged: &Judged,
    is_first: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let Judged { program, trace, .. } = judged;
    match format {
        Format::Text => {
            let apart = if is_first { "" } else { "\n" };
            write!(out, "{apart}{}\n\n{}", file.run_title(run, program.profile), report::trace_in_short(program, trace))
        }
        Format::Json => {
            let path = file.path.display().to_string();
            let origin = Origin { scenario: Some(&path), runtime: run.runtime.name(), seed: run.seed };
            out.write_all(report::json(&origin, program, trace).as_bytes())
        }
        Format::Transcript => out.write_all(report::transcript(program, trace).as_bytes()),
        Format::Table | Format::Markdown => unreachable!("a table is printed once all of its rows are there"),
    }
}

fn table(format: Format, runs: &[(Run, Judged)]) -> String {
    let on: Vec<String> =
        runs.iter().map(|(run, judged)| harness::runtime_name(run.runtime, judged.program.profile)).collect();
    let rows: Vec<Row<'_>> = runs
        .iter()
        .zip(&on)
        .map(|((run, judged), on)| Row {
            strategy: run.strategy.as_deref().unwrap_or("main"),
            tally: judged.trace.tally(),
            outcome: judged.trace.outcome,
            on,
        })
        .collect();
    if format == Format::Markdown { report::markdown(&rows) } else { report::table(&rows) }
}

fn list_strategies(out: &mut impl Write) -> io::Result<()> {
    let width = strategy::all().iter().map(|strategy| strategy.name.len()).max().unwrap_or(0);
    for strategy in strategy::all() {
        let text = read(strategy);
        writeln!(out, "{:width$}  {}", strategy.name, text.about)?;
    }
    writeln!(out, "\n`atropos strategies NAME` shows one.")
}

fn show_strategy(name: &str, out: &mut impl Write) -> Result<(), Refused> {
    let strategy = known_strategy(name)?;
    let text = read(strategy);
    writeln!(out, "{}\n\n{}\n{}\n", strategy.name, text.about, text.verdict)?;
    if !text.parameters.is_empty() {
        writeln!(out, "Parameters")?;
        for parameter in &text.parameters {
            writeln!(out, "    {} = \"{}\"  # {}", parameter.name, parameter.default, parameter.about)?;
        }
        writeln!(out)?;
    }
    if let Some(python) = &text.python {
        writeln!(out, "Steps\n{}\nPython\n{}", indented(&text.steps_text), indented(python))?;
    }
    if let Some(rust) = tokio_program::source(strategy.name) {
        writeln!(out, "Rust\n{}", indented(rust))?;
    }
    Ok(())
}

fn read(strategy: &strategy::Strategy) -> StrategyText {
    StrategyText::parse(strategy.name, strategy.text).expect("a strategy of this crate is well written")
}

fn indented(text: &str) -> String {
    text.trim().lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

fn known_strategy(name: &str) -> Result<&'static strategy::Strategy, Refused> {
    strategy::find(name).ok_or_else(|| {
        let names: Vec<&str> = strategy::all().iter().map(|strategy| strategy.name).collect();
        Refused::Usage(unknown("strategy", name, &names, "`atropos strategies` lists them"))
    })
}

fn profile(name: &str) -> Result<Profile, String> {
    let names = Profile::ALL.map(|profile| profile.name);
    Profile::find(name).ok_or_else(|| unknown("Python", name, &names, &format!("there are {}", names.join(", "))))
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("expected an integer from 0 to {}", u64::MAX))
}

fn runtime(name: &str) -> Result<Runtime, String> {
    let names = Runtime::ALL.map(Runtime::name);
    Runtime::find(name).ok_or_else(|| unknown("runtime", name, &names, &format!("there are {}", names.join(", "))))
}

/// What is said about a name that nothing has, with the one that it is a release of, or the nearest, or else one that
/// it is a part of.
fn unknown(what: &str, name: &str, known: &[&str], hint: &str) -> String {
    let mut begins =
        known.iter().copied().filter(|known| name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.')));
    let meant = begins
        .next_back()
        .or_else(|| nearest(name, known.iter().copied()))
        .or_else(|| known.iter().copied().find(|known| known.contains(name)))
        .map(|known| format!("; did you mean `{known}`?"))
        .unwrap_or_default();
    format!("there is no {what} `{name}`{meant} ({hint})")
}
