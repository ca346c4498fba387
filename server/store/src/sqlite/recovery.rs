//! What a process that was killed, or whose disk failed, left in the write-ahead log.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::open::Failure;

const PORTION_BYTES: usize = 1 << 20;

/// Makes durable what is read from the log.
///
/// SQLite takes every whole commit in the log for committed. One of them may never have been synced: the process was
/// killed before, or the sync failed. In the second case another sync is of no use: after a failure the system takes
/// the pages for written. So they are written again.
///
/// # Errors
/// The lock is held by others for too long, or the disk still fails.
pub(super) fn make_durable(connection: &mut Connection, database: &Path) -> Result<(), Failure> {
    // Nobody writes to the log while this is held.
    let lock = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write_again(&beside(database, "-wal"))?;
    Ok(lock.rollback()?)
}

/// One of the database's files: `-wal` is its log, `-shm` its shared memory.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn write_again(path: &Path) -> std::io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut portion = vec![0; PORTION_BYTES];
    loop {
        let start = file.stream_position()?;
        let length = file.read(&mut portion)?;
        if length == 0 {
            return file.sync_all();
        }
        file.seek(SeekFrom::Start(start))?;
        file.write_all(&portion[..length])?;
    }
}
