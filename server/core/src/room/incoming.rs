//! A session's messages: their changes are admitted, then they are answered.

use std::collections::VecDeque;

use automerge::ChangeHash;
use bytes::Bytes;

use super::work::Work;
use super::{Closing, Effect, Room};
use crate::access::Role;
use crate::change::{self, Change, Chunk, Refusal};
use crate::history::{Admission, History, Lacks, Placed};
use crate::id::SocketId;
use crate::limits::Limits;
use crate::message::SyncMessage;
use crate::sync::Phase;
use crate::wire;

/// Changes of one message, read and bounded.
#[derive(Default)]
pub(super) struct Offer {
    pub(super) changes: Vec<Change>,
    refused: Option<(Refusal, Option<ChangeHash>)>,
    documents: Vec<Bytes>,
}

impl Room {
    pub(super) fn receive(&mut self, now: u64, socket: SocketId, request: bool, mut message: SyncMessage) {
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        if session.role.is_none() {
            let begins = matches!(session.phase, Phase::Unavailable { .. });
            if !begins || !self.begin_without_document(now, socket, request, &message) {
                return;
            }
        }
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        if !session.may_write() {
            message.forget_changes();
        }
        session.held.push(message);
        if session.busy {
            let first = session.held.first().map_or(0, SyncMessage::weight);
            let (behind, limits) = (session.held.weight() - first, &self.config.limits);
            // The first is being worked on; how much it may be is said elsewhere.
            if behind > limits.orphan_bytes || session.held.len() > limits.orphans {
                self.effects.push_back(Effect::Close(socket, Closing::TooMuchHeld));
            }
            return;
        }
        self.work_off(now, socket, false);
    }

    /// Takes the held messages one by one, until one needs the store or a worker. `resumed`: it has answered for the first.
    pub(super) fn work_off(&mut self, now: u64, socket: SocketId, mut resumed: bool) {
        loop {
            let Some(session) = self.sessions.get_mut(&socket) else {
                return;
            };
            if session.busy {
                return;
            }
            let Some(message) = session.held.pop() else {
                return;
            };
            self.take(now, socket, message, resumed);
            resumed = false;
        }
    }

    fn take(&mut self, now: u64, socket: SocketId, message: SyncMessage, resumed: bool) {
        let chunks = if self.takes_from(socket) {
            split(&message.changes)
        } else {
            Ok(VecDeque::new())
        };
        let Ok(unread) = chunks else {
            return self.effects.push_back(Effect::Close(socket, Closing::NotAutomerge));
        };
        let work = Work {
            socket,
            answers: true,
            message,
            resumed,
            unread,
            offer: Offer::default(),
            queue: None,
            offered: 0,
            admitted: 0,
        };
        self.proceed(now, work);
    }

    /// Reads and admits what a message brings, as far as this step goes; then answers it.
    pub(super) fn proceed(&mut self, now: u64, mut work: Work) {
        if !work.answers && work.queue.is_none() {
            return;
        }
        if !self.takes_from(work.socket) {
            (work.unread, work.offer) = (VecDeque::new(), Offer::default());
        }
        while let Some(chunk) = work.unread.pop_front() {
            if self.is_tired() {
                work.unread.push_front(chunk);
                return self.put_off(now, work);
            }
            work.offer.read(chunk, &self.config.limits, &mut self.worked);
        }
        let socket = work.socket;
        let mut queue = match work.queue.take() {
            Some(queue) => queue,
            None => {
                let offer = std::mem::take(&mut work.offer);
                if !offer.documents.is_empty() && offer.refused.is_none() {
                    let rest = without_documents(work.message, &offer);
                    let chunks = offer.documents;
                    return self.ask_world(socket, rest, Effect::Expand { socket, chunks });
                }
                if !work.resumed
                    && let Some(recall) = self.what_to_recall(socket, &work.message, &offer)
                {
                    return self.ask_world(socket, work.message, recall);
                }
                work.offered = offer.changes.len();
                work.offer.refused = offer.refused;
                offer.changes.into_iter().rev().map(|change| (socket, change)).collect()
            }
        };
        work.admitted += self.admit(now, socket, &mut queue);
        if !queue.is_empty() {
            work.queue = Some(queue);
            return self.put_off(now, work);
        }
        if !work.answers {
            return self.append_waiting();
        }
        if let Some((refusal, hash)) = work.offer.refused {
            self.refuse(socket, hash.as_slice(), refusal.rule(), &refusal.to_string());
        }
        self.answer(now, socket, &work.message, work.offered > 0 && work.admitted == 0);
        self.append_waiting();
    }

