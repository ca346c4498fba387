//! A disk that keeps a record of what is done to it, and that fails when it is told to.
//!
//! Its files are real ones in a folder of their own: they are what a running system sees. The record says what of that
//! a power cut would leave (see [`crate::replay`]).

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use libc::{c_int, c_long};
use tempfile::TempDir;

use crate::replay::{Image, Luck, Replay};

/// Device and number.
pub(crate) type Inode = (u64, u64);

/// What was done, in order.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Make {
        path: String,
        entry: Entry,
    },
    Remove {
        path: String,
    },
    Write {
        file: File,
        offset: u64,
        bytes: Bytes,
    },
    Resize {
        file: File,
        length: u64,
    },
    Sync {
        file: File,
    },
    /// What had not been synced is clean now as far as the system is concerned: no later sync writes it.
    SyncFailed {
        file: File,
        evicted: bool,
    },
    SyncFolder {
        path: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    File(File),
    Folder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    number: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Database,
    Log,
    Journal,
}

impl Kind {
    /// `None` for the shared memory, which nobody needs after a power cut, and for other programs' files.
    fn of(path: &str) -> Option<Self> {
        match path.rsplit_once(".sqlite")?.1 {
            "" => Some(Self::Database),
            "-wal" => Some(Self::Log),
            "-journal" => Some(Self::Journal),
            _ => None,
        }
    }
}

/// A fault in the store, acted by the disk: syncs that are not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Plant {
    #[default]
    None,
    /// `synchronous=OFF`.
    NoSync,
    /// `synchronous=NORMAL`: the log is synced before the database is written, not at each commit.
    LateLogSync,
    NoDatabaseSync,
    /// As if what a start finds in the log were not made durable.
    NoLogSync,
    NoFolderSync,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) what: Failure,
    /// How many calls of this sort go well before.
    pub(crate) after: usize,
    /// Until [`Disk::heal`], not once.
    pub(crate) lasting: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing is written.
    Write {
        errno: c_int,
    },
    /// Half of it is written, the rest not.
    WriteHalf {
        errno: c_int,
    },
    Read {
        errno: c_int,
    },
    /// `evicted`: what was not synced cannot be read any more, either.
    Sync {
        evicted: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    _folder: Option<TempDir>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    log: Vec<Op>,
    plant: Plant,
    late: Option<File>,
    fault: Option<Fault>,
    failures: usize,
}

