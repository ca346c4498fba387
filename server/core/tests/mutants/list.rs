//! Bugs that the engine could have.
//!
//! What the simulator does not get to is not here, and is held by tests of its own: a thousand heads or branches, and what
//! a document's changes weigh (`src/history_tests.rs`, `tests/bounds.rs`), and the list's copy of the title
//! (`src/room_tests/upkeep.rs`), which no invariant speaks of.

/// One bug: in `file` (below `src`), `find` becomes `replace`, and `breaks` stops to hold.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) breaks: &'static str,
    pub(crate) file: &'static str,
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
}

/// What a single node promises; see docs/architecture.md.
pub(crate) const INVARIANTS: [&str; 9] = ["R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R10"];

/// One for each of them, noticed in nearly every life.
pub(crate) const ONE_EACH: &[&str] = &[
    "a change is acknowledged before it is stored",
    "a session is sent what it was sent before",
    "a Live session's message asks the store",
    "a change that is known is taken for a new one",
    "a stranger is let in",
    "a step works on, however long it takes",
    "the first session is skipped in the fan-out",
    "a change of the tail is forgotten when the room is loaded again",
    "who has left stays in the roster",
];

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a change is acknowledged before it is stored",
        breaks: "R1",
        file: "room/fanout.rs",
        find: "self.store.appending = Some(last);",
        replace: "self.store.appending = Some(last); self.history.store_up_to(last);",
    },
    Mutant {
        name: "what came while the store wrote is taken for stored, too",
        breaks: "R1",
        file: "room/fanout.rs",
        find: "self.history.store_up_to(up_to);",
        replace: "self.history.store_up_to(up_to.max(self.history.last()));",
    },
    Mutant {
        name: "who comes while the store fails is not told",
        breaks: "R1",
        file: "room/opening.rs",
        find: "self.tell_store_to(socket);",
        replace: "",
    },
    Mutant {
        name: "the first session is skipped in the fan-out",
        breaks: "R7",
        file: "room/fanout.rs",
        find: "self.sessions.keys().copied().collect();",
        replace: "self.sessions.keys().copied().skip(1).collect();",
    },
    Mutant {
        name: "a session is sent what it was sent before",
        breaks: "R2",
        file: "room/fanout.rs",
        find: "session.has_been_sent(now, stored, heads);",
        replace: "session.has_been_sent(now, sent, heads);",
    },
    Mutant {
        name: "positions after an archive are off by one",
        breaks: "R2",
        file: "room/opening.rs",
        find: ".entries(position, self.history.stored())",
        replace: ".entries((position + 1).min(self.history.stored()), self.history.stored())",
    },
    Mutant {
        name: "a returning client is not offered what it lacks",
        breaks: "S3",
        file: "room/opening.rs",
        find: "self.history.chunks(positions).cloned().collect();",
        replace: "self.history.chunks(positions).take(0).cloned().collect();",
    },
    Mutant {
        name: "one message too many is on its way",
        breaks: "S6",
        file: "sync.rs",
        find: ".count() < messages,",
        replace: ".count() <= messages,",
    },
    Mutant {
        name: "a change that is known is taken for a new one",
        breaks: "R4",
        file: "history/admission.rs",
        find: "if self.knows(&change.hash) {\n            return Admission::Known;",
        replace: "if self.knows(&change.hash) && self.may_be_archived() {\n            return Admission::Known;",
    },
    Mutant {
        name: "an object may be anything that is in the past",
        breaks: "R4",
        file: "history/rules.rs",
        find: "self.index.object(object).ok_or(Refusal::Object)?",
        replace: "self.index.object(object).unwrap_or(ROOT)",
    },
    Mutant {
        name: "a change may start below what it depends on",
        breaks: "R4",
        file: "history/admission.rs",
        find: "let gap = gap.ok_or(Refusal::StartOp)?;",
        replace: "let gap = gap.unwrap_or(0);",
    },
    Mutant {
        name: "an ephemeral message of any size is passed on",
        breaks: "R6",
        file: "room/fanout.rs",
        find: "|| message.data.len() > self.config.limits.ephemeral_bytes",
        replace: "",
    },
    Mutant {
        name: "an ephemeral message comes back to who sent it",
        breaks: "E1",
        file: "room/fanout.rs",
        find: "if *other != socket && session.role.is_some() {",
        replace: "if session.role.is_some() {",
    },
    Mutant {
        name: "a stranger is let in",
        breaks: "R5",
        file: "access/subject.rs",
        find: "let membership = self.memberships.get(&workspace)?;",
        replace: "let membership = self.memberships.values().next()?;",
    },
    Mutant {
        name: "a document that is shared anew goes by what was",
        breaks: "R5",
        file: "room/grants.rs",
        find: "self.access = Some(access);",
        replace: "",
    },
    Mutant {
        name: "what a document says of somebody is not looked at",
        breaks: "R5",
        file: "access/document.rs",
        find: "if let Some(role) = by_name.or_else(by_groups) {",
        replace: "if let Some(role) = by_name.or_else(by_groups).filter(|_| false) {",
    },
    Mutant {
        name: "a viewer's change is let in",
        breaks: "S7",
        file: "sync.rs",
        find: "!self.refused && self.role.is_some_and(Role::may_write)",
        replace: "!self.refused && self.role.is_some()",
    },
    Mutant {
        name: "a lowered role goes on writing",
        breaks: "S7",
        file: "room/grants.rs",
        find: "session.role = after;",
        replace: "session.role = after.map(|after| before.unwrap_or(after).max(after));",
    },
    Mutant {
        name: "a removed person goes on reading",
        breaks: "R5",
        file: "room/grants.rs",
        find: "(Some(_), None) => self.shut_out(now, socket),",
        replace: "(Some(_), None) => {}",
    },
    Mutant {
        name: "who may write again is not told to offer what was dropped",
        breaks: "R7",
        file: "sync.rs",
        find: "self.said_read_only = false;\n        self.reset_due = true;",
        replace: "self.said_read_only = false;",
    },
    Mutant {
        name: "who comes back is not shown what it missed",
        breaks: "R7",
        file: "room/grants.rs",
        find: "self.welcome(now, socket);\n        self.try_to_open(now, socket);",
        replace: "self.welcome(now, socket);",
    },
    Mutant {
        name: "orphans that had to go are asked for by name alone",
        breaks: "R7",
        file: "sync.rs",
        find: "self.reset_due = true;\n        self.reply_due = true;",
        replace: "self.reply_due = true;",
    },
    Mutant {
        name: "a full room goes on taking",
        breaks: "R6",
        file: "room.rs",
        find: "self.unsaved_bytes > self.config.limits.unsaved_bytes",
        replace: "self.unsaved_bytes == usize::MAX",
    },
    Mutant {
        name: "a cursor of any size is kept",
        breaks: "R6",
        file: "room/fanout.rs",
        find: "if data.len() <= self.config.limits.presence_bytes {",
        replace: "if !data.is_empty() {",
    },
    Mutant {
        name: "a tail is compacted however small a share of the whole it is",
        breaks: "R3",
        file: "room/upkeep.rs",
        find: "tail > rules.min_changes && tail as f64 > archived as f64 * rules.tail_share",
        replace: "tail > rules.min_changes",
    },
    Mutant {
        name: "the store is asked what an archive holds that is not there",
        breaks: "R3",
        file: "room/incoming.rs",
        find: "if !self.history.may_be_archived() {\n            return None;\n        }",
        replace: "",
    },
    Mutant {
        name: "orphans are not released",
        breaks: "R7",
        file: "room/incoming.rs",
        find: "self.unsaved_bytes += bytes;\n                    queue.extend(self.release(socket, &hash));",
        replace: "self.unsaved_bytes += bytes;",
    },
    Mutant {
        name: "a store that failed is not tried again",
        breaks: "R7",
        file: "room/upkeep.rs",
        find: "self.due.store_retry = None;\n        self.append();",
        replace: "self.due.store_retry = None;",
    },
    Mutant {
        name: "the room goes while the store writes",
        breaks: "R8",
        file: "room.rs",
        find: "&& self.history.stored() == self.history.last()\n            && self.store.appending.is_none()",
        replace: "",
    },
    Mutant {
        name: "a change of the tail is forgotten when the room is loaded again",
        breaks: "R8",
        file: "room.rs",
        find: "for bytes in loaded.tail {",
        replace: "let most = loaded.tail.len().saturating_sub(1);\n    for bytes in loaded.tail.into_iter().take(most) {",
    },
    Mutant {
        name: "who has left stays in the roster",
        breaks: "R10",
        file: "room/upkeep.rs",
        find: "self.roster.leave(socket, &session.peer, (!clean).then_some(linger));",
        replace: "let _ = clean.then_some(&session);",
    },
    Mutant {
        name: "who is lost reconnects for ever",
        breaks: "R10",
        file: "room/upkeep.rs",
        find: "self.due.linger = self.roster.expire(now);",
        replace: "self.due.linger = None;",
    },
    Mutant {
        name: "a reader that lagged at a compaction keeps the old changes in memory",
        breaks: "R6",
        file: "room.rs",
        find: "        self.trim();\n        self.effects.drain(..)",
        replace: "        if self.history.stored() == self.history.archive_position() {\n            self.trim();\n        }\n        self.effects.drain(..)",
    },
    Mutant {
        name: "a closed window wakes the room every millisecond",
        breaks: "R3",
        file: "room/fanout.rs",
        find: "session.window_opens_at(now).unwrap_or(now + 1)",
        replace: "session.window_opens_at(now).map_or(now + 1, |at| at.min(now + 1))",
    },
    Mutant {
        name: "a name that is trimmed while the store is asked is forgotten",
        breaks: "R4",
        file: "room/upkeep.rs",
        find: "self.history.trim(all_have.unwrap_or(u64::MAX), somebody_waits, wanted);",
        replace: "self.history.trim(all_have.unwrap_or(u64::MAX), somebody_waits && all_have.is_none(), wanted);",
    },
    Mutant {
        name: "a step works on, however long it takes",
        breaks: "R6",
        file: "room/work.rs",
        find: "self.worked >= self.config.work_at_once",
        replace: "self.worked == u64::MAX",
    },
    Mutant {
        name: "what was put off is forgotten",
        breaks: "R7",
        file: "room/incoming.rs",
        find: "work.queue = Some(queue);",
        replace: "work.queue = Some(Vec::new());",
    },
    Mutant {
        name: "what was put off is admitted although its sender may write no more",
        breaks: "R5",
        file: "room/grants.rs",
        find: "session.stops_to_write(waits_for_world);\n            self.orphans.forget(socket);\n            self.drop_changes_of(socket);",
        replace: "session.stops_to_write(waits_for_world);\n            self.orphans.forget(socket);",
    },
    Mutant {
        name: "who is removed while their work is put off is answered",
        breaks: "R5",
        file: "room/grants.rs",
        find: "self.answer_nothing_of(socket);",
        replace: "",
    },
    Mutant {
        name: "who asks for changes by name is not told again",
        breaks: "R7",
        file: "message.rs",
        find: "resets || self.is_reset() || self.heads.is_empty() || !self.need.is_empty()",
        replace: "resets || self.is_reset() || self.heads.is_empty()",
    },
    Mutant {
        name: "what waited when the role was lowered is admitted later",
        breaks: "R5",
        file: "sync.rs",
        find: "self.answer_is_stale = waits_for_world;",
        replace: "",
    },
    Mutant {
        name: "orphans without a bound",
        breaks: "R6",
        file: "orphans.rs",
        find: "while self.count(socket) > limits.orphans || self.bytes(socket) > limits.orphan_bytes {",
        replace: "while self.count(socket) > limits.orphans * 1_000 || self.bytes(socket) > limits.orphan_bytes * 1_000 {",
    },
    Mutant {
        name: "a Live session's message asks the store",
        breaks: "R3",
        file: "room/incoming.rs",
        find: "hashes.retain(|hash| !self.history.knows(hash));",
        replace: "",
    },
    Mutant {
        name: "an element may be anything that is in the past",
        breaks: "R4",
        file: "history/rules.rs",
        find: "if found.object == object && matches!(found.slot, Slot::Inserted { .. }) {",
        replace: "if found.object == object || element.counter > 0 {",
    },
    Mutant {
        name: "a device is here by the socket that was welcomed last alone",
        breaks: "R10",
        file: "presence.rs",
        find: "if !sockets.contains(&socket) {",
        replace: "sockets.clear();\n        {",
    },
];

