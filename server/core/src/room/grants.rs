//! What a person may do has changed while their socket is open (R5, rules D5 and D6).

use super::{Effect, Room};
use crate::access::{self, Member, Role};
use crate::id::SocketId;
use crate::sync::{Phase, Session};
use crate::wire;

impl Room {
    pub(super) fn grant(&mut self, now: u64, socket: SocketId, member: Option<Member>) {
        let Some(session) = self.sessions.get(&socket) else {
            return;
        };
        let before = session.role;
        let after = if self.workspace.is_none() && before.is_some() {
            // Bringing the document, of which nothing has been admitted.
            let maker = member.as_ref().filter(|member| access::may_create(member));
            maker.map(|maker| maker.role)
        } else {
            self.role_of(member.as_ref())
        };
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        session.member = member;
        session.role = after;
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
        let mut anew = Session::new(session.peer.clone(), session.member.take(), session.extended);
        anew.busy = waits_for_world;
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
