//! R6: limits that stop one socket, each at its value and beyond; what is beyond is what `docs/configuration.md` says, and
//! others go on.

use std::time::{Duration, Instant};

use automerge::sync::{Message, MessageFlags};
use automerge::transaction::Transactable;
use automerge::{Automerge, Change, ROOT};
use fieldbook_harness::socket::addressed;
use fieldbook_harness::{Join, Peer, RawSocket, TestServer, Value, converge};
use fieldbook_sync_tests::{Bystanders, forge};

fn fb(kind: &str) -> Value {
    Value::frame("fb").with("kind", kind)
}

async fn extended(server: &TestServer, name: &str) -> RawSocket {
    let mut socket = server.user(name).raw().await;
    socket.join(&Join::new(name).fieldbook()).await;
    socket
}

/// Ann and Ben have it open.
async fn shared(server: &TestServer) -> (Peer, Peer, String) {
    let mut ann = server.user("ann").connect_fieldbook().await;
    let mut ben = server.user("ben").connect_fieldbook().await;
    let document = ann.create().await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");
    (ann, ben, document)
}

#[tokio::test]
async fn a_socket_has_a_byte_rate_and_nothing_is_dropped() {
    let server = TestServer::setup()
        .set("limits.bytes_per_second", 100_000)
        .start()
        .await;
    let mut bystanders = Bystanders::of(&server).await;
    let mut socket = extended(&server, "mallory").await;
    let began = Instant::now();
    let nonsense = Value::frame("nonsense").with("data", vec![0_u8; 100_000]);
    for id in 0..3 {
        socket.send(&nonsense).await;
        socket.send(&fb("ping").with("id", id)).await;
    }
    bystanders.type_on("300 kB").await;
    for id in 0..3 {
        assert_eq!(socket.frame_of("fb").await.int("id"), Some(id));
    }
    assert!(
        began.elapsed() > Duration::from_millis(1_900),
        "300 kB at 100 kB a second take a while"
    );
}

async fn shows(peer: &mut Peer, document: &str, data: &[u8]) {
    let presence = fb("presence").with("documentId", document);
    peer.send_frame(&presence.with("data", data.to_vec())).await;
}

/// The next state of Ann's that Ben is told and that is not empty.
async fn told(ben: &mut Peer) -> Vec<u8> {
    let of_ann = |frame: &Value| {
        let people = frame.array("people");
        let ann = people.iter().find(|person| person.text("name") == "ann");
        ann.filter(|ann| ann.get("data").is_some())
            .map(|ann| ann.bytes("data").to_vec())
    };
    let frame = ben
        .fb_where("presence", |frame| of_ann(frame).is_some_and(|data| !data.is_empty()))
        .await;
    of_ann(&frame).expect("it has just been seen")
}

#[tokio::test]
async fn presence_has_a_size() {
    let server = TestServer::setup().set("limits.presence_bytes", 100).start().await;
    let (mut ann, mut ben, document) = shared(&server).await;
    shows(&mut ann, &document, &[1; 100]).await;
    assert_eq!(told(&mut ben).await, [1; 100]);
    shows(&mut ann, &document, &[2; 101]).await;
    shows(&mut ann, &document, &[3; 10]).await;
    assert_eq!(
        told(&mut ben).await,
        [3; 10],
        "what is too long is dropped, the rest goes on"
    );
    ann.write(&document, "on").await;
    converge(&mut [&mut ann, &mut ben], &document).await;
}

#[tokio::test]
async fn presence_has_a_rate() {
    const RATE: u8 = 5;
    let settings = TestServer::setup()
        .set("limits.presence_per_second", RATE)
        .set("sync.presence_tick_ms", 1);
    let server = settings.start().await;
    let (mut ann, mut ben, document) = shared(&server).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for number in 1..=200 {
        shows(&mut ann, &document, &[number]).await;
    }
    let mut last = 0;
    while last < RATE {
        last = told(&mut ben).await[0];
    }
    ben.listen(Duration::from_millis(100)).await;
    assert!(last < 2 * RATE, "the {last}th came through at once");
    tokio::time::sleep(Duration::from_secs(1)).await;
    shows(&mut ann, &document, &[255]).await;
    while told(&mut ben).await != [255] {}
}

