//! Reading documents in a child process.
//!
//! A document from outside can make automerge panic, take gigabytes of memory, or compute for minutes. A thread can be
//! neither bounded nor stopped; a process can. So whatever is large or not trusted is read by a child: the same binary
//! started as `fieldbook worker`, with a limit on its address space and a deadline, for one [`Job`].
//!
//! The parent writes a frame to the child's stdin and reads one from its stdout. Both are CBOR after a header of
//! big-endian 64-bit numbers: the limit on the address space in bytes, the limit on CPU time in seconds and the job's
//! length there; the outcome's length here. Nothing else is ever written to stdout.
//!
//! A program that is to be the child calls [`run_child`] first thing in `main`: threads started before it count against
//! the address space.

mod child;
mod codec;
mod document;
mod job;
mod parent;

pub use child::run_child;
pub use job::{Job, Outcome};
pub use parent::{WorkerError, WorkerLimits, Workers};
