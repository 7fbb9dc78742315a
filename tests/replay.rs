//! A run can be told by names, and found again by them: exactly in the program that it comes from, and as far as there
//! is anything left of it in one that was edited.

use std::path::{Path, PathBuf};

use atropos::choice::{Kind, Ordinary, Replay, Seeded};
use atropos::experiment::Experiment;
use atropos::harness::{Asyncio, File, find};
use atropos::replay::{Placed, deviations, place};
use atropos::verdict::Expectation;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The experiments of a scenario with this text, one for each main.
fn experiments(name: &str, text: &str) -> Vec<Asyncio> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay");
    let path = folder.join(format!("{}.toml", name.replace('/', "-")));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(&path, text).unwrap();
    let file = File::load(&path).unwrap_or_else(|rejected| panic!("{rejected}"));
    let program = |main: Option<&str>| file.program(main, None).unwrap_or_else(|rejected| panic!("{rejected}"));
    let mains = file.scenario.mains();
    mains.into_iter().map(|main| Asyncio::new(program(main), Expectation::default())).collect()
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
    texts.push(("everything".to_owned(), EVERYTHING.to_owned()));
    texts
}

#[test]
fn a_run_of_the_same_program_is_found_again_to_the_last_question() {
    let (mut runs, mut kinds) = (0, std::collections::BTreeSet::new());
    for (name, text) in freed() {
        for experiment in experiments(&name, &text) {
            let (program, mut run) = (experiment.program(), experiment.begin());
            for seed in 0..30 {
                let ran = run.run(&mut Seeded::new(seed));
                let log = run.trace().log();
                let named = deviations(&mut *run, program, &mut Seeded::new(seed));
                assert_eq!(named.len(), log.iter().filter(|choice| choice.answer != 0).count());
                kinds.extend(named.iter().map(|deviation| deviation.kind));
                let placed = place(&mut *run, program, &named);
                let title = format!("{name}, {:?}, seed {seed}", program.strategy);
                assert_eq!(placed, Placed { log: log.clone(), unplaced: Vec::new() }, "{title}\n{named:#?}");
                assert_eq!(run.run(&mut Replay::new(&placed.log)).fingerprint, ran.fingerprint, "{title}");
                runs += 1;
            }
        }
    }
    assert!(runs > 800, "{runs}");
    assert_eq!(kinds.len(), Kind::ALL.len(), "{kinds:?}");
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
    { try = [{ await = "helper" }], except = { Exception = [] } },
    { point = "begun" },
    { sleep = "1s..2s" },
    { point = "done" },
    { sleep = "1s" },
]

[main]
steps = [
    { spawn = "coros", as = "workers" },
    { sleep = "500ms..4s" },
    { cancel_all = "others" },
    { gather = "workers", return_exceptions = true, as = "first" },
    { gather = "workers", return_exceptions = true, as = "second" },
    { await = "first" },
    { await = "second" },
]

[[cancel]]
task = "worker 1"
time = "1s"

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

/// What is left of a file after an edit takes what it can; the rest is named.
#[test]
fn an_edited_program_takes_what_it_can() {
    let text = |step: &str| {
        format!(
            "about = 'Two sleeps.'\n[[task]]\nname = 'a'\nsteps = [{step}]\n[[task]]\nname = 'b'\n\
             steps = [{{ sleep = '1s..2s' }}]\n[[inject]]\ncancel = '*'\n[main]\n\
             steps = [{{ spawn = 'coros', as = 'all' }}, {{ wait = 'all' }}]\n"
        )
    };
    let before = &experiments("before", &text("{ sleep = '1s..2s' }, { sleep = '1s..3s' }"))[0];
    let after = &experiments("after", &text("{ print = 'new' }, { sleep = '1s..2s' }"))[0];
    let named = (0..).map(|seed| deviations(&mut *before.begin(), before.program(), &mut Seeded::new(seed)));
    let second = |all: &Vec<atropos::choice::Deviation>| all.iter().any(|one| one.subject == "a" && one.visit == 2);
    let named = named.into_iter().find(second).expect("some seed lets the second sleep of a last longer");
    let placed = place(&mut *after.begin(), after.program(), &named);
    assert_eq!(placed.unplaced.iter().filter(|one| one.kind != Kind::Cut).count(), 1, "{:#?}", placed.unplaced);
    let again = after.begin().run(&mut Replay::new(&placed.log));
    assert_ne!(again.fingerprint, after.begin().run(&mut Ordinary).fingerprint);
}
