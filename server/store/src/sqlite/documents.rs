//! [`DocumentStore`] on SQLite: the reads are here, the writes are passed on.

use async_trait::async_trait;
use automerge::ChangeHash;
use bytes::Bytes;
use fieldbook_core::id::DocumentId;
use rusqlite::{Connection, Row, params};

use super::append::Append;
use super::error::damaged;
use super::{SqliteStore, access, archive, query};
use crate::{Archive, DocumentStore, NewDocument, Placed, StoreError, StoredDocument};

#[async_trait]
impl DocumentStore for SqliteStore {
    async fn load(&self, id: DocumentId) -> Result<Option<StoredDocument>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = "select key, summarised_up_to from documents where id = ?";
            let found = query::first(snapshot, sql, [id.as_bytes()], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
            })?;
            let Some((key, summarised_up_to)) = found else {
                return Ok(None);
            };
            let access = access::read(snapshot, id)?.ok_or_else(|| damaged("a document without a workspace"))?;
            let archive = archive::read_meta(snapshot, key)?;
            let position = archive.as_ref().map_or(0, |archive| archive.position);
            Ok(Some(StoredDocument {
                access,
                archive,
                tail: read_rows(snapshot, id, key, position, u64::MAX)?,
                summarised_up_to,
            }))
        });
        read.await
    }

    async fn append(
        &self,
        id: DocumentId,
        new: Option<NewDocument>,
        first_position: u64,
        changes: Vec<Bytes>,
    ) -> Result<(), StoreError> {
        self.writer
            .append(Append {
                id,
                new,
                first_position,
                changes,
            })
            .await
    }

    async fn read_archive(&self, id: DocumentId) -> Result<Option<(u64, Bytes)>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = "select archives.position, archive_bytes.bytes from documents
                 join archives on archives.document = documents.key
                 join archive_bytes on archive_bytes.document = documents.key
                 where documents.id = ?";
            query::first(snapshot, sql, [id.as_bytes()], |row| {
                Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, Vec<u8>>(1)?.into()))
            })
        });
        read.await
    }

    async fn read_retained(&self, id: DocumentId) -> Result<Vec<Bytes>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let Some(key) = find_key(snapshot, id)? else {
                return Ok(Vec::new());
            };
            let Some(archive) = archive::read_meta(snapshot, key)? else {
                return Ok(Vec::new());
            };
            let after = archive.retained.position.saturating_sub(1);
            read_rows(snapshot, id, key, after, archive.position)
        });
        read.await
    }

    async fn read_changes(&self, id: DocumentId, after: u64, up_to: u64) -> Result<Vec<Bytes>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let Some(key) = find_key(snapshot, id)? else {
                return Ok(Vec::new());
            };
            let archive = archive::read_meta(snapshot, key)?;
            if let Some(first) = archive.map(|archive| archive.retained.position)
                && after < up_to
                && after + 1 < first
            {
                let words = format!(
                    "document {id}: position {} is in the archive, rows begin at {first}",
                    after + 1
                );
                return Err(StoreError::Conflict(words));
            }
            read_rows(snapshot, id, key, after, up_to)
        });
        read.await
    }

    async fn find_archived(&self, id: DocumentId, hashes: &[ChangeHash]) -> Result<Vec<Placed>, StoreError> {
        let hashes = hashes.to_vec();
        let read = self.readers.read(move |snapshot| {
            let sql = "select archived_changes.position from documents
                 join archives on archives.document = documents.key
                 join archived_changes on archived_changes.document = documents.key
                 where documents.id = ? and hash = ? and archived_changes.position <= archives.position";
            let mut found = Vec::new();
            for hash in hashes {
                let position = query::first(snapshot, sql, params![id.as_bytes(), hash.0], |row| Ok(row.get(0)?))?;
                found.extend(position.map(|position: i64| Placed {
                    hash,
                    position: position.cast_unsigned(),
                }));
            }
            Ok(found)
        });
        read.await
    }

    async fn replace_archive(&self, id: DocumentId, previous: u64, archive: Archive) -> Result<(), StoreError> {
        archive::replace(&self.writer, id, previous, archive).await
    }

    async fn document_ids(&self) -> Result<Vec<DocumentId>, StoreError> {
        let read = self.readers.read(|snapshot| {
            query::all(
                snapshot,
                "select id from documents where purged_at_ms is null order by key",
                [],
                parse_id,
            )
        });
        read.await
    }
}

/// Of a document that was purged there is nothing.
pub(super) fn find_key(connection: &Connection, id: DocumentId) -> Result<Option<i64>, StoreError> {
    let sql = "select key from documents where id = ? and purged_at_ms is null";
    query::first(connection, sql, [id.as_bytes()], |row| Ok(row.get(0)?))
}

/// From the first column.
pub(super) fn parse_id(row: &Row<'_>) -> Result<DocumentId, StoreError> {
    DocumentId::from_bytes(row.get(0)?).map_err(damaged)
}

/// Rows `after + 1 ..= up_to`, as far as there are any, and without a hole.
fn read_rows(
    connection: &Connection,
    id: DocumentId,
    key: i64,
    after: u64,
    up_to: u64,
) -> Result<Vec<Bytes>, StoreError> {
    let sql =
        "select position, bytes from changes where document = ? and position > ? and position <= ? order by position";
    let bound = |position: u64| i64::try_from(position).unwrap_or(i64::MAX);
    let mut expected = after;
    query::all(connection, sql, params![key, bound(after), bound(up_to)], |row| {
        expected = expected.saturating_add(1);
        if row.get::<_, i64>(0)?.cast_unsigned() != expected {
            return Err(damaged(format_args!(
                "document {id}: a change after position {after} is missing"
            )));
        }
        Ok(row.get::<_, Vec<u8>>(1)?.into())
    })
}
