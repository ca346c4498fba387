//! R1 and R8: a real server whose disk fails in the middle of commits, or when a document is to be read.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use fieldbook_harness::server::get;
use fieldbook_harness::{TestServer, converge};

use crate::store_failure::{Story, store_says};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fieldbook-on-a-bad-disk");

async fn server(store_retry_ms: u64) -> TestServer {
    let settings = TestServer::setup().binary(Path::new(PROGRAM));
    // What Ann pastes fills the room: who comes then is told nevertheless.
    let settings = settings.set("limits.unsaved_bytes", 100_000);
    settings.set("sync.store_retry_ms", store_retry_ms).start().await
}

/// Tells the server's disk what to do.
fn tell(server: &TestServer, order: &str) -> usize {
    let socket = server.data().with_file_name("disk");
    let mut disk = UnixStream::connect(socket).expect("the disk listens");
    writeln!(disk, "{order}").expect("the disk hears");
    let mut answer = String::new();
    disk.read_to_string(&mut answer).expect("the disk answers");
    answer.trim().parse().expect("a number")
}

/// What the disk does while Ann writes; afterwards all goes on, and is there after a power cut and after SIGKILL.
async fn fails(failure: &str) {
    let story = Story::begin(server(200).await).await;
    let cut = tempfile::tempdir().expect("a temporary folder");
    let order = format!("fail {failure}");
    let break_disk = |server: &TestServer| assert_eq!(tell(server, &order), 0);
    let mend = |server: &TestServer| assert!(tell(server, "heal") > 1, "it was tried again");
    let document = story.document.clone();
    let power_fails = |server: &TestServer| assert_ne!(tell(server, &format!("cut {}", cut.path().display())), 0);
    let text = story.fails(300_000, break_disk, mend, power_fails).await;

    let left = TestServer::setup().data(&cut.path().join("data")).start().await;
    let mut reader = left.user("dan").connect().await;
    reader.find(&document).await.expect("it was acknowledged");
    reader.reads(&document, &text).await;
    left.verify();
}

#[tokio::test]
async fn a_disk_that_does_not_write() {
    fails("write").await;
}

#[tokio::test]
async fn a_disk_that_writes_half() {
    fails("half-write").await;
}

#[tokio::test]
async fn a_disk_that_does_not_sync() {
    fails("sync").await;
}

/// A later sync succeeds, and writes nothing of what the failed one did not.
#[tokio::test]
async fn a_disk_that_does_not_sync_and_drops_what_was_written() {
    fails("sync-and-lose").await;
}

#[tokio::test]
async fn a_document_that_cannot_be_read_now_is_read_as_soon_as_it_can() {
    let mut server = server(1000).await;
    let mut ann = server.user("ann").connect().await;
    let document = ann.create().await;
    // More than is kept in memory of the database.
    ann.replica_mut(&document).paste_bytes(4_000_000);
    ann.send(&document).await;
    ann.saved(&document).await;
    server.restart().await;

    let mut ben = server.user("ben").connect_fieldbook().await;
    let mut cat = server.user("cat").connect_fieldbook().await;
    tell(&server, "fail read");
    ben.request(&document).await;
    store_says(&mut ben, &document, false).await;
    cat.request(&document).await;
    store_says(&mut cat, &document, false).await;
    let (status, answer) = get(server.address(), "/readyz").expect("the server answers");
    assert_eq!(status, 503, "{answer}");
    assert!(tell(&server, "heal") > 0, "the disk failed");
    for peer in [&mut ben, &mut cat] {
        store_says(peer, &document, true).await;
    }
    ann.reconnect().await;
    converge(&mut [&mut ann, &mut ben, &mut cat], &document).await;
    let said = |words: &str| server.log().matches(words).count();
    assert_eq!(said("the store fails"), 1, "{}", server.log());
    assert_eq!(said("the store works again"), 1, "{}", server.log());
    assert_eq!(said("does not load"), 0, "{}", server.log());
    let (status, answer) = get(server.address(), "/readyz").expect("the server answers");
    assert_eq!(status, 200, "{answer}");
}
