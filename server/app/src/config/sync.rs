//! `[sync]`

use super::topic::topic;

topic! {
    /// Times and windows of the sync endpoint; what each is for stands in [protocol.md](protocol.md).
    Sync in "sync" {
        /// How long a request for an unknown document waits before it is answered with "unavailable", in milliseconds:
        /// its creator's first message may still arrive.
        unavailable_grace_ms: u64 = 300, Whole(0, 60_000);
        /// How long a new socket has to send its `join`, in milliseconds.
        join_deadline_ms: u64 = 10_000, Whole(100, 600_000);
        /// How often the server pings a socket, in milliseconds. A socket that leaves two pings unanswered is lost.
        ping_interval_ms: u64 = 5_000, Whole(100, 600_000);
        /// How long a peer id stays its user's own after its last socket, in milliseconds.
        peer_binding_ms: u64 = 86_400_000, Whole(0, 31_536_000_000);
        /// How many messages with changes may be on their way to a session that has not confirmed them.
        window_messages: usize = 4, Whole(1, 1_000);
        /// How long an unconfirmed message counts, in milliseconds.
        window_ms: u64 = 5_000, Whole(10, 600_000);
        /// How often presence is sent at most, in milliseconds.
        presence_tick_ms: u64 = 50, Whole(1, 10_000);
        /// How long somebody whose socket was lost is shown as reconnecting, in milliseconds.
        presence_linger_ms: u64 = 10_000, Whole(0, 600_000);
        /// How long a document that nobody has open stays in memory, in milliseconds.
        unload_ms: u64 = 5_000, Whole(0, 86_400_000);
        /// The least time between the beginnings of two commits, in milliseconds. What comes after a pause is committed at
        /// once; of a stream of edits, those that come within this time share a commit.
        commit_interval_ms: u64 = 3, Whole(0, 1_000);
        /// How long after a failure the store is tried again, in milliseconds.
        store_retry_ms: u64 = 1_000, Whole(10, 600_000);
    }
}
