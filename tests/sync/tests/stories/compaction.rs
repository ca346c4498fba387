//! Documents whose older changes have become an archive.

use std::time::{Duration, Instant};

use automerge::Change;
use automerge::sync::Message;
use fieldbook_harness::{PATIENCE, Peer, Setup, TestServer, converge, converge_within, new_document_id};
use fieldbook_sync_tests::{Bystanders, forge};

/// Compacts soon and keeps nothing beside the archive.
fn eager() -> Setup {
    TestServer::setup()
        .set("compaction.min_changes", 50)
        .set("compaction.tail_share", 0.0)
        .set("compaction.interval_ms", 0)
        .set("compaction.retained_changes", 0)
}

/// Waits until the first answer to a new client begins with a whole-document chunk: the archive.
async fn compacted(server: &TestServer, document: &str) {
    let began = Instant::now();
    loop {
        let mut new = server.user("new").raw_joined().await;
        let request = new
            .about("request", document)
            .with("data", forge::message(Vec::new(), Vec::new()));
        new.send(&request).await;
        let answer = Message::decode(new.frame_of("sync").await.bytes("data")).expect("a sync message");
        let first = answer.changes.iter().next().expect("the document").to_vec();
        if first[8] == 0 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not compacted within {PATIENCE:?}");
    }
}

async fn type_keys(peer: &mut Peer, document: &str, keys: usize) {
    for _ in 0..keys {
        peer.replica_mut(document).append("x");
        if peer.replica(document).unsaved().len() >= 20 {
            peer.send(document).await;
            peer.saved(document).await;
        }
    }
    peer.send(document).await;
    peer.saved(document).await;
}

#[tokio::test]
async fn a_returning_client_whose_edits_build_on_archived_changes() {
    // S2, S3
    let server = eager().start().await;
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.create().await;
    type_keys(&mut ann, &document, 20).await;
    ben.find(&document).await.expect("they share a workspace");
    converge(&mut [&mut ann, &mut ben], &document).await;
    ben.lose();
    type_keys(&mut ann, &document, 300).await;
    compacted(&server, &document).await;
    for _ in 0..10 {
        ben.replica_mut(&document).splice(0, 0, "y");
    }
    ben.reconnect().await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    assert!(ann.text(&document).starts_with("yyyyyyyyyyx"));
    let mut new = server.user("cat").connect().await;
    new.find(&document).await.expect("they share a workspace");
    converge(&mut [&mut ann, &mut ben, &mut new], &document).await;
}

#[tokio::test]
async fn a_client_that_was_away_briefly_gets_a_few_changes_although_they_are_archived() {
    // S2
    let server = eager().set("compaction.retained_changes", 150).start().await;
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.create().await;
    type_keys(&mut ann, &document, 200).await;
    ben.find(&document).await.expect("they share a workspace");
    converge(&mut [&mut ann, &mut ben], &document).await;
    ben.lose();
    type_keys(&mut ann, &document, 100).await;
    compacted(&server, &document).await;
    let before: usize = ben.replica(&document).received.iter().sum();
    ben.reconnect().await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    let sent = ben.replica(&document).received.iter().sum::<usize>() - before;
    assert_eq!(sent, 100, "each as a change of its own, not the archive");
}

#[tokio::test]
async fn compaction_while_people_type_loses_nothing() {
    let mut server = eager().start().await;
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.create().await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");
    for round in 0..200 {
        for (peer, key) in [(&mut ann, "a"), (&mut ben, "b")] {
            peer.replica_mut(&document).splice(round, 0, key);
            peer.replica_mut(&document).splice(0, 0, key);
            peer.send(&document).await;
            peer.pump().await;
        }
    }
    converge_within(3 * PATIENCE, &mut [&mut ann, &mut ben], &document).await;
    assert_eq!(ann.text(&document).len(), 800);
    compacted(&server, &document).await;
    ann.lose();
    ben.lose();
    server.restart().await;
    server.verify();
    ann.reconnect().await;
    ben.reconnect().await;
    ann.write(&document, ".").await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    let exported = automerge::Automerge::load(&server.export(&document)).expect("an exported document loads");
    assert_eq!(exported.get_heads(), ann.heads(&document));
}

#[tokio::test]
async fn a_document_that_takes_long_to_read_holds_up_nobody_when_it_is_compacted() {
    // R6: small changes that are 12 MB each once they are inflated, more of them than a worker may have in memory
    let settings = eager().set("compaction.min_changes", 290);
    let settings = settings.set("worker.memory_bytes", 256 << 20).set("server.threads", 1);
    let mut server = settings.start().await;
    let parts: Vec<_> = (0..6)
        .map(|part| {
            let changes: Vec<_> = (0..50).map(|n| forge::bulky_change(50 * part + n, 12 << 20)).collect();
            let heads = changes.iter().map(Change::hash).collect();
            let chunks = changes.into_iter().map(|mut change| change.bytes().into_owned());
            forge::message(heads, chunks.collect())
        })
        .collect();
    let mut bystanders = Bystanders::of(&server).await;
    let mut mallory = server.user("mallory").raw_joined().await;
    let document = new_document_id();
    for part in parts {
        let frame = mallory.about("sync", &document).with("data", part);
        mallory.send(&frame).await;
    }
    let began = Instant::now();
    while !server.log().contains("could not be compacted") {
        bystanders.type_on("a document that takes long to read").await;
        assert!(began.elapsed() < 6 * PATIENCE, "nobody tried to compact it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bystanders.type_on("its compaction").await;
    server.assert_alive();
}
