//! A world in which a room lives: clients, a network and a store, all of which may fail, driven by one seed.
//!
//! Nothing in it is a stand-in for the engine: [`World`] feeds the shipped `Room::step`, performs its effects on a model
//! of the store, and speaks with it through automerge's own sync, as stock clients do. Time is a number.

mod audit;
mod client;
mod faults;
mod grants;
mod people;
mod poison;
mod rng;
mod settings;
mod store;
mod story;
mod verdict;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use automerge::sync::Message;
use bytes::Bytes;
use fieldbook_core::access::Role;
use fieldbook_core::id::{DocumentId, SocketId};
use fieldbook_core::message::SyncMessage;
use fieldbook_core::receipt::Receipt;
use fieldbook_core::room::{Input, Room, RoomConfig};
use fieldbook_core::wire::{self, ClientFrame, Frame};

use audit::Audit;
use client::{Client, Upward};
use grants::Ledger;
use rng::Rng;
use settings::{Kind, Settings};
use store::Store;
pub(crate) use story::Story;
use watch::Watch;

/// One connection, from the client's first frame until the room hears that it is gone.
struct Socket {
    client: usize,
    /// The client still holds this end.
    connected: bool,
    opened: bool,
    receipt: Arc<Receipt>,
    /// Its client was told last that the store fails.
    told_store_fails: bool,
    /// What the room has been told that its person may do.
    granted: Option<Role>,
    /// Counts how often that has changed.
    stay: u32,
    /// The last ephemeral message of its client that was passed on.
    whispers: u32,
    up: VecDeque<(Upward, u64)>,
    down: VecDeque<Frame>,
    /// Nothing gets through for now, in this direction.
    up_stalls: bool,
    down_stalls: bool,
    /// Sync messages that the client has read.
    read: u64,
    watch: Watch,
}

pub(crate) struct World {
    rng: Rng,
    settings: Settings,
    config: Arc<RoomConfig>,
    document: DocumentId,
    now: u64,
    room: Option<Room>,
    store: Store,
    ledger: Ledger,
    audit: Audit,
    clients: Vec<Client>,
    sockets: BTreeMap<SocketId, Socket>,
    next_socket: u64,
    story: Story,
    aloud: bool,
}

/// What can happen next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Up(SocketId),
    Down(SocketId),
    Gone(SocketId),
    Answer(usize),
    Store,
    Work,
    Edit,
    Time,
    Connect(usize),
    Fault,
}

impl World {
    /// Lives the whole life of one seed; panics where a rule is broken.
    pub(crate) fn live(seed: u64, aloud: bool) -> Story {
        let mut world = Self::new(seed, aloud);
        for _ in 0..world.settings.steps {
            world.step(true);
        }
        world.heal();
        world.judge();
        world.story
    }

