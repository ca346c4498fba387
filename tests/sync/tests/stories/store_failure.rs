//! R1 and the `store` frame: a disk that is full for a while.
#![cfg(unix)]

use std::path::{Path, PathBuf};
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

    fn filler(&self) -> PathBuf {
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

fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|myself| myself.uid() == 0)
}

#[tokio::test]
async fn a_full_disk_shows_nothing_to_anybody_and_all_goes_on_afterwards() {
    let disk = match SmallDisk::mount() {
        Ok(disk) => disk,
        Err(reason) if runs_as_root() => panic!("root mounts a small file system: {reason}"),
        Err(reason) => return eprintln!("skipped: only root mounts a small file system: {reason}"),
    };
    let settings = TestServer::setup()
        .data(&disk.path().join("data"))
        .set("sync.store_retry_ms", 50);
    let story = Story::begin(settings.start().await).await;
    story.fails(LARGE, |_| disk.fill(), |_| disk.empty(), |_| ()).await;
}

/// Needs nobody's permission, and strikes in the middle of a commit.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_may_not_grow_shows_nothing_to_anybody_and_all_goes_on_afterwards() {
    let settings = TestServer::setup().set("sync.store_retry_ms", 50);
    let story = Story::begin(settings.start().await).await;
    let log = story.server.data().join("fieldbook.sqlite-wal");
    let bytes = move || std::fs::metadata(&log).expect("the write-ahead log is there").len();
    // More than the little that the server prints, less than what Ann will paste; no whole number of sectors.
    let limit = bytes() + 100_001;
    let mend = |server: &TestServer| {
        assert_eq!(bytes(), limit, "the commit was cut off in the middle");
        limit_file_size(server, "unlimited");
    };
    story
        .fails(
            LARGE,
            |server| limit_file_size(server, &limit.to_string()),
            mend,
            |_| (),
        )
        .await;
}

/// How large a file may be that the server writes. The limit that it could lift itself is set, which anybody may do.
#[cfg(target_os = "linux")]
fn limit_file_size(server: &TestServer, bytes: &str) {
    let set = Command::new("prlimit")
        .arg(format!("--pid={}", server.pid()))
        .arg(format!("--fsize={bytes}:"))
        .output()
        .expect("prlimit of util-linux runs");
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
}

/// Fits on no disk that is nearly full.
const LARGE: usize = 3_000_000;

/// Ann, whose client is ours, and Ben, whose client is not; and Dan, who opens the document while the store fails.
pub(crate) struct Story {
    server: TestServer,
    ann: Peer,
    ben: Peer,
    dan: Peer,
    pub(crate) document: String,
}

impl Story {
    pub(crate) async fn begin(mut server: TestServer) -> Self {
        let [ann, ben, dan] = ["ann", "ben", "dan"].map(|name| server.user(name));
        // What another process has written is there before a disk begins its record.
        server.restart().await;
        let mut ann = ann.connect_fieldbook().await;
        let mut ben = ben.connect().await;
        let dan = dan.connect_fieldbook().await;
        let document = ann.create().await;
        ann.write(&document, "before").await;
        ann.saved(&document).await;
        ben.find(&document).await.expect("they share a workspace");
        ben.reads(&document, "before").await;
        Self {
            server,
            ann,
            ben,
            dan,
            document,
        }
    }

    /// Ann pastes so many bytes into a disk that fails. `then` comes when all was acknowledged, right before a SIGKILL.
    /// Gives the text that was acknowledged.
    pub(crate) async fn fails(
        self,
        bytes: usize,
        break_disk: impl FnOnce(&TestServer),
        mend_disk: impl FnOnce(&TestServer),
        then: impl FnOnce(&TestServer),
    ) -> String {
        let Self {
            mut server,
            mut ann,
            mut ben,
            mut dan,
            document,
        } = self;
        break_disk(&server);
        ann.replica_mut(&document).paste_bytes(bytes);
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
        assert!(answer.contains("the store fails"), "{answer}");
        let said = |server: &TestServer, words: &str| server.log().matches(words).count();
        assert_eq!(said(&server, "the store fails"), 1, "{}", server.log());
        dan.request(&document).await;
        store_says(&mut dan, &document, false).await;

        mend_disk(&server);
        store_says(&mut ann, &document, true).await;
        store_says(&mut dan, &document, true).await;
        let (status, answer) = get(server.address(), "/readyz").expect("the server answers");
        assert_eq!(status, 200, "{answer}");
        assert_eq!(said(&server, "the store works again"), 1);
        converge(&mut [&mut ann, &mut ben, &mut dan], &document).await;
        assert!(ben.text(&document).ends_with("after"));
        server.assert_alive();
        ann.saved(&document).await;
        then(&server);
        server.kill();
        server.restart().await;
        for peer in [&mut ann, &mut ben] {
            peer.reconnect().await;
        }
        let mut reader = server.user("cat").connect().await;
        reader.find(&document).await.expect("they share a workspace");
        converge(&mut [&mut ann, &mut ben, &mut reader], &document).await;
        server.stop();
        server.verify();
        ann.text(&document)
    }
}

pub(crate) async fn store_says(peer: &mut Peer, document: &str, ok: bool) {
    let told = |frame: &Value| frame.text("documentId") == document && frame.get("ok") == Some(&Value::Bool(ok));
    peer.fb_where("store", told).await;
}
