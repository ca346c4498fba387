//! Everybody comes back at once after a restart, and nothing has changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
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
/// Handshakes under way at a time: more would wait in the operating system.
const AT_ONCE: usize = 512;
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(bench: &Bench) -> Result<Table> {
    let about = format!(
        "{CLIENTS} clients come back at once after a restart, each with one of {DOCUMENTS} documents, which has not \
         changed, beside {CLIENTS} bare handshakes (upgrade and `join`, no document)."
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
    let (bare, _) = everybody(&mut server, None).await?;
    let (opened, latencies) = everybody(&mut server, Some(&documents)).await?;
    let mut figures = vec![
        ("CPU µs/client", per(micros(opened), CLIENTS as u64)),
        ("CPU µs/handshake", per(micros(bare), CLIENTS as u64)),
        ("client / handshake", opened.as_secs_f64() / bare.as_secs_f64()),
    ];
    figures.extend(latency_figures(latencies));
    figures.push(("RSS MB", count(measure::resident_bytes(server.pid())?) / 1e6));
    Ok(figures)
}

/// Restarts the server and lets everybody connect. Gives the server's CPU time, and how long each has waited, in µs.
async fn everybody(server: &mut Server, documents: Option<&[Basis]>) -> Result<(Duration, Vec<u32>)> {
    server.restart().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let cpu = measure::cpu(server.pid())?;
    let (gate, began) = (Arc::new(Semaphore::new(AT_ONCE)), Instant::now());
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
    while let Some(connected) = connecting.join_next().await {
        sockets.push(connected??);
    }
    let cpu = measure::cpu(server.pid())?.saturating_sub(cpu);
    Ok((cpu, sockets.into_iter().map(|(_, took)| took).collect()))
}
