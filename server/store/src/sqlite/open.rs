//! Making the folder and the file, connecting, migrating.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::query::MOST_PREPARED;
use super::{SqliteOptions, migrations, recovery};
use crate::StoreError;

/// Why a database cannot be opened.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) reader: Connection,
    pub(super) writer: Connection,
}

/// Files that were opened once, and how to connect to them.
#[derive(Debug, Clone)]
pub(super) struct Database {
    path: PathBuf,
    options: SqliteOptions,
    files: Arc<[(PathBuf, Identity)]>,
}

impl Database {
    pub(super) fn options(&self) -> &SqliteOptions {
        &self.options
    }

    pub(super) fn connect_writer(&self) -> rusqlite::Result<Connection> {
        connect(&self.path, &self.options)
    }

    pub(super) fn connect_reader(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect_writer()?;
        connection.execute_batch("pragma query_only = on")?;
        Ok(connection)
    }

    /// Fails when one of the paths means another file now, or none.
    pub(super) fn check_in_place(&self) -> Result<(), String> {
        for (path, identity) in self.files.iter() {
            let name = path.file_name().unwrap_or_default().display();
            match Identity::of(path) {
                Ok(now) if now == *identity => {}
                Ok(_) => return Err(format!("{name} was replaced while it was open: restart the server")),
                Err(error) => return Err(format!("{name} is gone from its place: {error}")),
            }
        }
        Ok(())
    }
}

/// Which file a path meant when it was opened. SQLite goes on writing, without an error, to a file that was deleted or
/// moved away; and with another shared memory, other processes would no longer take turns with this one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
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
}

/// The database, its write-ahead log and its shared memory.
fn files_of(path: &Path) -> std::io::Result<Vec<(PathBuf, Identity)>> {
    let files = ["", "-wal", "-shm"].map(|suffix| recovery::beside(path, suffix));
    let identified = files.into_iter().map(|file| Ok((file.clone(), Identity::of(&file)?)));
    identified.collect()
}

/// Blocks: on the disk, and on other processes that open the same file.
pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Opened, StoreError> {
    try_open(path, options)
        .map_err(|failure| StoreError::Unavailable(format!("cannot open the database {}: {failure}", path.display())))
}

fn try_open(path: &Path, options: SqliteOptions) -> Result<Opened, Failure> {
    let folder = create(path)?;
    // Two processes that make the same database would meet in the middle of it.
    lock(&folder, options.busy_timeout)?;

    let mut writer = connect(path, &options)?;
    // Before anybody sees it.
    recovery::make_durable(&mut writer, path)?;
    migrations::run(&mut writer)?;

    let database = Database {
        path: path.to_owned(),
        options,
        files: files_of(path)?.into(),
    };
    let reader = database.connect_reader()?;
    Ok(Opened {
        database,
        reader,
        writer,
    })
}

fn connect(path: &Path, options: &SqliteOptions) -> rusqlite::Result<Connection> {
    // Nothing is made here, and a path is a path, not a URI.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(MOST_PREPARED);
    connection.busy_timeout(options.busy_timeout)?;
    // Every commit is synced to the disk before anybody hears of it. On macOS a sync reaches the platters only if asked
    // to; elsewhere `fullfsync` changes nothing.
    connection.execute_batch(&format!(
        "pragma journal_mode = wal;
         pragma synchronous = full;
         pragma fullfsync = on;
         pragma foreign_keys = on;
         pragma journal_size_limit = {};
         pragma wal_autocheckpoint = {};",
        options.log_bytes, options.checkpoint_pages
    ))?;
    if let Some(pages) = options.max_pages {
        connection.execute_batch(&format!("pragma max_page_count = {pages}"))?;
    }
    Ok(connection)
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
fn lock(folder: &File, patience: Duration) -> std::io::Result<()> {
    let end = Instant::now() + patience;
    loop {
        match folder.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(20));
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
