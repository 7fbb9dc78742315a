//! The same runs in a fresh process: what statics, lazily made tables and hash seeds keep from run to run, no run that is made
//! again in this process can show.
//!
//! The test's own executable is started again for this one test, with a [`Request`] in its environment. There the check
//! makes the runs of the request and nothing else, and prints what happened line by line; here the lines are compared with
//! those of the same runs made now, after all others.
//!
//! Knows nothing of what a run means.

use std::collections::BTreeMap;
use std::io::Read;
use std::panic::Location;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::experiment::{Futures, Measured};
use super::replay::{executable, variable};
use super::telling::{SUSPECTS, unstable_in_fresh_process};
use super::{Check, Failed};
use crate::choice::{Given, Seeded};
use crate::executor::Cuts;
use crate::experiment::Experiment;
use crate::harness::Search;
use crate::report;

/// Holds the request in the fresh process.
const VARIABLE: &str = "ATROPOS_FRESH";

/// Begins each line of an answer, because a test may print as well.
const MARK: &str = "atropos-fresh: ";

/// So many seeds are compared beside the ordinary run.
const SEEDS: u64 = 8;

/// A fresh process that has not answered by then is ended, and nothing is said of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of a run with more events only their number is compared: to tell them all would take longer than the check.
const EVENTS_MAX: usize = 20_000;

/// A longer request does not fit into an environment.
const REQUEST_MAX: usize = 100_000;

/// A check of a test that can be started again: in which test, and which of its checks it is.
#[derive(Clone, Debug)]
pub(super) struct Rerun {
    test: String,
    check: String,
}

/// What a fresh process is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    check: String,
    /// What was measured here, so that it need not be measured there: the first run is really the first.
    measured: Measured,
    runs: Vec<Wanted>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// From a seed.
    Seed(u64),
    /// From all answers.
    Given(Vec<u64>),
}

/// Which check of the test this one is, called there: counted, as it may stand in a loop.
pub(super) fn this_check(test: &str, caller: &Location<'_>) -> String {
    let count = how_manieth(format!("{test} {caller}"));
    format!("{caller} {count}")
}

/// How often this process has asked for the same, with this time.
pub(super) fn how_manieth(what: String) -> u32 {
    static COUNTS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let mut counts = COUNTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let count = counts.entry(what).or_insert(0);
    *count += 1;
    *count
}

/// What this process was started for, if it is a fresh one.
pub(super) fn request() -> Option<Request> {
    variable(VARIABLE)?.parse().ok()
}

impl Request {
    /// Whether it asks for runs of this check.
    pub(super) fn is_for(&self, check: &str) -> bool {
        self.check == check
    }

    /// What was measured in the process that asks.
    pub(super) fn measured(&self) -> Measured {
        self.measured.clone()
    }

    /// Makes the runs, and says what happens in each.
    pub(super) fn answer(&self, experiment: &Futures) -> String {
        let texts = self.runs.iter().map(|wanted| wanted.make(experiment));
        (0..)
            .zip(texts)
            .flat_map(|(at, text)| text.into_iter().map(move |line| format!("{MARK}{at} {line}\n")))
            .collect()
    }
}

impl Wanted {
    /// Every event of the run in a line, if there are not too many.
    fn make(&self, experiment: &Futures) -> Vec<String> {
        let mut run = experiment.begin();
        match self {
            Wanted::Seed(seed) => run.run(&mut Seeded::new(*seed)),
            Wanted::Given(answers) => run.run(&mut Given::new(answers)),
        };
        let mut count = 0_usize;
        run.each(&mut |_| count += 1);
        if count > EVENTS_MAX {
            return vec![format!("{count} events")];
        }
        let text = report::trace(&experiment.program(), &run.trace());
        // How wide a column is depends on all of its lines.
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

impl Rerun {
    /// The check, if the test that it stands in can be started again.
    pub(super) fn new(test: String, check: String) -> Option<Rerun> {
        variable("CARGO_MANIFEST_DIR").map(|_| Rerun { test, check })
    }

    /// How many runs were compared, and what is told if one of them differs: the run of these answers, or else the ordinary
    /// one and a few seeds.
    pub(super) fn compare(&self, experiment: &Futures, answers: Option<&[u64]>) -> (usize, Option<String>) {
        let runs = match answers {
            Some(answers) => vec![Wanted::Given(answers.to_vec())],
            None => [Wanted::Given(Vec::new())].into_iter().chain((0..SEEDS).map(Wanted::Seed)).collect(),
        };
        let request = Request { check: self.check.clone(), measured: experiment.measured(), runs };
        let Some(fresh) = self.ask(&request) else { return (0, None) };
        for (wanted, fresh) in request.runs.iter().zip(&fresh) {
            let here = wanted.make(experiment);
            if here != *fresh {
                let parting = report::mismatch_in_fresh_process(&here, fresh);
                return (fresh.len(), Some(format!("{parting}\n{SUSPECTS}")));
            }
        }
        (request.runs.len(), None)
    }

    /// The lines of each run in a fresh process; nothing if there is no answer.
    fn ask(&self, request: &Request) -> Option<Vec<Vec<String>>> {
        let text = Some(request.to_string()).filter(|text| text.len() < REQUEST_MAX)?;
        let mut command = Command::new(executable()?);
        // Threads, because a single one would be called main and not after the test.
        command.args(["--exact", &self.test, "--nocapture", "--include-ignored", "--test-threads=2"]);
        command.env(VARIABLE, text).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let mut output = child.stdout.take()?;
        let (done, result) = channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            _ = output.read_to_end(&mut text).map(|_| done.send(text));
        });
        let text = result.recv_timeout(PATIENCE).ok();
        _ = child.kill();
        _ = child.wait();
        answers(&String::from_utf8_lossy(&text?), request.runs.len())
    }
}

