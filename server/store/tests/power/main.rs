//! R1 and R8 on a disk that loses, at a power cut, what was not synced.
//!
//! The store runs on real files; the calls by which it and SQLite change them are recorded ([`interpose`], [`disk`]).
//! From the record one gets what a power cut at any moment would have left ([`replay`]), opens a store on that, and
//! compares with what had been acknowledged by then ([`office`]). `docs/durability.md` says what this proves.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[allow(dead_code, reason = "a server on a bad disk uses more of it (tests/sync)")]
mod disk;
mod faults;
mod interpose;
mod office;
#[allow(dead_code, reason = "a server on a bad disk uses more of it (tests/sync)")]
mod replay;
mod restarts;
#[path = "../contract/sample.rs"]
#[allow(
    dead_code,
    unused_macros,
    unused_imports,
    reason = "the contract suite uses more of it"
)]
mod sample;

use std::sync::Arc;

use disk::{Disk, Op, Plant};
use fastrand::Rng;
use office::Office;
use replay::{Image, Luck, Replay};
use tempfile::TempDir;

/// Cuts between two syncs that are tried, besides those at each sync.
const CUTS_BETWEEN: usize = 150;

/// The same number gives the same calls; which of them share a commit is up to the writer's thread.
fn seed() -> u64 {
    given_seed().unwrap_or(1)
}

fn given_seed() -> Option<u64> {
    std::env::var("FIELDBOOK_POWER_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap())
}

/// A store that is opened, written to, shared for a while with a second one, closed, and opened once more.
async fn record(plant: Plant, seed: u64) -> (Arc<Disk>, Office) {
    let disk = Disk::new();
    disk.plant(plant);
    let store = office::open(disk.root()).await.unwrap();
    let mut office = Office::build(&store, &disk, 5, seed).await;
    office.work(&store, &disk, 15).await;
    let second = office::open(disk.root()).await.unwrap();
    office.work(&second, &disk, 3).await;
    second.close().await;
    office.work(&store, &disk, 7).await;
    store.close().await;
    let store = office::open(disk.root()).await.unwrap();
    office.work(&store, &disk, 10).await;
    store.close().await;
    (disk, office)
}

/// Cuts the power at `cut` and says what is missing.
async fn cut(log: &[Op], cut: usize, luck: Luck, office: &Office) -> Result<(), String> {
    let folder = TempDir::new().unwrap();
    Replay::of(&log[..cut], luck).cut().write_to(folder.path());
    office.inspect(folder.path(), cut).await.map_err(|error| {
        let mut words = format!("cut at {cut} of {}, {luck:?}: {error}", log.len());
        if given_seed().is_some() {
            words += &format!("; it is kept in {}", folder.keep().display());
        }
        words
    })
}

/// Every sync, right before and right after it, and moments between.
fn moments(log: &[Op], random: &mut Rng) -> Vec<(usize, Luck)> {
    let is_sync = |op: &Op| matches!(op, Op::Sync { .. } | Op::SyncFolder { .. });
    let syncs = (0..log.len()).filter(|index| is_sync(&log[*index]));
    let mut moments: Vec<_> = syncs
        .flat_map(|index| [(index, Luck::Chance(random.u64(..))), (index + 1, Luck::Synced)])
        .collect();
    moments.extend((0..CUTS_BETWEEN).map(|_| (random.usize(..=log.len()), Luck::Chance(random.u64(..)))));
    moments
}

async fn first_loss(plant: Plant, seed: u64) -> Option<String> {
    let (disk, office) = record(plant, seed).await;
    let log = disk.log();
    for (at, luck) in moments(&log, &mut Rng::with_seed(seed)) {
        if let Err(error) = cut(&log, at, luck, &office).await {
            return Some(format!("FIELDBOOK_POWER_SEED={seed}: {error}"));
        }
    }
    None
}

#[tokio::test]
async fn what_was_acknowledged_survives_every_power_cut() {
    assert_eq!(first_loss(Plant::None, seed()).await, None);
}

#[tokio::test]
async fn a_store_that_does_not_sync_is_found_out() {
    for plant in [
        Plant::NoSync,
        Plant::LateLogSync,
        Plant::NoDatabaseSync,
        Plant::NoFolderSync,
    ] {
        let loss = first_loss(plant, seed()).await;
        assert!(loss.is_some(), "{plant:?} was not noticed");
    }
}

#[tokio::test]
async fn nothing_is_missing_from_the_record() {
    let disk = Disk::new();
    let store = office::open(disk.root()).await.unwrap();
    let mut office = Office::build(&store, &disk, 2, seed()).await;
    office.work(&store, &disk, 20).await;
    let compare = || {
        let visible = Replay::of(&disk.log(), Luck::Synced).visible();
        assert_eq!(visible.names(), Image::read(disk.root()).names());
        assert!(visible == Image::read(disk.root()), "the bytes differ");
    };
    compare();
    store.close().await;
    compare();
}
