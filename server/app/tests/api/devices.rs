//! Where somebody is signed in, and how that ends: with its open sockets, and with nobody else's.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::people::{PASSWORD, Person, TestServer, send};

/// How long the end of a session may take to reach its sockets.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Signs somebody in on one more device.
pub(crate) async fn sign_in(server: &TestServer, name: &str, browser: &str) -> Person {
    let mut person = server.stranger();
    let request = person
        .request(reqwest::Method::POST, "/api/session")
        .header("user-agent", browser)
        .json(&json!({"name": name, "password": PASSWORD}));
    let answer = send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    person.cookie = Some(answer.cookie());
    person
}

async fn devices(person: &Person) -> Vec<Value> {
    let answer = person.get("/api/devices").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["devices"].as_array().unwrap().clone()
}

/// The path of the device that asks.
async fn own_path(person: &Person) -> String {
    let own = devices(person).await;
    let own = own.iter().find(|device| device["isCurrent"] == true).unwrap();
    format!("/api/devices/{}", own["id"].as_str().unwrap())
}

/// A socket of a signed-in browser, upgraded.
pub(crate) async fn socket(server: &TestServer, person: &Person) -> TcpStream {
    let mut stream = TcpStream::connect(server.server.addr()).await.unwrap();
    let cookie = person.cookie.as_ref().unwrap();
    let (host, origin) = (server.server.addr(), server.base());
    let request = format!(
        "GET /sync HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\ncookie: fieldbook_session={cookie}\r\nconnection: \
         upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: \
         dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream
}

/// The code with which the server closes, past its pings.
async fn close_code(stream: &mut TcpStream) -> u16 {
    loop {
        let (kind, length) = (stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap());
        let mut payload = vec![0; usize::from(length)];
        stream.read_exact(&mut payload).await.unwrap();
        if kind == 0x88 {
            return u16::from_be_bytes([payload[0], payload[1]]);
        }
    }
}

pub(crate) async fn assert_ended(stream: &mut TcpStream) {
    let code = tokio::time::timeout(AT_ONCE, close_code(stream)).await;
    assert_eq!(code.expect("the socket ends with its session"), 4401);
}

pub(crate) async fn assert_open(stream: &mut TcpStream) {
    let code = tokio::time::timeout(AT_ONCE, close_code(stream)).await;
    assert!(code.is_err(), "closed with {code:?}");
}

#[tokio::test]
async fn a_person_sees_their_own_devices() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    server.join(&ann.invite("editor").await, "Ben").await;
    let phone = sign_in(&server, "Ann", &"Phone ".repeat(100)).await;
    let seen = devices(&phone).await;
    assert_eq!(seen.len(), 2, "{seen:?}");
    let (own, other): (Vec<&Value>, Vec<&Value>) = seen.iter().partition(|device| device["isCurrent"] == true);
    assert_eq!((own.len(), other.len()), (1, 1));
    let name = own[0]["userAgent"].as_str().unwrap();
    assert!(name.starts_with("Phone Phone") && name.len() == 256, "{name}");
    let time = |name: &str| own[0][name].as_i64().unwrap();
    assert!(time("madeAt") <= time("seenAt") && time("seenAt") < time("expiresAt"));
    assert!((fieldbook::auth::now_ms() - time("madeAt")).abs() < 60_000);
    // Neither a token nor a stranger has devices.
    let by_token = server.with_token(&ann, "editor", "Cy").await;
    by_token.get("/api/devices").await.assert_problem(403, "forbidden");
    by_token.delete("/api/devices").await.assert_problem(403, "forbidden");
    server
        .stranger()
        .get("/api/devices")
        .await
        .assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn one_device_is_signed_out_and_the_others_go_on() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    let phone = sign_in(&server, "Ann", "Phone").await;
    let (mut lost, mut also_lost) = (socket(&server, &phone).await, socket(&server, &phone).await);
    let (mut kept, mut bens) = (socket(&server, &ann).await, socket(&server, &ben).await);
    let path = own_path(&phone).await;
    ben.delete(&path).await.assert_problem(404, "not-found");
    ann.delete("/api/devices/nonsense")
        .await
        .assert_problem(404, "not-found");
    let foreign = ann
        .bare(reqwest::Method::DELETE, &path)
        .header("origin", "http://evil.example");
    send(foreign).await.assert_problem(403, "foreign-origin");
    assert_eq!(ann.delete(&path).await.status, 204);
    assert_ended(&mut lost).await;
    assert_ended(&mut also_lost).await;
    tokio::join!(assert_open(&mut kept), assert_open(&mut bens));
    phone.get("/api/session").await.assert_problem(401, "unauthenticated");
    ann.delete(&path).await.assert_problem(404, "not-found");
    assert_eq!(devices(&ann).await.len(), 1);
}

#[tokio::test]
async fn signing_out_everywhere_reaches_every_device() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    let phone = sign_in(&server, "Ann", "Phone").await;
    let (mut one, mut two) = (socket(&server, &ann).await, socket(&server, &phone).await);
    let mut bens = socket(&server, &ben).await;
    let answer = phone.delete("/api/devices").await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_ended(&mut one).await;
    assert_ended(&mut two).await;
    assert_open(&mut bens).await;
    for person in [&ann, &phone] {
        person.get("/api/session").await.assert_problem(401, "unauthenticated");
    }
    assert_eq!(ben.get("/api/session").await.status, 200);
    assert_eq!(devices(&sign_in(&server, "Ann", "Phone").await).await.len(), 1);
}

