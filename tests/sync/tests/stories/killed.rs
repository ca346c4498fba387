//! R8: what was acknowledged survives SIGKILL, and what the list says of it too.

use std::time::Duration;

use automerge::transaction::Transactable;
use automerge::{ObjType, ROOT};
use fieldbook_harness::server::get_as;
use fieldbook_harness::{PATIENCE, Peer, TestServer, converge};

/// `FIELDBOOK_KILL_ROUNDS` rounds (15), each with a seed that is printed; `FIELDBOOK_KILL_SEED` repeats one.
#[tokio::test]
async fn every_acknowledged_change_survives_a_kill() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("FIELDBOOK_KILL_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("FIELDBOOK_KILL_ROUNDS").unwrap_or(15))
            .map(|_| fastrand::u64(..))
            .collect(),
    };
    let settings = TestServer::setup()
        .set("compaction.min_changes", 100)
        .set("compaction.interval_ms", 0);
    let mut server = settings
        .set("limits.frames_per_second", 100_000)
        .set("limits.user_frames_per_second", 100_000)
        .start()
        .await;
    let mut survived = 0;
    for seed in seeds {
        eprintln!("FIELDBOOK_KILL_SEED={seed}");
        survived += round(&mut server, seed).await;
    }
    eprintln!("{survived} acknowledged changes survived");
    server.stop();
    server.verify();
}

async fn round(server: &mut TestServer, seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut writers, document) = writers(server).await;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(random.u64(1..400));
    let typing: Vec<_> = writers
        .drain(..)
        .map(|mut peer| {
            let (document, seed) = (document.clone(), random.u64(..));
            tokio::spawn(async move {
                // Cut off between two awaits at the moment of the kill, with all it has done so far.
                let _ = tokio::time::timeout_at(deadline, type_for_ever(&mut peer, &document, seed)).await;
                peer
            })
        })
        .collect();
    tokio::time::sleep_until(deadline).await;
    server.kill();
    for task in typing {
        let mut peer = task.await.expect("typing goes well");
        peer.listen(Duration::from_millis(20)).await; // acknowledgements that were on their way count too
        writers.push(peer);
    }
    server.restart().await;

    let mut reader = server.user("reader").connect().await;
    reader.find(&document).await.expect("its first change was acknowledged");
    let mut survived = 0;
    for peer in &writers {
        for hash in peer.replica(&document).saved() {
            let there = reader.replica(&document).doc().get_change_meta_by_hash(hash).is_some();
            assert!(
                there,
                "seed {seed}: {hash} of {} was acknowledged and is lost",
                peer.peer_id()
            );
            survived += 1;
        }
    }
    for peer in &mut writers {
        peer.reconnect().await;
    }
    let mut everybody: Vec<&mut Peer> = writers.iter_mut().chain([&mut reader]).collect();
    converge(&mut everybody, &document).await;
    survived
}

async fn writers(server: &TestServer) -> (Vec<Peer>, String) {
    let mut first = server.user("ann").connect().await;
    let document = first.create().await;
    first.saved(&document).await;
    let mut writers = vec![first];
    for name in ["ben", "cat"] {
        let mut peer = server.user(name).connect().await;
        peer.find(&document).await.expect("they share a workspace");
        writers.push(peer);
    }
    (writers, document)
}

async fn type_for_ever(peer: &mut Peer, document: &str, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    loop {
        for _ in 0..random.u32(1..10) {
            peer.replica_mut(document).append("x");
        }
        peer.send(document).await;
        peer.pump().await;
        tokio::time::sleep(Duration::from_millis(random.u64(0..4))).await; // people, not machines
    }
}

#[tokio::test]
async fn a_title_is_right_after_a_kill() {
    let mut server = TestServer::start().await;
    let ann = server.user("ann");
    let mut peer = ann.connect().await;
    let document = peer.create().await;
    peer.replica_mut(&document).edit(|edit| {
        let meta = edit.put_object(ROOT, "meta", ObjType::Map).expect("the root is a map");
        edit.put(meta, "title", "North Clinic").expect("meta is a map");
    });
    peer.send(&document).await;
    peer.saved(&document).await;
    // Sooner than the title is read, and nobody opens the document ever after.
    server.kill();
    server.restart().await;
    let began = std::time::Instant::now();
    loop {
        let (status, list) = get_as(&ann, "/api/documents").expect("the server answers");
        assert_eq!(status, 200, "{list}");
        if list.contains("North Clinic") {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "the list still says {list}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
