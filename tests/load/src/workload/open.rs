//! A long document, opened by somebody who has nothing of it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use automerge::ChangeHash;
use tokio::task::JoinSet;

use crate::bench::{Bench, attempt};
use crate::change::Basis;
use crate::measure;
use crate::report::{Figures, Table, count, latency_figures, micros};
use crate::server::{Peer, Server};
use crate::wire::{Heard, Socket};

/// How long one server may take for all of it, beside the restarts.
const PATIENCE: Duration = Duration::from_secs(75);
/// How long one restart of Fieldbook may take, and opening the document after it.
const RESTART: Duration = Duration::from_secs(2);
/// After so long no further restart of another server is begun. All of Fieldbook's are made.
const RESTARTING_OF_OTHERS: Duration = Duration::from_secs(15);
/// How long one opening may take.
const OPENING: Duration = Duration::from_secs(10);
/// How long a server is left alone after its start, so that it is not measured itself.
const SETTLING: Duration = Duration::from_millis(150);

pub(super) async fn run(bench: &mut Bench) -> Result<Table> {
    let about = format!(
        "A document of {} changes, opened by a client that has nothing of it. `cold`: the first one after a restart of the \
         server, from connecting to the last byte, the mean of {} restarts (of others: of as many as 15 s hold). `more`: all at once, in a server that has \
         opened it before.",
        bench.history().len(),
        bench.opens
    );
    let mut table = Table::new("open", about);
    for peer in bench.peers.clone() {
        if peer.is_relay() {
            table.note("The relay keeps no documents.");
            continue;
        }
        let within = PATIENCE + RESTART * u32::try_from(bench.opens)?;
        let measurement = Box::pin(measure(bench, peer));
        attempt(&mut table, &peer.to_string(), within, measurement).await;
    }
    Ok(table)
}

async fn measure(bench: &mut Bench, peer: Peer) -> Result<Figures> {
    let (folder, basis) = bench.long_document(peer).await?;
    let mut server = Server::start(peer, folder.path(), bench.opens).await?;
    let (began, mut colds) = (Instant::now(), Vec::new());
    let in_time = |began: Instant| peer == Peer::Fieldbook || began.elapsed() < RESTARTING_OF_OTHERS;
    while colds.len() < bench.opens && in_time(began) {
        server.restart().await?;
        tokio::time::sleep(SETTLING).await;
        let cpu = measure::cpu(server.pid())?;
        let (opened, socket) = open(server.url(0), &basis).await?;
        let cpu = measure::cpu(server.pid())?.saturating_sub(cpu);
        colds.push((opened, cpu, measure::peak_bytes(server.pid())?));
        drop(socket);
    }
    let peak = measure::peak_bytes(server.pid())?;
    let more = open_many(&server, &basis, bench.opens).await?;
    let more_peak = measure::peak_bytes(server.pid())?;

    let mean = |value: &dyn Fn(&(Opened, Duration, u64)) -> f64| {
        colds.iter().map(value).sum::<f64>() / count(colds.len() as u64)
    };
    let mut figures = vec![
        ("cold opens", count(colds.len() as u64)),
        ("cold ms", mean(&|cold| micros(cold.0.took) / 1e3)),
        ("cold CPU ms", mean(&|cold| micros(cold.1) / 1e3)),
        ("peak MB", mean(&|cold| count(cold.2) / 1e6)),
        ("bytes", mean(&|cold| count(cold.0.bytes))),
    ];
    if let Some(archive) = server.export(&basis.document) {
        let archive = count(archive.len() as u64);
        figures.push(("bytes beyond the archive", mean(&|cold| count(cold.0.bytes) - archive)));
    }
    let [p50, _, p99] = latency_figures(more);
    figures.extend([
        ("more p50 ms", p50.1),
        ("more p99 ms", p99.1),
        (
            "more MB/open",
            count(more_peak - peak) / 1e6 / count(bench.opens as u64),
        ),
    ]);
    Ok(figures)
}

pub(super) struct Opened {
    pub(super) took: Duration,
    bytes: u64,
}

/// Connects, and reads until everything is there.
pub(super) async fn open(url: &str, basis: &Basis) -> Result<(Opened, Socket)> {
    let began = Instant::now();
    let mut socket = Socket::join(url).await?;
    socket.say("request", &basis.document, &[], &[], Vec::new()).await?;
    let before = socket.down;
    loop {
        let message = match socket.hear_within(OPENING).await? {
            Heard::Sync(message) => message,
            Heard::Unavailable => bail!("it says that there is no such document"),
            _ => continue,
        };
        let (took, bytes) = (began.elapsed(), socket.down - before);
        let all: Vec<ChangeHash> = message.heads;
        if !message.changes.is_empty() && all == basis.heads {
            return Ok((Opened { took, bytes }, socket));
        }
        // It has said what it has; what it lacks is still to come.
        socket.say("sync", &basis.document, &[], &[], Vec::new()).await?;
    }
}

/// How long each took, in microseconds.
async fn open_many(server: &Server, basis: &Basis, openers: usize) -> Result<Vec<u32>> {
    let mut opening = JoinSet::new();
    for number in 0..openers {
        let (url, basis) = (server.url(number).to_owned(), basis.clone());
        opening.spawn(async move { open(&url, &basis).await });
    }
    let mut sockets = Vec::with_capacity(openers);
    while let Some(opened) = opening.join_next().await {
        sockets.push(opened??);
    }
    let took = sockets.iter().map(|(opened, _)| opened.took.as_micros());
    Ok(took.map(|took| u32::try_from(took).unwrap_or(u32::MAX)).collect())
}
