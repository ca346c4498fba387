//! More than anybody should send, and less than anybody should read.

use std::time::{Duration, Instant};

use fieldbook_harness::{TestServer, Value, converge, converge_within};
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
async fn who_does_not_read_holds_up_nobody_and_catches_up_later() {
    // S6, R6
    let settings = TestServer::setup()
        .set("limits.outbox_bytes", 1_000_000)
        .set("sync.ping_interval_ms", 60_000);
    let server = settings.set("sync.window_ms", 100).start().await;
    let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
    let document = ann.create().await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");
    ben.stop_reading();
    for _ in 0..60 {
        ann.replica_mut(&document).paste_bytes(300_000);
        ann.send(&document).await;
        ann.saved(&document).await;
    }
    ben.read_on();
    ben.listen(Duration::from_millis(100)).await;
    if !ben.is_connected() {
        ben.reconnect().await; // the server had enough (1013)
    }
    converge(&mut [&mut ann, &mut ben], &document).await;
}
