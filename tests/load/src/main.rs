//! Measures Fieldbook beside other servers, in one run on one machine: writers and readers who speak the stock protocol,
//! and nothing else.

mod bench;
mod burst;
mod change;
mod client;
mod document;
mod fill;
mod goals;
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
use crate::goals::Goals;
use crate::report::Table;
use crate::server::Peer;
use crate::workload::Workload;

/// How its rows begin.
const FIELDBOOK: &str = "Fieldbook";

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
    #[arg(short, long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement of typing.
    #[arg(short, long, default_value_t = 5)]
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
    /// A document whose tables are replaced by those of this run; the goals only by those of a run of everything.
    #[arg(long)]
    write: Option<PathBuf>,
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
    let everything = arguments.only.is_empty() && arguments.peers.is_empty();
    let workloads = named_or_all(arguments.only);
    let (began, mut tables) = (Instant::now(), Vec::new());
    println!("{}\n", bench.about()?);
    for workload in workloads {
        eprintln!("{workload:?}");
        let table = Box::pin(workload.run(&mut bench)).await?;
        println!("{table}");
        tables.push(table);
    }
    let goals = Goals(&tables).to_string();
    println!("{goals}");
    if let Some(path) = arguments.write {
        let all = [("run", bench.about()?), ("goals", goals)];
        let of_all = all.into_iter().filter(|_| everything);
        let each = tables.iter().map(|table| (table.name(), table.to_string()));
        document::write(&path, &each.chain(of_all).collect::<Vec<_>>())?;
    }
    let path = arguments.json.map_or_else(beside_this_program, Ok)?;
    std::fs::write(&path, serde_json::to_string_pretty(&tables)?)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    eprintln!("{} s; figures in {}", began.elapsed().as_secs(), path.display());
    check(&tables)
}

/// What must not be in any run: something lost, or a figure of Fieldbook's that did not come out.
fn check(tables: &[Table]) -> Result<()> {
    let lost: f64 = tables.iter().map(|table| table.total(FIELDBOOK, "lost")).sum();
    if lost > 0.0 {
        bail!("{FIELDBOOK} lost {lost} changes");
    }
    let failures = tables.iter().flat_map(|table| {
        let rows = table.failures(FIELDBOOK);
        rows.map(|row| format!("{} ({row})", table.name()))
    });
    let failures: Vec<_> = failures.collect();
    if !failures.is_empty() {
        bail!("not everything could be measured: {}", failures.join(", "));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_documents_tell_people_to_type_can_be_typed() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut found = 0;
        for file in ["Makefile", "README.md", "CONTRIBUTING.md", "docs/performance.md"] {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            for rest in text.split("BENCH=\"").skip(1) {
                let (arguments, _) = rest.split_once('"').expect("a quotation ends");
                if arguments != "…" {
                    let arguments = ["fieldbook-load"].into_iter().chain(arguments.split_whitespace());
                    let parsed = Arguments::try_parse_from(arguments);
                    if let Err(error) = parsed {
                        panic!("{file}: {error}");
                    }
                    found += 1;
                }
            }
        }
        assert!(found > 1, "the documents show arguments");
    }

    #[test]
    fn what_is_lost_or_missing_fails_the_run_unless_it_is_anothers() {
        let mut table = Table::new("kill", "");
        table.add("sync-server", vec![("lost", 2.0)]);
        table.fail("samod", "it does not start");
        table.add("Fieldbook", vec![("lost", 0.0)]);
        check(std::slice::from_ref(&table)).unwrap();
        table.fail("Fieldbook, long", "it does not start");
        let error = check(std::slice::from_ref(&table)).unwrap_err().to_string();
        assert!(error.contains("kill (Fieldbook, long)"), "{error}");
        table.add("Fieldbook", vec![("lost", 1.0)]);
        assert!(check(&[table]).unwrap_err().to_string().contains("lost 1 changes"));
    }
}
