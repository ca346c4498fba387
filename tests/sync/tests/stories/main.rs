//! What the sync server promises in `docs/protocol.md`, told as stories; the rules' numbers stand beside them.

mod bad_disk;
mod bad_frames;
mod bad_sync;
mod budgets;
mod compaction;
mod connecting;
mod documents;
mod ephemeral;
mod floods;
mod killed;
mod limits;
mod long_work;
mod people;
mod shares;
mod slow;
mod store_failure;
mod syncing;
mod traces;
