//! From a session's first message to Live (rules D1–D4, S1–S3, S8).

use std::collections::HashMap;
use std::sync::Arc;

use automerge::ChangeHash;
use bytes::Bytes;

use super::{Closing, Effect, Room};
use crate::history::Lacks;
use crate::id::SocketId;
use crate::message::SyncMessage;
use crate::sync::{Phase, Session};
use crate::wire::{self, Frame};

impl Room {
    pub(super) fn open(&mut self, now: u64, socket: SocketId, mut session: Session) {
        self.due.unload = None;
        session.role = self.role_of(session.subject.as_deref());
        self.sessions.insert(socket, Box::new(session));
        if self.sessions[&socket].role.is_some() {
            self.welcome(now, socket);
        }
    }

    /// The person may know of the document: they are shown to others, and others to them.
    pub(super) fn welcome(&mut self, now: u64, socket: SocketId) {
        let Some(session) = self.sessions.get(&socket) else {
            return;
        };
        let Some(subject) = &session.subject else { return };
        self.roster.join(socket, &session.peer, subject);
        if session.extended {
            let role = session.role.map_or("", |role| role.as_str());
            self.effects.push_back(Effect::Send(socket, wire::role(self.id, role)));
            self.effects
                .push_back(Effect::Send(socket, self.roster.roster(self.id, &session.peer)));
        }
        self.tell_store_to(socket);
        self.plan_presence(now);
    }

    /// Nothing is known of the document to this person: after the grace they are told so (D2), unless they are bringing it.
    /// `true`: they are, and have brought its first changes with this very message.
    pub(super) fn begin_without_document(
        &mut self,
        now: u64,
        socket: SocketId,
        request: bool,
        message: &SyncMessage,
    ) -> bool {
        let Some(session) = self.sessions.get(&socket) else {
            return false;
        };
        let brings = self.access.is_none() && !request;
        let role = brings.then(|| self.role_of_maker(session.subject.as_deref())).flatten();
        let Some(session) = self.sessions.get_mut(&socket) else {
            return false;
        };
        if role.is_some() {
            session.role = role;
            session.phase = Phase::Opening {
                named: message.heads.clone(),
                reads_archive: false,
            };
            if !message.changes.is_empty() {
                return true;
            }
            session.ask(message.heads.clone());
            session.reply_due = false;
            self.send_alone(socket, &[], &[]);
        } else if let Phase::Unavailable { tell_at_ms } = &mut session.phase {
            let at = now + self.config.timing.unavailable_grace_ms;
            *tell_at_ms = Some(at);
            self.due.grace = Some(self.due.grace.map_or(at, |due| due.min(at)));
        }
        false
    }

    /// Tells those whose grace is over.
    pub(super) fn tell_unavailable(&mut self, now: u64) {
        let mut next = None;
        for (socket, session) in &mut self.sessions {
            let Phase::Unavailable { tell_at_ms } = &mut session.phase else {
                continue;
            };
            match *tell_at_ms {
                Some(at) if at <= now => {
                    *tell_at_ms = None;
                    let frame = wire::unavailable(&self.config.us, self.id);
                    self.effects.push_back(Effect::Send(*socket, frame));
                }
                Some(at) => next = Some(next.map_or(at, |other: u64| other.min(at))),
                None => {}
            }
        }
        self.due.grace = next;
    }

    /// The document has come to be, or has its first durable changes: whoever waited for that goes on.
    pub(super) fn open_waiting(&mut self, now: u64) {
        let sockets: Vec<_> = self.sessions.keys().copied().collect();
        for socket in sockets {
            let Some(session) = self.sessions.get(&socket) else {
                continue;
            };
            if matches!(session.phase, Phase::Unavailable { .. }) {
                if session.role.is_some() {
                    // Its first message has yet to come.
                    continue;
                }
                let role = self.role_of(session.subject.as_deref());
                let Some(session) = self.sessions.get_mut(&socket).filter(|_| role.is_some()) else {
                    continue;
                };
                session.role = role;
                session.phase = Phase::Opening {
                    named: Vec::new(),
                    reads_archive: false,
                };
                self.welcome(now, socket);
            }
            self.try_to_open(now, socket);
        }
    }

