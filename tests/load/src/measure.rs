//! What the operating system knows of a server's process.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Ticks of `/proc/<pid>/stat` a second, on every Linux.
const TICKS_PER_SECOND: u64 = 100;
/// What a commit to the disk writes, at least.
const COMMIT_BYTES: usize = 300;

/// CPU time of a process so far, user and system: to the nanosecond, or in steps of 10 ms where the system has no clock
/// for it.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    process_clock(pid).map_or_else(|| ticks(pid, 11, 2), Ok)
}

/// The same together with its children that have ended, theirs in steps of 10 ms.
pub(crate) fn cpu_with_children(pid: u32) -> Result<Duration> {
    Ok(cpu(pid)? + ticks(pid, 13, 2)?)
}

/// What the clock says that counts a process's CPU time.
#[expect(unsafe_code, reason = "the standard library does not know these two calls")]
fn process_clock(pid: u32) -> Option<Duration> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // Safety: both write to the place that they are given, and keep nothing of it.
    let found = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) == 0 };
    let read = found && unsafe { libc::clock_gettime(clock, &raw mut time) == 0 };
    let seconds = u64::try_from(time.tv_sec).ok().filter(|_| read)?;
    Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
}

fn ticks(pid: u32, skip: usize, fields: usize) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the server is gone")?;
    let after_name = stat.rsplit_once(')').context("no name in stat")?.1;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(skip)
        .take(fields)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// CPU time that the machine has spent on anything, all processors together.
fn busy() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let ticks = stat
        .lines()
        .next()
        .context("no processors in /proc/stat")?
        .split_whitespace()
        .skip(1);
    let ticks: Vec<u64> = ticks.filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, waiting for the disk, interrupts (2), stolen
    let busy = ticks.iter().take(8).sum::<u64>() - ticks.iter().skip(3).take(2).sum::<u64>();
    Ok(Duration::from_millis(busy * 1000 / TICKS_PER_SECOND))
}

/// What a server, the generator and everybody else on the machine spend from now on.
pub(crate) struct Meter {
    pid: u32,
    since: Instant,
    server: Duration,
    both: Duration,
    generator: Duration,
    machine: Duration,
}

impl Meter {
    pub(crate) fn begin(pid: u32) -> Result<Self> {
        Ok(Self {
            pid,
            since: Instant::now(),
            server: cpu(pid)?,
            both: cpu_with_children(pid)?,
            generator: cpu(std::process::id())?,
            machine: busy()?,
        })
    }

    pub(crate) fn end(self) -> Result<Spent> {
        let took = self.since.elapsed().as_secs_f64();
        let server = cpu(self.pid)?.saturating_sub(self.server);
        let both = cpu_with_children(self.pid)?.saturating_sub(self.both);
        let generator = cpu(std::process::id())?.saturating_sub(self.generator);
        let others = (busy()?.saturating_sub(self.machine)).saturating_sub(both + generator);
        let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / took;
        let processors = std::thread::available_parallelism()?.get();
        let idle = 100.0 * f64::from(u32::try_from(processors)?) - share(both + generator + others);
        Ok(Spent {
            server,
            children: both.saturating_sub(server),
            shares: [
                ("server CPU %", share(server)),
                ("generator CPU %", share(generator)),
                ("others CPU %", share(others)),
                ("idle CPU %", idle.max(0.0)),
            ],
        })
    }
}

/// CPU time that was spent meanwhile.
pub(crate) struct Spent {
    /// By the server's process.
    pub(crate) server: Duration,
    /// By its children that have ended.
    pub(crate) children: Duration,
    /// Everybody's share of one processor, as figures.
    pub(crate) shares: [(&'static str, f64); 4],
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    status(pid, "VmRSS:")
}

/// The most resident memory that a process has had, in bytes.
pub(crate) fn peak_bytes(pid: u32) -> Result<u64> {
    status(pid, "VmHWM:")
}

fn status(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the server is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line
        .with_context(|| format!("no {field}"))?
        .trim()
        .trim_end_matches(" kB");
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// Waits until the process and its children do nothing for a second: compaction is over.
pub(crate) async fn rest(pid: u32, patience: Duration) -> Result<()> {
    let began = Instant::now();
    loop {
        let before = cpu_with_children(pid)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let idle = cpu_with_children(pid)?.saturating_sub(before) < Duration::from_millis(30);
        if idle && !has_children(pid) {
            return Ok(());
        }
        if began.elapsed() > patience {
            bail!("the server has not come to rest within {patience:?}");
        }
    }
}

fn has_children(pid: u32) -> bool {
    let path = format!("/proc/{pid}/task");
    std::fs::read_dir(path).into_iter().flatten().flatten().any(|thread| {
        std::fs::read_to_string(thread.path().join("children")).is_ok_and(|children| !children.trim().is_empty())
    })
}

/// How many commits of a few bytes, each synced, the disk under this folder takes in a second.
pub(crate) fn commits_per_second(folder: &Path) -> Result<f64> {
    let path = folder.join("commits");
    let mut file = std::fs::File::create(&path)?;
    let (began, mut commits) = (Instant::now(), 0_u32);
    while began.elapsed() < Duration::from_secs(1) {
        file.write_all(&[0; COMMIT_BYTES])?;
        file.sync_data()?;
        commits += 1;
    }
    let rate = f64::from(commits) / began.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

/// The value below which this share of the values lies, which are sorted for that.
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

/// The one in the middle, or the mean of the two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (upper, lower) = (values.len() / 2, values.len().saturating_sub(1) / 2);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    f64::midpoint(at(lower), at(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_process_says_what_the_system_counts() {
        let own = std::process::id();
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(60) {
            std::hint::black_box(own);
        }
        let ticks = ticks(own, 11, 2).unwrap();
        let clock = process_clock(own).expect("Linux has it");
        // A tick may not be counted yet; other tests of this process go on meanwhile.
        assert!(clock + Duration::from_millis(20) >= ticks, "{clock:?} and {ticks:?}");
        assert!(clock > Duration::ZERO && process_clock(u32::MAX).is_none());
    }
}