    fn new(seed: u64, aloud: bool) -> Self {
        let mut rng = Rng::new(seed);
        let settings = Settings::from(seed, &mut rng);
        let mut clients: Vec<_> = settings
            .kinds
            .iter()
            .enumerate()
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(index, kind)| Client::new(index, *kind, &mut rng))
            .collect();
        begin(&mut clients, &settings);
        if settings.quirks {
            clients.iter_mut().for_each(|client| client.take_quirks(&mut rng));
        }
        Self {
            config: Arc::new(settings.room.clone()),
            document: DocumentId::from_bytes(*uuid::uuid!("8e2a7d04-31f5-4c57-9d6a-0f6f1c1f2a33").as_bytes()).unwrap(),
            now: 1_000_000,
            room: None,
            store: Store::new(settings.compacts_in_silence),
            ledger: Ledger::default(),
            audit: Audit::default(),
            clients,
            sockets: BTreeMap::new(),
            next_socket: 1,
            story: Story::default(),
            aloud,
            rng,
            settings,
        }
    }

    fn step(&mut self, with_faults: bool) -> bool {
        let steps = self.possible(with_faults);
        let total: u64 = steps.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return false;
        }
        let mut at = self.rng.next() % total;
        let step = steps.iter().find(|(_, weight)| match at.checked_sub(*weight) {
            Some(rest) => {
                at = rest;
                false
            }
            None => true,
        });
        let (step, _) = *step.expect("a step below the total");
        self.say(|| format!("{step:?}"));
        match step {
            Step::Up(socket) => self.deliver_up(socket),
            Step::Down(socket) => self.deliver_down(socket),
            Step::Gone(socket) => self.gone(socket),
            Step::Answer(client) => self.answer(client),
            Step::Store => self.store_works(),
            Step::Work => self.feed(Input::Wake),
            Step::Edit => self.edit(),
            Step::Time => {
                let ms = self.rng.pick(&[1, 10, 50, 200, 1_000, 6_000]);
                self.time_passes(ms);
            }
            Step::Connect(client) => self.connect(client),
            Step::Fault => self.fault(),
        }
        true
    }

    fn possible(&self, with_faults: bool) -> Vec<(Step, u64)> {
        let mut steps = Vec::new();
        let full = self.room.as_ref().is_some_and(Room::is_full);
        for (id, socket) in &self.sockets {
            if !socket.up.is_empty() && !socket.up_stalls && (!full || !socket.opened) {
                steps.push((Step::Up(*id), 8));
            }
            if !socket.down.is_empty() && !socket.down_stalls {
                steps.push((Step::Down(*id), 8));
            }
            if !socket.connected && !full {
                steps.push((Step::Gone(*id), 2));
            }
        }
        for (index, client) in self.clients.iter().enumerate() {
            match client.socket {
                Some(_) if client.dirty => steps.push((Step::Answer(index), 12)),
                None => steps.push((Step::Connect(index), 3)),
                Some(_) => {}
            }
        }
        if self.store.jobs() > 0 {
            steps.push((Step::Store, 12));
        }
        if self.works() {
            steps.push((Step::Work, 8));
        }
        if full && !with_faults {
            // The store is tried again after a while.
            steps.push((Step::Time, 4));
        }
        if with_faults {
            steps.push((Step::Edit, 10));
            steps.push((Step::Time, 4));
            steps.push((Step::Fault, 4));
        }
        steps
    }

    fn edit(&mut self) {
        let index = self.rng.below(self.clients.len());
        let kind = self.clients[index].kind;
        if matches!(kind, Kind::Editor | Kind::Forger) || self.rng.percent(15) {
            self.clients[index].edit(self.settings.burst, &mut self.rng);
        }
        if kind == Kind::Forger && self.rng.percent(80) {
            self.forge(index);
        }
        if self.settings.quirks && self.clients[index].extended {
            self.move_cursor(index);
        }
        if self.settings.quirks && self.rng.percent(20) {
            self.whisper(index);
        }
    }

    /// A client sends what no client should: it must be refused, and nobody else must notice. Who was refused something
    /// comes again first.
    fn forge(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let Some(id) = client.socket else { return };
        if self.sockets[&id].watch.refused {
            return self.cut(id);
        }
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        if let Some(upward) = client.forged(&mut self.rng) {
            socket.up.push_back((upward, socket.read));
        }
    }

    fn connect(&mut self, index: usize) {
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        let first = self.clients[index].connect(id, &mut self.rng);
        let socket = Socket {
            client: index,
            connected: true,
            opened: false,
            receipt: Arc::default(),
            told_store_fails: false,
            granted: None,
            stay: 0,
            whispers: 0,
            up: first.into_iter().map(|upward| (upward, 0)).collect(),
            down: VecDeque::new(),
            up_stalls: false,
            down_stalls: false,
            read: 0,
            watch: Watch::default(),
        };
        self.sockets.insert(id, socket);
    }

    fn answer(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let socket = client.socket.expect("only connected clients answer");
        let upwards = client.answer(&mut self.rng);
        if let Some(socket) = self.sockets.get_mut(&socket) {
            let read = socket.read;
            socket.up.extend(upwards.into_iter().map(|upward| (upward, read)));
        }
    }

    /// One frame reaches the server.
    fn deliver_up(&mut self, id: SocketId) {
        let socket = self.sockets.get_mut(&id).expect("a socket");
        let receipt = Arc::clone(&socket.receipt);
        if !std::mem::replace(&mut socket.opened, true) {
            let client = &self.clients[socket.client];
            socket.granted = client.grant;
            let (peer, subject, extended) = (client.peer.clone(), client.subject(), client.extended);
            self.feed(Input::Open {
                socket: id,
                peer,
                subject,
                extended,
                receipt: Arc::clone(&receipt),
            });
            // A full room hears who comes, not what they say.
            if self.room.as_ref().is_some_and(Room::is_full) {
                return;
            }
        }
        let socket = self.sockets.get_mut(&id).expect("a socket");
        let (Upward { request, data }, read) = socket.up.pop_front().expect("a frame");
        let client = &mut self.clients[socket.client];
        let heard = Message::decode(&data).expect("what automerge wrote");
        socket.watch.heard(&heard, read, &mut client.doc);
        let message = SyncMessage::decode(&data, &self.config.limits).expect("a sound message");
        self.story.messages_up += 1;
        if receipt.takes(&message) {
            self.story.receipts += 1;
        } else {
            self.hears_sync(id, request, message);
        }
    }

    /// One frame reaches a client.
    fn deliver_down(&mut self, id: SocketId) {
        let socket = self.sockets.get_mut(&id).expect("a socket");
        let frame = socket.down.pop_front().expect("a frame");
        let client = &mut self.clients[socket.client];
        match &frame {
            Frame::Plain(bytes) => client.people.hear(bytes),
            Frame::Addressed(_) if is_unavailable(&frame, client) => client.hears_unavailable(),
            Frame::Addressed(_) => {}
        }
        let Some(message) = sync_message(&frame, client) else {
            return;
        };
        socket.read += 1;
        client.receive(message);
    }

    fn store_works(&mut self) {
        if let Some(input) = self.store.work(&mut self.rng) {
            self.say(|| format!("    {}", short(&format!("{input:?}"))));
            self.story.compactions += usize::from(matches!(input, Input::Compacted { archive: Some(_) }));
            self.feed(input);
        }
    }

    fn time_passes(&mut self, ms: u64) {
        let target = self.now + ms;
        let mut wakes = 0;
        while let Some(at) = self.room.as_ref().and_then(Room::wake_at_ms).filter(|at| *at <= target) {
            self.now = self.now.max(at);
            wakes += u64::from(!self.works());
            self.feed(Input::Wake);
            assert!(wakes <= 50 + ms / 10, "R3: woken {wakes} times in {ms} ms");
        }
        self.now = target;
    }

    /// Has the room put something off that it goes on with at once?
    fn works(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.works_for().is_some())
    }

    fn say(&self, line: impl FnOnce() -> String) {
        if self.aloud {
            println!("{:>8} {}", self.now - 1_000_000, line());
        }
    }
}

