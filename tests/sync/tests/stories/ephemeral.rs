//! E1–E3: what is relayed and never kept.

use std::time::Duration;

use fieldbook_harness::socket::addressed;
use fieldbook_harness::{Peer, TestServer, Value};

/// Long enough for a frame that should not come to have come.
const A_MOMENT: Duration = Duration::from_millis(300);

async fn three(server: &TestServer) -> ([Peer; 3], String) {
    let mut ann = server.user("ann").connect().await;
    let document = ann.create().await;
    ann.saved(&document).await;
    let (mut ben, mut cat) = (server.user("ben").connect().await, server.user("cat").connect().await);
    for peer in [&mut ben, &mut cat] {
        peer.find(&document).await.expect("they share a workspace");
    }
    ([ann, ben, cat], document)
}

#[tokio::test]
async fn relayed_once_with_its_own_ids_whatever_is_echoed() {
    // E1: these clients echo everything, as stock clients do
    let server = TestServer::start().await;
    let ([mut ann, mut ben, mut cat], document) = three(&server).await;
    for count in 1..=20 {
        ann.broadcast(&document, "session", count, vec![0x61, b'x']).await;
    }
    for peer in [&mut ben, &mut cat] {
        for count in 1..=20 {
            let frame = peer.ephemeral().await;
            assert_eq!(
                (frame.text("senderId"), frame.text("sessionId")),
                (ann.peer_id(), "session")
            );
            assert_eq!(
                (frame.int("count"), frame.text("targetId")),
                (Some(count), peer.peer_id())
            );
            assert_eq!(frame.bytes("data"), [0x61, b'x']);
        }
    }
    for peer in [&mut ann, &mut ben, &mut cat] {
        peer.listen(A_MOMENT).await;
        assert_eq!(peer.ephemerals.len(), 0, "{} hears an echo", peer.peer_id());
    }
}

#[tokio::test]
async fn what_is_not_new_or_not_ones_own_is_dropped() {
    // E1
    let server = TestServer::start().await;
    let ([mut ann, mut ben, cat], document) = three(&server).await;
    ann.broadcast(&document, "session", 5, vec![0xf6]).await;
    assert_eq!(ben.ephemeral().await.int("count"), Some(5));
    ann.broadcast(&document, "session", 5, vec![0xf6]).await;
    ann.broadcast(&document, "session", 4, vec![0xf6]).await;
    let in_cats_name = addressed("ephemeral", cat.peer_id(), "server")
        .with("documentId", document.as_str())
        .with("count", 9)
        .with("sessionId", "hers")
        .with("data", vec![0xf6]);
    ann.send_frame(&in_cats_name).await;
    ann.broadcast(&document, "session", 6, vec![0xf6]).await;
    let next = ben.ephemeral().await;
    assert_eq!((next.text("senderId"), next.int("count")), (ann.peer_id(), Some(6)));
}

#[tokio::test]
async fn echoes_do_not_use_up_the_carriers_own_rate() {
    // E1, E3
    let server = TestServer::setup().set("limits.ephemeral_per_second", 20).start().await;
    let ([mut ann, mut ben, mut cat], document) = three(&server).await;
    for count in 1..=20 {
        ann.broadcast(&document, "a", count, vec![0xf6]).await;
    }
    for _ in 1..=20 {
        ben.ephemeral().await;
    }
    for count in 1..=20 {
        ben.broadcast(&document, "b", count, vec![0xf6]).await;
    }
    let (name, all) = (ben.peer_id().to_owned(), 20);
    let from_ben = |cat: &Peer| {
        cat.ephemerals
            .iter()
            .filter(|frame| frame.text("senderId") == name)
            .count()
    };
    cat.until("Ben's twenty messages", |cat| from_ben(cat) == all).await;
}

#[tokio::test]
async fn too_large_or_too_many_are_dropped_and_edits_are_not() {
    // E3
    let settings = TestServer::setup()
        .set("limits.ephemeral_per_second", 10)
        .set("limits.ephemeral_bytes", 1_000);
    let server = settings.start().await;
    let ([mut ann, mut ben, _cat], document) = three(&server).await;
    ann.broadcast(&document, "s", 1, vec![0; 1_001]).await;
    for count in 2..=200 {
        ann.broadcast(&document, "s", count, vec![0xf6]).await;
    }
    ann.write(&document, "still typing").await;
    ben.reads(&document, "still typing").await;
    let relayed = ben.ephemerals.len();
    assert!((1..=40).contains(&relayed), "{relayed} of 200 at ten a second");
    assert!(ben.ephemerals.iter().all(|frame| frame.bytes("data").len() <= 1_000));
    assert!(ann.is_connected());
}

#[tokio::test]
async fn goodbye_is_said_for_who_vanished() {
    // E2
    let server = TestServer::start().await;
    let ([mut ann, mut ben, mut cat], document) = three(&server).await;
    let snapshot = Value::Map(vec![
        ("type".into(), "snapshot".into()),
        ("state".into(), Value::Map(Vec::new())),
    ]);
    let presence = Value::Map(vec![("__presence".into(), snapshot)]).encode();
    ann.broadcast(&document, "session", 1, presence).await;
    cat.broadcast(&document, "other", 1, vec![0xf6]).await; // takes no part in presence
    for _ in 0..2 {
        ben.ephemeral().await;
    }
    cat.lose();
    let who = ann.peer_id().to_owned();
    ann.lose();
    let goodbye = ben.ephemeral().await;
    assert_eq!(
        (goodbye.text("senderId"), goodbye.text("sessionId")),
        (who.as_str(), "session")
    );
    assert_eq!(goodbye.int("count"), Some(2));
    let said = Value::decode(goodbye.bytes("data")).expect("one CBOR value");
    assert_eq!(
        said.get("__presence").map(|presence| presence.text("type").to_owned()),
        Some("goodbye".into())
    );
    ben.listen(A_MOMENT).await;
    assert_eq!(ben.ephemerals.len(), 0, "nobody says goodbye for Cat");
}

#[tokio::test]
async fn a_stranger_hears_and_says_nothing() {
    // E1, D4
    let server = TestServer::start().await;
    let ([mut ann, mut ben, _cat], document) = three(&server).await;
    let mut sam = server.stranger("sam").connect().await;
    sam.find(&document).await.expect_err("it is none of his business");
    sam.broadcast(&document, "s", 1, vec![0xf6]).await;
    ann.broadcast(&document, "s", 1, vec![0xf6]).await;
    assert_eq!(ben.ephemeral().await.text("senderId"), ann.peer_id());
    sam.listen(A_MOMENT).await;
    ben.listen(A_MOMENT).await;
    assert_eq!((sam.ephemerals.len(), ben.ephemerals.len()), (0, 0));
}
