//! The named main programs: what people write to run several tasks and to stop them when one fails.
//!
//! Each is a small TOML file beside this one, in the language that scenarios are written in. What tokio alone has, its token,
//! its `select!` and its dropped futures, that language cannot say: there the file tells what a strategy is for, and its
//! main is in Rust.
//!
//! Knows nothing of parsing: it only holds the texts.

use crate::experiment::Runtime;

/// A named main program, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// What scenarios and commands call it.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
    /// Whether it is written in Rust, because what it does is tokio's alone.
    pub is_tokio_only: bool,
}

macro_rules! strategies {
    ($($name:literal)*; $($on_tokio:literal)*) => {
        const ALL: &[Strategy] = &[
            $(Strategy { name: $name, text: include_str!(concat!($name, ".toml")), is_tokio_only: false },)*
            $(Strategy { name: $on_tokio, text: include_str!(concat!($on_tokio, ".toml")), is_tokio_only: true },)*
        ];
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
    "cancel-same-host-on-429";
    "cancel-token"
    "select-drop"
    "timeout-drop"
}

/// Every strategy, the best known first.
pub fn all() -> &'static [Strategy] {
    ALL
}

/// Those that a runtime has, in the same order.
pub fn on(runtime: Runtime) -> impl Iterator<Item = &'static Strategy> {
    ALL.iter().filter(move |strategy| !strategy.is_tokio_only || runtime != Runtime::Asyncio)
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
