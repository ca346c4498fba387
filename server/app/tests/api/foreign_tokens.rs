//! Tokens that another application signs (`[tokens]`), with real keys and a real server of keys.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fieldbook::config::Config;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::pkcs1::EncodeRsaPrivateKey;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::people::{Answer, Person, TestServer};

const ISSUER: &str = "https://crm.example";
const AUDIENCE: &str = "fieldbook.example";
const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// A key of the other application.
struct Signer {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn new(id: &str, algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::RS256 => {
                let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2_048).unwrap();
                EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes())
            }
            Algorithm::ES256 => EncodingKey::from_ec_der(&rcgen::KeyPair::generate().unwrap().serialize_der()),
            Algorithm::EdDSA => {
                // The private key alone, as PKCS#8 had it first: an encoding with the public key is not read.
                let seed: [u8; 32] = fieldbook::auth::fresh_bytes();
                let prefix = hex::decode("302e020100300506032b657004220420").unwrap();
                EncodingKey::from_ed_der(&[prefix.as_slice(), &seed].concat())
            }
            _ => EncodingKey::from_secret(SECRET),
        };
        Self {
            id: id.to_owned(),
            algorithm,
            key,
        }
    }

    /// As it stands in the set of keys.
    fn public(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        key.common.key_id = Some(self.id.clone());
        serde_json::to_value(key).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// The other application's server of keys.
struct KeyServer {
    url: String,
    body: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl KeyServer {
    async fn start(signers: &[&Signer], delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let body = Arc::new(Mutex::new(set(signers)));
        let asked = Arc::new(AtomicUsize::new(0));
        let (served, counted) = (Arc::clone(&body), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let served = Arc::clone(&served);
                tokio::spawn(async move {
                    let mut request = [0; 4_096];
                    let _ = stream.read(&mut request).await;
                    tokio::time::sleep(delay).await;
                    let body = served.lock().unwrap().clone();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                });
            }
        });
        Self { url, body, asked, task }
    }

    fn serve(&self, body: String) {
        *self.body.lock().unwrap() = body;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn set(signers: &[&Signer]) -> String {
    json!({"keys": signers.iter().map(|signer| signer.public()).collect::<Vec<_>>()}).to_string()
}

/// A server that takes the other application's tokens, from where `source` says.
async fn embedded(source: impl FnOnce(&mut Config)) -> TestServer {
    crate::people::use_ring();
    let server = TestServer::start_with(|config| {
        config.tokens.issuer = Some(ISSUER.into());
        config.tokens.audience = Some(AUDIENCE.into());
        config.tokens.leeway_s = 5;
        config.limits.requests_per_second = 1_000;
        source(config);
    });
    server.await
}

async fn embedded_by_url(keys: &KeyServer) -> TestServer {
    embedded(|config| {
        config.tokens.jwks_url = Some(keys.url.clone());
        config.tokens.jwks_pause_s = 1;
        config.tokens.jwks_timeout_ms = 2_000;
    })
    .await
}

fn now_s() -> i64 {
    fieldbook::auth::now_ms() / 1000
}

/// Good claims, for the first workspace.
async fn claims(server: &TestServer) -> Value {
    let workspace = server.server.state().store.first_workspace().await.unwrap().unwrap();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "name": "Zoë", "exp": now_s() + 60, "nbf": now_s(),
        "workspaces": {workspace.id.to_string(): "editor"}})
}

fn person(server: &TestServer, token: String) -> Person {
    let mut person = server.stranger();
    person.token = Some(token);
    person
}

async fn session(server: &TestServer, token: String) -> Answer {
    person(server, token).get("/api/session").await
}

fn assert_refused(answer: &Answer, words: &str) {
    answer.assert_problem(401, "unauthenticated");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(words), "{detail}, not {words}");
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

async fn with_secret(folder: &tempfile::TempDir) -> TestServer {
    let file = folder.path().join("secret");
    write(&file, [SECRET.as_slice(), b"\n"].concat());
    embedded(|config| config.tokens.secret_file = Some(file)).await
}

