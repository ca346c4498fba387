//! The audit log: who sees it, and what is in it.

use serde_json::{Value, json};

use crate::people::{Answer, PASSWORD, Person, TestServer};
use crate::program::{folder, on, said};

async fn entries(person: &Person, query: &str) -> Vec<Value> {
    let answer = person.get(&format!("/api/audit{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["entries"].as_array().unwrap().clone()
}

/// What was done, the first first, each as `actor action subject`.
async fn story(person: &Person) -> Vec<String> {
    let name = |named: &Value| named["name"].as_str().unwrap_or("-").to_owned();
    let mut entries = entries(person, "").await;
    entries.reverse();
    let told = entries.iter().map(|entry| {
        let action = entry["action"].as_str().unwrap();
        format!("{} {action} {}", name(&entry["actor"]), name(&entry["subject"]))
    });
    told.collect()
}

async fn sign_in(server: &TestServer, name: &str, password: &str) -> Answer {
    let body = json!({"name": name, "password": password});
    server.stranger().post("/api/session", body).await
}

/// The refusals in the log, once there are so many: nobody waits for them to be written.
async fn refusals(person: &Person, at_least: usize) -> Vec<Value> {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let all = entries(person, "?limit=1000").await;
        let refused: Vec<Value> = all
            .into_iter()
            .filter(|entry| entry["action"] == "sign_in_refused")
            .collect();
        if refused.len() >= at_least {
            return refused;
        }
        assert!(std::time::Instant::now() < deadline, "{refused:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_people_do_is_in_the_log_in_its_order() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    let body = json!({"old": PASSWORD, "new": "another horse battery"});
    let mut phone = server.stranger();
    phone.cookie = Some(sign_in(&server, "Ben", PASSWORD).await.cookie());
    assert_eq!(ben.post("/api/password", body).await.status, 204);
    assert_eq!(ben.delete("/api/session").await.status, 204);
    assert_eq!(ann.delete("/api/devices").await.status, 204);
    let mut again = server.stranger();
    again.cookie = Some(sign_in(&server, "Ann", PASSWORD).await.cookie());
    let told = [
        "- invited -",
        "Ann set_up -",
        "Ann signed_in -",
        "Ann invited -",
        "Ben invitation_used -",
        "Ben signed_in -",
        "Ben signed_in -",
        "Ben password_changed -",
        "Ben session_ended -",
        "Ben signed_out -",
        "Ann session_ended -",
        "Ann signed_in -",
    ];
    assert_eq!(story(&again).await, told);
    let used = &entries(&again, "?limit=8").await[7];
    assert_eq!(
        (&used["action"], &used["detail"], &used["credential"], &used["address"]),
        (
            &json!("invitation_used"),
            &json!("member"),
            &json!("link"),
            &json!("127.0.0.1")
        )
    );
    assert!((fieldbook::auth::now_ms() - used["at"].as_i64().unwrap()).abs() < 60_000);
}

#[tokio::test]
async fn only_owners_see_the_log() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    ben.get("/api/audit").await.assert_problem(403, "forbidden");
    let unknown = server.stranger().get("/api/audit").await;
    unknown.assert_problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_log_is_read_page_by_page() {
    let server = TestServer::start_with(|config| config.limits.audit_entries = 2).await;
    let ann = server.set_up("Ann").await;
    let first = entries(&ann, "").await;
    assert_eq!(first.len(), 2);
    let second = entries(&ann, &format!("?before={}&limit=2", first[1]["number"])).await;
    assert_eq!(second.len(), 1, "{second:?}");
    assert_eq!(second[0]["action"], "invited");
    assert_eq!(
        entries(&ann, &format!("?before={}", second[0]["number"])).await.len(),
        0
    );
    for wrong in ["limit=3", "limit=0"] {
        let refused = ann.get(&format!("/api/audit?{wrong}")).await;
        refused.assert_problem(422, "invalid");
    }
    ann.get("/api/audit?before=x").await.assert_problem(400, "malformed");
}

#[tokio::test]
async fn refused_sign_ins_are_one_entry_a_minute_and_keep_no_unknown_names() {
    // Two minutes may be touched.
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    for _ in 0..3 {
        sign_in(&server, "Ann", "wrong")
            .await
            .assert_problem(401, "unauthenticated");
        for name in ["my secret password", "another one"] {
            sign_in(&server, name, "wrong")
                .await
                .assert_problem(401, "unauthenticated");
        }
    }
    let refused = refusals(&ann, 2).await;
    assert!(refused.len() <= 4, "{refused:?}");
    assert!(refused.iter().any(|entry| entry["subject"]["name"] == "Ann"));
    assert!(refused.iter().any(|entry| entry["subject"].is_null()));
    assert!(!format!("{refused:?}").contains("secret"));
}

#[tokio::test]
async fn strangers_fill_the_log_so_far_and_no_further() {
    let server = TestServer::start_with(|config| config.limits.audited_refusals_per_minute = 1).await;
    let ann = server.set_up("Ann").await;
    let mut people = vec!["Ann".to_owned()];
    for name in ["Ben", "Cy", "Di", "Eve"] {
        server.join(&ann.invite("editor").await, name).await;
        people.push(name.to_owned());
    }
    for name in &people {
        sign_in(&server, name, "wrong")
            .await
            .assert_problem(401, "unauthenticated");
    }
    // Two minutes may be touched.
    let refused = refusals(&ann, 1).await;
    assert!(refused.len() <= 2, "{refused:?}");
}

#[test]
fn the_command_line_prints_the_log_and_is_in_it() {
    let folder = folder();
    assert!(
        on(folder.path(), "token", &["--user", "Ann", "--ttl", "60s"])
            .status
            .success()
    );
    let output = on(folder.path(), "audit", &[]);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("1 2"), "{text}");
    for part in ["token_made", "with command_line", "on \"Ann\" ", "(\"owner, 60 s\")"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(on(folder.path(), "token", &["--user", "Ben"]).status.success());
    let output = on(folder.path(), "audit", &["--json", "--limit", "1"]);
    let entry: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&entry["number"], &entry["subject"]["name"]),
        (&json!(2), &json!("Ben"))
    );
    let nowhere = on(&folder.path().join("nowhere"), "audit", &[]);
    assert!(
        said(&nowhere).starts_with("there is no Fieldbook data in "),
        "{}",
        said(&nowhere)
    );
}

/// As [`story`] tells it.
const ALLOWED: [&str; 14] = [
    "Ann granted Globex",
    "Ann grant_withdrawn Globex",
    "Ann group_made Sales",
    "Ann group_renamed Sales",
    "Ann group_member_added Field sales",
    "Ann group_member_removed Field sales",
    "Ann group_deleted Field sales",
    "Ann document_archived Globex",
    "Ann document_restored Globex",
    // It is private from here on: whoever reads the log need not see what it is called.
    "Ann visibility_changed ",
    "Ann document_trashed ",
    "Ann document_purged ",
    "Ann member_changed Ben",
    "Ann member_removed Ben",
];

/// What somebody was to be allowed, and by whom: each change once, and what was refused not at all.
#[tokio::test]
async fn who_was_allowed_what_is_in_the_log() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    let ben_id = ben.get("/api/session").await.json()["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let workspace = ann.get("/api/session").await.json()["workspace"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = story(&ann).await.len();

    let document = ann.create("account_plan", "Globex").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let access = format!("/api/documents/{document}/access");
    let grant = format!("{access}/people/{ben_id}");
    let groups = format!("/api/workspaces/{workspace}/groups");
    let member = format!("/api/workspaces/{workspace}/members/{ben_id}");
    let done = async |answer: Answer| assert!(answer.status.is_success(), "{}", answer.text());
    ben.put(&grant, json!({"role": "owner"}))
        .await
        .assert_problem(403, "forbidden");
    ben.put(&member, json!({"role": "admin"}))
        .await
        .assert_problem(403, "forbidden");
    done(ann.put(&grant, json!({"role": "viewer"})).await).await;
    done(ann.delete(&grant).await).await;
    let group = ann.post(&groups, json!({"name": "Sales"})).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let group = format!("{groups}/{group}");
    done(ann.put(&group, json!({"name": "Field sales"})).await).await;
    done(ann.put(&format!("{group}/members/{ben_id}"), json!({})).await).await;
    done(ann.delete(&format!("{group}/members/{ben_id}")).await).await;
    done(ann.delete(&group).await).await;
    done(ann.post(&format!("/api/documents/{document}/archive"), json!({})).await).await;
    done(ann.post(&format!("/api/documents/{document}/restore"), json!({})).await).await;
    done(ann.put(&access, json!({"visibility": "private"})).await).await;
    done(ann.post(&format!("/api/documents/{document}/trash"), json!({})).await).await;
    done(ann.delete(&format!("/api/documents/{document}")).await).await;
    ann.delete(&format!("/api/documents/{document}"))
        .await
        .assert_problem(404, "not-found");
    done(ann.put(&member, json!({"role": "admin"})).await).await;
    done(ann.delete(&member).await).await;
    done(ann.post("/api/workspaces", json!({"name": "South"})).await).await;

    assert_eq!(story(&ann).await[before..], ALLOWED);
    let all = entries(&ann, "").await;
    let detail = |action: &str| {
        let entry = all.iter().find(|entry| entry["action"] == action).unwrap();
        entry["detail"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(detail("granted"), format!("viewer: Ben {ben_id}"));
    assert_eq!(detail("grant_withdrawn"), format!("viewer: Ben {ben_id}"));
    assert_eq!(detail("member_changed"), "member → admin");
    assert_eq!(detail("visibility_changed"), "private");
    let purged = all.iter().find(|entry| entry["action"] == "document_purged").unwrap();
    assert_eq!(purged["subject"]["id"], document.as_str());
}
