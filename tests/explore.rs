//! `atropos explore` from outside: what it ends in, what it prints last, and that it prints the same however it is run.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};

use atropos::choice::{Choices, Seeded};
use atropos::experiment::{Experiment, Ran, Run};
use atropos::explore::{Plan, Sampler};
use atropos::harness::{File, RunsOn, Search, Setting};
use atropos::machine::Openings;
use atropos::program::Program;
use atropos::report;
use atropos::trace::{Moment, Trace};
use atropos::verdict::Verdict;

/// A worker that takes its cancellation for a failure of its own.
const SWALLOWS: &str = r#"
about = "A worker that must not die of one bad message."
[[task]]
name = "worker {i}"
count = 3
steps = [
    { for = "n", in = "range(3)", do = [
        { try = [{ sleep = "1s" }, { print = "handled {n}" }], except = { "BaseException as e" = [
            { print = "ignored {e.type}" },
        ] } },
    ] },
]
[main]
steps = [{ spawn = "coros", as = "workers" }, { wait = "workers" }]
"#;

const INJECT: &str = "[[inject]]\ncancel = \"worker *\"\n";

/// A folder with one scenario in it, `it.toml`.
fn folder(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("explore").join(name);
    // What an earlier run has saved there would be run first.
    _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("it.toml"), text).unwrap();
    folder
}

