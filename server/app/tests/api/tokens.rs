use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::people::{Person, TestServer, send};

fn now_s() -> u64 {
    u64::try_from(fieldbook::auth::now_ms() / 1000).unwrap()
}

async fn bearer(person: &Person, value: &str) -> crate::people::Answer {
    send(
        person
            .bare(reqwest::Method::GET, "/api/session")
            .header("authorization", value),
    )
    .await
}

#[tokio::test]
async fn a_token_opens_the_api_without_an_origin() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.with_token(&ann, "editor", "Ben").await;
    let session = ben.get("/api/session").await.json();
    assert_eq!(
        (&session["user"]["name"], &session["role"]),
        (&json!("Ben"), &json!("editor"))
    );
    let body = json!({"kind": "account_plan", "title": "By script"});
    let token = ben.token.clone().unwrap();
    let request = server
        .stranger()
        .bare(reqwest::Method::POST, "/api/documents")
        .bearer_auth(token)
        .json(&body);
    assert_eq!(send(request).await.status, 201);
}

#[tokio::test]
async fn a_token_never_allows_more_than_its_users_role() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    // `with_token` makes a token that claims to be an owner's.
    let vic = server.with_token(&ann, "viewer", "Vic").await;
    assert_eq!(vic.get("/api/session").await.json()["role"], "viewer");
    vic.post("/api/invitations", json!({"role": "owner"}))
        .await
        .assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_token_may_allow_less_than_its_users_role() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let id = ann.get("/api/session").await.json()["user"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let key = &server.server.state().token_key;
    let mut reader = server.stranger();
    reader.token = Some(
        key.issue(id, "Ann", fieldbook_store::Role::Viewer, now_s(), 60)
            .unwrap(),
    );
    assert_eq!(reader.get("/api/session").await.json()["role"], "viewer");
    let new = json!({"kind": "account_plan", "title": "x"});
    reader
        .post("/api/documents", new)
        .await
        .assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_token_that_is_not_good_is_nobody_even_beside_a_good_cookie() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let id: fieldbook_core::id::UserId = ann.get("/api/session").await.json()["user"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let state = server.server.state();
    let owner = fieldbook_store::Role::Owner;
    let expired = state.token_key.issue(id, "Ann", owner, now_s() - 100, 60).unwrap();
    let foreign = fieldbook::auth::TokenKey::new(&[9; 32])
        .issue(id, "Ann", owner, now_s(), 60)
        .unwrap();
    let gone_user = fieldbook_core::id::UserId(uuid::Uuid::from_u128(1));
    let gone = state.token_key.issue(gone_user, "Ann", owner, now_s(), 60).unwrap();
    let key = state.store.secret("token_key", [0; 32]).await.unwrap();
    let claims = json!({"sub": id.to_string(), "name": "Ann", "role": "owner", "iss": "fieldbook",
        "aud": "fieldbook", "iat": now_s(), "exp": now_s() + 60});
    let sign =
        |algorithm| jsonwebtoken::encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(&key)).unwrap();
    assert_eq!(
        bearer(&ann, &format!("Bearer {}", sign(Algorithm::HS256))).await.status,
        200
    );
    let wrong_algorithm = sign(Algorithm::HS384);
    for token in [expired, foreign, gone, wrong_algorithm, "x.y.z".into(), String::new()] {
        bearer(&ann, &format!("Bearer {token}"))
            .await
            .assert_problem(401, "unauthenticated");
    }
    for value in ["Basic QW5uOng=", "Bearer", "nonsense"] {
        bearer(&ann, value).await.assert_problem(401, "unauthenticated");
    }
    let nobody = send(server.stranger().bare(reqwest::Method::GET, "/api/session")).await;
    nobody.assert_problem(401, "unauthenticated");
    assert!(nobody.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn a_token_in_the_query_counts_for_sync_only() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let token = server.with_token(&ann, "editor", "Ben").await.token.unwrap();
    let stranger = server.stranger();
    stranger
        .get(&format!("/api/session?token={token}"))
        .await
        .assert_problem(401, "unauthenticated");
    // Not an upgrade, but past the question of who asks.
    assert_ne!(stranger.get(&format!("/sync?token={token}")).await.status, 401);
    stranger
        .get("/sync?token=x")
        .await
        .assert_problem(401, "unauthenticated");
    stranger.get("/sync").await.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_is_no_token_at_all_is_told_apart_from_one_that_is_not_good() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    let says = |answer: crate::people::Answer, words: &str| {
        answer.assert_problem(401, "unauthenticated");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{detail}");
    };
    says(stranger.get("/sync?token=").await, "the token is empty");
    for value in ["Bearer", "Bearer "] {
        says(bearer(&stranger, value).await, "the token is empty");
    }
    says(
        bearer(&stranger, "Basic QW5uOng=").await,
        "Authorization: Bearer <token>",
    );
    says(stranger.get("/sync?token=x").await, "the token is not good");
}

#[tokio::test]
async fn sync_by_cookie_is_for_pages_of_ours() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    for origin in [None, Some("http://evil.example")] {
        let request = ann.bare(reqwest::Method::GET, "/sync");
        let request = origin
            .into_iter()
            .fold(request, |request, origin| request.header("origin", origin));
        send(request).await.assert_problem(403, "foreign-origin");
    }
    let own = ann.get("/sync").await.status;
    assert!(own != 401 && own != 403, "{own}");
}
