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
use crate::report::{Figures, Table, count, latency_figures, micros, per};
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
    let typing = Typing::fan_out(bench);
    let mut table = typing.table("fan-out");
    for _ in 0..bench.rounds {
        for peer in &bench.peers {
            typing.measure(bench, &mut table, *peer, replies(*peer)).await?;
        }
        if bench.peers.contains(&Peer::Relay) {
            typing.measure(bench, &mut table, Peer::Relay, Replies::None).await?;
        }
    }
    table.note(
        "`relay (no replies)`: its clients do not answer what they get, which stock clients do; each answer is a frame \
         that a server has to read.",
    );
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
    if peer == Peer::Relay {
        Replies::Named
    } else {
        Replies::Sync
    }
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
                self.measure(bench, &mut table, *peer, replies(*peer)).await?;
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
    async fn measure(&self, bench: &Bench, table: &mut Table, peer: Peer, replies: Replies) -> Result<()> {
        let row = match replies {
            Replies::None => format!("{peer} (no replies)"),
            Replies::Named | Replies::Sync => peer.to_string(),
        };
        if table.failed(&row) {
            return Ok(());
        }
        let folder = bench.folder()?;
        let measurement = async {
            let server = Server::start(peer, folder.path(), self.connections).await?;
            let mut documents = fill::documents(&server, self.documents, &fill::history(SMALL)).await?;
            self.run(&server, &mut documents, replies).await
        };
        attempt(table, &row, self.duration + PATIENCE, measurement).await;
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
    figures
}
