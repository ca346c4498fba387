//! R2, R7: real editing through the server, keystroke by keystroke.

use std::time::{Duration, Instant};

use automerge::Automerge;
use fieldbook_harness::trace::{ConcurrentTrace, Trace};
use fieldbook_harness::{Peer, TestServer, converge_within};
use fieldbook_sync_tests::Writer;

/// Keystrokes that one person types before another goes on.
const TURN: usize = 2_000;
/// Keystrokes that go out together, each a change of its own: they are typed some hundred times faster than recorded.
const BURST: usize = 50;
/// How long a turn may take to reach everybody.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_paper_typed_by_three_people_in_turns() {
    let trace = Trace::load();
    let mut server = TestServer::setup()
        .set("limits.frames_per_second", 100_000)
        .set("limits.user_frames_per_second", 100_000)
        .start()
        .await;
    let mut ann = server.user("ann").connect().await;
    let document = ann.create().await;
    ann.saved(&document).await;
    let mut people = vec![ann];
    for name in ["ben", "cat"] {
        let mut peer = server.user(name).connect().await;
        peer.find(&document).await.expect("they share a workspace");
        people.push(peer);
    }
    let began = Instant::now();
    for (turn, edits) in trace.edits.chunks(TURN).enumerate() {
        let typist = &mut people[turn % 3];
        for burst in edits.chunks(BURST) {
            for edit in burst {
                typist.replica_mut(&document).splice(edit.0, edit.1, &edit.2);
            }
            typist.send(&document).await;
        }
        let mut everybody: Vec<&mut Peer> = people.iter_mut().collect();
        converge_within(LONG, &mut everybody, &document).await;
    }
    eprintln!("{} keystrokes in {:?}", trace.edits.len(), began.elapsed());
    let mut everybody: Vec<&mut Peer> = people.iter_mut().collect();
    all_end_with(&mut server, &mut everybody, &document, &trace.end).await;
}

#[tokio::test]
async fn a_text_written_by_two_people_at_once() {
    let trace = ConcurrentTrace::load();
    let mut server = TestServer::setup()
        .set("limits.frames_per_second", 100_000)
        .set("limits.user_frames_per_second", 100_000)
        .start()
        .await;
    let (mut ann, mut ben) = (
        Writer::join(&server, "ann", 0).await,
        Writer::join(&server, "ben", 1).await,
    );
    let document = ann.begin().await;
    ben.follow(&ann, &document).await;
    let began = Instant::now();
    tokio::join!(ann.play(&trace.keystrokes), ben.play(&trace.keystrokes));
    eprintln!("{} keystrokes in {:?}", trace.keystrokes.len(), began.elapsed());

    let mut cat = server.user("cat").connect().await;
    cat.find(&document).await.expect("they share a workspace");
    let all = trace.keystrokes.len() + 1;
    cat.until_within(LONG, "every keystroke", |cat| {
        cat.replica(&document).doc().get_changes_meta(&[]).len() == all
    })
    .await;
    assert_eq!(ann.replica.heads(), ben.replica.heads());
    assert_eq!(ann.replica.heads(), cat.heads(&document));
    let end = trace.end.unwrap_or_else(|| cat.text(&document));
    assert_eq!(ann.replica.text(), end);
    all_end_with(&mut server, &mut [&mut cat], &document, &end).await;
}

/// Everybody, the store after a restart, and an export agree on the text.
async fn all_end_with(server: &mut TestServer, people: &mut [&mut Peer], document: &str, end: &str) {
    let heads = people[0].heads(document);
    for peer in people.iter_mut() {
        assert!(peer.text(document) == end, "{} has another text", peer.peer_id());
        peer.lose();
    }
    server.restart().await;
    let mut new = server.user("new").connect().await;
    new.request(document).await;
    new.until_within(LONG, "the stored document", |new| !new.heads(document).is_empty())
        .await;
    assert_eq!(new.heads(document), heads, "the store after a restart");
    assert!(new.text(document) == end, "the store after a restart has another text");
    let exported = Automerge::load(&server.export(document)).expect("an exported document loads");
    assert_eq!(exported.get_heads(), heads, "the export");
    server.stop();
    server.verify();
}
