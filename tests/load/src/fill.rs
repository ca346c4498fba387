//! The documents that are typed in: small ones, and ones with a long history.

use std::time::Duration;

use anyhow::{Result, bail};
use automerge::legacy::OpId;
use automerge::{ActorId, Change, ChangeHash};
use fieldbook_harness::new_document_id;
use fieldbook_harness::replica::Replica;
use fieldbook_harness::trace::Trace;
use futures_util::{StreamExt, TryStreamExt};

use crate::change::Basis;
use crate::server::Server;
use crate::wire::{Heard, Socket};

/// Changes that are uploaded in one message.
const PORTION: usize = 2_000;
/// Documents that are uploaded at the same time.
const AT_ONCE: usize = 128;
/// How long a server may take for a portion.
const PATIENCE: Duration = Duration::from_secs(20);

/// A document with an empty text, and so many edits of it: the recorded paper's, or those of a generated text.
pub(crate) fn history(edits: usize) -> Vec<Change> {
    let mut replica = Replica::with_text(&ActorId::random());
    let trace = if edits < 1_000 {
        Trace::generate(edits, 1)
    } else {
        Trace::load()
    };
    let mut made = replica.doc().get_changes(&[]);
    for edit in trace.edits.iter().take(edits) {
        replica.splice(edit.0, edit.1, &edit.2);
        made.push(replica.doc().get_last_local_change().expect("it has just been typed"));
    }
    made
}

/// New documents that hold these changes.
pub(crate) async fn documents(server: &Server, count: usize, changes: &[Change]) -> Result<Vec<Basis>> {
    let documents = (0..count).map(|number| async move {
        let document = new_document_id();
        if !server.peer.is_relay() {
            upload(&mut Socket::join(server.url(number)).await?, &document, changes).await?;
        }
        Ok(basis(document, changes))
    });
    futures_util::stream::iter(documents)
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// What is to be known of a document that holds these changes.
pub(crate) fn basis(document: String, changes: &[Change]) -> Basis {
    let (first, last) = (&changes[0], &changes[changes.len() - 1]);
    Basis {
        document,
        text: OpId(first.start_op().get(), first.actor_id().clone()),
        heads: vec![last.hash()],
        max_op: last.start_op().get() + last.len() as u64 - 1,
    }
}

/// Makes a document, and waits until the server says that it has it.
pub(crate) async fn upload(socket: &mut Socket, document: &str, changes: &[Change]) -> Result<()> {
    let mut common: Vec<ChangeHash> = Vec::new();
    // A stock client offers before it sends.
    socket
        .say("sync", document, &[changes[0].hash()], &[], Vec::new())
        .await?;
    hear_heads(socket, None).await?;
    for portion in changes.chunks(PORTION) {
        let last = vec![portion[portion.len() - 1].hash()];
        let bytes = portion.iter().map(|change| change.raw_bytes().to_vec()).collect();
        socket.say("sync", document, &last, &common, bytes).await?;
        hear_heads(socket, Some(&last)).await?;
        common = last;
    }
    Ok(())
}

/// Waits for a sync message; with `heads`, until the server has them.
pub(crate) async fn hear_heads(socket: &mut Socket, heads: Option<&[ChangeHash]>) -> Result<()> {
    loop {
        match socket.hear_within(PATIENCE).await? {
            Heard::Sync(message) if heads.is_none_or(|heads| message.heads == heads) => return Ok(()),
            Heard::Unavailable => bail!("the server takes no new documents from us"),
            _ => {}
        }
    }
}
