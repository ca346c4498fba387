//! The tables, as text that is Markdown, too, and as JSON.

use std::fmt;

use serde::Serialize;

use crate::measure::{median, percentile};

/// What one measurement gave: each figure's name, with its unit, and value.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// The row that ratios refer to.
pub(crate) const BASELINE: &str = "relay";

/// All figures of one workload.
#[derive(Serialize)]
pub(crate) struct Table {
    name: &'static str,
    about: String,
    /// Figures that are also given as a multiple of the baseline's.
    #[serde(skip)]
    ratios: &'static [&'static str],
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    rounds: Vec<Figures>,
}

impl Table {
    pub(crate) fn new(name: &'static str, about: impl Into<String>) -> Self {
        Self {
            name,
            about: about.into(),
            ratios: &[],
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// With these figures as multiples of the relay's, too.
    pub(crate) fn with_ratios(mut self, ratios: &'static [&'static str]) -> Self {
        self.ratios = ratios;
        self
    }

    /// One more measurement.
    pub(crate) fn add(&mut self, name: &str, figures: Figures) {
        eprintln!("  {name:<24} {}", summary(&figures));
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.rounds.push(figures),
            None => self.rows.push(Row {
                name: name.to_owned(),
                rounds: vec![figures],
            }),
        }
    }

    /// What the figures do not say.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        eprintln!("  {note}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Has there been a note about this row in place of figures?
    pub(crate) fn failed(&self, row: &str) -> bool {
        self.notes.iter().any(|note| note.starts_with(&format!("{row}: ")))
    }

    /// The middle of a row's figure.
    pub(crate) fn median(&self, row: &str, figure: &str) -> Option<f64> {
        self.rows.iter().find(|each| each.name == row)?.value(figure)
    }

    /// The sum of a figure in the rows whose names begin so.
    pub(crate) fn total(&self, row: &str, figure: &str) -> f64 {
        let rows = self.rows.iter().filter(|each| each.name.starts_with(row));
        let figures = rows.flat_map(|row| row.rounds.iter().flatten());
        figures
            .filter(|(name, _)| *name == figure)
            .map(|(_, value)| value)
            .sum()
    }

    fn columns(&self) -> Vec<&'static str> {
        let mut columns = Vec::new();
        for (name, _) in self.rows.iter().flat_map(|row| row.rounds.iter().flatten()) {
            if !columns.contains(name) {
                columns.push(name);
            }
        }
        columns
    }
}

impl Row {
    fn value(&self, column: &str) -> Option<f64> {
        let figures = self.rounds.iter().flatten().filter(|(name, _)| *name == column);
        let values: Vec<f64> = figures.map(|(_, value)| *value).collect();
        (!values.is_empty()).then(|| median(values))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let baseline = self.rows.iter().find(|row| row.name == BASELINE);
        writeln!(f, "### {}\n\n{}\n", self.name, self.about)?;
        if !columns.is_empty() {
            write!(f, "| |")?;
            columns.iter().try_for_each(|column| write!(f, " {column} |"))?;
            writeln!(f, "\n|---|{}", "---:|".repeat(columns.len()))?;
        }
        for row in &self.rows {
            write!(f, "| {} |", row.name)?;
            for column in &columns {
                let Some(value) = row.value(column) else {
                    write!(f, " |")?;
                    continue;
                };
                write!(f, " {}", Number(value))?;
                let base = baseline
                    .filter(|base| base.name != row.name)
                    .and_then(|base| base.value(column));
                if let Some(base) = base.filter(|base| *base > 0.0 && self.ratios.contains(column)) {
                    write!(f, " ({:.2} ×)", value / base)?;
                }
                write!(f, " |")?;
            }
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "\n{note}"))
    }
}

/// Three digits that say something.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            value if value == 0.0 || value >= 100.0 => write!(f, "{:.0}", self.0),
            value if value >= 10.0 => write!(f, "{:.1}", self.0),
            _ => write!(f, "{:.2}", self.0),
        }
    }
}

fn summary(figures: &Figures) -> String {
    let each = figures.iter().map(|(name, value)| format!("{name} {}", Number(*value)));
    each.collect::<Vec<_>>().join(" · ")
}

/// How long things took, in milliseconds: p50, p95, p99.
pub(crate) fn latency_figures(mut latencies_us: Vec<u32>) -> [(&'static str, f64); 3] {
    latencies_us.sort_unstable();
    let latency = |share| f64::from(percentile(&latencies_us, share)) / 1000.0;
    [
        ("p50 ms", latency(0.50)),
        ("p95 ms", latency(0.95)),
        ("p99 ms", latency(0.99)),
    ]
}

/// The quotient as a figure; 0 by nothing.
#[expect(clippy::cast_precision_loss)]
pub(crate) fn per(value: impl Into<f64>, count: u64) -> f64 {
    value.into() / count.max(1) as f64
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss)]
pub(crate) fn count(value: u64) -> f64 {
    value as f64
}

/// A duration in microseconds as a figure.
pub(crate) fn micros(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
