//! The documents that are in memory: one task each, found by its id.
//!
//! A room's task owns its [`fieldbook_core::room::Room`], feeds it, and performs its effects. A room is never in memory
//! twice: its task takes itself out of the register only while nobody else holds a way to reach it.

mod compaction;
mod effects;
mod long_work;
mod mailbox;
mod store_health;
mod task;
mod titles;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fieldbook_core::access::Subject;
use fieldbook_core::id::{DocumentId, PeerId, SocketId, UserId};
use fieldbook_core::receipt::Receipt;
use fieldbook_core::room::{Input, RoomConfig, WORK_AT_ONCE};
use fieldbook_store::Store;
use fieldbook_worker::{LastingWorker, Workers};
use tokio::sync::Notify;

use crate::config::Config;
use crate::socket::{Charge, Outbox};

use compaction::CompactionQueue;
use long_work::LongWork;
pub use long_work::{Turn, Turns};
pub use mailbox::Mailbox;
use mailbox::{Inbox, mailbox};
use store_health::StoreHealth;

/// How often somebody who waits for room in memory looks again.
const CROWDED_POLL: Duration = Duration::from_millis(50);

/// What a socket tells a room.
#[derive(Debug)]
pub enum Command {
    /// The socket opens the document.
    Open {
        /// The socket.
        socket: SocketId,
        /// Its client.
        peer: PeerId,
        /// Its person.
        subject: Arc<Subject>,
        /// Does it take `fb` frames?
        extended: bool,
        /// Where its frames go.
        outbox: Outbox,
        /// Its user's turns at long work.
        turns: Turns,
        /// For what the room keeps of what it sends.
        kept: Charge,
        /// Where its acknowledgements wait.
        receipt: Arc<Receipt>,
    },
    /// The socket says something.
    Input {
        /// What.
        input: Input,
        /// Its user's turn, if it is long work.
        turn: Option<Turn>,
        /// For the time that it waits.
        charge: Charge,
    },
    /// The socket is gone.
    Left {
        /// Which.
        socket: SocketId,
        /// It said goodbye, rather than being lost.
        clean: bool,
    },
    /// Who may do what with the document has changed in the store.
    AccessChanged {
        /// Whose memberships have changed with it; see [`Input::Access`].
        since: Vec<(UserId, u64)>,
    },
    /// Many documents are in memory, and nobody may be here: look whether this one can go.
    Look,
}

/// Every room of this node.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

#[derive(Default)]
struct Register {
    mailboxes: HashMap<DocumentId, Mailbox>,
    /// When those that nobody has open were last asked to go.
    cleared: Option<Instant>,
}

struct Shared {
    rooms: Mutex<Register>,
    most: usize,
    wait: Duration,
    mailbox: usize,
    uploaded_changes: u64,
    config: Arc<RoomConfig>,
    store: Arc<dyn Store>,
    store_health: StoreHealth,
    workers: Workers,
    compactions: CompactionQueue,
    /// One at a time, so that they leave places for what somebody waits for, and memory.
    summaries: Turns,
    titles: LastingWorker,
    /// The list has fallen behind.
    titles_behind: Notify,
    long_work: LongWork,
    /// Apart from the above: nobody's long message keeps a document from being opened.
    loads: LongWork,
    started: Instant,
}

impl Rooms {
    /// No room yet.
    #[must_use]
    pub fn new(config: &Config, us: PeerId, store: Arc<dyn Store>, workers: Workers) -> Self {
        Self(Arc::new(Shared {
            rooms: Mutex::default(),
            most: config.limits.documents_in_memory,
            wait: Duration::from_millis(config.limits.document_wait_ms),
            mailbox: config.limits.mailbox,
            uploaded_changes: config.limits.uploaded_changes,
            config: Arc::new(room_config(config, us)),
            compactions: CompactionQueue::new(config.compaction.interval_ms),
            summaries: Turns::new(1),
            titles: LastingWorker::new(workers.clone(), titles::IDLE),
            titles_behind: Notify::new(),
            long_work: LongWork::new(config.server.long_work_threads()),
            loads: LongWork::new(config.server.long_work_threads()),
            store,
            store_health: StoreHealth::default(),
            workers,
            started: Instant::now(),
        }))
    }

    /// The way to a document's room; the room is made if need be. Waits while too many documents are in memory; `None`:
    /// for longer than it may.
    pub async fn open(&self, id: DocumentId) -> Option<Mailbox> {
        if let Some(mailbox) = self.try_open(id) {
            return Some(mailbox);
        }
        let began = Instant::now();
        while began.elapsed() < self.0.wait {
            tokio::time::sleep(CROWDED_POLL.min(self.0.wait)).await;
            if let Some(mailbox) = self.try_open(id) {
                return Some(mailbox);
            }
        }
        None
    }

