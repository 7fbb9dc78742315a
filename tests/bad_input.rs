//! Whatever a file holds, its writer gets an answer: what was expected, what was found, where, and what to do.
//!
//! Each file in `tests/bad/` shows one mistake; what is said about it stands in a snapshot under `snapshots/bad/`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use atropos::diagnostic::Diagnostic;
use atropos::harness::{File, strategies};
use atropos::report;
use atropos::scenario::Scenario;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn matches_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/bad"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn names(folder: &str, extension: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let wanted = entries.filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What is said about a file of these bytes, called `NAME.toml`.
fn said(name: &str, bytes: &[u8]) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name).with_extension("toml");
    std::fs::write(&path, bytes).unwrap();
    let rejected = File::load(&path).expect_err(name);
    assert!(!rejected.render(true).is_empty());
    rejected.to_string().replace(&format!("{}/", folder.display()), "")
}

#[test]
fn every_mistake_is_told() {
    for name in names("tests/bad", "toml") {
        // Tests run in the root of the package; the name is shown as it is given.
        let path = PathBuf::from(format!("tests/bad/{name}.toml"));
        let rejected = File::load(&path).expect_err(&name);
        matches_snapshot(&name, &rejected.to_string());
    }
}

#[test]
fn every_snapshot_is_in_use() {
    let mut used = names("tests/bad", "toml");
    used.extend(GENERATED.map(|(name, _)| name.to_owned()));
    let stale: Vec<String> = names("snapshots/bad", "snap").difference(&used).cloned().collect();
    assert!(stale.is_empty(), "nothing uses these, delete them from snapshots/bad: {}", stale.join(", "));
}

/// What nobody writes by hand, and how the file is called.
const GENERATED: [(&str, Generate); 10] = [
    ("generated-empty", Vec::new),
    ("generated-not-utf-8", || b"about = \"one\"\nsource = \"caf\xe9\"\n".to_vec()),
    ("generated-nul", || b"about = \"a\0b\"\n".to_vec()),
    ("generated-nothing-but-nul", || vec![0; 1000]),
    ("generated-arrays-100000-deep", || format!("about = {}", "[".repeat(100_000)).into_bytes()),
    ("generated-tables-100000-deep", || format!("about = {}", "{a=".repeat(100_000)).into_bytes()),
    ("generated-70000-keys", || {
        let task = |at: usize| format!("[[task]]\nname = \"t{at}\"\neach = {{ k{at} = [1] }}\nsteps = []\n");
        let tasks: String = (0..70_000).map(task).collect();
        format!("about = \"Many keys.\"\n{tasks}[main]\nsteps = []\n").into_bytes()
    }),
    ("generated-keys-100000-deep", || format!("about{} = 1", ".a".repeat(100_000)).into_bytes()),
    ("generated-steps-100000-deep", || {
        let nest = "{ if = \"True\", then = [".repeat(100_000);
        format!("about = \"Deep.\"\n[main]\nsteps = [{nest}").into_bytes()
    }),
    ("generated-10-megabytes-of-junk", || {
        let junk = b"?!\xc3\xa4 = [\"\\ \n";
        junk.iter().copied().cycle().take(10_000_000 / junk.len() * junk.len()).collect()
    }),
];

type Generate = fn() -> Vec<u8>;

#[test]
fn what_nobody_writes_by_hand_is_told_too() {
    for (name, bytes) in GENERATED {
        let text = said(name, &bytes());
        assert!(text.len() < 10_000, "{name}: {} bytes are too long a message", text.len());
        matches_snapshot(name, &text);
    }
}

/// The text is a scenario with programs for all its mains, or there is something to say about it.
fn is_answered(text: &str) {
    let told = |diagnostics: &[Diagnostic]| {
        let message = report::diagnostics("cut.toml", text, diagnostics, true);
        assert!(message.contains("error"), "there is nothing to read about\n{text}");
    };
    match Scenario::parse(text, &strategies()) {
        Err(diagnostics) => told(&diagnostics),
        Ok(scenario) => {
            for main in scenario.mains() {
                if let Err(diagnostics) = scenario.program(main, None) {
                    told(&diagnostics);
                }
            }
        }
    }
}

/// Scenarios that use most of the language.
fn good_texts() -> [String; 2] {
    ["scenarios/first.toml", "scenarios/articles/10-three-tasks-with-cancel.toml"]
        .map(|path| std::fs::read_to_string(root().join(path)).unwrap())
}

#[test]
fn a_scenario_may_be_cut_off_anywhere() {
    for text in good_texts() {
        for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
            is_answered(&text[..end]);
        }
    }
}

#[test]
fn a_scenario_may_lose_any_mark_or_line() {
    for text in good_texts() {
        for (at, mark) in text.match_indices(['[', ']', '{', '}', '"', '=', ',']) {
            is_answered(&format!("{}{}", &text[..at], &text[at + mark.len()..]));
        }
        let lines: Vec<&str> = text.lines().collect();
        for left_out in 0..lines.len() {
            is_answered(&[&lines[..left_out], &lines[left_out + 1..]].concat().join("\n"));
        }
    }
}
