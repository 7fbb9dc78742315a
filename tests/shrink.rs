//! Scenarios shrunk for real: every candidate is read, resolved and run like any file.

use std::path::Path;
use std::sync::Arc;

use atropos::choice::{Choice, Choices, Cut, Given, Kind, Ordinary, Seeded};
use atropos::event_loop::EventLoop;
use atropos::explore::Plan;
use atropos::harness::{Effort, File, Setting, find, strategies};
use atropos::machine::Machine;
use atropos::program::Program;
use atropos::report;
use atropos::scenario::Scenario;
use atropos::shrink::{self, Size};
use atropos::trace::{Outcome, Tally, Trace};

/// The program of a file's own main, or of the first strategy that it lists.
fn program(text: &str) -> Option<Arc<Program>> {
    let scenario = Scenario::parse(text, &strategies()).ok()?;
    let strategy = scenario.mains().first().copied().flatten().map(str::to_owned);
    scenario.program(strategy.as_deref(), None).ok().map(Arc::new)
}

fn run(program: &Program, choices: &mut dyn Choices) -> Trace {
    let mut event_loop = EventLoop::new(program);
    event_loop.run(choices);
    event_loop.trace()
}

/// From a file to what is left of it, for a failure told from the tally and the printed lines of the ordinary run.
fn check(file: &str, fails: impl Fn(Tally, &str) -> bool, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let mut same = |text: &str| {
        program(text).is_some_and(|program| {
            let trace = run(&program, &mut Ordinary);
            matches!(trace.outcome, Outcome::Finished(_)) && fails(trace.tally(), &report::transcript(&program, &trace))
        })
    };
    assert!(same(&text), "{file} does not fail as it should");
    let shrunk = shrink::document(&text, &mut same);
    assert_eq!(shrunk.text, expected);
    assert_eq!(shrink::document(&shrunk.text, &mut same).text, expected, "shrinking the result again changes it");
    assert!(shrunk.runs < 1_000, "{} runs for {file}", shrunk.runs);
}

const FIRST: &str = r#"# A scenario says what the tasks do, where one may fail, and which main runs them. Copy this file and change it.
# `atropos reference` explains every key.

about = "One of ten gathered tasks fails half way. What becomes of the other nine depends on what main cancels."

# The mains to try, each with the same tasks: `atropos strategies` lists them all.
# Instead of a strategy, a file may write the steps of its own main under [main].
strategy = ["gather-cancel-wrong"]

# Ten coroutines with the same steps; `i` counts them from 0.
[[task]]
name = "task {i}"
count = 2
steps = [
    # A place where something may fail. Nothing happens here unless a [[fail]] or a [[cancel]] speaks of it.
    { point = "checking" },
    { print = ">task {i} done" },
]

# One of them fails when it comes to that point.
[[fail]]
task = "task 0"
at = "checking"
raise = "Something bad happened"
"#;

#[test]
fn the_first_scenario_comes_down_to_a_few_lines() {
    // A failure in the gather, after which a task goes on to print that it is done.
    check("first.toml", |tally, printed| tally.failed == 1 && printed.contains(" done\n"), FIRST);
}

const CANCELS: &str = r#"about = "A poll that cancels one task because of another one's result, and tells the cancelled from the finished."

[[task]]
name = "mytask{i}"
each = { secs = [2, 1.5, 0.8] }
steps = [
    { sleep = "{secs}s" },
]

[main]
steps = [
    { set = "tasks", to = "[]" },
    { for = "task_id", in = "range(3)", do = [
        { spawn = "coros[task_id]", as = "task" },
        { append = "task", to = "tasks" },
    ] },
    { while = "True", do = [
        { wait = "tasks", timeout = "1s", done = "tasks_done" },
        { for = "task", in = "tasks_done", do = [
            { print = "{name:10} task{task.i} was cancelled" },
            { cancel = "tasks[0]" },
            { remove = "task", from = "tasks" },
        ] },
        { if = "len(tasks) == 0", then = ["break"] },
    ] },
]
"#;

#[test]
fn a_long_file_comes_down_to_what_cancels_a_task() {
    let fails = |tally: Tally, printed: &str| 1 <= tally.cancelled && printed.contains("was cancelled\n");
    check("articles/10-three-tasks-with-cancel.toml", fails, CANCELS);
}

