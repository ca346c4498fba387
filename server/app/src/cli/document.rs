//! `fieldbook verify` and `fieldbook export`: documents as they are stored.

use std::io::{IsTerminal, Write};

use bytes::Bytes;
use fieldbook_core::history::{History, Index};
use fieldbook_core::id::DocumentId;
use fieldbook_store::sqlite::SqliteStore;
use fieldbook_store::{AuditAction, AuditEvent, AuditLog, Credential, Directory, DocumentStore, Named};
use fieldbook_worker::{Job, Outcome, Workers};
use futures_util::StreamExt;
use futures_util::stream;

use super::{Export, Failure, open_existing};
use crate::audit;
use crate::config::Config;
use crate::startup::workers;

/// A compaction that runs at the same time moves changes from the tail to the archive between two reads.
const ATTEMPTS: usize = 5;

/// Reads every document, and lists those that do not load, or that hold what would not be admitted today.
pub(super) async fn verify(config: &Config) -> Result<(), Failure> {
    let store = open_existing(config).await?;
    let workers = workers(config)?;
    let ids = store.document_ids().await?;
    let total = ids.len();
    let checks = ids.into_iter().map(|id| check(&store, &workers, id));
    let mut failures: Vec<(DocumentId, String)> = stream::iter(checks)
        .buffer_unordered(config.worker.concurrent)
        .filter_map(std::future::ready)
        .collect()
        .await;
    failures.sort();
    for (id, words) in &failures {
        println!("{id}: {words}");
    }
    store.close().await;
    if failures.is_empty() {
        println!("All documents are in order: {total}");
        Ok(())
    } else {
        Err(Failure::Failed(format!(
            "{} of {total} documents are not in order",
            failures.len()
        )))
    }
}

/// Writes a document as one file.
pub(super) async fn export(config: &Config, arguments: &Export) -> Result<(), Failure> {
    let id: DocumentId = arguments.document.parse()?;
    if arguments.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::Misused(
            "a document is not text; say where to write it: -o FILE".to_owned(),
        ));
    }
    let store = open_existing(config).await?;
    let whole = read(&store, id)
        .await?
        .ok_or_else(|| Failure::Failed(format!("there is no document {id}")))?;
    let job = Job::Export {
        archive: whole.archive,
        tail: whole.tail,
    };
    let Outcome::Exported { bytes } = workers(config)?.run(job).await? else {
        return Err(Failure::Failed("the worker answered another question".to_owned()));
    };
    note_export(&store, id).await?;
    store.close().await;
    match &arguments.output {
        Some(path) => std::fs::write(path, &bytes)
            .map_err(|error| Failure::Failed(format!("{} cannot be written: {error}", path.display()))),
        None => Ok(std::io::stdout().lock().write_all(&bytes)?),
    }
}

/// Before the file is there: who has it must be in the log.
async fn note_export(store: &SqliteStore, id: DocumentId) -> Result<(), Failure> {
    let entry = store.document(id).await?;
    let title = entry.as_ref().map_or("", |entry| entry.title.as_str());
    let exported = AuditEvent {
        workspace: entry.as_ref().map(|entry| entry.workspace),
        subject: Some(Named::document(id, title)),
        ..audit::on_this_machine(AuditAction::DocumentExported, Credential::CommandLine)
    };
    Ok(store.record(exported).await?)
}

async fn check(store: &SqliteStore, workers: &Workers, id: DocumentId) -> Option<(DocumentId, String)> {
    try_check(store, workers, id).await.err().map(|words| (id, words))
}

async fn try_check(store: &SqliteStore, workers: &Workers, id: DocumentId) -> Result<(), String> {
    let whole = read(store, id).await.map_err(|failure| match failure {
        Failure::Failed(words) | Failure::Misused(words) => words,
    })?;
    let Some(whole) = whole else { return Ok(()) };
    let job = Job::Verify {
        archive: whole.archive.clone(),
        tail: whole.tail.clone(),
    };
    match run(workers, job).await? {
        Outcome::Verified { changes, .. } if changes == whole.changes => check_admission(workers, whole).await,
        Outcome::Verified { changes, .. } => Err(format!(
            "the store has {} changes of it, and {changes} of them are in the document",
            whole.changes
        )),
        _ => Err("the worker answered another question".to_owned()),
    }
}

/// Would each of its changes be admitted, and is the admission index there that goes with its archive?
async fn check_admission(workers: &Workers, whole: Whole) -> Result<(), String> {
    let mut changes = Vec::new();
    if let Some(bytes) = whole.archive {
        let job = Job::Expand {
            bytes,
            max_changes: u64::MAX,
            max_total_bytes: u64::MAX,
        };
        let Outcome::Expanded { changes: archived } = run(workers, job).await? else {
            return Err("the worker answered another question".to_owned());
        };
        let index = Index::decode(&whole.index).map_err(|error| error.to_string())?;
        if index.last() != archived.len() as u64 {
            return Err("the document's admission index does not go as far as its archive".to_owned());
        }
        changes = archived;
    }
    changes.extend(whole.tail);
    let admitted = tokio::task::spawn_blocking(move || History::of_stored(changes));
    match admitted.await.map_err(|error| error.to_string())? {
        Ok(_) => Ok(()),
        Err((hash, words)) => Err(format!("change {hash} would not be admitted: {words}")),
    }
}

async fn run(workers: &Workers, job: Job) -> Result<Outcome, String> {
    workers.run(job).await.map_err(|error| error.to_string())
}

/// All of a document.
struct Whole {
    archive: Option<Bytes>,
    /// The admission index of the archive.
    index: Bytes,
    tail: Vec<Bytes>,
    /// How many changes that is.
    changes: u64,
}

async fn read(store: &SqliteStore, id: DocumentId) -> Result<Option<Whole>, Failure> {
    for _ in 0..ATTEMPTS {
        let Some(stored) = store.load(id).await? else {
            return Ok(None);
        };
        let archive = store.read_archive(id).await?;
        let (position, index) = stored
            .archive
            .map(|meta| (meta.position, meta.index))
            .unwrap_or_default();
        if archive.as_ref().map_or(0, |(position, _)| *position) == position {
            let changes = position + stored.tail.len() as u64;
            return Ok(Some(Whole {
                archive: archive.map(|(_, bytes)| bytes),
                index,
                tail: stored.tail,
                changes,
            }));
        }
    }
    Err(Failure::Failed(
        "the document is compacted again and again; try again later".to_owned(),
    ))
}
