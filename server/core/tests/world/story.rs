//! How much happened in a run.

/// What a run came to, for those who want to compare.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) changes: usize,
    pub(crate) compactions: usize,
    pub(crate) crashes: usize,
    pub(crate) unloads: usize,
    pub(crate) messages_up: usize,
    pub(crate) messages_down: usize,
    pub(crate) receipts: usize,
    pub(crate) recalls: usize,
    pub(crate) retained_read: usize,
    pub(crate) expansions: usize,
    pub(crate) archives_read: usize,
    pub(crate) refusals: usize,
    /// Messages, both ways, after the last fault and the last edit.
    pub(crate) messages_to_quiet: usize,
    pub(crate) steps_to_quiet: usize,
    pub(crate) fingerprint: u64,
}

impl Story {
    /// Two together; of what must stay small, the larger.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            changes: self.changes + other.changes,
            compactions: self.compactions + other.compactions,
            crashes: self.crashes + other.crashes,
            unloads: self.unloads + other.unloads,
            messages_up: self.messages_up + other.messages_up,
            messages_down: self.messages_down + other.messages_down,
            receipts: self.receipts + other.receipts,
            recalls: self.recalls + other.recalls,
            retained_read: self.retained_read + other.retained_read,
            expansions: self.expansions + other.expansions,
            refusals: self.refusals + other.refusals,
            archives_read: self.archives_read + other.archives_read,
            messages_to_quiet: self.messages_to_quiet.max(other.messages_to_quiet),
            steps_to_quiet: self.steps_to_quiet.max(other.steps_to_quiet),
            fingerprint: self.fingerprint ^ other.fingerprint,
        }
    }
}
