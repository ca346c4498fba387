//! `fieldbook serve`

use std::io::Write;

use super::Failure;
use crate::config::Config;
use crate::startup::Server;
use crate::telemetry;

/// Serves until it is told to stop. `strays` are variables that look like ours and set nothing.
pub(super) async fn serve(config: Config, strays: &[&str]) -> Result<(), Failure> {
    telemetry::start(&config.log);
    if !strays.is_empty() {
        let names = strays.join(", ");
        tracing::warn!(
            names,
            "variables that set nothing: settings are named FIELDBOOK_<SECTION>__<KEY>"
        );
    }
    let mut signals = Signals::listen()?;
    let server = Server::start(config).await?;
    if let Err(error) = announce(&server) {
        // Whoever read the first lines and closed the pipe does not mean the server to stop.
        tracing::warn!(%error, "standard output is closed: the address and the set-up link could not be printed");
    }
    tracing::info!(address = %server.addr(), "the server listens");
    signals.next().await;
    tracing::info!("the server stops");
    tokio::select! {
        () = server.stop() => Ok(()),
        // Who asks twice does not want to wait.
        () = signals.next() => Err(Failure::Failed("stopped at once".to_owned())),
    }
}

/// To standard output, never to the log: the link is a secret.
fn announce(server: &Server) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "Fieldbook {} is at {}", env!("CARGO_PKG_VERSION"), server.url())?;
    if let Some(link) = server.setup_link() {
        writeln!(output, "Set up the first account: {link}")?;
    }
    output.flush()
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// A file is as large as it may be: the write fails then, and that is what counts.
    _file_size: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// From here on the process does not end by itself at a signal.
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _file_size: signal(SignalKind::from_raw(libc::SIGXFSZ))?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
