//! R7: when all is quiet, everybody has the same.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_all;
use tokio::time::{Instant, timeout_at};

use super::Peer;
use crate::socket::PATIENCE;

/// Reads and answers for all of them until the document's heads are the same everywhere, and nothing is unsaved.
pub async fn converge(peers: &mut [&mut Peer], document: &str) {
    converge_within(PATIENCE, peers, document).await;
}

/// [`converge`] with a deadline of one's own.
pub async fn converge_within(patience: Duration, peers: &mut [&mut Peer], document: &str) {
    let deadline = Instant::now() + patience;
    loop {
        for peer in peers.iter_mut() {
            peer.pump().await;
        }
        let heads = peers[0].heads(document);
        let settled = |peer: &Peer| peer.heads(document) == heads && peer.replica(document).unsaved().is_empty();
        if peers.iter().all(|peer| settled(peer)) {
            return;
        }
        let arrivals = select_all(peers.iter_mut().map(|peer| peer.arrive().boxed()));
        if timeout_at(deadline, arrivals).await.is_err() {
            let unsaved: Vec<_> = peers
                .iter()
                .map(|peer| peer.replica(document).unsaved().len())
                .collect();
            let heads: Vec<_> = peers.iter().map(|peer| peer.heads(document)).collect();
            panic!("not the same everywhere within {patience:?} (R7): heads {heads:?}, unsaved {unsaved:?}");
        }
    }
}
