//! What is to be sent to one socket. Bounded in bytes, for itself and for all sockets of its user together: a reader that
//! does not read is closed, and syncs again later.
//!
//! The queue is the body of the upgraded response: what has gathered since the connection could last be written to goes
//! out in one write, and nothing else stands between a room and the connection.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_http::ws::{OpCode, Parser};
use actix_web::body::{BodySize, MessageBody};
use actix_ws::{CloseCode, CloseReason};
use bytes::{Bytes, BytesMut};
use fieldbook_core::wire::Frame;
use tokio::sync::oneshot;

use super::memory::{Charge, Memory};
use crate::config::Limits;

/// How long a socket that is over may take to send what is left.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// What a message costs beside its bytes.
const OVERHEAD: usize = 64;
/// Bytes after which no further frame is added to what is written at once.
const WRITE_BYTES: usize = 16 << 10;
/// The user's budget is asked in steps of this, so that who reads asks for nothing.
const BUDGET_STEP: usize = 64 << 10;

#[derive(Debug)]
enum Outgoing {
    Frame(Frame),
    /// One that was put in only because few of its kind were there.
    Droppable(Frame),
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
    /// Of what may be dropped.
    most_droppable: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Outgoing>,
    /// Of `waiting`, with what each message costs beside them, but for the large one.
    bytes: usize,
    /// Of those that may be dropped, in `bytes` too.
    droppable: usize,
    /// Of the one among them that is larger than all may be together: a document is sent whole.
    large: usize,
    /// What the connection was given last, and may still be writing.
    writing: usize,
    /// All of that, in steps.
    charge: Charge,
    /// Nothing more is taken: it is being closed, or the connection is gone.
    closed: bool,
    /// Whoever writes, asleep.
    writer: Option<Waker>,
}

/// An outbox within these limits and its user's budget, and the body that empties it.
pub(super) fn new(limits: &Limits, memory: &Arc<Memory>) -> (Outbox, Outgoings) {
    let shared = Arc::new(Shared {
        most: limits.outbox_bytes,
        most_droppable: limits.ephemeral_backlog_bytes,
        queue: Mutex::new(Queue {
            waiting: VecDeque::new(),
            bytes: 0,
            droppable: 0,
            large: 0,
            writing: 0,
            charge: memory.charge(),
            closed: false,
            writer: None,
        }),
    });
    let outgoings = Outgoings {
        shared: Arc::clone(&shared),
        suffix: Bytes::new(),
        over: false,
        writing: 0,
        gone: None,
    };
    (Outbox(shared), outgoings)
}

impl Outbox {
    /// Puts a frame in. If too much is waiting already, the socket is closed instead.
    pub fn send(&self, frame: Frame) {
        self.put(Outgoing::Frame(frame));
    }

    /// Puts a frame in, unless too many of this kind wait: then it is dropped, and the socket stays.
    pub fn offer(&self, frame: Frame) {
        let mut queue = self.0.lock();
        let outgoing = Outgoing::Droppable(frame);
        let is_behind = queue.droppable + outgoing.len() > self.0.most_droppable;
        if !queue.closed && !is_behind && queue.makes_room_for(&outgoing, self.0.most).is_ok() {
            queue.push(outgoing, self.0.most);
        }
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
        match queue.makes_room_for(&outgoing, self.0.most) {
            Ok(()) => queue.push(outgoing, self.0.most),
            Err(reason) => {
                drop(queue);
                self.close(1013, reason);
            }
        }
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
    /// Why there is none, if there is none.
    fn makes_room_for(&mut self, outgoing: &Outgoing, most: usize) -> Result<(), &'static str> {
        let fits = if outgoing.len() > most {
            self.large == 0
        } else {
            self.waiting.is_empty() || self.bytes + outgoing.len() <= most
        };
        if !fits {
            return Err("you read too slowly: more than limits.outbox_bytes is waiting; connect again");
        }
        let held = self.held() + outgoing.len();
        if !self.charge.set(in_steps(held)) {
            return Err("more than limits.user_bytes is waiting for all your connections together; connect again");
        }
        Ok(())
    }

