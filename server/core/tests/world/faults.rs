//! What goes wrong: lines that stall or break, pages that are closed, a server that dies, a store that cannot write.

use fieldbook_core::id::SocketId;
use fieldbook_core::room::Input;

use super::World;
use super::settings::Kind;

impl World {
    /// One of the faults that this seed has.
    pub(super) fn fault(&mut self) {
        let settings = &self.settings;
        let ways = [
            settings.cuts,
            6,
            settings.restarts,
            settings.crashes,
            settings.store_fails,
            4,
            2,
            settings.exoduses,
            settings.regrants,
            u64::from(settings.quirks && settings.crashes > 0),
        ];
        let mut at = self.rng.next() % ways.iter().sum::<u64>();
        let way = ways.iter().position(|weight| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        match way {
            Some(0) => self.cut_somebody(),
            Some(1) => self.stall_somebody(),
            Some(2) => self.restart_somebody(),
            Some(3) => self.crash(),
            Some(4) => self.store.failing = !self.store.failing,
            Some(5) => self.save_somebody(),
            Some(6) => self.merge_two(),
            Some(7) => self.all_leave(),
            Some(8) if self.rng.percent(30) => self.share_anew(),
            Some(8) => self.regrant_somebody(),
            _ => self.store_moves_on(),
        }
    }

    fn cut_somebody(&mut self) {
        let connected: Vec<_> = self
            .sockets
            .iter()
            .filter(|(_, s)| s.connected)
            .map(|(id, _)| *id)
            .collect();
        if !connected.is_empty() {
            let id = self.rng.pick(&connected);
            self.cut(id);
        }
    }

    /// Long enough for the room to go, if all of them have left by then.
    fn all_leave(&mut self) {
        for id in self.sockets.keys().copied().collect::<Vec<_>>() {
            self.cut(id);
            if self.rng.percent(90) {
                self.gone(id);
            }
        }
        while self.store.jobs() > 0 && self.rng.percent(95) {
            self.store_works();
        }
        self.time_passes(8_000);
    }

    /// The line breaks. Part of what the client wrote may have arrived; the room hears of the end some time later.
    pub(super) fn cut(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut socket.connected, false) {
            let arrived = self.rng.below(socket.up.len() + 1);
            socket.up.truncate(arrived);
            socket.up_stalls = false;
            socket.down.clear();
            self.clients[socket.client].lose_connection();
        }
    }

    /// The room hears that a socket is gone.
    pub(super) fn gone(&mut self, id: SocketId) {
        let clean = self.rng.percent(50);
        self.wait_for_room();
        if self.sockets.remove(&id).is_some_and(|socket| socket.opened) && self.room.is_some() {
            self.feed(Input::Left { socket: id, clean });
        }
    }

    fn stall_somebody(&mut self) {
        let ids: Vec<_> = self.sockets.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = self.rng.pick(&ids);
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        if self.rng.percent(50) {
            socket.up_stalls = socket.connected && !socket.up_stalls;
        } else {
            socket.down_stalls = !socket.down_stalls;
        }
    }

    fn restart_somebody(&mut self) {
        let index = self.rng.below(self.clients.len());
        if let Some(id) = self.clients[index].socket {
            self.cut(id);
        }
        let client = &mut self.clients[index];
        client.restart(&mut self.rng);
        if self.rng.percent(50) {
            // Written before it connects.
            client.edit(self.settings.burst, &mut self.rng);
        }
    }

    fn save_somebody(&mut self) {
        let index = self.rng.below(self.clients.len());
        self.clients[index].save_to_disk();
    }

    /// Two of those who write meet elsewhere.
    fn merge_two(&mut self) {
        let editors: Vec<_> = (0..self.clients.len())
            .filter(|index| self.clients[*index].kind == Kind::Editor)
            .collect();
        let (from, to) = (self.rng.pick(&editors), self.rng.pick(&editors));
        if from != to && !self.clients[from].doc.get_heads().is_empty() {
            let mut other = self.clients[from].doc.clone();
            self.clients[to].merge(&mut other);
        }
    }

    /// Another process has written to the store: everybody is to come again, to a room that is loaded again.
    fn store_moves_on(&mut self) {
        if !self.store.refuse_append() {
            return;
        }
        self.feed(Input::StoreFailed { conflict: true });
        let all_closed = self.sockets.values().all(|socket| !socket.opened || !socket.connected);
        assert!(
            all_closed,
            "a socket stays open although the room is not what is stored"
        );
        self.crash();
    }

    /// The process dies: sockets and room are gone, and so is what the store was not finished with.
    pub(super) fn crash(&mut self) {
        self.story.crashes += 1;
        self.store.crash(&mut self.rng);
        self.room = None;
        for socket in std::mem::take(&mut self.sockets).into_values() {
            if socket.connected {
                self.clients[socket.client].lose_connection();
            }
        }
    }
}
