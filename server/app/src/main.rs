//! The `fieldbook` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    fieldbook::cli::run(std::env::args_os())
}
