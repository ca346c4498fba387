//! Workspaces, the people in them, and groups.

use fieldbook_core::id::UserId;
use fieldbook_store::WorkspaceRole;
use serde_json::{Value, json};

use crate::people::{Person, TestServer};

/// A server, its first owner, and the address of their workspace.
async fn begin() -> (TestServer, Person, String) {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let listed = ann.get("/api/workspaces").await.json();
    let path = format!("/api/workspaces/{}", listed["workspaces"][0]["id"].as_str().unwrap());
    (server, ann, path)
}

async fn join(server: &TestServer, role: WorkspaceRole, name: &str) -> (Person, UserId) {
    let workspace = server.server.state().store.first_workspace().await.unwrap().unwrap();
    server.newcomer(&workspace, role, name).await
}

async fn members(person: &Person, path: &str) -> Vec<(String, String)> {
    let listed = person.get(&format!("{path}/members")).await.json();
    let text = |member: &Value, key: &str| member[key].as_str().unwrap().to_owned();
    let members = listed["members"].as_array().unwrap().iter();
    members
        .map(|member| (text(member, "name"), text(member, "role")))
        .collect()
}

fn named(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names
        .iter()
        .map(|(name, role)| ((*name).into(), (*role).into()))
        .collect()
}

#[tokio::test]
async fn a_new_workspace_is_its_makers_alone() {
    let (server, ann, first) = begin().await;
    let (ben, _) = join(&server, WorkspaceRole::Admin, "Ben").await;
    let made = ann.post("/api/workspaces", json!({"name": " South "})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(
        (&made.json()["name"], &made.json()["role"]),
        (&json!("South"), &json!("owner"))
    );
    let south = format!("/api/workspaces/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(members(&ann, &south).await, named(&[("Ann", "owner")]));
    assert_eq!(
        ann.get("/api/workspaces").await.json()["workspaces"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    ben.get(&format!("{south}/members"))
        .await
        .assert_problem(404, "not-found");
    let bens = ben.get("/api/workspaces").await.json();
    assert_eq!(bens["workspaces"].as_array().unwrap().len(), 1);
    assert!(first.ends_with(bens["workspaces"][0]["id"].as_str().unwrap()));
    ben.post("/api/workspaces", json!({"name": "Mine"}))
        .await
        .assert_problem(403, "forbidden");
    ann.post("/api/workspaces", json!({"name": " "}))
        .await
        .assert_problem(422, "invalid");
}

#[tokio::test]
async fn nobody_changes_whoever_is_above_them() {
    let (server, ann, path) = begin().await;
    let (adam, adams) = join(&server, WorkspaceRole::Admin, "Adam").await;
    let (ben, bens) = join(&server, WorkspaceRole::Member, "Ben").await;
    let anns: UserId = ann.get("/api/session").await.json()["user"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let at = |id: UserId| format!("{path}/members/{id}");
    let role = |role: &str| json!({"role": role});
    assert_eq!(adam.put(&at(bens), role("admin")).await.status, 204);
    assert_eq!(adam.put(&at(bens), role("guest")).await.status, 204);
    ben.get(&format!("{path}/members"))
        .await
        .assert_problem(403, "forbidden");
    assert_eq!(adam.put(&at(bens), role("member")).await.status, 204);
    for answer in [
        adam.put(&at(bens), role("owner")).await,
        adam.put(&at(anns), role("member")).await,
        adam.delete(&at(anns)).await,
        ben.put(&at(bens), role("admin")).await,
        ben.delete(&at(adams)).await,
    ] {
        answer.assert_problem(403, "forbidden");
    }
    let unknown = at(UserId(uuid::Uuid::nil()));
    ann.put(&unknown, role("member")).await.assert_problem(404, "not-found");
    ann.put(&at(anns), role("member"))
        .await
        .assert_problem(403, "forbidden");
    ann.delete(&at(anns)).await.assert_problem(409, "conflict");
    let all = [("Adam", "admin"), ("Ann", "owner"), ("Ben", "member")];
    assert_eq!(members(&ann, &path).await, named(&all));
}

#[tokio::test]
async fn who_leaves_or_is_removed_has_nothing_there_any_more() {
    let (server, ann, path) = begin().await;
    let (ben, bens) = join(&server, WorkspaceRole::Member, "Ben").await;
    let (gus, guss) = join(&server, WorkspaceRole::Guest, "Gus").await;
    let made = ann.create("account_plan", "Globex").await;
    let grant = format!("/api/documents/{}/access/people/{guss}", made["id"].as_str().unwrap());
    assert_eq!(ann.put(&grant, json!({"role": "editor"})).await.status, 204);
    assert_eq!(ben.titles(false).await, ["Globex"]);
    assert_eq!(gus.titles(false).await, ["Globex"]);
    assert_eq!(gus.delete(&format!("{path}/members/{guss}")).await.status, 204);
    assert_eq!(ann.delete(&format!("{path}/members/{bens}")).await.status, 204);
    for person in [&ben, &gus] {
        assert!(person.titles(false).await.is_empty());
        assert_eq!(person.get("/api/workspaces").await.json(), json!({"workspaces": []}));
    }
    assert_eq!(members(&ann, &path).await, named(&[("Ann", "owner")]));
    ann.put(&grant, json!({"role": "editor"}))
        .await
        .assert_problem(409, "conflict");
}

#[tokio::test]
async fn groups_are_made_renamed_filled_and_deleted() {
    let (server, ann, path) = begin().await;
    let (_, bens) = join(&server, WorkspaceRole::Member, "Ben").await;
    let groups = format!("{path}/groups");
    let made = ann.post(&groups, json!({"name": "Sales"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    ann.post(&groups, json!({"name": "SALES"}))
        .await
        .assert_problem(409, "name-taken");
    ann.post(&groups, json!({"name": ""}))
        .await
        .assert_problem(422, "invalid");
    let group = format!("{groups}/{id}");
    assert_eq!(ann.put(&group, json!({"name": "Field sales"})).await.status, 204);
    let member = format!("{group}/members/{bens}");
    assert_eq!(ann.put(&member, json!({})).await.status, 204);
    let expected = json!({"groups": [{"id": id, "name": "Field sales", "members": [bens.to_string()]}]});
    assert_eq!(ann.get(&groups).await.json(), expected);
    let unknown = format!("{group}/members/{}", uuid::Uuid::nil());
    ann.put(&unknown, json!({})).await.assert_problem(409, "conflict");
    assert_eq!(ann.delete(&member).await.status, 204);
    assert_eq!(ann.get(&groups).await.json()["groups"][0]["members"], json!([]));

    let south = ann.post("/api/workspaces", json!({"name": "South"})).await.json();
    let elsewhere = format!("/api/workspaces/{}/groups/{id}", south["id"].as_str().unwrap());
    ann.put(&elsewhere, json!({"name": "Ours"}))
        .await
        .assert_problem(404, "not-found");
    ann.delete(&elsewhere).await.assert_problem(404, "not-found");
    assert_eq!(ann.delete(&group).await.status, 204);
    ann.delete(&group).await.assert_problem(404, "not-found");
    assert_eq!(ann.get(&groups).await.json(), json!({"groups": []}));
}
