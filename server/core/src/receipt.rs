//! What a session says most often, "I have what you have", kept aside until its room is awake anyway.
//!
//! Each message with changes is answered by its reader with a bare one. Waking the room for each of these takes about as
//! long as reading it. So whoever reads the socket shows it to the session's receipt first, and the room looks there before
//! it asks itself whether the session's window is open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use automerge::ChangeHash;

use crate::message::SyncMessage;

/// Of one session; shared by who reads its socket and who feeds its room.
#[derive(Debug, Default)]
pub struct Receipt(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What the client may say without the room having to do anything, and the position that it means.
    expected: Option<(Arc<[ChangeHash]>, u64)>,
    said: Option<u64>,
}

impl Receipt {
    /// `true`: the message says that its client has everything, and nothing else. The room need not see it.
    #[must_use]
    pub fn takes(&self, message: &SyncMessage) -> bool {
        if !message.changes.is_empty() || message.begins_again() || message.is_read_only() {
            return false;
        }
        let mut state = self.lock();
        match &state.expected {
            Some((heads, position)) if message.heads[..] == heads[..] => {
                state.said = Some(*position);
                true
            }
            _ => false,
        }
    }

    /// From now on the room has to see everything. Says up to which position the client has told to have all, if it has
    /// told so since this was asked last.
    pub fn close(&self) -> Option<u64> {
        let mut state = self.lock();
        state.expected = None;
        state.said.take()
    }

    /// From now on the client may say these heads, which are those of that position.
    pub fn open(&self, heads: Arc<[ChangeHash]>, position: u64) {
        self.lock().expected = Some((heads, position));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_nothing_else_is_taken() {
        let [here, elsewhere] = [ChangeHash([1; 32]), ChangeHash([2; 32])];
        let receipt = Receipt::default();
        let says = |heads: &[ChangeHash]| SyncMessage {
            heads: heads.to_vec(),
            ..SyncMessage::default()
        };
        assert!(!receipt.takes(&says(&[here])), "nothing is expected yet");
        receipt.open([here].into(), 7);
        for more in [
            says(&[]),
            says(&[elsewhere]),
            says(&[here, elsewhere]),
            SyncMessage {
                changes: vec![bytes::Bytes::from_static(b"change")],
                ..says(&[here])
            },
            SyncMessage {
                need: vec![elsewhere],
                ..says(&[here])
            },
            SyncMessage {
                empty_have: true,
                ..says(&[here])
            },
            SyncMessage {
                flags: Some(crate::message::flags::READ_ONLY),
                ..says(&[here])
            },
        ] {
            assert!(!receipt.takes(&more), "{more:?}");
        }
        assert!(receipt.takes(&says(&[here])));
        assert_eq!(receipt.close(), Some(7));
        assert!(!receipt.takes(&says(&[here])), "the room is at work");
        assert_eq!(receipt.close(), None, "it is told once");
    }
}
