//! Fuzz targets: what bytes from a client reach in the engine, one plain function each.
//!
//! `cargo-fuzz` (nightly) calls them with whatever finds new ways through the code; the tests of this crate (stable) call
//! them with real inputs that were altered, as many as the time of a test run allows.

pub mod bombs;
pub mod change;
pub mod corpus;
#[path = "../../../server/core/tests/admission/harmless.rs"]
#[allow(dead_code, reason = "the property test uses the rest")]
mod harmless;
pub mod message;
pub mod mutate;
#[path = "../../../server/core/tests/world/rng.rs"]
#[allow(dead_code, reason = "the property test uses the rest")]
mod rng;
pub mod session;
pub mod wire;

use fieldbook_core::limits::Limits;

/// A target: its name, its function, and real inputs to begin with.
pub struct Target {
    /// Its name, for `cargo fuzz run`.
    pub name: &'static str,
    /// Panics if something is wrong.
    pub run: fn(&[u8]),
    /// Real inputs.
    pub corpus: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 4] = [
    Target {
        name: "wire",
        run: wire::target,
        corpus: corpus::frames,
    },
    Target {
        name: "change",
        run: change::target,
        corpus: corpus::chunks,
    },
    Target {
        name: "message",
        run: message::target,
        corpus: corpus::messages,
    },
    Target {
        name: "session",
        run: session::target,
        corpus: corpus::scripts,
    },
];

/// Small bounds, so that few bytes can reach them.
#[must_use]
pub fn limits() -> Limits {
    Limits {
        change_bytes: 64 << 10,
        change_ops: 5_000,
        message_hashes: 1_000,
        message_changes: 5_000,
        message_lookups: 100,
        resets_per_minute: 60,
        orphans: 20,
        orphan_bytes: 16 << 10,
        unsaved_bytes: 256 << 10,
        ephemeral_bytes: 1 << 10,
        presence_bytes: 64,
    }
}
