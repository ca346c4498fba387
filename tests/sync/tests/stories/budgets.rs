//! R6: what one user's sockets may have in the server's memory together, and how long it may take to arrive.

use std::net::SocketAddr;
use std::time::Duration;

use fieldbook_harness::socket::addressed;
use fieldbook_harness::{Arrival, Join, PATIENCE, RawSocket, TestServer, TestUser, Value, new_document_id};
use fieldbook_sync_tests::{Bystanders, forge, peak_memory_mb};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// A connection of which every byte is one's own doing.
struct Bare(TcpStream);

impl Bare {
    /// Upgraded to a WebSocket, and joined.
    async fn joined(user: &TestUser, address: SocketAddr) -> Self {
        let mut bare = Self(TcpStream::connect(address).await.expect("the server accepts"));
        let head = format!(
            "GET /sync?token={} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n",
            user.token()
        );
        bare.says(head.as_bytes()).await;
        bare.hears("\r\n\r\n").await;
        let join = Join::new(user.name()).fieldbook().frame().encode();
        bare.says(&head_of(join.len())).await;
        bare.says(&join).await;
        bare.hears("peer").await;
        bare
    }

    async fn says(&mut self, bytes: &[u8]) {
        // Whoever is closed while they speak hears so.
        let _ = self.0.write_all(bytes).await;
    }

    /// Reads until these words have come.
    async fn hears(&mut self, words: &str) {
        let mut heard = Vec::new();
        let until = async {
            while !String::from_utf8_lossy(&heard).contains(words) {
                let mut some = [0; 4_096];
                let count = self.0.read(&mut some).await.unwrap_or(0);
                assert_ne!(count, 0, "over, without {words:?}: {}", String::from_utf8_lossy(&heard));
                heard.extend_from_slice(&some[..count]);
            }
        };
        tokio::time::timeout(PATIENCE, until).await.expect("in time");
    }
}

/// The head of a binary frame of this length, under a mask of zeros.
fn head_of(length: usize) -> Vec<u8> {
    [&[0x82, 0xff], &(length as u64).to_be_bytes()[..], &[0; 4]].concat()
}

#[tokio::test]
async fn sixty_sockets_of_one_user_take_no_more_memory_than_allowed() {
    const SOCKETS: usize = 60;
    const EACH: usize = 3 << 20;
    const BUDGET: usize = 16 << 20;
    const MARGIN_MB: u64 = 50;
    let settings = TestServer::setup()
        .set("limits.user_bytes", BUDGET)
        .set("limits.frame_bytes", BUDGET)
        .set("limits.user_bytes_per_second", 1_000_000_000);
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let before = peak_memory_mb(server.pid());
    let mallory = server.user("mallory");
    let (mut bare, mut in_parts) = (Vec::new(), Vec::new());
    for _ in 0..SOCKETS / 2 {
        let mut socket = Bare::joined(&mallory, server.address()).await;
        socket.says(&head_of(2 * EACH)).await;
        socket.says(&vec![0; EACH]).await;
        bare.push(socket);
        let mut socket = mallory.raw_joined().await;
        let first = Frame::message(vec![0; EACH], OpCode::Data(Data::Binary), false);
        socket.send_fragments([first]).await;
        in_parts.push(socket);
    }
    bystanders.type_on("180 MB of unfinished frames").await;
    let mut closed = 0;
    for socket in &mut in_parts {
        if let Some(Arrival::Closed(code, reason)) = socket.next_within(Duration::from_millis(20)).await {
            assert_eq!(code, Some(1013), "{reason}");
            assert!(reason.contains("limits.user_bytes"), "{reason}");
            closed += 1;
        }
    }
    assert!(closed > SOCKETS / 4, "only {closed} were closed");
    let growth = peak_memory_mb(server.pid()) - before;
    assert!(
        growth < (BUDGET as u64 >> 20) + MARGIN_MB,
        "the server has grown by {growth} MB"
    );
    // What is given up is given back.
    drop((bare, in_parts));
    let mut again = mallory.connect().await;
    let document = again.create().await;
    again.saved(&document).await;
    server.assert_alive();
}

