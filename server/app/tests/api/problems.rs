use reqwest::Method;
use serde_json::json;

use crate::people::{Answer, PASSWORD, Person, TestServer, send};

fn assert_asked_too_often(answer: &Answer) {
    answer.assert_problem(429, "too-many-requests");
    let seconds = answer.header("retry-after").parse::<u64>();
    assert!(seconds.is_ok_and(|seconds| seconds > 0));
}

#[tokio::test]
async fn one_user_is_counted_whatever_they_come_with() {
    let server = TestServer::start_with(|config| {
        config.limits.user_requests_per_second = 20;
        config.limits.requests_per_second = 10_000;
    })
    .await;
    let ann = server.set_up("Ann").await;
    let ben = server.with_token(&ann, "editor", "Ben").await;
    let asked = |person: Person| async move { person.get("/api/documents").await };
    let answers = futures_util::future::join_all((0..200).map(|_| asked(ben.clone()))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty());
    refused.into_iter().for_each(assert_asked_too_often);
    assert_eq!(ann.get("/api/documents").await.status, 200, "it is not her who asked");
}

#[tokio::test]
async fn links_are_not_tried_at_speed() {
    let server = TestServer::start_with(|config| config.limits.sign_in_per_minute = 2).await;
    let link = server.server.setup_link().unwrap().to_owned();
    let accept = format!("/api/invitations/{}/accept", link.rsplit('/').next().unwrap());
    let body = json!({"name": "Ann", "password": "password123"});
    for _ in 0..2 {
        let refused = server.stranger().post(&accept, body.clone()).await;
        refused.assert_problem(422, "invalid");
    }
    assert_asked_too_often(&server.stranger().post(&accept, body).await);
}

#[tokio::test]
async fn what_the_api_does_not_have_is_told_as_a_problem() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    for path in ["/api", "/api/", "/api/nothing", "/api/documents/a/b/c", "/api/../api/x"] {
        stranger.get(path).await.assert_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_told_with_those_that_are() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    let answer = send(stranger.request(Method::PUT, "/api/session")).await;
    answer.assert_problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), "GET, POST, DELETE, HEAD");
    send(stranger.request(Method::POST, "/healthz"))
        .await
        .assert_problem(405, "method-not-allowed");
    send(stranger.request(Method::POST, "/"))
        .await
        .assert_problem(405, "method-not-allowed");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_told() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    let post = |body: &'static str| {
        stranger
            .request(Method::POST, "/api/session")
            .header("content-type", "application/json")
            .body(body)
    };
    send(post("{")).await.assert_problem(400, "malformed");
    send(post("")).await.assert_problem(400, "malformed");
    send(post("{\"name\": 1}")).await.assert_problem(422, "invalid");
    for not_an_object in [
        "[]",
        "[1]",
        "[\"Ann\", \"correct horse battery\"]",
        "1",
        "null",
        "\"x\"",
    ] {
        let answer = send(post(not_an_object)).await;
        answer.assert_problem(422, "invalid");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("expected an object"), "{not_an_object}: {detail}");
    }
    send(post("{}")).await.assert_problem(422, "invalid");
    let form = stranger
        .request(Method::POST, "/api/session")
        .header("content-type", "text/plain")
        .body("{}");
    send(form).await.assert_problem(415, "not-json");
    send(stranger.request(Method::POST, "/api/session"))
        .await
        .assert_problem(415, "not-json");
}

#[tokio::test]
async fn a_key_that_a_body_should_not_have_is_refused_by_name() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let bodies = [
        (
            "/api/documents",
            json!({"kind": "account_plan", "title": "Globex", "titel": "x"}),
        ),
        ("/api/invitations", json!({"role": "editor", "titel": "x"})),
        (
            "/api/invitations/s/accept",
            json!({"name": "Ben", "password": PASSWORD, "titel": "x"}),
        ),
        (
            "/api/session",
            json!({"name": "Ann", "password": PASSWORD, "titel": "x"}),
        ),
    ];
    for (path, body) in bodies {
        let answer = ann.post(path, body).await;
        answer.assert_problem(400, "malformed");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("unknown field `titel`, expected "), "{path}: {detail}");
    }
    assert!(ann.titles(false).await.is_empty());
}

#[tokio::test]
async fn no_cache_keeps_what_the_api_says() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let made = ann.create("account_plan", "Globex").await;
    let document = format!("/api/documents/{}", made["id"].as_str().unwrap());
    for path in [
        "/api/session",
        "/api/documents",
        &document,
        "/api/openapi.json",
        "/api/nothing",
        "/healthz",
    ] {
        assert_eq!(ann.get(path).await.header("cache-control"), "no-store", "{path}");
    }
    let away = ann.post(&format!("{document}/archive"), json!({})).await;
    assert_eq!((away.status.as_u16(), away.header("cache-control")), (204, "no-store"));
    assert_eq!(
        ann.get("/").await.header("cache-control"),
        "no-cache",
        "a page may be asked for again"
    );
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let headers = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers
    };
    for path in [
        "/healthz",
        "/readyz",
        "/api/session",
        "/api/documents",
        "/api/openapi.json",
        "/api/documents/x",
    ] {
        let (get, head) = (ann.get(path).await, send(ann.request(Method::HEAD, path)).await);
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(headers(&head), headers(&get), "{path}");
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
    }
    let accept = send(ann.request(Method::HEAD, "/api/invitations/s/accept")).await;
    assert_eq!((accept.status.as_u16(), accept.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_told() {
    let server = TestServer::start_with(|config| config.limits.requests_bytes = 1_024).await;
    let body = json!({"name": "n".repeat(2_000), "password": "p"});
    let answer = server.stranger().post("/api/session", body).await;
    answer.assert_problem(413, "too-large");
    assert!(answer.json()["detail"].as_str().unwrap().contains("1024"));
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_told() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    ann.get("/api/documents?archived=perhaps")
        .await
        .assert_problem(400, "malformed");
}

#[tokio::test]
async fn a_store_that_fails_is_told_as_such() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let stranger = server.stranger();
    assert_eq!(stranger.get("/readyz").await.status, 200);
    // The folder is the server's own: closing it under the server is the nearest thing to a disk that goes away.
    server.server.close_store().await;
    let answer = ann.get("/api/documents").await;
    answer.assert_problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    stranger.get("/readyz").await.assert_problem(503, "unavailable");
    assert_eq!(stranger.get("/healthz").await.status, 200);
}
