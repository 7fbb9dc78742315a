//! Failures that are kept: a file for each test, in a folder made to be committed. They are run first from then on.
//!
//! Knows nothing of runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Check, Failed};
use crate::choice::Token;
use crate::report;

/// The folder beside `Cargo.toml`.
const FOLDER: &str = "atropos-failures";

const HEAD: &str = "# Failures that `atropos::check` found, each with the token that replays it. They are run first; keep this file with\n# the code, and delete what says nothing any more.\n";

/// Where the failures of a test are kept, if cargo runs it.
pub(super) fn path(check: &Check, package: Option<String>) -> Option<PathBuf> {
    let name: String = check.title().chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).collect();
    Some(Path::new(&package?).join(FOLDER).join(format!("{name}.txt")))
}

/// The tokens of a check in a file, in their order; what is none is passed over, because people may write there, and so are
/// those of other checks, whose names may come to the same file.
pub(super) fn tokens(path: &Path, title: &str) -> Vec<Token> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let tokens = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim().parse().ok());
    tokens.filter(|token: &Token| token.scenario_hash == Token::hash(title)).collect()
}

/// Saves what is new, and says where. A folder that cannot be written to keeps nothing; that is told, and is no fault of the
/// test.
pub(super) fn save(path: &Path, failures: &[Failed]) -> String {
    match add(path, failures) {
        Ok(0) => String::new(),
        Ok(added) => report::saved(&as_told(path), added),
        Err(error) => format!("nothing is saved in {}: {error}\n", as_told(path)),
    }
}

/// Why nothing else was run than what failed.
pub(super) fn why_alone(path: &Path) -> String {
    format!("known failures from {}: nothing else is run while one of them fails\n", as_told(path))
}

/// As seen from `Cargo.toml`, where `cargo test` runs.
fn as_told(path: &Path) -> String {
    format!("{FOLDER}/{}", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Adds what is not there yet, and says how many failures that were.
fn add(path: &Path, failures: &[Failed]) -> std::io::Result<usize> {
    let mut text = fs::read_to_string(path).unwrap_or_else(|_| HEAD.to_owned());
    let mut added = 0;
    for failed in failures.iter().filter(|failed| !failed.token.is_empty()) {
        if !text.contains(&failed.token) {
            let sentence = failed.story.lines().next().unwrap_or_default();
            text.push_str(&format!("\n# {sentence}\n{}\n", failed.token));
            added += 1;
        }
    }
    if added == 0 {
        return Ok(0);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    Ok(added)
}
