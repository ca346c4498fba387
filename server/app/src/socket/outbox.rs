//! What is to be sent to one socket. Bounded in bytes: a reader that does not read is closed, and syncs again later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_ws::{CloseCode, CloseReason, Session};
use bytes::Bytes;
use fieldbook_core::wire::Frame;
use tokio::sync::mpsc;

/// How long a socket that is over may take to send what is left.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// What a message costs beside its bytes.
const OVERHEAD: usize = 64;

#[derive(Debug)]
enum Outgoing {
    Frame(Frame),
    Ping,
    Pong(Bytes),
    /// The receiver's name, to complete the frames with.
    Target(Bytes),
    Close(CloseReason),
}

/// Where frames for one socket go. Sending never waits.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Bounded by `most`, in bytes, rather than by a count.
    queue: mpsc::UnboundedSender<Outgoing>,
    waiting: Arc<AtomicUsize>,
    most: usize,
    closed: AtomicBool,
}

pub(super) struct Outgoings {
    queue: mpsc::UnboundedReceiver<Outgoing>,
    waiting: Arc<AtomicUsize>,
}

pub(super) fn new(most: usize) -> (Outbox, Outgoings) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let shared = Shared {
        queue: sender,
        waiting: Arc::clone(&waiting),
        most,
        closed: AtomicBool::new(false),
    };
    (
        Outbox(Arc::new(shared)),
        Outgoings {
            queue: receiver,
            waiting,
        },
    )
}

impl Outbox {
    /// Puts a frame in. If too much is waiting already, the socket is closed instead.
    pub fn send(&self, frame: Frame) {
        self.put(frame.len(), Outgoing::Frame(frame));
    }

    /// Closes the socket once what is waiting has been sent. The first reason counts.
    pub fn close(&self, code: u16, reason: &str) {
        if !self.0.closed.swap(true, Ordering::Relaxed) {
            let reason = CloseReason {
                code: CloseCode::from(code),
                description: Some(reason.to_owned()),
            };
            let _ = self.0.queue.send(Outgoing::Close(reason));
        }
    }

    /// Has it been closed?
    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed) || self.0.queue.is_closed()
    }

    pub(super) fn ping(&self) {
        self.put(0, Outgoing::Ping);
    }

    pub(super) fn pong(&self, payload: Bytes) {
        self.put(payload.len(), Outgoing::Pong(payload));
    }

    /// The socket has said its name: frames from here on are completed with it.
    pub(super) fn address(&self, suffix: Bytes) {
        self.put(suffix.len(), Outgoing::Target(suffix));
    }

    fn put(&self, bytes: usize, outgoing: Outgoing) {
        if self.0.closed.load(Ordering::Relaxed) {
            return;
        }
        let before = self.0.waiting.fetch_add(bytes + OVERHEAD, Ordering::Relaxed);
        // A single large frame may pass an empty outbox: a document is sent whole.
        if before > 0 && before + bytes > self.0.most {
            self.close(
                1013,
                "you read too slowly: more than limits.outbox_bytes is waiting; connect again",
            );
            return;
        }
        let _ = self.0.queue.send(outgoing);
    }
}

/// Sends until the socket is closed or gone.
pub(super) async fn write(mut session: Session, mut outgoings: Outgoings) {
    let mut suffix = Bytes::new();
    while let Some(outgoing) = outgoings.queue.recv().await {
        let weight = OVERHEAD + outgoing.len();
        let sent = match outgoing {
            Outgoing::Frame(frame) => session.binary(frame.for_target(&suffix)).await,
            Outgoing::Ping => session.ping(b"").await,
            Outgoing::Pong(payload) => session.pong(&payload).await,
            Outgoing::Target(name) => {
                suffix = name;
                Ok(())
            }
            Outgoing::Close(reason) => {
                let _ = session.close(Some(reason)).await;
                return;
            }
        };
        outgoings.waiting.fetch_sub(weight, Ordering::Relaxed);
        if sent.is_err() {
            return;
        }
    }
    let _ = session.close(None).await;
}

impl Outgoing {
    fn len(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Pong(bytes) | Self::Target(bytes) => bytes.len(),
            Self::Ping | Self::Close(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Frame {
        Frame::Plain(vec![0; bytes].into())
    }

    #[test]
    fn a_reader_that_does_not_read_is_closed_and_costs_no_more() {
        let (outbox, mut outgoings) = new(1_000);
        for _ in 0..100 {
            outbox.send(frame(300));
        }
        assert!(outbox.is_closed());
        let mut frames = 0;
        let mut closed = None;
        while let Ok(outgoing) = outgoings.queue.try_recv() {
            match outgoing {
                Outgoing::Close(reason) => closed = Some(reason.code),
                _ => frames += 1,
            }
        }
        assert_eq!((frames, closed), (2, Some(CloseCode::Again)));
    }

    #[test]
    fn one_large_frame_passes_an_empty_outbox() {
        let (outbox, _outgoings) = new(1_000);
        outbox.send(frame(5_000));
        assert!(!outbox.is_closed());
    }
}
