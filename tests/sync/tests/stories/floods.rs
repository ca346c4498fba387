//! More than anybody should send, and less than anybody should read.

use std::time::{Duration, Instant};

use fieldbook_harness::{Arrival, Join, PATIENCE, Peer, TestServer, Value, converge, converge_within};
use fieldbook_sync_tests::{Bystanders, forge};

#[tokio::test]
async fn over_the_frame_rate_a_socket_waits_and_nothing_is_dropped() {
    let mut server = TestServer::setup().set("limits.frames_per_second", 100).start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.create().await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");
    let began = Instant::now();
    for _ in 0..300 {
        ann.write(&document, "x").await;
    }
    bystanders.type_on("300 frames at once").await;
    converge_within(Duration::from_secs(20), &mut [&mut ann, &mut ben], &document).await;
    assert_eq!(ben.text(&document).len(), 300);
    assert!(
        began.elapsed() > Duration::from_millis(900),
        "300 frames at 100 a second take a while"
    );
    server.assert_alive();
}

#[tokio::test]
async fn frames_that_mean_nothing_and_requests_without_end() {
    let mut server = TestServer::start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mut socket = server.user("mallory").raw_joined().await;
    for _ in 0..5_000 {
        socket.send(&Value::frame("nonsense")).await;
    }
    bystanders.type_on("nonsense").await;
    let mut socket = server.user("mallory").raw_joined().await;
    for _ in 0..5_000 {
        let request = socket.about("request", &fieldbook_harness::new_document_id());
        socket
            .send(&request.with("data", forge::message(Vec::new(), Vec::new())))
            .await;
    }
    bystanders.type_on("5,000 requests for unknown documents").await;
    server.assert_alive();
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_has_everything_when_he_comes_back() {
    // S6, R6
    const EDITS: usize = 200;
    const BYTES: usize = 100_000;
    let settings = TestServer::setup()
        .set("limits.outbox_bytes", 1_000_000)
        .set("sync.window_ms", 10)
        .set("sync.ping_interval_ms", 600_000); // so that it is not for pings that he is closed
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let (mut ann, mut cat) = (server.user("ann").connect().await, server.user("cat").connect().await);
    let document = ann.create().await;
    ann.saved(&document).await;
    cat.find(&document).await.expect("they share a workspace");
    let mut ben = server.user("ben").raw_joined().await;
    let request = ben.about("request", &document);
    ben.send(&request.with("data", forge::message(Vec::new(), Vec::new())))
        .await;
    ben.frame_of("sync").await;

    // 20 MB: several times what the systems on both ends hold for a connection on their own.
    for _ in 0..EDITS {
        ann.replica_mut(&document).paste_bytes(BYTES);
        ann.send(&document).await;
        ann.saved(&document).await;
    }
    converge(&mut [&mut ann, &mut cat], &document).await;
    bystanders.type_on("a reader who does not read").await;

    let mut received = 0;
    let (code, reason) = loop {
        match ben.next().await {
            Arrival::Frame(frame) => received += frame.bytes("data").len(),
            Arrival::Closed(code, reason) => break (code, reason),
        }
    };
    assert_eq!(code, Some(1013), "{reason}");
    assert!(reason.contains("limits.outbox_bytes"), "{reason}");
    assert!(received < EDITS * BYTES, "{received} bytes were kept for him");

    let mut ben = server.user("ben").connect().await;
    ben.request(&document).await;
    converge(&mut [&mut ann, &mut ben, &mut cat], &document).await;
    assert!(ann.is_connected() && cat.is_connected());
    server.assert_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_long_to_read_holds_nobody_up() {
    // R6: one thread for all, and one message with so many changes that reading them takes it far longer than a ping.
    const CHANGES: usize = 100_000;
    let mut server = TestServer::setup().set("server.threads", 1).start().await;
    let mut ann = server.user("ann").connect().await;
    let document = ann.create().await;
    ann.saved(&document).await;
    for _ in 0..CHANGES {
        ann.replica_mut(&document).append("x");
    }
    let mut ben = server.user("ben").raw().await;
    ben.join(&Join::new("ben").fieldbook()).await;
    ann.send(&document).await;
    let began = Instant::now();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let pings = tokio::spawn(async move {
        let mut longest = Duration::ZERO;
        while stopped.try_recv().is_err() {
            let sent = Instant::now();
            ben.send(&Value::frame("fb").with("kind", "ping").with("id", 1)).await;
            ben.frame_of("fb").await;
            longest = longest.max(sent.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        longest
    });
    let saved = |ann: &Peer| ann.replica(&document).unsaved().is_empty();
    ann.until_within(PATIENCE * 6, "acknowledgement (S5)", saved).await;
    let whole = began.elapsed();
    let _ = stop.send(());
    let longest = pings.await.expect("every ping is answered");
    println!("{whole:?}, of which a ping waited {longest:?} at most");
    assert!(longest < whole / 3, "an answer took {longest:?} of {whole:?}");
    server.assert_alive();
}
