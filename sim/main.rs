//! The command `atropos`: hands its arguments to the command line, and its exit code back.
//!
//! Knows nothing of what they mean.

use std::process::ExitCode;

fn main() -> ExitCode {
    atropos::cli::main(std::env::args_os())
}
