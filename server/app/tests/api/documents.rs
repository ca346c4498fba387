use fieldbook_core::access::{Action, Grantee, Resource, Role, authorise};
use serde_json::json;

use crate::people::{TestServer, event};

#[tokio::test]
async fn a_document_is_made_with_its_kinds_outline() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    for kind in ["account_plan", "collateral_note", "meeting_agenda"] {
        let document = ann.create(kind, " A title ").await;
        let id = document["id"].as_str().unwrap();
        assert_eq!(document["url"], format!("automerge:{id}"));
        assert_eq!(
            (&document["kind"], &document["title"]),
            (&json!(kind), &json!("A title"))
        );
        assert_eq!(
            (&document["createdBy"], &document["archivedAt"]),
            (&json!("Ann"), &json!(null))
        );
        assert!(document["createdAt"].as_i64().unwrap() > 1_700_000_000_000);
        assert_eq!(document["createdAt"], document["changedAt"]);

        let store = &server.server.state().store;
        let stored = store.load(id.parse().unwrap()).await.unwrap().expect("it is stored");
        let mut loaded = automerge::Automerge::new();
        for change in &stored.tail {
            loaded.load_incremental(change).unwrap();
        }
        use automerge::ReadDoc;
        let (_, meta) = loaded.get(automerge::ROOT, "meta").unwrap().unwrap();
        let (_, title) = loaded.get(meta, "title").unwrap().unwrap();
        assert_eq!(loaded.text(title).unwrap(), "A title");
    }
}

#[tokio::test]
async fn one_document_is_shown_as_the_list_shows_it() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let made = ann.create("meeting_agenda", "Weekly").await;
    let shown = ann
        .get(&format!("/api/documents/{}", made["id"].as_str().unwrap()))
        .await;
    assert_eq!(shown.json(), made);
    let listed = ann.get("/api/documents").await.json();
    assert_eq!(listed, json!({"documents": [made]}));
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let made = ann.create("account_plan", "Globex").await;
    let path = format!("/api/documents/{}", made["id"].as_str().unwrap());
    let vic = server.join(&ann.invite("editor").await, "Vic").await;
    let vic = server.bounded(&vic, Role::Viewer).await;
    assert_eq!(vic.titles(false).await, ["Globex"]);
    assert_eq!(vic.get(&path).await.json(), made);
    let new = json!({"kind": "account_plan", "title": "Mine"});
    vic.post("/api/documents", new).await.assert_problem(403, "forbidden");
    vic.post(&format!("{path}/archive"), json!({}))
        .await
        .assert_problem(403, "forbidden");
    vic.post(&format!("{path}/restore"), json!({}))
        .await
        .assert_problem(403, "forbidden");
    assert_eq!(ann.titles(false).await, ["Globex"]);
}

#[tokio::test]
async fn a_guest_sees_what_they_are_granted() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let made = ann.create("account_plan", "Globex").await;
    ann.create("account_plan", "Initech").await;
    let path = format!("/api/documents/{}", made["id"].as_str().unwrap());
    let vic = server.join(&ann.invite("viewer").await, "Vic").await;
    assert!(vic.titles(false).await.is_empty());
    vic.get(&path).await.assert_problem(404, "not-found");
    vic.post(&format!("{path}/archive"), json!({}))
        .await
        .assert_problem(404, "not-found");

    let state = server.server.state();
    let user = vic.get("/api/session").await.json()["user"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let owner = ann.get("/api/session").await.json()["user"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let account = state.store.account(owner).await.unwrap().unwrap();
    let subject = fieldbook::auth::subject_of(&account, state.store.as_ref())
        .await
        .unwrap();
    let id = made["id"].as_str().unwrap().parse().unwrap();
    let access = state.store.document_access(id).await.unwrap().unwrap();
    let share = authorise(&subject, Action::Share, &Resource::Document(id, &access)).unwrap();
    let grant = Some(Role::Editor);
    state
        .store
        .set_grant(&share, Grantee::User(user), grant, event())
        .await
        .unwrap();
    assert_eq!(vic.titles(false).await, ["Globex"]);
    assert_eq!(vic.get(&path).await.json(), made);
    assert_eq!(vic.post(&format!("{path}/archive"), json!({})).await.status, 204);
    let new = json!({"kind": "account_plan", "title": "Mine"});
    vic.post("/api/documents", new).await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn putting_away_twice_keeps_the_first_time() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let made = ann.create("account_plan", "Globex").await;
    let path = format!("/api/documents/{}", made["id"].as_str().unwrap());
    ann.post(&format!("{path}/archive"), json!({})).await;
    let first = ann.get(&path).await.json()["archivedAt"].clone();
    assert!(first.is_i64());
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(ann.post(&format!("{path}/archive"), json!({})).await.status, 204);
    assert_eq!(ann.get(&path).await.json()["archivedAt"], first);
}

#[tokio::test]
async fn what_is_not_there_is_not_there() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    for id in [
        "x",
        "4NMNnkMhL8jXrdJ9jamS58PAVdXu",
        "%00",
        "automerge:x",
        &"z".repeat(2_000),
    ] {
        ann.get(&format!("/api/documents/{id}"))
            .await
            .assert_problem(404, "not-found");
        ann.post(&format!("/api/documents/{id}/archive"), json!({}))
            .await
            .assert_problem(404, "not-found");
    }
}

#[tokio::test]
async fn kinds_and_titles_have_their_limits() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let long = "t".repeat(201);
    for (kind, title) in [
        ("novel", "x"),
        ("account_plan", " "),
        ("account_plan", "a\nb"),
        ("account_plan", &long),
    ] {
        ann.post("/api/documents", json!({"kind": kind, "title": title}))
            .await
            .assert_problem(422, "invalid");
    }
    assert!(ann.titles(false).await.is_empty());
}

#[tokio::test]
async fn another_workspaces_documents_do_not_exist() {
    use fieldbook_store::{Account, Place, Workspace, WorkspaceRole};
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let made = ann.create("account_plan", "Globex").await;
    let path = format!("/api/documents/{}", made["id"].as_str().unwrap());

    let state = server.server.state();
    let id = |text: &str| uuid::Uuid::parse_str(text).unwrap();
    let elsewhere = Workspace {
        id: fieldbook_core::id::WorkspaceId(id("6d1f6d6e-3f43-4f3e-9a3e-0f0c4f3d8a01")),
        name: "Elsewhere".into(),
    };
    state.store.create_workspace(elsewhere.clone()).await.unwrap();
    let user = fieldbook_core::id::UserId(id("6d1f6d6e-3f43-4f3e-9a3e-0f0c4f3d8a02"));
    let eve = Account {
        id: user,
        name: "Eve".into(),
        password_hash: None,
        home: Some(Place {
            workspace: elsewhere,
            role: WorkspaceRole::Owner,
        }),
    };
    state.store.create_account(eve).await.unwrap();
    let now_s = u64::try_from(fieldbook::auth::now_ms() / 1000).unwrap();
    let mut eve = server.stranger();
    eve.token = Some(state.token_key.issue(user, "Eve", Role::Owner, now_s, 60).unwrap());

    assert!(eve.titles(false).await.is_empty());
    eve.get(&path).await.assert_problem(404, "not-found");
    eve.post(&format!("{path}/archive"), json!({}))
        .await
        .assert_problem(404, "not-found");
    assert_eq!(ann.titles(false).await, ["Globex"]);
}
