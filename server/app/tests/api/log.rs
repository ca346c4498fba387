use std::fs::File;

use serde_json::{Value, json};

use crate::people::client;
use crate::program::{Serving, folder, on, on_runtime};

#[test]
fn no_secret_stands_in_the_log_even_when_it_tells_everything() {
    let folder = folder();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let variables = [("FIELDBOOK_LOG__FILTER", "trace"), ("FIELDBOOK_LOG__FORMAT", "json")];
    let serving = Serving::start_with(&data, 2, &variables, File::create(&log).unwrap().into());
    let base = serving.lines[0].rsplit(' ').next().unwrap().to_owned();
    let secret = serving.lines[1].rsplit('/').next().unwrap().to_owned();
    let token = on(&data, "token", &["--user", "Bob Secretname"]);
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let cookie = on_runtime(use_all(&base, &secret, &token));
    assert_eq!(serving.stop(), Some(0));

    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains("/api/invitations/{secret}/accept"),
        "requests are named by their route: {log}"
    );
    assert!(
        log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{log}"
    );
    for secret in [&secret, &token, &cookie, "hunter2", "Secretname", "Secrettitle"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

/// Sends every secret there is to where it belongs; gives the session's.
async fn use_all(base: &str, secret: &str, token: &str) -> String {
    let client = client();
    for path in [
        format!("/join/{secret}"),
        format!("/sync?token={token}"),
        "/sync?token=hunter2.x.y".to_owned(),
    ] {
        client.get(format!("{base}{path}")).send().await.unwrap();
    }
    let accept = client.post(format!("{base}/api/invitations/{secret}/accept"));
    let account = json!({"name": "Ann Secretname", "password": "hunter2 hunter2"});
    let answer = accept.json(&account).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(['=', ';'])
        .nth(1)
        .unwrap()
        .to_owned();
    let get = client
        .get(format!("{base}/api/session"))
        .header("cookie", format!("fieldbook_session={cookie}"));
    assert_eq!(get.send().await.unwrap().status(), 200);
    let create = client.post(format!("{base}/api/documents")).bearer_auth(token);
    let answer = create
        .json(&json!({"kind": "account_plan", "title": "Secrettitle"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    cookie
}