    /// Sends the first answer (S2) if it can be given now; else asks the store for what it takes.
    pub(super) fn try_to_open(&mut self, now: u64, socket: SocketId) {
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        let applies = session.applies();
        let Phase::Opening { named, reads_archive } = &mut session.phase else {
            return;
        };
        if self.history.stored() == 0 {
            // There is nothing to show; but what is missing can be asked for.
            if session.reply_due && self.history.last() == 0 {
                self.send_alone(socket, &[], &[]);
            }
            return;
        }
        let lacks = if applies {
            self.history.lacks(named.iter(), self.history.stored())
        } else {
            NOTHING
        };
        match lacks {
            Lacks::Changes(positions) => self.send_opening(now, socket, &positions),
            Lacks::Everything => {
                *reads_archive = true;
                if !self.reads_archive {
                    self.reads_archive = true;
                    self.effects.push_back(Effect::ReadArchive);
                }
            }
        }
    }

    fn send_opening(&mut self, now: u64, socket: SocketId, positions: &[u64]) {
        let chunks: Vec<Bytes> = self.history.chunks(positions).cloned().collect();
        let heads = self.history.stored_heads();
        self.send_alone(socket, &heads, &chunks);
        self.becomes_live(now, socket, heads, !positions.is_empty());
    }

    fn becomes_live(&mut self, now: u64, socket: SocketId, heads: Vec<ChangeHash>, with_changes: bool) {
        let until = now + self.config.timing.window_ms;
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        let changes = with_changes.then(|| (Arc::from(heads), until));
        session.has_been_sent(now, self.history.stored(), changes);
    }

    /// The archive has been read: everybody who waited for it gets it, and what came after, in one piece.
    pub(super) fn archive_read(&mut self, now: u64, read: Option<(u64, Bytes)>) {
        self.reads_archive = false;
        let waiting: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| waits_for_archive(s))
            .map(|(id, _)| *id)
            .collect();
        let Some((position, archive)) = read else {
            for socket in waiting {
                self.effects.push_back(Effect::Close(socket, Closing::CannotRead));
            }
            return;
        };
        if waiting.is_empty() {
            return;
        }
        if position < self.history.base() || position > self.history.stored() {
            // A compaction took its place in between.
            self.reads_archive = true;
            self.effects.push_back(Effect::ReadArchive);
            return;
        }
        let heads = self.history.stored_heads();
        let tail: Vec<Bytes> = self
            .history
            .entries(position, self.history.stored())
            .map(|entry| entry.bytes.clone())
            .collect();
        let mut encoded: HashMap<_, Frame> = HashMap::new();
        for socket in waiting {
            let Some(session) = self.sessions.get_mut(&socket) else {
                continue;
            };
            // What one is asked for goes in a message of its own: however many wait, there are few copies of a document.
            let reply = session.reply_without_asking(&heads);
            let frame = encoded
                .entry((reply.flags, reply.applies))
                .or_insert_with(|| wire::sync(&self.config.us, self.id, &reply.with_document(&archive, tail.iter())));
            self.effects.push_back(Effect::Send(socket, frame.clone()));
            let asks = session.asks();
            self.becomes_live(now, socket, heads.clone(), true);
            if asks {
                self.send_alone(socket, &heads, &[]);
            }
        }
    }

    /// A message for one session: heads, chunks, and whatever is to be asked or flagged.
    pub(super) fn send_alone(&mut self, socket: SocketId, heads: &[ChangeHash], chunks: &[Bytes]) {
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        let data = session.reply(heads, &mut Vec::new()).with_changes(chunks.iter());
        session.reply_due = false;
        self.effects
            .push_back(Effect::Send(socket, wire::sync(&self.config.us, self.id, &data)));
    }
}

const NOTHING: Lacks = Lacks::Changes(Vec::new());

fn waits_for_archive(session: &Session) -> bool {
    matches!(
        session.phase,
        Phase::Opening {
            reads_archive: true,
            ..
        }
    )
}