    /// The message waits for the world's answer; what comes after it waits too.
    fn ask_world(&mut self, socket: SocketId, message: SyncMessage, question: Effect) {
        if let Some(session) = self.sessions.get_mut(&socket) {
            session.busy = true;
            session.held.put_back(message);
            self.effects.push_back(question);
        }
    }

    /// Must the store be asked before this message can be understood?
    fn what_to_recall(&self, socket: SocketId, message: &SyncMessage, offer: &Offer) -> Option<Effect> {
        if !self.history.may_be_archived() {
            return None;
        }
        let session = self.sessions.get(&socket)?;
        let offered: std::collections::HashSet<_> = offer.changes.iter().map(|change| change.hash).collect();
        let mut hashes: Vec<ChangeHash> = Vec::new();
        let mut claimed: Vec<ChangeHash> = Vec::new();
        for change in &offer.changes {
            if self.history.has_passed(change) {
                hashes.push(change.hash);
            }
            hashes.extend(change.deps.iter().filter(|dep| !offered.contains(*dep)));
        }
        if !offer.changes.is_empty() {
            hashes.extend(self.history.unplaced());
        }
        let opening = !matches!(session.phase, Phase::Live(_)) || message.begins_again();
        if opening || session.may_write() {
            // In a Live session it is known what the client has; but what is unknown would be asked for.
            claimed.extend(message.heads.iter().filter(|head| !offered.contains(*head)));
        }
        let mut retained = false;
        if opening {
            claimed.extend(&message.last_sync);
            let named = message.heads.iter().chain(&message.last_sync);
            retained = self.history.can_recall()
                && !message.heads.is_empty()
                && self.history.lacks(named, self.history.stored()) == Lacks::Everything;
        }
        claimed.retain(|hash| !self.history.knows(hash));
        if claimed.len() <= self.config.limits.message_lookups {
            hashes.append(&mut claimed);
        }
        hashes.retain(|hash| !self.history.knows(hash));
        hashes.sort_unstable();
        hashes.dedup();
        (retained || !hashes.is_empty()).then_some(Effect::Recall {
            socket,
            hashes,
            retained,
        })
    }

    pub(super) fn recalled(
        &mut self,
        now: u64,
        socket: SocketId,
        archived: Vec<Placed>,
        retained: Vec<Bytes>,
        failed: bool,
    ) {
        self.history.confirm(archived);
        if !retained.is_empty() {
            let limits = Limits::of_stored();
            let changes: Result<Vec<_>, _> = retained
                .into_iter()
                .map(|bytes| Change::parse(bytes, &limits))
                .collect();
            if let Ok(changes) = changes {
                self.history.recall(changes);
            }
        }
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        session.busy = false;
        let stale = std::mem::take(&mut session.answer_is_stale);
        if failed {
            self.effects.push_back(Effect::Close(socket, Closing::CannotRead));
        } else {
            self.work_off(now, socket, !stale);
        }
    }

    pub(super) fn expanded(&mut self, now: u64, socket: SocketId, changes: Result<Vec<Bytes>, String>) {
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        session.busy = false;
        match changes {
            _ if std::mem::take(&mut session.answer_is_stale) => {}
            Ok(changes) => {
                if let Some(mut message) = session.held.pop() {
                    message.changes.splice(0..0, changes);
                    session.held.put_back(message);
                }
            }
            Err(why) => {
                let hashes = session
                    .held
                    .first()
                    .map(|message| message.heads.clone())
                    .unwrap_or_default();
                self.refuse(socket, &hashes, "document", &why);
            }
        }
        self.work_off(now, socket, false);
    }

    /// Admits what is queued (the next one last) and whatever waited for it, until the step has worked enough; says how
    /// many changes that were.
    fn admit(&mut self, now: u64, socket: SocketId, queue: &mut Vec<(SocketId, Change)>) -> usize {
        let mut admitted = 0;
        while !self.is_tired()
            && let Some((from, change)) = queue.pop()
        {
            // It may have gone, or lost its role, since this was put off.
            if !self.takes_from(from) {
                continue;
            }
            let (hash, bytes) = (change.hash, change.bytes.len());
            match self.history.admit(change, Some(from)) {
                Admission::Admitted(_) => {
                    admitted += 1;
                    self.unsaved_bytes += bytes;
                    queue.extend(self.release(socket, &hash));
                }
                Admission::Known => queue.extend(self.release(socket, &hash)),
                Admission::Waits { change, missing } => {
                    if self.orphans.keep(change, &missing, from, &self.config.limits)
                        && let Some(session) = self.sessions.get_mut(&from)
                    {
                        session.wants_it_again();
                    }
                }
                Admission::Unreadable(error) => {
                    self.effects.push_back(Effect::Unreadable(error));
                    self.effects.push_back(Effect::Close(from, Closing::CannotRead));
                    queue.retain(|(other, _)| *other != from);
                }
                Admission::Refused(refusal) => self.refuse(from, &[hash], refusal.rule(), &refusal.to_string()),
            }
            self.worked += self.history.take_work();
        }
        if admitted > 0 {
            self.changed(now, socket);
        }
        admitted
    }

