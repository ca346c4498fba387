//! People who type at their pace, and people who read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use crate::bench::{Bench, attempt};
use crate::change::Basis;
use crate::client::{Client, Pace, Replies, Seen, Together};
use crate::fill;
use crate::measure::{self, Meter};
use crate::report::{Figures, Table, UNANSWERED, count, latency_figures, micros, per};
use crate::server::{Peer, Server};

/// Connections that are opened at the same time.
const AT_ONCE: usize = 32;
/// How long one measurement may take beyond the time of typing.
const PATIENCE: Duration = Duration::from_secs(20);
/// Edits in a small document.
pub(super) const SMALL: usize = 20;

/// How many people type how fast, and for how long.
pub(super) struct Typing {
    pub(super) connections: usize,
    pub(super) documents: usize,
    /// Those who type in each document.
    pub(super) writers: usize,
    /// Keys a second that each of them types.
    pub(super) keys: f64,
    pub(super) duration: Duration,
}

pub(super) async fn fan_out(bench: &Bench) -> Result<Table> {
    Typing::fan_out(bench).compare(bench, "fan-out").await
}

/// Few connections, so that what each is sent can be told apart: at one key a frame, and when keys are bundled.
pub(super) async fn bytes(bench: &Bench) -> Result<Table> {
    let typing = |keys| Typing {
        connections: 11,
        documents: 1,
        writers: 1,
        keys,
        duration: bench.duration,
    };
    let about = "One writer and 10 readers: what each reader gets for a key, in bytes, slowly and fast.";
    let mut table = Table::new("bytes", about);
    for keys in [2.0, 200.0] {
        for peer in bench.peers.iter().filter(|peer| !peer.is_relay()) {
            let row = format!("{peer}, {keys} keys/s");
            typing(keys)
                .measure(bench, &mut table, &row, *peer, replies(*peer))
                .await?;
        }
    }
    Ok(table)
}

pub(super) async fn many_documents(bench: &Bench) -> Result<Table> {
    let typing = Typing {
        connections: 500,
        documents: 100,
        writers: 5,
        keys: 1.0,
        duration: bench.duration,
    };
    typing.compare(bench, "many-documents").await
}

pub(super) async fn observers(bench: &Bench) -> Result<Table> {
    let typing = Typing {
        connections: 1_501,
        documents: 1,
        writers: 1,
        keys: 5.0,
        duration: bench.duration,
    };
    typing.compare(bench, "observers").await
}

/// How clients answer such a server.
pub(super) fn replies(peer: Peer) -> Replies {
    if peer.is_relay() { Replies::Named } else { Replies::Sync }
}

/// The rows of such a server, and how its clients answer in each: a relay is measured without answers, too.
pub(super) fn rows(peer: Peer) -> Vec<(String, Replies)> {
    let mut rows = vec![(peer.to_string(), replies(peer))];
    if peer.is_relay() {
        rows.push((format!("{peer}{UNANSWERED}"), Replies::None));
    }
    rows
}

impl Typing {
    pub(super) fn fan_out(bench: &Bench) -> Self {
        Self {
            connections: 200,
            documents: 1,
            writers: 5,
            keys: 5.0,
            duration: bench.duration,
        }
    }

    async fn compare(&self, bench: &Bench, name: &'static str) -> Result<Table> {
        let mut table = self.table(name);
        for _ in 0..bench.rounds {
            for peer in &bench.peers {
                for (row, replies) in rows(*peer) {
                    self.measure(bench, &mut table, &row, *peer, replies).await?;
                }
            }
        }
        Ok(table)
    }

    fn table(&self, name: &'static str) -> Table {
        let about = format!(
            "Documents: {}. Connections: {}; {} in each document type {} keys a second each.",
            self.documents, self.connections, self.writers, self.keys
        );
        Table::new(name, about).with_ratios(&["CPU µs/delivered", "p99 ms"])
    }

