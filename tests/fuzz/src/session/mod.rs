//! `core::room`: bytes are a script of what several people, the store and the clock do to one room.
//!
//! The first byte says what is stored when it begins: nothing, changes, or an archive with changes after it. Steps follow,
//! four bytes each ([`Step`]). After each step, what was sent and what was given to the store is held against what is
//! stored and against what its sender may do.

mod script;
mod stage;
mod store;

use script::{Script, Step};
pub use script::{raw, script, steps};
use stage::Stage;

/// Any bytes, as a script.
///
/// # Panics
/// If the room breaks a rule.
pub fn target(data: &[u8]) {
    let Some((stored, rest)) = data.split_first() else {
        return;
    };
    let mut stage = Stage::new(*stored);
    for Step { verb, who, what, rest } in Script::new(rest) {
        match verb {
            0 => stage.open(who),
            1 => stage.hello(who, what),
            2 => stage.offer(who, what),
            3 => stage.message(who, rest),
            4 => stage.frame(who, rest),
            5 => stage.broken(who, what),
            6 => stage.presence(who, what),
            7 => stage.whisper(who, what),
            8 => stage.leave(who, what[0] & 1 == 1),
            9 => stage.time_passes(u64::from(who) << 8 | u64::from(what[0])),
            10 => stage.store_works(who),
            11 => stage.store_fails(who),
            _ => stage.restart(),
        }
    }
    stage.time_passes(30_000);
}
