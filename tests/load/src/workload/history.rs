//! What a long history costs: the fan-out on a new document and on one with 260,000 changes, in turns.

use std::fmt;
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
        let lasts = Reading::typing(bench).duration;
        for reading in [Reading::Everybody, Reading::Nobody] {
            let rows = ["long", "empty"].map(|document| format!("Fieldbook, 50,000 edits, {document}, {reading}"));
            for (row, on_long) in rows.iter().zip([true, false]) {
                let edits = Box::pin(edits(bench, on_long, reading));
                attempt(&mut table, row, PATIENCE + lasts, edits).await;
            }
            let what = format!("50,000 edits, {reading}, long / empty");
            compare(&mut table, &what, rows.each_ref().map(String::as_str), "CPU µs/edit");
        }
        table.note(
            "`50,000 edits`: CPU of the server and its child processes, compaction included. `200 connected`: as in the \
             fan-out, at ten times the keys a second. `nobody reads`: one writer as fast as it goes, so that compaction is \
             nearly all that it costs.",
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

/// Who is there while so many edits are made.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    Everybody,
    Nobody,
}

impl Reading {
    fn typing(bench: &Bench) -> Typing {
        let slow = Typing::fan_out(bench);
        let keys = 10.0 * slow.keys;
        let all = keys * count(slow.writers as u64);
        Typing {
            keys,
            duration: Duration::from_secs_f64(count(EDITS as u64) / all),
            ..slow
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everybody => "200 connected",
            Self::Nobody => "nobody reads",
        })
    }
}

/// CPU per edit with compaction.
async fn edits(bench: &mut Bench, long: bool, reading: Reading) -> Result<Figures> {
    let (folder, basis) = if long {
        let (folder, basis) = bench.long_document(Peer::Fieldbook).await?;
        (folder, Some(basis))
    } else {
        (bench.folder()?, None)
    };
    let typing = Reading::typing(bench);
    let server = Server::start(Peer::Fieldbook, folder.path(), typing.connections).await?;
    let basis = match basis {
        Some(basis) => basis,
        None => fill::documents(&server, 1, &fill::history(SMALL)).await?.remove(0),
    };
    let compactions = server.compactions().unwrap_or_default();
    let (own, before) = (measure::cpu(server.pid())?, measure::cpu_with_children(server.pid())?);
    let edits = match reading {
        Reading::Everybody => {
            typing.run(&server, &mut [basis], Replies::Sync).await?;
            EDITS as u64
        }
        Reading::Nobody => {
            let keys = letters(&basis, EDITS);
            burst::type_fast(&server, &basis, &keys, 0, Replies::Sync, PATIENCE / 2)
                .await?
                .keys
        }
    };
    measure::rest(server.pid(), PATIENCE / 3).await?;
    let own = measure::cpu(server.pid())?.saturating_sub(own);
    let all = measure::cpu_with_children(server.pid())?.saturating_sub(before);
    Ok(vec![
        ("edits", count(edits)),
        ("CPU µs/edit", per(micros(all), edits)),
        ("of it children", per(micros(all.saturating_sub(own)), edits)),
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
