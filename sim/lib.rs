//! placeholder
pub mod choice;
pub mod id;
pub mod machine;
pub mod program;
pub mod time;
pub mod trace;
