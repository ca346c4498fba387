use std::time::{Duration, Instant};

use fieldbook::config::Config;
use fieldbook::startup::Server;

use crate::people::TestServer;

#[tokio::test]
async fn a_data_folder_has_one_server_at_a_time() {
    let server = TestServer::start().await;
    let mut config = Config::default();
    config.server.data = server.folder.path().join("data");
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    let refused = Server::start(config.clone())
        .await
        .err()
        .expect("the folder is in use")
        .to_string();
    assert!(refused.starts_with("another server uses the data folder "), "{refused}");
    server.server.stop().await;
    Server::start(config).await.unwrap().stop().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data = folder.path().to_owned();
    config.server.listen = server.server.addr();
    let refused = Server::start(config)
        .await
        .err()
        .expect("the port is taken")
        .to_string();
    assert!(
        refused.starts_with(&format!("cannot listen on {}", server.server.addr())),
        "{refused}"
    );
    assert!(refused.contains("--listen"), "{refused}");
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_stop_up() {
    let server = TestServer::start().await;
    assert_eq!(server.stranger().get("/healthz").await.status, 200);
    let started = Instant::now();
    server.server.stop().await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let server = TestServer::start().await;
    let ann = server.set_up("Ann").await;
    ann.create("account_plan", "Globex").await;
    let storage_id = ann.get("/api/session").await.json()["storageId"].clone();
    let folder = server.folder;
    server.server.stop().await;

    let mut config = Config::default();
    config.server.data = folder.path().join("data");
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    let again = Server::start(config).await.unwrap();
    let client = crate::people::client();
    let get = async |path: &str| {
        let cookie = format!("fieldbook_session={}", ann.cookie.as_ref().unwrap());
        let answer = client
            .get(format!("{}{path}", again.url()))
            .header("cookie", cookie)
            .send()
            .await
            .unwrap();
        answer.json::<serde_json::Value>().await.unwrap()
    };
    assert_eq!(get("/api/session").await["storageId"], storage_id);
    assert_eq!(get("/api/documents").await["documents"][0]["title"], "Globex");
    again.stop().await;
}
