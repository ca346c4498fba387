//! One connection: types at its pace, reads what others type, and answers each message as a stock client does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use automerge::ChangeHash;
use automerge::sync::Message;
use fieldbook_harness::chunks;

use crate::change::{Author, Basis, Header};
use crate::wire::{Heard, Socket, asks};

/// How long after the last key everything must have arrived.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often one who waits for the last changes looks whether they are all there.
const GLANCE: Duration = Duration::from_millis(50);

/// What the people in one document know of each other's work.
#[derive(Default)]
pub(crate) struct Together {
    typed: AtomicU64,
    typing: AtomicUsize,
}

/// When and how to type; `None`: only reads.
#[derive(Clone)]
pub(crate) struct Pace {
    pub(crate) interval: Duration,
    pub(crate) first: Duration,
    pub(crate) duration: Duration,
}

/// What one connection has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Letters typed.
    pub(crate) typed: u64,
    /// Changes of others that arrived.
    pub(crate) delivered: u64,
    /// Messages in which they arrived.
    pub(crate) frames: u64,
    /// Changes of others that did not arrive.
    pub(crate) lost: u64,
    /// Changes that arrived again.
    pub(crate) again: u64,
    /// From a key to its arrival, in microseconds.
    pub(crate) latencies_us: Vec<u32>,
    /// Bytes received while typing went on.
    pub(crate) down: u64,
    /// Bytes sent while typing went on.
    pub(crate) up: u64,
}

/// How the clients answer what brought them something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replies {
    /// As stock clients do.
    Sync,
    /// With the same bytes, but by another name: a relay would send them on.
    Named,
    /// Not at all, which no stock client does.
    None,
}

impl Replies {
    /// The frame's type.
    pub(crate) fn kind(self, stock: &'static str) -> Option<&'static str> {
        match self {
            Self::Sync => Some(stock),
            Self::Named => Some("reply"),
            Self::None => None,
        }
    }
}

pub(crate) struct Client {
    socket: Socket,
    document: String,
    replies: Replies,
    author: Author,
    together: Arc<Together>,
    pace: Option<Pace>,
    epoch: Instant,
    common: Vec<ChangeHash>,
    read: HashMap<Vec<u8>, HashSet<u64>>,
    seen: Seen,
}

impl Client {
    /// Joins and opens the document.
    pub(crate) async fn open(
        url: &str,
        basis: &Basis,
        together: Arc<Together>,
        pace: Option<Pace>,
        replies: Replies,
    ) -> Result<Self> {
        let mut client = Self {
            socket: Socket::join(url).await?,
            document: basis.document.clone(),
            replies,
            author: Author::new(basis),
            together,
            pace,
            epoch: Instant::now(),
            common: basis.heads.clone(),
            read: HashMap::new(),
            seen: Seen::default(),
        };
        client.say("sync", Vec::new()).await?;
        loop {
            match client.socket.hear_within(PATIENCE).await? {
                Heard::Sync(message) => {
                    client.read(&message)?;
                    client.common = message.heads;
                    break;
                }
                Heard::Unavailable => bail!("{} is not there for us", basis.document),
                _ => {}
            }
        }
        client
            .together
            .typing
            .fetch_add(usize::from(client.pace.is_some()), Ordering::SeqCst);
        client.seen = Seen::default();
        Ok(client)
    }

    /// Types and reads until everybody's work has arrived. Times count from `epoch`, the same for all.
    pub(crate) async fn work(mut self, epoch: Instant) -> Result<(Seen, Basis)> {
        self.epoch = epoch;
        let before = (self.socket.down, self.socket.up);
        if let Some(pace) = self.pace.clone() {
            self.type_and_read(epoch, &pace).await?;
            self.together.typing.fetch_sub(1, Ordering::SeqCst);
        }
        self.read_the_rest().await?;
        self.seen.down = self.socket.down - before.0;
        self.seen.up = self.socket.up - before.1;
        Ok((self.seen, self.author.basis(self.document)))
    }

    async fn type_and_read(&mut self, epoch: Instant, pace: &Pace) -> Result<()> {
        let end = epoch + pace.duration;
        let mut keys = tokio::time::interval_at((epoch + pace.first).into(), pace.interval);
        loop {
            tokio::select! {
                key = keys.tick() => {
                    if key.into_std() >= end {
                        return Ok(());
                    }
                    self.type_letter().await?;
                }
                heard = self.socket.hear() => self.take(heard?).await?,
            }
        }
    }

    async fn type_letter(&mut self) -> Result<()> {
        let change = self.author.type_letter(self.now_us());
        self.seen.typed += 1;
        self.together.typed.fetch_add(1, Ordering::SeqCst);
        self.say("sync", vec![change.raw_bytes().to_vec()]).await
    }

    async fn read_the_rest(&mut self) -> Result<()> {
        let mut deadline = Instant::now() + PATIENCE;
        loop {
            if self.together.typing.load(Ordering::SeqCst) > 0 {
                deadline = Instant::now() + PATIENCE;
            } else {
                let others = self.together.typed.load(Ordering::SeqCst) - self.seen.typed;
                self.seen.lost = others - self.seen.delivered;
                if self.seen.lost == 0 || Instant::now() > deadline {
                    return Ok(());
                }
            }
            if let Ok(heard) = tokio::time::timeout(GLANCE, self.socket.hear()).await {
                self.take(heard?).await?;
            }
        }
    }

    async fn take(&mut self, heard: Heard) -> Result<()> {
        let Heard::Sync(message) = heard else { return Ok(()) };
        let news = self.read(&message)?;
        let asks = asks(&message);
        if news || !asks {
            self.common = message.heads;
        }
        // A stock client answers what brought it something; an acknowledgement of its own work draws no reply.
        match self.replies.kind("sync").filter(|_| news || asks) {
            Some(kind) => self.say(kind, Vec::new()).await,
            None => Ok(()),
        }
    }

    fn read(&mut self, message: &Message) -> Result<bool> {
        let now = self.now_us();
        let mut news = false;
        for chunk in message.changes.iter().flat_map(chunks) {
            let Some(header) = Header::read(chunk)? else {
                bail!("the whole document came to one who had it");
            };
            if self.author.wrote(&header) {
                continue; // it came along with others'
            }
            if self.pace.is_some() {
                self.author.see(&header, chunk);
            }
            if !self.read.entry(header.actor).or_default().insert(header.seq) {
                self.seen.again += 1;
                continue;
            }
            self.seen.delivered += 1;
            self.seen
                .latencies_us
                .push(u32::try_from(now - header.time).unwrap_or(0));
            news = true;
        }
        self.seen.frames += u64::from(news);
        if news && self.pace.is_none() {
            self.author.take_heads(&message.heads);
        }
        Ok(news)
    }

    async fn say(&mut self, kind: &str, changes: Vec<Vec<u8>>) -> Result<()> {
        self.socket
            .say(kind, &self.document, self.author.heads(), &self.common, changes)
            .await
    }

    fn now_us(&self) -> i64 {
        i64::try_from(self.epoch.elapsed().as_micros()).expect("a benchmark is short")
    }
}
