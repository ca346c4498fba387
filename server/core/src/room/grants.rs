//! What a person may do has changed while their socket is open (R5, rules D5 and D6).

use std::sync::Arc;

use super::{Effect, Room};
use crate::access::{DocumentAccess, Role, Subject};
use crate::id::{SocketId, UserId};
use crate::sync::{Phase, Session};
use crate::wire;

impl Room {
    /// Who somebody is has changed.
    pub(super) fn becomes(&mut self, now: u64, socket: SocketId, subject: Option<Arc<Subject>>) {
        if let Some(session) = self.sessions.get_mut(&socket) {
            session.subject = subject;
            self.look_again_at(now, socket);
        }
    }

    /// Who may do what with the document has changed. What is being brought has not come to be with that.
    pub(super) fn regulate(&mut self, now: u64, access: DocumentAccess, since: Vec<(UserId, u64)>) {
        if self.access.is_none() {
            return;
        }
        self.access = Some(access);
        self.memberships_since.extend(since);
        let sockets: Vec<_> = self.sessions.keys().copied().collect();
        for socket in sockets {
            self.look_again_at(now, socket);
        }
    }

    fn look_again_at(&mut self, now: u64, socket: SocketId) {
        let Some(session) = self.sessions.get(&socket) else {
            return;
        };
        let (before, subject) = (session.role, session.subject.as_deref());
        let after = if self.access.is_none() && before.is_some() {
            // Bringing the document, of which nothing has been admitted.
            self.role_of_maker(subject)
        } else {
            self.role_of(subject)
        };
        if let Some(session) = self.sessions.get_mut(&socket) {
            session.role = after;
        }
        match (before, after) {
            (None, None) => {}
            (Some(_), None) => self.shut_out(now, socket),
            (None, Some(_)) => self.let_in(now, socket),
            (Some(before), Some(after)) => self.change_role(socket, before, after),
        }
    }

    /// Nothing more is said to it, as if there were no such document; what waited of it is forgotten.
    fn shut_out(&mut self, now: u64, socket: SocketId) {
        self.say_goodbye(socket);
        self.orphans.forget(socket);
        self.drop_changes_of(socket);
        let waits_for_world = self.waits_for_world(socket);
        self.answer_nothing_of(socket);
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        self.roster.leave(socket, &session.peer, None);
        let mut anew = Session::new(
            session.peer.clone(),
            session.subject.take(),
            session.extended,
            Arc::clone(&session.receipt),
        );
        anew.busy = waits_for_world;
        anew.told_store_fails = session.told_store_fails;
        anew.answer_is_stale = waits_for_world;
        **session = anew;
        let frame = wire::unavailable(&self.config.us, self.id);
        self.effects.push_back(Effect::Send(socket, frame));
        self.plan_presence(now);
    }

    /// As if opened now, by somebody who has nothing. What it has said meanwhile was dropped, so it is to offer that again.
    fn let_in(&mut self, now: u64, socket: SocketId) {
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        if session.may_write() {
            session.begins_to_write();
        }
        session.phase = Phase::Opening {
            named: Vec::new(),
            reads_archive: false,
        };
        self.welcome(now, socket);
        self.try_to_open(now, socket);
    }

    fn change_role(&mut self, socket: SocketId, before: Role, after: Role) {
        let waits_for_world = self.waits_for_world(socket);
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        if before == after {
            return;
        }
        if session.extended {
            let frame = wire::role(self.id, after.as_str());
            self.effects.push_back(Effect::Send(socket, frame));
        }
        if before.may_write() == after.may_write() || session.refused {
            return;
        }
        if after.may_write() {
            session.begins_to_write();
        } else {
            session.stops_to_write(waits_for_world);
            self.orphans.forget(socket);
            self.drop_changes_of(socket);
        }
        self.tell_flags(socket);
    }

    /// At once, whatever the window holds back: without changes, and with the heads that the client has been led to. A
    /// session before its first answer is told with that.
    fn tell_flags(&mut self, socket: SocketId) {
        if let Some(sent) = self.sessions.get(&socket).and_then(|session| session.sent()) {
            let heads = self.history.heads_at(sent);
            let reply_due = self.sessions.get(&socket).is_some_and(|session| session.reply_due);
            self.send_alone(socket, &heads, &[]);
            if let Some(session) = self.sessions.get_mut(&socket) {
                session.reply_due = reply_due;
            }
        }
    }
}
