//! The end: the faults stop, everybody connects, and when all is quiet all have the same.

use automerge::{Automerge, ReadDoc};
use fieldbook_core::id::SocketId;
use fieldbook_core::room::{Room, WORK_AT_ONCE};

use super::client::Client;
use super::settings::Kind;
use super::store::heads_of;
use super::{Socket, World};

/// Steps and messages in which a healed world must be quiet.
const MOST_STEPS: usize = 4_000;
const MOST_MESSAGES_EACH: usize = 60;
/// Where few changes make a slice of work, and each slice is told by itself.
const MOST_MESSAGES_EACH_IN_SLICES: usize = 200;

impl World {
    pub(super) fn heal(&mut self) {
        self.store.failing = false;
        for socket in self.sockets.values_mut() {
            (socket.up_stalls, socket.down_stalls) = (false, false);
        }
        let forges = |socket: &Socket| self.clients[socket.client].kind == Kind::Forger;
        self.come_again(self.those_who(forges));
        self.let_back_in();
        self.say(|| "--- healed".to_owned());
        let before = self.story.messages_up + self.story.messages_down;
        self.settle();
        self.story.messages_to_quiet = self.story.messages_up + self.story.messages_down - before;
        let slices = self.config.work_at_once < WORK_AT_ONCE;
        let each = if slices {
            MOST_MESSAGES_EACH_IN_SLICES
        } else {
            MOST_MESSAGES_EACH
        };
        let most = each * self.clients.len();
        assert!(
            self.story.messages_to_quiet <= most,
            "{} messages until all was quiet",
            self.story.messages_to_quiet
        );
    }

