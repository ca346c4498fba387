//! The server is killed as soon as it has acknowledged the last key. Is everything there afterwards?

use std::time::Duration;

use anyhow::{Result, bail};
use automerge::Automerge;

use crate::bench::{Bench, attempt};
use crate::burst;
use crate::change::{Author, Basis};
use crate::fill;
use crate::report::{Figures, Table, count};
use crate::server::{Peer, Server};
use crate::wire::{Heard, Socket};

const KEYS: usize = 200;
/// Rounds of the others.
const ROUNDS_OF_OTHERS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the server may take to say what it has.
const ANSWER: Duration = Duration::from_secs(5);

pub(super) async fn run(bench: &Bench) -> Result<Table> {
    let about = format!(
        "{KEYS} keys are typed; at the acknowledgement of the last one by the server's heads it is killed (SIGKILL) and \
         started again. Lost: keys that are not there then, in all rounds."
    );
    let mut table = Table::new("kill", about);
    for peer in &bench.peers {
        if peer.is_relay() {
            table.note("The relay acknowledges and keeps nothing.");
            continue;
        }
        let rounds = if *peer == Peer::Fieldbook {
            bench.kills
        } else {
            ROUNDS_OF_OTHERS
        };
        let within = PATIENCE + Duration::from_secs(1) * u32::try_from(rounds)?;
        attempt(
            &mut table,
            &peer.to_string(),
            within,
            Box::pin(kill(bench, *peer, rounds)),
        )
        .await;
    }
    Ok(table)
}

async fn kill(bench: &Bench, peer: Peer, rounds: usize) -> Result<Figures> {
    let folder = bench.folder()?;
    let mut server = Server::start(peer, folder.path(), 1).await?;
    let mut lost = 0;
    for _ in 0..rounds {
        let document = fill::documents(&server, 1, &fill::history(0)).await?.remove(0);
        let mut author = Author::new(&document);
        let keys: Vec<_> = (0..KEYS).map(|_| author.type_letter(0)).collect();
        let url = server.url(0).to_owned();
        burst::type_all_then(&url, &document, &keys, || server.kill()).await?;
        server.restart().await?;
        lost += KEYS - keys_in(&server, &document).await?.min(KEYS);
    }
    Ok(vec![
        ("rounds", count(rounds as u64)),
        ("keys", count((rounds * KEYS) as u64)),
        ("lost", count(lost as u64)),
    ])
}

/// How many keys the server has.
async fn keys_in(server: &Server, basis: &Basis) -> Result<usize> {
    let mut socket = Socket::join(server.url(0)).await?;
    socket.say("request", &basis.document, &[], &[], Vec::new()).await?;
    let mut copy = Automerge::new();
    loop {
        match socket.hear_within(ANSWER).await? {
            Heard::Sync(message) => {
                for bytes in message.changes.iter() {
                    copy.load_incremental(bytes)?;
                }
                if copy.get_heads() == message.heads {
                    return Ok(copy.get_changes(&[]).len().saturating_sub(1));
                }
                let heads = copy.get_heads();
                socket.say("sync", &basis.document, &heads, &heads, Vec::new()).await?;
            }
            Heard::Unavailable if server.peer == Peer::Fieldbook => bail!("the document is gone"),
            Heard::Unavailable => return Ok(0),
            _ => {}
        }
    }
}
