//! What is to be sent to one socket. Bounded in bytes: a reader that does not read is closed, and syncs again later.
//!
//! The queue is the body of the upgraded response: what has gathered since the connection could last be written to goes
//! out in one write, and nothing else stands between a room and the connection.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_http::ws::{OpCode, Parser};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_ws::{CloseCode, CloseReason};
use bytes::{Bytes, BytesMut};
use fieldbook_core::wire::Frame;
use tokio::sync::oneshot;

/// How long a socket that is over may take to send what is left.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// What a message costs beside its bytes.
const OVERHEAD: usize = 64;
/// Bytes after which no further frame is added to what is written at once.
const WRITE_BYTES: usize = 16 << 10;

#[derive(Debug)]
enum Outgoing {
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
struct Shared {
    most: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Outgoing>,
    /// Of `waiting`, with what each message costs beside them, but for the large one.
    bytes: usize,
    /// One that is larger than all may be together is among them: a document is sent whole.
    has_large: bool,
    /// Nothing more is taken: it is being closed, or the connection is gone.
    closed: bool,
    /// Whoever writes, asleep.
    writer: Option<Waker>,
}

/// An outbox that takes up to `most` bytes, and the body that empties it.
pub(super) fn new(most: usize) -> (Outbox, Outgoings) {
    let shared = Arc::new(Shared {
        most,
        queue: Mutex::default(),
    });
    let outgoings = Outgoings {
        shared: Arc::clone(&shared),
        suffix: Bytes::new(),
        over: false,
        replaced: None,
        gone: None,
    };
    (Outbox(shared), outgoings)
}

impl Outbox {
    /// Puts a frame in. If too much is waiting already, the socket is closed instead.
    pub fn send(&self, frame: Frame) {
        self.put(Outgoing::Frame(frame));
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

    /// Lets go of what is waiting. What the connection has already been given it keeps.
    pub(super) fn discard(&self) {
        self.finish();
        self.0.lock().empty();
    }

    /// Has it been closed?
    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    pub(super) fn ping(&self) {
        self.put(Outgoing::Ping);
    }

    pub(super) fn pong(&self, payload: Bytes) {
        self.put(Outgoing::Pong(payload));
    }

    /// The socket has said its name: frames from here on are completed with it.
    pub(super) fn address(&self, suffix: Bytes) {
        self.put(Outgoing::Target(suffix));
    }

    fn put(&self, outgoing: Outgoing) {
        let mut queue = self.0.lock();
        if queue.closed {
            return;
        }
        if !queue.has_room_for(&outgoing, self.0.most) {
            drop(queue);
            self.close(
                1013,
                "you read too slowly: more than limits.outbox_bytes is waiting; connect again",
            );
            return;
        }
        queue.push(outgoing, self.0.most);
    }

    fn end(&self, reason: Option<CloseReason>) {
        let mut queue = self.0.lock();
        if !queue.closed {
            queue.closed = true;
            queue.push(Outgoing::Close(reason), self.0.most);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn has_room_for(&self, outgoing: &Outgoing, most: usize) -> bool {
        if outgoing.len() > most {
            !self.has_large
        } else {
            self.waiting.is_empty() || self.bytes + outgoing.len() <= most
        }
    }

    fn push(&mut self, outgoing: Outgoing, most: usize) {
        if outgoing.len() > most {
            self.has_large = true;
        } else {
            self.bytes += OVERHEAD + outgoing.len();
        }
        self.waiting.push_back(outgoing);
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    fn empty(&mut self) {
        self.waiting = VecDeque::new();
        self.bytes = 0;
        self.has_large = false;
    }

    fn pop(&mut self, most: usize) -> Option<Outgoing> {
        let outgoing = self.waiting.pop_front()?;
        if outgoing.len() > most {
            self.has_large = false;
        } else {
            self.bytes -= OVERHEAD + outgoing.len();
        }
        if self.waiting.is_empty() {
            // Most sockets are idle most of the time: they hold nothing.
            self.waiting = VecDeque::new();
        }
        Some(outgoing)
    }
}

/// The body of an upgraded response: what is in the outbox, as WebSocket frames.
pub(super) struct Outgoings {
    shared: Arc<Shared>,
    suffix: Bytes,
    over: bool,
    /// The body that the handshake came with: it tells the reading half when the connection is gone.
    replaced: Option<BoxBody>,
    /// Tells whoever waits for the end by being dropped.
    gone: Option<oneshot::Sender<()>>,
}

impl Outgoings {
    /// Takes the place of a handshake's own body. The receiver hears of the end of the connection.
    pub(super) fn replace(mut self, body: BoxBody) -> (BoxBody, oneshot::Receiver<()>) {
        let (gone, over) = oneshot::channel();
        self.replaced = Some(body);
        self.gone = Some(gone);
        (BoxBody::new(self), over)
    }

    /// What waits, encoded, up to [`WRITE_BYTES`] or one frame that is larger. Empty: nothing does.
    fn take(&mut self, context: &mut Context<'_>) -> BytesMut {
        let mut written = BytesMut::new();
        while written.len() < WRITE_BYTES && !self.over {
            let mut queue = self.shared.lock();
            let Some(outgoing) = queue.pop(self.shared.most) else {
                self.over = queue.closed;
                if written.is_empty() {
                    queue.writer = Some(context.waker().clone());
                }
                break;
            };
            drop(queue);
            match outgoing {
                Outgoing::Frame(frame) => {
                    let frame = frame.for_target(&self.suffix);
                    Parser::write_message(&mut written, frame, OpCode::Binary, true, false);
                }
                Outgoing::Ping => Parser::write_message(&mut written, b"", OpCode::Ping, true, false),
                Outgoing::Pong(payload) => Parser::write_message(&mut written, payload, OpCode::Pong, true, false),
                Outgoing::Target(name) => self.suffix = name,
                Outgoing::Close(reason) => {
                    Parser::write_close(&mut written, reason, false);
                    self.over = true;
                }
            }
        }
        written
    }
}

impl MessageBody for Outgoings {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let written = self.take(context);
        if written.is_empty() {
            return if self.over { Poll::Ready(None) } else { Poll::Pending };
        }
        Poll::Ready(Some(Ok(written.freeze())))
    }
}

impl Drop for Outgoings {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.empty();
    }
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
        let (outbox, outgoings) = new(1_000);
        for _ in 0..100 {
            outbox.send(frame(300));
        }
        assert!(outbox.is_closed());
        let mut frames = 0;
        let mut closed = None;
        while let Some(outgoing) = outgoings.shared.lock().pop(1_000) {
            match outgoing {
                Outgoing::Close(reason) => closed = reason.map(|reason| reason.code),
                _ => frames += 1,
            }
        }
        assert_eq!((frames, closed), (2, Some(CloseCode::Again)));
    }

    #[test]
    fn one_large_frame_passes_among_small_ones() {
        let (outbox, _outgoings) = new(1_000);
        for size in [100, 5_000, 100] {
            outbox.send(frame(size));
        }
        assert!(!outbox.is_closed());
        outbox.send(frame(5_000));
        assert!(outbox.is_closed(), "they pass one at a time");
    }

    #[test]
    fn what_has_gathered_goes_out_in_one_write() {
        let (outbox, mut outgoings) = new(100_000);
        let mut context = Context::from_waker(Waker::noop());
        assert!(outgoings.take(&mut context).is_empty());
        for _ in 0..3 {
            outbox.send(frame(10));
        }
        outbox.send(frame(WRITE_BYTES));
        outbox.send(frame(10));
        outbox.finish();
        assert_eq!(outgoings.take(&mut context).len(), 3 * 12 + 4 + WRITE_BYTES);
        assert_eq!(outgoings.take(&mut context).len(), 12 + 2, "a frame and a close frame");
        assert!(outgoings.over);
    }

    #[test]
    fn what_is_discarded_is_not_sent_and_the_body_ends() {
        let (outbox, mut outgoings) = new(1_000);
        outbox.send(frame(500));
        outbox.discard();
        assert_eq!(outbox.0.lock().bytes, 0);
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(
            Pin::new(&mut outgoings).poll_next(&mut context),
            Poll::Ready(None)
        ));
    }

    #[test]
    fn a_connection_that_is_gone_takes_nothing() {
        let (outbox, outgoings) = new(1_000);
        drop(outgoings);
        outbox.send(frame(10));
        assert!(outbox.is_closed());
        assert_eq!(outbox.0.lock().bytes, 0);
    }
}
