//! The one thread that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::{Connection, Savepoint, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::Counters;
use super::append::{Append, Ledger};
use super::error::{closed, in_words};
use super::open::Database;
use crate::StoreError;

/// One transaction takes at most this many writes.
const BATCH_WRITES: usize = 512;

/// What a job says: whether it found what it wanted to change, where that is a question.
type Done = Result<bool, StoreError>;
/// A write other than an append. When it fails, what it did is undone, and nothing else.
type Job = Box<dyn FnOnce(&Savepoint<'_>) -> Done + Send>;

/// Hands writes to the thread. Clones share it; it ends when the last one is dropped and nothing waits any more.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        database: Database,
        counters: Arc<Counters>,
    ) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel(database.options().write_queue.max(1));
        let worker = Worker {
            connection: Some(connection),
            database,
            ledger: Ledger::default(),
            counters,
            last_commit: None,
        };
        std::thread::Builder::new()
            .name("fieldbook-store".into())
            .spawn(move || worker.run(waiting))
            .map_err(|error| StoreError::Unavailable(format!("the thread that writes cannot be started: {error}")))?;
        Ok(Self { requests })
    }

    pub(super) async fn append(&self, append: Append) -> Result<(), StoreError> {
        self.submit(Work::Append(append)).await.map(|_| ())
    }

    pub(super) async fn write(&self, job: impl FnOnce(&Savepoint<'_>) -> Done + Send + 'static) -> Done {
        self.submit(Work::Job(Box::new(job))).await
    }

    pub(super) async fn close(&self) {
        // An error says that it is closed already.
        let _ = self.submit(Work::Close).await;
    }

    async fn submit(&self, work: Work) -> Done {
        let (done, outcome) = oneshot::channel();
        self.requests.send(Request { work, done }).await.map_err(|_| closed())?;
        outcome.await.map_err(|_| closed())?
    }
}

#[derive(Debug)]
struct Request {
    work: Work,
    done: oneshot::Sender<Done>,
}

enum Work {
    Append(Append),
    Job(Job),
    Close,
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(append) => append.changes.iter().map(bytes::Bytes::len).sum(),
            Self::Job(_) | Self::Close => 0,
        }
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Append(_) => "Append",
            Self::Job(_) => "Job",
            Self::Close => "Close",
        })
    }
}

struct Worker {
    /// `None` after a failure: the next batch connects anew.
    connection: Option<Connection>,
    database: Database,
    ledger: Ledger,
    counters: Arc<Counters>,
    /// When it began.
    last_commit: Option<Instant>,
}

impl Worker {
    fn run(mut self, mut waiting: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(BATCH_WRITES);
        let mut closer = None;
        // While a batch is committed, the next one gathers in the channel.
        while closer.is_none() && self.gather(&mut waiting, &mut requests) {
            let mut requests = requests.drain(..).peekable();
            while requests.peek().is_some() && closer.is_none() {
                let (batch, close) = self.take_batch(&mut requests);
                self.perform(batch);
                closer = close;
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err((_, error)) = connection.close()
        {
            tracing::warn!(%error, "the database was not closed cleanly; nothing is lost, its log is read at the next start");
        }
        if let Some(done) = closer {
            let _ = done.send(Ok(true));
        }
    }

    /// What is to be committed next; `false`: nothing ever. What comes soon after a commit waits until its time is over,
    /// with what comes meanwhile; this thread sleeps until then, so that nobody has to wake it up.
    fn gather(&mut self, waiting: &mut mpsc::Receiver<Request>, requests: &mut Vec<Request>) -> bool {
        let interval = self.database.options().commit_interval;
        let rest = self.last_commit.map(|began| interval.saturating_sub(began.elapsed()));
        if let Some(rest) = rest.filter(|rest| !rest.is_zero()) {
            std::thread::sleep(rest);
        }
        let some = waiting.blocking_recv_many(requests, BATCH_WRITES) > 0;
        self.last_commit = Some(Instant::now());
        some
    }

    fn take_batch(
        &self,
        requests: &mut impl Iterator<Item = Request>,
    ) -> (Vec<Request>, Option<oneshot::Sender<Done>>) {
        let mut bytes = 0;
        let mut batch = Vec::new();
        for request in requests {
            if let Work::Close = request.work {
                return (batch, Some(request.done));
            }
            bytes += request.work.bytes();
            batch.push(request);
            if bytes >= self.database.options().batch_bytes {
                break;
            }
        }
        (batch, None)
    }

    /// Commits a batch and tells each caller what became of theirs: after the commit, never before.
    fn perform(&mut self, batch: Vec<Request>) {
        if batch.is_empty() {
            return;
        }
        let changes_before = self.ledger.appended();
        let (work, callers): (Vec<_>, Vec<_>) = batch.into_iter().map(|request| (request.work, request.done)).unzip();
        let count = |counter: &AtomicU64, by: u64| counter.fetch_add(by, Ordering::Relaxed);
        match self.transact(work) {
            Ok(outcomes) => {
                count(&self.counters.commits, 1);
                count(&self.counters.writes, callers.len() as u64);
                count(&self.counters.changes, self.ledger.appended() - changes_before);
                for (caller, outcome) in callers.into_iter().zip(outcomes) {
                    // A caller that went away needs no answer.
                    let _ = caller.send(outcome);
                }
            }
            Err(reason) => {
                count(&self.counters.failures, 1);
                tracing::debug!(%reason, writes = callers.len(), "a transaction failed; its callers say so");
                // Closing the connection rolls back whatever is left of the transaction.
                self.connection = None;
                self.ledger.forget();
                for caller in callers {
                    let _ = caller.send(Err(StoreError::Unavailable(reason.clone())));
                }
            }
        }
    }

    /// The outer error fails the whole batch, the inner ones one write each.
    fn transact(&mut self, batch: Vec<Work>) -> Result<Vec<Done>, String> {
        self.database.check_in_place()?;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.database.connect_writer().map_err(|error| in_words(&error))?),
        };
        commit(connection, &mut self.ledger, batch).map_err(|error| error.to_reason())
    }
}

/// On an error the connection is to be closed.
fn commit(connection: &mut Connection, ledger: &mut Ledger, batch: Vec<Work>) -> Result<Vec<Done>, StoreError> {
    // IMMEDIATE: the lock is taken now, so that what we read is still true when we write.
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    ledger.begin(&transaction)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for work in batch {
        let outcome = match work {
            Work::Append(append) => ledger.append(&transaction, append).map(|()| true),
            Work::Job(job) => run_job(&mut transaction, job),
            Work::Close => Ok(true),
        };
        if let Err(StoreError::Unavailable(_)) = outcome {
            return outcome.map(|_| outcomes);
        }
        outcomes.push(outcome);
    }
    transaction.commit()?;
    Ok(outcomes)
}

fn run_job(transaction: &mut Transaction<'_>, job: Job) -> Done {
    let savepoint = transaction.savepoint()?;
    let outcome = job(&savepoint);
    match outcome {
        Ok(_) => savepoint.commit()?,
        Err(_) => savepoint.finish()?,
    }
    outcome
}
