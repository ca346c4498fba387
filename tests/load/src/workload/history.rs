//! What a long history costs: the fan-out on a new document and on one with 260,000 changes, in turns.

use std::time::Duration;

use anyhow::Result;
use automerge::Change;

use super::typing::{SMALL, Typing, replies};
use crate::bench::{Bench, attempt};
use crate::burst;
use crate::change::{Author, Basis};
use crate::client::Replies;
use crate::fill;
use crate::measure;
use crate::report::{Figures, Table, count, micros, per};
use crate::server::{Peer, Server};

/// Runs of each kind.
const RUNS: usize = 5;
/// Runs of each kind for the others.
const RUNS_OF_OTHERS: usize = 2;
/// How long all runs with one server may take.
const PATIENCE: Duration = Duration::from_secs(150);
/// Edits over which compaction is counted.
const EDITS: usize = 50_000;

const MUCH_COMPACTION: [(&str, u64); 1] = [("compaction.interval_ms", 0)];

const FIGURE: &str = "CPU µs/delivered";

pub(super) async fn run(bench: &mut Bench) -> Result<Table> {
    let about = format!(
        "The fan-out on an empty document and on one with {} changes, in turns within one server.",
        bench.history().len()
    );
    let mut table = Table::new("history", about);
    for peer in bench.peers.clone() {
        if !peer.is_relay() {
            beside_each_other(bench, &mut table, peer).await?;
        }
    }
    table.note("The relay keeps no history.");
    if bench.peers.contains(&Peer::Fieldbook) {
        for (name, settings) in [("as shipped", &[][..]), ("much compaction", &MUCH_COMPACTION)] {
            let rows = ["long", "empty"].map(|document| format!("Fieldbook, 50,000 edits, {document}, {name}"));
            for (row, on_long) in rows.iter().zip([true, false]) {
                let edits = Box::pin(edits(bench, on_long, settings));
                attempt(&mut table, row, PATIENCE, edits).await;
            }
            let what = format!("50,000 edits, {name}, long / empty");
            compare(&mut table, &what, rows.each_ref().map(String::as_str), "CPU µs/edit");
        }
        table.note(
            "`50,000 edits`: one writer as fast as it goes, nobody reads, child processes counted. As shipped, a document is \
             compacted every ten minutes at most; `much compaction`: whenever the tail exceeds its share \
             (`compaction.interval_ms = 0`).",
        );
    }
    Ok(table)
}

async fn beside_each_other(bench: &mut Bench, table: &mut Table, peer: Peer) -> Result<()> {
    let rows = [format!("{peer}, empty"), format!("{peer}, long")];
    let (folder, long) = match bench.long_document(peer).await {
        Ok(long) => long,
        Err(error) => {
            table.fail(&peer.to_string(), format!("{error:#}"));
            return Ok(());
        }
    };
    let typing = Typing::fan_out(bench);
    let server = Server::start(peer, folder.path(), typing.connections).await?;
    let mut long = vec![long];
    let runs = if peer == Peer::Fieldbook { RUNS } else { RUNS_OF_OTHERS };
    for _ in 0..runs {
        let patience = PATIENCE / u32::try_from(2 * RUNS_OF_OTHERS)?;
        let empty = async {
            let mut empty = fill::documents(&server, 1, &fill::history(SMALL)).await?;
            typing.run(&server, &mut empty, replies(peer)).await
        };
        attempt(table, &rows[0], patience, empty).await;
        attempt(table, &rows[1], patience, typing.run(&server, &mut long, replies(peer))).await;
        if rows.iter().any(|row| table.failed(row)) {
            break;
        }
    }
    let [empty, long] = rows;
    compare(table, &format!("{peer}, long / empty"), [&long, &empty], FIGURE);
    Ok(())
}

/// A note on how the two rows' figures compare.
fn compare(table: &mut Table, what: &str, rows: [&str; 2], figure: &str) {
    if let [Some(long), Some(empty)] = rows.map(|row| table.median(row, figure)) {
        table.note(format!("{what}: {:.2} × ({figure}).", long / empty));
    }
}

/// CPU per edit with compaction.
async fn edits(bench: &mut Bench, long: bool, settings: &[(&str, u64)]) -> Result<Figures> {
    let (folder, basis) = if long {
        let (folder, basis) = bench.long_document(Peer::Fieldbook).await?;
        (folder, Some(basis))
    } else {
        (bench.folder()?, None)
    };
    let server = Server::start_with(Peer::Fieldbook, folder.path(), 1, settings).await?;
    let basis = match basis {
        Some(basis) => basis,
        None => fill::documents(&server, 1, &fill::history(SMALL)).await?.remove(0),
    };
    let keys = letters(&basis, EDITS);
    let compactions = server.compactions().unwrap_or_default();
    let (own, before) = (measure::cpu(server.pid())?, measure::cpu_with_children(server.pid())?);
    let outcome = burst::type_fast(&server, &basis, &keys, 0, Replies::Sync, PATIENCE / 2).await?;
    measure::rest(server.pid(), PATIENCE / 3).await?;
    let own = measure::cpu(server.pid())?.saturating_sub(own);
    let all = measure::cpu_with_children(server.pid())?.saturating_sub(before);
    Ok(vec![
        ("edits", count(outcome.keys)),
        ("CPU µs/edit", per(micros(all), outcome.keys)),
        ("of it children", per(micros(all.saturating_sub(own)), outcome.keys)),
        ("keys/s", count(outcome.keys) / outcome.took.as_secs_f64()),
        (
            "compactions",
            count(server.compactions().unwrap_or_default() - compactions),
        ),
    ])
}

/// So many letters, typed one after the other.
fn letters(basis: &Basis, count: usize) -> Vec<Change> {
    let mut author = Author::new(basis);
    (0..count).map(|_| author.type_letter(0)).collect()
}
