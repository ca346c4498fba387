//! Appending changes, within a batch's transaction.

use std::collections::HashMap;

use bytes::Bytes;
use fieldbook_core::id::DocumentId;
use sqlx::SqliteConnection;

use super::multi_row;
use crate::{NewDocument, StoreError};

/// Documents whose last position is remembered; beyond this all are forgotten and looked up again.
const MOST_KNOWN: usize = 50_000;
/// SQLite takes blobs of up to 1 GB; a change near it would fail the batch of everybody.
const GREATEST_CHANGE_BYTES: usize = 256 << 20;

/// An append that waits.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) id: DocumentId,
    pub(super) new: Option<NewDocument>,
    pub(super) first_position: u64,
    pub(super) changes: Vec<Bytes>,
}

/// What the writer remembers of each log, and the rows of this batch that are not yet inserted.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    known: HashMap<DocumentId, Known>,
    /// SQLite's counter of other connections' commits: when it moves, another process has written.
    data_version: Option<i64>,
    rows: Vec<Row>,
    appended: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    key: i64,
    last: u64,
}

#[derive(Debug)]
struct Row {
    document: i64,
    position: i64,
    bytes: Bytes,
}

impl Ledger {
    /// Changes appended so far.
    pub(super) fn appended(&self) -> u64 {
        self.appended
    }

    /// After a rollback nothing that is remembered can be trusted.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.rows.clear();
        self.data_version = None;
    }

    /// Begins a transaction of appends alone, in one step of the database's thread.
    pub(super) async fn begin_appends(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        self.look_around(connection, "begin immediate; pragma data_version")
            .await
    }

    /// The first step in a transaction that has begun.
    pub(super) async fn begin(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        self.look_around(connection, "pragma data_version").await
    }

    async fn look_around(&mut self, connection: &mut SqliteConnection, sql: &'static str) -> Result<(), StoreError> {
        let version = sqlx::query_scalar(sql).fetch_one(connection).await?;
        if self.data_version != Some(version) || self.known.len() > MOST_KNOWN {
            self.known.clear();
            self.data_version = Some(version);
        }
        Ok(())
    }

    /// Checks an append and takes its rows; [`Ledger::flush`] inserts them. On an error nothing was taken.
    pub(super) async fn append(&mut self, connection: &mut SqliteConnection, append: Append) -> Result<(), StoreError> {
        let known = self.look_up(connection, append.id).await?;
        let last = known.map_or(0, |known| known.last);
        let (first, count) = (append.first_position, append.changes.len() as u64);
        if first == 0 || first > last + 1 || first.checked_add(count).is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(conflict(
                append.id,
                format!("the next position is {}, not {first}", last + 1),
            ));
        }
        if append.changes.iter().any(|change| change.len() > GREATEST_CHANGE_BYTES) {
            return Err(conflict(append.id, "the change is too large to be stored".into()));
        }
        let repeated = (last + 1 - first).min(count) as usize;
        let known = match (known, append.new) {
            (Some(known), _) => {
                self.check_repeated(connection, append.id, known, first, &append.changes[..repeated])
                    .await?;
                known
            }
            (None, Some(new)) => Known {
                key: create(connection, append.id, &new).await?,
                last: 0,
            },
            (None, None) => return Err(conflict(append.id, "there is no such document".into())),
        };
        self.take(append.id, known, &append.changes[repeated..]);
        Ok(())
    }

    /// Inserts the rows that were taken.
    pub(super) async fn flush(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        self.insert(connection, "").await
    }

    /// Inserts the rows that were taken and commits, if that can be in one step of the database's thread.
    pub(super) async fn commit_appends(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        if self.rows.len().is_power_of_two() && self.rows.len() <= multi_row::GREATEST_PORTION {
            return self.insert(connection, "; commit").await;
        }
        self.flush(connection).await?;
        sqlx::query("commit").execute(connection).await?;
        Ok(())
    }

    async fn insert(&mut self, connection: &mut SqliteConnection, suffix: &str) -> Result<(), StoreError> {
        let insert = "insert into changes (document, position, bytes)";
        multi_row::insert(connection, insert, suffix, &self.rows, |mut tuple, row| {
            tuple
                .push_bind(row.document)
                .push_bind(row.position)
                .push_bind(row.bytes.to_vec());
        })
        .await?;
        self.appended += self.rows.len() as u64;
        self.rows.clear();
        Ok(())
    }

    async fn look_up(
        &mut self,
        connection: &mut SqliteConnection,
        id: DocumentId,
    ) -> Result<Option<Known>, StoreError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(Some(*known));
        }
        let found: Option<(i64, i64)> = sqlx::query_as(
            "select key, coalesce(
                 (select max(position) from changes where document = key),
                 (select position from archives where document = key),
                 0)
             from documents where id = ?",
        )
        .bind(&id.as_bytes()[..])
        .fetch_optional(connection)
        .await?;
        let known = found.map(|(key, last)| Known {
            key,
            last: last.cast_unsigned(),
        });
        self.known.extend(known.map(|known| (id, known)));
        Ok(known)
    }

    /// The same changes again are fine: their caller did not hear that they were stored.
    async fn check_repeated(
        &mut self,
        connection: &mut SqliteConnection,
        id: DocumentId,
        known: Known,
        first: u64,
        repeated: &[Bytes],
    ) -> Result<(), StoreError> {
        if repeated.is_empty() {
            return Ok(());
        }
        self.flush(connection).await?;
        let end = first + repeated.len() as u64;
        let stored: Vec<Vec<u8>> = sqlx::query_scalar(
            "select bytes from changes where document = ? and position >= ? and position < ? order by position",
        )
        .bind(known.key)
        .bind(first.cast_signed())
        .bind(end.cast_signed())
        .fetch_all(connection)
        .await?;
        if stored.len() < repeated.len() {
            return Err(conflict(
                id,
                format!("position {first} is in the archive and can no longer be compared"),
            ));
        }
        match stored
            .iter()
            .zip(repeated)
            .position(|(stored, repeated)| stored != repeated)
        {
            Some(index) => Err(conflict(
                id,
                format!("position {} holds another change", first + index as u64),
            )),
            None => Ok(()),
        }
    }

    fn take(&mut self, id: DocumentId, mut known: Known, changes: &[Bytes]) {
        for bytes in changes {
            known.last += 1;
            self.rows.push(Row {
                document: known.key,
                position: known.last.cast_signed(),
                bytes: bytes.clone(),
            });
        }
        self.known.insert(id, known);
    }
}

async fn create(connection: &mut SqliteConnection, id: DocumentId, new: &NewDocument) -> Result<i64, StoreError> {
    let key = sqlx::query_scalar(
        "insert into documents (id, workspace, creator, kind, title, created_at_ms, changed_at_ms)
         select ?1, workspaces.key, accounts.key, ?4, ?5, ?6, ?6
         from workspaces, accounts where workspaces.id = ?2 and accounts.id = ?3
         returning key",
    )
    .bind(&id.as_bytes()[..])
    .bind(&new.workspace.0.as_bytes()[..])
    .bind(&new.creator.0.as_bytes()[..])
    .bind(new.kind.as_deref())
    .bind(&new.title)
    .bind(new.created_at_ms)
    .fetch_optional(connection)
    .await?;
    key.ok_or_else(|| conflict(id, "its workspace or its creator is not known to the store".into()))
}

fn conflict(id: DocumentId, what: String) -> StoreError {
    StoreError::Conflict(format!("document {id}: {what}"))
}
