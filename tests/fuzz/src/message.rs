//! `core::message`: sync messages. Where automerge reads them, too, both read the same.

use automerge::sync::Message;
use bytes::Bytes;
use fieldbook_core::change::split;
use fieldbook_core::message::SyncMessage;

/// Any bytes, as one sync message.
///
/// # Panics
/// If automerge reads something else, or a list is longer than is allowed.
pub fn target(data: &[u8]) {
    let limits = crate::limits();
    let Ok(ours) = SyncMessage::decode(&Bytes::copy_from_slice(data), &limits) else {
        return;
    };
    for list in [&ours.heads, &ours.need, &ours.last_sync] {
        assert!(list.len() <= limits.message_hashes);
    }
    assert!(ours.changes.len() <= limits.message_changes);
    for blob in &ours.changes {
        let chunks = split(blob).unwrap_or_default();
        assert!(chunks.len() <= blob.len());
    }
    if let Ok(stock) = Message::decode(data) {
        assert_eq!(ours.heads, stock.heads);
        assert_eq!(ours.need, stock.need);
        let last_sync: Vec<_> = stock.have.iter().flat_map(|have| have.last_sync.clone()).collect();
        assert_eq!(ours.last_sync, last_sync);
        assert!(ours.changes.iter().map(|blob| &blob[..]).eq(stock.changes.iter()));
    }
}