fn begin(clients: &mut [Client], settings: &Settings) {
    clients[0].create();
    let mut shared = clients[0].doc.clone();
    for client in &mut clients[1..settings.creators] {
        if settings.creators_differ {
            client.create();
        } else {
            client.merge(&mut shared);
        }
    }
}

/// The sync message in a frame; `None`: it is another frame.
fn sync_message(frame: &Frame, client: &Client) -> Option<Message> {
    match addressed(frame, client)? {
        ClientFrame::Sync { data, .. } => Some(Message::decode(&data).expect("the server's messages are messages")),
        _ => None,
    }
}

fn is_unavailable(frame: &Frame, client: &Client) -> bool {
    matches!(addressed(frame, client), Some(ClientFrame::Unavailable))
}

fn is_ephemeral(frame: &Frame, client: &Client) -> bool {
    matches!(addressed(frame, client), Some(ClientFrame::Ephemeral(_)))
}

fn addressed(frame: &Frame, client: &Client) -> Option<ClientFrame> {
    let Frame::Addressed(_) = frame else { return None };
    let bytes: Bytes = frame.clone().for_target(&wire::target_suffix(&client.peer));
    Some(wire::decode(&bytes).expect("the server's frames are frames"))
}

/// FNV-1a.
fn fingerprint(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}
