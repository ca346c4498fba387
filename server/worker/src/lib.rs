//! Reading documents in a child process.
//!
//! A document from outside can make automerge panic, take gigabytes of memory, or compute for minutes. A thread can be
//! neither bounded nor stopped; a process can. So whatever is large or not trusted is read by a child: the same binary
//! started as `fieldbook worker`, with a limit on its address space and a deadline for each [`Job`].
//!
//! [`Workers`] start a child for each job; a [`LastingWorker`] keeps one for many small jobs.
//!
//! The parent writes to the child's stdin the limit on the address space in bytes and the limit on CPU time in seconds,
//! as big-endian 64-bit numbers; then jobs. The child writes an outcome for each to its stdout, and nothing else. Jobs and
//! outcomes are CBOR after their length, which is such a number.
//!
//! A program that is to be the child calls [`run_child`] first thing in `main`: threads started before it count against
//! the address space.

mod child;
mod codec;
mod document;
mod job;
mod lasting;
mod parent;

pub use child::run_child;
pub use job::{Job, Outcome};
pub use lasting::LastingWorker;
pub use parent::{WorkerError, WorkerLimits, Workers};
