//! Who may do what with a document, and its life from archive to purge.

use fieldbook_core::id::UserId;
use fieldbook_store::{Workspace, WorkspaceRole};
use serde_json::{Value, json};

use crate::people::{Person, TestServer};

struct Scene {
    server: TestServer,
    ann: Person,
    workspace: Workspace,
    path: String,
}

impl Scene {
    /// Ann owns the workspace and a document in it.
    async fn new() -> Self {
        let server = TestServer::start().await;
        let ann = server.set_up("Ann").await;
        let workspace = server.server.state().store.first_workspace().await.unwrap().unwrap();
        let made = ann.create("account_plan", "Globex").await;
        let path = format!("/api/documents/{}", made["id"].as_str().unwrap());
        Self {
            server,
            ann,
            workspace,
            path,
        }
    }

    async fn join(&self, role: WorkspaceRole, name: &str) -> (Person, UserId) {
        self.server.newcomer(&self.workspace, role, name).await
    }

    async fn access(&self, person: &Person) -> Value {
        person.get(&format!("{}/access", self.path)).await.json()
    }
}

#[tokio::test]
async fn roles_are_granted_changed_and_withdrawn() {
    let scene = Scene::new().await;
    let (gus, id) = scene.join(WorkspaceRole::Guest, "Gus").await;
    let grant = format!("{}/access/people/{id}", scene.path);
    gus.get(&scene.path).await.assert_problem(404, "not-found");
    for role in ["viewer", "commenter", "editor", "owner"] {
        assert_eq!(scene.ann.put(&grant, json!({"role": role})).await.status, 204);
        let seen = scene.access(&gus).await;
        assert_eq!(seen["ownRole"], role);
        assert_eq!(seen["people"][1]["role"], role);
    }
    let seen = scene.access(&scene.ann).await;
    let names = seen["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["Ann", "Gus"]);
    assert_eq!(
        (&seen["visibility"], &seen["defaultRole"], &seen["groups"]),
        (&json!("workspace"), &json!("editor"), &json!([]))
    );
    for _ in 0..2 {
        assert_eq!(scene.ann.delete(&grant).await.status, 204);
        gus.get(&scene.path).await.assert_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_group_has_its_role_on_a_private_document() {
    let scene = Scene::new().await;
    let (ben, id) = scene.join(WorkspaceRole::Member, "Ben").await;
    let groups = format!("/api/workspaces/{}/groups", scene.workspace.id);
    let group = scene.ann.post(&groups, json!({"name": "Sales"})).await.json()["id"].clone();
    let group = group.as_str().unwrap();
    let access = format!("{}/access", scene.path);
    let in_group = format!("{groups}/{group}/members/{id}");
    assert_eq!(scene.ann.put(&in_group, json!({})).await.status, 204);
    assert_eq!(scene.access(&ben).await["ownRole"], "editor");
    assert_eq!(
        scene.ann.put(&access, json!({"visibility": "private"})).await.status,
        204
    );
    ben.get(&access).await.assert_problem(404, "not-found");
    let grant = format!("{access}/groups/{group}");
    assert_eq!(scene.ann.put(&grant, json!({"role": "commenter"})).await.status, 204);
    let seen = scene.access(&ben).await;
    assert_eq!(
        (&seen["ownRole"], &seen["visibility"]),
        (&json!("commenter"), &json!("private"))
    );
    assert_eq!(
        seen["groups"],
        json!([{"id": group, "name": "Sales", "role": "commenter"}])
    );
    assert_eq!(scene.ann.delete(&grant).await.status, 204);
    ben.get(&access).await.assert_problem(404, "not-found");
}

#[tokio::test]
async fn what_cannot_be_granted_is_said() {
    let scene = Scene::new().await;
    let access = format!("{}/access", scene.path);
    let anns = scene.access(&scene.ann).await["people"][0]["id"].clone();
    let anns = format!("{access}/people/{}", anns.as_str().unwrap());
    let nobody = "6d1f6d6e-3f43-4f3e-9a3e-0f0c4f3d8a02";
    for kind in ["people", "groups"] {
        let unknown = format!("{access}/{kind}/{nobody}");
        let answer = scene.ann.put(&unknown, json!({"role": "viewer"})).await;
        answer.assert_problem(409, "conflict");
        let no_id = format!("{access}/{kind}/x");
        scene
            .ann
            .put(&no_id, json!({"role": "viewer"}))
            .await
            .assert_problem(404, "not-found");
    }
    scene
        .ann
        .put(&anns, json!({"role": "king"}))
        .await
        .assert_problem(422, "invalid");
    scene
        .ann
        .put(&access, json!({"visibility": "secret"}))
        .await
        .assert_problem(422, "invalid");
    assert_eq!(
        scene.ann.put(&access, json!({"visibility": "private"})).await.status,
        204
    );
    let answer = scene.ann.delete(&anns).await;
    answer.assert_problem(409, "conflict");
    assert!(
        answer.text().contains("grant somebody that role first"),
        "{}",
        answer.text()
    );
    scene
        .ann
        .put(&anns, json!({"role": "viewer"}))
        .await
        .assert_problem(409, "conflict");
    assert_eq!(scene.access(&scene.ann).await["ownRole"], "owner");
}

#[tokio::test]
async fn a_document_goes_to_the_trash_comes_back_and_is_purged() {
    let scene = Scene::new().await;
    let (ben, _) = scene.join(WorkspaceRole::Member, "Ben").await;
    let in_trash = async |person: &Person| person.get("/api/documents?trashed=true").await.json()["documents"].clone();
    let to = |what: &str| format!("{}/{what}", scene.path);
    scene.ann.delete(&scene.path).await.assert_problem(403, "forbidden");
    assert_eq!(scene.ann.post(&to("archive"), json!({})).await.status, 204);
    assert_eq!(scene.ann.post(&to("trash"), json!({})).await.status, 204);
    assert!(scene.ann.titles(false).await.is_empty() && scene.ann.titles(true).await.is_empty());
    let listed = in_trash(&scene.ann).await;
    assert_eq!(listed[0]["title"], "Globex");
    assert!(listed[0]["trashedAt"].is_i64());
    assert_eq!(in_trash(&ben).await, json!([]));
    ben.post(&to("restore"), json!({}))
        .await
        .assert_problem(404, "not-found");
    assert_eq!(scene.ann.post(&to("restore"), json!({})).await.status, 204);
    assert_eq!(ben.titles(false).await, ["Globex"]);
    assert_eq!(scene.ann.get(&scene.path).await.json()["trashedAt"], json!(null));

    assert_eq!(scene.ann.post(&to("trash"), json!({})).await.status, 204);
    assert_eq!(scene.ann.delete(&scene.path).await.status, 204);
    assert_eq!(in_trash(&scene.ann).await, json!([]));
    for what in ["restore", "trash", "archive"] {
        scene
            .ann
            .post(&to(what), json!({}))
            .await
            .assert_problem(404, "not-found");
    }
    scene.ann.delete(&scene.path).await.assert_problem(404, "not-found");
    let id = scene.path.rsplit('/').next().unwrap().parse().unwrap();
    let stored = scene.server.server.state().store.load(id).await.unwrap().unwrap();
    assert!(stored.tail.is_empty() && stored.archive.is_none());
}
