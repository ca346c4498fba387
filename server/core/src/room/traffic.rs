//! What a room is told, and what it wants done.

use std::sync::Arc;

use automerge::ChangeHash;
use bytes::Bytes;

use super::work::WORK_AT_ONCE;
use crate::access::{Creation, DocumentAccess, Subject};
use crate::change::work_of;
use crate::history::{ArchiveMeta, IndexError, Placed, RetainedFrom};
use crate::id::{PeerId, SocketId, UserId};
use crate::message::SyncMessage;
use crate::receipt::Receipt;
use crate::wire::{Ephemeral, Frame};

/// What a room is told.
#[derive(Debug)]
pub enum Input {
    /// A socket names this document for the first time.
    Open {
        /// The socket.
        socket: SocketId,
        /// Its client.
        peer: PeerId,
        /// Its person.
        subject: Arc<Subject>,
        /// Does it take `fb` frames?
        extended: bool,
        /// Shared with who reads the socket.
        receipt: Arc<Receipt>,
    },
    /// A `sync` or `request` frame of an open session.
    Sync {
        /// Whose.
        socket: SocketId,
        /// `request` rather than `sync`.
        request: bool,
        /// Its message.
        message: SyncMessage,
    },
    /// A stock ephemeral message; its sender is the socket's own peer.
    Ephemeral {
        /// Whose.
        socket: SocketId,
        /// What.
        message: Ephemeral,
    },
    /// A device's cursor and state.
    Presence {
        /// Whose.
        socket: SocketId,
        /// What; empty: no cursor.
        data: Bytes,
    },
    /// Who the socket's person is from now on: their workspaces, groups or credential have changed.
    Subject {
        /// Whose.
        socket: SocketId,
        /// `None`: nobody who may be here.
        subject: Option<Arc<Subject>>,
    },
    /// Who may do what with the document from now on.
    Access {
        /// What it says.
        access: DocumentAccess,
        /// Whose memberships have changed with it, and the first [`Subject::as_of`] that knows. Until theirs comes they are
        /// nobody: who has left would else be, for a moment, what members are without a grant.
        since: Vec<(UserId, u64)>,
    },
    /// The socket is gone.
    Left {
        /// Which.
        socket: SocketId,
        /// It said goodbye, rather than being lost.
        clean: bool,
    },
    /// Everything up to this position is durable.
    Stored {
        /// The position.
        up_to: u64,
    },
    /// The last append was not made, or perhaps was not.
    StoreFailed {
        /// Something else is stored at that position: trying again will not help.
        conflict: bool,
    },
    /// What the store was asked for cannot be read now, and is asked for again until it can; or it can be read again.
    Reading {
        /// Which of the two.
        fails: bool,
    },
    /// The store answers [`Effect::Recall`].
    Recalled {
        /// For whom.
        socket: SocketId,
        /// What the archive contains of what was asked.
        archived: Vec<Placed>,
        /// The retained changes, if they were asked for.
        retained: Vec<Bytes>,
        /// It does not read back: the session has to begin again.
        failed: bool,
    },
    /// The store answers [`Effect::ReadArchive`].
    Archive {
        /// Position and bytes; `None`: it does not read back.
        read: Option<(u64, Bytes)>,
    },
    /// A worker answers [`Effect::Expand`].
    Expanded {
        /// For whom.
        socket: SocketId,
        /// The changes, or why there are none.
        changes: Result<Vec<Bytes>, String>,
    },
    /// [`Effect::Compact`] is over.
    Compacted {
        /// The new archive; `None`: it was put off or failed.
        archive: Option<ArchiveMeta>,
    },
    /// [`Effect::Summarise`] is over.
    Summarised {
        /// How long it took.
        took_ms: u64,
        /// It did not work, and may if it is tried again.
        failed: bool,
    },
    /// [`Room::wake_at_ms`](super::Room::wake_at_ms) has come.
    Wake,
}

/// How much work there is, in units of an operation that is held against the index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(u64);

impl Load {
    /// More than should be done where others wait, or how much cannot be told.
    pub const MUCH: Self = Self(u64::MAX);

