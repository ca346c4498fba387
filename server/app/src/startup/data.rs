//! The data folder: one server at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};

use super::StartError;

const LOCK_FILE: &str = "fieldbook.lock";
const DATABASE_FILE: &str = "fieldbook.sqlite";

/// The data folder, held by this process until this is dropped. The lock is the system's own: it goes with the process,
/// however that ends.
#[derive(Debug)]
pub struct DataFolder {
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be, and takes it.
    ///
    /// # Errors
    /// [`StartError::InUse`] or [`StartError::DataFolder`].
    pub fn lock(folder: &Path) -> Result<Self, StartError> {
        let unusable = |reason: std::io::Error| StartError::DataFolder {
            folder: folder.display().to_string(),
            reason: reason.to_string(),
        };
        create_private(folder).map_err(unusable)?;
        let path = folder.join(LOCK_FILE);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _lock: file }),
            Err(TryLockError::WouldBlock) => Err(StartError::InUse(folder.display().to_string())),
            Err(TryLockError::Error(reason)) => Err(unusable(reason)),
        }
    }
}

/// Whether a server has used this folder.
#[must_use]
pub fn has_data(folder: &Path) -> bool {
    folder.join(DATABASE_FILE).is_file()
}

/// Opens the store in the data folder; makes both if need be.
///
/// # Errors
/// [`StartError::Store`].
pub async fn open_store(folder: &Path, options: SqliteOptions) -> Result<SqliteStore, StartError> {
    Ok(SqliteStore::open(&folder.join(DATABASE_FILE), options).await?)
}

/// The key of all tokens is in there: nobody else on the machine reads it.
#[cfg(unix)]
fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_has_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = DataFolder::lock(&data).unwrap();
        let second = DataFolder::lock(&data).unwrap_err();
        assert!(
            second.to_string().starts_with("another server uses the data folder "),
            "{second}"
        );
        drop(first);
        DataFolder::lock(&data).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DataFolder::lock(&file).unwrap_err();
        assert!(error.to_string().contains("cannot be used"), "{error}");
    }
}
