//! The servers that are measured beside each other. Each runs in a process of its own, on a data folder of its own.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use fieldbook_harness::TestServer;
use fieldbook_harness::server::signal;
use serde::Serialize;

use crate::wire::Socket;

/// How long a start or an orderly stop may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the handshake may take that shows that a server is ready.
const HANDSHAKE: Duration = Duration::from_millis(500);
/// Connections that one user has: below limits.sockets_per_user.
const SOCKETS_PER_USER: usize = 50;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    /// `fieldbook serve`, as it ships, but for the rate limits.
    Fieldbook,
    /// A bare actix-ws relay with as many threads as Fieldbook serves with: the ceiling.
    Relay,
    /// The same with a thread for each processor.
    WideRelay,
    /// The stock `@automerge/automerge-repo-sync-server`.
    SyncServer,
    /// A server made of samod.
    Samod,
}

impl Peer {
    /// Does it know nothing of documents?
    pub(crate) fn is_relay(self) -> bool {
        matches!(self, Self::Relay | Self::WideRelay)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fieldbook => "Fieldbook",
            Self::Relay => "relay",
            Self::WideRelay => "relay, wide",
            Self::SyncServer => "sync-server",
            Self::Samod => "samod",
        })
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) peer: Peer,
    running: Running,
    urls: Vec<String>,
}

enum Running {
    Fieldbook(TestServer),
    Other(Process),
}

impl Server {
    /// Starts one on this folder, for so many connections.
    pub(crate) async fn start(peer: Peer, folder: &Path, connections: usize) -> Result<Self> {
        Self::start_with(peer, folder, connections, &[]).await
    }

    /// The same with settings of Fieldbook's, by the names that they have in its configuration.
    pub(crate) async fn start_with(
        peer: Peer,
        folder: &Path,
        connections: usize,
        settings: &[(&str, u64)],
    ) -> Result<Self> {
        let data = folder.join(peer.to_string());
        std::fs::create_dir_all(&data)?;
        if peer != Peer::Fieldbook {
            let process = Process::start(peer, data).await?;
            let urls = vec![process.url()];
            return Ok(Self {
                peer,
                running: Running::Other(process),
                urls,
            });
        }
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench.toml");
        let mut setup = TestServer::setup().config(&config).data(&data);
        for (name, value) in settings {
            setup = setup.set(name, value);
        }
        let server = setup.start().await;
        let users = connections.div_ceil(SOCKETS_PER_USER);
        let urls = (0..users)
            .map(|number| server.user(&format!("load-{number}")).sync_url())
            .collect();
        Ok(Self {
            peer,
            running: Running::Fieldbook(server),
            urls,
        })
    }

    /// Where the connection with this number connects.
    pub(crate) fn url(&self, number: usize) -> &str {
        &self.urls[number % self.urls.len()]
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.running {
            Running::Fieldbook(server) => server.pid(),
            Running::Other(process) => process.child.as_ref().map_or(0, Child::id),
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        match &mut self.running {
            Running::Fieldbook(server) => server.kill(),
            Running::Other(process) => process.kill(),
        }
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(&mut self) -> Result<()> {
        match &mut self.running {
            Running::Fieldbook(server) => {
                server.stop();
                Ok(())
            }
            Running::Other(process) => process.stop(),
        }
    }

    /// Starts again on the same folder and address; stops in good order first if it runs.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        match &mut self.running {
            Running::Fieldbook(server) => {
                server.restart().await;
                Ok(())
            }
            Running::Other(process) => {
                process.stop()?;
                process.run().await
            }
        }
    }

    /// How many compactions its log tells of; Fieldbook only.
    pub(crate) fn compactions(&self) -> Option<u64> {
        match &self.running {
            Running::Fieldbook(server) => Some(server.log().matches(" compacted").count() as u64),
            Running::Other(_) => None,
        }
    }

    /// A document as one archive; Fieldbook only.
    pub(crate) fn export(&self, document: &str) -> Option<Vec<u8>> {
        match &self.running {
            Running::Fieldbook(server) => Some(server.export(document)),
            Running::Other(_) => None,
        }
    }
}

/// A server of others; killed when dropped.
struct Process {
    peer: Peer,
    data: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Process {
    async fn start(peer: Peer, data: PathBuf) -> Result<Self> {
        let mut process = Self {
            peer,
            data,
            address: free()?,
            child: None,
        };
        process.run().await?;
        Ok(process)
    }

    async fn run(&mut self) -> Result<()> {
        let mut command = self.command()?;
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(spawned.with_context(|| format!("{} does not start", self.peer))?);
        let deadline = Instant::now() + PATIENCE;
        // It may take connections before it listens to them.
        while !matches!(
            tokio::time::timeout(HANDSHAKE, Socket::join(&self.url())).await,
            Ok(Ok(_))
        ) {
            if Instant::now() > deadline {
                bail!("{} was not ready within {PATIENCE:?}", self.peer);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn url(&self) -> String {
        format!("ws://{}/sync", self.address)
    }

    fn command(&self) -> Result<Command> {
        let beside = |name: &str| Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name(name));
        let mut command = match self.peer {
            Peer::Relay | Peer::WideRelay => {
                let processors = std::thread::available_parallelism()?.get();
                // server.threads as it ships.
                let narrow = (processors / 2).max(1);
                let workers = if self.peer == Peer::Relay { narrow } else { processors };
                let mut relay = Command::new(beside("fieldbook-load-relay")?);
                relay.args([self.address.to_string(), workers.to_string()]);
                return Ok(relay);
            }
            Peer::Samod => Command::new(beside("fieldbook-load-samod")?),
            Peer::SyncServer => {
                let installed = "peers/sync-server/node_modules/@automerge/automerge-repo-sync-server/src/index.js";
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(installed);
                if !script.exists() {
                    bail!(
                        "the stock sync server is not installed: run `make bench`, or npm in tests/load/peers/sync-server"
                    );
                }
                let mut node = Command::new("node");
                node.arg(script)
                    .env("PORT", self.address.port().to_string())
                    .env("DATA_DIR", &self.data);
                return Ok(node);
            }
            Peer::Fieldbook => bail!("it is started by the harness"),
        };
        command.arg(self.address.to_string()).arg(&self.data);
        Ok(command)
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        signal("TERM", child.id());
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A free port below those that outgoing connections take, so that the server finds it free again after a restart.
fn free() -> Result<SocketAddr> {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(15_000..32_000));
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    Ok(SocketAddr::from(([127, 0, 0, 1], free.context("an endless iterator")?)))
}