    /// What waited for this change, of those who may write here. The document may just come to be, by what `socket` sends:
    /// who may not write that one has brought theirs in vain (R5).
    fn release(&mut self, socket: SocketId, known: &ChangeHash) -> Vec<(SocketId, Change)> {
        let made = || Some(self.creation_by(socket)?.access());
        let access = self.access.clone().or_else(made);
        let mut free = self.orphans.release(known);
        free.retain(|(from, _)| {
            let session = self.sessions.get(from).filter(|session| session.may_write());
            let subject = session.and_then(|session| session.subject.as_deref());
            let role = subject
                .zip(access.as_ref())
                .and_then(|(subject, access)| self.role_under(access, subject));
            role.is_some_and(Role::may_write)
        });
        free.reverse();
        free
    }

    /// S9: the session reads on, but nothing more of it is taken.
    fn refuse(&mut self, socket: SocketId, hashes: &[ChangeHash], rule: &'static str, text: &str) {
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        session.refused = true;
        session.reply_due = true;
        self.orphans.forget(socket);
        if session.extended {
            self.effects
                .push_back(Effect::Send(socket, wire::refused(self.id, hashes, rule, text)));
        }
        self.effects.push_back(Effect::Refused { socket, rule });
    }

    fn answer(&mut self, now: u64, socket: SocketId, message: &SyncMessage, offered_nothing_new: bool) {
        let waits_for = self.orphans.missing(socket, self.config.limits.message_hashes);
        let Some(session) = self.sessions.get_mut(&socket) else {
            return;
        };
        session.heard(message, &self.history);
        let begins_again = session.takes_reset(message, now);
        if begins_again && session.resets() > self.config.limits.resets_per_minute {
            return self.effects.push_back(Effect::Close(socket, Closing::TooManyResets));
        }
        if begins_again || !matches!(session.phase, Phase::Live(_)) {
            let named = what_it_has(message, &self.history);
            let reads_archive = matches!(
                session.phase,
                Phase::Opening {
                    reads_archive: true,
                    ..
                }
            );
            session.phase = Phase::Opening { named, reads_archive };
        }
        let mut unknown: Vec<_> = message
            .heads
            .iter()
            .filter(|hash| !self.history.knows(hash))
            .copied()
            .collect();
        if !waits_for.is_empty() {
            unknown = waits_for;
        }
        session.ask(unknown);
        session.reply_due |= offered_nothing_new;
        if matches!(
            session.phase,
            Phase::Opening {
                reads_archive: false,
                ..
            }
        ) {
            self.try_to_open(now, socket);
        } else {
            self.catch_up(now, socket);
        }
    }
}

/// What the client has for sure, with all that came before. Its `last_sync` says more than its heads only if these are
/// unknown here; and it has not got that either (its document was saved before its sync state) if it asks for changes
/// by name.
fn what_it_has(message: &SyncMessage, history: &History) -> Vec<ChangeHash> {
    let mut has = message.heads.clone();
    if message.need.is_empty() && !message.heads.iter().all(|head| history.knows(head)) {
        has.extend(&message.last_sync);
    }
    has
}

/// All chunks of a message.
fn split(blobs: &[Bytes]) -> Result<VecDeque<Chunk>, change::ChunkError> {
    let mut chunks = VecDeque::with_capacity(blobs.len());
    for blob in blobs {
        chunks.extend(change::split(blob)?);
    }
    Ok(chunks)
}

impl Offer {
    fn read(&mut self, chunk: Chunk, limits: &Limits, work: &mut u64) {
        match chunk {
            Chunk::Document(bytes) => self.documents.push(bytes),
            // A copy: what is kept must not hold on to the whole frame it came in.
            Chunk::Change(bytes) if self.refused.is_none() => match Change::parse_counting(own(&bytes), limits, work) {
                Ok(change) => self.changes.push(change),
                Err(refusal) => self.refused = Some((refusal, Change::name(&bytes, limits))),
            },
            Chunk::Change(_) => {}
        }
    }
}

/// The message as it will be once a worker has taken its documents apart.
fn without_documents(mut message: SyncMessage, offer: &Offer) -> SyncMessage {
    message.changes = offer.changes.iter().map(|change| change.bytes.clone()).collect();
    message
}

fn own(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
