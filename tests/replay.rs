//! A run can be told by names, and found again by them: exactly in the program that it comes from, and as far as there
//! is anything left of it in one that was edited.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use atropos::choice::{Deviation, Kind, Ordinary, Replay, Seeded, Token};
use atropos::experiment::Experiment;
use atropos::generate::{Sketch, scenarios};
use atropos::harness::{Asyncio, File, find};
use atropos::replay::{Placed, deviations, place};
use atropos::verdict::Expectation;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn runner() -> TestRunner {
    TestRunner::new(Config { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..Config::default() })
}

/// The experiments of a scenario with this text, one for each main.
fn experiments(name: &str, text: &str) -> Vec<Asyncio> {
    let file = File::parse(name.as_ref(), text.to_owned()).unwrap_or_else(|rejected| panic!("{rejected}"));
    let program = |main: Option<&str>| file.program(main, None).unwrap_or_else(|rejected| panic!("{rejected}"));
    let programs = file.scenario.mains().into_iter().map(program);
    // Those with hosts run elsewhere.
    let on_asyncio = programs.filter(|program| program.network.is_none());
    on_asyncio.map(|program| Asyncio::new(program, Expectation::default())).collect()
}

/// Every scenario of the repository, with more that is free in it.
fn freed() -> Vec<(String, String)> {
    let paths: Vec<PathBuf> = find(&[root().join("scenarios")]).unwrap();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    let mut texts: Vec<_> = paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect();
    for (_, text) in &mut texts {
        let schedule = if text.contains("[schedule]") { "" } else { "[schedule]\norder = \"any\"\n" };
        // Two entries that may choose the same victims.
        text.push_str(&format!(
            "\n{schedule}[[inject]]\ncancel = \"*\"\nup_to = 2\n[[inject]]\ncancel = \"*\"\nup_to = 1\n"
        ));
    }
    texts
}

/// Names the runs of some seeds, and finds them again in the same program: exactly. Returns all names.
fn is_found_again(experiment: &Asyncio, seeds: Range<u64>) -> Vec<Deviation> {
    let (program, mut run) = (experiment.program(), experiment.begin());
    let mut all = Vec::new();
    for seed in seeds {
        let ran = run.run(&mut Seeded::new(seed));
        let log = run.trace().log();
        let named = deviations(&mut *run, &program, &mut Seeded::new(seed));
        assert_eq!(named.len(), log.iter().filter(|choice| choice.answer != 0).count());
        let placed = place(&mut *run, &program, &named);
        assert_eq!(placed, Placed { log, unplaced: Vec::new() }, "seed {seed}\n{named:#?}");
        assert_eq!(run.run(&mut Replay::new(&placed.log)).fingerprint, ran.fingerprint, "seed {seed}");
        all.extend(named);
    }
    all
}

fn kinds(deviations: &[Deviation]) -> BTreeSet<Kind> {
    deviations.iter().map(|deviation| deviation.kind).collect()
}

/// What the event loop asks.
const KINDS: [Kind; 6] =
    [Kind::TimerOrder, Kind::TaskSetOrder, Kind::SleepLength, Kind::ReadyOrder, Kind::Cut, Kind::Failure];

#[test]
fn a_run_of_the_same_program_is_found_again_to_the_last_question() {
    for (name, text) in freed() {
        for experiment in experiments(&name, &text) {
            assert!(kinds(&is_found_again(&experiment, 0..20)).contains(&Kind::Cut), "{name}");
        }
    }
}

/// What is asked here and nowhere else in the repository: lengths, failures at points of coroutines that run in place and
/// raise, a set of tasks that somebody but `run()` walks, two gathers of one task, a cancel from outside at a tie.
const EVERYTHING: &str = r#"
about = "Everything that can be asked."

[[task]]
name = "helper"
steps = [{ sleep = "100ms..300ms" }, { point = "half" }, { raise = "no help" }]

[[task]]
name = "worker {i}"
count = 3
steps = [
    { sleep = "500ms" },
    { try = [{ await = "helper" }], except = { Exception = [] } },
    { point = "begun" },
    { sleep = "1s..2s" },
    { point = "done" },
    { sleep = "1s" },
]

[main]
steps = [
    { spawn = ["worker 0", "worker 1", "worker 2", "worker 1"], as = "workers" },
    { sleep = "500ms..4s" },
    { cancel_all = "others" },
    { gather = "workers", return_exceptions = true, as = "first" },
    { gather = "workers", return_exceptions = true, as = "second" },
    { await = "first" },
    { await = "second" },
]

[[cancel]]
task = "worker 1"
time = "500ms"

[schedule]
order = "any"

[[inject]]
task = "worker {i}"
raise = "injected"
up_to = 3

