use reqwest::Method;
use serde_json::json;

use crate::people::{TestServer, send};

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
    assert_eq!(answer.header("allow"), "GET, POST, DELETE");
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
    send(post("[]")).await.assert_problem(422, "invalid");
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