#[tokio::test]
async fn a_mailbox_of_one_loses_nothing() {
    let server = TestServer::setup().set("limits.mailbox", 1).start().await;
    let (mut ann, mut ben, document) = shared(&server).await;
    let mut cat = server.user("cat").connect().await;
    cat.find(&document).await.expect("they share a workspace");
    for _ in 0..50 {
        for peer in [&mut ann, &mut ben, &mut cat] {
            peer.write(&document, "x").await;
        }
    }
    converge(&mut [&mut ann, &mut ben, &mut cat], &document).await;
    assert_eq!(ann.text(&document).len(), 150);
}

/// A change that puts one value of so many bytes.
fn of_bytes(bytes: usize) -> Change {
    let mut doc = Automerge::new();
    let mut edit = doc.transaction();
    edit.put(ROOT, "key", vec![7; bytes]).expect("the root is a map");
    edit.commit();
    doc.get_last_local_change().expect("it has just been made")
}

fn of_operations(count: i64) -> Change {
    let mut doc = Automerge::new();
    let mut edit = doc.transaction();
    for number in 0..count {
        edit.put(ROOT, format!("key {number}"), number)
            .expect("the root is a map");
    }
    edit.commit();
    doc.get_last_local_change().expect("it has just been made")
}

/// Offers it on a new document; the rule that it breaks.
async fn offer(server: &TestServer, change: &Change) -> Option<String> {
    let mut socket = extended(server, "mallory").await;
    let frame = socket.about("sync", &fieldbook_harness::new_document_id());
    socket.send(&frame.with("data", forge::message_with(change))).await;
    loop {
        let frame = socket.frame().await;
        if frame.kind() == "fb" && frame.text("kind") == "refused" {
            return Some(frame.text("rule").to_owned());
        }
        if frame.kind() == "sync" {
            let message = Message::decode(frame.bytes("data")).expect("a sync message");
            let is_refused = message.flags.is_some_and(|bits| bits.contains(MessageFlags::READ_ONLY));
            if !is_refused && message.heads == [change.hash()] {
                return None;
            }
        }
    }
}

#[tokio::test]
async fn a_change_has_so_many_bytes_inflated_at_most() {
    const MOST: usize = 4_000;
    // Magic bytes, checksum, type, and a length of two bytes come before what is counted.
    let body = |change: &Change| change.raw_bytes().len() - 11;
    let beside = body(&of_bytes(3_000)) - 3_000;
    let server = TestServer::setup().set("limits.change_bytes", MOST).start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let (fits, too_large) = (of_bytes(MOST - beside), of_bytes(MOST - beside + 1));
    assert_eq!((body(&fits), body(&too_large)), (MOST, MOST + 1));
    assert_eq!(offer(&server, &fits).await, None);
    assert_eq!(offer(&server, &too_large).await.as_deref(), Some("change-bytes"));
    bystanders.type_on("a change that is too large").await;
}

#[tokio::test]
async fn a_change_has_so_many_operations_at_most() {
    let server = TestServer::setup().set("limits.change_ops", 100).start().await;
    let mut bystanders = Bystanders::of(&server).await;
    assert_eq!(offer(&server, &of_operations(100)).await, None);
    assert_eq!(offer(&server, &of_operations(101)).await.as_deref(), Some("change-ops"));
    bystanders.type_on("a change of too many operations").await;
}