#[tokio::test]
async fn every_kind_of_key_signs_somebody_in() {
    let signers = [
        Signer::new("rsa", Algorithm::RS256),
        Signer::new("ec", Algorithm::ES256),
        Signer::new("ed", Algorithm::EdDSA),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    write(&file, set(&signers.iter().collect::<Vec<_>>()));
    let server = embedded(|config| config.tokens.jwks_file = Some(file)).await;
    let claims = claims(&server).await;
    let mut ids = Vec::new();
    for signer in &signers {
        let answer = session(&server, signer.sign(&claims)).await;
        assert_eq!(answer.status, 200, "{}: {}", signer.id, answer.text());
        let session = answer.json();
        assert_eq!(
            (&session["user"]["name"], &session["role"]),
            (&json!("Zoë"), &json!("editor"))
        );
        ids.push(session["user"]["id"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "one person, one account: {ids:?}");
    // The signature of one is not another's, and a secret is not among public keys.
    for mut signer in signers {
        let token = signer.sign(&claims);
        signer.id = if signer.id == "ec" { "ed" } else { "ec" }.into();
        let other_header = signer.sign(&claims);
        assert_refused(&session(&server, other_header).await, "alg is not the one");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let turned: String = signature.chars().rev().collect();
        assert_refused(
            &session(&server, format!("{signed}.{turned}")).await,
            "signature is wrong",
        );
    }
}

#[tokio::test]
async fn a_public_key_is_never_a_secret_and_no_algorithm_is_none() {
    let ec = Signer::new("ec", Algorithm::ES256);
    let keys = KeyServer::start(&[&ec], Duration::ZERO).await;
    let server = embedded_by_url(&keys).await;
    let claims = claims(&server).await;
    assert_eq!(session(&server, ec.sign(&claims)).await.status, 200);
    // HS256 with the public key as its secret: the classic mix-up.
    let public = ec.public();
    for secret in [
        public["x"].as_str().unwrap().to_owned(),
        public.to_string(),
        set(&[&ec]),
    ] {
        let mixed = Signer {
            id: "ec".into(),
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(secret.as_bytes()),
        };
        assert_refused(&session(&server, mixed.sign(&claims)).await, "alg is not the one");
    }
    let token = ec.sign(&claims);
    let payload = token.split('.').nth(1).unwrap();
    // {"alg":"none"}, and {"alg":"none","kid":"ec"}
    for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJub25lIiwia2lkIjoiZWMifQ"] {
        assert_refused(
            &session(&server, format!("{header}.{payload}.")).await,
            "not a signed JWT",
        );
    }
}

#[tokio::test]
async fn what_a_token_must_say_is_enforced() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_secret(&folder).await;
    let signer = Signer::new("any", Algorithm::HS256);
    let good = claims(&server).await;
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        signer.sign(&claims)
    };
    assert_eq!(session(&server, signer.sign(&good)).await.status, 200);
    assert_eq!(
        session(&server, with("exp", json!(now_s() - 2))).await.status,
        200,
        "within the leeway"
    );
    assert_eq!(
        session(&server, with("aud", json!(["else", AUDIENCE]))).await.status,
        200
    );
    let refused = [
        ("exp", json!(now_s() - 60), "has expired"),
        ("exp", json!("soon"), "exp"),
        ("exp", Value::Null, "exp"),
        ("nbf", json!(now_s() + 60), "not good yet"),
        ("nbf", json!("soon"), "nbf"),
        ("aud", json!("another"), "aud is not"),
        ("aud", json!([]), "aud"),
        ("aud", Value::Null, "aud"),
        ("sub", json!(""), "sub"),
        ("sub", Value::Null, "expected a string"),
        // Not from the issuer: then it would have to be our own.
        ("iss", json!("https://evil.example"), "made by another server"),
        ("iss", json!([ISSUER]), "made by another server"),
        ("iss", Value::Null, "made by another server"),
        ("iss", json!("fieldbook"), "made by another server"),
        ("workspaces", json!({"x": "editor"}), "UUID"),
        ("workspaces", json!({"x": "emperor"}), "emperor"),
    ];
    for (claim, value, words) in refused {
        assert_refused(&session(&server, with(claim, value)).await, words);
    }
    let other = Signer {
        key: EncodingKey::from_secret(&[1; 32]),
        ..Signer::new("any", Algorithm::HS256)
    };
    assert_refused(&session(&server, other.sign(&good)).await, "signature is wrong");
    let longer = Signer {
        algorithm: Algorithm::HS512,
        ..Signer::new("any", Algorithm::HS256)
    };
    assert_refused(&session(&server, longer.sign(&good)).await, "alg is not the one");
}

