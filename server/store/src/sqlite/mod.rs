//! The embedded store: one SQLite file in the data folder.
//!
//! All writes of this process go through one thread that owns the only connection that writes, and that commits what
//! many callers have waiting in one transaction (*group commit*): the price of a commit is one `fsync`, and it is paid
//! once for all of them. Reads have connections of their own, on tokio's threads for what blocks. Other processes
//! (`fieldbook token` while the server runs) take turns with the writer by SQLite's own lock, for which each waits up to
//! [`SqliteOptions::busy_timeout`].

mod access;
mod accounts;
mod append;
mod archive;
mod audit;
mod codec;
mod directory;
mod documents;
mod error;
mod identities;
mod members;
mod memberships;
mod migrations;
mod numbers;
mod open;
mod query;
mod readers;
mod recovery;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::StoreError;
use open::Opened;
use readers::Readers;
use writer::Writer;

/// How the database is opened. The defaults are meant for production.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Connections that read.
    pub read_connections: u32,
    /// How long a write waits for another process's write before it is [`StoreError::Unavailable`].
    pub busy_timeout: Duration,
    /// Writes that may wait; further callers wait for a place.
    pub write_queue: usize,
    /// The least time between the beginnings of two commits. A write that comes after a pause is committed at once; of a
    /// stream of them, those that come within this time share one.
    pub commit_interval: Duration,
    /// One transaction takes at most about this many bytes of changes.
    pub batch_bytes: usize,
    /// Greatest size of the database in pages of 4 KiB; beyond it the disk counts as full. `None`: the disk's size.
    pub max_pages: Option<u32>,
    /// A commit that leaves more pages than this in the write-ahead log moves them into the database.
    pub checkpoint_pages: u32,
    /// The write-ahead log is cut down to this after a checkpoint that empties it.
    pub log_bytes: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            read_connections: 4,
            busy_timeout: Duration::from_secs(5),
            write_queue: 1024,
            commit_interval: Duration::from_millis(3),
            batch_bytes: 8 << 20,
            max_pages: None,
            checkpoint_pages: 2048,
            log_bytes: 64 << 20,
        }
    }
}

/// What the store has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SqliteMetrics {
    /// Transactions committed.
    pub commits: u64,
    /// Writes that those transactions carried, appends and others.
    pub writes: u64,
    /// Changes appended.
    pub changes: u64,
    /// Transactions that failed, with all writes in them.
    pub failures: u64,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    writes: AtomicU64,
    changes: AtomicU64,
    failures: AtomicU64,
}

/// Documents and accounts in one SQLite file. Cheap to clone; all clones are the same store.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    readers: Readers,
    writer: Writer,
    counters: Arc<Counters>,
}

impl SqliteStore {
    /// Opens the database at `path`. A missing folder is made (mode 0700), a missing file too (mode 0600), and
    /// migrations that are due are run. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be opened, or was written by a newer version of Fieldbook.
    pub async fn open(path: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let Opened {
                database,
                reader,
                writer,
            } = open::open(&path, options)?;
            let counters = Arc::new(Counters::default());
            Ok(Self {
                readers: Readers::new(reader, database.clone()),
                writer: Writer::start(writer, database, counters.clone())?,
                counters,
            })
        });
        opening
            .await
            .map_err(|error| StoreError::Unavailable(format!("the database was not opened: {error}")))?
    }

    /// Finishes the writes that wait and closes the file. Later calls are [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }

    /// What was done since the start.
    #[must_use]
    pub fn metrics(&self) -> SqliteMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SqliteMetrics {
            commits: read(&self.counters.commits),
            writes: read(&self.counters.writes),
            changes: read(&self.counters.changes),
            failures: read(&self.counters.failures),
        }
    }
}
