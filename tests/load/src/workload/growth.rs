//! How cost grows: with connections, with documents, and with history. Fieldbook only.

use std::time::Duration;

use anyhow::{Result, bail};

use super::open;
use super::typing::{SMALL, Typing};
use crate::bench::{Bench, attempt};
use crate::change::Basis;
use crate::client::Replies;
use crate::fill;
use crate::measure::median;
use crate::report::{Figures, Table, micros};
use crate::server::{Peer, Server};

const CONNECTIONS: [usize; 5] = [10, 50, 200, 1_000, 2_000];
const DOCUMENTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Edits in a document, the last one: all of the long document's.
const HISTORY: [usize; 5] = [0, 1_000, 10_000, 100_000, usize::MAX];
/// Documents that are open at the same time, at most: each with one who writes and one who reads.
const OPEN: usize = 1_000;
/// Keys a second in all documents together.
const KEYS: f64 = 100.0;
/// How often a document is opened by one who has nothing of it; the median counts.
const OPENS: usize = 5;
/// How long one measurement may take beyond the time of typing.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is told of each.
const COLUMNS: [&str; 3] = ["CPU µs/delivered", "p99 ms", "RSS MB"];

pub(super) async fn run(bench: &mut Bench) -> Result<Table> {
    let about = format!(
        "Connections: one document, 5 people type 5 keys a second each. Documents: {KEYS} keys a second in all together, one \
         who writes and one who reads in each, in {OPEN} at most; the others are only stored. History: the fan-out (200 \
         connections) on a document with so many changes. `open ms`: somebody who has nothing of it opens one of the \
         documents before anybody types, median of {OPENS}."
    );
    let mut table = Table::new("growth", about);
    if !bench.peers.contains(&Peer::Fieldbook) {
        bail!("`growth` is about Fieldbook: name it in --peers, or leave `growth` out of --only");
    }
    for connections in CONNECTIONS {
        let typing = Typing {
            connections,
            ..Typing::fan_out(bench)
        };
        let measured = new_documents(bench, &typing, 1);
        attempt(
            &mut table,
            &row("connections", connections),
            PATIENCE + bench.duration,
            measured,
        )
        .await;
    }
    for stored in DOCUMENTS {
        let documents = stored.min(OPEN);
        let typing = Typing {
            connections: 2 * documents,
            documents,
            writers: 1,
            keys: KEYS / f64::from(u32::try_from(documents)?),
            duration: bench.duration,
        };
        let measured = new_documents(bench, &typing, stored);
        attempt(
            &mut table,
            &row("documents", stored),
            PATIENCE + bench.duration,
            measured,
        )
        .await;
    }
    for edits in HISTORY {
        let edits = edits.min(bench.history().len() - 1);
        let within = 3 * PATIENCE + bench.duration;
        let measured = Box::pin(with_history(bench, edits));
        attempt(&mut table, &row("history", edits), within, measured).await;
    }
    Ok(table)
}

fn row(what: &str, count: usize) -> String {
    format!("Fieldbook, {what}: {count}")
}

async fn new_documents(bench: &Bench, typing: &Typing, stored: usize) -> Result<Figures> {
    let folder = bench.folder()?;
    let server = Server::start(Peer::Fieldbook, folder.path(), typing.connections).await?;
    let mut documents = fill::documents(&server, stored, &fill::history(SMALL)).await?;
    documents.truncate(typing.documents);
    measure(&server, typing, documents).await
}

async fn with_history(bench: &mut Bench, edits: usize) -> Result<Figures> {
    let (folder, basis) = bench.document(Peer::Fieldbook, edits).await?;
    let typing = Typing::fan_out(bench);
    let server = Server::start(Peer::Fieldbook, folder.path(), typing.connections).await?;
    measure(&server, &typing, vec![basis]).await
}

async fn measure(server: &Server, typing: &Typing, mut documents: Vec<Basis>) -> Result<Figures> {
    let mut opens = Vec::with_capacity(OPENS);
    for _ in 0..OPENS {
        let (opened, _) = open::open(server.url(0), &documents[0]).await?;
        opens.push(micros(opened.took) / 1e3);
    }
    let figures = typing.run(server, &mut documents, Replies::Sync).await?;
    let mut figures: Figures = figures
        .into_iter()
        .filter(|(name, _)| COLUMNS.contains(name) || *name == "lost")
        .collect();
    figures.push(("open ms", median(opens)));
    Ok(figures)
}
