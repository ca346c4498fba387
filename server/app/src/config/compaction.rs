//! `[compaction]`

use super::topic::topic;

topic! {
    /// When the changes of a document become one compressed archive.
    Compaction in "compaction" {
        /// Fewer changes than this after the archive are left as they are while the document is in use.
        min_changes: u64 = 1_000, Whole(1, 1_000_000_000);
        /// The changes after the archive must be more than this share of those in it.
        tail_share: f64 = 0.1, Fraction(0.0, 100.0);
        /// When nobody has written for this long, in milliseconds, fewer changes are enough.
        idle_ms: u64 = 60_000, Whole(0, 86_400_000);
        /// How many are enough then.
        idle_changes: u64 = 200, Whole(1, 1_000_000_000);
        /// Shortest time between two compactions of one document, in milliseconds.
        interval_ms: u64 = 600_000, Whole(0, 86_400_000);
        /// How many of the last changes stay at hand although the archive holds them, so that a client that was away
        /// briefly is sent a few changes and not the whole document.
        retained_changes: usize = 2_000, Whole(0, 10_000_000);
        /// How many bytes of them at most.
        retained_bytes: usize = 262_144, Whole(0, 1_073_741_824);
    }
}
