//! Somebody forgot their password.

use serde_json::{Value, json};

use crate::devices::{assert_ended, assert_open, sign_in, socket};
use crate::people::{PASSWORD, Person, TestServer};
use crate::program::{Serving, folder, on, said};

const ANOTHER: &str = "quite another battery";

async fn id_of(person: &Person) -> String {
    person.get("/api/session").await.json()["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Where a link for this person is made, in the first workspace.
async fn address(server: &TestServer, person: &str) -> String {
    let workspace = server.server.state().store.first_workspace().await.unwrap().unwrap();
    format!("/api/workspaces/{}/members/{person}/password-reset", workspace.id)
}

/// The address in the API of the link that somebody makes for another.
async fn link(server: &TestServer, maker: &Person, person: &str) -> String {
    let answer = maker.post(&address(server, person).await, json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    let secret = url.strip_prefix(&format!("{}/reset/", server.base())).unwrap();
    format!("/api/password-resets/{secret}")
}

async fn actions(owner: &Person) -> Vec<Value> {
    let entries = owner.get("/api/audit").await.json()["entries"]
        .as_array()
        .unwrap()
        .clone();
    entries.into_iter().rev().map(|entry| entry["action"].clone()).collect()
}

#[tokio::test]
async fn an_admin_makes_a_link_and_the_person_another_password() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    let phone = sign_in(&server, "Ben", "a phone").await;
    let (mut lost, mut others) = (socket(&server, &phone).await, socket(&server, &ann).await);
    let link = link(&server, &ann, &id_of(&ben).await).await;
    let shown = server.stranger().get(&link).await;
    assert_eq!((shown.status.as_u16(), shown.json()), (200, json!({"name": "Ben"})));
    assert_eq!(phone.get("/api/session").await.status, 200, "a link alone ends nothing");

    let answer = server.stranger().post(&link, json!({"password": ANOTHER})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_ended(&mut lost).await;
    assert_open(&mut others).await;
    for old in [&ben, &phone] {
        old.get("/api/session").await.assert_problem(401, "unauthenticated");
    }
    let mut here = server.stranger();
    here.cookie = Some(answer.cookie());
    assert_eq!(here.get("/api/session").await.json()["user"]["name"], "Ben");
    let with = async |password: &str| {
        let body = json!({"name": "Ben", "password": password});
        server.stranger().post("/api/session", body).await.status.as_u16()
    };
    assert_eq!((with(PASSWORD).await, with(ANOTHER).await), (401, 200));
    let log = actions(&ann).await;
    for action in ["password_reset_made", "password_reset"] {
        assert_eq!(
            log.iter().filter(|logged| *logged == action).count(),
            1,
            "{action} in {log:?}"
        );
    }
}

#[tokio::test]
async fn a_link_is_good_once_and_only_the_last_one_is() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = id_of(&server.join(&ann.invite("editor").await, "Ben").await).await;
    let (first, second) = (link(&server, &ann, &ben).await, link(&server, &ann, &ben).await);
    let body = json!({"password": ANOTHER});
    server.stranger().get(&first).await.assert_problem(404, "not-found");
    server
        .stranger()
        .post(&first, body.clone())
        .await
        .assert_problem(404, "not-found");
    // What is refused uses nothing up.
    server
        .stranger()
        .post(&second, json!({"password": "short"}))
        .await
        .assert_problem(422, "invalid");
    server
        .stranger()
        .post(&second, json!({"password": "Ben Ben Ben"}))
        .await
        .assert_problem(422, "invalid");
    let racers = (server.stranger(), server.stranger());
    let (one, two) = tokio::join!(
        racers.0.post(&second, body.clone()),
        racers.1.post(&second, body.clone())
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
    server.stranger().get(&second).await.assert_problem(404, "not-found");
}

/// Checking a password takes a while. Whichever comes first: once the reset is through, the old password is worth nothing.
#[tokio::test]
async fn a_sign_in_with_the_old_password_does_not_outlive_a_reset() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = id_of(&server.join(&ann.invite("editor").await, "Ben").await).await;
    let mut password = PASSWORD.to_owned();
    for round in 0..4 {
        let another = format!("another battery of round {round}");
        let link = link(&server, &ann, &ben).await;
        let sign_in = json!({"name": "Ben", "password": password});
        let strangers: Vec<Person> = (0..4).map(|_| server.stranger()).collect();
        let resetter = server.stranger();
        let (reset, old) = tokio::join!(
            resetter.post(&link, json!({"password": another})),
            futures_util::future::join_all(strangers.iter().map(|one| one.post("/api/session", sign_in.clone()))),
        );
        assert_eq!(reset.status, 200, "{}", reset.text());
        for answer in old {
            if answer.status != 200 {
                assert_eq!(answer.status, 401, "{}", answer.text());
                continue;
            }
            let mut thief = server.stranger();
            thief.cookie = Some(answer.cookie());
            thief.get("/api/session").await.assert_problem(401, "unauthenticated");
        }
        password = another;
    }
}

#[tokio::test]
async fn a_link_expires() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    let link = link(&server, &ann, &id_of(&ben).await).await;
    let hour_ms = 3_600_000;
    let state = server.server.state();
    let hash = fieldbook::auth::Secret::received(link.rsplit('/').next().unwrap()).hash();
    let in_hours = |hours: i64| fieldbook::auth::now_ms() + hours * hour_ms;
    assert!(state.store.password_reset(hash, in_hours(23)).await.unwrap().is_some());
    assert!(state.store.password_reset(hash, in_hours(24)).await.unwrap().is_none());
}

/// Whoever has the link has the account: its maker must look after all of it, and is a person.
#[tokio::test]
async fn nobody_reaches_beyond_what_they_look_after_by_a_link() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let (ada, mo) = (
        server.join(&ann.invite("editor").await, "Ada").await,
        server.join(&ann.invite("editor").await, "Mo").await,
    );
    let (owner, ada_id, mo_id) = (id_of(&ann).await, id_of(&ada).await, id_of(&mo).await);
    let refused = async |maker: &Person, person: &str| {
        let answer = maker.post(&address(&server, person).await, json!({})).await;
        answer.assert_problem(403, "forbidden");
        answer.text()
    };
    refused(&ada, &mo_id).await;
    make(&server, &ann, &ada_id, "admin").await;
    refused(&ada, &owner).await;
    link(&server, &ada, &mo_id).await;
    // One's own password takes the old one, and a token is no person.
    refused(&ann, &owner).await;
    refused(&server.bounded(&ann, fieldbook_store::Role::Owner).await, &mo_id).await;

    let bo = server.join(&ann.invite("owner").await, "Bo").await;
    let bo_id = id_of(&bo).await;
    link(&server, &ann, &bo_id).await;
    let elsewhere = bo.post("/api/workspaces", json!({"name": "Elsewhere"})).await;
    assert_eq!(elsewhere.status, 201, "{}", elsewhere.text());
    let text = refused(&ann, &bo_id).await;
    assert!(text.contains("every workspace"), "{text}");
}

