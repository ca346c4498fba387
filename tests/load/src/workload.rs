//! One measurement: everybody connects, types for a while, and reads to the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::Arguments;
use crate::change::Basis;
use crate::client::{Client, Pace, Seen, Together};
use crate::measure;

/// The server that is measured.
pub(crate) struct Target {
    pub(crate) urls: Vec<String>,
    pub(crate) pid: Option<u32>,
}

impl Target {
    pub(crate) fn url(&self, number: usize) -> &str {
        &self.urls[number % self.urls.len()]
    }
}

/// How many people type how fast, and for how long.
pub(crate) struct Workload {
    connections: usize,
    documents: usize,
    writers: usize,
    interval: Duration,
    duration: Duration,
}

/// What one measurement gave.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    pub(crate) typed: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) again: u64,
    pub(crate) cpu_us_per_delivered: f64,
    pub(crate) cpu_us_per_key: f64,
    pub(crate) server_cpu_share: f64,
    pub(crate) generator_cpu_share: f64,
    pub(crate) latency_p50_ms: f64,
    pub(crate) latency_p95_ms: f64,
    pub(crate) latency_p99_ms: f64,
    pub(crate) resident_mb: f64,
    pub(crate) bytes_down_per_delivered: f64,
    pub(crate) bytes_up_per_delivered: f64,
}

impl Workload {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self> {
        let per_document = arguments.connections / arguments.documents.max(1);
        if per_document == 0 || arguments.keys <= 0.0 || arguments.rounds == 0 {
            bail!("each document needs a connection, keys a second and rounds must be above 0");
        }
        Ok(Self {
            connections: arguments.connections,
            documents: arguments.documents,
            writers: arguments.writers.unwrap_or(per_document).min(per_document),
            interval: Duration::from_secs_f64(1.0 / arguments.keys),
            duration: Duration::from_secs(arguments.seconds),
        })
    }

    /// Measures once on these documents, whose basis moves on.
    pub(crate) async fn run(&self, target: &Target, documents: &mut [Basis]) -> Result<Measured> {
        let together: Vec<_> = documents.iter().map(|_| Arc::new(Together::default())).collect();
        let mut clients = Vec::with_capacity(self.connections);
        for number in 0..self.connections {
            let (document, place) = (number % self.documents, number / self.documents);
            let pace = (place < self.writers).then(|| self.pace());
            let together = Arc::clone(&together[document]);
            clients.push(Client::open(target.url(number), &documents[document], together, pace).await?);
        }
        // Everybody is here before anybody types.
        let epoch = Instant::now() + Duration::from_millis(200);
        let (before, own) = (self.cpu(target)?, measure::cpu(std::process::id())?);
        let mut working: JoinSet<_> = clients.into_iter().map(|client| client.work(epoch)).collect();
        let mut seen = Vec::with_capacity(self.connections);
        while let Some(done) = working.join_next().await {
            let (saw, basis) = done??;
            seen.push(saw);
            if let Some(document) = documents
                .iter_mut()
                .find(|document| document.document == basis.document)
            {
                *document = basis;
            }
        }
        let took = epoch.elapsed();
        let cpu = self.cpu(target)?.saturating_sub(before);
        let own = measure::cpu(std::process::id())?.saturating_sub(own);
        let resident = target.pid.map(measure::resident_bytes).transpose()?;
        Ok(summary(seen, cpu, own, took, resident.unwrap_or_default()))
    }

    fn cpu(&self, target: &Target) -> Result<Duration> {
        Ok(target.pid.map(measure::cpu).transpose()?.unwrap_or_default())
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: self.interval,
            first: self.interval.mul_f64(fastrand::f64()),
            duration: self.duration,
        }
    }
}

#[expect(clippy::cast_precision_loss)]
fn summary(seen: Vec<Seen>, cpu: Duration, own: Duration, took: Duration, resident: u64) -> Measured {
    let sum = |field: fn(&Seen) -> u64| seen.iter().map(field).sum::<u64>();
    let (typed, delivered) = (sum(|seen| seen.typed), sum(|seen| seen.delivered));
    let per_delivered = |value: u64| value as f64 / delivered.max(1) as f64;
    let (down, up) = (sum(|seen| seen.down), sum(|seen| seen.up));
    let (lost, again) = (sum(|seen| seen.lost), sum(|seen| seen.again));
    let mut latencies: Vec<u32> = seen.into_iter().flat_map(|seen| seen.latencies_us).collect();
    latencies.sort_unstable();
    let latency = |share| f64::from(measure::percentile(&latencies, share)) / 1000.0;
    Measured {
        typed,
        delivered,
        lost,
        again,
        cpu_us_per_delivered: cpu.as_secs_f64() * 1e6 / delivered.max(1) as f64,
        cpu_us_per_key: cpu.as_secs_f64() * 1e6 / typed.max(1) as f64,
        server_cpu_share: cpu.as_secs_f64() / took.as_secs_f64(),
        generator_cpu_share: own.as_secs_f64() / took.as_secs_f64(),
        latency_p50_ms: latency(0.50),
        latency_p95_ms: latency(0.95),
        latency_p99_ms: latency(0.99),
        resident_mb: resident as f64 / 1e6,
        bytes_down_per_delivered: per_delivered(down),
        bytes_up_per_delivered: per_delivered(up),
    }
}
