//! The documents that are typed in: empty ones, and ones with a long history.

use std::time::Duration;

use anyhow::{Result, bail};
use automerge::legacy::OpId;
use automerge::{ActorId, Change, ChangeHash};
use fieldbook_harness::replica::Replica;
use fieldbook_harness::trace::Trace;
use fieldbook_harness::{Join, new_document_id};

use crate::change::Basis;
use crate::measure;
use crate::wire::{Heard, Socket};
use crate::workload::Target;

/// Changes that are uploaded in one message.
const PORTION: usize = 2_000;
/// How long the server may take for a portion, and to come to rest afterwards.
const PATIENCE: Duration = Duration::from_secs(120);

/// New documents with nothing in them.
pub(crate) async fn empty_documents(target: &Target, count: usize) -> Result<Vec<Basis>> {
    upload(target, count, &with_history(0)).await
}

/// New documents with this many changes: the recorded paper, or generated text, one character each.
pub(crate) async fn long_documents(target: &Target, count: usize, changes: usize) -> Result<Vec<Basis>> {
    eprintln!("typing {changes} characters");
    let changes = with_history(changes);
    eprintln!("uploading them into {count} documents");
    let documents = upload(target, count, &changes).await?;
    if let Some(pid) = target.pid {
        measure::rest(pid, PATIENCE).await?;
    }
    Ok(documents)
}

fn with_history(changes: usize) -> Vec<Change> {
    let mut replica = Replica::with_text(&ActorId::random());
    let trace = if changes == 0 {
        Trace::generate(0, 1)
    } else {
        Trace::load()
    };
    let mut made = replica.doc().get_changes(&[]);
    for edit in trace.edits.iter().take(changes) {
        replica.splice(edit.0, edit.1, &edit.2);
        made.push(replica.doc().get_last_local_change().expect("it has just been typed"));
    }
    made
}

async fn upload(target: &Target, count: usize, changes: &[Change]) -> Result<Vec<Basis>> {
    let mut documents = Vec::with_capacity(count);
    for number in 0..count {
        let mut socket = Socket::join(target.url(number)).await?;
        let document = new_document_id();
        let mut common: Vec<ChangeHash> = Vec::new();
        // A stock client offers before it sends.
        socket
            .say("sync", &document, &[changes[0].hash()], &[], Vec::new())
            .await?;
        heads(&mut socket, None).await?;
        for portion in changes.chunks(PORTION) {
            let last = vec![portion[portion.len() - 1].hash()];
            let bytes = portion.iter().map(|change| change.raw_bytes().to_vec()).collect();
            socket.say("sync", &document, &last, &common, bytes).await?;
            heads(&mut socket, Some(&last)).await?;
            common = last;
        }
        let first = &changes[0];
        let max_op = changes
            .iter()
            .map(|change| change.start_op().get() + change.len() as u64 - 1)
            .max();
        documents.push(Basis {
            document,
            text: OpId(first.start_op().get(), first.actor_id().clone()),
            heads: common,
            max_op: max_op.unwrap_or_default(),
        });
    }
    Ok(documents)
}

/// Waits for a sync message; with `heads`, until they are durable.
async fn heads(socket: &mut Socket, heads: Option<&[ChangeHash]>) -> Result<()> {
    loop {
        match tokio::time::timeout(PATIENCE, socket.hear()).await?? {
            Heard::Sync(message) if heads.is_none_or(|heads| message.heads == heads) => return Ok(()),
            Heard::Unavailable => bail!("{} may make no documents", Join::new("load").peer_id),
            _ => {}
        }
    }
}