/// Makes something else of somebody in the first workspace.
async fn make(server: &TestServer, maker: &Person, person: &str, role: &str) {
    let path = address(server, person).await.replace("/password-reset", "");
    assert_eq!(maker.put(&path, json!({"role": role})).await.status, 204);
}

/// What its maker could do then, and its person was then, is what a link was made for.
#[tokio::test]
async fn a_link_ends_with_what_justified_it() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let (ada, mo) = (
        server.join(&ann.invite("editor").await, "Ada").await,
        server.join(&ann.invite("editor").await, "Mo").await,
    );
    let (ada_id, mo_id) = (id_of(&ada).await, id_of(&mo).await);
    let is_good = async |link: &str| server.stranger().get(link).await.status == 200;
    make(&server, &ann, &ada_id, "admin").await;
    let of_an_admin = link(&server, &ada, &mo_id).await;
    assert!(is_good(&of_an_admin).await);
    make(&server, &ann, &ada_id, "admin").await;
    assert!(is_good(&of_an_admin).await, "nothing has changed");
    make(&server, &ann, &ada_id, "member").await;
    assert!(!is_good(&of_an_admin).await, "its maker is no admin any more");
    let of_a_member = link(&server, &ann, &mo_id).await;
    make(&server, &ann, &mo_id, "owner").await;
    assert!(!is_good(&of_a_member).await, "its person is an owner now");
    let before_a_change = link(&server, &ann, &mo_id).await;
    let change = mo.post("/api/password", json!({"old": PASSWORD, "new": ANOTHER})).await;
    assert_eq!(change.status, 204, "{}", change.text());
    assert!(!is_good(&before_a_change).await, "they know their password");
}

