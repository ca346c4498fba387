use std::time::Duration;

use reqwest::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::people::{TestServer, use_ring};

/// A server with a certificate of its own, which is given in PEM.
async fn start(alter: impl FnOnce(&mut fieldbook::config::Config)) -> (TestServer, String) {
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let server = TestServer::start_with(|config| {
        config.server.tls_cert = Some(cert);
        config.server.tls_key = Some(key);
        alter(config);
    })
    .await;
    (server, own.cert.pem())
}

#[tokio::test]
async fn a_tls_handshake_byte_by_byte_is_broken_off() {
    // R6
    use_ring();
    let (server, certificate) = start(|config| config.limits.request_head_ms = 500).await;
    let port = server.server.addr().port();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    // The head of a record with a ClientHello of 512 bytes, which never comes whole.
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[0; 400]].concat();
    let speaking = tokio::spawn(async move {
        for byte in hello {
            if to.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    });
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(10), from.read_to_end(&mut answer)).await;
    speaking.abort();
    assert!(closed.is_ok(), "it is still open");
    let trust = Certificate::from_pem(certificate.as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trust]).build().unwrap();
    let others = client.get(format!("https://localhost:{port}")).send().await.unwrap();
    assert_eq!(others.status(), 200);
}

#[tokio::test]
async fn with_a_certificate_the_server_speaks_tls() {
    let (server, certificate) = start(|_| {}).await;
    assert!(server.server.setup_link().unwrap().starts_with("https://127.0.0.1:"));

    use_ring();
    let trust = Certificate::from_pem(certificate.as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trust]).build().unwrap();
    let url = format!("https://localhost:{}", server.server.addr().port());
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(
        answer.headers().get("strict-transport-security").is_none(),
        "nobody asked for it, and this certificate would not keep the promise"
    );
    let secret = server
        .server
        .setup_link()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let accept = client
        .post(format!("{url}/api/invitations/{secret}/accept"))
        .header("origin", &url);
    let body = serde_json::json!({"name": "Ann", "password": crate::people::PASSWORD});
    let answer = accept.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("Secure"));
    assert!(
        reqwest::get(format!("http://localhost:{}", server.server.addr().port()))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |cert: &str, key: &str| {
        let (cert_path, key_path) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&cert_path, cert).unwrap();
        std::fs::write(&key_path, key).unwrap();
        let mut config = fieldbook::config::Config::default();
        config.server.data = folder.path().join("data");
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.server.tls_cert = Some(cert_path);
        config.server.tls_key = Some(key_path);
        fieldbook::startup::Server::start(config)
            .await
            .err()
            .expect("it does not start")
            .to_string()
    };
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    assert!(start("nothing", &key).await.contains("server.tls_cert"));
    assert!(start(&cert, "nothing").await.contains("server.tls_key"));
    let mixed = start(&cert, &other.signing_key.serialize_pem()).await;
    assert!(
        mixed.starts_with("TLS cannot be set up: the certificate and the key cannot be used"),
        "{mixed}"
    );
}
