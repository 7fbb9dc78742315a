//! placeholder
pub mod body;
pub mod choice;
pub mod diagnostic;
pub mod experiment;
pub mod id;
pub mod machine;
pub mod program;
pub mod scenario;
pub mod strategy;
pub mod time;
pub mod trace;
pub mod verdict;
