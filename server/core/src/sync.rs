//! One session: one socket's conversation about one document.

use std::collections::VecDeque;
use std::sync::Arc;

use automerge::ChangeHash;

use crate::access::{Role, Subject};
use crate::history::History;
use crate::id::PeerId;
use crate::message::{Reply, SyncMessage, flags};
use crate::receipt::Receipt;

/// A message with changes that the client's heads do not cover yet.
#[derive(Debug)]
struct InFlight {
    heads: Arc<[ChangeHash]>,
    /// The position that these are the heads of.
    position: u64,
    until_ms: u64,
}

/// How far the conversation has come.
#[derive(Debug)]
pub enum Phase {
    /// There is no such document, or it is none of this person's business (they look alike, D2).
    Unavailable {
        /// When to say so; `None`: it has been said.
        tell_at_ms: Option<u64>,
    },
    /// The first answer (S2) is not out yet: it waits for the first commit, or for the archive to be read.
    Opening {
        /// What the client says that it has.
        named: Vec<ChangeHash>,
        /// The archive is being read for it.
        reads_archive: bool,
    },
    /// The client has been sent everything up to a position.
    Live(Live),
}

/// See [`Phase::Live`].
#[derive(Debug)]
pub struct Live {
    /// It has been sent everything up to here.
    pub sent: u64,
    in_flight: VecDeque<InFlight>,
}

/// Messages in the order in which they are to be taken, and what they weigh.
#[derive(Debug, Default)]
pub struct Held {
    messages: VecDeque<SyncMessage>,
    weight: usize,
}

impl Held {
    /// One more, behind all others.
    pub fn push(&mut self, message: SyncMessage) {
        self.weight += message.weight();
        self.messages.push_back(message);
    }

    /// One that was taken too early, before all others.
    pub fn put_back(&mut self, message: SyncMessage) {
        self.weight += message.weight();
        self.messages.push_front(message);
    }

    /// The first.
    pub fn pop(&mut self) -> Option<SyncMessage> {
        let message = self.messages.pop_front()?;
        self.weight -= message.weight();
        if self.messages.is_empty() {
            // Most sessions hold nothing most of the time.
            self.messages = VecDeque::new();
        }
        Some(message)
    }

    /// None of what they bring is to be taken.
    pub fn drop_changes(&mut self) {
        self.messages.iter_mut().for_each(SyncMessage::forget_changes);
        self.weight = self.messages.iter().map(SyncMessage::weight).sum();
    }

    /// The first, to look at.
    #[must_use]
    pub fn first(&self) -> Option<&SyncMessage> {
        self.messages.front()
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &SyncMessage> {
        self.messages.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// None?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes that they take, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight
    }
}

/// What one socket has open.
#[derive(Debug)]
pub struct Session {
    /// The client's name.
    pub peer: PeerId,
    /// Whose it is; `None`: somebody who may be nowhere (any more).
    pub subject: Option<Arc<Subject>>,
    /// Gets `fb` frames.
    pub extended: bool,
    /// What the person may do with the document as it is; `None` as long as there is none, or no access.
    pub role: Option<Role>,
    /// A change was refused: nothing more is taken (S9).
    pub refused: bool,
    /// Takes in what its client acknowledges.
    pub receipt: Arc<Receipt>,
    /// Where the conversation is.
    pub phase: Phase,
    /// Messages that wait until the store or a worker has answered for the first of them.
    pub held: Held,
    /// The store or a worker has been asked for this session.
    pub busy: bool,
    /// What it was asked for is no longer to be done: the answer is not taken.
    pub answer_is_stale: bool,
    /// Unknown changes that were asked for last; not asked for twice in a row.
    asked: Vec<ChangeHash>,
    /// Unknown changes to ask for with the next message.
    ask: Vec<ChangeHash>,
    /// A message is due although there is nothing new in it.
    pub reply_due: bool,
    /// It was told last that the store fails.
    pub told_store_fails: bool,
    said_read_only: bool,
    /// The client is to offer again what was dropped.
    reset_due: bool,
    applies: bool,
    last_reset: Option<(Vec<ChangeHash>, u64)>,
    /// Resets in the minute that began at this time.
    resets: (u64, u32),
}

/// The same reset again within this time is not answered (S8).
const RESET_INTERVAL_MS: u64 = 5_000;
/// For how long resets are counted.
const RESET_COUNT_MS: u64 = 60_000;

impl Session {
    /// A session before its first message.
    #[must_use]
    pub fn new(peer: PeerId, subject: Option<Arc<Subject>>, extended: bool, receipt: Arc<Receipt>) -> Self {
        Self {
            peer,
            subject,
            extended,
            role: None,
            refused: false,
            receipt,
            phase: Phase::Unavailable { tell_at_ms: None },
            held: Held::default(),
            busy: false,
            answer_is_stale: false,
            asked: Vec::new(),
            ask: Vec::new(),
            reply_due: false,
            told_store_fails: false,
            said_read_only: false,
            reset_due: false,
            applies: true,
            last_reset: None,
            resets: (0, 0),
        }
    }

