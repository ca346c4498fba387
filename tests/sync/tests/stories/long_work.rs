//! R6: what takes long is done in slices, or aside, and is known by what it means and not by its length.

use std::time::Duration;

use automerge::ChangeHash;
use automerge::sync::Message;
use fieldbook_harness::{RawSocket, TestServer, Value};
use fieldbook_sync_tests::forge;

use crate::shares::{joined, long_message, open, ping};

/// Longest that a person may wait here, on a machine that has other work.
const BEARABLE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_message_that_means_much_holds_nobody_up() {
    const CHANGES: u8 = 20;
    const OPERATIONS: u64 = 150_000;
    let mut scene = Scene::set().await;
    let (heads, chunks): (Vec<_>, Vec<_>) = (0..CHANGES).map(|actor| forge::claiming(OPERATIONS, actor)).unzip();
    let data = forge::message(heads.clone(), chunks);
    assert!(data.len() < 3_000, "{} bytes", data.len());
    let mut cat = joined(&scene.server, "cat").await;
    let words = scene.words_while(data, heads, &mut cat).await;
    assert!(words > 2, "{words} words came between {CHANGES} changes");
    scene.server.assert_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_passes_while_one_long_message_is_read() {
    let mut scene = Scene::set().await;
    let (data, heads) = long_message(0, 50_000);
    let mut cat = joined(&scene.server, "cat").await;
    let words = scene.words_while(data, heads, &mut cat).await;
    assert!(words > 3, "{words} words came between 50,000 changes");
    scene.server.assert_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_opens_while_long_work_of_somebody_runs() {
    let mut scene = Scene::set().await;
    let mut ann = scene.server.user("ann").connect().await;
    let other = ann.create().await;
    ann.write(&other, "a page").await;
    ann.saved(&other).await;
    ann.leave().await;
    tokio::time::sleep(Duration::from_millis(500)).await; // it is no longer in memory
    let (first, second) = (forge::claiming(1_900_000, 1), forge::claiming(1_900_000, 2));
    let data = forge::message(vec![first.0, second.0], vec![first.1, second.1]);
    let frame = scene.mallory.about("sync", &scene.document).with("data", data);
    scene.mallory.send(&frame).await;
    let mut ben = scene.server.user("ben").connect().await;
    let opened = tokio::time::timeout(BEARABLE, ben.find(&other)).await;
    opened.expect("it opens in time").expect("they share a workspace");
    assert_eq!(ben.text(&other), "a page");
    scene.server.assert_alive();
}

/// Ann and Ben, who talk about a document that Mallory has open too, on a server with one thread for them all and one for
/// long work.
struct Scene {
    server: TestServer,
    document: String,
    ann: RawSocket,
    ben: RawSocket,
    mallory: RawSocket,
}

impl Scene {
    async fn set() -> Self {
        let settings = TestServer::setup()
            .set("server.threads", 1)
            .set("server.long_work_threads", 1)
            .set("sync.unload_ms", 100)
            .set("sync.ping_interval_ms", 600_000); // Mallory's socket does not read
        let server = settings.start().await;
        let mut author = server.user("ann").connect().await;
        let document = author.create().await;
        author.saved(&document).await;
        let (ann, ben) = (
            open(&server, "ann", &document).await,
            open(&server, "ben", &document).await,
        );
        let mallory = open(&server, "mallory", &document).await;
        Self {
            server,
            document,
            ann,
            ben,
            mallory,
        }
    }

    /// How many words pass from Ann to Ben, and answers to Cat, who is on the same thread, until Ben has heard of all that
    /// Mallory sends. None of them takes longer than is bearable.
    async fn words_while(&mut self, data: Vec<u8>, mut expected: Vec<ChangeHash>, cat: &mut RawSocket) -> usize {
        let frame = self.mallory.about("sync", &self.document).with("data", data);
        self.mallory.send(&frame).await;
        let mut words = 0;
        loop {
            let count = i64::try_from(words).expect("a few") + 1;
            let word = self.ann.about("ephemeral", &self.document).with("count", count);
            let word = word.with("sessionId", "s").with("data", vec![0xf6_u8]);
            let answered = async {
                self.ann.send(&word).await;
                self.hear_word(&mut expected).await;
                cat.send(&ping(count)).await;
                while cat.frame_of("fb").await.get("id") != Some(&Value::from(count)) {}
            };
            let waited = tokio::time::timeout(BEARABLE, answered).await;
            waited.unwrap_or_else(|_| panic!("word {count} or the ping after it takes too long"));
            if expected.is_empty() {
                return words;
            }
            words += 1;
            tokio::time::sleep(Duration::from_millis(20)).await; // people, who are not over their rate
        }
    }

    /// Ben reads up to the next word, and notes what he hears of Mallory's changes.
    async fn hear_word(&mut self, expected: &mut Vec<ChangeHash>) {
        loop {
            let frame = self.ben.frame().await;
            if frame.kind() == "ephemeral" {
                return;
            }
            if frame.kind() == "sync" {
                let message = Message::decode(frame.bytes("data")).expect("a sync message");
                expected.retain(|head| !message.heads.contains(head));
            }
        }
    }
}
