//! `[log]`

use super::topic::{Allowed, topic};
use super::value::{Given, Value};

topic! {
    /// What the server writes to standard error. Never tokens, e-mail addresses or contents.
    Log in "log" {
        /// `text` for people, `json` for log collectors: one object per line.
        format: LogFormat = LogFormat::Text, OneOf(&["text", "json"]);
        /// What is written: `error`, `warn`, `info`, `debug` or `trace`, also by module: `info,fieldbook::http=debug`.
        filter: Filter = Filter("info".to_owned()), Text("a level, or a list such as info,fieldbook::http=debug");
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Value for LogFormat {
    fn read(given: &Given<'_>, _: &Allowed) -> Option<Self> {
        match given.text()? {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Text => "\"text\"".to_owned(),
            Self::Json => "\"json\"".to_owned(),
        }
    }
}

/// A filter that is known to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Filter {
    fn read(given: &Given<'_>, _: &Allowed) -> Option<Self> {
        let text = given.text()?.trim();
        let is_filter = !text.is_empty() && tracing_subscriber::EnvFilter::try_new(text).is_ok();
        is_filter.then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}
