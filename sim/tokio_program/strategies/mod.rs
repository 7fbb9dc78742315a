//! The named main programs once more, as somebody writes them who has tokio and not asyncio.
//!
//! They are there to be read, and they run: a program whose strategy has a twin here takes it as main.
//!
//! Knows nothing of how a task or a recording works; a strategy has the stage, tokio's names, and nothing else.

mod await_one_by_one;
mod cancel_all_tasks;
mod cancel_each_task;
mod cancel_same_host_on_429;
mod cancel_token;
mod gather_cancel_wrong;
mod gather_return_exceptions;
mod poll_and_cancel;
mod select_drop;
mod shield;
mod task_group;
mod timeout_around_gather;
mod timeout_drop;
mod wait_first_exception;

use std::pin::Pin;

use super::stage::{Exception, JoinHandle, Stage};
use crate::program::Value;

/// A main program in Rust.
pub(super) struct Strategy {
    name: &'static str,
    /// Its file.
    pub(super) source: &'static str,
    pub(super) main: Main,
}

type Main = fn(Stage) -> Pin<Box<dyn Future<Output = Result<(), Exception>>>>;

macro_rules! strategies {
    ($($name:literal = $module:ident;)*) => {
        const ALL: &[Strategy] = &[$(Strategy {
            name: $name,
            source: include_str!(concat!(stringify!($module), ".rs")),
            main: |stage| Box::pin($module::main(stage)),
        }),*];
    };
}

strategies! {
    "gather-cancel-wrong" = gather_cancel_wrong;
    "cancel-each-task" = cancel_each_task;
    "cancel-all-tasks" = cancel_all_tasks;
    "gather-return-exceptions" = gather_return_exceptions;
    "wait-first-exception" = wait_first_exception;
    "poll-and-cancel" = poll_and_cancel;
    "await-one-by-one" = await_one_by_one;
    "task-group" = task_group;
    "timeout-around-gather" = timeout_around_gather;
    "shield" = shield;
    "cancel-same-host-on-429" = cancel_same_host_on_429;
    "cancel-token" = cancel_token;
    "select-drop" = select_drop;
    "timeout-drop" = timeout_drop;
}

/// The strategy called `name`.
pub(super) fn find(name: &str) -> Option<&'static Strategy> {
    ALL.iter().find(|strategy| strategy.name == name)
}

/// What becomes of a task, whichever way it ends. A join handle alone is `Ok` when its task fails: it says that the
/// task was joined, so `try_join_all` over bare handles would never stop early.
async fn outcome(handle: JoinHandle) -> Result<Value, Exception> {
    handle.await?
}