    /// Position up to which it has been sent everything; `None` before its first answer.
    #[must_use]
    pub fn sent(&self) -> Option<u64> {
        match &self.phase {
            Phase::Live(live) => Some(live.sent),
            _ => None,
        }
    }

    /// Are its changes taken?
    #[must_use]
    pub fn may_write(&self) -> bool {
        !self.refused && self.role.is_some_and(Role::may_write)
    }

    /// The client has told its heads in a Live session: what was on its way and is covered now is so no longer.
    /// `last_sync` counts too: the heads of somebody whose own changes are not taken may be unknown here.
    pub fn heard(&mut self, message: &SyncMessage, history: &History) {
        self.applies = !message.is_read_only();
        let Phase::Live(live) = &mut self.phase else { return };
        let reported = [&message.heads[..], &message.last_sync].concat();
        let covered = live
            .in_flight
            .iter()
            .rposition(|sent| history.covers(&reported, &sent.heads));
        if let Some(last) = covered {
            live.in_flight.drain(..=last);
        }
    }

    /// The room is about to look at it: what its client has told to have is on its way no longer.
    pub fn close_receipt(&mut self) {
        let said = self.receipt.close();
        if let (Some(position), Phase::Live(live)) = (said, &mut self.phase) {
            while live.in_flight.front().is_some_and(|sent| sent.position <= position) {
                live.in_flight.pop_front();
            }
        }
    }

    /// Would a message that tells nothing but "I have what you have" change nothing but the window?
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let owes_nothing = !self.busy && self.held.is_empty() && !self.reply_due;
        matches!(self.phase, Phase::Live(_)) && self.applies && owes_nothing && self.asked.is_empty()
    }

    /// Does the client ask to begin again, or for changes by name, and is it to be answered? (S8)
    pub fn takes_reset(&mut self, message: &SyncMessage, now_ms: u64) -> bool {
        if !message.begins_again() {
            return false;
        }
        let again = self
            .last_reset
            .as_ref()
            .is_some_and(|(heads, at)| *heads == message.heads && now_ms < at + RESET_INTERVAL_MS);
        if !again {
            self.last_reset = Some((message.heads.clone(), now_ms));
            if now_ms >= self.resets.0 + RESET_COUNT_MS {
                self.resets = (now_ms, 0);
            }
            self.resets.1 += 1;
        }
        !again
    }

    /// How often it has begun again, in a minute at most.
    #[must_use]
    pub fn resets(&self) -> u32 {
        self.resets.1
    }

    /// Unknown changes: asked for with the next message, unless they were what was asked for last.
    pub fn ask(&mut self, unknown: Vec<ChangeHash>) {
        if unknown.is_empty() {
            self.asked.clear();
            self.ask.clear();
        } else if unknown != self.asked && self.may_write() {
            self.asked.clone_from(&unknown);
            self.ask = unknown;
            self.reply_due = true;
        }
    }