#[test]
fn every_article_keeps_what_it_has_to_keep() {
    let files = find(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/articles")]).unwrap();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        // That as many tasks are cancelled, and that main ends in the same way.
        let seen = |text: &str| {
            let trace = run(&*program(text)?, &mut Ordinary);
            Some((std::mem::discriminant(&trace.outcome), trace.tally().cancelled))
        };
        let expected = seen(&text);
        assert!(expected.is_some(), "{}", path.display());
        let mut same = |text: &str| seen(text) == expected;
        let shrunk = shrink::document(&text, &mut same);
        assert!(same(&shrunk.text) && shrunk.text.len() < text.len(), "{}:\n{}", path.display(), shrunk.text);
        let again = shrink::document(&shrunk.text, &mut same);
        assert_eq!(again.text, shrunk.text, "{}: shrinking the result again changes it", path.display());
    }
}

/// A scenario and its choices together: whatever explore finds in a canary is the same failure in the smaller file, by the
/// token of which it is shown again, and there is nothing left to do.
#[test]
fn what_is_found_in_a_canary_stays_the_same_in_small() {
    let mut shrunk = 0;
    for canary in ["catch-all", "cleanup-cut-short", "gather-swallows-a-cancel"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/canary/{canary}.toml"));
        let file = File::load(&path).unwrap();
        let strategy = file.scenario.mains()[0].map(str::to_owned);
        let setting = Setting { strategy, ..Setting::default() };
        let plan = Plan { faults: 200, seeds: 0..10, ..Plan::default() };
        let search = file.explore(&setting, &plan, &mut |_| true).unwrap();
        for told in search.told.iter().take(1) {
            let name = format!("{}: {:?}", path.display(), told.identity);
            let small = file.in_small(&setting, told, Effort { candidates: 2_000, runs: 0 }, &mut |_, _| true);
            let text = small.file.text();
            assert!(text.len() <= file.text().len(), "{name}:\n{text}");
            let replayed = small.file.replay(&small.token).unwrap();
            assert!(replayed.unplaced.is_empty() && !replayed.was_edited, "{name}: {replayed:?}");
            let again = replayed.told.iter().find(|again| again.identity == told.identity);
            let again = again.unwrap_or_else(|| panic!("{name} is another failure in\n{text}"));
            let sizes = [&again.trace, &told.trace].map(|trace| Size::of(&trace.log()));
            assert!(
                sizes[0].faults <= sizes[1].faults && sizes[0].deviations <= sizes[1].deviations,
                "{name}:\n{text}"
            );
            let twice = small.file.in_small(&setting, again, Effort { candidates: 2_000, runs: 0 }, &mut |_, _| true);
            assert_eq!(twice.file.text(), text, "{name}: shrinking the result again changes it");
            shrunk += usize::from(text.len() < file.text().len());
        }
    }
    assert!(2 < shrunk, "only {shrunk} became smaller");
}

/// Who stops it gets what there is by then.
#[test]
fn a_scenario_that_is_shrunk_for_a_while_only_fails_all_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/canary/one-fails.toml");
    let file = File::load(&path).unwrap();
    let setting = Setting { strategy: Some("gather-cancel-wrong".to_owned()), ..Setting::default() };
    let search = file.explore(&setting, &Plan { seeds: 0..10, ..Plan::default() }, &mut |_| true).unwrap();
    let mut lengths = Vec::new();
    for most in [0, 1, 5, 20] {
        let small = file.in_small(&setting, &search.told[0], Effort::FULL, &mut |tried, _| tried < most);
        assert!(small.tried <= most, "{} of {most}", small.tried);
        let told = small.file.replay(&small.token).unwrap().told;
        assert!(told.iter().any(|told| told.identity == search.told[0].identity));
        lengths.push(small.file.text().len());
    }
    assert!(
        lengths[0] == file.text().len() && lengths.is_sorted_by(|a, b| a >= b) && lengths[3] < lengths[0],
        "{lengths:?}"
    );
}

const LOST: &str = r#"
about = "Two read a balance, take their time, and write it back: one update may be lost."

[shared]
balance = 10

[[task]]
name = "deposit {i}"
count = 3
steps = [
    { sleep = "0s..10s" },
    { set = "seen", to = "balance" },
    { sleep = "1s..2s" },
    { set = "balance", to = "seen + 5" },
]

[main]
steps = [
    { gather = "coros", as = "all" },
    { await = "all" },
    { print = "{balance}" },
]
"#;

