use serde_json::json;

use crate::people::{PASSWORD, TestServer};

fn secret(link: &str) -> &str {
    link.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn the_setup_link_is_good_once() {
    let server = TestServer::start().await;
    let link = server.server.setup_link().unwrap().to_owned();
    let address = format!("/api/invitations/{}", secret(&link));
    let shown = server.stranger().get(&address).await.json();
    assert_eq!(
        shown,
        json!({"workspace": {"name": "Fieldbook"}, "role": "owner", "setup": true})
    );

    let body = json!({"name": "Ann", "password": PASSWORD, "workspaceName": "Field Sales North"});
    let first = server.stranger().post(&format!("{address}/accept"), body).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.json()["workspace"]["name"], "Field Sales North");

    server.stranger().get(&address).await.assert_problem(404, "not-found");
    let second = json!({"name": "Eve", "password": PASSWORD});
    server
        .stranger()
        .post(&format!("{address}/accept"), second)
        .await
        .assert_problem(404, "not-found");
}

#[tokio::test]
async fn two_who_set_up_at_the_same_time_are_one() {
    let server = TestServer::start().await;
    let accept = format!(
        "/api/invitations/{}/accept",
        secret(server.server.setup_link().unwrap())
    );
    let (ann, eve) = (server.stranger(), server.stranger());
    let (ann, eve) = tokio::join!(
        ann.post(&accept, json!({"name": "Ann", "password": PASSWORD})),
        eve.post(&accept, json!({"name": "Eve", "password": PASSWORD})),
    );
    let mut statuses = [ann.status.as_u16(), eve.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404]);
}

#[tokio::test]
async fn the_setup_link_stays_the_same_until_it_is_used() {
    let server = TestServer::start().await;
    let (folder, first) = (server.folder, secret(server.server.setup_link().unwrap()).to_owned());
    server.server.stop().await;
    let mut config = fieldbook::config::Config::default();
    config.server.data = folder.path().join("data");
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    let again = fieldbook::startup::Server::start(config.clone()).await.unwrap();
    assert_eq!(secret(again.setup_link().unwrap()), first);
    let accept = format!("{}/api/invitations/{first}/accept", again.url());
    let body = json!({"name": "Ann", "password": PASSWORD});
    assert_eq!(
        crate::people::client()
            .post(accept)
            .json(&body)
            .send()
            .await
            .unwrap()
            .status(),
        201
    );
    again.stop().await;
    let later = fieldbook::startup::Server::start(config).await.unwrap();
    assert_eq!(later.setup_link(), None);
}

#[tokio::test]
async fn an_owner_invites_with_a_role() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let link = ann.invite("viewer").await;
    assert!(link.starts_with(&format!("{}/join/", server.base())), "{link}");
    let shown = server
        .stranger()
        .get(&format!("/api/invitations/{}", secret(&link)))
        .await
        .json();
    assert_eq!(
        shown,
        json!({"workspace": {"name": "Fieldbook"}, "role": "viewer", "setup": false})
    );
    let ben = server.join(&link, "Ben").await;
    assert_eq!(ben.get("/api/session").await.json()["role"], "viewer");
    server
        .stranger()
        .get(&format!("/api/invitations/{}", secret(&link)))
        .await
        .assert_problem(404, "not-found");
}

