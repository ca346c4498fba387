//! Compaction: archive and tail become a new archive, one document at a time on this node.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fieldbook_core::change::Change;
use fieldbook_core::history::{self, ArchiveMeta, Placed};
use fieldbook_core::id::DocumentId;
use fieldbook_core::limits::Limits;
use fieldbook_core::room::CompactionPlan;
use fieldbook_store::{Archive, Store, StoreError};
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
    let stored = store.load(id).await.map_err(said)?.ok_or("it is not in the store")?;
    let archive = store.read_archive(id).await.map_err(said)?;
    let previous = archive.as_ref().map_or(0, |(position, _)| *position);
    let known = stored.archive.as_ref().map_or(0, |meta| meta.position);
    if previous != plan.previous || known != previous {
        return Err(format!("the archive is at {previous}, not at {}", plan.previous));
    }
    let mut tail = stored.tail;
    tail.truncate(plan.added.len());
    let index = extend_index(store.as_ref(), id, stored.archive.as_ref(), &plan.added, &tail).await?;
    let job = Job::Compact {
        archive: archive.map(|(_, bytes)| bytes),
        tail,
        expected_heads: plan.heads.clone(),
    };
    let (bytes, clock) = match rooms.0.workers.run(job).await {
        Ok(Outcome::Compacted { bytes, clock, .. }) => (bytes, clock),
        Ok(_) => return Err("the worker answered another question".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let before = stored.archive.iter().flat_map(|meta| &meta.heads);
    let places: HashMap<_, _> = before.chain(&plan.added).map(|at| (at.hash, *at)).collect();
    let heads: Option<_> = plan.heads.iter().map(|head| places.get(head).copied()).collect();
    let meta = ArchiveMeta {
        position: plan.up_to,
        heads: heads.ok_or("one of its heads is nowhere")?,
        clock,
        bytes: bytes.len() as u64,
        retained: plan.retained,
        index,
    };
    let archive = Archive {
        meta: meta.clone(),
        bytes,
        added: plan.added,
    };
    store.replace_archive(id, plan.previous, archive).await.map_err(said)?;
    Ok(meta)
}

/// The admission index that goes with the new archive.
async fn extend_index(
    store: &dyn Store,
    id: DocumentId,
    before: Option<&ArchiveMeta>,
    added: &[Placed],
    tail: &[Bytes],
) -> Result<Bytes, String> {
    let mut places: HashMap<_, _> = added.iter().map(|at| (at.hash, at.position)).collect();
    let mut named = Vec::new();
    for bytes in tail {
        let change = Change::parse(bytes.clone(), &Limits::of_stored()).map_err(|refusal| refusal.to_string())?;
        named.extend(change.deps.into_iter().filter(|dep| !places.contains_key(dep)));
    }
    named.sort_unstable();
    named.dedup();
    let found = store
        .find_archived(id, &named)
        .await
        .map_err(|error| error.to_string())?;
    places.extend(found.into_iter().map(|at| (at.hash, at.position)));
    let index = before.map(|meta| meta.index.clone()).unwrap_or_default();
    let heads: Vec<_> = before
        .iter()
        .flat_map(|meta| &meta.heads)
        .map(|head| head.hash)
        .collect();
    let tail = tail.to_vec();
    let extended = tokio::task::spawn_blocking(move || {
        history::extend_index(&index, heads, tail, |dep| places.get(dep).copied()).map(|index| index.encode())
    });
    let index = extended.await.map_err(|error| error.to_string())?;
    index.map(Bytes::from).map_err(|error| error.to_string())
}
