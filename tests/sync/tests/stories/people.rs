//! The `fb` frames, P1 and P2: who is here.

use fieldbook_harness::{Peer, TestServer, Value};

fn fb(kind: &str) -> Value {
    Value::frame("fb").with("kind", kind)
}

fn person<'a>(frame: &'a Value, name: &str) -> Option<&'a Value> {
    frame.array("people").iter().find(|person| person.text("name") == name)
}

async fn ann_and_ben(server: &TestServer) -> (Peer, Peer, String) {
    let mut ann = server.user("ann").connect_fieldbook().await;
    let mut ben = server.user("ben").connect_fieldbook().await;
    let document = ann.create().await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");
    (ann, ben, document)
}

#[tokio::test]
async fn an_opened_document_tells_ones_role_and_who_is_here() {
    let server = TestServer::start().await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    assert_eq!(ann.fb_where("role", |_| true).await.text("role"), "editor");
    let roster = ben
        .fb_where("roster", |frame| frame.text("documentId") == document)
        .await;
    let here = person(&roster, "ann").expect("Ann is here");
    assert_eq!((here.text("key"), here.text("state")), (ann.peer_id(), "here"));
    assert!(person(&roster, "ben").is_none(), "one's own socket is not listed");

    let mut vic = server.viewer("vic").connect_fieldbook().await;
    vic.find(&document).await.expect("viewers read");
    assert_eq!(vic.fb_where("role", |_| true).await.text("role"), "viewer");
}

#[tokio::test]
async fn ping_is_answered_with_pong() {
    let server = TestServer::start().await;
    let mut ann = server.user("ann").connect_fieldbook().await;
    ann.send_frame(&fb("ping").with("id", 4_000_000_000)).await;
    assert_eq!(ann.fb_where("pong", |_| true).await.int("id"), Some(4_000_000_000));
}

#[tokio::test]
async fn a_cursor_reaches_the_others_under_the_name_that_the_server_knows() {
    // P1
    let server = TestServer::start().await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    let cursor = fb("presence")
        .with("documentId", document.as_str())
        .with("data", b"cursor".to_vec());
    ann.send_frame(&cursor.with("name", "ben").with("userId", "someone else"))
        .await;
    let told = ben
        .fb_where("presence", |frame| {
            person(frame, "ann").is_some_and(|p| p.get("data").is_some())
        })
        .await;
    let ann_there = person(&told, "ann").expect("just matched");
    assert_eq!(ann_there.bytes("data"), b"cursor");
    assert_eq!(ann_there.text("key"), ann.peer_id());
}

#[tokio::test]
async fn who_leaves_is_gone_at_once_and_who_is_lost_may_come_back() {
    // P2
    let server = TestServer::setup().set("sync.presence_linger_ms", 60_000).start().await;
    let (mut ann, mut ben, document) = ann_and_ben(&server).await;
    let mut cat = server.user("cat").connect_fieldbook().await;
    cat.find(&document).await.expect("they share a workspace");
    ann.fb_where("presence", |frame| person(frame, "cat").is_some()).await;

    let key = Value::from(cat.peer_id());
    cat.leave().await;
    ann.fb_where("presence", |frame| frame.array("gone").contains(&key))
        .await;

    ben.lose();
    let says = |state| move |frame: &Value| person(frame, "ben").is_some_and(|ben| ben.text("state") == state);
    ann.fb_where("presence", says("reconnecting")).await;
    ben.reconnect().await;
    ann.fb_where("presence", says("here")).await;
}

#[tokio::test]
async fn other_clients_never_see_an_fb_frame() {
    let server = TestServer::start().await;
    let (mut ann, _ben, document) = ann_and_ben(&server).await;
    let mut stock = server.user("cat").connect().await;
    stock.find(&document).await.expect("they share a workspace");
    ann.fb_where("presence", |frame| person(frame, "cat").is_some()).await;
    ann.write(&document, "x").await;
    stock.reads(&document, "x").await;
    assert_eq!(stock.fb.len(), 0);
}
