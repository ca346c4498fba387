//! `[trash]`

use super::topic::topic;

topic! {
    /// What becomes of documents that were thrown away.
    Trash in "trash" {
        /// How many days a document stays in the trash before the server deletes it for ever. 0: until an owner does it.
        keep_days: u32 = 30, Whole(0, 36_500);
    }
}

impl Trash {
    /// Until when a document stays that was thrown away then; both in milliseconds since 1970.
    #[must_use]
    pub fn kept_until_ms(&self, trashed_at_ms: i64) -> Option<i64> {
        (self.keep_days > 0).then(|| trashed_at_ms + i64::from(self.keep_days) * 86_400_000)
    }
}