#[tokio::test]
async fn signing_out_ends_the_sockets_of_that_browser() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let phone = sign_in(&server, "Ann", "Phone").await;
    let (mut lost, mut kept) = (socket(&server, &phone).await, socket(&server, &ann).await);
    assert_eq!(phone.delete("/api/session").await.status, 204);
    assert_ended(&mut lost).await;
    assert_open(&mut kept).await;
}

#[tokio::test]
async fn whoever_sends_too_much_is_not_spared_the_end_of_the_session() {
    let server = TestServer::start_with(|config| config.limits.bytes_per_second = 3_000).await;
    server.set_up("Ann").await;
    let phone = sign_in(&server, "Ann", "Phone").await;
    let mut held_back = socket(&server, &phone).await;
    // A binary frame of 60,000 bytes that are masked with zeros: it is read in some 20 s.
    let mut frame = vec![0x82, 0x80 | 126, 0xea, 0x60, 0, 0, 0, 0];
    frame.resize(frame.len() + 60_000, 0);
    held_back.write_all(&frame).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(phone.delete("/api/session").await.status, 204);
    assert_ended(&mut held_back).await;
}

#[tokio::test]
async fn one_device_too_many_signs_out_the_one_not_seen_for_longest() {
    let server = TestServer::start_with(|config| config.auth.sessions_per_user = 2).await;
    let ann = server.set_up("Ann").await;
    let mut lost = socket(&server, &ann).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let phone = sign_in(&server, "Ann", "Phone").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let tablet = sign_in(&server, "Ann", "Tablet").await;
    assert_ended(&mut lost).await;
    ann.get("/api/session").await.assert_problem(401, "unauthenticated");
    for person in [&phone, &tablet] {
        assert_eq!(devices(person).await.len(), 2);
    }
}

#[tokio::test]
async fn the_secret_is_exchanged_and_a_copy_of_the_old_one_ends_the_session() {
    let server = TestServer::start_with(|config| {
        config.auth.rotation_s = 1;
        config.auth.rotation_grace_s = 1;
    })
    .await;
    let old = server.set_up("Ann").await;
    let mut open = socket(&server, &old).await;
    assert!(
        !old.get("/api/session").await.headers.contains_key("set-cookie"),
        "not yet"
    );
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut new = old.clone();
    new.cookie = Some(old.get("/api/session").await.cookie());
    assert_ne!(new.cookie, old.cookie);
    // The answer may have got lost: the old one is good until the new one comes back, however long that takes.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(old.get("/api/devices").await.status, 200);
    assert_eq!(new.get("/api/devices").await.status, 200);
    assert_eq!(old.get("/api/devices").await.status, 200, "requests run side by side");
    assert_eq!(devices(&new).await.len(), 1, "it is the same session");
    assert_open(&mut open).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    old.get("/api/devices").await.assert_problem(401, "unauthenticated");
    assert_ended(&mut open).await;
    new.get("/api/devices").await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn another_password_signs_out_everywhere_else() {
    const NEW: &str = "another horse battery";
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let phone = sign_in(&server, "Ann", "Phone").await;
    let (mut lost, mut kept) = (socket(&server, &phone).await, socket(&server, &ann).await);
    let change = async |person: &Person, old: &str, new: &str| {
        person.post("/api/password", json!({"old": old, "new": new})).await
    };
    change(&ann, "wrong horse battery", NEW)
        .await
        .assert_problem(403, "forbidden");
    change(&ann, PASSWORD, "short").await.assert_problem(422, "invalid");
    change(&server.stranger(), PASSWORD, NEW)
        .await
        .assert_problem(401, "unauthenticated");
    let by_token = server.with_token(&ann, "editor", "Ben").await;
    change(&by_token, PASSWORD, NEW).await.assert_problem(403, "forbidden");
    assert_eq!(phone.get("/api/session").await.status, 200, "nothing has happened yet");
    assert_eq!(change(&ann, PASSWORD, NEW).await.status, 204);
    assert_ended(&mut lost).await;
    assert_open(&mut kept).await;
    phone.get("/api/session").await.assert_problem(401, "unauthenticated");
    assert_eq!(ann.get("/api/session").await.status, 200);
    let with = async |password: &str| {
        let body = json!({"name": "Ann", "password": password});
        server.stranger().post("/api/session", body).await.status
    };
    assert_eq!((with(PASSWORD).await.as_u16(), with(NEW).await.as_u16()), (401, 200));
}

#[tokio::test]
async fn old_passwords_are_not_guessed_at_speed() {
    let server = TestServer::start_with(|config| config.limits.sign_in_per_minute = 3).await;
    let ann = server.set_up("Ann").await;
    let guess = json!({"old": "a guess of somebody", "new": "another horse battery"});
    let mut last = ann.post("/api/password", guess.clone()).await;
    for _ in 0..5 {
        last = ann.post("/api/password", guess.clone()).await;
    }
    last.assert_problem(429, "too-many-requests");
    assert!(
        last.header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds > 0)
    );
}
