//! `core::wire`: frames. What can be read reads the same when it is written again.

use bytes::Bytes;
use fieldbook_core::wire::{ClientFrame, decode, ephemeral, sync, target_suffix};

/// Any bytes, as one frame.
///
/// # Panics
/// If a frame does not survive being written again.
pub fn target(data: &[u8]) {
    let Ok(frame) = decode(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let again = match &frame {
        ClientFrame::Ephemeral(message) => ephemeral(message).for_target(&target_suffix(&message.sender)),
        ClientFrame::Sync {
            sender, document, data, ..
        } => sync(sender, *document, data).for_target(&target_suffix(sender)),
        _ => return,
    };
    let again = decode(&again).expect("our own frames can be read");
    match (frame, again) {
        // We never write requests.
        (
            ClientFrame::Sync { data, document, .. },
            ClientFrame::Sync {
                data: d, document: id, ..
            },
        ) => {
            assert_eq!((data, document), (d, id));
        }
        (frame, again) => assert_eq!(frame, again),
    }
}
