//! Documents that would take the server down with them.

use std::io::Write;
use std::time::Duration;

use automerge::Change;
use bytes::Bytes;
use fieldbook_worker::{Job, Outcome, WorkerError, WorkerLimits, Workers};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::sample::{chunk, chunks, forge, limits, plan, put_on_nothing, run_length_bomb, with_limits, workers};

async fn goes_on(workers: &Workers) {
    let job = Job::Verify {
        archive: None,
        tail: chunks(&mut plan("Plan", 3)),
    };
    assert!(matches!(
        workers.run(job).await,
        Ok(Outcome::Verified { changes: 3, .. })
    ));
}

#[tokio::test]
async fn a_panic_in_automerge_is_an_error() {
    let workers = workers();
    let mut document = plan("Plan", 3);
    let forged = forge(&mut document, put_on_nothing());
    let hash = Change::from_bytes(forged.to_vec()).unwrap().hash();
    let tail = [chunks(&mut document), vec![forged]].concat();
    let outcome = workers
        .run(Job::Compact {
            archive: None,
            tail,
            expected_heads: vec![hash],
        })
        .await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, WorkerError::Panicked(place) if place.starts_with("automerge-")),
        "{error:?}"
    );
    assert!(error.is_about_the_document());
    goes_on(&workers).await;
}

/// A change whose contents are zeros without end.
fn deflate_bomb(inflated_bytes: usize) -> Bytes {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let zeros = vec![0; 1 << 20];
    for _ in 0..inflated_bytes >> 20 {
        encoder.write_all(&zeros).unwrap();
    }
    chunk(2, &encoder.finish().unwrap(), b"")
}

#[tokio::test]
async fn a_deflate_bomb_meets_the_memory_limit() {
    let workers = with_limits(WorkerLimits {
        memory_bytes: 128 << 20,
        ..limits()
    });
    let bomb = deflate_bomb(512 << 20);
    assert!(bomb.len() < 4 << 20);
    let outcome = workers
        .run(Job::Verify {
            archive: None,
            tail: vec![bomb],
        })
        .await;
    // Inflating gives up by itself when there is no more memory.
    assert!(
        matches!(&outcome, Err(WorkerError::Refused(_) | WorkerError::OutOfMemory)),
        "{outcome:?}"
    );
    goes_on(&workers).await;
}

#[tokio::test]
async fn a_run_length_bomb_meets_a_limit() {
    let workers = with_limits(WorkerLimits {
        memory_bytes: 128 << 20,
        deadline: Duration::from_secs(4),
        ..limits()
    });
    // A small one is a change like any other.
    let small = workers
        .run(Job::Verify {
            archive: None,
            tail: vec![run_length_bomb(100)],
        })
        .await;
    assert!(matches!(small, Ok(Outcome::Verified { changes: 1, .. })), "{small:?}");

    let bomb = run_length_bomb(2_000_000_000);
    assert!(bomb.len() < 100);
    let outcome = workers
        .run(Job::Verify {
            archive: None,
            tail: vec![bomb],
        })
        .await;
    assert!(
        matches!(outcome, Err(WorkerError::OutOfMemory | WorkerError::Deadline(_))),
        "{outcome:?}"
    );
    goes_on(&workers).await;
}

#[tokio::test]
async fn an_input_larger_than_the_limit_starts_no_child() {
    let limits = WorkerLimits {
        input_bytes: 100,
        ..limits()
    };
    let workers = Workers::new("/there/is/no/such/program".into(), limits);
    let job = Job::Verify {
        archive: Some(vec![0; 60].into()),
        tail: vec![vec![0; 50].into()],
    };
    assert_eq!(
        workers.run(job).await,
        Err(WorkerError::InputTooLarge { bytes: 110, limit: 100 })
    );
}

#[tokio::test]
async fn an_outcome_larger_than_the_limit_is_not_read() {
    let workers = with_limits(WorkerLimits {
        output_bytes: 1000,
        ..limits()
    });
    let bytes = plan("Plan", 500).save().into();
    let job = Job::Expand {
        bytes,
        max_changes: 500,
        max_total_bytes: 1 << 20,
    };
    assert_eq!(workers.run(job).await, Err(WorkerError::OutputTooLarge));
    goes_on(&workers).await;
}
