//! A server to test, and the people who use it.

use fieldbook::config::Config;
use fieldbook::startup::Server;
use fieldbook_core::id::UserId;
use fieldbook_store::{Account, AuditAction, AuditEvent, Credential, Place, Role, Workspace, WorkspaceRole};
use reqwest::header::{HeaderMap, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A running server on a data folder of its own.
pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
    client: reqwest::Client,
}

/// For what tests do past the API.
pub(crate) fn event() -> AuditEvent {
    fieldbook::audit::on_this_machine(AuditAction::MemberChanged, Credential::CommandLine)
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Somebody with a browser (a cookie, and pages of this server) or with a token.
#[derive(Clone)]
pub(crate) struct Person {
    base: String,
    client: reqwest::Client,
    pub(crate) cookie: Option<String>,
    pub(crate) token: Option<String>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().join("data");
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.limits.sign_in_per_minute = 1_000;
        change(&mut config);
        let server = Server::start(config).await.unwrap();
        Self {
            server,
            folder,
            client: client(),
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// Somebody whom the server does not know.
    pub(crate) fn stranger(&self) -> Person {
        Person {
            base: self.base(),
            client: self.client.clone(),
            cookie: None,
            token: None,
        }
    }

    /// Makes the first account, an owner's.
    pub(crate) async fn set_up(&self, name: &str) -> Person {
        let link = self.server.setup_link().expect("set-up is open").to_owned();
        self.join(&link, name).await
    }

    /// Makes an account with a link.
    pub(crate) async fn join(&self, link: &str, name: &str) -> Person {
        let mut person = self.stranger();
        let secret = link.rsplit('/').next().unwrap();
        let path = format!("/api/invitations/{secret}/accept");
        let answer = person.post(&path, json!({"name": name, "password": PASSWORD})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        person.cookie = Some(answer.cookie());
        person
    }

    /// Somebody with a token of the server's own making, for all that they may do.
    pub(crate) async fn with_token(&self, owner: &Person, role: &str, name: &str) -> Person {
        let member = self.join(&owner.invite(role).await, name).await;
        self.bounded(&member, Role::Owner).await
    }

    /// Somebody whom the store is told of, with a token for all that they may do; and their id.
    pub(crate) async fn newcomer(&self, workspace: &Workspace, role: WorkspaceRole, name: &str) -> (Person, UserId) {
        let state = self.server.state();
        let id = UserId(uuid::Uuid::new_v4());
        let account = Account {
            id,
            name: name.into(),
            password_hash: None,
            home: Some(Place {
                workspace: workspace.clone(),
                role,
            }),
        };
        state.store.create_account(account).await.unwrap();
        let now_s = u64::try_from(fieldbook::auth::now_ms() / 1000).unwrap();
        let mut person = self.stranger();
        person.token = Some(state.token_key.issue(id, name, Role::Owner, now_s, 600).unwrap());
        (person, id)
    }

    /// The same person with a token that is good for this role on documents.
    pub(crate) async fn bounded(&self, member: &Person, role: Role) -> Person {
        let id = member.get("/api/session").await.json()["user"]["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let state = self.server.state();
        let now_s = u64::try_from(fieldbook::auth::now_ms() / 1000).unwrap();
        let token = state.token_key.issue(id, "somebody", role, now_s, 60).unwrap();
        Person {
            cookie: None,
            token: Some(token),
            ..member.clone()
        }
    }
}

impl Person {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .header(ORIGIN, &self.base);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("fieldbook_session={cookie}"));
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request
    }

    /// A request as no page makes it: without `Origin`.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("fieldbook_session={cookie}"));
        }
        request
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// A link for one more person.
    pub(crate) async fn invite(&self, role: &str) -> String {
        let answer = self.post("/api/invitations", json!({"role": role})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["url"].as_str().unwrap().to_owned()
    }

    /// Makes a document; gives what the list says of it.
    pub(crate) async fn create(&self, kind: &str, title: &str) -> Value {
        let answer = self.post("/api/documents", json!({"kind": kind, "title": title})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// The titles in the list.
    pub(crate) async fn titles(&self, archived: bool) -> Vec<String> {
        let answer = self.get(&format!("/api/documents?archived={archived}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let documents = answer.json()["documents"].as_array().unwrap().clone();
        documents
            .iter()
            .map(|document| document["title"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The session that the answer sets.
    pub(crate) fn cookie(&self) -> String {
        let set = self.headers.get(SET_COOKIE).expect("a cookie is set").to_str().unwrap();
        set.strip_prefix("fieldbook_session=")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }

    /// The answer is this problem, in the shape that all have.
    pub(crate) fn assert_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:fieldbook:{kind}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        for text in ["title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer {
        status,
        headers,
        body: response.bytes().await.unwrap().to_vec(),
    }
}

pub(crate) fn client() -> reqwest::Client {
    use_ring();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// The TLS of the tests' own client.
pub(crate) fn use_ring() {
    // Fails if it is installed already, which is as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
