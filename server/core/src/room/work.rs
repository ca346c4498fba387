//! Long work in slices: what a message brings is read and admitted until a step has worked enough; the rest goes on with
//! the next [`Input::Wake`](super::Input::Wake), and other inputs come between.

use std::collections::VecDeque;

use super::incoming::Offer;
use super::{Load, Room};
use crate::change::{Change, Chunk};
use crate::id::SocketId;
use crate::message::SyncMessage;

/// Units of work (operations held against the index, or as long) after which a step puts the rest off: some 2 ms. What
/// is begun is brought to its end: a single change may be more, within the bounds of a change.
pub const WORK_AT_ONCE: u64 = 20_000;

/// A message of which something is left to be done.
pub(super) struct Work {
    pub(super) socket: SocketId,
    /// Whoever sent it is to be answered: they have not been removed since.
    pub(super) answers: bool,
    pub(super) message: SyncMessage,
    /// The store has answered for it.
    pub(super) resumed: bool,
    pub(super) unread: VecDeque<Chunk>,
    pub(super) offer: Offer,
    /// Once all is read: what is to be admitted, the next one last.
    pub(super) queue: Option<Vec<(SocketId, Change)>>,
    pub(super) offered: usize,
    pub(super) admitted: usize,
}

impl Work {
    fn weight(&self) -> usize {
        let unread = self.unread.iter().map(|chunk| match chunk {
            Chunk::Change(bytes) | Chunk::Document(bytes) => bytes.len(),
        });
        let read = self.offer.changes.iter().map(|change| change.bytes.len());
        let queued = self.queue.iter().flatten().map(|(_, change)| change.bytes.len());
        self.message.weight() + unread.chain(read).chain(queued).sum::<usize>()
    }
}

impl Room {
    /// Has this step worked enough?
    pub(super) fn is_tired(&self) -> bool {
        self.worked >= self.config.work_at_once
    }

    /// The rest waits for the next wake-up; what comes after it from this session waits too.
    pub(super) fn put_off(&mut self, now: u64, work: Work) {
        if work.answers
            && let Some(session) = self.sessions.get_mut(&work.socket)
        {
            session.busy = true;
        }
        self.work.push_back(work);
        self.due.work = Some(now);
        self.append_waiting();
    }

    /// Goes on with what was put off first.
    pub(super) fn go_on(&mut self, now: u64) {
        if self.is_full() {
            return;
        }
        let Some(work) = self.work.pop_front() else { return };
        if self.work.is_empty() {
            self.work = VecDeque::new();
            self.due.work = None;
        }
        let (socket, answers) = (work.socket, work.answers);
        if answers && let Some(session) = self.sessions.get_mut(&socket) {
            session.busy = false;
        }
        self.proceed(now, work);
        if answers {
            self.work_off(now, socket, false);
        }
    }

    /// Nothing that this session has sent is taken any more, even if it may write again by then: what was put off goes on
    /// without it.
    pub(super) fn drop_changes_of(&mut self, socket: SocketId) {
        for work in &mut self.work {
            if work.socket == socket {
                // It may be taken once more, after the store was asked for it.
                work.message.forget_changes();
                (work.unread, work.offer) = (VecDeque::new(), Offer::default());
            }
            if let Some(queue) = &mut work.queue {
                queue.retain(|(from, _)| *from != socket);
            }
        }
    }

    /// Nobody is answered for what was put off of this session's.
    pub(super) fn answer_nothing_of(&mut self, socket: SocketId) {
        let own = self.work.iter_mut().filter(|work| work.socket == socket);
        own.for_each(|work| work.answers = false);
    }

    /// Has the store or a worker been asked for this session? (If not, it is busy with what was put off, or with nothing.)
    pub(super) fn waits_for_world(&self, socket: SocketId) -> bool {
        let works = || self.work.iter().any(|work| work.socket == socket && work.answers);
        self.sessions.get(&socket).is_some_and(|session| session.busy) && !works()
    }

    /// May what this session sent still be taken?
    pub(super) fn takes_from(&self, socket: SocketId) -> bool {
        self.sessions.get(&socket).is_some_and(|session| session.may_write())
    }

    /// Whose work goes on with the next [`Input::Wake`](super::Input::Wake), which is then due at once. `None`: there is
    /// none, or the room is [full](Room::is_full).
    #[must_use]
    pub fn works_for(&self) -> Option<SocketId> {
        let first = self.work.front().map(|work| work.socket);
        first.filter(|_| !self.is_full())
    }

    /// Is something of this socket left to be done?
    #[must_use]
    pub fn is_working_for(&self, socket: SocketId) -> bool {
        self.work.iter().any(|work| work.socket == socket)
    }

    /// Bytes of what was put off of this socket's, roughly.
    pub(super) fn work_of(&self, socket: SocketId) -> usize {
        let own = self.work.iter().filter(|work| work.socket == socket);
        own.map(Work::weight).sum()
    }

    /// How much work an input brings to its step, as far as it can be told: what it carries itself, and what has waited
    /// for it.
    #[must_use]
    pub fn load(&self, input: &super::Input) -> Load {
        use super::Input;
        match input {
            Input::Sync { socket, message, .. } => {
                let session = self.sessions.get(socket);
                if session.is_some_and(|session| session.busy) {
                    Load::default()
                } else if !message.changes.is_empty() && self.history.must_prepare() {
                    Load::MUCH
                } else {
                    Load::of_message(message)
                }
            }
            Input::Recalled { socket, retained, .. } => Load::of(retained) + self.held(*socket),
            Input::Expanded { socket, changes } => {
                Load::of(changes.as_deref().unwrap_or_default()) + self.held(*socket)
            }
            Input::Wake if self.works_for().is_some() => Load::MUCH,
            _ => Load::default(),
        }
    }

    fn held(&self, socket: SocketId) -> Load {
        let session = self.sessions.get(&socket).into_iter();
        let load: Load = session
            .flat_map(|session| session.held.iter())
            .map(Load::of_message)
            .sum();
        if load > Load::default() && self.history.must_prepare() {
            Load::MUCH
        } else {
            load
        }
    }
}
