//! What a delivered change costs the server: writers and readers who speak the stock protocol, and nothing else.
//!
//! By default it starts `fieldbook serve` itself, on a temporary folder; with `--url` it measures one that runs.

mod change;
mod client;
mod fill;
mod measure;
mod report;
mod wire;
mod workload;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use fieldbook_harness::TestServer;

use crate::report::Report;
use crate::workload::{Target, Workload};

/// Measures what a delivered change costs the server.
#[derive(Parser)]
struct Arguments {
    /// Connections.
    #[arg(short = 'w', long, default_value_t = 50)]
    connections: usize,
    /// Documents that they share evenly.
    #[arg(short, long, default_value_t = 10)]
    documents: usize,
    /// Those who type in each document [default: all of them].
    #[arg(long)]
    writers: Option<usize>,
    /// Keys a second that each of them types.
    #[arg(short, long, default_value_t = 5.0)]
    keys: f64,
    /// Seconds of each measurement.
    #[arg(short, long, default_value_t = 10)]
    seconds: u64,
    /// Measures documents of this many changes beside empty ones, in turns.
    #[arg(long)]
    history: Option<usize>,
    /// Measurements of each kind; the median is reported.
    #[arg(short, long, default_value_t = 3)]
    rounds: usize,
    /// The sync endpoint of a running server: ws://127.0.0.1:8080/sync.
    #[arg(long, requires = "token")]
    url: Option<String>,
    /// Tokens for it; the connections share them evenly.
    #[arg(long, value_delimiter = ',')]
    token: Vec<String>,
    /// Its process id, to measure CPU and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// Where the results go as JSON [default: fieldbook-load.json beside this program].
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Connections that one user has in a server of ours: below limits.sockets_per_user.
const SOCKETS_PER_USER: usize = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let workload = Workload::new(&arguments)?;
    let (target, server) = target(&arguments).await?;
    let report = measure_all(&arguments, &workload, &target).await?;
    drop(server);
    println!("{report}");
    let path = arguments.json.map_or_else(beside_this_program, Ok)?;
    std::fs::write(&path, report.json()?).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{}", path.display());
    if report.lost() > 0 {
        bail!("{} changes were lost", report.lost());
    }
    Ok(())
}

async fn measure_all(arguments: &Arguments, workload: &Workload, target: &Target) -> Result<Report> {
    let mut long = match arguments.history {
        Some(changes) => Some(fill::long_documents(target, arguments.documents, changes).await?),
        None => None,
    };
    let mut report = Report::default();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        let mut empty = fill::empty_documents(target, arguments.documents).await?;
        report.add("empty", workload.run(target, &mut empty).await?);
        if let Some(long) = &mut long {
            report.add(
                &format!("{} changes", arguments.history.unwrap_or_default()),
                workload.run(target, long).await?,
            );
        }
    }
    Ok(report)
}

/// A running server, or one of our own that lives as long as what comes second.
async fn target(arguments: &Arguments) -> Result<(Target, Option<TestServer>)> {
    if let Some(url) = &arguments.url {
        let urls = arguments
            .token
            .iter()
            .map(|token| format!("{url}?token={token}"))
            .collect();
        return Ok((
            Target {
                urls,
                pid: arguments.pid,
            },
            None,
        ));
    }
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench.toml");
    let server = TestServer::setup().config(&config).start().await;
    let users = arguments.connections.div_ceil(SOCKETS_PER_USER);
    let urls = (0..users)
        .map(|number| server.user(&format!("load-{number}")).sync_url())
        .collect();
    Ok((
        Target {
            urls,
            pid: Some(server.pid()),
        },
        Some(server),
    ))
}

fn beside_this_program() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("fieldbook-load.json"))
}
