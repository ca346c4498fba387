//! The room is told something, and what it does then is held against the rules: R1, R3, R5 and R6 at each step.

use std::collections::HashSet;
use std::sync::Arc;

use automerge::ChangeHash;
use bytes::Bytes;
use fieldbook_core::change::{Change, Chunk, split};
use fieldbook_core::id::SocketId;
use fieldbook_core::limits::Limits;
use fieldbook_core::message::SyncMessage;
use fieldbook_core::room::{Closing, CompactionPlan, Effect, Input, Room, Usage};
use fieldbook_core::wire::{self, Frame};

use super::settings::Kind;
use super::watch::writes;
use super::{World, fingerprint, is_ephemeral, is_unavailable, short, sync_message};

/// Effects of a Live session's message beside two for each session: an append, a refusal with its words, what is due by time.
const FEW_EFFECTS: usize = 8;

/// Admitting a change is work of at least so many units.
const LEAST_WORK_OF_A_CHANGE: u64 = 32;

/// What the checks of a step remember of the steps before.
#[derive(Default)]
pub(crate) struct Audit {
    /// Effects of this step, and whether one of them asks the store or a worker to read.
    effects: usize,
    reads: bool,
    /// It tells of a conflict.
    conflict: bool,
    /// What the room was told last of the store.
    append_fails: bool,
    read_fails: bool,
    /// Those who were sent an ephemeral message in it.
    pub(super) whispered_to: Vec<SocketId>,
    /// This room has admitted something, so it has read its admission index.
    has_admitted: bool,
    last_change_ms: u64,
    /// Changes that long tails' compactions have written.
    compacted: u64,
}

impl World {
    /// Somebody's message reaches the room.
    pub(super) fn hears_sync(&mut self, socket: SocketId, request: bool, message: SyncMessage) {
        if writes(self.sockets[&socket].granted) {
            let stay = (socket, self.sockets[&socket].stay);
            let position = self.room.as_ref().map_or(0, |room| room.usage().changes);
            self.ledger.brings(stay, &message, position);
        }
        let is_cheap = self.must_be_cheap(socket, &message);
        self.feed(Input::Sync {
            socket,
            request,
            message,
        });
        let most = 2 * self.sockets.len() + FEW_EFFECTS;
        assert!(
            !is_cheap || (self.audit.effects <= most && !self.audit.reads),
            "R3: {} effects of one message (reading: {})",
            self.audit.effects,
            self.audit.reads
        );
    }

    /// Is this a Live session's message, all of whose names are in memory (or new)?
    fn must_be_cheap(&self, id: SocketId, message: &SyncMessage) -> bool {
        let Some(room) = &self.room else { return false };
        let socket = &self.sockets[&id];
        let forges = self.clients[socket.client].kind == Kind::Forger;
        if !socket.connected || !socket.watch.is_live() || forges || !self.audit.has_admitted {
            return false;
        }
        let base = room.usage().base as usize;
        let in_memory: HashSet<ChangeHash> = self.store.log.iter().skip(base).map(|change| change.hash).collect();
        let mut offered = HashSet::new();
        let mut deps = Vec::new();
        for chunk in message
            .changes
            .iter()
            .flat_map(|blob| split(blob).into_iter().flatten())
        {
            let Chunk::Change(bytes) = chunk else { return false };
            let Ok(change) = Change::parse(bytes, &Limits::default()) else {
                return false;
            };
            if self.store.committed.contains(&change.hash) && !in_memory.contains(&change.hash) {
                return false;
            }
            deps.extend(change.deps);
            offered.insert(change.hash);
        }
        let known = |hash: &ChangeHash| in_memory.contains(hash) || offered.contains(hash);
        deps.iter().chain(&message.heads).all(known)
    }

