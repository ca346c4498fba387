//! One writer as fast as it goes.

use std::time::Duration;

use anyhow::Result;

use super::typing::rows;
use crate::bench::{Bench, attempt};
use crate::burst::{self, Outcome};
use crate::client::Replies;
use crate::fill;
use crate::measure;
use crate::report::{Figures, Table, count, latency_figures, micros, per};
use crate::server::{Peer, Server};

/// Those who read along.
const READERS: usize = 9;
/// How long one measurement may take beyond the time of typing.
const PATIENCE: Duration = Duration::from_secs(12);

pub(super) async fn run(bench: &Bench) -> Result<Table> {
    let about = format!(
        "One writer, one key a frame, up to 2,000 keys on their way; {READERS} readers. A key counts when the server has \
         acknowledged it by its heads (Fieldbook: when it is synced to the disk); with the relay, which acknowledges \
         nothing, when everybody has read it. p50 to p99: from a key to that."
    );
    let mut table = Table::new("one-writer", about).with_ratios(&["CPU µs/key"]);
    let folder = bench.folder()?;
    // Typed beforehand.
    bench.history();
    for _ in 0..bench.rounds {
        table.add("disk", vec![("commits/s", measure::commits_per_second(folder.path())?)]);
        for peer in &bench.peers {
            for (row, replies) in rows(*peer) {
                if !table.failed(&row) {
                    let measured = Box::pin(measure(bench, *peer, replies));
                    attempt(&mut table, &row, bench.duration + PATIENCE, measured).await;
                }
            }
        }
    }
    table.note("`disk`: how many small writes, each synced, the same disk takes in a second, one after the other.");
    Ok(table)
}

async fn measure(bench: &Bench, peer: Peer, replies: Replies) -> Result<Figures> {
    let folder = bench.folder()?;
    let server = Server::start(peer, folder.path(), READERS + 1).await?;
    let (made, keys) = bench.history().split_at(1);
    let document = fill::documents(&server, 1, made).await?.remove(0);
    let outcome = burst::type_fast(&server, &document, keys, READERS, replies, bench.duration).await?;
    let mut figures = figures(outcome);
    figures.push(("RSS MB", count(measure::resident_bytes(server.pid())?) / 1e6));
    Ok(figures)
}

fn figures(outcome: Outcome) -> Figures {
    let seconds = outcome.took.as_secs_f64();
    let [taken, sent] = outcome.bytes.map(|bytes| count(bytes) / seconds / 1e6);
    let mut figures = vec![
        ("keys/s", count(outcome.keys) / seconds),
        ("CPU µs/key", per(micros(outcome.cpu), outcome.keys)),
    ];
    figures.extend(latency_figures(outcome.acknowledged_us));
    figures.extend([("lost", count(outcome.lost)), ("MB/s in", taken), ("MB/s out", sent)]);
    figures.extend(outcome.shares);
    figures
}
