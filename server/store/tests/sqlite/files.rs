//! The files, and disks that are full or read-only.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};
use fieldbook_store::{Directory, DocumentStore};
use tempfile::TempDir;

use crate::sample::{House, assert_error, changes};
use crate::{database, open};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/data/fieldbook.sqlite");
    let store = open(&path).await;
    House::build(&store).await;
    assert_eq!(mode(&folder.path().join("new")), 0o700);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("sqlite-wal")), 0o600);
    assert_eq!(mode(&path.with_extension("sqlite-shm")), 0o600);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told_in_words() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("file"), "in the way").unwrap();
    let path = folder.path().join("file/fieldbook.sqlite");
    assert_error!(SqliteStore::open(&path, SqliteOptions::default()).await, Unavailable);
}

/// What is written to a log that is gone is lost with the process, and with another shared memory another process would
/// write at the same time.
#[tokio::test]
async fn a_file_that_is_moved_away_is_unavailable_until_it_is_back() {
    for suffix in ["sqlite", "sqlite-wal", "sqlite-shm"] {
        let folder = TempDir::new().unwrap();
        let path = database(&folder);
        let store = open(&path).await;
        let house = House::build(&store).await;
        let id = house.document(&store, 1).await;
        let (file, elsewhere) = (path.with_extension(suffix), folder.path().join("elsewhere"));
        std::fs::rename(&file, &elsewhere).unwrap();
        assert_error!(store.append(id, None, 2, changes([2])).await, Unavailable);
        std::fs::copy(&elsewhere, &file).unwrap();
        assert_error!(store.append(id, None, 2, changes([2])).await, Unavailable);
        std::fs::rename(&elsewhere, &file).unwrap();
        store.append(id, None, 2, changes([2])).await.unwrap();
        assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=2));
    }
}

/// A start makes it anew from the log, whatever it holds.
#[tokio::test]
async fn shared_memory_that_a_crash_left_behind_does_not_matter() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    let store = open(&path).await;
    let house = House::build(&store).await;
    let id = house.document(&store, 5).await;
    for content in [vec![], vec![255; 32_768], vec![7; 100]] {
        let crashed = TempDir::new().unwrap();
        let left = database(&crashed);
        for suffix in ["sqlite", "sqlite-wal"] {
            std::fs::copy(path.with_extension(suffix), left.with_extension(suffix)).unwrap();
        }
        std::fs::write(left.with_extension("sqlite-shm"), content).unwrap();
        let started = open(&left).await;
        assert_eq!(started.load(id).await.unwrap().unwrap().tail, changes(1..=5));
        started.append(id, None, 6, changes([6])).await.unwrap();
        started.close().await;
    }
}

#[tokio::test]
async fn a_page_that_is_overwritten_damages_the_document_that_it_holds_and_no_other() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    let store = open(&path).await;
    let house = House::build(&store).await;
    let [bad, good] = [house.document(&store, 1).await, house.document(&store, 1).await];
    let change = |byte: u8| vec![vec![byte; 500].into()];
    for position in 2..50 {
        store.append(bad, None, position, change(b'B')).await.unwrap();
        store.append(good, None, position, change(b'G')).await.unwrap();
    }
    store.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    let has = |page: &[u8], byte| page.windows(100).any(|bytes| bytes == [byte; 100]);
    let of_bad_alone = |page: &&mut [u8]| has(page, b'B') && !has(page, b'G');
    let pages = bytes.chunks_mut(4096).filter(of_bad_alone);
    assert!(pages.map(|page| page[..8].fill(255)).count() > 1);
    std::fs::write(&path, bytes).unwrap();

    let store = open(&path).await;
    assert_error!(store.load(bad).await, Damaged);
    store.append(good, None, 50, change(b'G')).await.unwrap();
    assert_eq!(store.load(good).await.unwrap().unwrap().tail.len(), 50);
}

/// A small disk of our own. `None` where that is not allowed.
struct Disk(TempDir);

impl Disk {
    fn mount(options: &str) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(folder.path())
            .output();
        mount
            .is_ok_and(|output| output.status.success())
            .then_some(Self(folder))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(
            Command::new("mount")
                .args(["-o", &options])
                .arg(self.0.path())
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_real_disk_that_fills_up_and_is_enlarged() {
    let Some(disk) = Disk::mount("size=1m") else {
        return eprintln!("skipped: mounting is not allowed here");
    };
    let store = open(&database(&disk.0)).await;
    let house = House::build(&store).await;
    let id = house.document(&store, 1).await;
    let mut stored = 1;
    while store
        .append(id, None, stored + 1, vec![vec![7; 20_000].into()])
        .await
        .is_ok()
    {
        stored += 1;
    }
    assert!(stored < 60, "{stored}");
    assert_error!(
        store.set_summary(id, Some(&"x".repeat(40_000)), 1, 1).await,
        Unavailable
    );
    assert_eq!(store.load(id).await.unwrap().unwrap().tail.len() as u64, stored);
    disk.remount("size=64m");
    store
        .append(id, None, stored + 1, vec![vec![7; 20_000].into()])
        .await
        .unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail.len() as u64, stored + 1);
}

#[tokio::test]
async fn a_disk_that_turns_read_only_and_back() {
    let Some(disk) = Disk::mount("size=8m") else {
        return eprintln!("skipped: mounting is not allowed here");
    };
    let store = open(&database(&disk.0)).await;
    let house = House::build(&store).await;
    let id = house.document(&store, 1).await;
    store.close().await;
    disk.remount("ro");
    assert_error!(
        SqliteStore::open(&database(&disk.0), SqliteOptions::default()).await,
        Unavailable
    );
    disk.remount("rw");
    let store = open(&database(&disk.0)).await;
    store.append(id, None, 2, changes([2])).await.unwrap();
}

#[tokio::test]
async fn a_file_without_write_permission_is_unavailable() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    open(&path).await.close().await;
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        return eprintln!("skipped: the superuser may write everything");
    }
    assert_error!(SqliteStore::open(&path, SqliteOptions::default()).await, Unavailable);
}
