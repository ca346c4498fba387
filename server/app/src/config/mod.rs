//! The configuration: read once, typed, one file per topic.
//!
//! Defaults are overridden by the TOML file, that by `FIELDBOOK_<SECTION>__<KEY>` in the environment, that by flags.
//! Every mistake is told at once, each with its name, where it stands and what is allowed. `docs/configuration.md` is
//! written from these files by [`reference()`]; a test keeps it in step.

mod address;
mod auth;
mod compaction;
mod error;
mod layer;
mod limits;
mod log;
mod reference;
mod server;
mod sync;
mod tokens;
mod topic;
mod trash;
mod value;
mod worker;

pub use address::{Network, Origin};
pub use auth::Auth;
pub use compaction::Compaction;
pub use error::{ConfigError, Mistake, Place};
pub use layer::{Flag, Sources};
pub use limits::Limits;
pub use log::{Filter, Log, LogFormat};
pub use reference::reference;
pub use server::Server;
pub use sync::Sync;
pub use tokens::Tokens;
pub use topic::Key;
pub use trash::Trash;
pub use worker::Worker;

use topic::Topic;
use value::Given;

/// Everything that can be set. `Config::default()` is what an empty file means.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// How the server is reached and where it keeps its data.
    pub server: Server,
    /// Times of the sync endpoint.
    pub sync: Sync,
    /// What one client, socket or request may take.
    pub limits: Limits,
    /// When a document's changes become one archive.
    pub compaction: Compaction,
    /// What becomes of documents that were thrown away.
    pub trash: Trash,
    /// The child process that reads whole documents.
    pub worker: Worker,
    /// Sessions, passwords and links.
    pub auth: Auth,
    /// Tokens of another application.
    pub tokens: Tokens,
    /// What the server writes to its log.
    pub log: Log,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// Every mistake in them, one line each.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let mut mistakes = Vec::new();
        layer::apply(&mut config, sources, &mut mistakes);
        config.server.check(&mut mistakes);
        config.limits.check(&mut mistakes);
        config.tokens.check(&mut mistakes);
        if mistakes.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(mistakes))
        }
    }

    /// Every setting there is, in the order of the reference.
    #[must_use]
    pub fn keys() -> Vec<Key> {
        SECTIONS.iter().flat_map(|section| (section.keys)()).collect()
    }

    fn set(&mut self, section: &str, key: &str, given: &Given<'_>) -> Result<(), topic::Refusal> {
        match section {
            Server::SECTION => self.server.set(key, given),
            Sync::SECTION => self.sync.set(key, given),
            Limits::SECTION => self.limits.set(key, given),
            Compaction::SECTION => self.compaction.set(key, given),
            Trash::SECTION => self.trash.set(key, given),
            Worker::SECTION => self.worker.set(key, given),
            Auth::SECTION => self.auth.set(key, given),
            Tokens::SECTION => self.tokens.set(key, given),
            Log::SECTION => self.log.set(key, given),
            _ => Err(topic::Refusal::Unknown),
        }
    }
}

/// One topic, as the reference and the suggestions see it.
struct Section {
    name: &'static str,
    about: &'static [&'static str],
    keys: fn() -> Vec<Key>,
}

const fn section<T: Topic>() -> Section {
    Section {
        name: T::SECTION,
        about: T::ABOUT,
        keys: T::keys,
    }
}

const SECTIONS: &[Section] = &[
    section::<Server>(),
    section::<Sync>(),
    section::<Limits>(),
    section::<Compaction>(),
    section::<Trash>(),
    section::<Worker>(),
    section::<Auth>(),
    section::<Tokens>(),
    section::<Log>(),
];

#[cfg(test)]
mod tests;
