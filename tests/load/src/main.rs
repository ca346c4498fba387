//! Measures Fieldbook beside other servers, in one run on one machine: writers and readers who speak the stock protocol,
//! and nothing else.

mod bench;
mod burst;
mod change;
mod client;
mod fill;
mod measure;
mod report;
mod server;
mod wire;
mod workload;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

use crate::bench::Bench;
use crate::server::Peer;
use crate::workload::Workload;

/// Measures Fieldbook beside other servers.
#[derive(Parser)]
struct Arguments {
    /// Workloads to run [default: all].
    #[arg(long, value_delimiter = ',')]
    only: Vec<Workload>,
    /// Servers to measure [default: all].
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Measurements of each kind where the figures are noisy; the median is reported.
    #[arg(short, long, default_value_t = 2)]
    rounds: usize,
    /// Seconds of each measurement of typing.
    #[arg(short, long, default_value_t = 4)]
    seconds: u64,
    /// How often Fieldbook is killed.
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// How often the long document is opened after a restart.
    #[arg(long, default_value_t = 50)]
    opens: usize,
    /// Where the data folders are made: on the disk that is to be measured [default: the folder for temporary files].
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Where the results go as JSON [default: fieldbook-load.json beside this program].
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.rounds == 0 || arguments.seconds == 0 || arguments.opens == 0 {
        bail!("--rounds, --seconds and --opens must be above 0");
    }
    // Servers started from here may have as many sockets.
    rlimit::increase_nofile_limit(u64::MAX).context("the limit of open files cannot be raised")?;
    let mut bench = bench(&arguments);
    let workloads = named_or_all(arguments.only);
    let (began, mut tables) = (Instant::now(), Vec::new());
    for workload in workloads {
        eprintln!("{workload:?}");
        let table = Box::pin(workload.run(&mut bench)).await?;
        println!("{table}");
        tables.push(table);
    }
    let path = arguments.json.map_or_else(beside_this_program, Ok)?;
    std::fs::write(&path, serde_json::to_string_pretty(&tables)?)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    eprintln!("{} s; figures in {}", began.elapsed().as_secs(), path.display());
    let lost: f64 = tables.iter().map(|table| table.total("Fieldbook", "lost")).sum();
    if lost > 0.0 {
        bail!("Fieldbook lost {lost} changes");
    }
    Ok(())
}

fn bench(arguments: &Arguments) -> Bench {
    let root = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let mut bench = Bench::new(named_or_all(arguments.peers.clone()), root);
    bench.rounds = arguments.rounds;
    bench.duration = Duration::from_secs(arguments.seconds);
    bench.kills = arguments.kills;
    bench.opens = arguments.opens;
    bench
}

fn named_or_all<T: ValueEnum + Clone>(named: Vec<T>) -> Vec<T> {
    if named.is_empty() {
        T::value_variants().to_vec()
    } else {
        named
    }
}

fn beside_this_program() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("fieldbook-load.json"))
}
