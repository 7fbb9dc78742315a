//! Every sentence and every table: runs, verdicts and messages about files, as text and as JSON.
//!
//! - [`trace`]: in which order everything happened, to be read by a person and to be kept as a snapshot;
//! - [`json`]: the same for a program, one object a line;
//! - [`transcript`]: what the program itself printed;
//! - [`table`]: strategies side by side;
//! - [`verdict`]: which expectations were not met, and what to do next;
//! - [`diagnostics`]: what is wrong with a file.
//!
//! Nothing that a scenario says can break a line of these or turn a terminal: what does not print is escaped. Only
//! the transcript is left as it is.
//!
//! Knows nothing of where its texts are printed, and makes no trace itself.

mod columns;
mod diagnostic;
mod json;
mod names;
mod table;
mod trace;
mod transcript;
mod verdict;

pub use diagnostic::diagnostics;
pub use json::{Origin, json};
pub use table::{Row, markdown, table};
pub use trace::trace;
pub use transcript::transcript;
pub use verdict::{finding, verdict};
