//! The process is killed between a write and its sync, and started again: what it reads then may be in memory only.

use crate::disk::{Disk, Failure, Fault, Kind, Op, Plant};
use crate::office::{self, Office};
use crate::replay::Luck;
use crate::{record, seed};

/// Starts again on what was written, and compares what is shown then with what a power cut would leave of it.
async fn restart(log: &[Op], luck: Luck, office: &Office) -> Result<(), String> {
    let disk = Disk::after_kill(log);
    let store = office::open(disk.root()).await.map_err(|error| error.to_string())?;
    let outcome = office.compare_shown(&store, &disk, luck).await;
    store.close().await;
    outcome
}

#[tokio::test]
async fn what_a_restart_shows_is_durable() {
    let seed = seed();
    let (disk, office) = record(Plant::None, seed).await;
    let log = disk.log();
    let is_log_sync = |op: &Op| matches!(op, Op::Sync { file } if file.kind == Kind::Log);
    let mut kills = 0;
    for killed in (0..log.len()).filter(|index| is_log_sync(&log[*index])) {
        kills += 1;
        let outcome = restart(&log[..killed], Luck::Synced, &office).await;
        assert_eq!(outcome, Ok(()), "FIELDBOOK_POWER_SEED={seed}, killed at {killed}");
    }
    assert!(kills > 20, "{kills}");
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
        let outcome = restart(&disk.log(), Luck::Synced, &office).await;
        assert_eq!(outcome, Ok(()), "FIELDBOOK_POWER_SEED={seed}, evicted: {evicted}");
        store.close().await;
    }
}
