//! What happens by time: leaving, retries, compaction, the list's copy of the title, unloading.

use super::{Closing, CompactionPlan, Effect, Room};
use crate::access::{Creation, Role};
use crate::history::{ArchiveMeta, Placed};
use crate::id::SocketId;
use crate::sync::Phase;
use crate::wire;

/// How long a document must be quiet before its title is read again.
pub(super) const SUMMARY_QUIET_MS: u64 = 1_500;
/// Reading the title may take this share of the time at most (1/n).
const SUMMARY_SHARE: u64 = 50;
/// After a failure it is tried again when the store is; after each further one twice as long is waited, up to this.
const SUMMARY_RETRY_MS: u64 = 30_000;

impl Room {
    pub(super) fn leave(&mut self, now: u64, socket: SocketId, clean: bool) {
        self.say_goodbye(socket);
        let Some(session) = self.sessions.remove(&socket) else {
            return;
        };
        let linger = now + self.config.timing.presence_linger_ms;
        self.roster.leave(socket, &session.peer, (!clean).then_some(linger));
        if !clean {
            self.due.linger = Some(self.due.linger.map_or(linger, |due| due.min(linger)));
        }
        self.plan_presence(now);
        self.orphans.forget(socket);
        if self.sessions.is_empty() {
            // Of what does not exist nothing needs to be at hand.
            let linger = if self.access.is_some() {
                self.config.timing.unload_ms
            } else {
                0
            };
            self.due.unload = Some(now + linger);
            self.plan_compaction(now);
        }
    }

    /// A change was admitted: the document exists, and what depends on quiet begins to wait anew.
    pub(super) fn changed(&mut self, now: u64, socket: SocketId) {
        self.last_change_ms = now;
        if self.access.is_none()
            && let Some(creation) = self.creation_by(socket)
        {
            self.access = Some(creation.access());
            self.creation = Some(creation);
            self.tell_creators_apart(now);
        }
    }

    /// What this socket's person makes of the document that they bring.
    pub(super) fn creation_by(&self, socket: SocketId) -> Option<Creation> {
        let subject = self.sessions.get(&socket)?.subject.as_ref()?;
        Creation::at_home(subject).ok()
    }

    /// The document has come to be: of those who were bringing it, who has no business with it is told that there is none.
    fn tell_creators_apart(&mut self, now: u64) {
        let tell_at = now + self.config.timing.unavailable_grace_ms;
        let bringing = self.sessions.iter().filter(|(_, session)| session.role.is_some());
        let roles: Vec<_> = bringing
            .map(|(socket, session)| (*socket, self.role_of(session.subject.as_deref())))
            .collect();
        for (socket, role) in roles {
            let waits_for_world = self.waits_for_world(socket);
            let Some(session) = self.sessions.get_mut(&socket) else {
                continue;
            };
            session.role = role;
            if role.is_none() {
                session.phase = Phase::Unavailable {
                    tell_at_ms: Some(tell_at),
                };
                self.due.grace = Some(self.due.grace.map_or(tell_at, |due| due.min(tell_at)));
            }
            if !role.is_some_and(Role::may_write) {
                session.stops_to_write(waits_for_world);
                self.orphans.forget(socket);
                self.drop_changes_of(socket);
            }
            if role.is_some() {
                self.welcome(now, socket);
            }
        }
    }

    pub(super) fn store_failed(&mut self, now: u64, conflict: bool) {
        self.store.appending = None;
        if conflict {
            let sockets: Vec<_> = self.sessions.keys().copied().collect();
            self.effects.extend(
                sockets
                    .into_iter()
                    .map(|socket| Effect::Close(socket, Closing::StoreMovedOn)),
            );
            return;
        }
        self.due.store_retry = Some(now + self.config.timing.store_retry_ms);
        if !self.store.append_fails {
            self.store.append_fails = true;
            self.tell_store();
        }
    }

    pub(super) fn append_works(&mut self) {
        if self.store.append_fails {
            self.store.append_fails = false;
            self.due.store_retry = None;
            self.tell_store();
        }
    }

    pub(super) fn reading(&mut self, fails: bool) {
        self.store.read_fails = fails;
        self.tell_store();
    }

    /// Tells our own clients whether the server can save.
    fn tell_store(&mut self) {
        let sockets: Vec<_> = self.sessions.keys().copied().collect();
        for socket in sockets {
            self.tell_store_to(socket);
        }
    }

    /// Unless it knows, or there is no such document for it.
    pub(super) fn tell_store_to(&mut self, socket: SocketId) {
        let fails = self.store.fails();
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        if session.extended && session.role.is_some() && session.told_store_fails != fails {
            session.told_store_fails = fails;
            self.effects
                .push_back(Effect::Send(socket, wire::store(self.id, !fails)));
        }
    }

    fn retry_store(&mut self) {
        self.due.store_retry = None;
        self.append();
    }

