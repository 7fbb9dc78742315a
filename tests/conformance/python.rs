//! The interpreters that are installed here, and what is said if there are none.
//!
//! Knows nothing of what is compared.

use std::sync::OnceLock;
use std::time::Duration;

use atropos::harness::{Interpreter, installed};
use atropos::program::Profile;

/// How long an interpreter may take for one program.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// One interpreter for each profile that there is one for, the oldest first; why the others are missing is printed.
///
/// # Panics
///
/// If there is none, and the environment says that there has to be one.
pub fn interpreters() -> &'static [Interpreter] {
    static FOUND: OnceLock<Vec<Interpreter>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let found = installed();
        for profile in Profile::ALL {
            if !found.iter().any(|python| python.profile == profile) {
                println!("skipped: Python {}, because no such interpreter is installed", profile.name);
            }
        }
        let is_required = variable("ATROPOS_REQUIRE_PYTHON").is_some_and(|value| value == "1");
        assert!(
            !found.is_empty() || !is_required,
            "expected a Python from 3.8 to 3.13 on PATH or in ~/.pyenv/versions, but found none"
        );
        found
    })
}

pub fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test is a door of its own")]
    std::env::var(name).ok()
}
