//! From the store's "durable" to every session (rules S4–S6), and what is not stored: ephemerals and presence.

use std::sync::Arc;

use automerge::ChangeHash;
use bytes::Bytes;

use super::{Effect, Room, StockPeer};
use crate::id::SocketId;
use crate::message::Reply;
use crate::sync::Phase;
use crate::wire::{self, Ephemeral, Frame};

/// What is made once for all.
#[derive(Default)]
struct Shared {
    /// Messages: by the position they begin after, and whether they carry the changes or the heads alone. Few: nearly
    /// everybody has been sent the same.
    frames: Vec<((u64, bool), Frame)>,
    heads: Option<Arc<[ChangeHash]>>,
}

impl Shared {
    fn frame(&self, kind: (u64, bool)) -> Option<Frame> {
        let known = self.frames.iter().find(|(each, _)| *each == kind);
        known.map(|(_, frame)| frame.clone())
    }
}

impl Room {
    /// Hands what waits to the store, unless it is busy or being left alone after a failure.
    pub(super) fn append_waiting(&mut self) {
        if !self.store.append_fails {
            self.append();
        }
    }

    pub(super) fn append(&mut self) {
        let (stored, last) = (self.history.stored(), self.history.last());
        if self.store.appending.is_some() || stored == last {
            return;
        }
        let new = if stored == 0 { self.creation } else { None };
        let changes = self
            .history
            .entries(stored, last)
            .map(|entry| entry.bytes.clone())
            .collect();
        self.store.appending = Some(last);
        self.effects.push_back(Effect::Append {
            new,
            first_position: stored + 1,
            changes,
        });
    }

    pub(super) fn stored(&mut self, now: u64, up_to: u64) {
        let before = self.history.stored();
        self.history.store_up_to(up_to);
        let saved: usize = self
            .history
            .entries(before, self.history.stored())
            .map(|entry| entry.bytes.len())
            .sum();
        self.unsaved_bytes = self.unsaved_bytes.saturating_sub(saved);
        self.store.appending = None;
        self.append_works();
        self.append_waiting();
        self.fan_out(now);
        self.open_waiting(now);
        self.plan_summary(now);
        self.plan_compaction(now);
    }

    /// Every Live session gets what it has not been sent, one encoding for all who lack the same.
    fn fan_out(&mut self, now: u64) {
        let mut shared = Shared::default();
        let sockets: Vec<_> = self.sessions.keys().copied().collect();
        for socket in sockets {
            self.send_what_is_due(now, socket, &mut shared);
        }
    }

    /// One session gets what it has not been sent, and an answer if one is due.
    pub(super) fn catch_up(&mut self, now: u64, socket: SocketId) {
        self.send_what_is_due(now, socket, &mut Shared::default());
    }

    fn send_what_is_due(&mut self, now: u64, socket: SocketId, shared: &mut Shared) {
        let stored = self.history.stored();
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        let Phase::Live(live) = &session.phase else { return };
        let sent = live.sent;
        if sent == stored && !session.reply_due {
            return;
        }
        let all_its_own = self
            .history
            .entries(sent, stored)
            .all(|entry| entry.author == Some(socket));
        let with_changes = session.applies() && !all_its_own;
        if with_changes && !session.window_is_open(now, self.config.timing.window_messages) {
            let opens_at = session.window_opens_at(now).unwrap_or(now + 1);
            self.due.window = Some(self.due.window.map_or(opens_at, |due| due.min(opens_at)));
            return;
        }
        let alike = session.takes_shared();
        let known = if alike {
            shared.frame((sent, with_changes))
        } else {
            None
        };
        let is_new = alike && known.is_none();
        let heads = shared.heads.get_or_insert_with(|| self.history.stored_heads().into());
        let frame = known.unwrap_or_else(|| {
            let mut asked = Vec::new();
            let reply = if alike {
                Reply {
                    heads,
                    need: &[],
                    flags: None,
                    applies: true,
                }
            } else {
                session.reply(heads, &mut asked)
            };
            let from = if with_changes { sent } else { stored };
            let chunks = self.history.entries(from, stored).map(|entry| &entry.bytes);
            wire::sync(&self.config.us, self.id, &reply.with_changes(chunks))
        });
        let heads = with_changes.then(|| (Arc::clone(heads), now + self.config.timing.window_ms));
        if is_new {
            shared.frames.push(((sent, with_changes), frame.clone()));
        }
        session.has_been_sent(now, stored, heads);
        self.effects.push_back(Effect::Send(socket, frame));
    }

    /// Sessions whose window has opened by time alone.
    pub(super) fn open_windows(&mut self, now: u64) {
        self.due.window = None;
        self.fan_out(now);
    }

    /// E1: to everybody else, once.
    pub(super) fn relay_ephemeral(&mut self, socket: SocketId, message: Ephemeral) {
        if self.access.is_none()
            || self.sessions.get(&socket).is_none_or(|session| session.role.is_none())
            || message.data.len() > self.config.limits.ephemeral_bytes
        {
            return;
        }
        let present = wire::is_stock_presence(&message.data);
        match self.stock_peers.get_mut(&socket) {
            Some(peer) if peer.session == message.session => {
                if message.count <= peer.count {
                    return;
                }
                peer.count = message.count;
                peer.present |= present;
            }
            _ => {
                let (session, count) = (message.session.clone(), message.count);
                self.stock_peers.insert(
                    socket,
                    StockPeer {
                        session,
                        count,
                        present,
                    },
                );
            }
        }
        self.send_to_others(socket, &wire::ephemeral(&message), Effect::Offer);
    }

    /// E2: the server says goodbye for a stock peer that is gone.
    pub(super) fn say_goodbye(&mut self, socket: SocketId) {
        let Some(peer) = self.stock_peers.remove(&socket).filter(|peer| peer.present) else {
            return;
        };
        let Some(session) = self.sessions.get(&socket) else {
            return;
        };
        let goodbye = Ephemeral {
            sender: session.peer.clone(),
            document: self.id,
            session: peer.session,
            count: peer.count.saturating_add(1),
            data: wire::stock_goodbye(),
        };
        self.send_to_others(socket, &wire::ephemeral(&goodbye), Effect::Send);
    }

    fn send_to_others(&mut self, socket: SocketId, frame: &Frame, how: fn(SocketId, Frame) -> Effect) {
        for (other, session) in &self.sessions {
            if *other != socket && session.role.is_some() {
                self.effects.push_back(how(*other, frame.clone()));
            }
        }
    }

    pub(super) fn update_presence(&mut self, now: u64, socket: SocketId, data: Bytes) {
        let Some(session) = self.sessions.get(&socket).filter(|session| session.role.is_some()) else {
            return;
        };
        if data.len() <= self.config.limits.presence_bytes {
            self.roster.update(socket, &session.peer, data);
            self.plan_presence(now);
        }
    }

    pub(super) fn plan_presence(&mut self, now: u64) {
        if self.roster.is_dirty() && self.due.presence.is_none() {
            self.due.presence = Some(now + self.config.timing.presence_tick_ms);
        }
    }

    pub(super) fn tell_presence(&mut self) {
        self.due.presence = None;
        let listeners = self
            .sessions
            .iter()
            .filter(|(_, session)| session.extended && session.role.is_some())
            .map(|(socket, session)| (*socket, &session.peer));
        let frames = self.roster.tick(self.id, listeners);
        self.effects
            .extend(frames.into_iter().map(|(socket, frame)| Effect::Send(socket, frame)));
    }
}
