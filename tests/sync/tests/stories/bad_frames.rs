//! F1, F3, C3, C4: what one socket can do wrong before anybody looks into a document. It is told why and closed, or
//! what it said is ignored; nobody else notices.

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
    let deep = |opening: u8| [vec![0xa1, 0x61, b'x'], vec![opening; 100_000], vec![0]].concat();
    let cases: Vec<(&str, Vec<u8>, Outcome)> = vec![
        ("null", vec![0xf6], NOT_A_FRAME),
        ("undefined", vec![0xf7], NOT_A_FRAME),
        ("nothing", vec![], NOT_A_FRAME),
        ("an integer", vec![0x01], NOT_A_FRAME),
        ("an array", vec![0x80], NOT_A_FRAME),
        ("an empty map", vec![0xa0], Either),
        ("a break", vec![0xff], NOT_A_FRAME),
        ("a reserved length", vec![0xbc], NOT_A_FRAME),
        ("a map that ends too soon", vec![0xa2, 0x61, b'x', 0x01], NOT_A_FRAME),
        (
            "a map of 2^64 entries",
            [vec![0xbb], vec![0xff; 8]].concat(),
            NOT_A_FRAME,
        ),
        (
            "a map of 2^32 entries",
            [vec![0xba], vec![0xff; 4], vec![0x61, b'x', 0x01]].concat(),
            NOT_A_FRAME,
        ),
        (
            "bytes of 2^63",
            [vec![0xa1, 0x61, b'x', 0x5b, 0x7f], vec![0xff; 7]].concat(),
            NOT_A_FRAME,
        ),
        (
            "text of 2^64",
            [vec![0xa1, 0x64], b"type".to_vec(), vec![0x7b], vec![0xff; 8]].concat(),
            NOT_A_FRAME,
        ),
        (
            "an array of 2^64",
            [vec![0xa1, 0x61, b'x', 0x9b], vec![0xff; 8]].concat(),
            NOT_A_FRAME,
        ),
        ("100,000 arrays deep", deep(0x81), Either),
        (
            "100,000 maps deep",
            [vec![0xa1, 0x61, b'x'], b"\xa1\x61x".repeat(100_000), vec![0]].concat(),
            Either,
        ),
        ("100,000 tags deep", deep(0xc1), Either),
        ("100,000 endless arrays deep", deep(0x9f), NOT_A_FRAME),
        (
            "text that is not UTF-8",
            [vec![0xa1, 0x64], b"type".to_vec(), vec![0x62, 0xc3, 0x28]].concat(),
            NOT_A_FRAME,
        ),
        ("a map with numbers for keys", vec![0xa1, 0x01, 0x02], Either),
        (
            "an endless map",
            [
                vec![0xbf, 0x64],
                b"type".to_vec(),
                vec![0x63],
                b"foo".to_vec(),
                vec![0xff],
            ]
            .concat(),
            Either,
        ),
        (
            "something after the map",
            [Value::frame("foo").encode(), vec![0xf6]].concat(),
            Either,
        ),
        (
            "an unknown type",
            Value::frame("foo").with("more", vec![1_u8; 10]).encode(),
            Stays,
        ),
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
    let mut cases = vec![
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
            Value::frame("sync")
                .with("senderId", 1)
                .with("documentId", document.as_str())
                .with("data", bytes()),
        ),
    ];
    let ephemeral = || {
        Value::frame("ephemeral")
            .with("senderId", "me")
            .with("documentId", document.as_str())
    };
    for (name, count) in [
        ("text", Value::from("1")),
        ("a map", Value::Map(vec![])),
        ("bytes", vec![1_u8].into()),
    ] {
        let _ = name;
        cases.push((
            "a count that is no number",
            ephemeral()
                .with("count", count)
                .with("sessionId", "s")
                .with("data", bytes()),
        ));
    }
    let mut cases: Vec<_> = cases
        .into_iter()
        .map(|(name, frame)| (name, frame.encode(), NOT_A_FRAME))
        .collect();
    for count in [
        Value::Int(-1),
        Value::Int(i64::MAX),
        Value::Float(f64::NAN),
        Value::Float(1e300),
    ] {
        let frame = ephemeral()
            .with("count", count)
            .with("sessionId", "s")
            .with("data", bytes());
        cases.push(("a count beyond all counts", frame.encode(), Either));
    }
    let fb = |kind: &str| Value::frame("fb").with("kind", kind);
    cases.push(("an fb frame of no kind", Value::frame("fb").encode(), Either));
    cases.push(("an fb frame of an unknown kind", fb("nonsense").encode(), Either));
    cases.push((
        "an fb ping without a number",
        fb("ping").with("id", "x").encode(),
        Either,
    ));
    cases.push((
        "fb presence without data",
        fb("presence").with("documentId", document.as_str()).encode(),
        Either,
    ));
    cases.push((
        "fb presence of nothing",
        fb("presence").with("documentId", "x").with("data", bytes()).encode(),
        Either,
    ));
    run(cases).await;
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
    check(&mut socket, "10,000 empty parts", Either).await;

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
