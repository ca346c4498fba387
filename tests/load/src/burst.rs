//! One writer who types as fast as the server acknowledges, one key a frame, and those who read it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use automerge::{Change, ChangeHash};
use fieldbook_harness::chunks;
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::change::Basis;
use crate::client::Replies;
use crate::measure::Meter;
use crate::server::Server;
use crate::wire::{Heard, Socket, asks};

/// Keys that may be on their way, not acknowledged yet.
const WINDOW: usize = 2_000;
/// Keys that are handed to the operating system at once, if there is room for them in the window.
const AT_ONCE: usize = 64;
/// How long the server may keep silent, and how long the last key may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came of it.
pub(crate) struct Outcome {
    /// Keys that were acknowledged and read by everybody.
    pub(crate) keys: u64,
    /// Keys that somebody did not get.
    pub(crate) lost: u64,
    /// Until the last acknowledgement.
    pub(crate) took: Duration,
    /// CPU time of the server and its children that have ended, until everybody had everything.
    pub(crate) cpu: Duration,
    /// Everybody's share of one processor.
    pub(crate) shares: [(&'static str, f64); 4],
    /// From each key to its acknowledgement, in microseconds.
    pub(crate) acknowledged_us: Vec<u32>,
    /// Bytes that the server got, and sent.
    pub(crate) bytes: [u64; 2],
}

/// Types these keys, which follow each other, until the time is over; `readers` read along.
pub(crate) async fn type_fast(
    server: &Server,
    basis: &Basis,
    keys: &[Change],
    readers: usize,
    replies: Replies,
    limit: Duration,
) -> Result<Outcome> {
    let progress = Arc::new(Progress::of(readers));
    let mut reading = JoinSet::new();
    for number in 0..readers {
        let socket = open(server.url(number + 1), basis).await?;
        reading.spawn(read(socket, basis.clone(), replies, number, Arc::clone(&progress)));
    }
    let mut writer = Writer::open(server.url(0), basis, keys, &progress, replies).await?;
    let meter = Meter::begin(server.pid())?;
    let began = Instant::now();
    writer.type_until(began + limit).await?;
    let took = began.elapsed();
    let sent = writer.sent.len() as u64;
    progress.everybody_has(sent).await;
    reading.abort_all();
    let spent = meter.end()?;
    let [read_up, read_down] = progress.bytes.each_ref().map(|bytes| bytes.load(Ordering::Relaxed));
    Ok(Outcome {
        keys: sent,
        lost: progress
            .read
            .iter()
            .map(|read| sent - read.load(Ordering::Relaxed).min(sent))
            .sum(),
        took,
        cpu: spent.server + spent.children,
        shares: spent.shares,
        acknowledged_us: writer.acknowledged.clone(),
        bytes: [writer.socket.up + read_up, writer.socket.down + read_down],
    })
}

/// Types these keys, and does `then` at the last acknowledgement: nothing comes between.
pub(crate) async fn type_all_then(url: &str, basis: &Basis, keys: &[Change], then: impl FnOnce()) -> Result<()> {
    let nobody = Progress::of(0);
    let mut writer = Writer::open(url, basis, keys, &nobody, Replies::Sync).await?;
    writer.type_until(Instant::now() + PATIENCE).await?;
    then();
    if writer.sent.len() < keys.len() {
        bail!("{} keys were not typed within {PATIENCE:?}", keys.len());
    }
    Ok(())
}

/// Opens a document that one has already.
pub(crate) async fn open(url: &str, basis: &Basis) -> Result<Socket> {
    let mut socket = Socket::join(url).await?;
    socket
        .say("sync", &basis.document, &basis.heads, &basis.heads, Vec::new())
        .await?;
    loop {
        match socket.hear_within(PATIENCE).await? {
            Heard::Sync(_) => return Ok(socket),
            Heard::Unavailable => bail!("{} is not there for us", basis.document),
            _ => {}
        }
    }
}

/// How far everybody has read.
struct Progress {
    read: Vec<AtomicU64>,
    moved: Notify,
    bytes: [AtomicU64; 2],
}

impl Progress {
    fn of(readers: usize) -> Self {
        Self {
            read: (0..readers).map(|_| AtomicU64::new(0)).collect(),
            moved: Notify::new(),
            bytes: [0, 0].map(AtomicU64::new),
        }
    }

    fn slowest(&self) -> u64 {
        let read = self.read.iter().map(|read| read.load(Ordering::Relaxed));
        read.min().unwrap_or(u64::MAX)
    }

    /// Waits until everybody has this many keys, or nobody has got on for long.
    async fn everybody_has(&self, keys: u64) {
        while self.slowest() < keys {
            if tokio::time::timeout(PATIENCE, self.moved.notified()).await.is_err() {
                return;
            }
        }
    }
}

async fn read(
    mut socket: Socket,
    mut basis: Basis,
    replies: Replies,
    number: usize,
    progress: Arc<Progress>,
) -> Result<()> {
    let (mut up, mut down) = (socket.up, socket.down);
    loop {
        let Heard::Sync(message) = socket.hear().await? else {
            continue;
        };
        let news: usize = message.changes.iter().map(|change| chunks(change).len()).sum();
        if let Some(kind) = replies.kind("sync").filter(|_| news > 0 || asks(&message)) {
            if news > 0 {
                basis.heads = message.heads;
            }
            socket
                .say(kind, &basis.document, &basis.heads, &basis.heads, Vec::new())
                .await?;
        }
        progress.read[number].fetch_add(news as u64, Ordering::Relaxed);
        progress.bytes[0].fetch_add(socket.up - up, Ordering::Relaxed);
        progress.bytes[1].fetch_add(socket.down - down, Ordering::Relaxed);
        (up, down) = (socket.up, socket.down);
        progress.moved.notify_one();
    }
}

struct Writer<'a> {
    socket: Socket,
    document: &'a str,
    keys: &'a [Change],
    /// How many keys have been typed when this change is the head.
    places: HashMap<ChangeHash, usize>,
    common: Vec<ChangeHash>,
    sent: Vec<Instant>,
    /// How long each took, in microseconds.
    acknowledged: Vec<u32>,
    progress: &'a Progress,
    /// Does the server? Else what everybody has read counts.
    acknowledges: bool,
}

impl<'a> Writer<'a> {
    async fn open(
        url: &str,
        basis: &'a Basis,
        keys: &'a [Change],
        progress: &'a Progress,
        replies: Replies,
    ) -> Result<Self> {
        let hashes = keys.iter().map(Change::hash);
        Ok(Self {
            socket: open(url, basis).await?,
            document: &basis.document,
            keys,
            places: hashes.enumerate().map(|(place, hash)| (hash, place + 1)).collect(),
            common: basis.heads.clone(),
            sent: Vec::with_capacity(keys.len()),
            acknowledged: Vec::with_capacity(keys.len()),
            progress,
            acknowledges: replies == Replies::Sync,
        })
    }