    /// May another message with changes go out, or must it wait for the client (S6)?
    #[must_use]
    pub fn window_is_open(&self, now_ms: u64, messages: usize) -> bool {
        match &self.phase {
            Phase::Live(live) => live.in_flight.iter().filter(|sent| sent.until_ms > now_ms).count() < messages,
            _ => false,
        }
    }

    /// When the oldest message on its way stops to count.
    #[must_use]
    pub fn window_opens_at(&self, now_ms: u64) -> Option<u64> {
        let Phase::Live(live) = &self.phase else { return None };
        live.in_flight
            .iter()
            .map(|sent| sent.until_ms)
            .find(|until| *until > now_ms)
    }

    /// The session has been sent everything up to `sent`; with changes, that message counts until `until_ms`.
    pub fn has_been_sent(&mut self, now_ms: u64, sent: u64, changes: Option<(Arc<[ChangeHash]>, u64)>) {
        let mut in_flight = match std::mem::replace(&mut self.phase, Phase::Unavailable { tell_at_ms: None }) {
            Phase::Live(live) => live.in_flight,
            _ => VecDeque::new(),
        };
        in_flight.retain(|sent| sent.until_ms > now_ms);
        if let Some((heads, until_ms)) = changes {
            in_flight.push_back(InFlight {
                heads,
                position: sent,
                until_ms,
            });
        }
        self.reply_due = false;
        self.phase = Phase::Live(Live { sent, in_flight });
    }

    /// Does it read messages that were encoded for all? If not, [`Session::reply`] makes one for it alone.
    #[must_use]
    pub fn takes_shared(&self) -> bool {
        self.applies && self.ask.is_empty() && !self.reset_due && (self.said_read_only || self.may_write())
    }

    /// Its changes are taken from now on: the client is told so, and to offer again what was dropped.
    pub fn begins_to_write(&mut self) {
        self.said_read_only = false;
        self.reset_due = true;
    }

    /// Something that it offered was dropped. A client that is asked by name does not send a second time what it thinks is
    /// on its way; after a reset it does.
    pub fn wants_it_again(&mut self) {
        self.reset_due = true;
        self.reply_due = true;
    }

    /// Its changes are not taken any more: what waits to be read is read without them. `waits_for_world`: the store or a
    /// worker has been asked for them.
    pub fn stops_to_write(&mut self, waits_for_world: bool) {
        self.held.drop_changes();
        self.answer_is_stale = waits_for_world;
        self.reset_due = false;
        self.ask(Vec::new());
    }

    /// Does the client apply changes at all?
    #[must_use]
    pub fn applies(&self) -> bool {
        self.applies
    }

    /// The frame of a message for this session alone: its flags, what is asked of it.
    pub fn reply<'a>(&mut self, heads: &'a [ChangeHash], asked: &'a mut Vec<ChangeHash>) -> Reply<'a> {
        *asked = std::mem::take(&mut self.ask);
        Reply {
            need: asked,
            ..self.reply_without_asking(heads)
        }
    }

    /// The same, but what is to be asked is left for the next message.
    pub fn reply_without_asking<'a>(&mut self, heads: &'a [ChangeHash]) -> Reply<'a> {
        let read_only = !self.may_write() && !self.said_read_only;
        self.said_read_only |= read_only;
        let flags = match (read_only, std::mem::take(&mut self.reset_due)) {
            (true, _) => Some(flags::READ_ONLY | flags::SUPPORTS_SYNC_RESET),
            (false, true) => Some(flags::SYNC_RESET | flags::SUPPORTS_SYNC_RESET),
            (false, false) => None,
        };
        Reply {
            heads,
            need: &[],
            flags,
            applies: self.applies,
        }
    }

    /// Is there something to ask it for?
    #[must_use]
    pub fn asks(&self) -> bool {
        !self.ask.is_empty()
    }
}