    pub(super) fn feed(&mut self, input: Input) {
        if self.room.is_none() {
            self.load_room();
        }
        let Some(room) = &mut self.room else { return };
        let before = room.usage();
        let most_unsaved = match &input {
            Input::Sync { message, .. } => {
                let brought: usize = message.changes.iter().map(bytes::Bytes::len).sum();
                self.config.limits.unsaved_bytes + brought + before.all_orphan_bytes
            }
            _ => usize::MAX,
        };
        self.audit.conflict = matches!(input, Input::StoreFailed { conflict: true });
        self.audit.whispered_to.clear();
        match &input {
            Input::StoreFailed { conflict } => self.audit.append_fails |= !conflict,
            Input::Stored { .. } => self.audit.append_fails = false,
            Input::Reading { fails } => self.audit.read_fails = *fails,
            _ => {}
        }
        let effects: Vec<_> = room.step(self.now, input).collect();
        let after = room.usage();
        (self.audit.effects, self.audit.reads) = (effects.len(), false);
        assert!(
            after.unsaved_bytes <= most_unsaved,
            "R6: {} bytes are not saved",
            after.unsaved_bytes
        );
        self.check_usage(&after);
        let most_changes = self.config.work_at_once / LEAST_WORK_OF_A_CHANGE + 1;
        let admitted = after.changes - before.changes;
        assert!(
            admitted <= most_changes,
            "R6: {admitted} changes are admitted in one step"
        );
        if admitted > 0 {
            self.audit.has_admitted = true;
            self.audit.last_change_ms = self.now;
            let writers = self.writers();
            self.ledger.admits(after.changes, || writers);
        }
        for effect in effects {
            self.perform(effect);
        }
        self.check_told();
        if self.room.as_ref().is_some_and(|room| room.may_unload(self.now)) {
            self.store.forget_questions();
            self.story.unloads += 1;
            self.room = None;
        }
    }

    fn load_room(&mut self) {
        let loaded = self.store.load();
        let room = Room::new(self.document, Arc::clone(&self.config), loaded, self.now);
        let room = room.expect("what is stored can be read back");
        self.ledger.begins_at(room.usage().changes);
        self.audit.has_admitted = false;
        (self.audit.append_fails, self.audit.read_fails) = (false, false);
        self.audit.last_change_ms = self.now;
        self.room = Some(room);
    }

    /// Each of our own clients knows whether the store works, from the moment in which it opens the document.
    fn check_told(&self) {
        let fails = self.audit.append_fails || self.audit.read_fails;
        let absent = self.room.as_ref().is_none_or(|room| room.stored_heads().is_empty());
        let theirs = self.sockets.values().filter(|socket| {
            !absent && socket.opened && socket.granted.is_some() && self.clients[socket.client].extended
        });
        for socket in theirs {
            let peer = &self.clients[socket.client].peer;
            assert_eq!(socket.told_store_fails, fails, "R1: what {peer} was told of the store");
        }
    }

    fn check_usage(&self, usage: &Usage) {
        let limits = &self.config.limits;
        let shares = [
            ("orphans", usage.orphans, limits.orphans),
            ("orphans' bytes", usage.orphan_bytes, limits.orphan_bytes),
            ("presence", usage.presence_bytes, limits.presence_bytes),
        ];
        for (what, held, most) in shares {
            assert!(held <= most, "R6: {held} of {what}, where {most} are allowed");
        }
    }

    /// Goes on until the room takes something again: nothing but the store and time can make it so.
    pub(super) fn wait_for_room(&mut self) {
        let mut steps = 0;
        while self.room.as_ref().is_some_and(Room::is_full) {
            if self.store.jobs() > 0 {
                self.store_works();
            } else {
                self.time_passes(1_000);
            }
            steps += 1;
            assert!(steps < 1_000, "R6: a full room does not become less full");
        }
    }

    fn perform(&mut self, effect: Effect) {
        self.say(|| format!("    {}", short(&format!("{effect:?}"))));
        match effect {
            Effect::Send(socket, frame) | Effect::Offer(socket, frame) => self.send(socket, frame),
            Effect::Refused { socket, rule } => self.refused(socket, rule),
            Effect::Close(socket, Closing::CannotRead) if self.store.reads_failed => self.cut(socket),
            Effect::Close(socket, Closing::TooMuchHeld) if self.settings.small => self.cut(socket),
            Effect::Close(socket, Closing::StoreMovedOn) if self.audit.conflict => self.cut(socket),
            Effect::Close(_, why) => panic!("a socket is closed: {}", why.reason()),
            effect => {
                self.count(&effect);
                self.store.ask(effect);
            }
        }
    }