#[test]
fn a_seed_comes_down_to_the_choices_that_matter() {
    // In the ordinary run all three read at once, and two updates are lost. One is lost if another comes after the rest.
    let program = program(LOST).unwrap();
    let same = |choices: &mut dyn Choices| {
        let trace = run(&program, choices);
        (report::transcript(&program, &trace) == "20\n").then(|| trace.log())
    };
    let log = (0..100).find_map(|seed| same(&mut Seeded::new(seed))).unwrap();
    assert_eq!(Size::of(&log).deviations, 6);

    let mut same = |answers: &[u64]| same(&mut Given::new(answers));
    let shrunk = shrink::choices(log, &|_| 1, &mut same);
    assert_eq!(answers(&shrunk.log), [1_000_000_001, 0, 0, 0, 0, 0, 0]);
    assert_eq!(shrink::choices(shrunk.log.clone(), &|_| 1, &mut same).log, shrunk.log);
    assert!(shrunk.runs < 500, "{} runs", shrunk.runs);

    // At any time from then on, but for the first second, when the others have not written.
    let window = shrink::window(&shrunk.log, 0, 1_000_000_000, &mut same);
    assert_eq!((window.first, window.last), (1_000_000_001, 10_000_000_000));
}

/// A producer that is cancelled leaves a worker without its item, and main without the sign that it waits for first.
const STARVED: &str = r#"
about = "A worker waits for an item that never comes, and main for a sign that never comes either."

[objects]
items = "Queue()"
ready = "Event()"

[[task]]
name = "producer"
steps = [{ sleep = "1s" }, { put = "1", into = "items" }, { set_event = "ready" }]

[[task]]
name = "worker"
steps = [{ get = "items", as = "item" }, { print = "{item}" }]

[[task]]
name = "other {i}"
count = 3
steps = [{ sleep = "2s" }, { print = "done" }]

[main]
steps = [{ spawn = "coros", as = "all" }, { wait = "ready" }, { wait = "all" }]

[[inject]]
cancel = "producer"
"#;

/// Main that waits for nothing but the sign would be stuck as well, but that is not what has happened to the worker.
#[test]
fn a_deadlock_stays_that_of_the_tasks_which_are_stuck() {
    let file = File::parse("it.toml".as_ref(), STARVED.to_owned()).unwrap();
    let setting = Setting::default();
    let search = file.explore(&setting, &Plan::default(), &mut |_| true).unwrap();
    assert_eq!(search.told[0].identity.what, "deadlock");
    let small = file.in_small(&setting, &search.told[0], Effort { candidates: 2_000, runs: 0 }, &mut |_, _| true);
    let text = small.file.text();
    assert!(text.contains("{ get = \"items\"") && !text.contains("other"), "{text}");
    assert!(text.contains("cancel = \"producer\""), "{text}");
}

const BUSY: &str = r#"
about = "Workers count themselves as busy; one that is cancelled meanwhile stays counted."

[shared]
busy = 0

[[task]]
name = "worker {i}"
count = 3
steps = [
    { sleep = "1s..2s" },
    { add = 1, to = "busy" },
    { sleep = "1s..2s" },
    { add = -1, to = "busy" },
    { sleep = "1s" },
]

[main]
steps = [
    { gather = "coros", as = "all", return_exceptions = true },
    { await = "all" },
    { print = "{busy}" },
]

[[inject]]
cancel = "worker *"
up_to = 3
"#;

#[test]
fn a_plan_of_cuts_comes_down_to_the_earliest_one_and_says_how_late_it_may_come() {
    const VICTIMS: u32 = 3;
    let mut program = program(BUSY).map(Arc::unwrap_or_clone).unwrap();
    (program.cuts[0].handles, program.cuts[0].tasks) = (60, VICTIMS);
    let same = |choices: &mut dyn Choices| {
        let trace = run(&program, choices);
        (report::transcript(&program, &trace) == "1\n").then(|| trace.log())
    };
    let log = (0..1_000).filter_map(|seed| same(&mut Seeded::new(seed))).find(|log| 1 < Size::of(log).faults).unwrap();
    let mut same = |answers: &[u64]| same(&mut Given::new(answers));
    let width = |choice: &Choice| if choice.kind == Kind::Cut { u64::from(VICTIMS) } else { 1 };
    let shrunk = shrink::choices(log, &width, &mut same);
    let size = Size::of(&shrunk.log);
    assert_eq!((size.faults, size.deviations), (1, 1));
    assert_eq!(Cut::from_answer(shrunk.log[0].answer, VICTIMS), Some(Cut { handle: 9, victim: 0 }));

    // Handles: main, three first steps, a wait, three timers, three wake-ups of which the first counts worker 0 as busy;
    // a wait, three timers, and before handle 15 it is woken but has not run.
    let window = shrink::window(&shrunk.log, 0, u64::from(VICTIMS), &mut same);
    let [first, last] = [9, 15].map(|handle| Cut { handle, victim: 0 }.answer(VICTIMS));
    assert_eq!((window.first, window.last), (first, last));
}

fn answers(log: &[Choice]) -> Vec<u64> {
    log.iter().map(|choice| choice.answer).collect()
}
