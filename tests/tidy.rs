//! The house inspects itself: the law of the floors, the headers, the map, and what must not stand anywhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rooms by floor. A machine imports nouns and ground, never another machine; only the door imports machines.
const FLOORS: [&[&str]; 4] = [
    &["choice", "time", "id", "reuse"],
    &["program", "body", "machine", "trace", "verdict", "experiment", "diagnostic"],
    &[
        "scenario",
        "strategy",
        "event_loop",
        "tokio_program",
        "executor",
        "network",
        "judge",
        "report",
        "generate",
        "cpython",
        "explore",
        "shrink",
        "replay",
    ],
    &["harness", "suite", "check", "cli", "main", "lib"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with one of these extensions.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|&known| extension == known)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every source file, as its modules below `sim/` and its text.
fn sources() -> Vec<(Vec<String>, String)> {
    let sim = root().join("sim");
    let modules = |path: &Path| {
        let below = path.strip_prefix(&sim).unwrap().with_extension("");
        let mut parts: Vec<String> = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        parts
    };
    files(&sim, &["rs"]).iter().map(|path| (modules(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Whether code in `from` may name `to`.
fn may_import(from: &str, to: &str) -> bool {
    match (floor_of(from), floor_of(to)) {
        (Some(from_floor), Some(to_floor)) => {
            from == to || to_floor < from_floor || (from_floor == to_floor && from_floor != 2)
        }
        _ => false,
    }
}

/// The rooms that a text names through `crate::…`, or through enough `super::` to leave its own room.
fn rooms_named(modules: &[String], text: &str) -> Vec<String> {
    let code = without_comments_and_strings(text);
    let tokens = tokens(&code);
    let mut named = Vec::new();
    // A module of tests within a file stands one level deeper.
    let inline = tokens.windows(3).position(|window| window == ["mod", "tests", "{"]).unwrap_or(tokens.len());
    for at in 0..tokens.len() {
        let depth = modules.len() + usize::from(at > inline);
        let supers = tokens[at..].chunks(2).take_while(|pair| *pair == ["super", "::"]).count();
        let is_continued = at >= 2 && tokens[at - 1] == "::" && tokens[at - 2] == "super";
        let after = if tokens[at] == "crate" && tokens.get(at + 1) == Some(&"::") {
            at + 2
        } else if supers > 0 && !is_continued && supers >= depth {
            at + 2 * supers
        } else {
            continue;
        };
        named.extend(heads(&tokens[after..]));
    }
    named
}

/// The first names of what follows a path: one name, or those of a group in braces.
fn heads(tokens: &[&str]) -> Vec<String> {
    if tokens.first() != Some(&"{") {
        return tokens.first().map(|name| (*name).to_owned()).into_iter().collect();
    }
    let (mut depth, mut expects_name, mut names) = (0, false, Vec::new());
    for &token in tokens {
        match token {
            "{" => {
                depth += 1;
                expects_name = depth == 1;
            }
            "}" => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            "," => expects_name = depth == 1,
            name => {
                if std::mem::take(&mut expects_name) {
                    names.push(name.to_owned());
                }
            }
        }
    }
    names
}

fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Comments, strings and characters become blanks, so that only code is read.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string_hashes(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = 2 + hashes;
            rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len())
        } else if first == '"' {
            string_length(rest)
        } else if first == '\'' {
            character_length(rest)
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

fn raw_string_hashes(rest: &str) -> Option<usize> {
    let hashes = rest.strip_prefix('r')?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    hashes[count..].starts_with('"').then_some(count)
}

fn string_length(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; a lifetime is one mark.
fn character_length(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => rest[3..].find('\'').map_or(rest.len(), |at| at + 4),
        (_, Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[test]
fn no_room_imports_what_its_floor_forbids() {
    let mut wrong = Vec::new();
    for (modules, text) in sources() {
        let room = modules.first().map_or("lib", String::as_str);
        assert!(floor_of(room).is_some(), "the room `{room}` stands on no floor: give it one in tests/tidy.rs");
        for named in rooms_named(&modules, &text) {
            if !may_import(room, &named) {
                wrong.push(format!("{}: names `{named}`", modules.join("/")));
            }
        }
    }
    assert!(wrong.is_empty(), "against the law of the floors:\n{}", wrong.join("\n"));
}

#[test]
fn the_law_sees_paths_in_code_groups_and_supers() {
    let seen = |text: &str| rooms_named(&["judge".to_owned(), "fold".to_owned()], text);
    assert_eq!(seen("fn f() { crate::report::trace(x) }"), ["report"]);
    assert_eq!(seen("use crate::{report, trace::{Trace, What}};"), ["report", "trace"]);
    assert_eq!(seen("use super::super::report;"), ["report"]);
    assert_eq!(seen("use super::Judge; // crate::report\nlet s = \"crate::report\"; let c = '\"';"), [""; 0]);
    assert!(may_import("judge", "trace") && may_import("trace", "program") && may_import("cli", "report"));
    assert!(!may_import("judge", "report") && !may_import("choice", "trace") && !may_import("trace", "judge"));
}

#[test]
fn every_file_says_what_it_does_and_what_it_knows_nothing_of() {
    for (modules, text) in sources() {
        let header: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let name = modules.join("/");
        assert!(!header.is_empty(), "{name}: begin with a `//!` header");
        assert!(name == "lib" || header.contains("nows nothing of"), "{name}: say what it knows nothing of");
    }
}

#[test]
fn every_room_stands_on_the_map() {
    let library = std::fs::read_to_string(root().join("sim/lib.rs")).unwrap();
    let map: String =
        library.lines().take_while(|line| line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
    for room in FLOORS.iter().flat_map(|rooms| rooms.iter()).filter(|room| **room != "lib") {
        assert!(map.contains(&format!("`{room}`")), "sim/lib.rs has no line about `{room}`");
    }
}

#[test]
fn every_file_is_about_this_project_alone() {
    // Written in two pieces, so that this file may say what it looks for.
    let forbidden = [concat!("/wo", "rk/"), concat!("../sha", "red"), concat!("sha", "red/design")];
    let mut places = BTreeMap::new();
    for folder in ["sim", "scenarios", "tests", "snapshots", "benches", ".github"] {
        let folder = root().join(folder);
        if folder.is_dir() {
            for path in files(&folder, &["rs", "md", "toml", "py", "snap", "yml"]) {
                places.insert(path.clone(), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    for name in ["README.md", "CHANGELOG.md", "Cargo.toml", "clippy.toml", ".ci/run"] {
        places.insert(root().join(name), std::fs::read_to_string(root().join(name)).unwrap());
    }
    for (path, text) in places {
        for word in forbidden {
            assert!(!text.contains(word), "{}: refers to {word}", path.display());
        }
    }
}

/// A task is a task, and a program a program. How many threads there are is called `jobs` by everybody's flags, and so here.
#[test]
fn nothing_goes_by_a_name_that_is_none_of_ours() {
    // Written in two pieces, so that this file may say what it looks for.
    let forbidden = [concat!("fib", "er"), concat!("jo", "b"), concat!("wor", "ld"), concat!("uni", "verse")];
    let is_forbidden = |word: &str| {
        let one = word.strip_suffix('s').unwrap_or(word);
        word != "jobs" && forbidden.contains(&one)
    };
    for folder in ["sim", "tests", "benches", "examples"] {
        for path in files(&root().join(folder), &["rs", "md", "py"]) {
            let text = std::fs::read_to_string(&path).unwrap();
            for (number, line) in (1..).zip(text.lines()) {
                let mut words =
                    line.split(|c: char| !c.is_alphabetic()).flat_map(humps).map(|word| word.to_lowercase());
                let found = words.find(|word| is_forbidden(word));
                assert_eq!(found, None, "{}:{number}: call it something else", path.display());
            }
        }
    }
}

/// The words of a name in camel case.
fn humps(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut was_small = true;
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !(c.is_uppercase() && was_small) => word.push(c),
            _ => words.push(c.to_string()),
        }
        was_small = !c.is_uppercase();
    }
    words
}
