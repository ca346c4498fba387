//! C1–C6: who may connect, and under which name.

use std::time::Duration;

use fieldbook_harness::{Join, RawSocket, Refused, TestServer, Value};

#[tokio::test]
async fn without_a_valid_token_there_is_no_upgrade() {
    // C1
    let server = TestServer::start().await;
    for path in ["/sync", "/sync?token=", "/sync?token=a.b.c"] {
        let answer = RawSocket::open(server.address(), path, &[]).await.err();
        assert_eq!(answer, Some(Refused(401)), "{path}");
    }
    let forged = server.user("ann").token().replace('.', "x.");
    let answer = RawSocket::open(server.address(), &format!("/sync?token={forged}"), &[])
        .await
        .err();
    assert_eq!(answer, Some(Refused(401)));
}

#[tokio::test]
async fn a_token_may_come_in_a_header() {
    // C1
    let server = TestServer::start().await;
    let bearer = format!("Bearer {}", server.user("ann").token());
    let socket = RawSocket::open(server.address(), "/sync", &[("Authorization", &bearer)]).await;
    socket.expect("a bearer token is as good").join(&Join::new("ann")).await;
}

#[tokio::test]
async fn the_server_introduces_itself_as_one_durable_store() {
    // C3
    let mut server = TestServer::start().await;
    let ann = server.user("ann");
    let welcome = ann.raw().await.join(&Join::with_peer_id("ann-1")).await;
    let metadata = welcome.get("peerMetadata").expect("peer metadata");
    assert_eq!(
        (welcome.text("targetId"), welcome.text("selectedProtocolVersion")),
        ("ann-1", "1")
    );
    assert_eq!(metadata.get("isEphemeral"), Some(&Value::Bool(false)));
    assert_ne!(metadata.text("storageId"), "");
    server.restart().await;
    let again = ann.raw().await.join(&Join::with_peer_id("ann-2")).await;
    assert_eq!(
        again.get("peerMetadata"),
        Some(metadata),
        "a restart does not change the storage id"
    );
}

#[tokio::test]
async fn a_join_without_versions_means_version_1_and_others_are_refused() {
    // C3
    let server = TestServer::start().await;
    let ann = server.user("ann");
    let mut socket = ann.raw().await;
    socket.send(&Value::frame("join").with("senderId", "ann-old")).await;
    assert_eq!(socket.frame().await.text("selectedProtocolVersion"), "1");

    let mut socket = ann.raw().await;
    let versions = vec![Value::from("2"), Value::from("x")];
    socket
        .send(
            &Value::frame("join")
                .with("senderId", "ann-new")
                .with("supportedProtocolVersions", versions),
        )
        .await;
    let refusal = socket.frame().await;
    assert_eq!((refusal.kind(), refusal.text("targetId")), ("error", "ann-new"));
    assert_ne!(refusal.text("message"), "");
    socket.closed().await;
}

#[tokio::test]
async fn a_socket_that_never_joins_is_closed() {
    // C4
    let server = TestServer::setup().set("sync.join_deadline_ms", 200).start().await;
    let mut socket = server.user("ann").raw().await;
    let (code, reason) = socket.closed().await;
    assert_eq!(code, Some(1008), "{reason}");
}

#[tokio::test]
async fn the_same_peer_id_again_takes_the_first_sockets_place() {
    // C5
    let server = TestServer::start().await;
    let (ann, join) = (server.user("ann"), Join::with_peer_id("ann-phone"));
    let mut before = ann.connect_as(join.clone()).await;
    let document = before.create().await;
    before.write(&document, "before ").await;
    before.saved(&document).await;

    let mut after = ann.connect_as(join).await;
    assert_eq!(before.closed().await.0, Some(4409));
    after.find(&document).await.expect("it is her own document");
    after.write(&document, "after").await;
    after.saved(&document).await;
    assert_eq!(after.text(&document), "before after");
}

#[tokio::test]
async fn nobody_else_can_take_a_peer_id() {
    // C5
    let server = TestServer::start().await;
    let join = Join::with_peer_id("ann-phone");
    let mut ann = server.user("ann").connect_as(join.clone()).await;
    for other in [server.user("ben"), server.stranger("sam")] {
        refuses(&mut other.raw().await, &join).await;
    }
    let document = ann.create().await;
    ann.saved(&document).await;
    assert!(ann.is_connected(), "she has noticed nothing");

    ann.leave().await;
    refuses(&mut server.user("ben").raw().await, &join).await;
    ann.reconnect().await;
}

async fn refuses(socket: &mut RawSocket, join: &Join) {
    socket.send(&join.frame()).await;
    assert_eq!(socket.frame().await.kind(), "error");
    assert_eq!(socket.closed().await.0, Some(4403));
}

#[tokio::test]
async fn a_socket_that_answers_no_pings_is_lost() {
    // C6, P2
    let settings = TestServer::setup()
        .set("sync.ping_interval_ms", 150)
        .set("sync.presence_linger_ms", 300);
    let server = settings.start().await;
    let mut ann = server.user("ann").connect_fieldbook().await;
    let mut ben = server.user("ben").connect_fieldbook().await;
    let document = ann.create().await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");
    ann.fb_where("presence", |frame| {
        frame.array("people").iter().any(|p| p.text("name") == "ben")
    })
    .await;

    ben.stop_reading();
    let is_lost = |frame: &Value| frame.array("people").iter().any(|p| p.text("state") == "reconnecting");
    ann.fb_where("presence", is_lost).await;
    let gone = Value::from(ben.peer_id());
    ann.fb_where("presence", |frame| frame.array("gone").contains(&gone))
        .await;
}

#[tokio::test]
async fn connections_that_never_become_sockets_disturb_nobody() {
    let mut server = TestServer::start().await;
    let mut bystanders = fieldbook_sync_tests::Bystanders::of(&server).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(
            tokio::net::TcpStream::connect(server.address())
                .await
                .expect("the server accepts"),
        );
        let half = tokio::net::TcpStream::connect(server.address())
            .await
            .expect("the server accepts");
        half.try_write(b"GET /sync HTTP/1.1\r\nUpgrade: webso")
            .expect("room for a few bytes");
        idle.push(half);
    }
    bystanders.type_on("200 idle connections").await;
    tokio::time::timeout(Duration::from_secs(1), bystanders.type_on("a while of them"))
        .await
        .expect("in time");
    server.assert_alive();
}
