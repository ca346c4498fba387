//! R1 and the `store` frame: a disk that is full for a while.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fieldbook_harness::server::get;
use fieldbook_harness::{Peer, TestServer, Value, converge};

/// A file system of 8 MB that is gone again afterwards.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(folder.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Ok(Self(folder)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn fill(&self) {
        let full = std::io::copy(
            &mut std::io::repeat(7),
            &mut std::fs::File::create(self.filler()).expect("a new file"),
        );
        full.expect_err("8 MB are soon full");
    }

    fn empty(&self) {
        std::fs::remove_file(self.filler()).expect("the filler is there");
    }

    fn filler(&self) -> std::path::PathBuf {
        self.0.path().join("filler")
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_shows_nothing_to_anybody_and_all_goes_on_afterwards() {
    let disk = match SmallDisk::mount() {
        Ok(disk) => disk,
        Err(reason) => return eprintln!("skipped: no small file system can be mounted here: {reason}"),
    };
    let settings = TestServer::setup()
        .data(&disk.path().join("data"))
        .set("sync.store_retry_ms", 50);
    let mut server = settings.start().await;
    let mut ann = server.user("ann").connect_fieldbook().await;
    let mut ben = server.user("ben").connect().await;
    let document = ann.create().await;
    ann.write(&document, "before").await;
    ann.saved(&document).await;
    ben.find(&document).await.expect("they share a workspace");
    ben.reads(&document, "before").await;

    disk.fill();
    ann.replica_mut(&document).paste_bytes(3_000_000);
    ann.send(&document).await;
    store_says(&mut ann, &document, false).await;
    ann.write(&document, "after").await;
    ben.listen(Duration::from_millis(300)).await;
    ann.pump().await;
    assert_eq!(
        ann.replica(&document).unsaved().len(),
        2,
        "nothing was acknowledged (R1)"
    );
    assert_eq!(ben.text(&document), "before", "nobody has seen it (R1)");
    assert!(ann.is_connected() && ben.is_connected());

    let (status, answer) = get(server.address(), "/readyz").expect("the server answers");
    assert_eq!(status, 503);
    assert!(answer.contains("changes cannot be stored"), "{answer}");
    let said = |server: &TestServer, words: &str| server.log().matches(words).count();
    let failing = [" ERROR ", " WARN "].map(|level| said(&server, level));
    assert_eq!(
        failing,
        [1, 0],
        "once, however often it is tried again:\n{}",
        server.log()
    );

    disk.empty();
    store_says(&mut ann, &document, true).await;
    let (status, answer) = get(server.address(), "/readyz").expect("the server answers");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(said(&server, "changes are stored again"), 1);
    converge(&mut [&mut ann, &mut ben], &document).await;
    assert!(ben.text(&document).ends_with("after"));
    server.assert_alive();
    server.stop();
    server.verify();
}

async fn store_says(peer: &mut Peer, document: &str, ok: bool) {
    let told = |frame: &Value| frame.text("documentId") == document && frame.get("ok") == Some(&Value::Bool(ok));
    peer.fb_where("store", told).await;
}
