//! Real children: every test starts the worker's own program.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod documents;
mod hostile;
mod lasting;
mod process;
mod sample;
