//! What a peer does with what arrives, and how a test waits for it.

use std::time::Duration;

use automerge::sync::Message as SyncMessage;
use tokio::time::{Instant, timeout_at};

use super::Peer;
use super::link::Link;
use crate::cbor::Value;
use crate::socket::{Arrival, PATIENCE, addressed};

impl Peer {
    /// Takes in what has arrived, applies it in one batch per document, and answers.
    pub async fn pump(&mut self) {
        while let Some(arrival) = self.link.as_mut().and_then(Link::arrived) {
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

    /// Waits for one more arrival. Cancelling loses nothing. For ever when the connection is gone.
    pub(super) async fn arrive(&mut self) {
        let next = match &mut self.link {
            Some(link) => link.arrival().await,
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
