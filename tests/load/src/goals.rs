//! What Fieldbook is to reach, beside what it has reached in this run.

use std::fmt;

use crate::report::{Ceiling, Number, Table};

const ROW: &str = "Fieldbook";

/// One figure of one row.
struct Goal {
    table: &'static str,
    row: &'static str,
    figure: &'static str,
    bound: Bound,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// At most this multiple of the relay's, with clients that answer as Fieldbook's do.
    OfRelay(f64),
    /// At most this multiple of another row's.
    OfRow(f64, &'static str),
}

const CPU: &str = "CPU µs/delivered";
const EDITS_LONG: &str = "Fieldbook, 50,000 edits, long, 200 connected";
const EDITS_EMPTY: &str = "Fieldbook, 50,000 edits, empty, 200 connected";

use Bound::{AtLeast, AtMost, OfRelay, OfRow};

#[rustfmt::skip]
const GOALS: [Goal; 24] = [
    goal("fan-out", ROW, CPU, OfRelay(1.3)),
    goal("fan-out", ROW, "p99 ms", OfRelay(2.0)),
    goal("many-documents", ROW, CPU, OfRelay(2.0)),
    goal("many-documents", ROW, "p99 ms", AtMost(5.0)),
    goal("bytes", "Fieldbook, 2 keys/s", "bytes/key read", AtMost(310.0)),
    goal("one-writer", ROW, "keys/s", AtLeast(25_000.0)),
    goal("history", "Fieldbook, long", CPU, OfRow(1.15, "Fieldbook, empty")),
    goal("history", EDITS_LONG, "CPU µs/edit", OfRow(1.15, EDITS_EMPTY)),
    goal("open", ROW, "cold opens", AtLeast(50.0)),
    goal("open", ROW, "cold ms", AtMost(9.0)),
    goal("open", ROW, "cold CPU ms", AtMost(5.0)),
    goal("open", ROW, "peak MB", AtMost(30.0)),
    goal("open", ROW, "more MB/open", AtMost(2.0)),
    goal("open", ROW, "bytes beyond the archive", AtMost(1_024.0)),
    goal("idle", ROW, "KB/connection", AtMost(24.0)),
    goal("idle", ROW, "lost connections", AtMost(0.0)),
    goal("presence", ROW, CPU, OfRelay(1.2)),
    goal("presence", "Fieldbook, `fb` frames", CPU, AtMost(2.0)),
    goal("kill", ROW, "rounds", AtLeast(100.0)),
    goal("kill", ROW, "lost", AtMost(0.0)),
    goal("observers", ROW, "p99 ms", OfRelay(2.0)),
    goal("reconnect", ROW, "client / handshake", AtMost(3.0)),
    goal("reconnect", ROW, "at once: failed", AtMost(0.0)),
    goal("one-writer", ROW, "lost", AtMost(0.0)),
];

const fn goal(table: &'static str, row: &'static str, figure: &'static str, bound: Bound) -> Goal {
    Goal {
        table,
        row,
        figure,
        bound,
    }
}

/// The goals of these tables, as a table of its own.
pub(crate) struct Goals<'a>(pub(crate) &'a [Table]);

impl fmt::Display for Goals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "### goals\n\nWhat is to be reached, and what this run has reached.\n"
        )?;
        writeln!(
            f,
            "| workload | figure | goal | reached | met |\n|---|---|---|---:|---|"
        )?;
        for table in self.0 {
            for goal in GOALS.iter().filter(|goal| goal.table == table.name()) {
                for line in goal.lines(table) {
                    let figure = format!("{}: {}", goal.row, goal.figure);
                    writeln!(f, "| {} | {figure} | {line} |", goal.table)?;
                }
            }
        }
        Ok(())
    }
}

impl Goal {
    /// The goal, what was reached, and whether that is enough; beside a relay with other clients, too.
    fn lines(&self, table: &Table) -> Vec<String> {
        let value = table.median(self.row, self.figure);
        match self.bound {
            AtMost(most) => vec![line(&format!("≤ {}", Number(most)), value, "", |value| value <= most)],
            AtLeast(least) => vec![line(&format!("≥ {}", Number(least)), value, "", |value| {
                value >= least
            })],
            OfRelay(most) => vec![
                times(most, "relay", value, table.ceiling(Ceiling::Answered, self.figure)),
                beside(
                    "relay (no replies)",
                    value,
                    table.ceiling(Ceiling::Unanswered, self.figure),
                ),
            ],
            OfRow(most, row) => vec![times(most, row, value, table.median(row, self.figure))],
        }
    }
}

/// No goal: with clients that do not answer, the relay has less to do.
fn beside(name: &str, value: Option<f64>, base: Option<f64>) -> String {
    match value.zip(base.filter(|base| *base > 0.0)) {
        Some((value, base)) => format!("(beside {name}) | {} × | ", Number(value / base)),
        None => format!("(beside {name}) | | "),
    }
}

fn times(most: f64, name: &str, value: Option<f64>, base: Option<f64>) -> String {
    let ratio = value
        .zip(base.filter(|base| *base > 0.0))
        .map(|(value, base)| value / base);
    line(&format!("≤ {most} × {name}"), ratio, " ×", |ratio| ratio <= most)
}

fn line(goal: &str, reached: Option<f64>, unit: &str, met: impl Fn(f64) -> bool) -> String {
    match reached {
        Some(value) => {
            let met = if met(value) { "yes" } else { "no" };
            format!("{goal} | {}{unit} | {met}", Number(value))
        }
        None => format!("{goal} | – | not measured"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_of_a_relay_is_held_against_the_better_one_whose_clients_answer() {
        let mut table = Table::new("fan-out", "");
        table.add("Fieldbook", vec![(CPU, 12.0)]);
        table.add("relay", vec![(CPU, 20.0)]);
        table.add("relay, wide", vec![(CPU, 10.0)]);
        table.add("relay (no replies)", vec![(CPU, 8.0)]);
        let goals = Goals(&[table]).to_string();
        assert!(goals.contains("| ≤ 1.3 × relay | 1.20 × | yes |"), "{goals}");
        assert!(goals.contains("| (beside relay (no replies)) | 1.50 × |  |"), "{goals}");
        assert!(goals.contains("p99 ms | ≤ 2 × relay | – | not measured |"), "{goals}");
    }

    #[test]
    fn a_bound_may_be_below_above_or_another_rows() {
        let mut history = Table::new("history", "");
        history.add("Fieldbook, long", vec![(CPU, 11.0)]);
        history.add("Fieldbook, empty", vec![(CPU, 10.0)]);
        let mut kill = Table::new("kill", "");
        kill.add("Fieldbook", vec![("rounds", 5.0), ("lost", 0.0)]);
        let goals = Goals(&[history, kill]).to_string();
        assert!(goals.contains("≤ 1.15 × Fieldbook, empty | 1.10 × | yes"), "{goals}");
        assert!(goals.contains("rounds | ≥ 100 | 5.00 | no |"), "{goals}");
        assert!(goals.contains("lost | ≤ 0 | 0 | yes |"), "{goals}");
    }
}