    /// One round with a server of its own; one who has failed before is left out.
    async fn measure(&self, bench: &Bench, table: &mut Table, row: &str, peer: Peer, replies: Replies) -> Result<()> {
        if table.failed(row) {
            return Ok(());
        }
        let folder = bench.folder()?;
        let measurement = async {
            let server = Server::start(peer, folder.path(), self.connections).await?;
            let mut documents = fill::documents(&server, self.documents, &fill::history(SMALL)).await?;
            self.run(&server, &mut documents, replies).await
        };
        attempt(table, row, self.duration + PATIENCE, measurement).await;
        Ok(())
    }

    /// Measures once on these documents, whose basis moves on.
    pub(super) async fn run(&self, server: &Server, documents: &mut [Basis], replies: Replies) -> Result<Figures> {
        let clients = self.open(server, documents, replies).await?;
        // Everybody is here before anybody types.
        let epoch = Instant::now() + Duration::from_millis(300);
        let meter = Meter::begin(server.pid())?;
        let mut working: JoinSet<_> = clients.into_iter().map(|client| client.work(epoch)).collect();
        let mut seen = Vec::with_capacity(self.connections);
        while let Some(done) = working.join_next().await {
            let (saw, basis) = done??;
            seen.push(saw);
            if let Some(document) = documents.iter_mut().find(|each| each.document == basis.document) {
                document.max_op = document.max_op.max(basis.max_op);
                document.heads = basis.heads;
            }
        }
        let spent = meter.end()?;
        let mut figures = summary(seen, spent.server);
        figures.push(("children CPU ms", micros(spent.children) / 1e3));
        figures.push(("RSS MB", count(measure::resident_bytes(server.pid())?) / 1e6));
        figures.extend(spent.shares);
        Ok(figures)
    }

    async fn open(&self, server: &Server, documents: &[Basis], replies: Replies) -> Result<Vec<Client>> {
        let together: Vec<_> = documents.iter().map(|_| Arc::new(Together::default())).collect();
        let clients = (0..self.connections).map(|number| {
            let (document, place) = (number % self.documents, number / self.documents);
            let pace = (place < self.writers).then(|| self.pace());
            let together = Arc::clone(&together[document]);
            Client::open(server.url(number), &documents[document], together, pace, replies)
        });
        futures_util::stream::iter(clients)
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    fn pace(&self) -> Pace {
        let interval = Duration::from_secs_f64(1.0 / self.keys);
        Pace {
            interval,
            first: interval.mul_f64(fastrand::f64()),
            duration: self.duration,
        }
    }
}

fn summary(seen: Vec<Seen>, cpu: Duration) -> Figures {
    let sum = |field: fn(&Seen) -> u64| seen.iter().map(field).sum::<u64>();
    let delivered = sum(|seen| seen.delivered);
    let mut figures = vec![("CPU µs/delivered", per(micros(cpu), delivered))];
    let read: Vec<&Seen> = seen.iter().filter(|seen| seen.typed == 0).collect();
    let of_readers = |field: fn(&Seen) -> u64| read.iter().map(|seen| field(seen)).sum::<u64>();
    let keys_read = of_readers(|seen| seen.delivered);
    let readers = [
        ("bytes/key read", per(count(of_readers(|seen| seen.down)), keys_read)),
        ("keys/frame", per(count(keys_read), of_readers(|seen| seen.frames))),
    ];
    let (down, up) = (sum(|seen| seen.down), sum(|seen| seen.up));
    let (lost, again) = (sum(|seen| seen.lost), sum(|seen| seen.again));
    figures.extend(latency_figures(
        seen.into_iter().flat_map(|seen| seen.latencies_us).collect(),
    ));
    figures.extend([
        ("delivered", count(delivered)),
        ("lost", count(lost)),
        ("again", count(again)),
        ("bytes down/delivered", per(count(down), delivered)),
        ("bytes up/delivered", per(count(up), delivered)),
    ]);
    if keys_read > 0 {
        figures.extend(readers);
    }
    figures
}