    /// Goes on without faults until nothing is left to do, whatever time passes.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.goes_on();
            self.come_again(self.those_who(|socket| socket.watch.refused));
            self.goes_on();
            self.time_passes(7_000);
        }
        self.goes_on();
    }

    fn those_who(&self, are: impl Fn(&Socket) -> bool) -> Vec<SocketId> {
        let sockets = self.sockets.iter().filter(|(_, socket)| are(socket));
        sockets.map(|(id, _)| *id).collect()
    }

    /// Who was refused something writes again when it comes back.
    fn come_again(&mut self, sockets: Vec<SocketId>) {
        sockets.into_iter().for_each(|id| self.cut(id));
    }

    fn goes_on(&mut self) {
        let mut steps = 0;
        while self.step(false) {
            steps += 1;
            assert!(steps < MOST_STEPS, "it does not become quiet");
        }
        self.story.steps_to_quiet += steps;
    }

    pub(super) fn judge(&mut self) {
        let heads = heads_of(&self.store.log);
        if heads.is_empty() {
            let writes_nothing = |client: &Client| client.doc.get_heads().is_empty() || !client.may_write();
            let lost = self.clients.iter().all(writes_nothing);
            return assert!(lost, "R7: nothing is stored, although somebody has it");
        }
        self.story.changes = self.store.log.len();
        let stored = self.store.document();
        assert_eq!(stored.get_heads(), heads, "R8: the store's bytes are the log");
        assert_eq!(
            stored.get_changes(&[]).len(),
            self.store.log.len(),
            "R8: nothing is lost"
        );
        for head in &self.store.told {
            assert!(
                stored.get_change_by_hash(head).is_some(),
                "R8: what was told to be saved is lost"
            );
        }
        self.ledger.check(&self.store.log);
        for client in &mut self.clients {
            check_client(client, &stored);
        }
        self.check_people();
        self.somebody_leaves();
        if let Some(room) = &self.room {
            assert_eq!(room.stored_heads(), heads);
            self.check_memory(room);
        }
        self.newcomer_reads_it(&stored);
    }

    /// Everybody who asked for it knows who else is here, and where.
    fn check_people(&self) {
        let here: Vec<_> = self.clients.iter().filter(|client| client.may_read()).collect();
        for client in here.iter().filter(|client| client.extended) {
            for other in here.iter().filter(|other| other.peer != client.peer) {
                let seen = client.people.cursor_of(other.peer.as_str());
                assert!(
                    seen.is_some(),
                    "R10: {} does not see that {} is here",
                    client.peer,
                    other.peer
                );
                let is_there = other.cursor.is_none() || seen == other.cursor.as_ref();
                assert!(is_there, "R10: {} sees {} elsewhere", client.peer, other.peer);
            }
            assert!(
                client.people.count() < here.len(),
                "R10: {} sees who is gone",
                client.peer
            );
        }
        let strangers = self.clients.iter().filter(|client| client.kind == Kind::Stranger);
        strangers.for_each(|stranger| assert!(stranger.people.count() == 0, "R5: a stranger sees who is here"));
    }

    /// One goes for good, and after a while the others see it.
    fn somebody_leaves(&mut self) {
        let Some(id) = self.clients[0]
            .socket
            .filter(|_| self.settings.quirks && self.clients[0].may_read())
        else {
            return;
        };
        self.cut(id);
        self.gone(id);
        self.time_passes(15_000);
        for id in self.sockets.keys().copied().collect::<Vec<_>>() {
            while !self.sockets[&id].down.is_empty() {
                self.deliver_down(id);
            }
        }
        let gone = self.clients[0].peer.as_str();
        for client in &self.clients[1..] {
            assert!(!client.people.lists(gone), "R10: {} still sees {gone}", client.peer);
        }
    }

    /// A fresh device opens the document after all have left: a cold room, and nothing to go by.
    fn newcomer_reads_it(&mut self, stored: &Automerge) {
        for id in self.sockets.keys().copied().collect::<Vec<_>>() {
            self.cut(id);
            self.gone(id);
        }
        self.time_passes(20_000);
        let mut steps = 0;
        while self.store.jobs() > 0 {
            self.store_works();
            steps += 1;
            assert!(steps < MOST_STEPS, "the store does not become quiet");
        }
        self.time_passes(20_000);
        assert!(self.room.is_none(), "a quiet room is unloaded");
        self.clients.truncate(1);
        self.clients[0] = Client::new(200, Kind::Viewer, &mut self.rng);
        self.connect(0);
        self.goes_on();
        assert_eq!(
            self.clients[0].doc.get_heads(),
            stored.get_heads(),
            "R7: a fresh client has it all"
        );
        assert_eq!(
            self.clients[0].doc.get_authors(),
            stored.get_authors(),
            "R7: a fresh client is told who wrote it"
        );
    }

    /// What the room holds: the tail, what is retained before it, and no more once everybody has it.
    fn check_memory(&self, room: &Room) {
        let held = room.changes_in_memory() as u64;
        let archived = self
            .store
            .load()
            .and_then(|l| l.archive)
            .map_or(0, |meta| meta.position);
        let tail = self.store.log.len() as u64 - archived;
        let most = tail + self.config.compaction.retained_changes as u64;
        assert!(
            archived == 0 || held <= most,
            "R6: {held} changes in memory, {tail} of them after the archive"
        );
    }
}

fn check_client(client: &mut Client, stored: &Automerge) {
    let (theirs, heads) = (client.doc.get_heads(), stored.get_heads());
    if client.may_write() {
        assert_eq!(theirs, heads, "R7: {} has what the store has", client.peer);
    } else if client.may_read() {
        let has_all = heads.iter().all(|head| client.doc.get_change_by_hash(head).is_some());
        assert!(has_all, "R7: the viewer {} has what the store has", client.peer);
    } else if client.kind == Kind::Stranger {
        let knows_nothing = client.doc.get_changes(&[]).is_empty();
        assert!(knows_nothing, "R5: a stranger has something of it");
    }
    let again = Automerge::load(&client.doc.save()).expect("what a client saves loads");
    assert_eq!(again.get_heads(), theirs);
}
