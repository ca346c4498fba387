//! Where everybody's cursor is.

use std::time::{Duration, Instant};

use anyhow::Result;
use fieldbook_harness::Value;
use futures_util::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use super::typing::{SMALL, replies, rows};
use crate::bench::{Bench, attempt};
use crate::change::Basis;
use crate::client::Replies;
use crate::fill;
use crate::measure::{self, Meter};
use crate::report::{Figures, Table, count, latency_figures, micros, per};
use crate::server::{Peer, Server};
use crate::wire::{Ephemeral, Heard, Socket, stock_join};

const CONNECTIONS: usize = 100;
/// Each tells where its cursor is this often.
const INTERVAL: Duration = Duration::from_millis(500);
/// What a cursor takes beside the time, in bytes.
const CURSOR: usize = 64;
/// Connections that are opened at the same time.
const AT_ONCE: usize = 32;
/// How long after the last message everything must have arrived.
const GRACE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);

/// In which frames presence travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frames {
    /// Stock ephemeral messages.
    Stock,
    /// Fieldbook's own.
    Fieldbook,
}

pub(super) async fn run(bench: &Bench) -> Result<Table> {
    let about = format!(
        "{CONNECTIONS} connections in one document, each with a presence message of some {CURSOR} bytes every {INTERVAL:?}. \
         Stock clients send what they get back to the server, as `@automerge/automerge-repo` does."
    );
    let mut table = Table::new("presence", about).with_ratios(&["CPU µs/delivered", "p99 ms"]);
    for _ in 0..bench.rounds {
        for peer in &bench.peers {
            let stock = rows(*peer)
                .into_iter()
                .map(|(row, replies)| (row, Frames::Stock, replies));
            let own = (format!("{peer}, `fb` frames"), Frames::Fieldbook, replies(*peer));
            for (row, frames, replies) in stock.chain((*peer == Peer::Fieldbook).then_some(own)) {
                if !table.failed(&row) {
                    let measurement = Box::pin(round(bench, *peer, frames, replies));
                    attempt(&mut table, &row, bench.duration + PATIENCE, measurement).await;
                }
            }
        }
    }
    table.note("`fb` frames: delivered counts updates of one person to another; a frame holds those of one tick.");
    Ok(table)
}

async fn round(bench: &Bench, peer: Peer, frames: Frames, replies: Replies) -> Result<Figures> {
    let folder = bench.folder()?;
    let server = Server::start(peer, folder.path(), CONNECTIONS).await?;
    let document = fill::documents(&server, 1, &fill::history(SMALL)).await?.remove(0);
    let opening = (0..CONNECTIONS).map(|number| open(server.url(number), &document, frames));
    let sockets: Vec<_> = futures_util::stream::iter(opening)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    // What everybody is told of everybody's coming is not measured.
    let epoch = Instant::now() + Duration::from_millis(500);
    let mut working = JoinSet::new();
    for socket in sockets {
        let person = Person {
            socket,
            document: document.document.clone(),
            frames,
            replies,
            epoch,
            sent: 0,
            delivered: 0,
            latencies_us: Vec::new(),
        };
        working.spawn(person.work(bench.duration));
    }
    tokio::time::sleep_until(epoch.into()).await;
    let meter = Meter::begin(server.pid())?;
    let (mut sent, mut delivered, mut latencies) = (0, 0, Vec::new());
    while let Some(done) = working.join_next().await {
        let person = done??;
        sent += u64::from(person.sent);
        delivered += person.delivered;
        latencies.extend(person.latencies_us);
    }
    let spent = meter.end()?;
    let mut figures = vec![("CPU µs/delivered", per(micros(spent.server), delivered))];
    figures.extend(latency_figures(latencies));
    let missing = count((sent * (CONNECTIONS as u64 - 1)).saturating_sub(delivered));
    // Of Fieldbook's own frames only the last state counts: what did not come was overtaken within a tick.
    let name = if frames == Frames::Fieldbook {
        "coalesced"
    } else {
        "lost"
    };
    figures.extend([("delivered", count(delivered)), (name, missing)]);
    figures.push(("RSS MB", count(measure::resident_bytes(server.pid())?) / 1e6));
    figures.extend(spent.shares);
    Ok(figures)
}

async fn open(url: &str, basis: &Basis, frames: Frames) -> Result<Socket> {
    let join = stock_join();
    let join = if frames == Frames::Fieldbook {
        join.fieldbook()
    } else {
        join
    };
    let mut socket = Socket::join_as(url, &join).await?;
    socket
        .say("sync", &basis.document, &basis.heads, &basis.heads, Vec::new())
        .await?;
    fill::hear_heads(&mut socket, None).await?;
    Ok(socket)
}

struct Person {
    socket: Socket,
    document: String,
    frames: Frames,
    replies: Replies,
    epoch: Instant,
    sent: u32,
    delivered: u64,
    latencies_us: Vec<u32>,
}

impl Person {
    async fn work(mut self, duration: Duration) -> Result<Self> {
        let first = INTERVAL.mul_f64(fastrand::f64());
        let mut moves = tokio::time::interval_at((self.epoch + first).into(), INTERVAL);
        let last = self.epoch + duration;
        let end = tokio::time::sleep_until((last + GRACE).into());
        tokio::pin!(end);
        loop {
            tokio::select! {
                at = moves.tick(), if Instant::now() < last => self.tell(at.into_std() < last).await?,
                heard = self.socket.hear() => self.take(heard?).await?,
                () = &mut end => return Ok(self),
            }
        }
    }

    async fn tell(&mut self, in_time: bool) -> Result<()> {
        if !in_time {
            return Ok(());
        }
        self.sent += 1;
        let mut data = self.now_us().to_be_bytes().to_vec();
        data.resize(8 + CURSOR, 0);
        if self.frames == Frames::Fieldbook {
            return self.socket.present(&self.document, data).await;
        }
        let message = Ephemeral {
            sender: self.socket.peer().to_owned(),
            session: format!("{}-session", self.socket.peer()),
            count: self.sent,
            data: Value::from(data).encode(),
        };
        self.socket.broadcast("ephemeral", &self.document, &message).await
    }

    async fn take(&mut self, heard: Heard) -> Result<()> {
        match heard {
            Heard::Ephemeral(message) => {
                // A CBOR head of two bytes stands before the payload.
                self.note(&message.data[2..]);
                match self.replies.kind("ephemeral") {
                    Some(kind) => self.socket.broadcast(kind, &self.document, &message).await,
                    None => Ok(()),
                }
            }
            Heard::Fieldbook(frame) if frame.text("kind") == "presence" => {
                for person in frame.array("people") {
                    self.note(person.bytes("data"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, data: &[u8]) {
        if let Some((at, _)) = data.split_first_chunk() {
            self.delivered += 1;
            let took = self.now_us().saturating_sub(u64::from_be_bytes(*at));
            self.latencies_us.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).expect("a benchmark is short")
    }
}
