//! The table, and the JSON.

use std::fmt;

use serde::Serialize;

use crate::measure::median;
use crate::workload::Measured;

/// All measurements, by kind.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    kinds: Vec<Kind>,
}

#[derive(Serialize)]
struct Kind {
    name: String,
    rounds: Vec<Measured>,
}

type Column = (&'static str, usize, fn(&Measured) -> f64);

const COLUMNS: [Column; 10] = [
    ("CPU µs/delivered", 1, |m| m.cpu_us_per_delivered),
    ("CPU µs/key", 1, |m| m.cpu_us_per_key),
    ("CPU share", 2, |m| m.server_cpu_share),
    ("p50 ms", 2, |m| m.latency_p50_ms),
    ("p95 ms", 2, |m| m.latency_p95_ms),
    ("p99 ms", 2, |m| m.latency_p99_ms),
    ("RSS MB", 1, |m| m.resident_mb),
    ("bytes down", 0, |m| m.bytes_down_per_delivered),
    ("bytes up", 0, |m| m.bytes_up_per_delivered),
    ("(generator)", 2, |m| m.generator_cpu_share),
];

impl Report {
    pub(crate) fn add(&mut self, name: &str, measured: Measured) {
        match self.kinds.iter_mut().find(|kind| kind.name == name) {
            Some(kind) => kind.rounds.push(measured),
            None => self.kinds.push(Kind {
                name: name.to_owned(),
                rounds: vec![measured],
            }),
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        self.kinds
            .iter()
            .flat_map(|kind| &kind.rounds)
            .map(|round| round.lost)
            .sum()
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<18}", "document")?;
        for (title, ..) in COLUMNS {
            write!(f, " {title:>16}")?;
        }
        writeln!(f, " {:>10} {:>6} {:>6}", "delivered", "lost", "again")?;
        for kind in &self.kinds {
            write!(f, "{:<18}", kind.name)?;
            for (_, digits, value) in COLUMNS {
                write!(f, " {:>16.digits$}", median(kind.rounds.iter().map(value).collect()))?;
            }
            let sum = |field: fn(&Measured) -> u64| kind.rounds.iter().map(field).sum::<u64>();
            writeln!(
                f,
                " {:>10} {:>6} {:>6}",
                sum(|m| m.delivered),
                sum(|m| m.lost),
                sum(|m| m.again)
            )?;
        }
        Ok(())
    }
}
