//! A model of a stock client, driven by the test: it does nothing of its own accord.

mod convergence;
mod link;
mod reading;

use std::collections::{BTreeMap, VecDeque};

use automerge::{ActorId, Automerge, ChangeHash};

use crate::cbor::Value;
use crate::replica::Replica;
use crate::socket::{Join, addressed, within};
use crate::user::TestUser;

pub use convergence::{converge, converge_within};
use link::Link;

/// The server has no such document for this user.
#[derive(Debug, PartialEq, Eq)]
pub struct Unavailable;

/// A client with real documents. Between the calls of the test it only reads what arrives (and answers pings).
pub struct Peer {
    user: TestUser,
    join: Join,
    actor: ActorId,
    link: Option<Link>,
    replicas: BTreeMap<String, Replica>,
    /// Ephemeral messages that have arrived and nobody took.
    pub ephemerals: VecDeque<Value>,
    /// `fb` frames that have arrived and nobody took.
    pub fb: VecDeque<Value>,
    /// The storage id that the server gave.
    pub storage_id: String,
}

impl Peer {
    pub(crate) async fn connect(user: TestUser, join: Join) -> Self {
        let actor = ActorId::from(uuid::Uuid::new_v4().as_bytes().as_slice());
        let (ephemerals, fb, replicas) = Default::default();
        let mut peer = Self {
            user,
            join,
            actor,
            link: None,
            replicas,
            ephemerals,
            fb,
            storage_id: String::new(),
        };
        peer.open().await;
        peer
    }

    /// Writes with this actor id from now on (documents made or found before keep theirs).
    #[must_use]
    pub fn with_actor(mut self, actor: &[u8]) -> Self {
        self.actor = ActorId::from(actor);
        self
    }

    /// The peer id it joined with.
    #[must_use]
    pub fn peer_id(&self) -> &str {
        &self.join.peer_id
    }

    // --- documents

    /// Makes a document with an empty text, and tells the server.
    pub async fn create(&mut self) -> String {
        let replica = Replica::with_text(&self.actor);
        self.insert(replica).await
    }

    /// Takes a document that exists elsewhere under a new id, and tells the server.
    pub async fn import(&mut self, doc: Automerge) -> String {
        let doc = doc.with_actor(self.actor.clone());
        self.insert(Replica::holding(doc)).await
    }

    /// Makes a document that the server is not told of yet.
    pub fn draft(&mut self) -> String {
        let id = new_document_id();
        self.replicas.insert(id.clone(), Replica::with_text(&self.actor));
        id
    }

    /// Asks for a document and waits for the answer.
    ///
    /// # Errors
    /// [`Unavailable`] when the server says so.
    pub async fn find(&mut self, document: &str) -> Result<(), Unavailable> {
        self.request(document).await;
        self.until("an answer to the request (D2)", |peer| {
            let replica = peer.replica(document);
            replica.unavailable || !replica.heads().is_empty()
        })
        .await;
        if self.replica(document).unavailable {
            Err(Unavailable)
        } else {
            Ok(())
        }
    }

    /// Asks for a document without waiting.
    pub async fn request(&mut self, document: &str) {
        self.replicas.insert(document.into(), Replica::empty(&self.actor));
        self.start(document).await;
    }

    /// The copy of a document.
    #[must_use]
    pub fn replica(&self, document: &str) -> &Replica {
        self.replicas
            .get(document)
            .expect("the peer has asked for the document")
    }

    /// The copy of a document, to be changed without telling the server.
    pub fn replica_mut(&mut self, document: &str) -> &mut Replica {
        self.replicas
            .get_mut(document)
            .expect("the peer has asked for the document")
    }

    /// Its text.
    #[must_use]
    pub fn text(&self, document: &str) -> String {
        self.replica(document).text()
    }

    /// Its heads.
    #[must_use]
    pub fn heads(&self, document: &str) -> Vec<ChangeHash> {
        self.replica(document).heads()
    }

    // --- writing

    /// Appends words as one change and sends it.
    pub async fn write(&mut self, document: &str, words: &str) {
        self.replica_mut(document).append(words);
        self.send(document).await;
    }

    /// Sends what the document has to say, if anything.
    pub async fn send(&mut self, document: &str) {
        if let Some(message) = self.replica_mut(document).speak() {
            self.send_sync(document, "sync", message).await;
        }
    }

    /// Broadcasts an ephemeral message.
    pub async fn broadcast(&mut self, document: &str, session: &str, count: i64, data: Vec<u8>) {
        let frame = self.about("ephemeral", document);
        self.send_frame(&frame.with("count", count).with("sessionId", session).with("data", data))
            .await;
    }

    /// A frame of its own about a document.
    #[must_use]
    pub fn about(&self, kind: &str, document: &str) -> Value {
        let server = &self.link.as_ref().expect("the peer is connected").server_id;
        addressed(kind, &self.join.peer_id, server).with("documentId", document)
    }

    /// Sends any frame. Into a lost connection it goes unheard, as with a stock client.
    pub async fn send_frame(&mut self, frame: &Value) {
        if let Some(link) = &mut self.link {
            link.send(frame).await;
        }
    }

    // --- the connection

    /// Stops reading the socket, and so answering pings: a phone in a tunnel.
    pub fn stop_reading(&mut self) {
        let link = self.link.as_ref().expect("the peer is connected");
        link.stop_reading();
    }

    /// Breaks the connection without a close frame; the documents stay.
    pub fn lose(&mut self) {
        self.link = None;
    }

    /// Closes the connection in good order; the documents stay.
    pub async fn leave(&mut self) {
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    /// Connects again under the same peer id, and speaks about every document.
    pub async fn reconnect(&mut self) {
        self.open().await;
        let documents: Vec<String> = self.replicas.keys().cloned().collect();
        for document in documents {
            self.replica_mut(&document).reconnect();
            self.start(&document).await;
        }
    }

    /// Waits until the server closes the connection; gives code and reason.
    pub async fn closed(&mut self) -> (Option<u16>, String) {
        loop {
            self.pump().await;
            let link = self.link.as_mut().expect("the peer is connected");
            if let Some(closed) = link.closed.clone() {
                return closed;
            }
            within(self.arrive()).await;
        }
    }

    /// The server has not closed the connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.closed.is_none())
    }

    async fn open(&mut self) {
        self.link = None;
        let mut socket = self.user.raw().await;
        let welcome = socket.join(&self.join).await;
        self.storage_id = welcome
            .get("peerMetadata")
            .map(|data| data.text("storageId").to_owned())
            .unwrap_or_default();
        self.link = Some(Link::over(socket));
    }

    async fn insert(&mut self, replica: Replica) -> String {
        let id = new_document_id();
        self.replicas.insert(id.clone(), replica);
        self.start(&id).await;
        id
    }

    /// Opens the conversation about a document: with `request` if there is nothing here yet.
    pub async fn start(&mut self, document: &str) {
        let replica = self.replica_mut(document);
        let kind = if replica.heads().is_empty() { "request" } else { "sync" };
        let message = replica.speak().expect("the first message is always said");
        self.send_sync(document, kind, message).await;
    }

    async fn send_sync(&mut self, document: &str, kind: &str, message: Vec<u8>) {
        if self.link.is_some() {
            let frame = self.about(kind, document).with("data", message);
            self.send_frame(&frame).await;
        }
    }
}

/// A new document id, as automerge-repo makes them.
#[must_use]
pub fn new_document_id() -> String {
    bs58::encode(uuid::Uuid::new_v4().as_bytes()).with_check().into_string()
}
