//! The log: what happened, never what was written.
//!
//! What must not stand in it: tokens and secrets (they stand in queries, cookies and some addresses, so requests are
//! named by their route), e-mail addresses, names, titles and contents. People and documents are named by their ids.

use std::io::IsTerminal;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

use crate::config::{Log, LogFormat};

/// Crates that write whole requests, frames or statements at their lower levels.
const TALKATIVE: [&str; 8] = [
    "actix_http",
    "actix_web",
    "actix_server",
    "actix_ws",
    "h2",
    "mio",
    "rustls",
    "log",
];

/// Begins to write the log to standard error. Does nothing if there is a log already (in tests).
pub fn start(log: &Log) {
    let filter = EnvFilter::try_new(log.filter.as_str()).unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = registry()
        .with(lines(log.format).with_filter(filter.and(filter_fn(is_discreet))))
        .try_init();
}

fn lines<S: Subscriber + for<'span> LookupSpan<'span>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

/// Whatever the filter says: what these crates write at `debug` and `trace` can hold tokens.
fn is_discreet(event: &Metadata<'_>) -> bool {
    let source = event.target().split("::").next().unwrap_or_default();
    *event.level() <= Level::INFO || !TALKATIVE.contains(&source)
}
