//! Compaction: archive and tail become a new archive. Whoever asks waits for a turn, and no document can take the turns
//! of all others: what takes long goes on in a line of its own, and what failed is tried ever more rarely.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fieldbook_core::change::Change;
use fieldbook_core::history::{self, ArchiveMeta, Placed};
use fieldbook_core::id::DocumentId;
use fieldbook_core::limits::Limits;
use fieldbook_core::room::CompactionPlan;
use fieldbook_store::{Archive, Store, StoreError};
use fieldbook_worker::{Job, Outcome};

use super::{Rooms, Turns};

/// A document that takes longer gives way to those that wait, and begins again among its like.
const SHORT: Duration = Duration::from_secs(5);
/// How long is waited after a first failure at least. Twice as long after each further one …
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose turn it is, and when each document last had one. One at a time of those that are soon done, and one of those
/// that took long or failed the last time.
pub(super) struct CompactionQueue {
    short: Duration,
    record: Mutex<Record>,
    quick: Turns,
    slow: Turns,
}

impl CompactionQueue {
    pub(super) fn new(interval_ms: u64) -> Self {
        Self {
            short: SHORT,
            record: Mutex::new(Record::new(Duration::from_millis(interval_ms))),
            quick: Turns::new(1),
            slow: Turns::new(1),
        }
    }

    /// Waits for its turn, then compacts. `None`: this document had its turn not long ago, or it did not work out; the
    /// old archive and the tail are still there then.
    pub(super) async fn run(&self, rooms: &Rooms, id: DocumentId, plan: CompactionPlan) -> Option<ArchiveMeta> {
        let started = Instant::now();
        let made = self.take_turns(id, || make(rooms, id, &plan)).await?;
        let stored = match made {
            // Begun once and to its end: the store has an order of its own.
            Ok(archive) => put(rooms, id, plan.previous, archive).await,
            Err(error) => Err(error),
        };
        let (changes, up_to) = (plan.added.len(), plan.up_to);
        match stored {
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

    /// `None`: it is too early. The work is begun a second time if it is not soon done.
    async fn take_turns<T, F>(&self, id: DocumentId, work: impl Fn() -> F) -> Option<Result<T, String>>
    where
        F: Future<Output = Result<T, String>>,
    {
        let mut is_slow = self.record().begin(id, Instant::now())?;
        let mut done = None;
        if !is_slow {
            let _turn = self.quick.next().await;
            done = tokio::time::timeout(self.short, work()).await.ok();
            is_slow = done.is_none();
        }
        let done = match done {
            Some(done) => done,
            None => {
                let _turn = self.slow.next().await;
                work().await
            }
        };
        self.record().end(id, done.is_ok(), is_slow, Instant::now());
        Some(done)
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of the last turns. It is as long as what two lines do within the times that are remembered.
struct Record {
    interval: Duration,
    last: HashMap<DocumentId, Last>,
}

#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    failures: u32,
    is_slow: bool,
}

impl Record {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            last: HashMap::new(),
        }
    }

    /// Whether it belongs among the slow ones; `None`: it is too early.
    fn begin(&mut self, id: DocumentId, now: Instant) -> Option<bool> {
        let interval = self.interval;
        // What failed is remembered for as long again, or its failures would not add up.
        let is_remembered = |last: &Last| now.duration_since(last.at) < 2 * pause(interval, last.failures);
        self.last.retain(|_, last| is_remembered(last));
        let before = self.last.get(&id).copied();
        if before.is_some_and(|last| now.duration_since(last.at) < pause(interval, last.failures)) {
            return None;
        }
        let last = Last {
            at: now,
            ..before.unwrap_or(Last {
                at: now,
                failures: 0,
                is_slow: false,
            })
        };
        self.last.insert(id, last);
        Some(last.is_slow || last.failures > 0)
    }

    fn end(&mut self, id: DocumentId, is_done: bool, is_slow: bool, now: Instant) {
        let failures = self.last.get(&id).map_or(0, |last| last.failures);
        let last = Last {
            at: now,
            failures: if is_done { 0 } else { failures.saturating_add(1) },
            is_slow,
        };
        self.last.insert(id, last);
    }
}

/// How long after its last turn a document has none.
fn pause(interval: Duration, failures: u32) -> Duration {
    match failures {
        0 => interval,
        _ => interval
            .max(FIRST_PAUSE)
            .saturating_mul(1 << failures.min(17))
            .min(LONGEST_PAUSE.max(interval)),
    }
}

async fn make(rooms: &Rooms, id: DocumentId, plan: &CompactionPlan) -> Result<Archive, String> {
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
    let job = Job::Compact {
        archive: archive.map(|(_, bytes)| bytes),
        tail: tail.clone(),
        expected_heads: plan.heads.clone(),
    };
    let (bytes, clock) = match rooms.0.workers.run(job).await {
        Ok(Outcome::Compacted { bytes, clock, .. }) => (bytes, clock),
        Ok(_) => return Err("the worker answered another question".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let index = extend_index(store.as_ref(), id, stored.archive.as_ref(), &plan.added, tail).await?;
    let before = stored.archive.iter().flat_map(|meta| &meta.heads);
    let places: HashMap<_, _> = before.chain(&plan.added).map(|at| (at.hash, *at)).collect();
    let heads: Option<_> = plan.heads.iter().map(|head| places.get(head).copied()).collect();
    let meta = ArchiveMeta {
        position: plan.up_to,
        heads: heads.ok_or("one of its heads is nowhere")?,
        clock,
        bytes: bytes.len() as u64,
        retained: plan.retained.clone(),
        index,
    };
    Ok(Archive {
        meta,
        bytes,
        added: plan.added.clone(),
    })
}

async fn put(rooms: &Rooms, id: DocumentId, previous: u64, archive: Archive) -> Result<ArchiveMeta, String> {
    let meta = archive.meta.clone();
    let put = rooms.0.store.replace_archive(id, previous, archive).await;
    put.map(|()| meta).map_err(|error| error.to_string())
}

/// The admission index that goes with the new archive. Reading changes takes as long as their author wants: elsewhere,
/// and only as long as somebody waits for it.
async fn extend_index(
    store: &dyn Store,
    id: DocumentId,
    before: Option<&ArchiveMeta>,
    added: &[Placed],
    tail: Vec<Bytes>,
) -> Result<Bytes, String> {
    let waiting = Arc::new(());
    let places: HashMap<_, _> = added.iter().map(|at| (at.hash, at.position)).collect();
    let (changes, wanted) = (tail.clone(), Arc::downgrade(&waiting));
    let (named, mut places) = elsewhere(move || {
        let mut named = Vec::new();
        for bytes in while_wanted(changes, wanted) {
            let change = Change::parse(bytes, &Limits::of_stored()).map_err(|refusal| refusal.to_string())?;
            named.extend(change.deps.into_iter().filter(|dep| !places.contains_key(dep)));
        }
        named.sort_unstable();
        named.dedup();
        Ok((named, places))
    })
    .await?;
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
    let changes = while_wanted(tail, Arc::downgrade(&waiting));
    elsewhere(move || {
        history::extend_index(&index, heads, changes, |dep| places.get(dep).copied())
            .map(|index| index.encode().into())
            .map_err(|error| error.to_string())
    })
    .await
}

/// Where nobody is held up.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error.to_string())?
}

/// Ends early when whoever waits for it is gone.
fn while_wanted(changes: Vec<Bytes>, wanted: Weak<()>) -> impl Iterator<Item = Bytes> {
    changes.into_iter().take_while(move |_| wanted.strong_count() > 0)
}

#[cfg(test)]
#[path = "compaction_tests.rs"]
mod tests;