#[tokio::test]
async fn what_cannot_be_kept_to_refuses_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_secret(&folder).await;
    let signer = Signer::new("any", Algorithm::HS256);
    let good = claims(&server).await;
    let nowhere = uuid::Uuid::from_u128(9).to_string();
    let mut two = good["workspaces"].clone();
    two[&nowhere] = json!("viewer");
    let refused = [
        ("workspaces", two, "no such workspace"),
        ("workspaces", json!({}), "good for nothing"),
        ("workspaces", json!({nowhere: "owner"}), "no such workspace"),
    ];
    for (claim, value, words) in refused {
        let mut claims = good.clone();
        claims[claim] = value;
        let answer = session(&server, signer.sign(&claims)).await;
        answer.assert_problem(403, "forbidden");
        assert!(answer.text().contains(words), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_token_grants_the_documents_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_secret(&folder).await;
    let ann = server.set_up("Ann").await;
    let named = ann.create("account_plan", "Globex").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    ann.create("account_plan", "Initech").await;
    let signer = Signer::new("any", Algorithm::HS256);
    let mut claims = claims(&server).await;
    claims["documents"] = json!({});
    let none = person(&server, signer.sign(&claims));
    assert!(none.titles(false).await.is_empty(), "named none is no document");
    claims["documents"] = json!({&named: "viewer"});
    claims.as_object_mut().unwrap().remove("workspaces");
    let reader = person(&server, signer.sign(&claims));
    assert_eq!(reader.titles(false).await, ["Globex"]);
    let session = reader.get("/api/session").await.json();
    assert_eq!(
        (&session["workspace"], &session["role"]),
        (&json!(null), &json!("viewer"))
    );
    let archive = format!("/api/documents/{named}/archive");
    reader.post(&archive, json!({})).await.assert_problem(403, "forbidden");
    let new = json!({"kind": "account_plan", "title": "x"});
    reader
        .post("/api/documents", new)
        .await
        .assert_problem(403, "forbidden");
    claims["documents"] = json!({&named: "editor"});
    let writer = person(&server, signer.sign(&claims));
    assert_eq!(writer.post(&archive, json!({})).await.status, 204);
}

#[tokio::test]
async fn the_issuer_says_who_and_what_and_nobody_takes_anothers_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_secret(&folder).await;
    server.set_up("Ann").await;
    let signer = Signer::new("any", Algorithm::HS256);
    let mut claims = claims(&server).await;
    claims["name"] = json!("ANN");
    let impostor = session(&server, signer.sign(&claims)).await.json();
    let name = impostor["user"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("ANN ("), "{name}");
    // The same person with another role.
    let workspace = claims["workspaces"].as_object().unwrap().keys().next().unwrap().clone();
    claims["workspaces"][&workspace] = json!("viewer");
    let reader = person(&server, signer.sign(&claims));
    let session = reader.get("/api/session").await.json();
    assert_eq!(
        (&session["user"]["id"], &session["role"]),
        (&impostor["user"]["id"], &json!("viewer"))
    );
    let new = json!({"kind": "account_plan", "title": "x"});
    reader
        .post("/api/documents", new.clone())
        .await
        .assert_problem(403, "forbidden");
    claims["workspaces"][&workspace] = json!("editor");
    let writer = person(&server, signer.sign(&claims));
    assert_eq!(writer.post("/api/documents", new).await.status, 201);
    // Somebody else.
    claims["sub"] = json!("43");
    let other = person(&server, signer.sign(&claims)).get("/api/session").await.json();
    assert_ne!(other["user"]["id"], impostor["user"]["id"]);
    assert_ne!(other["user"]["name"], impostor["user"]["name"]);
    // At the endpoint of sync, in the query.
    let at_sync = server
        .stranger()
        .get(&format!("/sync?token={}", signer.sign(&claims)))
        .await;
    assert_ne!(at_sync.status, 401, "{}", at_sync.text());
}

#[tokio::test]
async fn keys_are_exchanged_without_a_restart_and_strangers_do_not_make_us_ask() {
    let (old, new) = (
        Signer::new("old", Algorithm::ES256),
        Signer::new("new", Algorithm::EdDSA),
    );
    let keys = KeyServer::start(&[&old], Duration::ZERO).await;
    let server = embedded_by_url(&keys).await;
    let claims = claims(&server).await;
    assert_eq!(session(&server, old.sign(&claims)).await.status, 200);
    keys.serve(set(&[&new]));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(session(&server, new.sign(&claims)).await.status, 200);
    assert_refused(
        &session(&server, old.sign(&claims)).await,
        "not among the issuer's keys",
    );
    // Names that nobody has: one fetch for each pause, however many ask.
    let (before, began) = (keys.asked(), tokio::time::Instant::now());
    for asker in 0..50 {
        let stranger = Signer {
            id: format!("nobody {asker}"),
            ..Signer::new("", Algorithm::HS256)
        };
        assert_refused(&session(&server, stranger.sign(&claims)).await, "not among");
    }
    let most = began.elapsed().as_secs() as usize + 1;
    assert!(keys.asked() - before <= most, "{} fetches", keys.asked() - before);
    assert_eq!(session(&server, new.sign(&claims)).await.status, 200);
}

