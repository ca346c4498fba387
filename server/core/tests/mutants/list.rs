//! Bugs that the engine could have.

/// One bug: in `file` (below `src`), `find` becomes `replace`, and `breaks` stops to hold.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) breaks: &'static str,
    pub(crate) file: &'static str,
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
}

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
        name: "a stranger is let in",
        breaks: "R5",
        file: "access.rs",
        find: "(member.workspace == workspace).then_some(member.role)",
        replace: "(member.workspace <= workspace || member.workspace > workspace).then_some(member.role)",
    },
    Mutant {
        name: "a viewer's change is let in",
        breaks: "R5",
        file: "room/incoming.rs",
        find: "let writes = session.may_write();",
        replace: "let writes = session.role.is_some();",
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
        name: "a device is here by the socket that was welcomed last alone",
        breaks: "R10",
        file: "presence.rs",
        find: "if !sockets.contains(&socket) {",
        replace: "sockets.clear();\n        {",
    },
    Mutant {
        name: "who is lost reconnects for ever",
        breaks: "R10",
        file: "room/upkeep.rs",
        find: "self.due.linger = self.roster.expire(now);",
        replace: "self.due.linger = None;",
    },
];

/// Those that the simulator does not notice yet: it gets into them too seldom.
pub(crate) const UNNOTICED: &[Mutant] = &[
    Mutant {
        name: "who asks for changes by name is not told again",
        breaks: "R7",
        file: "message.rs",
        find: "resets || self.is_reset() || self.heads.is_empty() || !self.need.is_empty()",
        replace: "resets || self.is_reset() || self.heads.is_empty()",
    },
    Mutant {
        name: "retained changes of another archive are taken for those of this one",
        breaks: "R2",
        file: "history.rs",
        find: "        if self.base != archive.position || from.position + retained.len() as u64 != archive.position + 1 {\n            return;\n        }\n        let base_heads: BTreeSet<_> = from.heads.iter().copied().collect();\n        let entries: Vec<_> = retained.into_iter().map(|change| Entry::new(change, None).0).collect();\n        let mut heads = base_heads.clone();\n        for entry in &entries {\n            advance(&mut heads, &entry.hash, &entry.deps);\n        }\n        if heads != archive.heads.iter().map(|head| head.hash).collect() {\n            return;\n        }\n",
        replace: "        if self.base != archive.position {\n            return;\n        }\n        let base_heads: BTreeSet<_> = from.heads.iter().copied().collect();\n        let entries: Vec<_> = retained.into_iter().map(|change| Entry::new(change, None).0).collect();\n        let mut heads = base_heads.clone();\n        for entry in &entries {\n            advance(&mut heads, &entry.hash, &entry.deps);\n        }\n        drop(heads);\n",
    },
];