#[tokio::test]
async fn one_user_and_the_server_have_so_many_sockets() {
    let settings = TestServer::setup()
        .set("limits.sockets_per_user", 2)
        .set("limits.sockets", 3);
    let server = settings.start().await;
    let status =
        |outcome: Result<RawSocket, fieldbook_harness::socket::Refused>| outcome.err().map(|refused| refused.0);
    let (ann, ben) = (server.user("ann"), server.user("ben"));
    let (first, _second) = (ann.raw_joined().await, ann.raw_joined().await);
    assert_eq!(status(ann.try_raw().await), Some(429));
    let _his = ben.raw_joined().await;
    assert_eq!(status(ben.try_raw().await), Some(503));
    first.close().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while ben.try_raw().await.is_err() {
        assert!(Instant::now() < deadline, "the place is still taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn ephemerals_and_presence_of_one_user_share_a_byte_rate() {
    // E3
    let settings = TestServer::setup()
        .set("limits.ephemeral_bytes", 10_000)
        .set("limits.user_ephemeral_bytes_per_second", 10_000);
    let server = settings.start().await;
    let (mut ann, mut ben, document) = shared(&server).await;
    let mut tablet = server.user("ann").connect_fieldbook().await;
    tablet.find(&document).await.expect("it is her own");
    for count in 1..=20 {
        ann.broadcast(&document, "phone", count, vec![0; 4_000]).await;
        tablet.broadcast(&document, "tablet", count, vec![0; 4_000]).await;
    }
    shows(&mut ann, &document, &[1; 4_000]).await;
    let mut cat = server.user("cat").connect().await;
    cat.find(&document).await.expect("they share a workspace");
    cat.broadcast(&document, "cat", 1, vec![0; 4_000]).await;
    let mut of_ann = 0;
    while ben.ephemeral().await.text("sessionId") != "cat" {
        of_ann += 1;
    }
    assert!((1..=4).contains(&of_ann), "{of_ann} came through");
    ann.write(&document, "on").await;
    converge(&mut [&mut ann, &mut ben, &mut tablet, &mut cat], &document).await;
}

#[tokio::test]
async fn a_flood_of_ephemerals_closes_no_slow_reader() {
    // R6: what is not kept anywhere is not worth a connection. 20 MB are more than the systems hold on both ends.
    const MESSAGES: i64 = 320;
    let settings = TestServer::setup()
        .set("limits.outbox_bytes", 1_000_000)
        .set("limits.ephemeral_per_second", 1_000)
        .set("limits.user_ephemeral_bytes_per_second", 100_000_000)
        .set("sync.ping_interval_ms", 600_000); // so that it is not for pings that he is closed
    let server = settings.start().await;
    let (mut ann, mut cat, document) = shared(&server).await;
    let mut ben = server.user("ben").raw_joined().await;
    let request = ben.about("request", &document);
    ben.send(&request.with("data", forge::message(Vec::new(), Vec::new())))
        .await;
    ben.frame_of("sync").await;
    let mut viewer = server.viewer("vic").raw_joined().await;
    let request = viewer.about("request", &document);
    viewer
        .send(&request.with("data", forge::message(Vec::new(), Vec::new())))
        .await;
    viewer.frame_of("sync").await;
    for count in 1..=MESSAGES {
        let frame = viewer.about("ephemeral", &document).with("count", count);
        let data = vec![0_u8; 65_000];
        viewer.send(&frame.with("sessionId", "s").with("data", data)).await;
        // Who reads gets them.
        while cat.ephemeral().await.int("count") != Some(count) {}
    }
    ann.write(&document, "still here").await;
    ann.saved(&document).await;
    let (mut ephemerals, mut last) = (0, 0);
    loop {
        let frame = ben.frame().await;
        if frame.kind() == "ephemeral" {
            ephemerals += 1;
            assert!(frame.int("count") > Some(last), "they come in order");
            last = frame.int("count").expect("a number");
            continue;
        }
        let message = Message::decode(frame.bytes("data")).expect("a sync message");
        if message.heads == ann.heads(&document) {
            break;
        }
    }
    assert!((1..MESSAGES).contains(&ephemerals), "{ephemerals} came");
    let goodbye = addressed("leave", "vic", "server");
    viewer.send(&goodbye).await;
}
