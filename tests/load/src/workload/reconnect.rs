//! Everybody comes back at once after a restart, and nothing has changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::typing::SMALL;
use crate::bench::{Bench, attempt};
use crate::burst;
use crate::change::Basis;
use crate::fill;
use crate::measure;
use crate::report::{Figures, Table, count, latency_figures, micros, per};
use crate::server::{Peer, Server};
use crate::wire::Socket;

const CLIENTS: usize = 2_000;
const DOCUMENTS: usize = 100;
/// Handshakes under way at a time where they take turns.
const IN_TURNS: usize = 512;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(bench: &Bench) -> Result<Table> {
    let about = format!(
        "{CLIENTS} clients come back after a restart, {IN_TURNS} at a time, each with one of {DOCUMENTS} documents, which \
         has not changed, beside {CLIENTS} bare handshakes (upgrade and `join`, no document). `at once`: the same with all \
         of them at the same time; `failed`: those that did not get through at their first attempt."
    );
    let mut table = Table::new("reconnect", about).with_ratios(&["CPU µs/client", "CPU µs/handshake"]);
    for peer in &bench.peers {
        attempt(&mut table, &peer.to_string(), PATIENCE, Box::pin(measure(bench, *peer))).await;
    }
    Ok(table)
}

async fn measure(bench: &Bench, peer: Peer) -> Result<Figures> {
    let folder = bench.folder()?;
    let mut server = Server::start(peer, folder.path(), CLIENTS).await?;
    let documents = fill::documents(&server, DOCUMENTS, &fill::history(SMALL)).await?;
    let bare = everybody(&mut server, None, IN_TURNS).await?;
    let opened = everybody(&mut server, Some(&documents), IN_TURNS).await?;
    for (what, back) in [("handshakes", &bare), ("clients", &opened)] {
        if let Some(error) = &back.error {
            bail!("{} of {CLIENTS} {what} failed: {error}", back.failed);
        }
    }
    let mut figures = vec![
        ("CPU µs/client", per(micros(opened.cpu), CLIENTS as u64)),
        ("CPU µs/handshake", per(micros(bare.cpu), CLIENTS as u64)),
        ("client / handshake", opened.cpu.as_secs_f64() / bare.cpu.as_secs_f64()),
    ];
    figures.extend(latency_figures(opened.waited_us));
    figures.push(("RSS MB", count(measure::resident_bytes(server.pid())?) / 1e6));
    let at_once = everybody(&mut server, Some(&documents), CLIENTS).await?;
    let [_, _, p99] = latency_figures(at_once.waited_us);
    figures.extend([
        ("at once: CPU µs/client", per(micros(at_once.cpu), CLIENTS as u64)),
        ("at once: p99 ms", p99.1),
        ("at once: failed", count(at_once.failed)),
    ]);
    Ok(figures)
}

/// What it was to come back.
struct Back {
    /// The server's CPU time.
    cpu: Duration,
    /// How long each has waited who got through, in microseconds.
    waited_us: Vec<u32>,
    failed: u64,
    /// Why one of them failed.
    error: Option<anyhow::Error>,
}

/// Restarts the server and lets everybody connect, so many at a time.
async fn everybody(server: &mut Server, documents: Option<&[Basis]>, at_a_time: usize) -> Result<Back> {
    server.restart().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let cpu = measure::cpu(server.pid())?;
    let (gate, began) = (Arc::new(Semaphore::new(at_a_time)), Instant::now());
    let mut connecting = JoinSet::new();
    for number in 0..CLIENTS {
        let (url, gate) = (server.url(number).to_owned(), Arc::clone(&gate));
        let basis = documents.map(|documents| documents[number % documents.len()].clone());
        connecting.spawn(async move {
            let _turn = gate.acquire().await?;
            let socket = match basis {
                Some(basis) => burst::open(&url, &basis).await?,
                None => Socket::join(&url).await?,
            };
            Ok::<_, anyhow::Error>((socket, u32::try_from(began.elapsed().as_micros())?))
        });
    }
    let mut sockets = Vec::with_capacity(CLIENTS);
    let (mut failed, mut error) = (0, None);
    while let Some(connected) = connecting.join_next().await {
        match connected? {
            Ok(connected) => sockets.push(connected),
            Err(reason) => {
                failed += 1;
                error = Some(reason);
            }
        }
    }
    Ok(Back {
        cpu: measure::cpu(server.pid())?.saturating_sub(cpu),
        waited_us: sockets.into_iter().map(|(_, took)| took).collect(),
        failed,
        error,
    })
}