[[inject]]
task = "helper"
raise = "injected"
chance = "40%"
up_to = 2

[[inject]]
cancel = "worker *"
up_to = 2
"#;

#[test]
fn whatever_can_be_asked_is_found_again() {
    for experiment in experiments("everything", EVERYTHING) {
        let named = is_found_again(&experiment, 0..300);
        assert_eq!(kinds(&named), BTreeSet::from(KINDS));
        // Names that are not just a task's: a task of a second call, a gather, one of two that are the same.
        for chosen in ["worker 1#2", "gather 2 of main", "gather 1 of main (3)"] {
            assert!(named.iter().any(|deviation| deviation.chosen == chosen), "{chosen}");
        }
    }
    let ordinary = EVERYTHING.replace("order = \"any\"", "");
    for experiment in experiments("everything-as-asyncio", &ordinary) {
        assert_eq!(kinds(&is_found_again(&experiment, 0..300)).len(), KINDS.len() - 1);
    }
}

#[test]
fn whatever_a_random_program_asks_is_found_again() {
    let property = |(sketch, ready): (Sketch, bool)| {
        let order = if ready { "[schedule]\norder = \"any\"\n" } else { "" };
        let text = format!("{sketch}\n{order}[[inject]]\ncancel = \"*\"\nup_to = 3\n");
        for experiment in experiments("random", &text) {
            is_found_again(&experiment, 0..5);
        }
        Ok(())
    };
    runner().run(&(scenarios(), any::<bool>()), property).unwrap();
}

#[test]
fn nothing_is_named_in_the_ordinary_run_and_nothing_is_placed_for_it() {
    for experiment in experiments("everything", EVERYTHING) {
        let (program, mut run) = (experiment.program(), experiment.begin());
        let fingerprint = run.run(&mut Ordinary).fingerprint;
        assert_eq!(deviations(&mut *run, &program, &mut Ordinary), []);
        let placed = place(&mut *run, &program, &[]);
        assert!(placed.unplaced.is_empty() && placed.log.iter().all(|choice| choice.answer == 0));
        assert_eq!(run.run(&mut Replay::new(&placed.log)).fingerprint, fingerprint);
    }
}

const TWO: &str = r#"
about = "Two that sleep."

[[task]]
name = "first"
steps = [{ sleep = "1s..3s" }, { sleep = "1s..3s" }]

[[task]]
name = "second"
steps = [{ for = "i", in = "range(5)", do = [{ sleep = "1s..3s" }] }]

[main]
steps = [{ spawn = ["first", "second"], as = "tasks" }, { sleep = "9s" }]

[[inject]]
cancel = ["first", "second"]
up_to = 2
"#;

/// A deviation of [`TWO`] as `sleep-length first "" 1 2s`.
fn deviation(text: &str) -> Deviation {
    let [kind, subject, site, visit, chosen] = text.split('|').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let kind = Kind::ALL.into_iter().find(|known| known.label() == kind).unwrap();
    let [subject, site, chosen] = [subject, site, chosen].map(str::to_owned);
    Deviation { kind, subject, site, visit: visit.parse().unwrap(), chosen }
}

/// What becomes of the deviations of [`TWO`] in a text in which `from` is replaced: those that are placed, in the order of
/// their questions, and those that are not.
fn check(from: &str, to: &str, given: &[&str], placed: &[&str], unplaced: &[&str]) {
    assert!(TWO.contains(from), "{from}");
    let given: Vec<_> = given.iter().map(|text| deviation(text)).collect();
    for experiment in experiments("edited", &TWO.replace(from, to)) {
        let (program, mut run) = (experiment.program(), experiment.begin());
        let found = place(&mut *run, &program, &given);
        let named = deviations(&mut *run, &program, &mut Replay::new(&found.log));
        let [placed, unplaced] =
            [placed, unplaced].map(|list| list.iter().map(|text| deviation(text)).collect::<Vec<_>>());
        assert_eq!((named, found.unplaced), (placed, unplaced), "{to}");
    }
}

const OF_FIRST: &str = "sleep-length|first||2|1.5s";
const OF_SECOND: &str = "sleep-length|second||4|1.25s";
const CUT: &str = "cut|second|await 1|4|waiting+0";
const ALL: [&str; 3] = [CUT, OF_SECOND, OF_FIRST];