#[tokio::test]
async fn documents_that_wait_for_a_user_who_does_not_read_are_in_their_budget() {
    const SOCKETS: usize = 40;
    const SIZE: usize = 4 << 20;
    const BUDGET: usize = 32 << 20;
    const MARGIN_MB: u64 = 70;
    let settings = TestServer::setup()
        .set("limits.user_bytes", BUDGET)
        .set("sync.ping_interval_ms", 600_000);
    let mut server = settings.start().await;
    let mut ann = server.user("ann").connect().await;
    let document = ann.create().await;
    ann.replica_mut(&document).paste_bytes(SIZE);
    ann.send(&document).await;
    ann.saved(&document).await;
    let before = peak_memory_mb(server.pid());
    let mallory = server.user("mallory");
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(mallory.raw_joined().await);
    }
    for socket in &mut sockets {
        ask(socket, &document).await;
    }
    ann.write(&document, "+").await;
    ann.saved(&document).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let growth = peak_memory_mb(server.pid()) - before;
    assert!(
        growth < (BUDGET as u64 >> 20) + MARGIN_MB,
        "the server has grown by {growth} MB"
    );
    server.assert_alive();
}

#[tokio::test]
async fn a_frame_that_never_ends_is_given_up() {
    let settings = TestServer::setup()
        .set("limits.frame_ms", 400)
        .set("sync.ping_interval_ms", 200);
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mallory = server.user("mallory");
    let socket = Bare::joined(&mallory, server.address()).await;
    let (mut from, mut to) = socket.0.into_split();
    let speaking = tokio::spawn(async move {
        let _ = to.write_all(&head_of(10_000)).await;
        while to.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut heard = Vec::new();
    let over = tokio::time::timeout(PATIENCE, from.read_to_end(&mut heard)).await;
    speaking.abort();
    assert!(over.is_ok(), "it is still open");
    assert!(String::from_utf8_lossy(&heard).contains("limits.frame_ms"));

    let mut socket = mallory.raw_joined().await;
    let part = Frame::message(vec![0; 10], OpCode::Data(Data::Binary), false);
    socket.send_fragments([part]).await;
    let (code, reason) = socket.closed().await;
    assert_eq!(code, Some(1008), "{reason}");
    assert!(reason.contains("limits.frame_ms"), "{reason}");
    bystanders.type_on("frames without an end").await;
    server.assert_alive();
}

#[tokio::test]
async fn who_sends_a_long_frame_slowly_is_not_taken_for_silent() {
    // C6: a client cannot answer pings in the middle of a frame.
    let settings = TestServer::setup().set("sync.ping_interval_ms", 100);
    let server = settings.start().await;
    let mut socket = Bare::joined(&server.user("ann"), server.address()).await;
    let frame = Value::frame("nonsense").with("data", vec![0_u8; 2_000]).encode();
    socket.says(&head_of(frame.len())).await;
    for some in frame.chunks(200) {
        socket.says(some).await;
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    let ping = Value::frame("fb").with("kind", "ping").with("id", 1).encode();
    socket.says(&head_of(ping.len())).await;
    socket.says(&ping).await;
    socket.hears("pong").await;
}

#[tokio::test]
async fn a_frame_without_measure_is_not_kept() {
    const MARGIN_MB: u64 = 30;
    let settings = TestServer::setup()
        .set("limits.frame_bytes", 1 << 20)
        .set("limits.bytes_per_second", 1_000_000_000)
        .set("limits.user_bytes_per_second", 1_000_000_000);
    let mut server = settings.start().await;
    let before = peak_memory_mb(server.pid());
    let mut socket = Bare::joined(&server.user("mallory"), server.address()).await;
    socket.says(&head_of(1 << 40)).await;
    for _ in 0..100 {
        socket.says(&vec![0; 1 << 20]).await;
    }
    let growth = peak_memory_mb(server.pid()) - before;
    assert!(growth < MARGIN_MB, "the server has grown by {growth} MB");
    server.assert_alive();
}

#[tokio::test]
async fn one_user_cannot_fill_the_memory_with_unknown_documents() {
    const TIMES: usize = 5;
    let settings = TestServer::setup()
        .set("limits.documents_in_memory", 40)
        .set("limits.documents_per_user", 20)
        .set("limits.document_wait_ms", 2_000);
    let mut server = settings.start().await;
    let mut ann = server.user("ann").connect().await;
    let before = ann.create().await;
    ann.saved(&before).await;
    for _ in 0..TIMES {
        let (mut first, mut second) = (viewer(&server).await, viewer(&server).await);
        for _ in 0..10 {
            ask(&mut first, &new_document_id()).await;
            ask(&mut second, &new_document_id()).await;
        }
        // As many as they may: all of them are answered.
        for socket in [&mut first, &mut second] {
            for _ in 0..10 {
                socket.frame_of("doc-unavailable").await;
            }
        }
        ask(&mut first, &new_document_id()).await;
        let (code, reason) = first.closed().await;
        assert_eq!(code, Some(1008), "{reason}");
        assert!(reason.contains("limits.documents_per_user"), "{reason}");
        let document = ann.create().await;
        ann.saved(&document).await;
        drop(second);
    }
    server.assert_alive();
}

async fn viewer(server: &TestServer) -> RawSocket {
    server.viewer("vic").raw_joined().await
}

async fn ask(socket: &mut RawSocket, document: &str) {
    let request = socket.about("request", document);
    let data = forge::message(Vec::new(), Vec::new());
    socket.send(&request.with("data", data)).await;
}

#[tokio::test]
async fn when_the_memory_is_full_one_waits_and_is_told() {
    let settings = TestServer::setup()
        .set("limits.documents_in_memory", 3)
        .set("limits.documents_per_user", 3)
        .set("limits.document_wait_ms", 300);
    let server = settings.start().await;
    let mut ann = server.user("ann").raw_joined().await;
    for _ in 0..3 {
        ask(&mut ann, &new_document_id()).await;
        ann.frame_of("doc-unavailable").await;
    }
    let mut ben = server.user("ben").raw_joined().await;
    ask(&mut ben, &new_document_id()).await;
    let (code, reason) = ben.closed().await;
    assert_eq!(code, Some(1013), "{reason}");
    assert!(reason.contains("limits.documents_in_memory"), "{reason}");
}

#[tokio::test]
async fn when_the_memory_is_full_what_nobody_has_open_is_put_away() {
    let settings = TestServer::setup()
        .set("limits.documents_in_memory", 3)
        .set("limits.documents_per_user", 3)
        .set("sync.unload_ms", 600_000);
    let server = settings.start().await;
    for _ in 0..2 {
        let mut ann = server.user("ann").connect().await;
        let document = ann.create().await;
        ann.saved(&document).await;
        ann.leave().await;
    }
    // Their titles have been read; nothing wakes them any more.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut ben = server.user("ben").connect().await;
    for _ in 0..3 {
        let document = ben.create().await;
        ben.saved(&document).await;
    }
}

#[tokio::test]
async fn a_socket_has_so_many_documents_open() {
    let server = TestServer::setup().set("limits.documents_per_socket", 3).start().await;
    let mut socket = server.user("ann").raw_joined().await;
    let documents: Vec<String> = (0..3).map(|_| new_document_id()).collect();
    for document in documents.iter().chain(&documents) {
        ask(&mut socket, document).await;
        socket.frame_of("doc-unavailable").await;
    }
    ask(&mut socket, &new_document_id()).await;
    let (code, reason) = socket.closed().await;
    assert_eq!(code, Some(1008), "{reason}");
    assert!(reason.contains("limits.documents_per_socket"), "{reason}");
}

#[tokio::test]
async fn changes_that_wait_for_others_are_in_their_senders_budget() {
    const EACH: u64 = 200;
    let settings = TestServer::setup()
        .set("limits.user_bytes", 300_000)
        .set("limits.frame_bytes", 300_000);
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mallory = server.user("mallory");
    let mut sockets = Vec::new();
    for number in 0..10 {
        let orphans: Vec<_> = (0..EACH).map(|n| forge::orphan(number * EACH + n)).collect();
        let heads = orphans.iter().map(automerge::Change::hash).collect();
        let chunks = orphans.iter().map(|change| change.raw_bytes().to_vec()).collect();
        let name = format!("mallory-{number}");
        let mut socket = mallory.raw().await;
        socket.send(&Join::with_peer_id(&name).frame()).await;
        let frame = addressed("sync", &name, "server").with("documentId", new_document_id());
        let data = forge::message(heads, chunks);
        socket.send(&frame.with("data", data)).await;
        let mut answer = socket.next().await;
        // When the budget is used up, it is instead of this that one hears so.
        if matches!(&answer, Arrival::Frame(frame) if frame.kind() == "peer") {
            answer = socket.next().await;
        }
        match answer {
            Arrival::Frame(_) => sockets.push(socket),
            Arrival::Closed(code, reason) => {
                assert_eq!(code, Some(1013), "{reason}");
                assert!(reason.contains("limits.user_bytes"), "{reason}");
                break;
            }
        }
    }
    assert!(
        (2..5).contains(&sockets.len()),
        "{} were within the budget",
        sockets.len()
    );
    // What was kept is forgotten with the sessions.
    drop(sockets);
    let mut again = mallory.connect().await;
    let document = again.create().await;
    again.saved(&document).await;
    bystanders.type_on("changes that wait for others").await;
    server.assert_alive();
}
