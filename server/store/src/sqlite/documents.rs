//! [`DocumentStore`] on SQLite: the reads are here, the writes are passed on.

use async_trait::async_trait;
use automerge::ChangeHash;
use bytes::Bytes;
use fieldbook_core::id::{DocumentId, WorkspaceId};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::SqliteStore;
use super::append::Append;
use super::archive;
use super::error::damaged;
use crate::{Archive, DocumentStore, NewDocument, Placed, StoreError, StoredDocument};

/// Hashes asked for in one query.
const MOST_HASHES: usize = 512;

#[async_trait]
impl DocumentStore for SqliteStore {
    async fn load(&self, id: DocumentId) -> Result<Option<StoredDocument>, StoreError> {
        // One transaction sees one state, whatever a compaction does meanwhile.
        let mut snapshot = self.readers.begin().await?;
        let found: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "select documents.key, workspaces.id from documents
             join workspaces on workspaces.key = documents.workspace where documents.id = ?",
        )
        .bind(&id.as_bytes()[..])
        .fetch_optional(&mut *snapshot)
        .await?;
        let Some((key, workspace)) = found else { return Ok(None) };
        let workspace = WorkspaceId(Uuid::from_slice(&workspace).map_err(damaged)?);
        let archive = archive::read_meta(&mut snapshot, key).await?;
        let position = archive.as_ref().map_or(0, |archive| archive.position);
        let tail = read_rows(&mut snapshot, id, key, position, u64::MAX).await?;
        snapshot.commit().await?;
        Ok(Some(StoredDocument {
            workspace,
            archive,
            tail,
        }))
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
        let found: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "select archives.position, archive_bytes.bytes from documents
             join archives on archives.document = documents.key
             join archive_bytes on archive_bytes.document = documents.key
             where documents.id = ?",
        )
        .bind(&id.as_bytes()[..])
        .fetch_optional(&self.readers)
        .await?;
        Ok(found.map(|(position, bytes)| (position.cast_unsigned(), bytes.into())))
    }

    async fn read_retained(&self, id: DocumentId) -> Result<Vec<Bytes>, StoreError> {
        let mut snapshot = self.readers.begin().await?;
        let Some(key) = find_key(&mut snapshot, id).await? else {
            return Ok(Vec::new());
        };
        let Some(archive) = archive::read_meta(&mut snapshot, key).await? else {
            return Ok(Vec::new());
        };
        let after = archive.retained.position.saturating_sub(1);
        read_rows(&mut snapshot, id, key, after, archive.position).await
    }

    async fn read_changes(&self, id: DocumentId, after: u64, up_to: u64) -> Result<Vec<Bytes>, StoreError> {
        let mut snapshot = self.readers.begin().await?;
        let Some(key) = find_key(&mut snapshot, id).await? else {
            return Ok(Vec::new());
        };
        let archive = archive::read_meta(&mut snapshot, key).await?;
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
        read_rows(&mut snapshot, id, key, after, up_to).await
    }

    async fn find_archived(&self, id: DocumentId, hashes: &[ChangeHash]) -> Result<Vec<Placed>, StoreError> {
        let mut found = Vec::new();
        for portion in hashes.chunks(MOST_HASHES) {
            found.extend(self.find_portion(id, portion).await?);
        }
        Ok(found)
    }

    async fn replace_archive(&self, id: DocumentId, previous: u64, archive: Archive) -> Result<(), StoreError> {
        archive::replace(&self.writer, id, previous, archive).await
    }

    async fn document_ids(&self) -> Result<Vec<DocumentId>, StoreError> {
        let ids: Vec<Vec<u8>> = sqlx::query_scalar("select id from documents order by key")
            .fetch_all(&self.readers)
            .await?;
        ids.into_iter().map(parse_id).collect()
    }
}

impl SqliteStore {
    async fn find_portion(&self, id: DocumentId, hashes: &[ChangeHash]) -> Result<Vec<Placed>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select hash, archived_changes.position from documents
             join archives on archives.document = documents.key
             join archived_changes on archived_changes.document = documents.key
             where archived_changes.position <= archives.position and documents.id = ",
        );
        query.push_bind(id.as_bytes().to_vec()).push(" and hash in (");
        let mut list = query.separated(", ");
        // Filled up to a power of two with the last hash, so that few different statements need preparing.
        let filler = hashes.last().into_iter().cycle();
        for hash in hashes.iter().chain(filler).take(hashes.len().next_power_of_two()) {
            list.push_bind(hash.0.to_vec());
        }
        query.push(")");
        let found: Vec<(Vec<u8>, i64)> = query.build_query_as().fetch_all(&self.readers).await?;
        let parse = |(hash, position): (Vec<u8>, i64)| {
            let hash = ChangeHash(hash.try_into().map_err(|_| damaged("a hash in the archive's index"))?);
            Ok(Placed {
                hash,
                position: position.cast_unsigned(),
            })
        };
        found.into_iter().map(parse).collect()
    }
}

pub(super) async fn find_key(connection: &mut SqliteConnection, id: DocumentId) -> Result<Option<i64>, StoreError> {
    let key = sqlx::query_scalar("select key from documents where id = ?").bind(&id.as_bytes()[..]);
    Ok(key.fetch_optional(connection).await?)
}

pub(super) fn parse_id(bytes: Vec<u8>) -> Result<DocumentId, StoreError> {
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| damaged("a document's id"))?;
    DocumentId::from_bytes(bytes).map_err(damaged)
}

/// Rows `after + 1 ..= up_to`, as far as there are any, and without a hole.
async fn read_rows(
    connection: &mut SqliteConnection,
    id: DocumentId,
    key: i64,
    after: u64,
    up_to: u64,
) -> Result<Vec<Bytes>, StoreError> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select position, bytes from changes where document = ? and position > ? and position <= ? order by position",
    )
    .bind(key)
    .bind(i64::try_from(after).unwrap_or(i64::MAX))
    .bind(i64::try_from(up_to).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let expected = after.saturating_add(1)..;
    let whole = rows
        .iter()
        .zip(expected)
        .all(|((position, _), expected)| position.cast_unsigned() == expected);
    if !whole {
        return Err(damaged(format_args!(
            "document {id}: a change after position {after} is missing"
        )));
    }
    Ok(rows.into_iter().map(|(_, bytes)| bytes.into()).collect())
}