#[tokio::test]
async fn known_keys_outlive_garbage_and_a_server_that_is_gone() {
    let (known, unknown) = (
        Signer::new("known", Algorithm::ES256),
        Signer::new("unknown", Algorithm::ES256),
    );
    let keys = KeyServer::start(&[&known], Duration::ZERO).await;
    let server = embedded_by_url(&keys).await;
    let claims = claims(&server).await;
    assert_eq!(session(&server, known.sign(&claims)).await.status, 200);
    let too_long = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000));
    for garbage in ["<html>not here</html>".to_owned(), "{\"keys\":[]}".to_owned(), too_long] {
        keys.serve(garbage);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let before = keys.asked();
        assert_refused(&session(&server, unknown.sign(&claims)).await, "not among");
        assert_eq!(keys.asked(), before + 1, "it was asked");
        assert_eq!(session(&server, known.sign(&claims)).await.status, 200);
    }
    drop(keys);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_refused(&session(&server, unknown.sign(&claims)).await, "not among");
    assert_eq!(session(&server, known.sign(&claims)).await.status, 200);
}

#[tokio::test]
async fn a_slow_server_of_keys_delays_nobody_whose_key_is_known() {
    let known = Signer::new("known", Algorithm::ES256);
    let keys = KeyServer::start(&[&known], Duration::from_secs(3_600)).await;
    let folder = tempfile::tempdir().unwrap();
    let server = embedded(|config| {
        config.tokens.jwks_url = Some(keys.url.clone());
        config.tokens.jwks_timeout_ms = 300;
    })
    .await;
    // It starts although no key has come, answers within the timeout, and its own tokens are good.
    let claims = claims(&server).await;
    assert_refused(&session(&server, known.sign(&claims)).await, "not among");
    let ann = server.set_up("Ann").await;
    let ben = server.with_token(&ann, "editor", "Ben").await;
    assert_eq!(ben.get("/api/session").await.status, 200);
    drop(folder);
}

#[tokio::test]
async fn a_file_that_holds_no_key_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let start = async |set: fn(&mut Config, &Path)| {
        let mut config = Config::default();
        config.server.data = folder.path().join("data");
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.tokens.issuer = Some(ISSUER.into());
        config.tokens.audience = Some(AUDIENCE.into());
        set(&mut config, &file);
        match fieldbook::startup::Server::start(config).await {
            Ok(_) => panic!("it started"),
            Err(error) => error.to_string(),
        }
    };
    let missing = start(|config, file| config.tokens.jwks_file = Some(file.into())).await;
    assert!(missing.contains("cannot be read"), "{missing}");
    write(&file, "short");
    let short = start(|config, file| config.tokens.secret_file = Some(file.into())).await;
    assert!(short.contains("at least 32 bytes"), "{short}");
    let garbage = start(|config, file| config.tokens.jwks_file = Some(file.into())).await;
    assert!(garbage.contains("not a set of keys"), "{garbage}");
}

#[tokio::test]
async fn the_example_in_the_documentation_mints_a_token_that_is_taken() {
    let page = include_str!("../../../../docs/embedding.md");
    let example = page.split("```js\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(example.lines().count() <= 12, "it is short: {example}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    write(&file, [SECRET.as_slice(), b"\n"].concat());
    let server = embedded(|config| {
        config.tokens.issuer = Some("https://crm.example.com".into());
        config.tokens.audience = Some("fieldbook.example.com".into());
        config.tokens.secret_file = Some(file.clone());
    })
    .await;
    let workspace = server.server.state().store.first_workspace().await.unwrap().unwrap();
    let output = tokio::process::Command::new("node")
        .args(["-e", example])
        .env("SECRET_FILE", &file)
        .env("WORKSPACE", workspace.id.to_string())
        .output()
        .await
        .expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let answer = session(&server, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["user"]["name"], "Zoë Ångström");
}
