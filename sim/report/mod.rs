//! Every sentence and every table: runs, verdicts and messages about files, as text and as JSON.
//!
//! - [`trace`]: in which order everything happened, to be read by a person and to be kept as a snapshot;
//! - [`json`]: the same for a program, one object a line;
//! - [`transcript`]: what the program itself printed;
//! - [`failure`]: what exploring found, told in one screen, with its [`lanes`] and its [`parting`] from a passing run;
//! - [`explored`]: what exploring covered; [`exhausted`]: whether it covered everything;
//! - [`table`]: strategies side by side;
//! - [`verdict`]: which expectations were not met, and what to do next;
//! - [`diagnostics`]: what is wrong with a file.
//!
//! Nothing that a scenario says can break a line of these or turn a terminal: what does not print is escaped. Only
//! the transcript is left as it is.
//!
//! Knows nothing of where its texts are printed, and makes no trace itself.

mod cells;
mod columns;
mod diagnostic;
mod draw;
mod exhausted;
mod explored;
mod failure;
mod json;
mod lanes;
mod names;
mod paint;
mod parting;
mod points;
mod sentence;
mod sites;
mod table;
mod trace;
mod transcript;
mod verdict;

pub use diagnostic::diagnostics;
pub use exhausted::{Exhausted, exhausted, json_exhausted};
pub use explored::{Covered, explored, json_explored};
pub use failure::{Story, Wrong, failure, json_failure};
pub use json::{Origin, json};
pub use lanes::{Focus, lanes};
pub use parting::{Parting, Told, mismatch, parting};
pub use table::{Row, markdown, table};
pub use trace::trace;
pub use transcript::transcript;
pub use verdict::{finding, verdict};