    fn try_open(&self, id: DocumentId) -> Option<Mailbox> {
        let mut rooms = self.lock();
        if let Some(mailbox) = rooms.mailboxes.get(&id) {
            return Some(mailbox.clone());
        }
        if rooms.mailboxes.len() >= self.0.most {
            rooms.clear();
            return None;
        }
        let (mailbox, inbox) = mailbox(self.0.mailbox);
        rooms.mailboxes.insert(id, mailbox.clone());
        // On the thread that asks first: what its sockets say needs no wake-up of another thread.
        actix_web::rt::spawn(task::run(self.clone(), id, inbox));
        Some(mailbox)
    }

    fn lock(&self) -> MutexGuard<'_, Register> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a message may be at most.
    #[must_use]
    pub fn limits(&self) -> &fieldbook_core::limits::Limits {
        &self.0.config.limits
    }

    /// How many documents are in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().mailboxes.len()
    }

    /// Is none in memory?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Why the store cannot be read or written now, as long as it cannot.
    #[must_use]
    pub fn store_trouble(&self) -> Option<String> {
        self.0.store_health.reason()
    }

    fn is_in_memory(&self, id: DocumentId) -> bool {
        let rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.mailboxes.contains_key(&id)
    }

    fn is_crowded(&self) -> bool {
        self.len() >= self.0.most
    }

    /// Who may do what with a document has changed in the store: its room, if it is in memory, reads it again.
    pub async fn access_changed(&self, id: DocumentId, since: Vec<(UserId, u64)>) {
        let mailbox = self.lock().mailboxes.get(&id).cloned();
        if let Some(mailbox) = mailbox {
            // One that has just gone reads it when it comes again.
            mailbox.send(Command::AccessChanged { since }).await;
        }
    }

    /// Takes a room out of the register, unless somebody has found the way to it in the meantime.
    fn close(&self, id: DocumentId, inbox: &Inbox) -> bool {
        let mut rooms = self.lock();
        // The lock is held, so nobody finds the way.
        let alone = inbox.is_abandoned();
        if alone {
            rooms.mailboxes.remove(&id);
        }
        alone
    }

    fn store_retry(&self) -> Duration {
        Duration::from_millis(self.0.config.timing.store_retry_ms)
    }

    /// The clock of all rooms.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn instant(&self, at_ms: u64) -> tokio::time::Instant {
        (self.0.started + Duration::from_millis(at_ms)).into()
    }
}

impl Register {
    /// Asks those that nobody has open to go, now and not after their time; however many wait for that, not more often
    /// than one of them looks.
    fn clear(&mut self) {
        if self.cleared.is_some_and(|at| at.elapsed() < CROWDED_POLL) {
            return;
        }
        self.cleared = Some(Instant::now());
        for mailbox in self.mailboxes.values().filter(|mailbox| mailbox.is_alone()) {
            mailbox.nudge();
        }
    }
}

fn room_config(config: &Config, us: PeerId) -> RoomConfig {
    use fieldbook_core::limits;
    let (bounds, times, rules) = (&config.limits, &config.sync, &config.compaction);
    RoomConfig {
        us,
        limits: limits::Limits {
            change_bytes: bounds.change_bytes,
            change_ops: bounds.change_ops,
            message_hashes: bounds.message_hashes,
            message_changes: bounds.message_changes,
            message_lookups: bounds.message_lookups,
            resets_per_minute: bounds.resets_per_minute,
            orphans: bounds.orphans,
            orphan_bytes: bounds.orphan_bytes,
            unsaved_bytes: bounds.unsaved_bytes,
            ephemeral_bytes: bounds.ephemeral_bytes,
            presence_bytes: bounds.presence_bytes,
        },
        timing: limits::Timing {
            unavailable_grace_ms: times.unavailable_grace_ms,
            window_messages: times.window_messages,
            window_ms: times.window_ms,
            presence_tick_ms: times.presence_tick_ms,
            presence_linger_ms: times.presence_linger_ms,
            unload_ms: times.unload_ms,
            store_retry_ms: times.store_retry_ms,
        },
        compaction: limits::Compaction {
            min_changes: rules.min_changes,
            tail_share: rules.tail_share,
            idle_ms: rules.idle_ms,
            idle_changes: rules.idle_changes,
            interval_ms: rules.interval_ms,
            retained_changes: rules.retained_changes,
            retained_bytes: rules.retained_bytes,
        },
        work_at_once: WORK_AT_ONCE,
    }
}
