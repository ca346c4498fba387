//! Compaction: archive and tail become a new archive, one document at a time on this node.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fieldbook_core::history::{ArchiveMeta, HeadAt};
use fieldbook_core::id::DocumentId;
use fieldbook_core::room::CompactionPlan;
use fieldbook_store::{Archive, StoreError};
use fieldbook_worker::{Job, Outcome};
use tokio::sync::Mutex;

use super::Rooms;

/// Whose turn it is, and when each document last had one.
pub(super) struct CompactionQueue {
    interval: Duration,
    last: Mutex<HashMap<DocumentId, Instant>>,
}

impl CompactionQueue {
    pub(super) fn new(interval_ms: u64) -> Self {
        Self {
            interval: Duration::from_millis(interval_ms),
            last: Mutex::default(),
        }
    }

    /// Waits for its turn, then compacts. `None`: this document had its turn not long ago, or it did not work out; the
    /// old archive and the tail are still there then.
    pub(super) async fn run(&self, rooms: &Rooms, id: DocumentId, plan: CompactionPlan) -> Option<ArchiveMeta> {
        let mut last = self.last.lock().await;
        last.retain(|_, at| at.elapsed() < self.interval);
        if last.contains_key(&id) {
            return None;
        }
        let started = Instant::now();
        last.insert(id, started);
        let (changes, up_to) = (plan.added.len(), plan.up_to);
        match compact(rooms, id, plan).await {
            Ok(meta) => {
                let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(document = %id, up_to, changes, bytes = meta.bytes, took_ms, "compacted");
                Some(meta)
            }
            Err(error) => {
                tracing::error!(document = %id, error, "a document could not be compacted; nothing of it is lost");
                None
            }
        }
    }
}

async fn compact(rooms: &Rooms, id: DocumentId, plan: CompactionPlan) -> Result<ArchiveMeta, String> {
    let (store, said) = (&rooms.0.store, |error: StoreError| error.to_string());
    let archive = store.read_archive(id).await.map_err(said)?;
    let previous = archive.as_ref().map_or(0, |(position, _)| *position);
    if previous != plan.previous {
        return Err(format!("the archive is at {previous}, not at {}", plan.previous));
    }
    let tail = store.read_changes(id, plan.previous, plan.up_to).await.map_err(said)?;
    let bytes_before = archive.map(|(_, bytes)| bytes);
    let job = Job::Compact {
        archive: bytes_before,
        tail,
        expected_heads: plan.heads,
    };
    let (bytes, heads, clock) = match rooms.0.workers.run(job).await {
        Ok(Outcome::Compacted {
            bytes, heads, clock, ..
        }) => {
            let heads = heads
                .into_iter()
                .map(|(hash, max_op)| HeadAt { hash, max_op })
                .collect();
            (bytes, heads, clock)
        }
        Ok(_) => return Err("the worker answered another question".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let meta = meta(&bytes, heads, clock, plan.up_to, plan.retained);
    let archive = Archive {
        meta: meta.clone(),
        bytes,
        added: plan.added,
    };
    store.replace_archive(id, plan.previous, archive).await.map_err(said)?;
    Ok(meta)
}

fn meta(
    bytes: &Bytes,
    heads: Vec<HeadAt>,
    clock: Vec<(Vec<u8>, u64)>,
    position: u64,
    retained: fieldbook_core::history::RetainedFrom,
) -> ArchiveMeta {
    ArchiveMeta {
        position,
        heads,
        clock,
        bytes: bytes.len() as u64,
        retained,
    }
}
