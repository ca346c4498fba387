//! One document's state machine: inputs in, effects out, one owner.
//!
//! [`Room::step`] is given the time and one [`Input`]; what is to be done in the world comes back as [`Effect`]s. Nothing
//! here waits: what takes time (the store, a worker) answers with another input.

mod fanout;
mod grants;
mod incoming;
mod opening;
mod receipts;
mod traffic;
mod upkeep;
mod usage;
mod work;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use automerge::ChangeHash;
use bytes::Bytes;

use crate::access::{Action, Creation, DocumentAccess, Resource, Role, Subject, authorise};
use crate::change::Change;
use crate::history::{ArchiveMeta, History};
use crate::id::{DocumentId, PeerId, SocketId, UserId};
use crate::limits::{Compaction, Limits, Timing};
use crate::orphans::Orphans;
use crate::presence::Roster;
use crate::sync::Session;

use receipts::Concern;
pub use traffic::{Closing, CompactionPlan, Effect, Input, Load};
pub use usage::Usage;
pub use work::WORK_AT_ONCE;

/// What a room is made with.
#[derive(Debug, Clone)]
pub struct RoomConfig {
    /// This node's peer id.
    pub us: PeerId,
    /// Bounds.
    pub limits: Limits,
    /// Times.
    pub timing: Timing,
    /// When to compact.
    pub compaction: Compaction,
    /// Work after which a step puts the rest off: [`WORK_AT_ONCE`].
    pub work_at_once: u64,
}

/// What the store has of a document when its room begins.
#[derive(Debug)]
pub struct Loaded {
    /// Who may do what with it.
    pub access: DocumentAccess,
    /// Its archive.
    pub archive: Option<ArchiveMeta>,
    /// The changes after it.
    pub tail: Vec<Bytes>,
    /// The last change that the list's copy of the title knows of.
    pub summarised_up_to: u64,
}

/// What is stored is not what was stored: the document cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("the stored change at position {position} cannot be read back: {why}")]
pub struct Damaged {
    /// Where.
    pub position: u64,
    /// What is wrong.
    pub why: String,
}

#[derive(Debug, Default)]
struct StoreState {
    /// Position up to which changes are with the store.
    appending: Option<u64>,
    append_fails: bool,
    read_fails: bool,
}

impl StoreState {
    fn fails(&self) -> bool {
        self.append_fails || self.read_fails
    }
}

/// When something is due; milliseconds on the caller's clock, `None`: it is not.
#[derive(Debug, Default)]
struct Due {
    grace: Option<u64>,
    window: Option<u64>,
    presence: Option<u64>,
    linger: Option<u64>,
    store_retry: Option<u64>,
    compaction: Option<u64>,
    summary: Option<u64>,
    unload: Option<u64>,
    work: Option<u64>,
}

struct StockPeer {
    session: String,
    count: u32,
    present: bool,
}

/// One document, in memory.
pub struct Room {
    id: DocumentId,
    config: Arc<RoomConfig>,
    /// Who may do what; `None`: there is no such document.
    access: Option<DocumentAccess>,
    /// People whose memberships have changed together with that: those read before say nothing any more.
    memberships_since: HashMap<UserId, u64>,
    /// If it was made here.
    creation: Option<Creation>,
    history: History,
    orphans: Orphans,
    /// The heads that sessions may acknowledge, and their position.
    durable: Option<(u64, Arc<[ChangeHash]>)>,
    /// Boxed: a node of the map keeps room for eleven.
    sessions: BTreeMap<SocketId, Box<Session>>,
    roster: Roster,
    stock_peers: HashMap<SocketId, StockPeer>,
    store: StoreState,
    reads_archive: bool,
    compacting: bool,
    compaction_not_before_ms: u64,
    /// The list's copy of the title is being brought up to date, as of this position.
    summarising: Option<u64>,
    summary_pause_ms: u64,
    /// The last attempt failed.
    summary_failed: bool,
    unsaved_bytes: usize,
    last_change_ms: u64,
    due: Due,
    /// What was put off, by whose turn it is.
    work: VecDeque<work::Work>,
    /// Work of the step at hand.
    worked: u64,
    effects: VecDeque<Effect>,
}

impl Room {
    /// Begins with what the store has; `None`: there is no such document.
    ///
    /// # Errors
    /// [`Damaged`]: what was stored does not read back.
    pub fn new(id: DocumentId, config: Arc<RoomConfig>, loaded: Option<Loaded>, now_ms: u64) -> Result<Self, Damaged> {
        let summarised = loaded.as_ref().map_or(0, |loaded| loaded.summarised_up_to);
        let (access, history) = match loaded {
            Some(loaded) => (Some(loaded.access.clone()), restore(loaded)?),
            None => (None, History::default()),
        };
        let is_behind = summarised < history.stored();
        let unload_at = now_ms + config.timing.unload_ms;
        Ok(Self {
            id,
            config,
            access,
            memberships_since: HashMap::new(),
            creation: None,
            history,
            orphans: Orphans::default(),
            durable: None,
            sessions: BTreeMap::new(),
            roster: Roster::default(),
            stock_peers: HashMap::new(),
            store: StoreState::default(),
            reads_archive: false,
            compacting: false,
            compaction_not_before_ms: 0,
            summarising: None,
            summary_pause_ms: 0,
            summary_failed: false,
            unsaved_bytes: 0,
            last_change_ms: now_ms,
            due: Due {
                unload: Some(unload_at),
                summary: is_behind.then_some(now_ms + upkeep::SUMMARY_QUIET_MS),
                ..Due::default()
            },
            work: VecDeque::new(),
            worked: 0,
            effects: VecDeque::new(),
        })
    }

