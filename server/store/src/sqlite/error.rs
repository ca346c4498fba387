//! What SQLite says, in the store's words.

use rusqlite::{Error, ErrorCode};

use crate::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match (&error, error.sqlite_error_code()) {
            // Columns of another kind than this crate writes, pages that are none.
            (Error::FromSqlConversionFailure(..) | Error::InvalidColumnType(..), _)
            | (_, Some(ErrorCode::DatabaseCorrupt)) => damaged(error),
            (_, Some(ErrorCode::ConstraintViolation)) => Self::Conflict(error.to_string()),
            _ => Self::Unavailable(in_words(&error)),
        }
    }
}

impl StoreError {
    /// What to tell each caller of a batch; the variant's own words are added again by its `Display`.
    pub(super) fn to_reason(&self) -> String {
        match self {
            Self::Unavailable(reason) | Self::Conflict(reason) => reason.clone(),
            Self::Damaged(_) | Self::Taken(_) => self.to_string(),
        }
    }
}

pub(super) fn in_words(error: &Error) -> String {
    match error.sqlite_error_code() {
        // Of the file as a whole: nothing is told from it about any document.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("the database file is damaged, restore it from a backup: {error}")
        }
        Some(ErrorCode::SystemIoFailure) => format!("the disk cannot be read or written: {error}"),
        Some(ErrorCode::DiskFull) => format!("the disk is full: {error}"),
        _ => error.to_string(),
    }
}

/// For rows that no version of this crate writes.
pub(super) fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(what.to_string())
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store has been closed".into())
}
