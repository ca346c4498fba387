//! A disk that is full or broken for a while, from each call of a commit and of a checkpoint on.

use std::sync::Arc;

use fieldbook_store::StoreError;
use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};

use crate::disk::{Disk, Failure, Fault};
use crate::office::{self, Office};
use crate::replay::Luck;
use crate::{cut, seed};

struct Trial {
    disk: Arc<Disk>,
    store: SqliteStore,
    office: Office,
    seed: u64,
}

impl Trial {
    /// With a checkpoint after each commit, or one now and then.
    async fn begin(checkpoint_pages: u32) -> Self {
        let seed = seed();
        let disk = Disk::new();
        let options = SqliteOptions {
            checkpoint_pages,
            ..office::options()
        };
        let store = office::open_with(disk.root(), options).await.unwrap();
        let mut office = Office::build(&store, &disk, 2, seed).await;
        office.work(&store, &disk, 3).await;
        Self {
            disk,
            store,
            office,
            seed,
        }
    }

    /// Two writes while the disk fails, and again when it no longer does. Says how many calls failed.
    async fn run(&mut self, fault: Fault) -> usize {
        let Self {
            disk, store, office, ..
        } = self;
        let steps = office.next_steps();
        disk.inject(fault);
        let outcomes = office.attempt(&steps, store, disk).await;
        self.inspect(fault).await;
        let failures = self.disk.heal();

        let unavailable = |outcome: &Result<(), StoreError>| matches!(outcome, Err(StoreError::Unavailable(words)) if words.contains("the disk"));
        assert!(
            outcomes.iter().all(|outcome| outcome.is_ok() || unavailable(outcome)),
            "{outcomes:?}"
        );
        assert!(failures > 0 || outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let outcomes = self.office.attempt(&steps, &self.store, &self.disk).await;
        assert!(outcomes.iter().all(Result::is_ok), "{fault:?}: {outcomes:?}");
        self.inspect(fault).await;
        failures
    }

    /// What is shown is durable, and what was acknowledged is there after a power cut.
    async fn inspect(&self, fault: Fault) {
        let shown = self.office.compare_shown(&self.store, &self.disk, Luck::Synced).await;
        let log = self.disk.log();
        let luck = Luck::Chance(self.seed + log.len() as u64);
        let outcome = shown.and(cut(&log, log.len(), luck, &self.office).await);
        assert_eq!(outcome, Ok(()), "FIELDBOOK_POWER_SEED={}, {fault:?}", self.seed);
    }
}

/// From each of the first calls on: once and for a while, with and without a checkpoint after the commit.
async fn fail_at_each(what: Failure, calls: usize) {
    for (checkpoint_pages, lasting) in [(1, false), (1, true), (1000, true)] {
        let mut trial = Trial::begin(checkpoint_pages).await;
        let mut struck = 0;
        for after in 0..calls {
            struck += usize::from(trial.run(Fault { what, after, lasting }).await > 0);
        }
        assert!(struck > 0, "no call failed");
        trial.store.close().await;
    }
}

#[tokio::test]
async fn a_full_disk() {
    fail_at_each(Failure::Write { errno: libc::ENOSPC }, 16).await;
}

#[tokio::test]
async fn a_disk_that_is_full_in_the_middle_of_a_write() {
    fail_at_each(Failure::WriteHalf { errno: libc::ENOSPC }, 16).await;
}

#[tokio::test]
async fn a_disk_that_does_not_write() {
    fail_at_each(Failure::Write { errno: libc::EIO }, 16).await;
}

#[tokio::test]
async fn a_sync_that_fails() {
    fail_at_each(Failure::Sync { evicted: false }, 5).await;
}

#[tokio::test]
async fn a_sync_that_fails_and_loses_what_was_written() {
    fail_at_each(Failure::Sync { evicted: true }, 5).await;
}
