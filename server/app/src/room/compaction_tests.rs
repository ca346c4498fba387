use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn document(n: u128) -> DocumentId {
    let mut bytes = n.to_be_bytes();
    (bytes[6], bytes[8]) = (0x40, 0x80);
    DocumentId::from_bytes(bytes).unwrap()
}

async fn never() -> Result<(), String> {
    std::future::pending().await
}

async fn works() -> Result<(), String> {
    Ok(())
}

async fn fails() -> Result<(), String> {
    Err("it cannot be read".to_owned())
}

fn queue() -> CompactionQueue {
    CompactionQueue {
        short: Duration::from_millis(20),
        ..CompactionQueue::new(0)
    }
}

#[tokio::test]
async fn ten_documents_that_take_for_ever_hold_up_nobody_else() {
    // R6
    let queue = queue();
    let stuck = (0..10).map(|n| queue.take_turns(document(n), never));
    let mut stuck = std::pin::pin!(futures_util::future::join_all(stuck));
    let others = async {
        for n in 10..20 {
            assert_eq!(queue.take_turns(document(n), works).await, Some(Ok(())));
        }
    };
    tokio::select! {
        () = others => {}
        _ = &mut stuck => unreachable!("they take for ever"),
    }
}

#[tokio::test]
async fn a_document_that_takes_long_is_compacted_all_the_same() {
    let (queue, tries) = (queue(), AtomicUsize::new(0));
    let long = || async {
        tries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(60)).await;
        Ok(())
    };
    assert_eq!(queue.take_turns(document(1), long).await, Some(Ok(())));
    assert_eq!(tries.load(Ordering::Relaxed), 2, "it gave way once");
}

#[tokio::test]
async fn one_that_failed_no_longer_waits_among_those_that_work() {
    let queue = queue();
    assert!(matches!(queue.take_turns(document(1), fails).await, Some(Err(_))));
    assert_eq!(queue.take_turns(document(1), works).await, None, "not again at once");
    let later = Instant::now() + Duration::from_secs(3);
    assert_eq!(queue.record().begin(document(1), later), Some(true));
    assert_eq!(queue.record().begin(document(2), later), Some(false));
}

#[test]
fn what_fails_is_tried_ever_more_rarely() {
    let (mut record, mut now) = (Record::new(Duration::from_secs(600)), Instant::now());
    let mut pauses = Vec::new();
    for _ in 0..10 {
        assert!(record.begin(document(1), now).is_some());
        record.end(document(1), false, false, now);
        let pause = pause(record.interval, record.last[&document(1)].failures);
        assert_eq!(record.begin(document(1), now + pause / 2), None);
        pauses.push(pause.as_secs() / 60);
        now += pause;
    }
    assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440]);
    assert!(record.begin(document(1), now).is_some());
    record.end(document(1), true, false, now);
    assert_eq!(record.begin(document(1), now), None);
    now += Duration::from_secs(600);
    assert_eq!(record.begin(document(1), now), Some(false), "all is forgiven");
}

#[test]
fn nothing_is_remembered_for_ever() {
    let (mut record, now) = (Record::new(Duration::from_secs(600)), Instant::now());
    for n in 0..10 {
        assert!(record.begin(document(n), now).is_some());
        record.end(document(n), n % 2 == 0, false, now);
    }
    assert!(record.begin(document(10), now + Duration::from_secs(3_000)).is_some());
    assert_eq!(record.last.len(), 1);
}

#[test]
fn work_that_nobody_waits_for_ends() {
    let waiting = Arc::new(());
    let changes = vec![Bytes::new(); 3];
    let mut work = while_wanted(changes, Arc::downgrade(&waiting));
    assert!(work.next().is_some());
    drop(waiting);
    assert!(work.next().is_none());
}
