//! Every sentence and every table: runs, verdicts and messages about files, as text and as JSON.
//!
//! - [`trace`]: in which order everything happened, to be read by a person and to be kept as a snapshot; of a very long run
//!   [`trace_in_short`] tells how it begins and ends;
//! - [`json`]: the same for a program, one object a line;
//! - [`transcript`]: what the program itself printed;
//! - [`failure`]: what exploring found, told in one screen, with its [`lanes`] and its [`parting`] from a passing run; or
//!   [`brief`], in a few lines;
//! - [`explored`]: what exploring covered; [`exhausted`]: whether it covered everything;
//!   [`rerun`]: what became of failures that were saved;
//! - [`comparison`] and [`compared`]: what came of comparing runs with real interpreters;
//! - [`table`]: strategies side by side;
//! - [`profiles`]: the versions of Python, and in what they differ;
//! - [`verdict`]: which expectations were not met, and what to do next;
//! - [`diagnostics`]: what is wrong with a file.
//!
//! Nothing that a scenario says can break a line of these or turn a terminal: what does not print is escaped. Only
//! the transcript is left as it is.
//!
//! Knows nothing of where its texts are printed, and makes no trace itself.

mod cells;
mod columns;
mod compared;
mod diagnostic;
mod draw;
mod exhausted;
mod explored;
mod failure;
mod json;
mod lanes;
mod limits;
mod names;
mod network;
mod paint;
mod parting;
mod points;
mod profiles;
mod saved;
mod sentence;
mod sites;
mod table;
mod trace;
mod transcript;
mod verdict;

pub use compared::{Alike, Compared, Comparison, compared, comparison, json_compared, json_comparison};
pub use diagnostic::diagnostics;
pub use exhausted::{Exhausted, completeness, exhausted, json_exhausted, side_by_side, unlisted};
pub use explored::{Covered, Differing, Sought, explored, json_explored};
pub use failure::{Story, Wrong, brief, failure, in_short, json_failure};
pub use json::{Origin, json};
pub use lanes::{Focus, lanes};
pub use names::pasted;
pub use network::ticks_made;
pub use parting::{Parting, Told, agreement, mismatch, mismatch_in_fresh_process, parting};
pub use profiles::profiles;
pub use saved::{Rerun, Strayed, json_rerun, json_saved, rerun, reruns, saved, shrunk, strayed};
pub use table::{Row, markdown, table};
pub use trace::{trace, trace_in_short};
pub use transcript::transcript;
pub use verdict::{finding, verdict};
