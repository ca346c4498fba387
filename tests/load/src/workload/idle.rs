//! Many who have something open and do nothing.

use std::time::Duration;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use super::typing::SMALL;
use crate::bench::{Bench, attempt};
use crate::burst;
use crate::fill;
use crate::measure;
use crate::report::{Figures, Table, count, micros, per};
use crate::server::{Peer, Server};

const CONNECTIONS: usize = 2_000;
/// Connections that are opened at the same time.
const AT_ONCE: usize = 128;
/// How long they do nothing.
const IDLE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(bench: &Bench) -> Result<Table> {
    let about = format!(
        "{CONNECTIONS} connections, each with a document of its own open, which holds {SMALL} edits. The server was \
         restarted after the documents were made; its memory before the first connection is subtracted."
    );
    let mut table = Table::new("idle", about).with_ratios(&["KB/connection"]);
    for peer in &bench.peers {
        attempt(&mut table, &peer.to_string(), PATIENCE, Box::pin(measure(bench, *peer))).await;
    }
    Ok(table)
}

async fn measure(bench: &Bench, peer: Peer) -> Result<Figures> {
    let folder = bench.folder()?;
    let mut server = Server::start(peer, folder.path(), CONNECTIONS).await?;
    let documents = fill::documents(&server, CONNECTIONS, &fill::history(SMALL)).await?;
    server.restart().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = measure::resident_bytes(server.pid())?;
    let opening = documents.iter().enumerate();
    let opening = opening.map(|(number, basis)| burst::open(server.url(number), basis));
    let sockets: Vec<_> = futures_util::stream::iter(opening)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    // They answer pings.
    let mut listening: JoinSet<_> = sockets
        .into_iter()
        .map(|mut socket| async move { while socket.hear().await.is_ok() {} })
        .collect();
    let cpu = measure::cpu(server.pid())?;
    tokio::time::sleep(IDLE).await;
    let cpu = measure::cpu(server.pid())?.saturating_sub(cpu);
    let after = measure::resident_bytes(server.pid())?;
    let closed = std::iter::from_fn(|| listening.try_join_next()).count();
    Ok(vec![
        (
            "KB/connection",
            per(count(after.saturating_sub(before)) / 1e3, CONNECTIONS as u64),
        ),
        ("before MB", count(before) / 1e6),
        ("after MB", count(after) / 1e6),
        (
            "CPU µs/connection and second",
            micros(cpu) / count(CONNECTIONS as u64) / IDLE.as_secs_f64(),
        ),
        ("lost connections", count(closed as u64)),
    ])
}
