//! R6: who takes their time, in speaking or in reading, takes it from nobody else.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use automerge::ROOT;
use automerge::transaction::Transactable;
use fieldbook_harness::{Join, PATIENCE, Peer, RawSocket, TestServer, TestUser, converge};
use fieldbook_sync_tests::{Bystanders, forge};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

#[tokio::test]
async fn a_handshake_byte_by_byte_is_broken_off() {
    let settings = TestServer::setup().set("limits.request_head_ms", 500);
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let head = format!(
        "GET /sync HTTP/1.1\r\nHost: {}\r\nX-Slow: {}",
        server.address(),
        "x".repeat(1_000)
    );
    let answer = dribble(server.address(), "", &head).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    bystanders.type_on("a handshake byte by byte").await;
    server.assert_alive();
}

#[tokio::test]
async fn a_body_byte_by_byte_is_broken_off() {
    let settings = TestServer::setup().set("limits.request_body_ms", 500);
    let mut server = settings.start().await;
    let head = format!(
        "POST /api/session HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n",
        server.address()
    );
    let answer = dribble(server.address(), &head, &"x".repeat(1_000)).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("limits.request_body_ms"), "{answer}");
    server.assert_alive();
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let settings = TestServer::setup().set("limits.idle_connection_ms", 300);
    let server = settings.start().await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    let answer = dribble(server.address(), &request, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Says the first at once and the rest slowly; gives what is answered until the server closes the connection.
async fn dribble(address: SocketAddr, at_once: &str, slowly: &str) -> String {
    let stream = TcpStream::connect(address).await.expect("the server accepts");
    let (mut from, mut to) = stream.into_split();
    to.write_all(at_once.as_bytes()).await.expect("the server reads");
    let bytes = slowly.as_bytes().to_vec();
    let speaking = tokio::spawn(async move {
        for byte in bytes {
            if to.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // What was said stays said: the end must come from the server.
        std::future::pending::<()>().await;
    });
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, from.read_to_end(&mut answer)).await;
    speaking.abort();
    assert!(
        closed.is_ok(),
        "still open: {:?}",
        String::from_utf8_lossy(&answer).into_owned()
    );
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_descriptor_of_a_reader_that_never_reads_is_gone() {
    // C6: nothing that the server sends arrives, so a write is under way that nobody can take back.
    let settings = TestServer::setup()
        .set("sync.ping_interval_ms", 300)
        .set("sync.window_ms", 10)
        .set("limits.sockets_per_user", 1)
        .set("limits.outbox_bytes", 1_000_000);
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mut ann = server.user("ann").connect().await;
    let document = ann.create().await;
    ann.saved(&document).await;
    let (_ben, address) = reader_who_never_reads(&server, &server.user("ben"), &document).await;
    let inode = inode_towards(&server, address).expect("the server has the connection");
    assert!(holds(server.pid(), inode));
    for _ in 0..100 {
        note(&mut ann, &document, 200_000).await;
        ann.saved(&document).await;
    }
    let deadline = Instant::now() + PATIENCE * 2;
    while holds(server.pid(), inode) {
        assert!(Instant::now() < deadline, "the connection is still there");
        ann.listen(Duration::from_millis(50)).await;
    }
    // It counted as his socket; now he may have another.
    while server.user("ben").try_raw().await.is_err() {
        assert!(Instant::now() < deadline, "the place is still taken");
        ann.listen(Duration::from_millis(50)).await;
    }
    bystanders.type_on("a reader who never reads").await;
    server.assert_alive();
}

#[tokio::test]
async fn memory_stays_flat_while_an_author_writes_and_somebody_never_reads() {
    const MARGIN: u64 = 12 << 20;
    let (alone, watched) = (growth(false).await, growth(true).await);
    println!("{alone} bytes alone, {watched} with somebody who never reads");
    assert!(
        watched < alone + OUTBOX + MARGIN,
        "{watched} bytes, {alone} without him"
    );
}

const OUTBOX: u64 = 1 << 20;

/// How many bytes a server grows by while somebody makes 20,000 edits of 2 kB.
async fn growth(with_a_reader: bool) -> u64 {
    const EDITS: usize = 20_000;
    let settings = TestServer::setup()
        .set("limits.outbox_bytes", OUTBOX)
        .set("limits.frames_per_second", 1_000_000)
        .set("limits.user_frames_per_second", 1_000_000)
        .set("sync.window_ms", 10)
        .set("sync.ping_interval_ms", 600_000) // so that it is not for pings that he is closed
        .set("compaction.min_changes", 1_000_000)
        .set("compaction.idle_changes", 1_000_000);
    let mut server = settings.start().await;
    let mut ann = server.user("ann").connect().await;
    let document = ann.create().await;
    ann.saved(&document).await;
    let mut reader = None;
    if with_a_reader {
        reader = Some(reader_who_never_reads(&server, &server.user("ben"), &document).await);
    }
    let before = resident_bytes(server.pid());
    for edit in 0..EDITS {
        note(&mut ann, &document, 2_000).await;
        if edit % 100 == 0 {
            ann.saved(&document).await;
        }
    }
    ann.saved(&document).await;
    let growth = resident_bytes(server.pid()).saturating_sub(before);
    drop(reader);
    // The whole document is larger than the outbox: a frame like that passes alone.
    let mut ben = server.user("ben").connect().await;
    ben.request(&document).await;
    converge(&mut [&mut ann, &mut ben], &document).await;
    server.assert_alive();
    growth
}

/// Opens the document, and reads nothing after its first answer. His system takes little on his behalf.
async fn reader_who_never_reads(server: &TestServer, user: &TestUser, document: &str) -> (RawSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let stream = socket.connect(server.address()).await.expect("the server accepts");
    let own = stream.local_addr().expect("a connected socket has an address");
    let path = format!("/sync?token={}", user.token());
    let mut socket = RawSocket::open_over(stream, server.address(), &path, &[])
        .await
        .expect("he may connect");
    socket.join(&Join::new(user.name())).await;
    let request = socket.about("request", document);
    socket
        .send(&request.with("data", forge::message(Vec::new(), Vec::new())))
        .await;
    socket.frame_of("sync").await;
    (socket, own)
}

/// One edit of this size, whose like has been made before: the document itself stays small.
async fn note(ann: &mut Peer, document: &str, size: usize) {
    let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(size).collect();
    ann.replica_mut(document)
        .edit(|edit| edit.put(ROOT, "note", bytes).expect("the root is a map"));
    ann.send(document).await;
}

fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.expect("Linux tells it").trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().expect("a number") << 10
}

/// The inode of the server's end of a connection. Both ports name it: the table is that of the whole machine, and
/// connections to other servers may have the same port at their other end.
fn inode_towards(server: &TestServer, other: SocketAddr) -> Option<u64> {
    let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", server.pid())).expect("Linux tells connections");
    let [local, remote] = [server.address(), other].map(|address| format!(":{:04X}", address.port()));
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = fields.get(1)?.ends_with(&local) && fields.get(2)?.ends_with(&remote);
        ours.then(|| fields.get(9)?.parse().ok())?
    })
}

/// Has the process a descriptor of this socket?
fn holds(pid: u32, inode: u64) -> bool {
    let name = format!("socket:[{inode}]");
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the server runs");
    descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .any(|target| target.to_string_lossy() == name)
}