#[test]
fn what_is_still_there_after_an_edit_is_placed_and_the_rest_is_named() {
    // Nothing is edited; the order is that of the questions, whatever was given.
    check("Two", "Two", &ALL, &[CUT, OF_FIRST, OF_SECOND], &[]);
    // Another task is renamed, or gone.
    check("\"first\"", "\"other\"", &ALL, &[CUT, OF_SECOND], &[OF_FIRST]);
    check("\"second\"", "\"other\"", &ALL, &[OF_FIRST], &[CUT, OF_SECOND]);
    // A step less, and the same step twice.
    check("{ sleep = \"1s..3s\" }, {", "{", &ALL, &[CUT, OF_SECOND], &[OF_FIRST]);
    let again = "{ sleep = \"1s..3s\" }, { sleep = \"2s\" }, {";
    check("{ sleep = \"1s..3s\" }, {", again, &ALL, &[CUT, OF_FIRST, OF_SECOND], &[]);
    // The length is none that there could be any more.
    check("{ sleep = \"1s..3s\" }]\n", "{ sleep = \"2s..3s\" }]\n", &ALL, &[CUT, OF_SECOND], &[OF_FIRST]);
}

#[test]
fn a_cut_goes_to_the_nearest_place_that_is_like_its_own() {
    let near = "cut|second|await 1|3|waiting+0";
    check("range(5)", "range(3)", &ALL, &[near, OF_FIRST], &[OF_SECOND]);
    // Not at that visit so late, at another one later.
    let late = "cut|second|await 1|4|waiting+99";
    let found = "cut|second|await 1|4|waiting+1";
    check("Two", "Two", &[late], &[found], &[]);
    // In a loop of two awaits the first comes every other time.
    check("do = [", "do = [{ sleep = \"1s\" }, ", &[CUT], &[near], &[]);
    check("Two", "Two", &["cut|second|await 1|4|waiting+0 of inject 2"], &[CUT], &[]);
    // Another await, another phase, another victim, another number of cuts.
    for gone in ["cut|second|await 2|4|waiting+0", "cut|second|await 1|4|cleanup+0", "cut|main|await 1|1|waiting+0"] {
        check("Two", "Two", &[gone], &[], &[gone]);
    }
    let other = "cut|first|await 1|1|waiting+0";
    check("up_to = 2", "up_to = 1", &[CUT, other], &[CUT], &[other]);
}

#[test]
fn what_nobody_could_have_asked_is_unplaced() {
    for nonsense in [
        "timer-order|event loop|1s|1|nobody",
        "timer-order|event loop|1s|1|first (99)",
        "timer-order|event loop|1s|1|first (0)",
        "timer-order|event loop|1s|99|first",
        "ready-order|event loop|0s|1|first",
        "task-set-order|||0|",
        "sleep-length|first||1|long",
        "sleep-length|first||1|99s",
        "sleep-length|first||0|1.5s",
        "failure|first|point|1|fires",
        "cut||||",
        "cut|first|await 1|1|waiting",
        "cut|first|await 1|1|waiting+0 of inject 0",
        "cut|||0|number 0",
        "cut|||0|number 18446744073709551615",
        "cut|||0|number 5 of inject 9",
    ] {
        let nonsense = nonsense.replace("||||", "|||0|");
        check("Two", "Two", &[&nonsense, OF_FIRST], &[OF_FIRST], &[&nonsense]);
    }
}

fn any_token() -> impl Strategy<Value = Token> {
    let kind = select(Kind::ALL.as_slice());
    let deviation = (kind, any::<String>(), any::<String>(), any::<u32>(), any::<String>())
        .prop_map(|(kind, subject, site, visit, chosen)| Deviation { kind, subject, site, visit, chosen });
    let names = (option::of(any::<String>()), option::of("3[.][0-9]{1,2}"));
    (any::<u64>(), names, vec(deviation, 0..6)).prop_map(|(scenario_hash, (strategy, profile), deviations)| Token {
        scenario_hash,
        strategy,
        profile,
        deviations,
    })
}

#[test]
fn every_token_comes_back_and_none_that_was_changed_does() {
    let property = |(token, at, other, keep): (Token, usize, char, usize)| {
        let word = token.to_string();
        assert!(word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{word}");
        assert_eq!(word.parse(), Ok(token));
        let at = at % word.len();
        let changed = format!("{}{other}{}", &word[..at], &word[at + 1..]);
        assert!(changed == word || changed.parse::<Token>().is_err(), "{changed}");
        assert!(word[..keep % word.len()].parse::<Token>().is_err());
        Ok(())
    };
    let other = prop_oneof![any::<char>(), select("abcXYZ019-_".chars().collect::<Vec<_>>())];
    runner().run(&(any_token(), any::<usize>(), other, any::<usize>()), property).unwrap();
    runner().run(&any::<String>(), |word| Ok(_ = word.parse::<Token>())).unwrap();
    runner().run(&"a1-[A-Za-z0-9_-]{0,80}", |word| Ok(_ = word.parse::<Token>())).unwrap();
}
