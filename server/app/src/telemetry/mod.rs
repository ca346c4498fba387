//! The log: what happened, never what was written.
//!
//! What must not stand in it: tokens and secrets (they stand in queries, cookies and some addresses, so requests are
//! named by their route), e-mail addresses, names, titles and contents. People and documents are named by their ids.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Begins to write the log to standard error. Does nothing if there is a log already (in tests).
pub fn start(log: &Log) {
    let filter = EnvFilter::try_new(log.filter.as_str()).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = match log.format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
}
