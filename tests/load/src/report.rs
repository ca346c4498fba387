//! The tables, as text that is Markdown, too, and as JSON.

use std::fmt;

use serde::Serialize;

use crate::measure::{median, percentile};

/// What one measurement gave: each figure's name, with its unit, and value.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// How the rows of relays begin, which ratios refer to.
const RELAY: &str = "relay";
/// How the rows of relays end whose clients do not answer what they get.
pub(crate) const UNANSWERED: &str = " (no replies)";
/// What the ratios in brackets refer to.
const ABOUT_RATIOS: &str = "In brackets: the multiple of the better relay's figure, first with clients that answer each \
    message, as stock clients do (each answer is a frame that a server has to read), then with clients that do not.";

/// With which relays a row is compared: the better one's figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ceiling {
    /// Those whose clients answer each message.
    Answered,
    /// Those whose clients do not.
    Unanswered,
}

/// All figures of one workload.
#[derive(Serialize)]
pub(crate) struct Table {
    name: &'static str,
    about: String,
    /// Figures that are also given as multiples of the relays'.
    #[serde(skip)]
    ratios: &'static [&'static str],
    rows: Vec<Row>,
    /// Rows that were attempted and did not come out.
    failed: Vec<String>,
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
            failed: Vec::new(),
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

    /// A measurement that did not come out.
    pub(crate) fn fail(&mut self, row: &str, why: impl fmt::Display) {
        self.note(format!("{row}: {why}."));
        self.failed.push(row.to_owned());
    }

    /// Has a measurement of this row not come out?
    pub(crate) fn failed(&self, row: &str) -> bool {
        self.failed.iter().any(|failed| failed == row)
    }

    /// The middle of a row's figure.
    pub(crate) fn median(&self, row: &str, figure: &str) -> Option<f64> {
        self.rows.iter().find(|each| each.name == row)?.value(figure)
    }

    /// The least of the relays' figures; `None` where none has one above 0.
    pub(crate) fn ceiling(&self, ceiling: Ceiling, figure: &str) -> Option<f64> {
        let relays = self.rows.iter().filter(|row| row.is_of(ceiling));
        let figures = relays.filter_map(|row| row.value(figure));
        figures.filter(|value| *value > 0.0).min_by(f64::total_cmp)
    }

    /// Its name, by which the document knows its place.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The rows that begin so and have not come out.
    pub(crate) fn failures(&self, row: &str) -> impl Iterator<Item = &str> {
        self.failed
            .iter()
            .map(String::as_str)
            .filter(move |failed| failed.starts_with(row))
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
    fn is_relay(&self) -> bool {
        self.name.starts_with(RELAY)
    }

    fn is_of(&self, ceiling: Ceiling) -> bool {
        self.is_relay() && self.name.ends_with(UNANSWERED) == (ceiling == Ceiling::Unanswered)
    }

    fn value(&self, column: &str) -> Option<f64> {
        let figures = self.rounds.iter().flatten().filter(|(name, _)| *name == column);
        let values: Vec<f64> = figures.map(|(_, value)| *value).collect();
        (!values.is_empty()).then(|| median(values))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let ceilings = [Ceiling::Answered, Ceiling::Unanswered];
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
                let compared = self.ratios.contains(column) && !row.is_relay();
                let bases = ceilings.into_iter().filter_map(|ceiling| self.ceiling(ceiling, column));
                let ratios: Vec<_> = bases.map(|base| format!("{:.2} ×", value / base)).collect();
                if compared && !ratios.is_empty() {
                    write!(f, " ({})", ratios.join(", "))?;
                }
                write!(f, " |")?;
            }
            writeln!(f)?;
        }
        if ceilings
            .iter()
            .all(|ceiling| self.rows.iter().any(|row| row.is_of(*ceiling)))
        {
            writeln!(f, "\n{ABOUT_RATIOS}")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "\n{note}"))
    }
}

/// Three digits that say something.
pub(crate) struct Number(pub(crate) f64);

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
