//! The parent's side: a child, what it is told and what it says, and an end to it.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

use crate::child::encode_header;
use crate::codec::{decode_answer, encode_job};
use crate::job::{Answer, Job, Outcome};

/// What is read of a child's stderr, to tell a lack of memory from other ends.
const STDERR_BYTES: u64 = 4096;

/// What a child may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Its address space: program, job, document and outcome together. A document of 10,000 changes, one per
    /// keystroke, fits into 48 MiB.
    pub memory_bytes: u64,
    /// From its start to its outcome.
    pub deadline: Duration,
    /// Children at the same time; further jobs wait.
    pub concurrent: usize,
    /// Documents larger than this are refused without starting a child.
    pub input_bytes: usize,
    /// An outcome larger than this ends the child.
    pub output_bytes: usize,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            deadline: Duration::from_secs(60),
            concurrent: 2,
            input_bytes: 256 << 20,
            output_bytes: 512 << 20,
        }
    }
}

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// The document is not in order. The words say what is wrong.
    #[error("the document cannot be used: {0}")]
    Refused(String),
    /// Reading the document panicked, at this place in the source.
    #[error("the document cannot be used: reading it panics at {0}")]
    Panicked(String),
    /// The document took more memory than `memory_bytes`.
    #[error("reading the document takes more memory than worker.memory_bytes allows")]
    OutOfMemory,
    /// The document took longer than `deadline`.
    #[error("reading the document takes longer than {0:?} (worker.deadline_ms)")]
    Deadline(Duration),
    /// The document is larger than `input_bytes`; no child was started.
    #[error("the document has {bytes} bytes, worker.input_bytes allows {limit}")]
    InputTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The outcome is larger than `output_bytes`.
    #[error("the outcome is larger than worker.output_bytes allows")]
    OutputTooLarge,
    /// The child ended without an outcome.
    #[error("the worker ended without an outcome: {0}")]
    Crashed(String),
    /// The child could not be started. Worth trying again.
    #[error("the worker cannot be started: {0}")]
    Start(String),
}

impl WorkerError {
    /// Whether the child is lost with it, or was never there.
    pub(crate) fn is_about_the_child(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Panicked(_) | Self::InputTooLarge { .. })
    }

    /// Whether the document is at fault, so that the same job will fail again.
    #[must_use]
    pub fn is_about_the_document(&self) -> bool {
        !matches!(self, Self::Crashed(_) | Self::Start(_))
    }
}

/// Starts children. Cheap to clone; clones share the limit on concurrency.
#[derive(Debug, Clone)]
pub struct Workers {
    program: PathBuf,
    limits: WorkerLimits,
    places: Arc<Semaphore>,
}

impl Workers {
    /// `program worker` must call [`run_child`](crate::run_child).
    #[must_use]
    pub fn new(program: PathBuf, limits: WorkerLimits) -> Self {
        let places = Arc::new(Semaphore::new(limits.concurrent.clamp(1, Semaphore::MAX_PERMITS)));
        Self {
            program,
            limits,
            places,
        }
    }

    /// Does one job in a child of its own, as soon as there is a place. The outcome is of the job's kind. When the
    /// future is dropped, the child is killed.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn run(&self, job: Job) -> Result<Outcome, WorkerError> {
        let _place = self.place_for(&job).await?;
        let mut running = self.start()?;
        let outcome = running.perform(&job, &self.limits).await;
        running.end().await;
        outcome
    }

    /// Waits for one; what is too large gets none.
    pub(crate) async fn place_for(&self, job: &Job) -> Result<SemaphorePermit<'_>, WorkerError> {
        let (bytes, limit) = (job.bytes(), self.limits.input_bytes);
        if bytes > limit {
            return Err(WorkerError::InputTooLarge { bytes, limit });
        }
        let place = self.places.acquire().await;
        place.map_err(|error| WorkerError::Start(error.to_string()))
    }

    pub(crate) fn limits(&self) -> &WorkerLimits {
        &self.limits
    }

    pub(crate) fn start(&self) -> Result<Running, WorkerError> {
        let mut child = Command::new(&self.program)
            .arg("worker")
            // Whoever takes over a child finds no secrets in it.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| WorkerError::Start(error.to_string()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(WorkerError::Start("it has no pipes".into()));
        };
        Ok(Running {
            child,
            stdin,
            stdout,
            complaint: tokio::spawn(read_complaint(stderr)),
            is_limited: false,
        })
    }
}