/// `atropos` with these arguments, split at spaces, in this folder.
fn atropos(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atropos"));
    command.args(arguments.split(' ')).current_dir(folder).env("NO_COLOR", "1").output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// How the process ends for a scenario with these lines added.
fn ends(name: &str, arguments: &str, added: &str) -> (i32, String) {
    let output = atropos(&folder(name, &format!("{SWALLOWS}{added}")), arguments);
    (output.status.code().unwrap(), text(&output))
}

/// What a matrix of CI jobs does: each makes its part, and all of them together are the whole.
#[test]
fn shards_together_are_the_whole() {
    let folder = folder("shards", &format!("{SWALLOWS}{INJECT}"));
    let explored = |shard: &str| -> ([u64; 3], BTreeSet<String>) {
        let told = text(&atropos(&folder, &format!("explore it.toml --no-save --format json --seeds 0..50{shard}")));
        let lines: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let is = |line: &&serde_json::Value, event| line["event"] == event;
        let failures = lines.iter().filter(|line| is(line, "failure"));
        let end = lines.iter().find(|line| is(line, "explored")).unwrap();
        (
            ["runs", "failing", "faults_tried"].map(|key| end[key].as_u64().unwrap()),
            failures.map(|failure| [&failure["what"], &failure["subject"]].map(ToString::to_string).concat()).collect(),
        )
    };
    let (whole, failures) = explored("");
    let shards = ["1/3", "2/3", "3/3"].map(|shard| explored(&format!(" --shard {shard}")));
    assert_eq!([0, 1, 2].map(|at| shards.iter().map(|(counts, _)| counts[at]).sum::<u64>()), whole);
    assert_eq!(shards.into_iter().flat_map(|(_, failures)| failures).collect::<BTreeSet<_>>(), failures);
    assert!(!failures.is_empty());
}

#[test]
fn the_last_line_shows_the_failure_again() {
    let folder = folder("last-line", &format!("{SWALLOWS}{INJECT}"));
    let told = text(&atropos(&folder, "explore it.toml"));
    assert!(told.lines().count() <= 40, "more than a screen:\n{told}");
    let pasted = told.lines().last().unwrap().trim().strip_prefix("atropos ").unwrap();
    let again = atropos(&folder, pasted);
    assert_eq!(again.status.code(), Some(1));
    let again = text(&again);
    assert!(again.starts_with("lost-cancel: `worker 0` was cancelled"), "{again}");
    // It tells the same story, but for how long it took to find it.
    let story = told.split_once("\n\n").unwrap().1;
    let (found, words) =
        (["Found", "in", "5", "runs."], |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let mut told = words(story);
    let at = told.windows(4).position(|words| words == found).unwrap();
    told.drain(at..at + 4);
    assert_eq!(told, words(&again));
}

#[test]
fn what_must_be_found_is_no_failure_and_its_absence_is_one() {
    let must = |what: &str, within| format!("[expect]\nmust_find = {{ oracle = \"{what}\", within = {within} }}\n");
    let found = "has to be found within 100 runs, and was found in ";
    let (code, text) = ends("found", "explore it.toml", &format!("{INJECT}{}", must("lost-cancel", 100)));
    assert!(code == 0 && text.contains(found) && text.contains("; 0 failures\n"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("  atropos replay "), "it can still be looked at:\n{text}");

    let (code, text) = ends("late", "explore it.toml", &format!("{INJECT}{}", must("lost-cancel", 2)));
    assert!(code == 1 && text.contains("has to be found within 2 runs, but was found in 5 only"), "{text}");

    let (code, text) = ends("missed", "explore it.toml --seeds 0..10", &must("lost-cancel", 100));
    assert!(code == 1 && text.contains("`lost-cancel` has to be found within 100 runs, but was not found"), "{text}");

    // Something else is a failure all the same.
    let (code, text) = ends("else", "explore it.toml", &format!("{INJECT}{}", must("deadlock", 100)));
    assert!(code == 1 && text.contains("`deadlock` has to be found") && text.contains("\nlost-cancel: "), "{text}");

    // One shard cannot know what the others find.
    let (code, _) = ends("shard", "explore it.toml --seeds 0..10 --shard 2/4", &must("lost-cancel", 100));
    assert_eq!(code, 0);
}

/// What everybody sees in the plain run is a failure for both, or for neither.
#[test]
fn running_and_exploring_agree_on_what_must_be_found() {
    let never = "[expect]\nnever = [{ prints = \"handled 1\" }]\n";
    let must = "must_find = { oracle = \"never\", within = 1 }\n";
    for (added, code) in [(never.to_owned(), 1), (format!("{never}{must}"), 0)] {
        for arguments in ["run it.toml", "explore it.toml --seeds 0..10"] {
            let (found, text) = ends("agree", arguments, &added);
            assert_eq!(found, code, "{arguments}\n{text}");
        }
    }
}

#[test]
fn where_nobody_is_cancelled_a_hint_says_how() {
    let hint = "`--cancels 1` cancels anybody";
    let (code, text) = ends("hint", "explore it.toml --seeds 0..10", "");
    assert!(code == 0 && text.lines().last().unwrap().contains(hint), "{text}");
    assert!(text.contains("21 runs: seeds 0..10 evenly and by PCT, nothing injected; "), "{text}");
    // Not for those who know.
    for (arguments, added) in
        [("--cancels 0", ""), ("--cancels 1", ""), ("--format json", ""), ("--seeds 0..10", INJECT)]
    {
        let (_, text) = ends("no-hint", &format!("explore it.toml {arguments}"), added);
        assert!(!text.contains(hint), "{arguments}\n{text}");
    }
}

/// What is awaited when it is done already, and what nobody comes to, has no place for a cut; a `sleep(0)` has one.
#[test]
fn where_nobody_was_cut_is_told_apart_from_where_nobody_was() {
    const TEXT: &str = r#"
about = "A worker that waits for what is done."
[[task]]
name = "helper"
steps = []
[[task]]
name = "worker"
steps = [
    { spawn = "helper", as = "h" },
    { sleep = 0 },
    { sleep = 0 },
    { await = "h" },
    { sleep = "1s" },
    { if = "False", then = [{ sleep = "2s" }] },
]
[main]
steps = [{ spawn = "worker", as = "w" }, { wait = ["w"] }]
[[inject]]
cancel = "worker"
"#;
    let path = folder("places", TEXT).join("it.toml");
    let file = File::load(&path).unwrap();
    let told = |faults| {
        let plan = Plan { faults, seeds: 0..1, ..Plan::default() };
        let mut search = file.explore(&Setting::default(), &plan, &mut |_| true).unwrap();
        let covered = search.covered(None);
        let text = report::explored(&search.experiment.program(), &covered, false);
        text.split_once('\n').unwrap().1.to_owned()
    };
    let reached = "\
never reached, so never cut:
  `worker` while it waits at its 3rd await: await h
  `worker` woken but not yet run, at its 3rd await: await h
  `worker` while it waits at its 5th await: sleep 2s
  `worker` woken but not yet run, at its 5th await: sleep 2s
";
    assert_eq!(told(1000), reached);
    let cut = "\
never cut:
  `worker` before its first line runs
  `worker` woken but not yet run, at its 1st await: sleep 0
  `worker` woken but not yet run, at its 2nd await: sleep 0
  `worker` while it waits at its 4th await: sleep 1s
  and 1 more place
";
    assert_eq!(told(0), format!("{cut}{reached}"));
}

/// An experiment of which every so-many-th run is made under a seed that nobody asked for.
struct Unstable {
    stable: RunsOn,
    runs: AtomicU64,
}

struct UnstableRun<'a> {
    run: Box<dyn Run + 'a>,
    runs: &'a AtomicU64,
}

impl Experiment for Unstable {
    fn program(&self) -> std::sync::Arc<Program> {
        self.stable.program()
    }

    fn begin(&self) -> Box<dyn Run + '_> {
        Box::new(UnstableRun { run: self.stable.begin(), runs: &self.runs })
    }
}

impl Run for UnstableRun<'_> {
    fn run(&mut self, choices: &mut dyn Choices) -> Ran {
        const EVERY: u64 = 70;
        match self.runs.fetch_add(1, Ordering::Relaxed) % EVERY {
            1 => self.run.run(&mut Seeded::new(1)),
            _ => self.run.run(choices),
        }
    }

    fn trace(&self) -> Trace {
        self.run.trace()
    }

    fn verdict(&self) -> Verdict {
        self.run.verdict()
    }

    fn each(&self, see: &mut dyn FnMut(Moment)) {
        self.run.each(see);
    }

    fn openings(&mut self, choices: &mut dyn Choices, most: usize) -> Openings {
        self.run.openings(choices, most)
    }
}

