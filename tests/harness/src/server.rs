//! The real server as a child process, on a data folder of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::user::TestUser;

/// How long a start or an orderly stop may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How to start a [`TestServer`].
#[derive(Default)]
pub struct Setup {
    settings: Vec<(String, String)>,
    data: Option<PathBuf>,
    config: Option<PathBuf>,
    binary: Option<PathBuf>,
}

impl Setup {
    /// Sets a value of the configuration, by the name it has there (`limits.frame_bytes`).
    #[must_use]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((
            format!("FIELDBOOK_{}", name.to_uppercase().replace('.', "__")),
            value.to_string(),
        ));
        self
    }

    /// Keeps the data in this folder instead of a temporary one.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// Starts with this configuration file.
    #[must_use]
    pub fn config(mut self, file: &Path) -> Self {
        self.config = Some(file.to_owned());
        self
    }

    /// Starts this program, which is the server in other surroundings.
    #[must_use]
    pub fn binary(mut self, program: &Path) -> Self {
        self.binary = Some(program.to_owned());
        self
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(self) -> TestServer {
        let home = tempfile::Builder::new()
            .prefix("fieldbook-test-")
            .tempdir()
            .expect("a temporary folder");
        let data = self.data.unwrap_or_else(|| home.path().join("data"));
        let mut server = TestServer {
            binary: self.binary.unwrap_or_else(binary),
            settings: self.settings,
            config: self.config,
            address: free(),
            home,
            data,
            child: None,
        };
        server.run().await;
        server
    }
}

/// The server under test. Killed when dropped; its log is printed if the test is failing.
pub struct TestServer {
    binary: PathBuf,
    settings: Vec<(String, String)>,
    config: Option<PathBuf>,
    address: SocketAddr,
    home: TempDir,
    data: PathBuf,
    child: Option<Child>,
}

impl TestServer {
    /// A server with the default configuration.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// A server with these values of the configuration.
    #[must_use]
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// A person in the first workspace who may edit.
    #[must_use]
    pub fn user(&self, name: &str) -> TestUser {
        self.user_with(name, &["--role", "editor"])
    }

    /// A person who may only read.
    #[must_use]
    pub fn viewer(&self, name: &str) -> TestUser {
        self.user_with(name, &["--role", "viewer"])
    }

    /// A person of another workspace.
    #[must_use]
    pub fn stranger(&self, name: &str) -> TestUser {
        self.user_with(name, &["--role", "editor", "--workspace", "Elsewhere"])
    }

    fn user_with(&self, name: &str, more: &[&str]) -> TestUser {
        let data = self.data.to_string_lossy();
        let arguments = [&["token", "--data", &data, "--user", name], more].concat();
        let token = String::from_utf8(self.command(&arguments)).expect("a token is text");
        TestUser::new(name, token.trim(), self.address)
    }

    /// Runs the binary with these arguments and gives what it prints.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Vec<u8> {
        let output = fieldbook(&self.binary)
            .args(arguments)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "fieldbook {arguments:?}: {}\n{said}",
            output.status
        );
        output.stdout
    }

    /// The bytes that `fieldbook export` gives for a document.
    #[must_use]
    pub fn export(&self, document: &str) -> Vec<u8> {
        let file = self.home.path().join("exported");
        let (data, path) = (self.data.to_string_lossy(), file.to_string_lossy());
        let _said = self.command(&["export", "--data", &data, document, "-o", &path]);
        std::fs::read(&file).expect("export wrote the file")
    }

    /// `fieldbook verify` finds nothing wrong.
    pub fn verify(&self) {
        let _said = self.command(&["verify", "--data", &self.data.to_string_lossy()]);
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// The process has not ended by itself.
    pub fn assert_alive(&mut self) {
        let child = self.child.as_mut().expect("the server was started");
        assert_eq!(child.try_wait().expect("a child can be asked"), None, "the server died");
    }

    /// SIGKILL: no chance to save anything.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("a running child can be killed");
        child.wait().expect("a killed child ends");
    }

    /// SIGTERM, and waits until the process has ended by itself.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        signal("TERM", child.id());
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait().expect("a child can be asked").is_none() {
            assert!(
                Instant::now() < deadline,
                "the server did not stop within {PATIENCE:?} of SIGTERM"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts again on the same folder and the same address; stops it in good order first if it runs.
    pub async fn restart(&mut self) {
        if self.child.is_some() {
            self.stop();
        }
        self.run().await;
    }

    async fn run(&mut self) {
        let log = || self.log_file();
        let child = fieldbook(&self.binary)
            .args(["serve", "--listen", &self.address.to_string(), "--data"])
            .arg(&self.data)
            .args(
                self.config
                    .iter()
                    .flat_map(|file| ["--config".as_ref(), file.as_os_str()]),
            )
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{} does not start: {error}", self.binary.display())));
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready() {
            self.assert_alive();
            assert!(
                Instant::now() < deadline,
                "the server was not ready within {PATIENCE:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn is_ready(&self) -> bool {
        get(self.address, "/readyz").is_ok_and(|(status, _)| status == 200)
    }

    fn log_file(&self) -> File {
        let path = self.home.path().join("server.log");
        File::options()
            .create(true)
            .append(true)
            .open(path)
            .expect("the log can be written")
    }

    /// What the server has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.home.path().join("server.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the server's last lines");
            last.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// The program, without the settings of whoever runs the tests.
fn fieldbook(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FIELDBOOK_") {
            command.env_remove(name);
        }
    }
    command
}

/// The status that a plain `GET` is answered with, and all that is answered.
///
/// # Errors
/// When there is no HTTP answer.
pub fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    get_with(address, path, "")
}

/// The same with a token: what this person may see.
///
/// # Errors
/// When there is no HTTP answer.
pub fn get_as(user: &TestUser, path: &str) -> std::io::Result<(u16, String)> {
    get_with(
        user.address(),
        path,
        &format!("Authorization: Bearer {}\r\n", user.token()),
    )
}

fn get_with(address: SocketAddr, path: &str, headers: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("not HTTP: {answer:?}")))?;
    Ok((status, answer))
}

/// Sends a signal to one process.
pub fn signal(name: &str, pid: u32) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .status()
        .expect("kill runs");
    assert!(status.success(), "SIG{name} could not be sent");
}

/// `FIELDBOOK_BIN`, else the binary that was built beside this test, else the one of the other profile.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("FIELDBOOK_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its path");
    let target = test
        .ancestors()
        .find(|folder| folder.join("deps").is_dir())
        .and_then(Path::parent);
    let target = target.expect("a test runs from the target folder");
    let own = test.strip_prefix(target).ok().and_then(|rest| rest.components().next());
    let own = own.map(|profile| target.join(profile).join("fieldbook"));
    let candidates = own
        .into_iter()
        .chain([target.join("debug/fieldbook"), target.join("release/fieldbook")]);
    let found = candidates.into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "no server in {}: run `cargo build -p fieldbook` or set FIELDBOOK_BIN",
            target.display()
        )
    })
}

/// A free port below those that outgoing connections take, so that the server finds it free again after a restart.
fn free() -> SocketAddr {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(15_000..32_000));
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    SocketAddr::from(([127, 0, 0, 1], free.expect("an endless iterator")))
}
