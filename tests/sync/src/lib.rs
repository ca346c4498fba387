//! Shared scenes of the sync stories; the stories themselves are in `tests/`.

mod bystanders;
pub mod forge;
mod writer;

pub use bystanders::Bystanders;
pub use writer::Writer;

/// The most memory that a process has used so far, in MB.
///
/// # Panics
/// If it is not running.
#[must_use]
pub fn peak_memory_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("Linux tells the peak");
    peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}