    fn refused(&mut self, socket: SocketId, rule: &str) {
        self.story.refusals += 1;
        let socket = self.sockets.get_mut(&socket).expect("a socket");
        let forges = self.clients[socket.client].kind == Kind::Forger;
        let failed = rule == "document" && self.store.expansions_failed;
        assert!(forges || failed, "R4: a sound change was refused ({rule})");
        socket.watch.refused = true;
    }

    fn count(&mut self, effect: &Effect) {
        match effect {
            Effect::Recall { retained, .. } => {
                assert!(
                    self.store.has_archive(),
                    "R3: the store is asked what an archive holds that is not there"
                );
                self.audit.reads = true;
                self.story.recalls += 1;
                self.story.retained_read += usize::from(*retained);
            }
            Effect::ReadArchive => {
                self.audit.reads = true;
                self.story.archives_read += 1;
            }
            Effect::Expand { .. } => {
                self.audit.reads = true;
                self.story.expansions += 1;
            }
            Effect::Compact(plan) => self.check_compaction(plan),
            Effect::Append { changes, .. } => self.check_admitted(changes),
            _ => {}
        }
    }

    /// What was forged is not stored, and so harms nobody.
    fn check_admitted(&self, chunks: &[Bytes]) {
        let forgeries: HashSet<_> = self.clients.iter().flat_map(|client| &client.forgeries).collect();
        if forgeries.is_empty() {
            return;
        }
        for chunk in chunks {
            let change = Change::parse(chunk.clone(), &Limits::default()).expect("what was admitted can be read");
            assert!(!forgeries.contains(&change.hash), "R4: what was forged is admitted");
        }
    }

    /// Either the tail is a share of the whole, so that the work is a share of what came; or nobody has written for a while.
    fn check_compaction(&mut self, plan: &CompactionPlan) {
        let rules = &self.config.compaction;
        let tail = plan.up_to - plan.previous;
        let share = plan.previous as f64 * rules.tail_share;
        let idle = tail > rules.idle_changes && self.now >= self.audit.last_change_ms + rules.idle_ms;
        let long = tail > rules.min_changes && tail as f64 > share;
        assert!(
            idle || long,
            "R3: {tail} changes are no reason to write {} again",
            plan.previous
        );
        if !idle {
            self.audit.compacted += plan.up_to;
        }
    }

    fn send(&mut self, id: SocketId, frame: Frame) {
        let socket = self
            .sockets
            .get_mut(&id)
            .expect("frames go to sockets that have not left");
        let client = &self.clients[socket.client];
        let may_know = socket.granted.is_some() || is_unavailable(&frame, client);
        assert!(
            may_know,
            "R5: somebody is told of a document that is none of their business"
        );
        if let Some(message) = sync_message(&frame, client) {
            self.story.messages_down += 1;
            self.store.told.extend(&message.heads);
            self.story.fingerprint = fingerprint(self.story.fingerprint, &message.clone().encode());
            socket
                .watch
                .sends(&message, socket.granted, &self.store, self.now, &self.config.timing);
            let waits = self.store.reads_archive() || self.store.waited_for_by().any(|other| other == id);
            if !message.heads.is_empty() && !waits {
                socket.watch.answered();
            }
        }
        if let Frame::Plain(bytes) = &frame {
            let says = |ok| matches!(wire::store(self.document, ok), Frame::Plain(told) if told == *bytes);
            socket.told_store_fails = says(false) || (socket.told_store_fails && !says(true));
        }
        if is_ephemeral(&frame, client) {
            self.audit.whispered_to.push(id);
        }
        if socket.connected {
            socket.down.push_back(frame);
        }
    }
}