impl Disk {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_log(Vec::new())
    }

    /// The same machine after its process was killed: what was written is there, what was not synced still is not.
    pub(crate) fn after_kill(log: &[Op]) -> Arc<Self> {
        Self::with_log(log.to_vec())
    }

    fn with_log(log: Vec<Op>) -> Arc<Self> {
        let folder = TempDir::new().unwrap();
        // SQLite names files by their canonical path.
        let root = folder.path().canonicalize().unwrap();
        Replay::of(&log, Luck::Synced).visible().write_to(&root);
        Self::register(root, Some(folder), log)
    }

    /// A folder that is there already; what is in it is safe.
    pub(crate) fn at(root: &Path) -> Arc<Self> {
        let root = root.canonicalize().unwrap();
        let mut log = Vec::new();
        for (path, content) in Image::read(&root).into_entries() {
            let number = log.len();
            match (content, Kind::of(&path)) {
                (Some(bytes), Some(kind)) => {
                    let (file, offset, bytes) = (File { number, kind }, 0, bytes.into());
                    let entry = Entry::File(file);
                    log.extend([
                        Op::Make { path, entry },
                        Op::Write { file, offset, bytes },
                        Op::Sync { file },
                    ]);
                }
                (Some(_), None) => {}
                (None, _) => {
                    let entry = Entry::Folder;
                    let make = Op::Make {
                        path: path.clone(),
                        entry,
                    };
                    log.extend([make, Op::SyncFolder { path }]);
                }
            }
        }
        let path = String::new();
        log.push(Op::SyncFolder { path });
        Self::register(root, None, log)
    }

    fn register(root: PathBuf, folder: Option<TempDir>, log: Vec<Op>) -> Arc<Self> {
        let replay = Replay::of(&log, Luck::Synced);
        let entries: Vec<(String, Entry)> = replay.entries().map(|(path, entry)| (path.into(), entry)).collect();
        let disk = Arc::new(Self {
            root,
            _folder: folder,
            state: Mutex::new(State {
                log,
                ..State::default()
            }),
        });
        let mut registry = registry();
        registry.disks.push(Arc::downgrade(&disk));
        registry.add(&disk, &disk.root, "", Entry::Folder);
        for (path, entry) in entries {
            registry.add(&disk, &disk.root.join(&path), &path, entry);
        }
        drop(registry);
        disk
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// How many operations there have been.
    pub(crate) fn now(&self) -> usize {
        self.state().log.len()
    }

    pub(crate) fn log(&self) -> Vec<Op> {
        self.state().log.clone()
    }

    pub(crate) fn plant(&self, plant: Plant) {
        self.state().plant = plant;
    }

    pub(crate) fn inject(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = Some(fault);
        state.failures = 0;
    }

    /// How many calls failed.
    pub(crate) fn heal(&self) -> usize {
        let mut state = self.state();
        state.fault = None;
        state.failures
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether this call, of which `concerns` knows the sort, is to fail.
    fn strike(&mut self, concerns: impl Fn(Failure) -> bool) -> Option<Failure> {
        let fault = self.fault.as_mut().filter(|fault| concerns(fault.what))?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let what = fault.what;
        if !fault.lasting {
            self.fault = None;
        }
        self.failures += 1;
        Some(what)
    }

    fn sync_late(&mut self, file: File) {
        if file.kind != Kind::Log
            && let Some(file) = self.late.take()
        {
            self.log.push(Op::Sync { file });
        }
    }
}

/// Which file is whose.
#[derive(Default)]
struct Registry {
    disks: Vec<Weak<Disk>>,
    nodes: HashMap<Inode, Node>,
}

#[derive(Clone)]
struct Node {
    disk: Weak<Disk>,
    path: String,
    entry: Entry,
}

impl Registry {
    fn add(&mut self, disk: &Arc<Disk>, absolute: &Path, path: &str, entry: Entry) {
        let metadata = std::fs::symlink_metadata(absolute).unwrap();
        let node = Node {
            disk: Arc::downgrade(disk),
            path: path.into(),
            entry,
        };
        self.nodes.insert((metadata.dev(), metadata.ino()), node);
    }

    fn find(&self, inode: Inode) -> Option<(Arc<Disk>, &Node)> {
        let node = self.nodes.get(&inode)?;
        Some((node.disk.upgrade()?, node))
    }

    /// The disk on which this path is, and its name there.
    fn locate(&self, absolute: &Path) -> Option<(Arc<Disk>, String)> {
        self.disks.iter().find_map(|disk| {
            let disk = disk.upgrade()?;
            let path = absolute.strip_prefix(&disk.root).ok()?.to_str()?.to_owned();
            Some((disk, path))
        })
    }
}

fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file was opened, and made if there was none.
pub(crate) fn opened(absolute: &Path, inode: Inode) {
    let mut registry = registry();
    let Some((disk, path)) = registry.locate(absolute) else {
        return;
    };
    let known = registry
        .find(inode)
        .is_some_and(|(owner, node)| Arc::ptr_eq(&owner, &disk) && node.path == path);
    if let Some(kind) = Kind::of(&path)
        && !known
    {
        let mut state = disk.state();
        let number = state.log.len();
        let entry = Entry::File(File { number, kind });
        registry.add(&disk, absolute, &path, entry);
        state.log.push(Op::Make { path, entry });
    }
}

pub(crate) fn folder_made(absolute: &Path) {
    let mut registry = registry();
    let Some((disk, path)) = registry.locate(absolute) else {
        return;
    };
    let entry = Entry::Folder;
    registry.add(&disk, absolute, &path, entry);
    disk.state().log.push(Op::Make { path, entry });
}

pub(crate) fn remove(absolute: &Path, real: impl FnOnce() -> c_long) -> c_long {
    let mut registry = registry();
    let inode = std::fs::symlink_metadata(absolute).map(|metadata| (metadata.dev(), metadata.ino()));
    let outcome = real();
    if outcome == 0
        && let Some((disk, path)) = registry.locate(absolute)
        && let Ok(inode) = inode
        // Its number is given to the next file.
        && registry.nodes.remove(&inode).is_some()
    {
        disk.state().log.push(Op::Remove { path });
    }
    outcome
}

/// `real` writes as many of the bytes as it is told.
///
/// # Errors
/// The `errno` of a fault.
pub(crate) fn write(
    inode: Inode,
    offset: impl FnOnce() -> u64,
    bytes: &[u8],
    real: impl FnOnce(usize) -> c_long,
) -> Result<c_long, c_int> {
    let Some((disk, file)) = find_file(inode) else {
        return Ok(real(bytes.len()));
    };
    let mut state = disk.state();
    let mut length = bytes.len();
    match state.strike(|failure| matches!(failure, Failure::Write { .. } | Failure::WriteHalf { .. })) {
        Some(Failure::WriteHalf { .. }) if length > 1 => length /= 2,
        Some(Failure::Write { errno } | Failure::WriteHalf { errno }) => return Err(errno),
        _ => {}
    }
    state.sync_late(file);
    let offset = offset();
    let written = real(length);
    if let Ok(written) = usize::try_from(written) {
        let bytes = Bytes::copy_from_slice(&bytes[..written]);
        state.log.push(Op::Write { file, offset, bytes });
    }
    Ok(written)
}

/// # Errors
/// The `errno` of a fault.
pub(crate) fn read(inode: Inode, real: impl FnOnce() -> c_long) -> Result<c_long, c_int> {
    if let Some((disk, _)) = find_file(inode)
        && let Some(Failure::Read { errno }) = disk.state().strike(|failure| matches!(failure, Failure::Read { .. }))
    {
        return Err(errno);
    }
    Ok(real())
}

/// # Errors
/// The `errno` of a fault.
pub(crate) fn resize(inode: Inode, length: u64, real: impl FnOnce() -> c_long) -> Result<c_long, c_int> {
    let Some((disk, file)) = find_file(inode) else {
        return Ok(real());
    };
    let mut state = disk.state();
    if let Some(Failure::Write { errno }) = state.strike(|failure| matches!(failure, Failure::Write { .. })) {
        return Err(errno);
    }
    state.sync_late(file);
    let outcome = real();
    if outcome == 0 {
        state.log.push(Op::Resize { file, length });
    }
    Ok(outcome)
}

/// `overwrite` puts bytes at the file's beginning, behind the disk's back.
///
/// # Errors
/// The `errno` of a fault.
pub(crate) fn sync(inode: Inode, overwrite: impl FnOnce(&[u8])) -> Result<c_long, c_int> {
    let found = registry().find(inode).map(|(disk, node)| (disk, node.clone()));
    let Some((disk, node)) = found else { return Ok(0) };
    let mut state = disk.state();
    let plant = state.plant;
    match (node.entry, plant) {
        (_, Plant::NoSync) | (Entry::Folder, Plant::NoFolderSync) => {}
        (Entry::Folder, _) => state.log.push(Op::SyncFolder { path: node.path }),
        (Entry::File(file), Plant::LateLogSync) if file.kind == Kind::Log => state.late = Some(file),
        (Entry::File(file), Plant::NoLogSync) if file.kind == Kind::Log => {}
        (Entry::File(file), Plant::NoDatabaseSync) if file.kind == Kind::Database => {}
        (Entry::File(file), _) => {
            if let Some(Failure::Sync { evicted }) = state.strike(|failure| matches!(failure, Failure::Sync { .. })) {
                state.log.push(Op::SyncFailed { file, evicted });
                if evicted {
                    overwrite(Replay::of(&state.log, Luck::Synced).visible_bytes(file));
                }
                return Err(libc::EIO);
            }
            state.log.push(Op::Sync { file });
        }
    }
    Ok(0)
}

fn find_file(inode: Inode) -> Option<(Arc<Disk>, File)> {
    match registry().find(inode)? {
        (
            disk,
            Node {
                entry: Entry::File(file),
                ..
            },
        ) => Some((disk, *file)),
        _ => None,
    }
}
