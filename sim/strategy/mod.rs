//! The named main programs: what people write to run several tasks and to stop them when one fails.
//!
//! Each is a small TOML file beside this one, in the language that scenarios are written in.
//!
//! Knows nothing of parsing: it only holds the texts.

/// A named main program, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// What scenarios and commands call it.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

macro_rules! strategies {
    ($($name:literal)*) => {
        const ALL: &[Strategy] = &[$(Strategy { name: $name, text: include_str!(concat!($name, ".toml")) }),*];
    };
}

strategies! {
    "gather-cancel-wrong"
    "cancel-each-task"
    "cancel-all-tasks"
    "gather-return-exceptions"
    "wait-first-exception"
    "poll-and-cancel"
    "await-one-by-one"
    "task-group"
    "timeout-around-gather"
    "shield"
    "cancel-same-host-on-429"
}

/// Every strategy, the best known first.
pub fn all() -> &'static [Strategy] {
    ALL
}

/// The strategy called `name`.
///
/// ```
/// let strategy = atropos::strategy::find("cancel-each-task").unwrap();
/// assert!(strategy.text.starts_with("about = "));
/// ```
pub fn find(name: &str) -> Option<&'static Strategy> {
    ALL.iter().find(|strategy| strategy.name == name)
}
