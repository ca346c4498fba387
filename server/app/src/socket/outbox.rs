//! What is to be sent to one socket. Bounded in bytes, for itself and for all sockets of its user together: a reader that
//! does not read is closed, and syncs again later.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use actix_ws::{CloseCode, CloseReason};
use bytes::Bytes;
use fieldbook_core::wire::Frame;

use super::memory::{Charge, Memory};
use crate::config::Limits;

/// How long a socket that is over may take to send what is left.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// What a message costs beside its bytes.
const OVERHEAD: usize = 64;
/// Places for messages that an empty outbox keeps.
const KEPT_PLACES: usize = 4;
/// The user's budget is asked in steps of this, so that who reads asks for nothing.
const BUDGET_STEP: usize = 64 << 10;

/// What stands in an outbox.
#[derive(Debug)]
pub(super) enum Item {
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
pub(super) struct Shared {
    most: usize,
    /// Of what may be dropped.
    most_droppable: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Item>,
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

/// An outbox within these limits and its user's budget, as those who fill it and as the one who empties it have it.
pub(super) fn new(limits: &Limits, memory: &Arc<Memory>) -> (Outbox, Arc<Shared>) {
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
    (Outbox(Arc::clone(&shared)), shared)
}

impl Outbox {
    /// Puts a frame in. If too much is waiting already, the socket is closed instead.
    pub fn send(&self, frame: Frame) {
        self.put(Item::Frame(frame));
    }

    /// Puts a frame in, unless too many of this kind wait: then it is dropped, and the socket stays.
    pub fn offer(&self, frame: Frame) {
        let mut queue = self.0.lock();
        let item = Item::Droppable(frame);
        let is_behind = queue.droppable + item.len() > self.0.most_droppable;
        if !queue.closed && !is_behind && queue.makes_room_for(&item, self.0.most).is_ok() {
            queue.push(item, self.0.most);
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
        match queue.makes_room_for(&item, self.0.most) {
            Ok(()) => queue.push(item, self.0.most),
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

    /// So many bytes have been taken and are not written yet.
    pub(super) fn is_writing(&self, bytes: usize) {
        let mut queue = self.lock();
        queue.writing = bytes;
        queue.settle();
    }

    /// Nothing more is taken: the connection is gone.
    pub(super) fn abandon(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.writing = 0;
        queue.empty();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Why there is none, if there is none.
    fn makes_room_for(&mut self, item: &Item, most: usize) -> Result<(), &'static str> {
        let fits = if item.len() > most {
            self.large == 0
        } else {
            self.waiting.is_empty() || self.bytes + item.len() <= most
        };
        if !fits {
            return Err("you read too slowly: more than limits.outbox_bytes is waiting; connect again");
        }
        let held = self.held() + item.len();
        if !self.charge.set(in_steps(held)) {
            return Err("more than limits.user_bytes is waiting for all your connections together; connect again");
        }
        Ok(())
    }

    fn push(&mut self, item: Item, most: usize) {
        if item.len() > most {
            self.large = item.len();
        } else {
            self.bytes += OVERHEAD + item.len();
        }
        self.droppable += item.droppable();
        self.waiting.push_back(item);
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

    fn pop(&mut self, most: usize) -> Option<Item> {
        let item = self.waiting.pop_front()?;
        if item.len() > most {
            self.large = 0;
        } else {
            self.bytes -= OVERHEAD + item.len();
        }
        self.droppable -= item.droppable();
        self.settle();
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT_PLACES {
            // Most sockets are idle most of the time: they hold next to nothing.
            self.waiting = VecDeque::new();
        }
        Some(item)
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

impl Item {
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

    fn new(most: usize) -> (Outbox, Arc<Shared>) {
        within(most, &Memory::new(usize::MAX))
    }

    fn within(most: usize, memory: &Arc<Memory>) -> (Outbox, Arc<Shared>) {
        let limits = Limits {
            outbox_bytes: most,
            ephemeral_backlog_bytes: most / 2,
            ..Limits::default()
        };
        super::new(&limits, memory)
    }

    fn take(waiting: &Shared) -> Result<Item, bool> {
        waiting.take(Waker::noop(), true)
    }

    #[test]
    fn what_may_be_dropped_is_before_the_socket_is_closed() {
        let (outbox, waiting) = new(1_000);
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
            take(&waiting).unwrap();
        }
        for _ in 0..100 {
            outbox.offer(frame(100));
        }
        assert_eq!(outbox.0.lock().waiting.len(), 3);
    }

    #[test]
    fn all_outboxes_of_a_user_have_one_budget() {
        let memory = Memory::new(300_000);
        let [(first, reads), (second, rest), (third, _others)] = [(); 3].map(|()| within(1_000_000, &memory));
        first.send(frame(200_000));
        second.send(frame(200_000));
        third.send(frame(10));
        assert!(!second.is_closed() && !third.is_closed(), "small ones are not counted");
        third.send(frame(200_000));
        assert!(third.is_closed() && !first.is_closed());
        take(&reads).unwrap();
        reads.is_writing(200_000);
        assert!(memory.used() > 300_000, "what is being written counts");
        reads.is_writing(0);
        assert!(memory.used() < 300_000);
        rest.abandon();
        assert_eq!(memory.used(), 0);
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
        while let Ok(item) = take(&waiting) {
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
        assert!(matches!(take(&waiting), Err(true)));
    }
}
