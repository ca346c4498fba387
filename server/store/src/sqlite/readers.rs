//! The connections that read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tokio::sync::Semaphore;

use super::error::closed;
use super::open::Database;
use crate::StoreError;

/// How long a read waits for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs reads on threads that may block, each with a connection of its own. Clones share the connections.
#[derive(Debug, Clone)]
pub(super) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    database: Database,
    count: u32,
    /// One for each connection that there may be; closed with the store.
    places: Arc<Semaphore>,
    /// None is ever closed while the store is open: after the last one of the process was, the log would be read anew,
    /// with what a failed sync left in it.
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// The first of them is there already.
    pub(super) fn new(first: Connection, database: Database) -> Self {
        let count = database.options().read_connections.max(1);
        Self(Arc::new(Shared {
            database,
            count,
            places: Arc::new(Semaphore::new(count as usize)),
            idle: Mutex::new(vec![first]),
        }))
    }

    /// All that `job` reads is one state of the database, whatever is committed meanwhile.
    pub(super) async fn read<T, J>(&self, job: J) -> Result<T, StoreError>
    where
        T: Send + 'static,
        J: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let place = self.0.places.clone().acquire_owned();
        let place = tokio::time::timeout(PATIENCE, place)
            .await
            .map_err(|_| StoreError::Unavailable("other reads take too long".into()))?
            .map_err(|_| closed())?;
        let shared = self.0.clone();
        let read = tokio::task::spawn_blocking(move || {
            let outcome = shared.run(job);
            drop(place);
            outcome
        });
        read.await
            .map_err(|error| StoreError::Unavailable(format!("a read did not come to its end: {error}")))?
    }

    /// Waits for the reads that go on.
    pub(super) async fn close(&self) {
        // An error says that it is closed already.
        let Ok(places) = self.0.places.clone().acquire_many_owned(self.0.count).await else {
            return;
        };
        self.0.places.close();
        drop(places);
        let shared = self.0.clone();
        // To close the last one moves what is in the log into the database.
        let _ = tokio::task::spawn_blocking(move || shared.idle().clear()).await;
    }
}

impl Shared {
    fn run<T>(&self, job: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.database.connect_reader()?,
        };
        let outcome = connection
            .transaction()
            .map_err(StoreError::from)
            .and_then(|snapshot| job(&snapshot));
        self.idle().push(connection);
        outcome
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
