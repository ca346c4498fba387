//! What one socket was sent, and whether it should have been.

use std::collections::HashSet;

use automerge::sync::{Have, Message, MessageFlags};
use automerge::{Automerge, ChangeHash};
use bytes::Bytes;
use fieldbook_core::access::Role;
use fieldbook_core::change::{Change, Chunk, split};
use fieldbook_core::limits::{Limits, Timing};

use super::store::Store;

struct InFlight {
    number: u64,
    until: u64,
    heads: Vec<ChangeHash>,
}

#[derive(Default)]
pub(crate) struct Watch {
    /// Sync messages sent so far.
    pub(crate) sent: u64,
    /// Those with changes of which the client has not told that it has them.
    in_flight: Vec<InFlight>,
    delivered: HashSet<ChangeHash>,
    /// What the client has, by what it told. The server may hear that later than this, and after it has sent more.
    told: HashSet<ChangeHash>,
    /// How often the client asked to begin (again): each answer to that need not fit the window, and may repeat changes.
    beginnings: u32,
    /// It has not been answered since the last time.
    opening: bool,
    /// Something of it was refused: it may not write any more.
    pub(crate) refused: bool,
    said_read_only: bool,
}

impl Watch {
    /// The client's message reaches the server. `read`: how many of our messages it had read when it wrote it.
    pub(crate) fn heard(&mut self, message: &Message, read: u64, client: &mut Automerge) {
        self.in_flight.retain(|sent| sent.number > read);
        let later: HashSet<_> = client
            .get_changes(&message.heads)
            .iter()
            .map(|change| change.hash())
            .collect();
        let all = client.get_changes(&[]).into_iter().map(|change| change.hash());
        self.told.extend(all.filter(|hash| !later.contains(hash)));
        // It may have come by the changes in another way.
        self.in_flight
            .retain(|sent| !sent.heads.iter().all(|head| self.told.contains(head)));
        let resets = message
            .flags
            .as_ref()
            .is_some_and(|f| f.contains(MessageFlags::SYNC_RESET));
        let begins = self.sent == 0 || message.heads.is_empty() || !message.need.is_empty();
        if begins || resets || message.have == [Have::default()] {
            self.beginnings += 1;
            self.opening = true;
        }
    }

    /// What the person may do changes.
    pub(crate) fn granted(&mut self, before: Option<Role>, after: Option<Role>) {
        if before.is_none() || after.is_none() {
            // It ends, or begins, with nothing.
            let sent = self.sent;
            *self = Self::default();
            (self.sent, self.beginnings, self.opening) = (sent, 1, true);
        } else if !self.refused && writes(before) != writes(after) {
            self.said_read_only = false;
        }
    }

    /// The client is told where it stands, and nothing is under way for it.
    pub(crate) fn answered(&mut self) {
        self.opening = false;
    }

    /// The client has been answered, and goes on from there.
    pub(crate) fn is_live(&self) -> bool {
        self.sent > 0 && !self.opening
    }

    /// The server sends a message to somebody who has this role.
    pub(crate) fn sends(&mut self, message: &Message, role: Option<Role>, store: &Store, now: u64, timing: &Timing) {
        self.sent += 1;
        self.check_header(message, role, store);
        let hashes = hashes_in(message, store);
        if hashes.is_empty() && message.changes.is_empty() {
            return;
        }
        for hash in &hashes {
            assert!(
                store.committed.contains(hash),
                "R1: a change is shown before it is durable"
            );
        }
        self.in_flight.retain(|sent| sent.until > now);
        let repeats = hashes.iter().any(|hash| self.delivered.contains(hash));
        let too_many = self.in_flight.len() >= timing.window_messages;
        if repeats || too_many {
            assert!(!repeats || self.beginnings > 0, "R2: changes are repeated");
            assert!(self.beginnings > 0, "S6: a message beyond the window");
            self.beginnings -= 1;
            self.in_flight.clear();
        }
        self.delivered.extend(hashes);
        if message.heads.iter().all(|head| self.told.contains(head)) {
            return;
        }
        self.in_flight.push(InFlight {
            number: self.sent,
            until: now + timing.window_ms,
            heads: message.heads.clone(),
        });
    }

    fn check_header(&mut self, message: &Message, role: Option<Role>, store: &Store) {
        for head in &message.heads {
            assert!(
                store.committed.contains(head),
                "R1: a head is told before it is durable"
            );
        }
        let [have] = &message.have[..] else {
            panic!("S3: one `have`, not {}", message.have.len())
        };
        assert_eq!(have.last_sync, message.heads, "S3: last_sync is the heads");
        assert_eq!(have.bloom, Have::default().bloom, "S3: the filter is empty");
        let read_only = message
            .flags
            .as_ref()
            .is_some_and(|f| f.contains(MessageFlags::READ_ONLY));
        let first = (!writes(role) || self.refused) && !self.said_read_only;
        assert_eq!(
            read_only, first,
            "S7: READ_ONLY is said once, to those who may not write"
        );
        self.said_read_only |= read_only;
    }
}

pub(crate) fn writes(role: Option<Role>) -> bool {
    role.is_some_and(Role::may_write)
}

/// The changes that a message carries; of an archive, none (it is compared as a whole).
fn hashes_in(message: &Message, store: &Store) -> Vec<ChangeHash> {
    let mut hashes = Vec::new();
    for blob in message.changes.iter() {
        for chunk in split(&Bytes::copy_from_slice(blob)).expect("the server sends chunks") {
            match chunk {
                Chunk::Document(bytes) => {
                    assert!(
                        store.archives.contains(&bytes),
                        "R1: an archive that was never in place"
                    );
                }
                Chunk::Change(bytes) => {
                    hashes.push(Change::parse(bytes, &Limits::default()).expect("a sound change").hash);
                }
            }
        }
    }
    hashes
}
