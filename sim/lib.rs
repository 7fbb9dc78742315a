//! placeholder
pub mod body;
pub mod choice;
pub mod diagnostic;
pub mod event_loop;
pub mod experiment;
pub mod id;
pub mod judge;
pub mod machine;
#[cfg(feature = "network")]
pub mod network;
pub mod program;
pub mod report;
pub mod time;
pub mod tokio_program;
pub mod trace;
pub mod verdict;
