//! Appending changes, within a batch's transaction.

use std::collections::HashMap;

use bytes::Bytes;
use fieldbook_core::id::DocumentId;
use rusqlite::{Connection, params};

use super::{numbers, query};
use crate::{NewDocument, Role, StoreError};

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

/// What the writer remembers of each log.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    known: HashMap<DocumentId, Known>,
    /// SQLite's counter of other connections' commits: when it moves, another process has written.
    data_version: Option<i64>,
    appended: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    key: i64,
    last: u64,
}

impl Ledger {
    /// Changes appended so far.
    pub(super) fn appended(&self) -> u64 {
        self.appended
    }

    /// After a rollback nothing that is remembered can be trusted.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.data_version = None;
    }

    /// The first step in a transaction that has begun.
    pub(super) fn begin(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let version = query::number(connection, "pragma data_version", [])?;
        if self.data_version != Some(version) || self.known.len() > MOST_KNOWN {
            self.known.clear();
            self.data_version = Some(version);
        }
        Ok(())
    }

    /// After a conflict nothing of it was done. What is unavailable leaves the transaction fit for a rollback only.
    pub(super) fn append(&mut self, connection: &Connection, append: Append) -> Result<(), StoreError> {
        let known = self.look_up(connection, append.id)?;
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
                check_not_purged(connection, append.id, known)?;
                check_repeated(connection, append.id, known, first, &append.changes[..repeated])?;
                known
            }
            (None, Some(new)) => Known {
                key: create(connection, append.id, &new)?,
                last: 0,
            },
            (None, None) => return Err(conflict(append.id, "there is no such document".into())),
        };
        self.insert(connection, append.id, known, &append.changes[repeated..])
            // Rows before it may be inserted: a conflict here, too, is not of this append alone.
            .map_err(|error| StoreError::Unavailable(error.to_reason()))
    }

    fn look_up(&mut self, connection: &Connection, id: DocumentId) -> Result<Option<Known>, StoreError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(Some(*known));
        }
        let sql = "select key, coalesce(
                 (select max(position) from changes where document = key),
                 (select position from archives where document = key),
                 0)
             from documents where id = ?";
        let known = query::first(connection, sql, [id.as_bytes()], |row| {
            Ok(Known {
                key: row.get(0)?,
                last: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?;
        self.known.extend(known.map(|known| (id, known)));
        Ok(known)
    }

    fn insert(
        &mut self,
        connection: &Connection,
        id: DocumentId,
        mut known: Known,
        changes: &[Bytes],
    ) -> Result<(), StoreError> {
        for bytes in changes {
            known.last += 1;
            let sql = "insert into changes (document, position, bytes) values (?, ?, ?)";
            query::execute(
                connection,
                sql,
                params![known.key, known.last.cast_signed(), &bytes[..]],
            )?;
        }
        self.known.insert(id, known);
        self.appended += changes.len() as u64;
        Ok(())
    }
}

/// What was purged is not brought back.
fn check_not_purged(connection: &Connection, id: DocumentId, known: Known) -> Result<(), StoreError> {
    let sql = "select purged_at_ms is not null from documents where key = ?";
    if query::number(connection, sql, [known.key])? == 0 {
        Ok(())
    } else {
        Err(conflict(id, "it was purged".into()))
    }
}

/// The same changes again are fine: their caller did not hear that they were stored.
fn check_repeated(
    connection: &Connection,
    id: DocumentId,
    known: Known,
    first: u64,
    repeated: &[Bytes],
) -> Result<(), StoreError> {
    if repeated.is_empty() {
        return Ok(());
    }
    let end = first + repeated.len() as u64;
    let sql = "select bytes from changes where document = ? and position >= ? and position < ? order by position";
    let range = params![known.key, first.cast_signed(), end.cast_signed()];
    let stored: Vec<Vec<u8>> = query::all(connection, sql, range, |row| Ok(row.get(0)?))?;
    if stored.len() < repeated.len() {
        let words = format!("position {first} is in the archive and can no longer be compared");
        return Err(conflict(id, words));
    }
    match stored
        .iter()
        .zip(repeated)
        .position(|(stored, repeated)| stored != repeated)
    {
        Some(index) => {
            let words = format!("position {} holds another change", first + index as u64);
            Err(conflict(id, words))
        }
        None => Ok(()),
    }
}

fn create(connection: &Connection, id: DocumentId, new: &NewDocument) -> Result<i64, StoreError> {
    let sql = "insert into documents (id, workspace, creator, kind, title, created_at_ms, changed_at_ms, visibility)
         select ?1, workspaces.key, accounts.key, ?4, ?5, ?6, ?6, ?7
         from workspaces, accounts where workspaces.id = ?2 and accounts.id = ?3
         returning key";
    let values = params![
        id.as_bytes(),
        new.creation.workspace().0,
        new.creation.creator().0,
        new.kind,
        new.title,
        new.created_at_ms,
        numbers::of(new.creation.visibility()),
    ];
    let key = query::first(connection, sql, values, |row| Ok(row.get(0)?))?
        .ok_or_else(|| conflict(id, "its workspace or its creator is not known to the store".into()))?;
    let sql = "insert into user_grants (document, account, role) select key, creator, ? from documents where key = ?";
    query::execute(connection, sql, params![numbers::of(Role::Owner), key])?;
    Ok(key)
}

fn conflict(id: DocumentId, what: String) -> StoreError {
    StoreError::Conflict(format!("document {id}: {what}"))
}
