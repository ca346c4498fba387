//! What is to be sent to one socket. Bounded in bytes: a reader that does not read is closed, and syncs again later.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use actix_ws::{CloseCode, CloseReason};
use bytes::Bytes;
use fieldbook_core::wire::Frame;

/// How long a socket that is over may take to send what is left.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// What a message costs beside its bytes.
const OVERHEAD: usize = 64;

/// What stands in an outbox.
#[derive(Debug)]
pub(super) enum Item {
    Frame(Frame),
    Ping,
    Pong(Bytes),
    /// The receiver's name, to complete the frames with.
    Target(Bytes),
    Close(Option<CloseReason>),
}

/// Where frames for one socket go. Sending never waits.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    most: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Item>,
    /// Of `waiting`, with what each message costs beside them, but for the large one.
    bytes: usize,
    /// One that is larger than all may be together is among them: a document is sent whole.
    has_large: bool,
    /// Nothing more is taken: it is being closed, or the connection is gone.
    closed: bool,
    /// Whoever writes, asleep.
    writer: Option<Waker>,
}

/// An outbox that takes up to `most` bytes, as those who fill it and as the one who empties it have it.
pub(super) fn new(most: usize) -> (Outbox, Arc<Shared>) {
    let shared = Arc::new(Shared {
        most,
        queue: Mutex::default(),
    });
    (Outbox(Arc::clone(&shared)), shared)
}

impl Outbox {
    /// Puts a frame in. If too much is waiting already, the socket is closed instead.
    pub fn send(&self, frame: Frame) {
        self.put(Item::Frame(frame));
    }

    /// Closes the socket once what is waiting has been sent. The first reason counts.
    pub fn close(&self, code: u16, reason: &str) {
        self.end(Some(CloseReason {
            code: CloseCode::from(code),
            description: Some(reason.to_owned()),
        }));
    }

    /// Closes the socket without a reason, unless one has been given.
    pub(super) fn finish(&self) {
        self.end(None);
    }

    /// Has it been closed?
    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    pub(super) fn ping(&self) {
        self.put(Item::Ping);
    }

    pub(super) fn pong(&self, payload: Bytes) {
        self.put(Item::Pong(payload));
    }

    /// The socket has said its name: frames from here on are completed with it.
    pub(super) fn address(&self, suffix: Bytes) {
        self.put(Item::Target(suffix));
    }

    fn put(&self, item: Item) {
        let mut queue = self.0.lock();
        if queue.closed {
            return;
        }
        if !queue.has_room_for(&item, self.0.most) {
            drop(queue);
            self.close(
                1013,
                "you read too slowly: more than limits.outbox_bytes is waiting; connect again",
            );
            return;
        }
        queue.push(item, self.0.most);
    }

    fn end(&self, reason: Option<CloseReason>) {
        let mut queue = self.0.lock();
        if !queue.closed {
            queue.closed = true;
            queue.push(Item::Close(reason), self.0.most);
        }
    }
}

impl Shared {
    /// The next item; without one, whether there will be none any more. `wake`: who puts one in wakes the writer.
    pub(super) fn take(&self, writer: &Waker, wake: bool) -> Result<Item, bool> {
        let mut queue = self.lock();
        queue.pop(self.most).ok_or_else(|| {
            if wake {
                queue.writer = Some(writer.clone());
            }
            queue.closed
        })
    }

    /// Nothing more is taken: the connection is gone.
    pub(super) fn abandon(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.empty();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn has_room_for(&self, item: &Item, most: usize) -> bool {
        if item.len() > most {
            !self.has_large
        } else {
            self.waiting.is_empty() || self.bytes + item.len() <= most
        }
    }

    fn push(&mut self, item: Item, most: usize) {
        if item.len() > most {
            self.has_large = true;
        } else {
            self.bytes += OVERHEAD + item.len();
        }
        self.waiting.push_back(item);
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    fn empty(&mut self) {
        self.waiting = VecDeque::new();
        self.bytes = 0;
        self.has_large = false;
    }

    fn pop(&mut self, most: usize) -> Option<Item> {
        let item = self.waiting.pop_front()?;
        if item.len() > most {
            self.has_large = false;
        } else {
            self.bytes -= OVERHEAD + item.len();
        }
        if self.waiting.is_empty() {
            // Most sockets are idle most of the time: they hold nothing.
            self.waiting = VecDeque::new();
        }
        Some(item)
    }
}

impl Item {
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
        let (outbox, waiting) = new(1_000);
        for _ in 0..100 {
            outbox.send(frame(300));
        }
        assert!(outbox.is_closed());
        let mut frames = 0;
        let mut closed = None;
        while let Ok(item) = waiting.take(Waker::noop(), true) {
            match item {
                Item::Close(reason) => closed = reason.map(|reason| reason.code),
                _ => frames += 1,
            }
        }
        assert_eq!((frames, closed), (2, Some(CloseCode::Again)));
    }

    #[test]
    fn one_large_frame_passes_among_small_ones() {
        let (outbox, _waiting) = new(1_000);
        for size in [100, 5_000, 100] {
            outbox.send(frame(size));
        }
        assert!(!outbox.is_closed());
        outbox.send(frame(5_000));
        assert!(outbox.is_closed(), "they pass one at a time");
    }

    #[test]
    fn what_is_abandoned_is_let_go() {
        let (outbox, waiting) = new(1_000);
        outbox.send(frame(500));
        waiting.abandon();
        assert_eq!(waiting.lock().bytes, 0);
        outbox.send(frame(500));
        assert!(matches!(waiting.take(Waker::noop(), true), Err(true)));
    }
}
