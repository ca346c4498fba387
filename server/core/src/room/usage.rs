//! What a room holds, to be held against its limits (R6).

use bytes::Bytes;

use super::Room;
use crate::id::SocketId;

/// What a room holds at this moment. Of what each session has a share of, that of the one who has most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Changes admitted so far: the last one's position.
    pub changes: u64,
    /// Position after which changes are in memory.
    pub base: u64,
    /// Bytes that are not durable yet.
    pub unsaved_bytes: usize,
    /// One session's changes that wait for others.
    pub orphans: usize,
    /// Their bytes.
    pub orphan_bytes: usize,
    /// The orphans' bytes of all sessions.
    pub all_orphan_bytes: usize,
    /// One session's messages that wait behind the one that the store or a worker is busy with.
    pub held: usize,
    /// The bytes of their changes.
    pub held_bytes: usize,
    /// One device's cursor and state.
    pub presence_bytes: usize,
}

impl Room {
    /// Counted anew with each call: for tests and for a look from outside, not for each step.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let sockets = || self.sessions.keys().copied();
        let orphan_bytes = |socket: SocketId| self.orphans.bytes(socket);
        let behind = |socket: &SocketId| self.sessions[socket].held.iter().skip(1);
        let held_bytes = |socket: SocketId| {
            behind(&socket)
                .flat_map(|message| &message.changes)
                .map(Bytes::len)
                .sum()
        };
        Usage {
            changes: self.history.last(),
            base: self.history.base(),
            unsaved_bytes: self.unsaved_bytes,
            orphans: sockets().map(|socket| self.orphans.count(socket)).max().unwrap_or(0),
            orphan_bytes: sockets().map(orphan_bytes).max().unwrap_or(0),
            all_orphan_bytes: sockets().map(orphan_bytes).sum(),
            held: sockets().map(|socket| behind(&socket).count()).max().unwrap_or(0),
            held_bytes: sockets().map(held_bytes).max().unwrap_or(0),
            presence_bytes: self.roster.largest(),
        }
    }
}
