use serde_json::json;

use crate::people::{PASSWORD, TestServer, send};

#[tokio::test]
async fn from_the_first_start_to_signing_out() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    assert_eq!(ann.get("/api/session").await.json()["role"], "owner");

    let mut browser = server.stranger();
    let signed_in = browser
        .post("/api/session", json!({"name": "ANN ", "password": PASSWORD}))
        .await;
    assert_eq!(signed_in.status, 200);
    let session = signed_in.json();
    assert_eq!(session["user"]["name"], "Ann");
    assert_eq!(session["workspace"]["name"], "Fieldbook");
    assert!(session["storageId"].as_str().is_some_and(|id| !id.is_empty()));
    browser.cookie = Some(signed_in.cookie());

    assert!(browser.titles(false).await.is_empty());
    let document = browser.create("account_plan", "Globex 2027").await;
    let path = format!("/api/documents/{}", document["id"].as_str().unwrap());
    assert_eq!(browser.titles(false).await, ["Globex 2027"]);
    assert_eq!(browser.post(&format!("{path}/archive"), json!({})).await.status, 204);
    assert!(browser.titles(false).await.is_empty());
    assert_eq!(browser.titles(true).await, ["Globex 2027"]);
    assert_eq!(browser.post(&format!("{path}/restore"), json!({})).await.status, 204);
    assert_eq!(browser.titles(false).await, ["Globex 2027"]);

    let signed_out = browser.delete("/api/session").await;
    assert_eq!(signed_out.status, 204);
    assert!(
        signed_out.header("set-cookie").contains("Max-Age=0"),
        "{}",
        signed_out.header("set-cookie")
    );
    browser.get("/api/session").await.assert_problem(401, "unauthenticated");
    assert_eq!(
        ann.get("/api/session").await.status,
        200,
        "another session of hers goes on"
    );
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let server = TestServer::start().await;
    server.set_up("Ann").await;
    let answer = server
        .stranger()
        .post("/api/session", json!({"name": "Ann", "password": PASSWORD}))
        .await;
    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the address is http: {cookie}");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let server = TestServer::start().await;
    server.set_up("Ann").await;
    let stranger = server.stranger();
    let wrong = stranger
        .post("/api/session", json!({"name": "Ann", "password": "wrong wrong wrong"}))
        .await;
    let unknown = stranger
        .post("/api/session", json!({"name": "Zoe", "password": "wrong wrong wrong"}))
        .await;
    let long = stranger
        .post("/api/session", json!({"name": "Ann", "password": "x".repeat(100_000)}))
        .await;
    wrong.assert_problem(401, "unauthenticated");
    assert_eq!(wrong.text(), unknown.text());
    assert_eq!(wrong.text(), long.text());
}

#[tokio::test]
async fn who_tries_too_often_waits() {
    let server = TestServer::start_with(|config| config.limits.sign_in_per_minute = 3).await;
    let stranger = server.stranger();
    for _ in 0..3 {
        let answer = stranger
            .post("/api/session", json!({"name": "Ann", "password": "wrong wrong wrong"}))
            .await;
        answer.assert_problem(401, "unauthenticated");
    }
    let refused = stranger
        .post("/api/session", json!({"name": "Ann", "password": "wrong wrong wrong"}))
        .await;
    refused.assert_problem(429, "too-many-requests");
    assert!((1..=21).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
}

#[tokio::test]
async fn requests_are_counted_per_address() {
    let server = TestServer::start_with(|config| config.limits.requests_per_second = 5).await;
    let stranger = server.stranger();
    let mut refused = 0;
    for _ in 0..12 {
        let answer = stranger.get("/api/session").await;
        if answer.status == 429 {
            answer.assert_problem(429, "too-many-requests");
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert_eq!(stranger.get("/healthz").await.status, 200, "monitors are not counted");
}

#[tokio::test]
async fn a_cookie_that_is_none_of_ours_is_nobody() {
    let server = TestServer::start().await;
    let mut stranger = server.stranger();
    for cookie in ["", "x", "aaaa.99999999999999", "..", &"x".repeat(4_000)] {
        stranger.cookie = Some(cookie.to_owned());
        stranger
            .get("/api/session")
            .await
            .assert_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_session_needs_a_page_of_ours_to_change_anything() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let body = json!({"kind": "account_plan", "title": "Globex"});
    let bare = send(ann.bare(reqwest::Method::POST, "/api/documents").json(&body)).await;
    bare.assert_problem(403, "foreign-origin");
    // C2: the sync endpoint is as strict, before it upgrades.
    let socket = send(
        ann.bare(reqwest::Method::GET, "/sync")
            .header("origin", "http://evil.example"),
    )
    .await;
    socket.assert_problem(403, "foreign-origin");
    for origin in ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"] {
        let foreign = ann
            .bare(reqwest::Method::POST, "/api/documents")
            .header("origin", origin)
            .json(&body);
        send(foreign).await.assert_problem(403, "foreign-origin");
        let foreign = ann
            .bare(reqwest::Method::DELETE, "/api/session")
            .header("origin", origin);
        send(foreign).await.assert_problem(403, "foreign-origin");
        let sign_in = json!({"name": "Ann", "password": PASSWORD});
        let foreign = server
            .stranger()
            .bare(reqwest::Method::POST, "/api/session")
            .header("origin", origin);
        send(foreign.json(&sign_in)).await.assert_problem(403, "foreign-origin");
    }
    let read = send(ann.bare(reqwest::Method::GET, "/api/documents")).await;
    assert_eq!(
        read.status, 200,
        "reading changes nothing, and foreign pages cannot see the answer"
    );
    assert!(read.header("access-control-allow-origin").is_empty());
    assert!(ann.titles(false).await.is_empty());
}