#[tokio::test]
async fn an_invitation_that_nobody_used_is_seen_and_withdrawn() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let workspace = ann.get("/api/session").await.json()["workspace"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/workspaces/{workspace}/invitations");
    assert_eq!(ann.get(&path).await.json(), json!({"invitations": []}));
    let (used, open) = (ann.invite("editor").await, ann.invite("owner").await);
    server.join(&used, "Ben").await;
    let listed = ann.get(&path).await.json()["invitations"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["role"], "owner");
    assert!(
        !listed[0].to_string().contains(secret(&open)),
        "the link is nobody's but its receiver's"
    );

    // An admin does not undo what an owner gives to owners.
    let store = &server.server.state().store;
    let here = store.first_workspace().await.unwrap().unwrap();
    let (admin, _) = server
        .newcomer(&here, fieldbook_store::WorkspaceRole::Admin, "Ada")
        .await;
    let one = format!("{path}/{}", listed[0]["id"].as_str().unwrap());
    admin.delete(&one).await.assert_problem(403, "forbidden");
    assert_eq!(ann.delete(&one).await.status, 204);
    ann.delete(&one).await.assert_problem(404, "not-found");
    let shown = server
        .stranger()
        .get(&format!("/api/invitations/{}", secret(&open)))
        .await;
    shown.assert_problem(404, "not-found");
    let log = ann.get("/api/audit?limit=1").await.json();
    assert_eq!(log["entries"][0]["action"], "invitation_withdrawn");
}

#[tokio::test]
async fn only_owners_invite() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let body = json!({"role": "owner"});
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    ben.post("/api/invitations", body.clone())
        .await
        .assert_problem(403, "forbidden");
    server
        .stranger()
        .post("/api/invitations", body)
        .await
        .assert_problem(401, "unauthenticated");
    ann.post("/api/invitations", json!({"role": "king"}))
        .await
        .assert_problem(422, "invalid");
}

#[tokio::test]
async fn a_taken_name_leaves_the_invitation_good() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let link = ann.invite("editor").await;
    let accept = format!("/api/invitations/{}/accept", secret(&link));
    let stranger = server.stranger();
    stranger
        .post(&accept, json!({"name": "aNN", "password": PASSWORD}))
        .await
        .assert_problem(409, "name-taken");
    server.join(&link, "Ben").await;
}

#[tokio::test]
async fn a_later_guest_does_not_rename_the_workspace() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let accept = format!("/api/invitations/{}/accept", secret(&ann.invite("editor").await));
    let body = json!({"name": "Ben", "password": PASSWORD, "workspaceName": "Mine"});
    assert_eq!(
        server.stranger().post(&accept, body).await.json()["workspace"]["name"],
        "Fieldbook"
    );
    assert_eq!(ann.get("/api/session").await.json()["workspace"]["name"], "Fieldbook");
}

#[tokio::test]
async fn names_and_passwords_have_their_limits() {
    let server = TestServer::start().await;
    let accept = format!(
        "/api/invitations/{}/accept",
        secret(server.server.setup_link().unwrap())
    );
    let stranger = server.stranger();
    let long_name = "n".repeat(65);
    for (name, password) in [
        ("Ann", "too short"),
        ("", PASSWORD),
        ("  ", PASSWORD),
        (long_name.as_str(), PASSWORD),
    ] {
        stranger
            .post(&accept, json!({"name": name, "password": password}))
            .await
            .assert_problem(422, "invalid");
    }
    let long = json!({"name": "Ann", "password": "p".repeat(201)});
    stranger.post(&accept, long).await.assert_problem(422, "invalid");
    stranger
        .post(&accept, json!({"name": "Ann"}))
        .await
        .assert_problem(422, "invalid");
    stranger
        .post(&accept, json!({"name": "Änn 安", "password": "5 tulips!!"}))
        .await
        .cookie();
}

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused_with_advice() {
    let server = TestServer::start().await;
    let link = server.server.setup_link().unwrap().to_owned();
    let accept = format!("/api/invitations/{}/accept", secret(&link));
    for password in ["password123", "Wigglesworth1", "fjordbank99"] {
        let body = json!({"name": "Zoltan Wigglesworth", "password": password, "workspaceName": "Fjordbank"});
        let refused = server.stranger().post(&accept, body).await;
        refused.assert_problem(422, "invalid");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("the password is easy to guess: "), "{detail}");
        assert!(detail.contains("Add another word or two"), "{detail}");
    }
    server.join(&link, "Ann").await;
}