#[tokio::test]
async fn a_change_of_the_password_that_is_under_way_does_not_outlive_a_reset() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ben = server.join(&ann.invite("editor").await, "Ben").await;
    let id = id_of(&ben).await;
    let mut password = PASSWORD.to_owned();
    for round in 0..4 {
        let (theirs, thiefs) = (
            format!("another battery of {round}"),
            format!("stolen lantern of {round}"),
        );
        let link = link(&server, &ann, &id).await;
        let thief = sign_in_with(&server, &password).await;
        let resetter = server.stranger();
        let change = json!({"old": password, "new": thiefs});
        let (reset, _) = tokio::join!(
            resetter.post(&link, json!({"password": theirs})),
            thief.post("/api/password", change),
        );
        // Whoever was first: a link ends with a change of the password, and a change needs the password that there is.
        password = if reset.status == 200 { theirs } else { thiefs };
        sign_in_with(&server, &password).await;
    }
}

async fn sign_in_with(server: &TestServer, password: &str) -> Person {
    let mut person = server.stranger();
    let answer = person
        .post("/api/session", json!({"name": "Ben", "password": password}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    person.cookie = Some(answer.cookie());
    person
}

#[tokio::test]
async fn nobody_changes_their_own_role() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    let ada = server.join(&ann.invite("editor").await, "Ada").await;
    let id = id_of(&ada).await;
    make(&server, &ann, &id, "admin").await;
    let own = address(&server, &id).await.replace("/password-reset", "");
    ada.put(&own, json!({"role": "admin"}))
        .await
        .assert_problem(403, "forbidden");
    ada.put(&own, json!({"role": "member"}))
        .await
        .assert_problem(403, "forbidden");
}

#[test]
fn who_has_the_data_folder_helps_an_owner_who_is_locked_out() {
    let folder = folder();
    let serving = Serving::start(folder.path(), 2);
    let made = on(folder.path(), "token", &["--user", "Ann"]);
    assert!(made.status.success(), "{}", said(&made));
    let nobody = on(folder.path(), "reset-password", &["--user", "Nan"]);
    assert_eq!((nobody.status.code(), nobody.stdout.len()), (Some(1), 0));
    assert!(said(&nobody).contains("nobody is called Nan"), "{}", said(&nobody));
    let output = on(folder.path(), "reset-password", &["--user", "ann"]);
    assert!(output.status.success(), "{}", said(&output));
    let link = String::from_utf8(output.stdout).unwrap();
    assert!(link.trim().starts_with("http://127.0.0.1:"), "{link}");
    let address = serving.lines[0].rsplit(' ').next().unwrap().to_owned();
    let secret = link.trim().rsplit('/').next().unwrap().to_owned();
    let name = crate::program::on_runtime(async move {
        let answer = crate::people::client().get(format!("{address}/api/password-resets/{secret}"));
        answer.send().await.unwrap().text().await.unwrap()
    });
    assert_eq!(name, r#"{"name":"Ann"}"#);
    assert_eq!(serving.stop(), Some(0));
}
