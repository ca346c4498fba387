//! What all workloads share: the servers that take part, folders, and a document with a long history.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automerge::Change;
use fieldbook_harness::trace::Trace;
use tempfile::TempDir;

use crate::change::Basis;
use crate::fill;
use crate::measure;
use crate::report::{Figures, Table};
use crate::server::{Peer, Server};

/// How long Fieldbook may take to get the long document, and to compact it.
const SEEDING: Duration = Duration::from_secs(120);
/// The same for others.
const SEEDING_OF_OTHERS: Duration = Duration::from_secs(30);

pub(crate) struct Bench {
    /// The servers that take part.
    pub(crate) peers: Vec<Peer>,
    /// How often what is noisy is measured.
    pub(crate) rounds: usize,
    /// How long one measurement of typing takes.
    pub(crate) duration: Duration,
    /// How often Fieldbook is killed.
    pub(crate) kills: usize,
    /// How often a document is opened cold.
    pub(crate) opens: usize,
    root: PathBuf,
    history: OnceLock<Vec<Change>>,
    long: HashMap<(Peer, usize), Result<Long, String>>,
}

/// A data folder with a long document in it.
struct Long {
    folder: TempDir,
    basis: Basis,
}

impl Bench {
    pub(crate) fn new(peers: Vec<Peer>, root: PathBuf) -> Self {
        Self {
            peers,
            rounds: 3,
            duration: Duration::from_secs(5),
            kills: 100,
            opens: 50,
            root,
            history: OnceLock::new(),
            long: HashMap::new(),
        }
    }

    /// A new, empty folder.
    pub(crate) fn folder(&self) -> Result<TempDir> {
        let folder = tempfile::Builder::new()
            .prefix("fieldbook-load-")
            .tempdir_in(&self.root);
        folder.with_context(|| format!("no folder can be made in {}", self.root.display()))
    }

    /// What was measured where, for whoever reads the figures.
    pub(crate) fn about(&self) -> Result<String> {
        let text = if std::env::var_os("FIELDBOOK_TRACE").is_some() {
            "recorded: the paper that FIELDBOOK_TRACE names"
        } else {
            "generated: its archive is larger than that of a real one; FIELDBOOK_TRACE can name a recorded paper"
        };
        Ok(format!(
            "Processors: {}. Rounds: {}, of {} s. The text of the long document was {text}.",
            std::thread::available_parallelism()?,
            self.rounds,
            self.duration.as_secs()
        ))
    }

    /// The changes of the long document.
    pub(crate) fn history(&self) -> &[Change] {
        self.history.get_or_init(|| {
            eprintln!("  typing {} characters", Trace::EDITS);
            fill::history(Trace::EDITS)
        })
    }

    /// A copy of a folder in which this server has the long document. A server gets it once, within a bounded time.
    pub(crate) async fn long_document(&mut self, peer: Peer) -> Result<(TempDir, Basis)> {
        self.document(peer, Trace::EDITS).await
    }

    /// The same with a document of so many edits.
    pub(crate) async fn document(&mut self, peer: Peer, edits: usize) -> Result<(TempDir, Basis)> {
        let which = (peer, edits);
        if !self.long.contains_key(&which) {
            let within = if peer == Peer::Fieldbook {
                SEEDING
            } else {
                SEEDING_OF_OTHERS
            };
            let seeded = tokio::time::timeout(within, Box::pin(self.seed(peer, edits))).await;
            let seeded = seeded.unwrap_or_else(|_| bail!("it did not take the document in within {within:?}"));
            self.long.insert(which, seeded.map_err(|error| format!("{error:#}")));
        }
        let long = match &self.long[&which] {
            Ok(long) => long,
            Err(why) => bail!("no document of {edits} changes: {why}"),
        };
        let copy = self.folder()?;
        let from = long.folder.path().join(".");
        let copied = Command::new("cp").arg("-r").arg(from).arg(copy.path()).status()?;
        if !copied.success() {
            bail!("the folder could not be copied");
        }
        Ok((copy, long.basis.clone()))
    }

    async fn seed(&self, peer: Peer, edits: usize) -> Result<Long> {
        // The first change makes the text.
        let (folder, changes) = (self.folder()?, self.history());
        let changes = &changes[..=edits.min(changes.len() - 1)];
        eprintln!("  {peer} gets a document of {} changes", changes.len());
        // It is compacted once, as soon as it is there.
        let settings = [
            ("compaction.min_changes", 1_000_000),
            ("compaction.idle_ms", 500),
            ("compaction.idle_changes", 1),
        ];
        let mut server = Server::start_with(peer, folder.path(), 1, &settings).await?;
        let mut basis = fill::documents(&server, 1, changes).await?;
        measure::rest(server.pid(), SEEDING).await?;
        server.stop()?;
        let basis = basis.remove(0);
        Ok(Long { folder, basis })
    }
}

/// Adds a row to the table; or a note, if it does not come out in time.
pub(crate) async fn attempt(
    table: &mut Table,
    row: &str,
    within: Duration,
    measurement: impl Future<Output = Result<Figures>>,
) {
    match tokio::time::timeout(within, Box::pin(measurement)).await {
        Ok(Ok(figures)) => table.add(row, figures),
        Ok(Err(error)) => table.fail(row, format!("{error:#}")),
        Err(_) => table.fail(row, format!("not done within {} s", within.as_secs())),
    }
}
