//! S1–S10: what each side is sent.

use std::time::{Duration, Instant};

use automerge::sync::{ChunkList, Have, Message, MessageVersion};
use fieldbook_harness::{Peer, RawSocket, TestServer, converge};
use fieldbook_sync_tests::forge;

async fn ann_and_ben(server: &TestServer) -> (Peer, Peer, String) {
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.create().await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");
    (ann, ben, document)
}

#[tokio::test]
async fn offline_edits_on_both_sides_merge() {
    // S2, S3
    let server = TestServer::start().await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    ann.lose();
    ben.lose();
    for _ in 0..50 {
        ann.replica_mut(&document).splice(0, 0, "a");
        ben.replica_mut(&document).splice(0, 0, "b");
    }
    ann.reconnect().await;
    ann.saved(&document).await;
    ben.reconnect().await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    let text = ann.text(&document);
    assert_eq!((text.matches('a').count(), text.matches('b').count()), (50, 50));
}

#[tokio::test]
async fn a_change_comes_once_and_its_author_hears_only_that_it_is_saved() {
    // S4, S5
    let server = TestServer::start().await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    let before = carried(&ben, &document);
    for _ in 0..30 {
        ann.write(&document, "x").await;
        ann.saved(&document).await;
    }
    converge(&mut [&mut ann, &mut ben], &document).await;
    assert_eq!(carried(&ben, &document) - before, 30, "each of 30 changes once");
    assert_eq!(carried(&ann, &document), 0, "her own changes are not sent back");
}

fn carried(peer: &Peer, document: &str) -> usize {
    peer.replica(document).received.iter().sum()
}

#[tokio::test]
async fn a_returning_client_is_sent_the_later_changes_alone() {
    // S2
    let server = TestServer::start().await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    for _ in 0..100 {
        ann.write(&document, "x").await;
    }
    converge(&mut [&mut ann, &mut ben], &document).await;
    ben.lose();
    for _ in 0..3 {
        ann.write(&document, "y").await;
    }
    ann.saved(&document).await;
    let before = carried(&ben, &document);
    ben.reconnect().await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    assert_eq!(carried(&ben, &document) - before, 3);
}

#[tokio::test]
async fn a_slow_reader_gets_fewer_larger_messages() {
    // S6
    let server = TestServer::setup()
        .set("sync.window_messages", 4)
        .set("sync.window_ms", 60_000)
        .start()
        .await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    let before = ben.replica(&document).received.len();
    // Ben's client reads its socket, but does not get round to applying and answering.
    for _ in 0..100 {
        ann.write(&document, "x").await;
        ann.saved(&document).await;
    }
    converge(&mut [&mut ann, &mut ben], &document).await;
    let messages = &ben.replica(&document).received[before..];
    let with_changes: Vec<usize> = messages.iter().filter(|changes| **changes > 0).copied().collect();
    assert_eq!(
        with_changes.iter().sum::<usize>(),
        100,
        "every change, once: {with_changes:?}"
    );
    assert!(
        with_changes.len() <= 6,
        "four in the window, then the rest together: {with_changes:?}"
    );
}

#[tokio::test]
async fn two_sockets_of_one_user_see_each_other() {
    // D4, S4
    let server = TestServer::start().await;
    let ann = server.user("ann");
    let (mut phone, mut desk) = (ann.connect().await, ann.connect().await);
    let document = phone.create().await;
    phone.write(&document, "from the phone, ").await;
    let (found, ()) = tokio::join!(desk.find(&document), phone.saved(&document));
    found.expect("it is her own");
    desk.write(&document, "from the desk").await;
    converge(&mut [&mut phone, &mut desk], &document).await;
}

