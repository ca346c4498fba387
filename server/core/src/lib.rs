//! The sync engine of Fieldbook.
//!
//! Everything here is pure: time, ids and randomness are arguments, nothing reads a clock, a socket or a disk. The
//! server (`fieldbook`) feeds inputs in and performs the effects that come out.

pub mod access;
pub mod change;
pub mod history;
pub mod id;
pub mod limits;
pub mod message;
pub mod orphans;
pub mod presence;
pub mod reader;
pub mod room;
pub mod sync;
pub mod template;
pub mod wire;
