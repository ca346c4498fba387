//! Archives: reading what is known of one, and putting a new one in its place.

use std::sync::Arc;

use bytes::Bytes;
use fieldbook_core::id::DocumentId;
use sqlx::SqliteConnection;

use super::codec::{decode_clock, decode_hashes, decode_heads, encode_clock, encode_hashes, encode_heads};
use super::documents::find_key;
use super::multi_row;
use super::writer::Writer;
use crate::{Archive, ArchiveMeta, Placed, RetainedFrom, StoreError};

/// Rows of the hash index that go into one transaction; appends by others go between.
const INDEX_STEP: usize = 2000;

pub(super) async fn read_meta(connection: &mut SqliteConnection, key: i64) -> Result<Option<ArchiveMeta>, StoreError> {
    type Row = (i64, Vec<u8>, Vec<u8>, i64, i64, Vec<u8>, Vec<u8>);
    let row: Option<Row> = sqlx::query_as(
        "select position, heads, clock, size, retained_position, retained_heads, admission_index
         from archives where document = ?",
    )
    .bind(key)
    .fetch_optional(connection)
    .await?;
    let Some((position, heads, clock, size, retained_position, retained_heads, index)) = row else {
        return Ok(None);
    };
    Ok(Some(ArchiveMeta {
        position: position.cast_unsigned(),
        heads: decode_heads(&heads)?,
        clock: decode_clock(&clock)?,
        bytes: size.cast_unsigned(),
        retained: RetainedFrom {
            position: retained_position.cast_unsigned(),
            heads: decode_hashes(&retained_heads)?,
        },
        index: index.into(),
    }))
}

/// First the hash index, in steps; then, in one transaction, all the rest.
pub(super) async fn replace(
    writer: &Writer,
    id: DocumentId,
    previous: u64,
    archive: Archive,
) -> Result<(), StoreError> {
    check_shape(previous, &archive).map_err(|words| conflict(id, words))?;
    let Archive { meta, bytes, added } = archive;
    let meta = Arc::new(meta);

    let check = meta.clone();
    let unchanged = writer
        .write(move |connection| {
            Box::pin(async move { Ok(check_previous(connection, id, previous, &check).await?.is_some()) })
        })
        .await?;
    if !unchanged {
        return Ok(());
    }
    let added: Arc<[Placed]> = added.into();
    for start in (0..added.len()).step_by(INDEX_STEP) {
        let added = added.clone();
        writer
            .write(move |connection| {
                Box::pin(async move {
                    let step = &added[start..added.len().min(start + INDEX_STEP)];
                    fill_index(connection, id, step).await
                })
            })
            .await?;
    }
    writer
        .write(move |connection| Box::pin(async move { swap(connection, id, previous, &meta, bytes).await }))
        .await?;
    Ok(())
}

fn check_shape(previous: u64, archive: &Archive) -> Result<(), String> {
    let meta = &archive.meta;
    if meta.position == 0 || meta.position < previous || i64::try_from(meta.position).is_err() {
        return Err(format!(
            "an archive at {} cannot follow one at {previous}",
            meta.position
        ));
    }
    if meta.retained.position == 0 || meta.retained.position > meta.position + 1 {
        let retained = meta.retained.position;
        return Err(format!(
            "an archive at {} cannot retain changes from {retained}",
            meta.position
        ));
    }
    if meta.bytes != archive.bytes.len() as u64 {
        return Err(format!(
            "the archive has {} bytes, not {}",
            archive.bytes.len(),
            meta.bytes
        ));
    }
    if meta.position - previous != archive.added.len() as u64 {
        let named = archive.added.len();
        return Err(format!(
            "the archive adds {} changes, but {named} are named",
            meta.position - previous
        ));
    }
    Ok(())
}

/// The document's key, or `None` if this very archive is in place already: the caller did not hear of it.
async fn check_previous(
    connection: &mut SqliteConnection,
    id: DocumentId,
    previous: u64,
    meta: &ArchiveMeta,
) -> Result<Option<i64>, StoreError> {
    let key = find_key(connection, id)
        .await?
        .ok_or_else(|| conflict(id, "there is no such document".into()))?;
    let current = read_meta(connection, key).await?;
    let position = current.as_ref().map_or(0, |current| current.position);
    if current.as_ref() == Some(meta) {
        return Ok(None);
    }
    if position != previous {
        return Err(conflict(id, format!("the archive is at {position}, not at {previous}")));
    }
    Ok(Some(key))
}

async fn fill_index(connection: &mut SqliteConnection, id: DocumentId, step: &[Placed]) -> Result<bool, StoreError> {
    let key = find_key(connection, id)
        .await?
        .ok_or_else(|| conflict(id, "there is no such document".into()))?;
    let insert = "insert into archived_changes (document, hash, position)";
    // A row may be left of an attempt that did not come to its end.
    let suffix = "on conflict (document, hash) do nothing";
    multi_row::insert(connection, insert, suffix, step, |mut tuple, change| {
        tuple
            .push_bind(key)
            .push_bind(change.hash.0.to_vec())
            .push_bind(change.position.cast_signed());
    })
    .await?;
    Ok(true)
}

async fn swap(
    connection: &mut SqliteConnection,
    id: DocumentId,
    previous: u64,
    meta: &ArchiveMeta,
    bytes: Bytes,
) -> Result<bool, StoreError> {
    let Some(key) = check_previous(connection, id, previous, meta).await? else {
        return Ok(true);
    };
    check_rows(connection, id, key, previous, meta).await?;
    sqlx::query(
        "insert or replace into archives
             (document, position, heads, clock, size, retained_position, retained_heads, admission_index)
         values (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key)
    .bind(meta.position.cast_signed())
    .bind(encode_heads(&meta.heads))
    .bind(encode_clock(&meta.clock))
    .bind(meta.bytes.cast_signed())
    .bind(meta.retained.position.cast_signed())
    .bind(encode_hashes(&meta.retained.heads))
    .bind(meta.index.as_ref())
    .execute(&mut *connection)
    .await?;
    sqlx::query("insert or replace into archive_bytes (document, bytes) values (?, ?)")
        .bind(key)
        .bind(Vec::from(bytes))
        .execute(&mut *connection)
        .await?;
    sqlx::query("delete from changes where document = ? and position < ?")
        .bind(key)
        .bind(meta.retained.position.cast_signed())
        .execute(&mut *connection)
        .await?;
    Ok(true)
}

/// The archive must not reach beyond what is stored, nor promise retained rows that are gone.
async fn check_rows(
    connection: &mut SqliteConnection,
    id: DocumentId,
    key: i64,
    previous: u64,
    meta: &ArchiveMeta,
) -> Result<(), StoreError> {
    let (first, last): (Option<i64>, Option<i64>) =
        sqlx::query_as("select min(position), max(position) from changes where document = ?")
            .bind(key)
            .fetch_one(connection)
            .await?;
    let last = last.map_or(previous, i64::cast_unsigned);
    let first = first.map_or(last + 1, i64::cast_unsigned);
    if meta.position > last {
        return Err(conflict(
            id,
            format!("the log ends at {last}, before the archive's {}", meta.position),
        ));
    }
    if meta.retained.position < first {
        let retained = meta.retained.position;
        return Err(conflict(
            id,
            format!("rows begin at {first}, {retained} cannot be retained any more"),
        ));
    }
    Ok(())
}

fn conflict(id: DocumentId, what: String) -> StoreError {
    StoreError::Conflict(format!("document {id}: {what}"))
}
