//! Archives: reading what is known of one, and putting a new one in its place.

use std::sync::Arc;

use bytes::Bytes;
use fieldbook_core::id::DocumentId;
use rusqlite::{Connection, params};

use super::codec::{decode_clock, decode_hashes, decode_heads, encode_clock, encode_hashes, encode_heads};
use super::documents::find_key;
use super::query;
use super::writer::Writer;
use crate::{Archive, ArchiveMeta, Placed, RetainedFrom, StoreError};

/// Rows of the hash index that go into one transaction; appends by others go between.
const INDEX_STEP: usize = 2000;

pub(super) fn read_meta(connection: &Connection, key: i64) -> Result<Option<ArchiveMeta>, StoreError> {
    let sql = "select position, heads, clock, size, retained_position, retained_heads, admission_index
         from archives where document = ?";
    query::first(connection, sql, [key], |row| {
        Ok(ArchiveMeta {
            position: row.get::<_, i64>(0)?.cast_unsigned(),
            heads: decode_heads(&row.get::<_, Vec<u8>>(1)?)?,
            clock: decode_clock(&row.get::<_, Vec<u8>>(2)?)?,
            bytes: row.get::<_, i64>(3)?.cast_unsigned(),
            retained: RetainedFrom {
                position: row.get::<_, i64>(4)?.cast_unsigned(),
                heads: decode_hashes(&row.get::<_, Vec<u8>>(5)?)?,
            },
            index: row.get::<_, Vec<u8>>(6)?.into(),
        })
    })
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
        .write(move |connection| Ok(check_previous(connection, id, previous, &check)?.is_some()))
        .await?;
    if !unchanged {
        return Ok(());
    }
    let added: Arc<[Placed]> = added.into();
    for start in (0..added.len()).step_by(INDEX_STEP) {
        let added = added.clone();
        writer
            .write(move |connection| {
                let step = &added[start..added.len().min(start + INDEX_STEP)];
                fill_index(connection, id, step)
            })
            .await?;
    }
    writer
        .write(move |connection| swap(connection, id, previous, &meta, &bytes))
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
fn check_previous(
    connection: &Connection,
    id: DocumentId,
    previous: u64,
    meta: &ArchiveMeta,
) -> Result<Option<i64>, StoreError> {
    let key = existing_key(connection, id)?;
    let current = read_meta(connection, key)?;
    let position = current.as_ref().map_or(0, |current| current.position);
    if current.as_ref() == Some(meta) {
        return Ok(None);
    }
    if position != previous {
        return Err(conflict(id, format!("the archive is at {position}, not at {previous}")));
    }
    Ok(Some(key))
}

fn existing_key(connection: &Connection, id: DocumentId) -> Result<i64, StoreError> {
    find_key(connection, id)?.ok_or_else(|| conflict(id, "there is no such document".into()))
}

fn fill_index(connection: &Connection, id: DocumentId, step: &[Placed]) -> Result<bool, StoreError> {
    let key = existing_key(connection, id)?;
    // A row may be left of an attempt that did not come to its end.
    let sql = "insert into archived_changes (document, hash, position) values (?, ?, ?)
         on conflict (document, hash) do nothing";
    for change in step {
        query::execute(
            connection,
            sql,
            params![key, change.hash.0, change.position.cast_signed()],
        )?;
    }
    Ok(true)
}

fn swap(
    connection: &Connection,
    id: DocumentId,
    previous: u64,
    meta: &ArchiveMeta,
    bytes: &Bytes,
) -> Result<bool, StoreError> {
    let Some(key) = check_previous(connection, id, previous, meta)? else {
        return Ok(true);
    };
    check_rows(connection, id, key, previous, meta)?;
    let sql = "insert or replace into archives
             (document, position, heads, clock, size, retained_position, retained_heads, admission_index)
         values (?, ?, ?, ?, ?, ?, ?, ?)";
    let values = params![
        key,
        meta.position.cast_signed(),
        encode_heads(&meta.heads),
        encode_clock(&meta.clock),
        meta.bytes.cast_signed(),
        meta.retained.position.cast_signed(),
        encode_hashes(&meta.retained.heads),
        &meta.index[..],
    ];
    query::execute(connection, sql, values)?;
    let sql = "insert or replace into archive_bytes (document, bytes) values (?, ?)";
    query::execute(connection, sql, params![key, &bytes[..]])?;
    let sql = "delete from changes where document = ? and position < ?";
    query::execute(connection, sql, params![key, meta.retained.position.cast_signed()])?;
    Ok(true)
}

/// The archive must not reach beyond what is stored, nor promise retained rows that are gone.
fn check_rows(
    connection: &Connection,
    id: DocumentId,
    key: i64,
    previous: u64,
    meta: &ArchiveMeta,
) -> Result<(), StoreError> {
    let sql = "select min(position), max(position) from changes where document = ?";
    let ends = query::first(connection, sql, [key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (first, last): (Option<i64>, Option<i64>) = ends.unwrap_or_default();
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