    /// Of reading and admitting these. It is told from what they claim, and looked at no further than until it is much.
    #[must_use]
    pub fn of(chunks: &[Bytes]) -> Self {
        let mut sum = 0u64;
        for chunk in chunks {
            sum = sum.saturating_add(work_of(chunk));
            if sum > WORK_AT_ONCE {
                return Self::MUCH;
            }
        }
        Self(sum)
    }

    /// Of a message: its changes, and the hashes that are looked up.
    #[must_use]
    pub fn of_message(message: &SyncMessage) -> Self {
        let hashes = message.heads.len() + message.need.len() + message.last_sync.len();
        Self::of(&message.changes) + Self(hashes as u64)
    }

    /// Would it hold others up, who wait on the same thread?
    #[must_use]
    pub fn is_long(self) -> bool {
        self.0 > WORK_AT_ONCE
    }
}

impl std::ops::Add for Load {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Load {
    fn sum<I: Iterator<Item = Self>>(loads: I) -> Self {
        loads.fold(Self::default(), |sum, load| sum + load)
    }
}

/// What is to be done in the world.
#[derive(Debug)]
pub enum Effect {
    /// A frame for a socket's outbox.
    Send(SocketId, Frame),
    /// Make these changes durable, then say [`Input::Stored`] or [`Input::StoreFailed`].
    Append {
        /// If the document is new: whose it is.
        new: Option<Creation>,
        /// Position of the first.
        first_position: u64,
        /// The chunks.
        changes: Vec<Bytes>,
    },
    /// Ask the store which of these the archive contains, and for the retained changes: [`Input::Recalled`].
    Recall {
        /// For whom.
        socket: SocketId,
        /// What.
        hashes: Vec<ChangeHash>,
        /// Read the retained changes too.
        retained: bool,
    },
    /// Read the archive: [`Input::Archive`].
    ReadArchive,
    /// Have a worker take whole documents apart: [`Input::Expanded`].
    Expand {
        /// For whom.
        socket: SocketId,
        /// Document chunks, one after another.
        chunks: Vec<Bytes>,
    },
    /// Make archive and tail one: [`Input::Compacted`].
    Compact(CompactionPlan),
    /// Bring the list's copy of the title up to date: [`Input::Summarised`].
    Summarise {
        /// As far as it is durable.
        up_to: u64,
    },
    /// What the store has of the document's past is damaged (for the log); who sent a change is closed.
    Unreadable(IndexError),
    /// A change was refused (for the log).
    Refused {
        /// Whose.
        socket: SocketId,
        /// The rule's name.
        rule: &'static str,
    },
    /// A frame for a socket's outbox that may be dropped if much waits there.
    Offer(SocketId, Frame),
    /// Close a socket.
    Close(SocketId, Closing),
}

/// Why a room closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// A sync message carries something that is no automerge chunk.
    NotAutomerge,
    /// More waits to be read than is allowed.
    TooMuchHeld,
    /// It begins again and again.
    TooManyResets,
    /// The store could not be read.
    CannotRead,
    /// Somebody else wrote to the store: the room must be loaded again.
    StoreMovedOn,
}

impl Closing {
    /// WebSocket close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::NotAutomerge => 1007,
            Self::TooMuchHeld | Self::TooManyResets | Self::CannotRead => 1013,
            Self::StoreMovedOn => 1012,
        }
    }

    /// In words, for whoever wrote the client.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotAutomerge => "a sync message carries bytes that are no automerge chunk of an accepted type",
            Self::TooMuchHeld => "too much of this session waits to be read; connect again and send less at once",
            Self::TooManyResets => "this session began again more often than limits.resets_per_minute allows",
            Self::CannotRead => "the document cannot be read now; connect again in a moment",
            Self::StoreMovedOn => "the document is being loaded again; connect again",
        }
    }
}

/// A compaction that is due.
#[derive(Debug)]
pub struct CompactionPlan {
    /// Position of the archive that is there now (0: none).
    pub previous: u64,
    /// Position that the new one goes to.
    pub up_to: u64,
    /// The heads that it must have.
    pub heads: Vec<ChangeHash>,
    /// What stays at hand as rows.
    pub retained: RetainedFrom,
    /// The changes that it has and the previous one has not.
    pub added: Vec<Placed>,
}