/// The ordinary run is among those that are made twice. The first time, everything is as it should be; the second time,
/// somebody else wakes first.
#[test]
fn runs_that_cannot_be_repeated_are_told_from_both_sides_and_are_no_failure() {
    let folder = folder("unstable", SWALLOWS);
    let file = File::load(&folder.join("it.toml")).unwrap();
    let plan = Plan {
        faults: 0,
        seeds: 0..1,
        sampler: Sampler::Random,
        shard: (0, NonZero::<u64>::MIN),
        jobs: NonZero::<usize>::MIN,
        ..Plan::default()
    };
    let stable = file.experiment(&Setting::default()).unwrap();
    let unstable = Unstable { stable, runs: AtomicU64::new(69) };
    let mut search = Search::new(unstable, None, &plan, &mut |_| true);
    assert!(!search.is_good());
    assert!(search.told.is_empty(), "a run that cannot be repeated shows nothing");
    let covered = search.covered(None);
    let told = report::explored(&search.experiment.program(), &covered, false);
    let expected = "\
2 runs: seeds 0..1, nothing injected; 2 distinct orders, 1 outcome; 0 failures
Run 1 is another one when it is made again. That says nothing about the scenario: it is a bug of Atropos.
Two runs with the same choices agree for 12 events only. Then
  first time   1s  turn 4  worker 0  resumed: its sleep is over
  second time  1s  turn 4  worker 1  resumed: its sleep is over
";
    assert_eq!(told, expected);
    let json = report::json_explored(&search.experiment.program(), &covered);
    assert!(json.contains("\"failures\":0") && json.contains("\"unstable\":1"), "{json}");
}

/// Whoever has seen enough of runs that take long does not have to wait for the next sixty of them.
#[test]
fn long_runs_are_ended_between_two_of_them() {
    let text = r#"
about = "It goes on for ever, as it should."
[main]
steps = [{ while = true, do = [{ sleep = "1s..2s" }] }]
[limits]
steps = 100
[expect]
outcome = "out-of-steps"
"#;
    let file = File::parse("it.toml".as_ref(), text.to_owned()).unwrap();
    for jobs in [1, 2] {
        let plan = Plan { jobs: NonZero::new(jobs).unwrap(), ..Plan::default() };
        let mut seen = Vec::new();
        let search = file.explore(&Setting::default(), &plan, &mut |progress| {
            seen.push((progress.runs, progress.orders));
            seen.len() < 3
        });
        let explored = search.unwrap().explored;
        assert!(explored.is_interrupted && explored.runs == explored.unfinished, "{explored:?}");
        if jobs == 1 {
            // It is told once more when the last few are counted.
            assert_eq!(seen, [(1, 1), (2, 2), (3, 3), (3, 3)]);
            assert_eq!((explored.runs, explored.seeds), (3, Some(0..2)));
        }
    }
}
