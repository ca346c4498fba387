//! The binary, run as people run it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) fn fieldbook() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldbook"));
    command.env_clear().current_dir(std::env::temp_dir());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    fieldbook().args(arguments).output().unwrap()
}

pub(crate) fn on(data: &Path, command: &str, more: &[&str]) -> Output {
    let data = data.to_str().unwrap();
    run(&[&[command, "--data", data], more].concat())
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// `fieldbook serve`, killed when dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) lines: Vec<String>,
}

impl Serving {
    /// Starts, and reads the first lines that it prints.
    pub(crate) fn start(data: &Path, lines: usize) -> Self {
        Self::start_with(data, lines, &[], Stdio::null())
    }

    /// The same, with variables and a place for the log.
    pub(crate) fn start_with(data: &Path, lines: usize, variables: &[(&str, &str)], log: Stdio) -> Self {
        let mut child = fieldbook()
            .args(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = output.lines().take(lines).map(Result::unwrap).collect();
        Self { child, lines }
    }

    /// SIGTERM; gives the exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}
