//! One of two people who type one text at once, as they were recorded.

use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageVersion};
use automerge::{ActorId, Change, ChangeHash};
use fieldbook_harness::replica::Replica;
use fieldbook_harness::trace::Keystroke;
use fieldbook_harness::{RawSocket, TestServer, chunks, new_document_id};

/// Keystrokes that go out together at most.
const BURST: usize = 20;

/// What the other typed arrives as it may, but is applied when, in the recording, its reader had seen it: so the
/// document is apart from the connection, and changes wait between the two.
pub struct Writer {
    /// The document as this person sees it.
    pub replica: Replica,
    author: usize,
    socket: RawSocket,
    document: String,
    unsent: Vec<Vec<u8>>,
    arrived: Vec<Change>,
    applied: usize,
    server_heads: Vec<ChangeHash>,
    common: Vec<ChangeHash>,
}

impl Writer {
    /// Connects the author of this number.
    pub async fn join(server: &TestServer, name: &str, author: u8) -> Self {
        let actor = ActorId::from([author; 16].as_slice());
        Self {
            replica: Replica::with_text(&actor),
            author: author.into(),
            socket: server.user(name).raw_joined().await,
            document: String::new(),
            unsent: Vec::new(),
            arrived: Vec::new(),
            applied: 0,
            server_heads: Vec::new(),
            common: Vec::new(),
        }
    }

    /// Makes the document on the server.
    pub async fn begin(&mut self) -> String {
        self.document = new_document_id();
        self.unsent = self
            .replica
            .doc()
            .get_changes(&[])
            .iter()
            .map(|change| change.raw_bytes().to_vec())
            .collect();
        self.speak().await;
        while self.server_heads != self.replica.heads() {
            self.listen().await;
        }
        self.common = self.replica.heads();
        self.document.clone()
    }

    /// Opens the document that another has made.
    pub async fn follow(&mut self, other: &Self, document: &str) {
        self.document = document.into();
        let actor = self.replica.doc().get_actor().clone();
        self.replica = Replica::empty(&actor);
        self.replica.apply(other.replica.doc().get_changes(&[]));
        self.common = self.replica.heads();
        self.speak().await;
    }

    /// Types what is recorded of this author, each keystroke on top of what its author saw then; until both are done.
    pub async fn play(&mut self, recording: &[Keystroke]) {
        let (author, other) = (self.author, 1 - self.author);
        for key in recording.iter().filter(|key| key.author == author) {
            if key.seen[other] > self.applied {
                self.see(key.seen[other]).await;
            }
            self.replica.splice(key.edit.0, key.edit.1, &key.edit.2);
            let change = self.replica.doc().get_last_local_change().expect("just typed");
            self.unsent.push(change.raw_bytes().to_vec());
            if self.unsent.len() >= BURST {
                self.speak().await;
            }
        }
        self.see(recording.iter().filter(|key| key.author == other).count())
            .await;
        self.speak().await;
        while self.server_heads != self.replica.heads() {
            self.listen().await;
        }
    }

    /// Applies what the other typed, up to this number of keystrokes.
    async fn see(&mut self, number: usize) {
        loop {
            let up_to = number.min(self.arrived.len());
            if up_to > self.applied {
                self.replica.apply(self.arrived[self.applied..up_to].to_vec());
                self.common = vec![self.arrived[up_to - 1].hash()];
                self.applied = up_to;
            }
            if self.applied == number {
                return;
            }
            self.speak().await;
            self.listen().await;
        }
    }

    async fn speak(&mut self) {
        let message = Message {
            heads: self.replica.heads(),
            need: Vec::new(),
            have: vec![Have {
                last_sync: self.common.clone(),
                bloom: BloomFilter::default(),
            }],
            changes: ChunkList::from(std::mem::take(&mut self.unsent)),
            flags: None,
            version: MessageVersion::V1,
        };
        let frame = self.socket.about("sync", &self.document).with("data", message.encode());
        self.socket.send(&frame).await;
    }

    async fn listen(&mut self) {
        let frame = self.socket.frame_of("sync").await;
        let message = Message::decode(frame.bytes("data")).expect("a sync message");
        for chunk in message.changes.iter().flat_map(chunks) {
            let change = Change::from_bytes(chunk.to_vec()).expect("a change");
            // Its own come along with the other's when the server sends them together.
            if change.actor_id() != self.replica.doc().get_actor() {
                self.arrived.push(change);
            }
        }
        self.server_heads = message.heads;
    }
}