/// Those that the simulator does not notice in thousands of lives. Unit tests do.
///
/// - The first takes a store that reads the rows of a new archive while the room knows an older one that has as many, for
///   somebody who was away for no more changes than these: `retained_changes_of_another_archive_are_left_out`.
/// - The second takes a device that lost its last changes, has written since what is not taken of it, and asks by name, which
///   stock clients do not: `who_asks_for_changes_by_name_is_told_again_what_its_heads_lack`.
/// - The third was found by one life in 20,000, and a change to the simulator made another of it:
///   `a_name_on_which_a_waiting_change_depends_stays_known_when_the_archive_grows`.
pub(crate) const UNNOTICED: &[Mutant] = &[
    Mutant {
        name: "retained changes of another archive are taken for those of this one",
        breaks: "R2",
        file: "history.rs",
        find: "        if self.base != archive.position || from.position + retained.len() as u64 != archive.position + 1 {\n            return;\n        }\n        let base_heads: BTreeSet<_> = from.heads.iter().copied().collect();\n        let entries: Vec<_> = retained.into_iter().map(|change| Entry::new(change, None).0).collect();\n        let mut heads = base_heads.clone();\n        for entry in &entries {\n            advance(&mut heads, &entry.hash, &entry.deps);\n        }\n        if heads != archive.heads.iter().map(|head| head.hash).collect() {\n            return;\n        }\n",
        replace: "        if self.base != archive.position {\n            return;\n        }\n        let base_heads: BTreeSet<_> = from.heads.iter().copied().collect();\n        let entries: Vec<_> = retained.into_iter().map(|change| Entry::new(change, None).0).collect();\n        let mut heads = base_heads.clone();\n        for entry in &entries {\n            advance(&mut heads, &entry.hash, &entry.deps);\n        }\n        drop(heads);\n",
    },
    Mutant {
        name: "a document older than its sync state is taken for as new",
        breaks: "R7",
        file: "room/incoming.rs",
        find: "if message.need.is_empty() && !message",
        replace: "if !message",
    },
    Mutant {
        name: "a name on which a waiting change depends is forgotten when the archive grows",
        breaks: "R7",
        file: "room/upkeep.rs",
        find: "let wanted = || self.orphans.deps();",
        replace: "let wanted = std::collections::HashSet::new;",
    },
];
