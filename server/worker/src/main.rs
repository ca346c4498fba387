//! The worker alone: one job from stdin, one outcome to stdout.

use std::process::ExitCode;

fn main() -> ExitCode {
    match fieldbook_worker::run_child(std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the worker takes its job from the server, on stdin: {error}");
            ExitCode::FAILURE
        }
    }
}
