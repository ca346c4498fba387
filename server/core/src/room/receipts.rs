//! When the [`Receipt`](crate::receipt::Receipt) of a session is open: as long as an acknowledgement would change nothing
//! but its window.

use std::sync::Arc;

use super::{Input, Room};
use crate::id::SocketId;

/// Whose sessions an input is about to change, so that what they have acknowledged comes first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Concern {
    Nobody,
    One(SocketId),
    /// More becomes durable than what they are expected to acknowledge.
    Everybody,
}

impl Concern {
    pub(super) fn of(input: &Input) -> Self {
        match input {
            Input::Stored { .. } | Input::Access { .. } => Self::Everybody,
            Input::Sync { socket, .. }
            | Input::Recalled { socket, .. }
            | Input::Expanded { socket, .. }
            | Input::Subject { socket, .. } => Self::One(*socket),
            _ => Self::Nobody,
        }
    }
}

impl Room {
    pub(super) fn close_receipts(&mut self, concern: Concern) {
        match concern {
            Concern::Nobody => {}
            Concern::One(socket) => {
                if let Some(session) = self.sessions.get_mut(&socket) {
                    session.close_receipt();
                }
            }
            Concern::Everybody => self.sessions.values_mut().for_each(|session| session.close_receipt()),
        }
    }

    pub(super) fn open_receipts(&mut self, concern: Concern) {
        match concern {
            Concern::Nobody => {}
            Concern::One(socket) => self.open_receipt(socket),
            Concern::Everybody => {
                let sockets: Vec<_> = self.sessions.keys().copied().collect();
                sockets.into_iter().for_each(|socket| self.open_receipt(socket));
            }
        }
    }

    fn open_receipt(&mut self, socket: SocketId) {
        let Some(session) = self.sessions.get(&socket) else {
            return;
        };
        if !session.is_settled() || self.orphans.bytes(socket) > 0 {
            return;
        }
        let position = self.history.stored();
        let (_, heads) = match &self.durable {
            Some(durable) if durable.0 == position => durable,
            _ => self.durable.insert((position, self.history.stored_heads().into())),
        };
        session.receipt.open(Arc::clone(heads), position);
    }
}
