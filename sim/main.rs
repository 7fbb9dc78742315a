//! The command `atropos`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atropos::cli::main(std::env::args_os())
}