    pub(super) fn wake(&mut self, now: u64) {
        let is_due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        if is_due(self.due.grace) {
            self.tell_unavailable(now);
        }
        if is_due(self.due.window) {
            self.open_windows(now);
        }
        if is_due(self.due.linger) {
            self.due.linger = self.roster.expire(now);
            self.plan_presence(now);
        }
        if is_due(self.due.presence) {
            self.tell_presence();
        }
        if is_due(self.due.store_retry) {
            self.retry_store();
        }
        if is_due(self.due.summary) {
            self.summarise(now);
        }
        if is_due(self.due.compaction) {
            self.due.compaction = None;
            self.plan_compaction(now);
        }
        if is_due(self.due.unload) && !self.may_unload(now) {
            self.due.unload = self.sessions.is_empty().then_some(now + self.config.timing.unload_ms);
        }
        if is_due(self.due.work) {
            self.go_on(now);
        }
    }

    /// Compacts now if the tail is long enough, or sets the time at which a quiet document's shorter tail is.
    pub(super) fn plan_compaction(&mut self, now: u64) {
        if self.compacting {
            return;
        }
        self.due.compaction = None;
        let rules = &self.config.compaction;
        let archived = self.history.archive_position();
        let tail = self.history.stored() - archived;
        let long = tail > rules.min_changes && tail as f64 > archived as f64 * rules.tail_share;
        let idle_at = self.last_change_ms + rules.idle_ms;
        let not_before = self.compaction_not_before_ms;
        let idle = tail > rules.idle_changes;
        if now >= not_before && (long || (idle && now >= idle_at)) {
            self.compact();
        } else if idle && (not_before <= idle_at || !self.sessions.is_empty()) {
            self.due.compaction = Some(idle_at.max(not_before));
        }
    }

    fn compact(&mut self) {
        let (previous, up_to) = (self.history.archive_position(), self.history.stored());
        let rules = &self.config.compaction;
        let plan = CompactionPlan {
            previous,
            up_to,
            heads: self.history.stored_heads(),
            retained: self.history.retain(up_to, rules.retained_changes, rules.retained_bytes),
            added: self
                .history
                .entries(previous, up_to)
                .zip(previous + 1..)
                .map(|(entry, position)| Placed {
                    hash: entry.hash,
                    position,
                })
                .collect(),
        };
        self.compacting = true;
        self.effects.push_back(Effect::Compact(plan));
    }

    pub(super) fn compacted(&mut self, now: u64, archive: Option<ArchiveMeta>) {
        self.compacting = false;
        self.compaction_not_before_ms = now + self.config.compaction.interval_ms;
        if let Some(meta) = archive {
            self.history.archived(meta);
        }
        self.plan_compaction(now);
    }

    /// Lets go of what the archive has and nobody lacks. Names stay known while somebody waits for the store's answer:
    /// it was asked only for those that were not. So do those on which a change depends that waits for others, too.
    pub(super) fn trim(&mut self) {
        if self.history.may_trim() {
            let all_have = self.sessions.values().filter_map(|session| session.sent()).min();
            let somebody_waits = self.sessions.values().any(|session| session.busy);
            let wanted = || self.orphans.deps();
            self.history.trim(all_have.unwrap_or(u64::MAX), somebody_waits, wanted);
        }
    }

    pub(super) fn plan_summary(&mut self, now: u64) {
        if self.summarising.is_none() {
            self.due.summary = Some(now + SUMMARY_QUIET_MS.max(self.summary_pause_ms));
        }
    }

    fn summarise(&mut self, now: u64) {
        let quiet_at = self.last_change_ms + SUMMARY_QUIET_MS;
        if now < quiet_at {
            self.due.summary = Some(quiet_at);
            return;
        }
        self.due.summary = None;
        let up_to = self.history.stored();
        self.summarising = Some(up_to);
        self.effects.push_back(Effect::Summarise { up_to });
    }

    pub(super) fn summarised(&mut self, now: u64, took_ms: u64, failed: bool) {
        let up_to = self.summarising.take();
        let again = std::mem::replace(&mut self.summary_failed, failed);
        if failed {
            let pause = if again { self.summary_pause_ms * 2 } else { 0 };
            let first = self.config.timing.store_retry_ms;
            self.summary_pause_ms = pause.clamp(first, SUMMARY_RETRY_MS.max(first));
            // For nobody's sake the room does not stay: whoever has the store finds what the list is behind.
            let somebody_is_here = !self.sessions.is_empty();
            self.due.summary = somebody_is_here.then_some(now + self.summary_pause_ms);
            return;
        }
        self.summary_pause_ms = took_ms * SUMMARY_SHARE;
        if up_to.is_some_and(|up_to| up_to < self.history.stored()) {
            self.plan_summary(now);
        }
    }
}
