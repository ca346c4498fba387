//! R6: one user with many sockets takes no more than one user's share.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use automerge::sync::Message;
use automerge::transaction::Transactable;
use automerge::{Automerge, ChangeHash, ROOT};
use fieldbook_harness::{Join, PATIENCE, RawSocket, TestServer, Value};
use fieldbook_sync_tests::{Bystanders, forge};

#[tokio::test]
async fn the_sockets_of_one_user_share_a_frame_rate() {
    const SOCKETS: usize = 5;
    let settings = TestServer::setup().set("limits.user_frames_per_second", 100);
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(joined(&server, "mallory").await);
    }
    let began = Instant::now();
    for socket in &mut sockets {
        for id in 0..60 {
            socket.send(&ping(id)).await;
        }
    }
    bystanders.type_on("300 frames by one user").await;
    for socket in &mut sockets {
        while socket.frame_of("fb").await.get("id") != Some(&Value::from(59)) {}
    }
    assert!(
        began.elapsed() > Duration::from_millis(1_900),
        "300 frames at 100 a second take a while, whichever way they come"
    );
    server.assert_alive();
}

#[tokio::test]
async fn the_sockets_of_one_user_share_a_byte_rate() {
    let settings = TestServer::setup().set("limits.user_bytes_per_second", 100_000);
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let (mut first, mut second) = (joined(&server, "mallory").await, joined(&server, "mallory").await);
    let began = Instant::now();
    for socket in [&mut first, &mut second] {
        socket
            .send(&Value::frame("nonsense").with("data", vec![0_u8; 150_000]))
            .await;
        socket.send(&ping(1)).await;
    }
    bystanders.type_on("300 kB by one user").await;
    first.frame_of("fb").await;
    second.frame_of("fb").await;
    assert!(
        began.elapsed() > Duration::from_millis(1_900),
        "300 kB at 100 kB a second take a while"
    );
    server.assert_alive();
}

#[tokio::test]
async fn one_users_uploads_do_not_keep_another_from_theirs() {
    const UPLOADS: usize = 30;
    const JOB: Duration = Duration::from_secs(1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = TestServer::setup()
        .set("worker.program", slow_worker(folder.path(), JOB).display())
        .set("worker.concurrent", 2);
    let mut server = settings.start().await;
    let mut mallory = server.user("mallory").raw_joined().await;
    for _ in 0..UPLOADS {
        upload(&mut mallory).await;
    }
    let mut ann = server.user("ann").raw_joined().await;
    let began = Instant::now();
    let heads = upload(&mut ann).await;
    let is_saved = |frame: &Value| Message::decode(frame.bytes("data")).is_ok_and(|message| message.heads == heads);
    while !is_saved(&ann.frame_of("sync").await) {}
    let waited = began.elapsed();
    assert!(
        waited < JOB * (UPLOADS as u32) / 4,
        "she waited {waited:?}, as if all were in one queue"
    );
    server.assert_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_users_long_messages_do_not_stall_a_room() {
    const MESSAGES: usize = 8;
    const CHANGES: usize = 50_000;
    // Mallory's sockets do not read. Each is sent what the others brought, and would be closed before its own is taken.
    let settings = TestServer::setup()
        .set("sync.ping_interval_ms", 600_000)
        .set("limits.user_bytes", 4_294_967_296_u64)
        .set("limits.outbox_bytes", 4_294_967_296_u64);
    let mut server = settings.start().await;
    let mut author = server.user("ann").connect().await;
    let document = author.create().await;
    author.saved(&document).await;
    let (mut ann, mut ben) = (
        open(&server, "ann", &document).await,
        open(&server, "ben", &document).await,
    );
    let (mut sockets, mut expected) = (Vec::new(), Vec::new());
    for number in 0..MESSAGES {
        let (data, heads) = long_message(number, CHANGES);
        let socket = open(&server, "mallory", &document).await;
        let frame = socket.about("sync", &document).with("data", data);
        sockets.push((socket, frame));
        expected.extend(heads);
    }
    let began = Instant::now();
    for (socket, frame) in &mut sockets {
        socket.send(frame).await;
    }
    let (mut longest, mut count) = (Duration::ZERO, 0);
    while !expected.is_empty() {
        assert!(
            began.elapsed() < 6 * PATIENCE,
            "{} messages were not taken",
            expected.len()
        );
        count += 1;
        let sent = Instant::now();
        let word = ann.about("ephemeral", &document).with("count", count);
        ann.send(&word.with("sessionId", "s").with("data", vec![0xf6_u8])).await;
        loop {
            let frame = ben.frame().await;
            if frame.kind() == "ephemeral" {
                break;
            }
            let message = Message::decode(frame.bytes("data")).expect("a sync message");
            expected.retain(|head| !message.heads.contains(head));
        }
        longest = longest.max(sent.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let whole = began.elapsed();
    println!("a word waited {longest:?} at most while {MESSAGES} long messages were taken in {whole:?}");
    assert!(longest < whole / 3, "a word took {longest:?} of {whole:?}");
    server.assert_alive();
}

pub(crate) fn ping(id: i64) -> Value {
    Value::frame("fb").with("kind", "ping").with("id", id)
}

pub(crate) async fn joined(server: &TestServer, name: &str) -> RawSocket {
    let mut socket = server.user(name).raw().await;
    socket.join(&Join::new(name).fieldbook()).await;
    socket
}

pub(crate) async fn open(server: &TestServer, name: &str, document: &str) -> RawSocket {
    let mut socket = server.user(name).raw_joined().await;
    let request = socket.about("request", document);
    socket
        .send(&request.with("data", forge::message(Vec::new(), Vec::new())))
        .await;
    socket.frame_of("sync").await;
    socket
}

/// Sends a new document in one piece, which a worker has to take apart. Gives its heads.
async fn upload(socket: &mut RawSocket) -> Vec<ChangeHash> {
    let mut doc = Automerge::new();
    let mut edit = doc.transaction();
    edit.put(ROOT, "key", "value").expect("the root is a map");
    edit.commit();
    let frame = socket.about("sync", &fieldbook_harness::new_document_id());
    let data = forge::message(doc.get_heads(), vec![doc.save()]);
    socket.send(&frame.with("data", data)).await;
    doc.get_heads()
}

/// So many changes by an actor of its own, in one message; and its heads.
pub(crate) fn long_message(number: usize, changes: usize) -> (Vec<u8>, Vec<ChangeHash>) {
    let mut doc = Automerge::new();
    for change in 0..changes {
        let mut edit = doc.transaction();
        edit.put(ROOT, format!("key {number}"), change as i64)
            .expect("the root is a map");
        edit.commit();
    }
    let changes = doc.get_changes(&[]);
    let chunks = changes.iter().map(|change| change.raw_bytes().to_vec()).collect();
    (forge::message(doc.get_heads(), chunks), doc.get_heads())
}

/// A worker that takes its time.
fn slow_worker(folder: &Path, time: Duration) -> PathBuf {
    let program = folder.join("slow-worker");
    let binary = fieldbook_harness::server::binary();
    let script = format!(
        "#!/bin/sh\n/bin/sleep {}\nexec '{}' \"$@\"\n",
        time.as_secs(),
        binary.display()
    );
    std::fs::write(&program, script).expect("a new file");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("it is our file");
    program
}
