//! `[server]`

use std::net::SocketAddr;
use std::path::PathBuf;

use super::address::{Network, Origin};
use super::error::Mistake;
use super::topic::topic;

topic! {
    /// How the server is reached, and where it keeps its data.
    Server in "server" {
        /// Address and port to listen on. Port 0 takes a free one, which is printed at the start.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
            Text("an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080");
        /// The data folder. It is made if it is not there. A relative path counts from the folder in which the server
        /// is started.
        data: PathBuf = PathBuf::from("./data"), Text("a path");
        /// Where browsers find the server. Needed as soon as that is a name and not an IP address or localhost:
        /// requests from pages of other addresses are refused. With https, cookies are sent over TLS only.
        public_url: Option<Origin> = None, Text("http:// or https://, a host and if need be a port; no path");
        /// The certificate chain for TLS, PEM. Together with `tls_key`, or neither.
        tls_cert: Option<PathBuf> = None, Text("the path of a PEM file");
        /// The certificate's private key, PEM. Together with `tls_cert`, or neither.
        tls_key: Option<PathBuf> = None, Text("the path of a PEM file");
        /// For how many seconds browsers keep to https for the server's host name once they have seen it there
        /// (Strict-Transport-Security). 0: that is not asked of them. What a browser was told holds until that time is
        /// over, even if this is set back to 0, and for every program and port of that name. So set it when the
        /// certificate is there to stay: first to a few minutes, in the end to a year (31536000).
        hsts_seconds: u32 = 0, Whole(0, 63_072_000);
        /// Proxies whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed.
        trusted_proxies: Vec<Network> = Vec::new(), Text("a list of IP addresses and networks such as 10.0.0.0/8");
        /// Threads that serve connections and documents. 0: one for every two processors, but at least one; the database,
        /// compressed documents and long messages have threads of their own.
        threads: usize = 0, Whole(0, 1_024);
        /// Threads for long messages, and as many for loading documents. 0: one for every two processors, but at least one.
        long_work_threads: usize = 0, Whole(0, 256);
        /// How long requests under way and open sockets have to finish when the server stops, in milliseconds.
        shutdown_ms: u64 = 5_000, Whole(0, 600_000);
    }
}

impl Server {
    /// Whether the server itself speaks TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// How many threads serve connections: `threads`, or what suits this machine.
    #[must_use]
    pub fn serving_threads(&self) -> usize {
        or_half_of_the_processors(self.threads)
    }

    /// How many threads do long work: `long_work_threads`, or what suits this machine.
    #[must_use]
    pub fn long_work_threads(&self) -> usize {
        or_half_of_the_processors(self.long_work_threads)
    }

    pub(super) fn check(&self, mistakes: &mut Vec<Mistake>) {
        let missing = match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => ("server.tls_cert", "server.tls_key"),
            (None, Some(_)) => ("server.tls_key", "server.tls_cert"),
            _ => return,
        };
        mistakes.push(Mistake::Together(format!(
            "{} is set and {} is not: TLS needs a certificate and its key; set both or neither",
            missing.0, missing.1
        )));
    }
}

fn or_half_of_the_processors(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1)),
        threads => threads,
    }
}
