//! The child's side: limits first, then jobs.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use crate::codec::{decode_job, encode_answer};
use crate::document;
use crate::job::Answer;

/// Limit on memory, limit on CPU time: 8 bytes each.
pub(crate) const HEADER_BYTES: usize = 16;

/// Limits this process to what the parent says, then does one job after the other and writes each outcome, until there are
/// no more. Reading a document may panic: that is an outcome too. It replaces the process's panic hook and lowers its limits
/// for good: call it in a process that does nothing else, before any thread is started.
///
/// # Errors
/// When the pipes break or the limits cannot be set.
pub fn run_child(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    input.read_exact(&mut header).map_err(no_job)?;
    let [memory_bytes, cpu_seconds] = decode_header(&header);
    limit(memory_bytes, cpu_seconds)?;

    let mut length = [0; 8];
    while !ends(input.read_exact(&mut length))? {
        let length = u64::from_be_bytes(length);
        let mut job = Vec::new();
        job.try_reserve_exact(usize::try_from(length).map_err(io::Error::other)?)?;
        input.by_ref().take(length).read_to_end(&mut job)?;
        let answer = encode_answer(&perform(&job.into()));
        output.write_all(&(answer.len() as u64).to_be_bytes())?;
        output.write_all(&answer)?;
        output.flush()?;
    }
    Ok(())
}

fn ends(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
        read => read.map(|()| false),
    }
}

/// Only who starts the child by hand sees this.
fn no_job(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "standard input ended before there was a job"),
        _ => error,
    }
}

pub(crate) fn encode_header(numbers: [u64; 2]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    for (bytes, number) in header.chunks_exact_mut(8).zip(numbers) {
        bytes.copy_from_slice(&number.to_be_bytes());
    }
    header
}

fn decode_header(header: &[u8; HEADER_BYTES]) -> [u64; 2] {
    let (numbers, _) = header.as_chunks::<8>();
    [u64::from_be_bytes(numbers[0]), u64::from_be_bytes(numbers[1])]
}

/// The CPU limit ends a child whose parent was killed and can no longer end it. No core file: it would hold the document.
#[cfg(unix)]
fn limit(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    use rlimit::Resource;

    let lower = |resource: Resource, to: u64| {
        let (_, hard) = resource.get()?;
        resource.set(to.min(hard), to.min(hard))
    };
    lower(Resource::CORE, 0)?;
    lower(Resource::CPU, cpu_seconds)?;
    // Not every system knows this one (macOS does not); the deadline holds everywhere.
    let memory = lower(Resource::AS, memory_bytes);
    if cfg!(target_os = "linux") { memory } else { Ok(()) }
}

#[cfg(not(unix))]
fn limit(_memory_bytes: u64, _cpu_seconds: u64) -> io::Result<()> {
    Ok(())
}

thread_local! {
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn perform(job: &Bytes) -> Answer {
    // A panic's message may quote the document; its place does not.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|location| format!("{}:{}", source(location.file()), location.line()));
        PANICKED_AT.set(place);
    }));
    let outcome = catch_unwind(AssertUnwindSafe(|| match decode_job(job) {
        Ok(job) => document::perform(job),
        Err(error) => Err(format!("the job cannot be read: {error}")),
    }));
    match outcome {
        Ok(Ok(outcome)) => Answer::Done(outcome),
        Ok(Err(words)) => Answer::Refused(words),
        Err(_) => Answer::Panicked(PANICKED_AT.take().unwrap_or_else(|| "an unknown place".into())),
    }
}

/// `automerge-0.12.0/src/types.rs` of a path that begins with somebody's home.
fn source(file: &str) -> &str {
    let Some((before, _)) = file.rsplit_once("/src/") else {
        return file;
    };
    let start = before.rfind('/').map_or(0, |slash| slash + 1);
    &file[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_survives() {
        let numbers = [1, u64::MAX];
        assert_eq!(decode_header(&encode_header(numbers)), numbers);
    }

    #[test]
    fn a_place_names_the_crate_and_nobody_s_home() {
        assert_eq!(
            source("/home/ann/.cargo/registry/src/x/automerge-0.12.0/src/a/b.rs"),
            "automerge-0.12.0/src/a/b.rs"
        );
        assert_eq!(source("src/main.rs"), "src/main.rs");
    }
}
