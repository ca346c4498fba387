//! The process is killed between a write and its sync, and started again: what it reads then may be in memory only.

use crate::disk::{Disk, Failure, Fault, Kind, Op, Plant};
use crate::office::{self, Office};
use crate::replay::Luck;
use crate::{record, seed};

/// Starts again on what was written, and compares what is shown then with what a power cut would leave of it.
async fn restart(log: &[Op], plant: Plant, office: &Office) -> Result<(), String> {
    let disk = Disk::after_kill(log);
    disk.plant(plant);
    let store = office::open(disk.root()).await.map_err(|error| error.to_string())?;
    let outcome = office.compare_shown(&store, &disk, Luck::Synced).await;
    store.close().await;
    outcome
}

/// Killed right before each sync of the log, and started with this plant.
async fn first_loss(plant: Plant) -> Option<String> {
    let seed = seed();
    let (disk, office) = record(Plant::None, seed).await;
    let log = disk.log();
    let is_log_sync = |op: &Op| matches!(op, Op::Sync { file } if file.kind == Kind::Log);
    let mut kills = 0;
    for killed in (0..log.len()).filter(|index| is_log_sync(&log[*index])) {
        kills += 1;
        if let Err(error) = restart(&log[..killed], plant, &office).await {
            return Some(format!("FIELDBOOK_POWER_SEED={seed}, killed at {killed}: {error}"));
        }
    }
    assert!(kills > 20, "{kills}");
    None
}

#[tokio::test]
async fn what_a_restart_shows_is_durable() {
    assert_eq!(first_loss(Plant::None).await, None);
}

#[tokio::test]
async fn a_start_that_does_not_make_its_log_durable_is_found_out() {
    let loss = first_loss(Plant::NoLogSync).await;
    assert!(loss.is_some(), "it was not noticed");
}

/// What a failed sync left in memory, no later sync writes.
#[tokio::test]
async fn what_a_restart_shows_after_a_failed_sync_is_durable() {
    let seed = seed();
    for evicted in [false, true] {
        let disk = Disk::new();
        let store = office::open(disk.root()).await.unwrap();
        let mut office = Office::build(&store, &disk, 2, seed).await;
        office.work(&store, &disk, 10).await;
        disk.inject(Fault {
            what: Failure::Sync { evicted },
            after: 0,
            lasting: true,
        });
        let steps = office.next_steps();
        let outcomes = office.attempt(&steps, &store, &disk).await;
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        disk.heal();
        let outcome = restart(&disk.log(), Plant::None, &office).await;
        assert_eq!(outcome, Ok(()), "FIELDBOOK_POWER_SEED={seed}, evicted: {evicted}");
        store.close().await;
    }
}
