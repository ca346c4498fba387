//! F1, F3, C3, C4: what one socket can do wrong before anybody looks into a document. It is told why and closed, or
//! what it said is ignored; nobody else notices.

use std::time::{Duration, Instant};

use fieldbook_harness::{Arrival, Join, RawSocket, TestServer, Value};
use fieldbook_sync_tests::{Bystanders, forge};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// What must become of a socket that sends something.
#[derive(Clone, Copy)]
enum Outcome {
    /// It is closed with one of these codes, and a reason.
    Closed(&'static [u16]),
    /// It stays, and works.
    Stays,
    /// Either.
    Either,
}

use Outcome::{Closed, Either, Stays};

const NOT_A_FRAME: Outcome = Closed(&[1003, 1007]);

#[tokio::test]
async fn frames_that_are_not_a_cbor_map() {
    // F1, F3
    let cases: [(&str, &[u8], Outcome); 19] = [
        ("null", b"\xf6", NOT_A_FRAME),
        ("undefined", b"\xf7", NOT_A_FRAME),
        ("nothing", b"", NOT_A_FRAME),
        ("an integer", b"\x01", NOT_A_FRAME),
        ("an array", b"\x80", NOT_A_FRAME),
        ("an empty map", b"\xa0", Either),
        ("a break", b"\xff", NOT_A_FRAME),
        ("a reserved length", b"\xbc", NOT_A_FRAME),
        ("a map that ends too soon", b"\xa2\x61x\x01", NOT_A_FRAME),
        (
            "a map of 2^64 entries",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            NOT_A_FRAME,
        ),
        ("a map of 2^32 entries", b"\xba\xff\xff\xff\xff\x61x\x01", NOT_A_FRAME),
        (
            "bytes of 2^63",
            b"\xa1\x61x\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
            NOT_A_FRAME,
        ),
        (
            "text of 2^64",
            b"\xa1\x64type\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
            NOT_A_FRAME,
        ),
        (
            "an array of 2^64",
            b"\xa1\x61x\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            NOT_A_FRAME,
        ),
        ("text that is not UTF-8", b"\xa1\x64type\x62\xc3\x28", NOT_A_FRAME),
        ("a map with numbers for keys", b"\xa1\x01\x02", Either),
        ("an endless map", b"\xbf\x64type\x63foo\xff", Either),
        ("something after the map", b"\xa1\x64type\x63foo\xf6", Either),
        ("an unknown type", b"\xa2\x64type\x63foo\x64more\x41\x01", Stays),
    ];
    run(cases
        .map(|(name, bytes, outcome)| (name, bytes.to_vec(), outcome))
        .into())
    .await;
}

#[tokio::test]
async fn frames_that_are_nested_deeply() {
    // F1
    let within_a_map = |opening: &[u8]| [b"\xa1\x61x".to_vec(), opening.repeat(100_000), vec![0]].concat();
    let cases = vec![
        ("100,000 arrays deep", within_a_map(b"\x81"), Either),
        ("100,000 maps deep", within_a_map(b"\xa1\x61x"), Either),
        ("100,000 tags deep", within_a_map(b"\xc1"), Either),
        ("100,000 endless arrays deep", within_a_map(b"\x9f"), NOT_A_FRAME),
    ];
    run(cases).await;
}

#[tokio::test]
async fn known_fields_of_the_wrong_type() {
    // F3
    let bytes = || vec![0x42_u8, 0, 0, 0, 0];
    let sync = || Value::frame("sync").with("senderId", "me").with("targetId", "you");
    let document = fieldbook_harness::new_document_id();
    let about = || sync().with("documentId", document.as_str());
    let from_nobody = Value::frame("sync").with("senderId", 1).with("data", bytes());
    let cases = [
        ("a number for a type", Value::Map(vec![("type".into(), 1.into())])),
        ("no document id", sync().with("data", bytes())),
        (
            "a number for a document id",
            sync().with("documentId", 7).with("data", bytes()),
        ),
        ("no data", about()),
        ("text for data", about().with("data", "text")),
        ("null for data", about().with("data", Value::Null)),
        ("an array for data", about().with("data", vec![Value::Int(0x42)])),
        (
            "a number for a sender",
            from_nobody.with("documentId", document.as_str()),
        ),
        ("a count that is text", ephemeral(Value::from("1"))),
        ("a count that is a map", ephemeral(Value::Map(Vec::new()))),
        ("a count that is bytes", ephemeral(Value::from(vec![1_u8]))),
    ];
    run(cases.map(|(name, frame)| (name, frame.encode(), NOT_A_FRAME)).into()).await;
}

#[tokio::test]
async fn fields_beyond_all_bounds_and_fb_frames_of_no_known_shape() {
    // F3, E1
    let fb = |kind: &str| Value::frame("fb").with("kind", kind);
    let presence = |document: &str| fb("presence").with("documentId", document);
    let cases = [
        ("a count below 0", ephemeral(Value::Int(-1))),
        ("a count of 2^63", ephemeral(Value::Int(i64::MAX))),
        ("a count that is no number", ephemeral(Value::Float(f64::NAN))),
        ("a count beyond integers", ephemeral(Value::Float(1e300))),
        ("fb of no kind", Value::frame("fb")),
        ("fb of an unknown kind", fb("nonsense")),
        ("a ping without a number", fb("ping").with("id", "x")),
        ("presence without data", presence(&fieldbook_harness::new_document_id())),
        ("presence in nothing", presence("x").with("data", vec![1_u8])),
    ];
    run(cases.map(|(name, frame)| (name, frame.encode(), Either)).into()).await;
}

fn ephemeral(count: Value) -> Value {
    Value::frame("ephemeral")
        .with("senderId", "me")
        .with("documentId", fieldbook_harness::new_document_id())
        .with("count", count)
        .with("sessionId", "s")
        .with("data", vec![0xf6_u8])
}

/// Each case on a socket of its own; afterwards the server lives and two bystanders go on.
async fn run(cases: Vec<(&str, Vec<u8>, Outcome)>) {
    let mut server = TestServer::start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mallory = server.user("mallory");
    for (name, bytes, outcome) in cases {
        let mut socket = mallory.raw_joined().await;
        socket.send_bytes(bytes).await;
        check(&mut socket, name, outcome).await;
        let mut socket = mallory.raw().await;
        socket.send(&Join::new("mallory").frame()).await;
        bystanders.type_on(name).await;
        server.assert_alive();
    }
}

/// Asks for an unknown document, to see whether the socket still works.
async fn check(socket: &mut RawSocket, name: &str, outcome: Outcome) {
    let document = fieldbook_harness::new_document_id();
    let frame = socket
        .about("request", &document)
        .with("data", forge::message(Vec::new(), Vec::new()));
    socket.send(&frame).await;
    let next = loop {
        match socket.next().await {
            Arrival::Frame(frame) if frame.text("documentId") != document => {}
            other => break other,
        }
    };
    match (outcome, next) {
        (Either, _) | (Stays, Arrival::Frame(_)) => {}
        (Closed(codes), Arrival::Closed(Some(code), reason)) if codes.contains(&code) => {
            assert_ne!(reason, "", "{name}: closed without a reason");
        }
        (_, next) => panic!("{name}: {next:?}"),
    }
}

#[tokio::test]
async fn websocket_messages_that_are_not_binary_frames() {
    // F1, F3
    let mut server = TestServer::setup().set("limits.frame_bytes", 100_000).start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mallory = server.user("mallory");

    let mut socket = mallory.raw_joined().await;
    socket.send_message(Message::text("{\"type\":\"join\"}")).await;
    check(&mut socket, "text", NOT_A_FRAME).await;

    let mut socket = mallory.raw_joined().await;
    socket.send_bytes(vec![0; 100_001]).await;
    check(&mut socket, "a frame over the limit", Closed(&[1009])).await;

    let part = |opcode, last| Frame::message(vec![b'x'; 20], OpCode::Data(opcode), last);
    let mut socket = mallory.raw_joined().await;
    let parts = (0..10_000).map(|number| part(if number == 0 { Data::Binary } else { Data::Continue }, false));
    socket.send_fragments(parts).await;
    check(&mut socket, "10,000 parts, over the limit together", Closed(&[1009])).await;

    let mut socket = mallory.raw_joined().await;
    let empty = |opcode| Frame::message(Vec::<u8>::new(), OpCode::Data(opcode), false);
    socket
        .send_fragments((0..10_000).map(|n| empty(if n == 0 { Data::Binary } else { Data::Continue })))
        .await;
    socket
        .send_fragments([Frame::message(
            Value::frame("foo").encode(),
            OpCode::Data(Data::Continue),
            true,
        )])
        .await;
    check(&mut socket, "10,000 empty parts", Closed(&[1009])).await;

    let mut socket = mallory.raw_joined().await;
    socket.send_fragments([part(Data::Continue, true)]).await;
    check(&mut socket, "a continuation of nothing", Either).await;

    let mut socket = mallory.raw_joined().await;
    for _ in 0..10_000 {
        socket.send_message(Message::Ping(vec![0; 125].into())).await;
    }
    socket.abort();
    bystanders.type_on("all of these").await;
    server.assert_alive();
}

#[tokio::test]
async fn a_message_in_parts_is_read_and_each_part_counts_as_a_frame() {
    // F1, R6
    let settings = TestServer::setup()
        .set("limits.frames_per_second", 100)
        .set("limits.frame_parts", 60);
    let mut server = settings.start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mut socket = server.user("mallory").raw().await;
    socket.join(&Join::new("mallory").fieldbook()).await;
    let began = Instant::now();
    let parts = |count: usize, frame: &Value| {
        let bytes = frame.encode();
        let opcode = |part| if part == 0 { Data::Binary } else { Data::Continue };
        let content = move |part| if part == 0 { bytes.clone() } else { Vec::new() };
        (0..count)
            .map(move |part| Frame::message(content(part), OpCode::Data(opcode(part)), part + 1 == count))
            .collect::<Vec<_>>()
    };
    for id in 0..5 {
        let ping = Value::frame("fb").with("kind", "ping").with("id", id);
        socket.send_fragments(parts(60, &ping)).await;
    }
    for id in 0..5 {
        assert_eq!(socket.frame_of("fb").await.get("id"), Some(&Value::from(id)));
    }
    assert!(
        began.elapsed() > Duration::from_millis(1_900),
        "300 parts at 100 frames a second take a while"
    );
    socket.send_fragments(parts(61, &Value::frame("foo"))).await;
    check(&mut socket, "61 parts", Closed(&[1009])).await;
    bystanders.type_on("messages in parts").await;
    server.assert_alive();
}

#[tokio::test]
async fn joining_wrongly() {
    // C3
    let mut server = TestServer::start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let mallory = server.user("mallory");
    let document = fieldbook_harness::new_document_id();
    let joins = [
        Value::frame("join"),
        Value::frame("join").with("senderId", ""),
        Value::frame("join").with("senderId", 7),
        Value::frame("join").with("senderId", "p".repeat(257)),
        Value::frame("join")
            .with("senderId", "m")
            .with("supportedProtocolVersions", "1"),
        Value::frame("sync")
            .with("senderId", "m")
            .with("documentId", document.as_str())
            .with("data", vec![0x42_u8]),
        Value::frame("fb").with("kind", "ping").with("id", 1),
    ];
    for join in joins {
        let mut socket = mallory.raw().await;
        socket.send(&join).await;
        let (code, reason) = socket.closed().await;
        assert!(
            code.is_some_and(|code| code > 1000) && !reason.is_empty(),
            "{join:?}: {code:?} {reason}"
        );
    }
    let mut socket = mallory.raw_joined().await;
    socket.send(&Join::new("mallory").frame()).await;
    let (code, reason) = socket.closed().await;
    assert!(
        code.is_some_and(|code| code > 1000),
        "joining twice on one socket: {code:?} {reason}"
    );
    bystanders.type_on("wrong joins").await;
    server.assert_alive();
}
