//! Messages that come in parts (continuation frames), put together within bounds.

use actix_ws::Item;
use bytes::{Bytes, BytesMut};

/// A message of which parts have come.
#[derive(Debug)]
pub(super) struct Assembly {
    most_bytes: usize,
    most_parts: usize,
    parts: usize,
    gathered: BytesMut,
    is_text: bool,
}

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assembled {
    pub(super) bytes: Bytes,
    pub(super) is_text: bool,
    /// Each cost as much as a frame.
    pub(super) parts: usize,
}

/// Why no more is taken of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooMuch {
    #[error("the message is larger than limits.frame_bytes allows")]
    Bytes,
    #[error("the message has more parts than limits.frame_parts allows")]
    Parts,
}

impl Assembly {
    pub(super) fn new(most_bytes: usize, most_parts: usize) -> Self {
        Self {
            most_bytes,
            most_parts,
            parts: 0,
            gathered: BytesMut::new(),
            is_text: false,
        }
    }

    /// Bytes that have come of a message that is not whole; `None`: there is none.
    pub(super) fn waiting(&self) -> Option<usize> {
        (self.parts > 0).then_some(self.gathered.len())
    }

    /// Takes the next part; gives the message once it is whole.
    pub(super) fn take(&mut self, part: Item) -> Result<Option<Assembled>, TooMuch> {
        let (bytes, is_last) = match part {
            Item::FirstText(bytes) => {
                self.is_text = true;
                (bytes, false)
            }
            Item::FirstBinary(bytes) => {
                self.is_text = false;
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        self.parts += 1;
        if self.parts > self.most_parts {
            return Err(TooMuch::Parts);
        }
        if self.gathered.len() + bytes.len() > self.most_bytes {
            return Err(TooMuch::Bytes);
        }
        self.gathered.extend_from_slice(&bytes);
        Ok(is_last.then(|| Assembled {
            bytes: std::mem::take(&mut self.gathered).freeze(),
            is_text: self.is_text,
            parts: std::mem::take(&mut self.parts),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(size: usize) -> Bytes {
        vec![b'x'; size].into()
    }

    #[test]
    fn parts_become_a_message_one_after_the_other() {
        let mut assembly = Assembly::new(10, 3);
        for _ in 0..2 {
            assert_eq!(assembly.take(Item::FirstBinary(part(4))), Ok(None));
            assert_eq!(assembly.take(Item::Continue(part(4))), Ok(None));
            let whole = assembly.take(Item::Last(part(2))).unwrap().unwrap();
            assert_eq!((whole.bytes.len(), whole.parts, whole.is_text), (10, 3, false));
        }
        assert_eq!(assembly.waiting(), None);
        assert_eq!(assembly.take(Item::FirstText(part(1))), Ok(None));
        assert_eq!(assembly.waiting(), Some(1));
        assert!(assembly.take(Item::Last(part(1))).unwrap().unwrap().is_text);
    }

    #[test]
    fn parts_are_bounded_together_and_in_number() {
        let mut assembly = Assembly::new(10, 3);
        assert_eq!(assembly.take(Item::FirstBinary(part(8))), Ok(None));
        assert_eq!(assembly.take(Item::Last(part(3))), Err(TooMuch::Bytes));
        let mut assembly = Assembly::new(10, 3);
        assert_eq!(assembly.take(Item::FirstBinary(part(0))), Ok(None));
        assert_eq!(assembly.take(Item::Continue(part(0))), Ok(None));
        assert_eq!(assembly.take(Item::Continue(part(0))), Ok(None));
        assert_eq!(assembly.take(Item::Continue(part(0))), Err(TooMuch::Parts));
    }
}