    /// Takes one input; what is to be done comes back in order.
    pub fn step(&mut self, now_ms: u64, input: Input) -> impl Iterator<Item = Effect> + '_ {
        self.worked = 0;
        let concern = Concern::of(&input);
        self.close_receipts(concern);
        match input {
            Input::Open {
                socket,
                peer,
                subject,
                extended,
                receipt,
            } => {
                let session = Session::new(peer, Some(subject), extended, receipt);
                self.open(now_ms, socket, session);
            }
            Input::Sync {
                socket,
                request,
                message,
            } => self.receive(now_ms, socket, request, message),
            Input::Ephemeral { socket, message } => self.relay_ephemeral(socket, message),
            Input::Presence { socket, data } => self.update_presence(now_ms, socket, data),
            Input::Subject { socket, subject } => self.becomes(now_ms, socket, subject),
            Input::Access { access, since } => self.regulate(now_ms, access, since),
            Input::Left { socket, clean } => self.leave(now_ms, socket, clean),
            Input::Stored { up_to } => self.stored(now_ms, up_to),
            Input::StoreFailed { conflict } => self.store_failed(now_ms, conflict),
            Input::Reading { fails } => self.reading(fails),
            Input::Recalled {
                socket,
                archived,
                retained,
                failed,
            } => {
                self.recalled(now_ms, socket, archived, retained, failed);
            }
            Input::Archive { read } => self.archive_read(now_ms, read),
            Input::Expanded { socket, changes } => self.expanded(now_ms, socket, changes),
            Input::Compacted { archive } => self.compacted(now_ms, archive),
            Input::Summarised { took_ms, failed } => self.summarised(now_ms, took_ms, failed),
            Input::Wake => self.wake(now_ms),
        }
        self.open_receipts(concern);
        self.trim();
        self.effects.drain(..)
    }

    /// Bytes that are kept of what this socket sent and nobody could use yet: messages that wait for the store, a
    /// worker or their turn, and changes that wait for others.
    #[must_use]
    pub fn kept_of(&self, socket: SocketId) -> usize {
        let held = self.sessions.get(&socket).map_or(0, |session| session.held.weight());
        held + self.work_of(socket) + self.orphans.bytes(socket)
    }

    /// When [`Input::Wake`] is next due.
    #[must_use]
    pub fn wake_at_ms(&self) -> Option<u64> {
        let due = &self.due;
        [
            due.grace,
            due.window,
            due.presence,
            due.linger,
            due.store_retry,
            due.compaction,
            due.summary,
            due.unload,
            due.work.filter(|_| !self.is_full()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Too much waits for the store: sockets should not be listened to until it has caught up.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.unsaved_bytes > self.config.limits.unsaved_bytes
    }

    /// Nobody is here, nothing is on its way: the room may go.
    #[must_use]
    pub fn may_unload(&self, now_ms: u64) -> bool {
        self.is_quiet() && self.due.unload.is_some_and(|at| at <= now_ms)
    }

    /// Heads of the document as far as it is durable.
    #[must_use]
    pub fn stored_heads(&self) -> Vec<ChangeHash> {
        self.history.stored_heads()
    }

    /// Changes held in memory: the tail, and what is retained before it.
    #[must_use]
    pub fn changes_in_memory(&self) -> usize {
        self.history.len()
    }

    fn is_quiet(&self) -> bool {
        self.sessions.is_empty()
            && self.history.stored() == self.history.last()
            && self.store.appending.is_none()
            && !self.reads_archive
            && !self.compacting
            && self.summarising.is_none()
            && self.work.is_empty()
            && self.due.compaction.is_none()
            && self.due.summary.is_none()
    }

    /// What somebody may do with the document as it is. `None`: there is none, or it is none of their business.
    fn role_of(&self, subject: Option<&Subject>) -> Option<Role> {
        self.role_under(self.access.as_ref()?, subject?)
    }

    fn role_under(&self, access: &DocumentAccess, subject: &Subject) -> Option<Role> {
        let since = self.memberships_since.get(&subject.user).copied().unwrap_or(0);
        if subject.as_of < since {
            return None;
        }
        let permit = authorise(subject, Action::Read, &Resource::Document(self.id, access));
        permit.ok()?.role()
    }

    /// What somebody may do with the document that they are bringing. `None`: they may bring none.
    fn role_of_maker(&self, subject: Option<&Subject>) -> Option<Role> {
        let subject = subject?;
        self.role_under(&Creation::at_home(subject).ok()?.access(), subject)
    }
}

fn restore(loaded: Loaded) -> Result<History, Damaged> {
    let mut history = History::behind(loaded.archive);
    let limits = Limits::of_stored();
    history.reserve(loaded.tail.len());
    for bytes in loaded.tail {
        let position = history.last() + 1;
        let damaged = |why: String| Damaged { position, why };
        let change = Change::parse(bytes, &limits).map_err(|refusal| damaged(refusal.to_string()))?;
        history.restore(change).map_err(|why| damaged(why.to_owned()))?;
    }
    history.store_up_to(history.last());
    Ok(history)
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