#[tokio::test]
async fn a_document_uploaded_as_one_chunk() {
    // S1: what a client may do whose peer takes V2, and what an import does
    let server = TestServer::start().await;
    let mut ben = server.user("ben").connect().await;
    let mut author = server.user("ann").connect().await;
    let draft = author.draft();
    for number in 0..3_000 {
        author.replica_mut(&draft).append(&format!("{number} "));
    }
    let doc = author.replica(&draft).doc();
    let (need, flags, version) = (Vec::new(), None, MessageVersion::V2);
    let have = vec![Have {
        last_sync: doc.get_heads(),
        bloom: Default::default(),
    }];
    let upload = Message {
        heads: doc.get_heads(),
        need,
        have,
        changes: ChunkList::from(doc.save()),
        flags,
        version,
    };
    let mut socket = server.user("ann").raw_joined().await;
    let frame = socket.about("sync", &draft).with("data", upload.encode());
    socket.send(&frame).await;
    acknowledges(&mut socket, &doc.get_heads()).await;
    ben.find(&draft).await.expect("it was uploaded");
    ben.reads(&draft, &author.text(&draft)).await;
    ben.write(&draft, "and more").await;
    ben.saved(&draft).await;
}

async fn acknowledges(socket: &mut RawSocket, heads: &[automerge::ChangeHash]) {
    loop {
        let frame = socket.frame_of("sync").await;
        if Message::decode(frame.bytes("data")).expect("a sync message").heads == heads {
            return;
        }
    }
}

#[tokio::test]
async fn a_reset_begins_again_but_not_twice_at_once() {
    // S8
    let server = TestServer::start().await;
    let (mut ann, _ben, document) = ann_and_ben(&server).await;
    for _ in 0..20 {
        ann.write(&document, "x").await;
    }
    ann.saved(&document).await;
    let mut socket = server.user("ben").raw_joined().await;
    let reset = socket
        .about("request", &document)
        .with("data", forge::message(Vec::new(), Vec::new()));
    socket.send(&reset).await;
    let first = socket.frame_of("sync").await;
    let first = Message::decode(first.bytes("data")).expect("a sync message");
    assert!(!first.changes.is_empty(), "everything, to one who has nothing");

    let elsewhere = forge::message(vec![automerge::ChangeHash([7; 32])], Vec::new());
    let reset = socket.about("sync", &document).with("data", elsewhere);
    let began = Instant::now();
    for _ in 0..50 {
        socket.send(&reset).await;
    }
    let mut answers = 0;
    while let Some(arrival) = socket.next_within(Duration::from_millis(500)).await {
        let fieldbook_harness::Arrival::Frame(frame) = arrival else {
            panic!("closed: {arrival:?}")
        };
        answers += usize::from(
            !Message::decode(frame.bytes("data"))
                .expect("a sync message")
                .changes
                .is_empty(),
        );
    }
    assert!(
        answers <= 1 + began.elapsed().as_secs() as usize / 5,
        "{answers} times everything for the same heads"
    );
}

#[tokio::test]
async fn a_change_may_come_before_what_it_depends_on() {
    // S10
    let server = TestServer::start().await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    ann.replica_mut(&document).append("first ");
    ann.replica_mut(&document).append("second");
    let changes = ann.replica(&document).doc().get_changes(&ben.heads(&document));
    let mut socket = server.user("ann").raw_joined().await;
    for change in changes.iter().rev() {
        let frame = socket
            .about("sync", &document)
            .with("data", forge::message_with(change));
        socket.send(&frame).await;
    }
    ben.reads(&document, "first second").await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_after_unloading() {
    let mut server = TestServer::setup().set("sync.unload_ms", 50).start().await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    ann.write(&document, "kept").await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    ann.leave().await;
    ben.leave().await;
    tokio::time::sleep(Duration::from_millis(300)).await; // unloading tells nobody
    ann.reconnect().await;
    ann.write(&document, " and").await;
    ann.saved(&document).await;
    ann.lose();
    server.restart().await;
    let mut eve = server.user("eve").connect().await;
    eve.find(&document).await.expect("it is stored");
    eve.reads(&document, "kept and").await;
    ben.reconnect().await;
    ben.reads(&document, "kept and").await;
    ben.write(&document, " found").await;
    converge(&mut [&mut ben, &mut eve], &document).await;
    assert_eq!(eve.text(&document), "kept and found");
}
