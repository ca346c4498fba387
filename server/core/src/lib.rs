//! The sync engine of Fieldbook.
//!
//! Everything here is pure: time, ids and randomness are arguments, nothing reads a clock, a socket or a disk. The
//! server (`fieldbook`) feeds inputs in and performs the effects that come out.

#![cfg_attr(
    test,
    allow(clippy::disallowed_types, reason = "tests hold the engine against real documents")
)]

pub mod access;
pub mod change;
pub mod history;
pub mod id;
pub mod limits;
pub mod message;
pub mod orphans;
pub mod presence;
pub mod reader;
pub mod receipt;
pub mod room;
pub mod sync;
#[allow(clippy::disallowed_types, reason = "it makes a new document")]
pub mod template;
pub mod wire;