    /// Types until then, and waits until all of it is acknowledged.
    async fn type_until(&mut self, end: Instant) -> Result<()> {
        while self.sent.len() < self.keys.len() && Instant::now() < end {
            let room = WINDOW - (self.sent.len() - self.acknowledged.len());
            self.send(room.min(AT_ONCE)).await?;
            while self.listen(room > AT_ONCE).await? && self.sent.len() - self.acknowledged.len() >= WINDOW {}
        }
        while self.acknowledged.len() < self.sent.len() {
            self.listen(false).await?;
        }
        Ok(())
    }

    async fn send(&mut self, count: usize) -> Result<()> {
        for key in self.keys[self.sent.len()..].iter().take(count) {
            let bytes = vec![key.raw_bytes().to_vec()];
            self.socket
                .feed("sync", self.document, &[key.hash()], &self.common, bytes)
                .await?;
            self.sent.push(Instant::now());
        }
        self.socket.flush().await
    }

    /// Takes one acknowledgement; unless there is no hurry, waits for it. `false`: none has come.
    async fn listen(&mut self, in_a_hurry: bool) -> Result<bool> {
        let acknowledged = if self.acknowledges {
            let heard = if in_a_hurry {
                self.socket.hear().now_or_never()
            } else {
                Some(self.socket.hear_within(PATIENCE).await)
            };
            match heard {
                None => return Ok(false),
                Some(Ok(Heard::Sync(message))) => {
                    let place = message.heads.first().and_then(|head| self.places.get(head)).copied();
                    self.common = message.heads;
                    place.unwrap_or(0)
                }
                Some(heard) => {
                    heard?;
                    0
                }
            }
        } else {
            if !in_a_hurry {
                let moved = tokio::time::timeout(PATIENCE, self.progress.moved.notified()).await;
                moved.with_context(|| format!("nobody read anything for {PATIENCE:?}"))?;
            }
            usize::try_from(self.progress.slowest())
                .unwrap_or(usize::MAX)
                .min(self.sent.len())
        };
        let now = Instant::now();
        while self.acknowledged.len() < acknowledged {
            let took = now - self.sent[self.acknowledged.len()];
            self.acknowledged
                .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        }
        Ok(true)
    }
}
