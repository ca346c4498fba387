//! What a document, a session and a message may be at most. Each has its name in the configuration.

/// Bounds that the engine enforces; what happens at each is said beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Size of one change, inflated, in bytes. Above: refused.
    pub change_bytes: usize,
    /// Operations in one change. Above: refused.
    pub change_ops: u64,
    /// Hashes in each list of a sync message; all `last_sync` together are one list. Above: the socket is closed.
    pub message_hashes: usize,
    /// Changes in a sync message. Above: the socket is closed.
    pub message_changes: usize,
    /// Hashes that a client says it has, and that are looked up in the archive, for one message. Above: none is, and
    /// the client is sent everything.
    pub message_lookups: usize,
    /// How often a session may begin again in a minute. Above: the socket is closed.
    pub resets_per_minute: u32,
    /// Changes of one session that wait for others. Above: the oldest are dropped and asked for again.
    pub orphans: usize,
    /// Their bytes. Above: the same.
    pub orphan_bytes: usize,
    /// Bytes of one document that are not durable yet. Above: its room takes nothing more until the store has caught up.
    pub unsaved_bytes: usize,
    /// Payload of one stock ephemeral message. Above: dropped.
    pub ephemeral_bytes: usize,
    /// Cursor and state of one device. Above: dropped.
    pub presence_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            change_bytes: 16 << 20,
            change_ops: 2_000_000,
            message_hashes: 10_000,
            message_changes: 500_000,
            message_lookups: 1_000,
            resets_per_minute: 60,
            orphans: 10_000,
            orphan_bytes: 16 << 20,
            unsaved_bytes: 64 << 20,
            ephemeral_bytes: 64 << 10,
            presence_bytes: 4 << 10,
        }
    }
}

impl Limits {
    /// For changes that were admitted before, whatever the limits were then.
    #[must_use]
    pub fn of_stored() -> Self {
        Self {
            change_bytes: usize::MAX - 1,
            change_ops: u64::MAX,
            message_hashes: usize::MAX,
            ..Self::default()
        }
    }
}

/// How the engine times what it does; milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// How long an unknown or forbidden document's `request` waits for its answer.
    pub unavailable_grace_ms: u64,
    /// Messages with changes on their way to a session that it has not covered with its heads yet.
    pub window_messages: usize,
    /// How long such a message counts at the most.
    pub window_ms: u64,
    /// How often presence goes out at the most.
    pub presence_tick_ms: u64,
    /// How long a lost device shows as reconnecting.
    pub presence_linger_ms: u64,
    /// How long a room stays after its last session.
    pub unload_ms: u64,
    /// How long after a failure the store is tried again.
    pub store_retry_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            unavailable_grace_ms: 300,
            window_messages: 4,
            window_ms: 5_000,
            presence_tick_ms: 50,
            presence_linger_ms: 10_000,
            unload_ms: 5_000,
            store_retry_ms: 1_000,
        }
    }
}

/// When the tail becomes part of the archive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compaction {
    /// The tail must have more changes than this …
    pub min_changes: u64,
    /// … and more than this share of the archive's changes.
    pub tail_share: f64,
    /// Or nobody wrote for this long …
    pub idle_ms: u64,
    /// … and the tail has more changes than this.
    pub idle_changes: u64,
    /// At most one compaction of a document in this time.
    pub interval_ms: u64,
    /// Changes that stay at hand although the archive has them.
    pub retained_changes: usize,
    /// Their bytes.
    pub retained_bytes: usize,
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            min_changes: 1_000,
            tail_share: 0.1,
            idle_ms: 60_000,
            idle_changes: 200,
            interval_ms: 600_000,
            retained_changes: 2_000,
            retained_bytes: 256 << 10,
        }
    }
}
