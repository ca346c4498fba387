//! `[limits]`

use fieldbook_core::history::MAX_HEADS;

use super::error::Mistake;
use super::topic::topic;

topic! {
    /// What one client, socket or request may take, and what happens beyond it.
    Limits in "limits" {
        /// Longest WebSocket frame from a client, in bytes. Beyond: the socket is closed.
        frame_bytes: usize = 33_554_432, Whole(1_024, 268_435_456);
        /// Most parts (WebSocket continuation frames) of one such frame; each counts as a frame for the rates. Beyond: the
        /// socket is closed.
        frame_parts: usize = 4_096, Whole(1, 1_000_000);
        /// How long a frame, with all of its parts, may take to arrive, in milliseconds. Beyond: the socket is closed at
        /// its next ping.
        frame_ms: u64 = 120_000, Whole(100, 3_600_000);
        /// Largest single change, inflated, in bytes. Beyond: the change is refused.
        change_bytes: usize = 16_777_216, Whole(1_024, 268_435_456);
        /// Most operations in one change. Beyond: the change is refused.
        change_ops: u64 = 2_000_000, Whole(1, 1_000_000_000);
        /// Most changes in a whole document that a client uploads. Beyond: it is refused.
        uploaded_changes: u64 = 2_000_000, Whole(1, 1_000_000_000);
        /// Most bytes of one document that are not on the disk yet. Beyond: its sockets are read from again when the
        /// store has caught up.
        unsaved_bytes: usize = 67_108_864, Whole(65_536, 4_294_967_296);
        /// Most hashes in one list of a sync message; all of its `last_sync` count as one. Beyond: the socket is closed.
        message_hashes: usize = 10_000, Whole(16, 1_000_000);
        /// Most changes in a sync message; what comes in one frame of a stock client is fewer. Beyond: the socket is closed.
        message_changes: usize = 500_000, Whole(1, 10_000_000);
        /// Most hashes that a client says it has, and that are looked up on the disk, for one message. Beyond: none is,
        /// and the client is sent the whole document.
        message_lookups: usize = 1_000, Whole(1, 1_000_000);
        /// How often a session may ask, in a minute, to begin again (S8); each time it may be sent the whole document.
        /// Beyond: the socket is closed (1013).
        resets_per_minute: u32 = 60, Whole(1, 1_000_000);
        /// Most changes of one session that wait for changes they depend on. Beyond: the oldest are dropped and asked
        /// for again.
        orphans: usize = 10_000, Whole(1, 1_000_000);
        /// Most bytes of such waiting changes. Beyond: the same.
        orphan_bytes: usize = 16_777_216, Whole(1_024, 1_073_741_824);
        /// Messages that wait for one document. Beyond: the server reads from their senders again when there is room.
        mailbox: usize = 256, Whole(1, 65_536);
        /// Bytes that wait to be sent to one socket. Beyond: the socket is closed (1013); the client comes back and
        /// syncs again.
        outbox_bytes: usize = 67_108_864, Whole(65_536, 4_294_967_296);
        /// Longest payload of a stock ephemeral message, in bytes. Beyond: dropped.
        ephemeral_bytes: usize = 65_536, Whole(0, 16_777_216);
        /// Bytes of ephemeral messages that wait to be sent to one socket. Beyond: a new one is dropped for that socket,
        /// which stays.
        ephemeral_backlog_bytes: usize = 262_144, Whole(0, 4_294_967_296);
        /// Ephemeral messages per second and socket. Beyond: dropped.
        ephemeral_per_second: u32 = 60, Whole(1, 1_000_000);
        /// Longest presence state of one device, in bytes. Beyond: dropped.
        presence_bytes: usize = 4_096, Whole(0, 1_048_576);
        /// Presence messages per second and socket. Beyond: dropped.
        presence_per_second: u32 = 30, Whole(1, 1_000_000);
        /// Frames per second and socket. Beyond: the server stops reading from that socket for a moment.
        frames_per_second: u32 = 400, Whole(1, 1_000_000);
        /// Bytes per second and socket. Beyond: the same.
        bytes_per_second: u32 = 33_554_432, Whole(1_024, 4_294_967_295);
        /// Frames per second of all sockets of one user together. Beyond: the server stops reading from them for a moment.
        user_frames_per_second: u32 = 2_000, Whole(1, 1_000_000);
        /// Bytes per second of all sockets of one user together. Beyond: the same.
        user_bytes_per_second: u32 = 67_108_864, Whole(1_024, 4_294_967_295);
        /// Bytes per second of the ephemeral messages and the presence of all sockets of one user together. Beyond: dropped.
        user_ephemeral_bytes_per_second: u32 = 262_144, Whole(1_024, 4_294_967_295);
        /// Bytes that are in memory for all sockets of one user together: frames that have not come whole, messages that
        /// wait to be taken, changes that wait for others, what waits to be sent. Beyond: a socket that needs more is
        /// closed (1013). One piece, like a large document, may exceed it.
        user_bytes: usize = 268_435_456, Whole(65_536, 1_099_511_627_776);
        /// Long messages and whole documents of one user that are worked on at the same time. Beyond: they wait, and
        /// the sockets that bring them are not read from. Those of others go on.
        long_work_per_user: usize = 1, Whole(1, 1_024);
        /// Open sockets of one user. Beyond: a new one is refused (429).
        sockets_per_user: usize = 64, Whole(1, 1_000_000);
        /// Peer ids that stay one user's own. Beyond: the one that has not been used for longest is free again.
        peer_ids_per_user: usize = 1_024, Whole(1, 1_000_000);
        /// Open sockets of the server. Beyond: a new one is refused (503).
        sockets: usize = 20_000, Whole(1, 10_000_000);
        /// Documents that one socket may have open. Beyond: the socket is closed.
        documents_per_socket: usize = 1_000, Whole(1, 1_000_000);
        /// Documents that all sockets of one user may have open together, known or not. Beyond: the socket that asks for
        /// one more is closed. Should be far less than `documents_in_memory`.
        documents_per_user: usize = 2_000, Whole(1, 10_000_000);
        /// Documents in memory. Beyond: those that nobody has open are put away at once, and new ones wait.
        documents_in_memory: usize = 20_000, Whole(1, 10_000_000);
        /// How long a socket waits for a document's place in memory, in milliseconds. Beyond: it is closed (1013).
        document_wait_ms: u64 = 10_000, Whole(10, 600_000);
        /// How long a connection may take for TLS, and then for the head of each request, in milliseconds. Beyond: it is
        /// closed.
        request_head_ms: u64 = 5_000, Whole(100, 600_000);
        /// How long the body of an API request may take to arrive, in milliseconds. Beyond: 408.
        request_body_ms: u64 = 30_000, Whole(100, 3_600_000);
        /// How long a connection may stay open between two requests, in milliseconds. Beyond: it is closed.
        idle_connection_ms: u64 = 5_000, Whole(100, 3_600_000);
        /// Longest body of an API request, in bytes. Beyond: 413.
        requests_bytes: usize = 1_048_576, Whole(1_024, 268_435_456);
        /// API requests per second and address. Beyond: 429. An IPv6 address counts as its /64 network.
        requests_per_second: u32 = 50, Whole(1, 1_000_000);
        /// API requests per second and user, from all addresses. Beyond: 429.
        user_requests_per_second: u32 = 100, Whole(1, 1_000_000);
        /// Entries of the audit log in one answer. Beyond: 422.
        audit_entries: u32 = 1_000, Whole(1, 100_000);
        /// Sign-ins refused that the audit log takes up in one minute; of one account from one address, it is one. Beyond:
        /// left out.
        audited_refusals_per_minute: u32 = 20, Whole(0, 100_000);
        /// Attempts to sign in per minute, for each address and for each account. Beyond: 429.
        sign_in_per_minute: u32 = 10, Whole(1, 1_000_000);
    }
}

