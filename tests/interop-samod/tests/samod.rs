//! An unmodified samod 0.16 repo against the server: make, find, edit, broadcast.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT, ReadDoc};
use fieldbook_harness::{TestServer, TestUser, Value};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt, TryStreamExt};
use samod::{BackoffConfig, DialError, Dialer, DocHandle, Repo, Transport};
use tokio_tungstenite::tungstenite::{Error, Message};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(10);

/// A WebSocket dialer as samod's own, which needs OpenSSL.
struct WebSocketDialer(Url);

impl Dialer for WebSocketDialer {
    type Error = Infallible;

    fn url(&self) -> Url {
        self.0.clone()
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<Infallible>>> {
        let url = self.0.clone();
        async move {
            let (socket, _) = tokio_tungstenite::connect_async(url.as_str())
                .await
                .map_err(DialError::transient)?;
            let (sink, stream) = socket.split();
            Ok(Transport::new(binary(stream).boxed(), Box::pin(frames(sink))))
        }
        .boxed()
    }
}

/// What samod takes off a WebSocket: it gives up at text, so the server must never send any.
fn binary(stream: impl Stream<Item = Result<Message, Error>>) -> impl Stream<Item = Result<Vec<u8>, Error>> {
    stream.try_filter_map(|message| async move {
        Ok(match message {
            Message::Binary(bytes) => Some(bytes.to_vec()),
            Message::Text(text) => panic!("the server sent text: {text}"),
            _ => None,
        })
    })
}

fn frames(sink: impl Sink<Message, Error = Error>) -> impl Sink<Vec<u8>, Error = Error> {
    sink.with(|bytes: Vec<u8>| std::future::ready(Ok(Message::Binary(bytes.into()))))
}

async fn repo(user: &TestUser) -> Repo {
    let repo = Repo::build_tokio().load().await;
    let url = user.sync_url().parse().expect("a valid URL");
    let dialed = repo
        .dial(BackoffConfig::default(), Arc::new(WebSocketDialer(url)))
        .expect("the repo runs");
    within(dialed.established()).await.expect("the server answers the join");
    repo
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("nothing happened for 10 s")
}

fn put(handle: &DocHandle, key: &str, value: &str) {
    handle.with_document(|doc| {
        doc.transact(|edit| edit.put(ROOT, key, value))
            .expect("the root is a map");
    });
}

fn get(handle: &DocHandle, key: &str) -> Option<String> {
    handle.with_document(|doc| {
        doc.get(ROOT, key)
            .expect("the root is a map")
            .map(|(value, _)| value.to_string())
    })
}

/// Waits until the document says so.
async fn says(handle: &DocHandle, key: &str, value: &str) {
    let mut changes = handle.changes();
    let wanted = Some(format!("\"{value}\""));
    within(async {
        while get(handle, key) != wanted {
            changes.next().await.expect("the repo runs");
        }
    })
    .await;
}

#[tokio::test]
async fn samod_repos_make_find_and_edit() {
    let server = TestServer::start().await;
    let (ann, ben) = (repo(&server.user("ann")).await, repo(&server.user("ben")).await);
    let hers = ann.create(Automerge::new()).await.expect("the repo runs");
    put(&hers, "client", "samod");
    let found = within(ben.find(hers.document_id().clone()))
        .await
        .expect("the repo runs");
    let his = found.expect("they share a workspace");
    says(&his, "client", "samod").await;
    put(&his, "answer", "found");
    says(&hers, "answer", "found").await;
}

#[tokio::test]
async fn samod_is_told_what_there_is_not() {
    let server = TestServer::start().await;
    let (ann, sam) = (repo(&server.user("ann")).await, repo(&server.stranger("sam")).await);
    let hers = ann.create(Automerge::new()).await.expect("the repo runs");
    let mut ben = server.user("ben").connect().await;
    ben.find(&hers.document_id().to_string()).await.expect("it is stored");
    let found = within(sam.find(hers.document_id().clone()))
        .await
        .expect("the repo runs");
    assert!(found.is_none(), "it is none of his business");
}

#[tokio::test]
async fn samod_hears_ephemeral_messages_once() {
    let server = TestServer::start().await;
    let (ann, ben) = (repo(&server.user("ann")).await, repo(&server.user("ben")).await);
    let hers = ann.create(Automerge::new()).await.expect("the repo runs");
    let found = within(ben.find(hers.document_id().clone()))
        .await
        .expect("the repo runs");
    let his = found.expect("they share a workspace");
    let mut heard = Box::pin(his.ephemera());
    for word in ["one", "two"] {
        hers.broadcast(Value::from(word).encode());
    }
    for word in ["one", "two"] {
        assert_eq!(within(heard.next()).await, Some(Value::from(word).encode()));
    }
    let more = tokio::time::timeout(Duration::from_millis(300), heard.next()).await;
    assert!(more.is_err(), "nothing is heard twice: {more:?}");
}
