//! The one task that writes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::append::{Append, Ledger};
use super::open::{Identity, Writing};
use super::{Counters, SqliteOptions};
use crate::StoreError;

/// One transaction takes at most this many writes.
const BATCH_WRITES: usize = 512;

type BoxFuture<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;
/// What a job says: whether it found what it wanted to change, where that is a question.
type Done = Result<bool, StoreError>;
/// A write other than an append. It runs in a savepoint: when it fails, what it did is undone, and nothing else.
type Job = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Done> + Send>;

/// Hands writes to the task. Clones share it; it ends when the last one is dropped.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    pub(super) fn start(writing: Writing, options: &SqliteOptions, counters: Arc<Counters>) -> Self {
        let (requests, waiting) = mpsc::channel(options.write_queue.max(1));
        let Writing {
            connection,
            reconnect,
            file,
        } = writing;
        let ledger = Ledger::default();
        let batch_bytes = options.batch_bytes;
        let task = Task {
            connection: Some(connection),
            reconnect,
            file,
            ledger,
            batch_bytes,
            counters,
        };
        tokio::spawn(task.run(waiting));
        Self { requests }
    }

    pub(super) async fn append(&self, append: Append) -> Result<(), StoreError> {
        self.submit(Work::Append(append)).await.map(|_| ())
    }

    pub(super) async fn write<J>(&self, job: J) -> Done
    where
        J: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Done> + Send + 'static,
    {
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

fn closed() -> StoreError {
    StoreError::Unavailable("the store has been closed".into())
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

struct Task {
    /// `None` after a failure: the next batch connects anew.
    connection: Option<SqliteConnection>,
    reconnect: SqliteConnectOptions,
    file: Identity,
    ledger: Ledger,
    batch_bytes: usize,
    counters: Arc<Counters>,
}

impl Task {
    async fn run(mut self, mut waiting: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(BATCH_WRITES);
        let mut closer = None;
        // While a batch is committed, the next one gathers in the channel.
        while closer.is_none() && waiting.recv_many(&mut requests, BATCH_WRITES).await > 0 {
            let mut requests = requests.drain(..).peekable();
            while requests.peek().is_some() && closer.is_none() {
                let (batch, close) = self.take_batch(&mut requests);
                self.perform(batch).await;
                closer = close;
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly; nothing is lost, its log is read at the next start");
        }
        if let Some(done) = closer {
            let _ = done.send(Ok(true));
        }
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
            if bytes >= self.batch_bytes {
                break;
            }
        }
        (batch, None)
    }

    /// Commits a batch and tells each caller what became of theirs: after the commit, never before.
    async fn perform(&mut self, batch: Vec<Request>) {
        if batch.is_empty() {
            return;
        }
        let changes_before = self.ledger.appended();
        let (work, callers): (Vec<_>, Vec<_>) = batch.into_iter().map(|request| (request.work, request.done)).unzip();
        let count = |counter: &std::sync::atomic::AtomicU64, by: u64| counter.fetch_add(by, Ordering::Relaxed);
        match self.transact(work).await {
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
                tracing::warn!(%reason, writes = callers.len(), "a transaction failed; its callers will try again");
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
    async fn transact(&mut self, batch: Vec<Work>) -> Result<Vec<Done>, String> {
        self.file.check(self.reconnect.get_filename())?;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(
                self.reconnect
                    .connect()
                    .await
                    .map_err(|error| StoreError::from(error).to_reason())?,
            ),
        };
        let ledger = &mut self.ledger;
        let outcomes = if batch.iter().all(|work| matches!(work, Work::Append(_))) {
            transact_appends(connection, ledger, batch).await
        } else {
            transact_all(connection, ledger, batch).await
        };
        outcomes.map_err(|error| error.to_reason())
    }
}

/// Keys being typed and nothing else: most batches. Each statement is a step of the database's own thread, and each step
/// wakes two threads, so there are two: begin and look, insert and commit. On an error the connection is to be closed.
async fn transact_appends(
    connection: &mut SqliteConnection,
    ledger: &mut Ledger,
    batch: Vec<Work>,
) -> Result<Vec<Done>, StoreError> {
    ledger.begin_appends(connection).await?;
    let outcomes = take_all(connection, ledger, batch).await?;
    ledger.commit_appends(connection).await?;
    Ok(outcomes)
}

async fn transact_all(
    connection: &mut SqliteConnection,
    ledger: &mut Ledger,
    batch: Vec<Work>,
) -> Result<Vec<Done>, StoreError> {
    // IMMEDIATE: the lock is taken now, so that what we read is still true when we write.
    let mut transaction = connection.begin_with("begin immediate").await?;
    ledger.begin(&mut transaction).await?;
    let outcomes = take_all(&mut transaction, ledger, batch).await?;
    ledger.flush(&mut transaction).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

async fn take_all(
    connection: &mut SqliteConnection,
    ledger: &mut Ledger,
    batch: Vec<Work>,
) -> Result<Vec<Done>, StoreError> {
    let mut outcomes = Vec::with_capacity(batch.len());
    for work in batch {
        let outcome = match work {
            Work::Append(append) => ledger.append(connection, append).await.map(|()| true),
            Work::Job(job) => {
                ledger.flush(connection).await?;
                run_job(connection, job).await
            }
            Work::Close => Ok(true),
        };
        if let Err(StoreError::Unavailable(_)) = outcome {
            return outcome.map(|_| outcomes);
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

async fn run_job(connection: &mut SqliteConnection, job: Job) -> Done {
    let mut savepoint = connection.begin().await?;
    let outcome = job(&mut savepoint).await;
    match outcome {
        Ok(_) => savepoint.commit().await?,
        Err(_) => savepoint.rollback().await?,
    }
    outcome
}

impl StoreError {
    /// What to tell each caller of a batch; the variant's own words are added again by its `Display`.
    fn to_reason(&self) -> String {
        match self {
            Self::Unavailable(reason) | Self::Conflict(reason) => reason.clone(),
            Self::Taken(name) => format!("{name} is taken"),
        }
    }
}
