//! What SQLite says, in the store's words.

use sqlx::error::ErrorKind;

use crate::StoreError;

const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_NOTADB: i32 = 26;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.kind() != ErrorKind::Other => Self::Conflict(error.to_string()),
            _ => Self::Unavailable(in_words(&error)),
        }
    }
}

/// Damage too is "not available": edits wait on their authors' devices until the file is restored.
fn in_words(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // The low byte is the kind, the rest says more precisely where.
    match code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff) {
        Some(SQLITE_CORRUPT | SQLITE_NOTADB) => {
            format!("the database file is damaged, restore it from a backup: {error}")
        }
        Some(SQLITE_IOERR) => format!("the disk cannot be read or written: {error}"),
        Some(SQLITE_FULL) => format!("the disk is full: {error}"),
        _ => error.to_string(),
    }
}

/// For rows that no version of this crate writes.
pub(super) fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("the database is damaged, restore it from a backup: {what}"))
}