impl Check {
    /// Makes some runs of a search in a fresh process, and tells if one differs: with the failure, or as one. Says how many
    /// were the same.
    pub(super) fn look_afresh(&self, search: &Search<Futures>, failures: &mut Vec<Failed>) -> String {
        let Some(rerun) = self.rerun.as_ref().filter(|_| search.explored.unstable.is_none()) else {
            return String::new();
        };
        let told = search.told.first();
        let (count, differs) = rerun.compare(&search.experiment, told.map(|told| told.answers.as_slice()));
        match (differs, failures.first_mut()) {
            (Some(differs), Some(failed)) if told.is_some() => {
                failed.story.push_str(&format!("\nIt may not fail again. {differs}"));
            }
            (Some(differs), _) => failures.push(unstable_in_fresh_process(&differs, search.explored.runs)),
            (None, _) if count > 1 => return format!("{count} runs were the same in a fresh process\n"),
            (None, _) => {}
        }
        String::new()
    }
}

/// The lines of each run, if all runs are there.
fn answers(text: &str, count: usize) -> Option<Vec<Vec<String>>> {
    let mut runs = vec![Vec::new(); count];
    for line in text.lines() {
        let Some((_, line)) = line.split_once(MARK) else { continue };
        let (at, line) = line.split_once(' ')?;
        runs.get_mut(at.parse::<usize>().ok()?)?.push(line.to_owned());
    }
    runs.iter().all(|lines| !lines.is_empty()).then_some(runs)
}

/// The check, what was measured, and a line for each run.
impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Measured { cuts: Cuts { up_to, moments, victims }, draws, drawing } = &self.measured;
        writeln!(f, "{}\n{up_to} {moments} {victims} {}", self.check, u8::from(*draws))?;
        for (task, poll) in drawing {
            // A name may be any text.
            let bytes: Vec<String> = task.bytes().map(|byte| byte.to_string()).collect();
            writeln!(f, "drawing {poll} {}", bytes.join(" "))?;
        }
        for wanted in &self.runs {
            match wanted {
                Wanted::Seed(seed) => writeln!(f, "seed {seed}")?,
                Wanted::Given(answers) => {
                    let answers: Vec<String> = answers.iter().map(u64::to_string).collect();
                    writeln!(f, "given {}", answers.join(" "))?;
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Request {
    type Err = ();

    fn from_str(text: &str) -> Result<Request, ()> {
        let numbers = |text: &str| -> Result<Vec<u64>, ()> {
            text.split_whitespace().map(|number| number.parse().map_err(drop)).collect()
        };
        let mut lines = text.lines();
        let check = lines.next().ok_or(())?.to_owned();
        let measured = numbers(lines.next().ok_or(())?)?;
        let [up_to, moments, victims, draws] = measured[..] else { return Err(()) };
        let narrow = |number: u64| u32::try_from(number).map_err(drop);
        let cuts = Cuts { up_to: narrow(up_to)?, moments, victims: narrow(victims)? };
        let (mut drawing, mut runs) = (Vec::new(), Vec::new());
        for line in lines {
            match line.split_once(' ') {
                Some(("drawing", drawn)) => {
                    let numbers = numbers(drawn)?;
                    let (&poll, bytes) = numbers.split_first().ok_or(())?;
                    let bytes: Vec<u8> = bytes.iter().map(|&byte| byte as u8).collect();
                    drawing.push((String::from_utf8(bytes).map_err(drop)?, narrow(poll)?));
                }
                Some(("seed", seed)) => runs.push(Wanted::Seed(seed.parse().map_err(drop)?)),
                Some(("given", answers)) => runs.push(Wanted::Given(numbers(answers)?)),
                _ => return Err(()),
            }
        }
        Ok(Request { check, measured: Measured { cuts, draws: draws == 1, drawing }, runs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let cuts = Cuts { up_to: 1, moments: 40, victims: 2 };
        let runs = vec![Wanted::Given(vec![]), Wanted::Seed(3), Wanted::Given(vec![0, 7, 1])];
        let drawing = vec![("up\nload é".to_owned(), 3), (String::new(), 0)];
        let measured = Measured { cuts, draws: true, drawing };
        let request = Request { check: "tests/a.rs:3:5 1".to_owned(), measured, runs };
        assert_eq!(request.to_string().parse(), Ok(request));
        assert_eq!("nonsense".parse::<Request>(), Err(()));
    }

    #[test]
    fn an_answer_is_found_among_what_a_test_prints() {
        let text = "running 1 test\natropos-fresh: 0 one\nnoise atropos-fresh: 1 two\natropos-fresh: 0 three\n";
        assert_eq!(answers(text, 2), Some(vec![vec!["one".to_owned(), "three".to_owned()], vec!["two".to_owned()]]));
        assert_eq!(answers(text, 3), None, "a run is missing");
    }
}
