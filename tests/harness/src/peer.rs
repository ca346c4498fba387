//! A model of a stock client, driven by the test: it does nothing of its own accord.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use automerge::sync::Message as SyncMessage;
use automerge::{ActorId, Automerge, ChangeHash};
use futures_util::future::select_all;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::cbor::Value;
use crate::replica::Replica;
use crate::socket::{Arrival, Join, PATIENCE, addressed, arrival, within};
use crate::user::TestUser;

type Stream = WebSocketStream<TcpStream>;

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

struct Link {
    sink: SplitSink<Stream, Message>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    reading: watch::Sender<bool>,
    reader: JoinHandle<()>,
    server_id: String,
    closed: Option<(Option<u16>, String)>,
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
            let _ = within(link.sink.send(Message::Binary(frame.encode().into()))).await;
        }
    }

    // --- reading

    /// Takes in what has arrived, applies it in one batch per document, and answers.
    pub async fn pump(&mut self) {
        while let Some(arrival) = self.link.as_mut().and_then(|link| link.arrivals.try_recv().ok()) {
            self.take(arrival).await;
        }
        let documents: Vec<String> = self.replicas.keys().cloned().collect();
        for document in documents {
            if self.replica_mut(&document).apply_inbox() {
                self.send(&document).await;
            }
        }
    }

    /// Reads and answers until this holds.
    pub async fn until(&mut self, what: &str, holds: impl FnMut(&Self) -> bool) {
        self.until_within(PATIENCE, what, holds).await;
    }

    /// Reads and answers until this holds, with a deadline of one's own.
    pub async fn until_within(&mut self, patience: Duration, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + patience;
        loop {
            self.pump().await;
            if holds(self) {
                return;
            }
            if timeout_at(deadline, self.arrive()).await.is_err() {
                panic!("{}: waited {patience:?} in vain for {what}", self.join.peer_id);
            }
        }
    }

    /// Reads and answers for this long, whatever comes. Only to show that something does *not* come.
    pub async fn listen(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            self.pump().await;
            if timeout_at(deadline, self.arrive()).await.is_err() {
                return;
            }
        }
    }

    /// Until the server has acknowledged every change of its own.
    pub async fn saved(&mut self, document: &str) {
        self.until("acknowledgement (S5)", |peer| {
            peer.replica(document).unsaved().is_empty()
        })
        .await;
    }

    /// Until its text is this.
    pub async fn reads(&mut self, document: &str, text: &str) {
        self.until(&format!("the text {text:?}"), |peer| peer.text(document) == text)
            .await;
    }

    /// Until its text contains these words.
    pub async fn sees(&mut self, document: &str, words: &str) {
        self.until(&format!("the words {words:?}"), |peer| {
            peer.text(document).contains(words)
        })
        .await;
    }

    /// The next `fb` frame of this kind that fits.
    pub async fn fb_where(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let wanted = |frame: &Value| frame.text("kind") == kind && fits(frame);
        self.until(&format!("an fb frame: {kind}"), |peer| peer.fb.iter().any(&wanted))
            .await;
        let found = self.fb.iter().position(wanted).expect("it has just been there");
        self.fb.drain(..=found).next_back().expect("at least one")
    }

    /// The next ephemeral message.
    pub async fn ephemeral(&mut self) -> Value {
        self.until("an ephemeral message (E1)", |peer| !peer.ephemerals.is_empty())
            .await;
        self.ephemerals.pop_front().expect("it has just been there")
    }

    // --- the connection

    /// Stops reading the socket, and so answering pings: a phone in a tunnel.
    pub fn stop_reading(&mut self) {
        self.set_reading(false);
    }

    /// Reads on.
    pub fn read_on(&mut self) {
        self.set_reading(true);
    }

    /// Breaks the connection without a close frame; the documents stay.
    pub fn lose(&mut self) {
        self.link = None;
    }

    /// Closes the connection in good order; the documents stay.
    pub async fn leave(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        let _ = within(link.sink.close()).await;
        // With something unread, dropping the socket would reset the connection before the server reads the close frame.
        while let Some(arrival) = within(link.arrivals.recv()).await {
            if matches!(arrival, Arrival::Closed(..)) {
                return;
            }
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
        let server_id = socket.server_id.clone();
        let (sink, stream) = socket.into_stream().split();
        let (sender, arrivals) = mpsc::unbounded_channel();
        let (reading, watched) = watch::channel(true);
        let reader = tokio::spawn(read(stream, watched, sender));
        self.link = Some(Link {
            sink,
            arrivals,
            reading,
            reader,
            server_id,
            closed: None,
        });
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

    fn set_reading(&self, reading: bool) {
        let link = self.link.as_ref().expect("the peer is connected");
        link.reading.send_replace(reading);
    }

    /// Waits for one more arrival. Cancelling loses nothing. For ever when the connection is gone.
    async fn arrive(&mut self) {
        let next = match &mut self.link {
            Some(link) => link.arrivals.recv().await,
            None => None,
        };
        match next {
            Some(arrival) => self.take(arrival).await,
            None => std::future::pending().await,
        }
    }

    async fn take(&mut self, arrival: Arrival) {
        let frame = match arrival {
            Arrival::Frame(frame) => frame,
            Arrival::Closed(code, reason) => {
                self.link.as_mut().expect("the arrival came by it").closed = Some((code, reason));
                return;
            }
        };
        let replica = self.replicas.get_mut(frame.text("documentId"));
        match (frame.kind(), replica) {
            ("sync", Some(replica)) => {
                replica.receive(SyncMessage::decode(frame.bytes("data")).expect("a sync message (S1)"));
            }
            ("doc-unavailable", Some(replica)) => replica.unavailable = true,
            ("ephemeral", _) => {
                self.echo(&frame).await;
                self.ephemerals.push_back(frame);
            }
            ("fb", _) => self.fb.push_back(frame),
            _ => panic!("{} was not told to expect {frame:?}", self.join.peer_id),
        }
    }

    /// Stock clients send every ephemeral message that they get back to whom they have it from.
    async fn echo(&mut self, frame: &Value) {
        let echo = addressed(
            "ephemeral",
            frame.text("senderId"),
            &self.link.as_ref().expect("connected").server_id,
        )
        .with("documentId", frame.text("documentId"))
        .with("count", frame.int("count").unwrap_or_default())
        .with("sessionId", frame.text("sessionId"))
        .with("data", frame.bytes("data").to_vec());
        self.send_frame(&echo).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Reads and answers for all of them until the document's heads are the same everywhere, and nothing is unsaved.
pub async fn converge(peers: &mut [&mut Peer], document: &str) {
    converge_within(PATIENCE, peers, document).await;
}

/// [`converge`] with a deadline of one's own.
pub async fn converge_within(patience: Duration, peers: &mut [&mut Peer], document: &str) {
    let deadline = Instant::now() + patience;
    loop {
        for peer in peers.iter_mut() {
            peer.pump().await;
        }
        let heads = peers[0].heads(document);
        let settled = |peer: &Peer| peer.heads(document) == heads && peer.replica(document).unsaved().is_empty();
        if peers.iter().all(|peer| settled(peer)) {
            return;
        }
        let arrivals = select_all(peers.iter_mut().map(|peer| peer.arrive().boxed()));
        if timeout_at(deadline, arrivals).await.is_err() {
            let unsaved: Vec<_> = peers
                .iter()
                .map(|peer| peer.replica(document).unsaved().len())
                .collect();
            let heads: Vec<_> = peers.iter().map(|peer| peer.heads(document)).collect();
            panic!("not the same everywhere within {patience:?} (R7): heads {heads:?}, unsaved {unsaved:?}");
        }
    }
}

/// A new document id, as automerge-repo makes them.
#[must_use]
pub fn new_document_id() -> String {
    bs58::encode(uuid::Uuid::new_v4().as_bytes()).with_check().into_string()
}

async fn read(
    mut stream: SplitStream<Stream>,
    mut reading: watch::Receiver<bool>,
    sender: mpsc::UnboundedSender<Arrival>,
) {
    loop {
        if reading.wait_for(|reading| *reading).await.is_err() {
            return;
        }
        let Some(arrival) = arrival(stream.next().await) else {
            continue;
        };
        let last = matches!(arrival, Arrival::Closed(..));
        if sender.send(arrival).is_err() || last {
            return;
        }
    }
}
