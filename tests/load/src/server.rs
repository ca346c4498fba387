//! The server under load, as its own process, and what the system says of it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

/// Clock ticks per second in `/proc`; fixed by the kernel's interface.
const TICKS_PER_SECOND: u64 = 100;
/// The server counts as idle when it takes less than this in half a second.
const IDLE: Duration = Duration::from_millis(20);

/// Ended when dropped.
pub(crate) struct Server {
    binary: PathBuf,
    data: TempDir,
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(binary: &Path, config: &Path) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .arg("--data")
            .arg(data.path())
            .env("FIELDBOOK_LOG__FILTER", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start; `make build` makes it", binary.display()))?;
        let output = child.stdout.take().context("its output is piped")?;
        let said = BufReader::new(output).lines().map_while(Result::ok);
        let mut addresses = said.filter_map(|line| line.split_once(" is at http://")?.1.parse().ok());
        let address = addresses.next().context("the server did not say where it listens")?;
        Ok(Self {
            binary: binary.to_owned(),
            data,
            child,
            address,
        })
    }

    /// A token for a user, who is made.
    pub(crate) fn token(&self, user: &str) -> anyhow::Result<String> {
        let output = Command::new(&self.binary)
            .args(["token", "--user", user, "--data"])
            .arg(self.data.path())
            .output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// User and system time of the process so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("no name in /proc/…/stat")?;
        let field = |index: usize| -> anyhow::Result<u64> {
            Ok(fields
                .split_whitespace()
                .nth(index)
                .context("too few fields")?
                .parse()?)
        };
        Ok(Duration::from_millis(
            (field(11)? + field(12)?) * 1000 / TICKS_PER_SECOND,
        ))
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: u64 = line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }

    /// Waits until the server and its workers have nothing to do: compaction is over.
    pub(crate) async fn idle(&self) -> anyhow::Result<()> {
        loop {
            let before = self.cpu()?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            let id = self.child.id();
            let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
            if self.cpu()? - before < IDLE && children.trim().is_empty() {
                return Ok(());
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
