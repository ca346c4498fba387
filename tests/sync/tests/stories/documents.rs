//! D1–D4: which documents there are, and for whom.

use std::time::{Duration, Instant};

use automerge::sync::{Message, MessageFlags};
use fieldbook_harness::{Peer, TestServer, Unavailable, converge, new_document_id};
use fieldbook_sync_tests::forge;

const GRACE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn made_here_found_there() {
    // D3, D4
    let server = TestServer::start().await;
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.create().await;
    ann.write(&document, "Call on the new clinic").await;
    let (found, ()) = tokio::join!(ben.find(&document), ann.saved(&document));
    found.expect("the creator's first message arrives within the grace");
    ben.reads(&document, "Call on the new clinic").await;
    ben.write(&document, " on Monday").await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    assert_eq!(ann.text(&document), "Call on the new clinic on Monday");
}

#[tokio::test]
async fn asked_for_a_moment_before_it_is_made() {
    // D2
    let server = TestServer::setup()
        .set("sync.unavailable_grace_ms", 2_000)
        .start()
        .await;
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.draft();
    ben.request(&document).await;
    ben.listen(Duration::from_millis(100)).await;
    ann.start(&document).await;
    ann.write(&document, "just in time").await;
    tokio::join!(ann.saved(&document), ben.reads(&document, "just in time"));
    assert!(!ben.replica(&document).unavailable, "nobody said that it was not there");
}

#[tokio::test]
async fn unknown_and_forbidden_look_the_same() {
    // D2
    let server = TestServer::start().await;
    let (mut ann, mut sam) = (
        server.user("ann").connect().await,
        server.stranger("sam").connect().await,
    );
    let document = ann.create().await;
    ann.saved(&document).await;
    for _ in 0..3 {
        let unknown = time_to_unavailable(&mut sam, &new_document_id()).await;
        let forbidden = time_to_unavailable(&mut sam, &document).await;
        for time in [unknown, forbidden] {
            assert!(
                time >= GRACE && time < GRACE + Duration::from_millis(250),
                "unknown {unknown:?}, forbidden {forbidden:?}"
            );
        }
    }
}

async fn time_to_unavailable(peer: &mut Peer, document: &str) -> Duration {
    let asked = Instant::now();
    assert_eq!(peer.find(document).await, Err(Unavailable));
    asked.elapsed()
}

#[tokio::test]
async fn nobody_writes_into_another_workspaces_document() {
    // D2, D4: knowing the id and the history is not enough
    let server = TestServer::start().await;
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.create().await;
    ann.write(&document, "ours").await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");

    let mut sam = server.stranger("sam").raw_joined().await;
    let theirs = forge::altered(&forge::change(), |change| change.deps = ann.heads(&document));
    for data in [forge::message_with(&theirs), forge::message_with(&forge::change())] {
        let frame = sam.about("sync", &document).with("data", data);
        sam.send(&frame).await;
    }
    ben.write(&document, ", only").await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    assert_eq!(
        ann.replica(&document).doc().get_changes(&[]).len(),
        3,
        "made, written, written"
    );
    let answer = sam.next_within(GRACE).await;
    let told = format!("{answer:?}");
    assert!(!told.contains("\"sync\""), "a stranger hears nothing of it: {told}");
}

#[tokio::test]
async fn a_viewer_reads_and_what_a_viewer_sends_changes_nothing() {
    // D4, S7
    let server = TestServer::start().await;
    let (mut ann, mut vic) = (server.user("ann").connect().await, server.viewer("vic").connect().await);
    let document = ann.create().await;
    ann.write(&document, "read me").await;
    ann.saved(&document).await;
    vic.find(&document).await.expect("viewers read");
    vic.reads(&document, "read me").await;
    assert!(
        vic.replica(&document).is_read_only(),
        "S7: told so with the first message"
    );

    let mut raw = server.viewer("vic").raw_joined().await;
    let change = forge::altered(&forge::change(), |change| change.deps = ann.heads(&document));
    let frame = raw.about("sync", &document).with("data", forge::message_with(&change));
    raw.send(&frame).await;
    let answer = Message::decode(raw.frame_of("sync").await.bytes("data")).expect("a sync message");
    assert!(
        answer
            .flags
            .is_some_and(|flags| flags.contains(MessageFlags::READ_ONLY)),
        "S7"
    );

    ann.write(&document, ", please").await;
    vic.reads(&document, "read me, please").await;
    assert_eq!(
        ann.replica(&document).doc().get_changes(&[]).len(),
        3,
        "made, written, written"
    );
}

#[tokio::test]
async fn a_viewer_makes_no_documents() {
    // D3
    let server = TestServer::start().await;
    let (mut ann, mut vic) = (server.user("ann").connect().await, server.viewer("vic").connect().await);
    let document = vic.create().await;
    vic.write(&document, "mine?").await;
    vic.listen(Duration::from_millis(100)).await;
    assert_eq!(ann.find(&document).await, Err(Unavailable));
    assert!(!vic.replica(&document).unsaved().is_empty(), "nothing was acknowledged");
}

#[tokio::test]
async fn an_invalid_document_id_closes_the_socket_and_says_why() {
    // D1
    let server = TestServer::start().await;
    let not_a_uuid = bs58::encode([7; 16]).with_check().into_string(); // 16 bytes, but of no version
    for id in ["", "automerge", "0OIl", &not_a_uuid, &"z".repeat(100_000)] {
        let mut socket = server.user("ann").raw_joined().await;
        let frame = socket
            .about("request", id)
            .with("data", forge::message(Vec::new(), Vec::new()));
        socket.send(&frame).await;
        let (code, reason) = socket.closed().await;
        assert_eq!(code, Some(1007), "{reason}");
        assert!(reason.contains("document id"), "{reason}");
    }
}
