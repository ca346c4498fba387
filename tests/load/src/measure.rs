//! What the operating system knows of the server.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Ticks of `/proc/<pid>/stat` a second, on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time of a process so far, user and system.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the server is gone")?;
    let after_name = stat.rsplit_once(')').context("no name in stat")?.1;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the server is gone")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// Waits until the process does nothing for a second: compaction is over.
pub(crate) async fn rest(pid: u32, patience: Duration) -> Result<()> {
    let began = Instant::now();
    loop {
        let before = cpu(pid)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if cpu(pid)? - before < Duration::from_millis(30) {
            return Ok(());
        }
        if began.elapsed() > patience {
            bail!("the server has not come to rest within {patience:?}");
        }
    }
}

/// The value below which this share of the sorted values lies.
pub(crate) fn percentile(sorted: &[u32], share: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted
        .get(index.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
