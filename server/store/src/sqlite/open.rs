//! Making the folder and the file, connecting, migrating.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

use super::{SqliteOptions, recovery};
use crate::StoreError;

pub(super) struct Opened {
    pub(super) readers: SqlitePool,
    pub(super) writing: Writing,
}

/// What the writer needs.
pub(super) struct Writing {
    pub(super) connection: SqliteConnection,
    /// To connect again after a failure.
    pub(super) reconnect: SqliteConnectOptions,
    pub(super) file: Identity,
}

/// Which file the path meant when it was opened. SQLite goes on writing, without an error, to a file that was deleted or
/// moved away.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device_and_inode: Option<(u64, u64)>,
}

impl Identity {
    #[cfg(unix)]
    fn of(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path)?;
        Ok(Self {
            device_and_inode: Some((metadata.dev(), metadata.ino())),
        })
    }

    /// Elsewhere a file that is open can be neither deleted nor moved.
    #[cfg(not(unix))]
    fn of(_path: &Path) -> std::io::Result<Self> {
        Ok(Self { device_and_inode: None })
    }

    /// Fails when the path means another file now, or none.
    pub(super) fn check(&self, path: &Path) -> Result<(), String> {
        match Self::of(path) {
            Ok(now) if now == *self => Ok(()),
            Ok(_) => Err("the database file was replaced while it was open: restart the server".into()),
            Err(error) => Err(format!("the database file is gone from its place: {error}")),
        }
    }
}

pub(super) async fn open(path: &Path, options: &SqliteOptions) -> Result<Opened, StoreError> {
    let folder = create(path).map_err(|error| cannot_open(path, &error))?;
    // Two processes that make the same database would meet in the middle of it.
    lock(&folder, options.busy_timeout)
        .await
        .map_err(|error| cannot_open(path, &error))?;

    let reconnect = connect_options(path, options);
    let mut connection = reconnect.connect().await.map_err(|error| cannot_open(path, &error))?;
    // Before anybody sees it.
    recovery::make_durable(&mut connection, path)
        .await
        .map_err(|error| cannot_open(path, &error))?;
    sqlx::migrate!("./migrations")
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| cannot_open(path, &error))?;

    let readers = SqlitePoolOptions::new()
        .max_connections(options.read_connections)
        .acquire_timeout(Duration::from_secs(30))
        // One stays open: after the last was closed the log would be read anew, with what a failed sync left in it.
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(connect_options(path, options).pragma("query_only", "on"))
        .await
        .map_err(|error| cannot_open(path, &error))?;
    let file = Identity::of(path).map_err(|error| cannot_open(path, &error))?;
    let writing = Writing {
        connection,
        reconnect,
        file,
    };
    Ok(Opened { readers, writing })
}

fn connect_options(path: &Path, options: &SqliteOptions) -> SqliteConnectOptions {
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(options.busy_timeout)
        .journal_mode(SqliteJournalMode::Wal)
        // Every commit is synced to the disk before anybody hears of it.
        .synchronous(SqliteSynchronous::Full)
        // On macOS a sync reaches the platters only if asked to; elsewhere this changes nothing.
        .pragma("fullfsync", "on")
        .foreign_keys(true)
        .pragma("journal_size_limit", options.log_bytes.to_string())
        .pragma("wal_autocheckpoint", options.checkpoint_pages.to_string())
        .disable_statement_logging();
    match options.max_pages {
        Some(pages) => connect.pragma("max_page_count", pages.to_string()),
        None => connect,
    }
}

/// Makes what is missing, readable by nobody else. An existing file is not opened here: closing it again would drop the
/// locks that SQLite holds on it in this process.
fn create(path: &Path) -> std::io::Result<File> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    create_folder(folder)?;
    match create_file(path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    sync_names(folder)?;
    File::open(folder)
}

/// A power cut takes names, too, as long as their folders are not synced: the file's, and those of folders that we or
/// somebody before us made.
fn sync_names(folder: &Path) -> std::io::Result<()> {
    let folder = folder.canonicalize()?;
    File::open(&folder)?.sync_all()?;
    for above in folder.ancestors().skip(1) {
        // What we may not even read was there before us.
        let Ok(above) = File::open(above) else { continue };
        match above.sync_all() {
            // Not every file system above can sync a folder.
            Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(())
}

fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// SQLite gives the write-ahead log and the shared memory file the mode of the database.
fn create_file(path: &Path) -> std::io::Result<File> {
    let mut file = std::fs::OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(path)
}

/// Locks the folder until `folder` is dropped. A file system without such locks is used without.
async fn lock(folder: &File, patience: Duration) -> std::io::Result<()> {
    let end = Instant::now() + patience;
    loop {
        match folder.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) if Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(std::io::Error::other(
                    "another process has been opening it for too long",
                ));
            }
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => return Ok(()),
        }
    }
}

fn cannot_open(path: &Path, error: &dyn std::error::Error) -> StoreError {
    StoreError::Unavailable(format!("cannot open the database {}: {error}", path.display()))
}