/// A child that waits for a job.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    complaint: JoinHandle<String>,
    /// It was told its limits.
    is_limited: bool,
}

impl Running {
    /// After an error that is about the child (see [`WorkerError::is_about_the_child`]) it is good for nothing more.
    pub(crate) async fn perform(&mut self, job: &Job, limits: &WorkerLimits) -> Result<Outcome, WorkerError> {
        let answer = tokio::time::timeout(limits.deadline, self.converse(job, limits)).await;
        match answer.map_err(|_| WorkerError::Deadline(limits.deadline))?? {
            Answer::Done(outcome) if job.is_answered_by(&outcome) => Ok(outcome),
            Answer::Done(_) => Err(WorkerError::Crashed("it answered another question".into())),
            Answer::Refused(words) => Err(WorkerError::Refused(words)),
            Answer::Panicked(place) => Err(WorkerError::Panicked(place)),
        }
    }

    /// Harmless if it has ended; and waits for the end, so that its place is really free.
    pub(crate) async fn end(mut self) {
        let _ = self.child.kill().await;
    }

    async fn converse(&mut self, job: &Job, limits: &WorkerLimits) -> Result<Answer, WorkerError> {
        // A child that ends early breaks this pipe; how it ended says more than that.
        let _ = self.send(job, limits).await;
        match receive(&mut self.stdout, limits.output_bytes).await {
            Ok(frame) => decode_answer(&frame).map_err(|error| WorkerError::Crashed(error.to_string())),
            Err(Reception::TooLarge) => Err(WorkerError::OutputTooLarge),
            Err(Reception::Ended) => {
                let crashed = |error: &dyn std::fmt::Display| WorkerError::Crashed(error.to_string());
                let status = self.child.wait().await.map_err(|error| crashed(&error))?;
                let complaint = (&mut self.complaint).await.map_err(|error| crashed(&error))?;
                Err(diagnose(status, &complaint))
            }
        }
    }

    async fn send(&mut self, job: &Job, limits: &WorkerLimits) -> std::io::Result<()> {
        if !self.is_limited {
            // A child that has its parent's deadline twice over has no parent any more.
            let cpu_seconds = limits.deadline.as_secs().saturating_add(1).saturating_mul(2);
            let header = encode_header([limits.memory_bytes, cpu_seconds]);
            self.stdin.write_all(&header).await?;
            self.is_limited = true;
        }
        let frame = encode_job(job);
        self.stdin.write_u64(frame.len() as u64).await?;
        self.stdin.write_all(&frame).await?;
        self.stdin.flush().await
    }
}

enum Reception {
    Ended,
    TooLarge,
}

async fn receive(stdout: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Bytes, Reception> {
    let length = stdout.read_u64().await.map_err(|_| Reception::Ended)?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= limit)
        .ok_or(Reception::TooLarge)?;
    let mut frame = Vec::new();
    stdout
        .take(length as u64)
        .read_to_end(&mut frame)
        .await
        .map_err(|_| Reception::Ended)?;
    if frame.len() == length {
        Ok(frame.into())
    } else {
        Err(Reception::Ended)
    }
}

/// Reads to the end, so that the child is never held up, and keeps the beginning.
async fn read_complaint(mut stderr: ChildStderr) -> String {
    let mut complaint = Vec::new();
    let _ = (&mut stderr).take(STDERR_BYTES).read_to_end(&mut complaint).await;
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&complaint).into_owned()
}

/// The complaint itself goes nowhere: it might quote the document.
fn diagnose(status: ExitStatus, complaint: &str) -> WorkerError {
    if complaint.contains("memory allocation") {
        WorkerError::OutOfMemory
    } else {
        WorkerError::Crashed(status.to_string())
    }
}