impl Limits {
    /// One limit that another makes impossible to reach, or to keep.
    pub(super) fn check(&self, mistakes: &mut Vec<Mistake>) {
        let ephemerals_per_second = self.user_ephemeral_bytes_per_second as usize;
        let pairs = [
            (
                "frame_bytes",
                self.frame_bytes,
                "user_bytes",
                self.user_bytes,
                "a frame is in memory until it is whole",
            ),
            (
                "ephemeral_bytes",
                self.ephemeral_bytes,
                "frame_bytes",
                self.frame_bytes,
                "a message comes in a frame",
            ),
            (
                "presence_bytes",
                self.presence_bytes,
                "frame_bytes",
                self.frame_bytes,
                "a state comes in a frame",
            ),
            (
                "ephemeral_bytes",
                self.ephemeral_bytes,
                "ephemeral_backlog_bytes",
                self.ephemeral_backlog_bytes,
                "the longest would always be dropped",
            ),
            (
                "ephemeral_bytes",
                self.ephemeral_bytes,
                "user_ephemeral_bytes_per_second",
                ephemerals_per_second,
                "the longest would always be dropped",
            ),
            (
                "presence_bytes",
                self.presence_bytes,
                "user_ephemeral_bytes_per_second",
                ephemerals_per_second,
                "the longest would always be dropped",
            ),
            (
                "documents_per_user",
                self.documents_per_user,
                "documents_in_memory",
                self.documents_in_memory,
                "one user could keep everybody else out",
            ),
        ];
        for (small, is, great, most, why) in pairs.into_iter().filter(|(_, is, _, most, _)| is > most) {
            let words = format!(
                "limits.{small} is {is} and limits.{great} is {most}: {why}; raise the second or lower the first"
            );
            mistakes.push(Mistake::Together(words));
        }
        if self.message_hashes < MAX_HEADS {
            let is = self.message_hashes;
            let words = format!(
                "limits.message_hashes is {is}: a document may have {MAX_HEADS} heads, and its clients name all of them; \
                 make it {MAX_HEADS} or more"
            );
            mistakes.push(Mistake::Together(words));
        }
    }
}