    fn push(&mut self, outgoing: Outgoing, most: usize) {
        if outgoing.len() > most {
            self.large = outgoing.len();
        } else {
            self.bytes += OVERHEAD + outgoing.len();
        }
        self.droppable += outgoing.droppable();
        self.waiting.push_back(outgoing);
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    fn empty(&mut self) {
        self.waiting = VecDeque::new();
        self.bytes = 0;
        self.droppable = 0;
        self.large = 0;
        self.settle();
    }

    fn pop(&mut self, most: usize) -> Option<Outgoing> {
        let outgoing = self.waiting.pop_front()?;
        if outgoing.len() > most {
            self.large = 0;
        } else {
            self.bytes -= OVERHEAD + outgoing.len();
        }
        self.droppable -= outgoing.droppable();
        self.settle();
        if self.waiting.is_empty() {
            // Most sockets are idle most of the time: they hold nothing.
            self.waiting = VecDeque::new();
        }
        Some(outgoing)
    }

    fn held(&self) -> usize {
        self.bytes + self.large + self.writing
    }

    /// Gives back what is no longer held.
    fn settle(&mut self) {
        // It is less than before, or as much as was asked for.
        let _ = self.charge.set(in_steps(self.held()));
    }
}

fn in_steps(bytes: usize) -> usize {
    bytes / BUDGET_STEP * BUDGET_STEP
}

/// The body of an upgraded response: what is in the outbox, as WebSocket frames.
pub(super) struct Outgoings {
    shared: Arc<Shared>,
    suffix: Bytes,
    over: bool,
    /// Bytes that count as being written.
    writing: usize,
    /// Tell whoever waits for the end by being dropped: the reading half, and who counts connections.
    gone: Option<[oneshot::Sender<()>; 2]>,
}

impl Outgoings {
    /// Two that hear of the end of the connection.
    pub(super) fn listeners(&mut self) -> [oneshot::Receiver<()>; 2] {
        let [(first, hears_first), (second, hears_second)] = [(); 2].map(|()| oneshot::channel());
        self.gone = Some([first, second]);
        [hears_first, hears_second]
    }

    /// The connection has been given so much, and asks again when most of it is written.
    fn is_writing(&mut self, bytes: usize) {
        let counted = if bytes < BUDGET_STEP { 0 } else { bytes };
        if counted != self.writing {
            self.writing = counted;
            let mut queue = self.shared.lock();
            queue.writing = counted;
            queue.settle();
        }
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
                Outgoing::Frame(frame) | Outgoing::Droppable(frame) => {
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
        self.is_writing(written.len());
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
        queue.writing = 0;
        queue.empty();
    }
}

impl Outgoing {
    fn len(&self) -> usize {
        match self {
            Self::Frame(frame) | Self::Droppable(frame) => frame.len(),
            Self::Pong(bytes) | Self::Target(bytes) => bytes.len(),
            Self::Ping | Self::Close(_) => 0,
        }
    }

    fn droppable(&self) -> usize {
        match self {
            Self::Droppable(frame) => OVERHEAD + frame.len(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Frame {
        Frame::Plain(vec![0; bytes].into())
    }

    fn new(most: usize) -> (Outbox, Outgoings) {
        within(most, &Memory::new(usize::MAX))
    }

    fn within(most: usize, memory: &Arc<Memory>) -> (Outbox, Outgoings) {
        let limits = Limits {
            outbox_bytes: most,
            ephemeral_backlog_bytes: most / 2,
            ..Limits::default()
        };
        super::new(&limits, memory)
    }

    #[test]
    fn what_may_be_dropped_is_before_the_socket_is_closed() {
        let (outbox, outgoings) = new(1_000);
        outbox.send(frame(400));
        for _ in 0..100 {
            outbox.offer(frame(100));
        }
        assert!(!outbox.is_closed());
        assert_eq!(
            outbox.0.lock().waiting.len(),
            1 + 3,
            "a message that is kept takes no place of theirs"
        );
        for _ in 0..2 {
            outgoings.shared.lock().pop(1_000);
        }
        for _ in 0..100 {
            outbox.offer(frame(100));
        }
        assert_eq!(outbox.0.lock().waiting.len(), 3);
    }

    #[test]
    fn all_outboxes_of_a_user_have_one_budget() {
        let memory = Memory::new(300_000);
        let [(first, mut reads), (second, _rest), (third, _others)] = [(); 3].map(|()| within(1_000_000, &memory));
        first.send(frame(200_000));
        second.send(frame(200_000));
        third.send(frame(10));
        assert!(!second.is_closed() && !third.is_closed(), "small ones are not counted");
        third.send(frame(200_000));
        assert!(third.is_closed() && !first.is_closed());
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(memory.used() > 300_000, "what is being written counts");
            let _ = Pin::new(&mut reads).poll_next(&mut context);
        }
        assert!(memory.used() < 300_000);
        second.discard();
        assert_eq!(memory.used(), 0);
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
