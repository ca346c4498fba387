//! What kind of world a seed makes: how many people, which faults, how eager compaction is.

use fieldbook_core::id::PeerId;
use fieldbook_core::limits::{Compaction, Limits, Timing};
use fieldbook_core::room::{RoomConfig, WORK_AT_ONCE};

use super::rng::Rng;

/// What a client may do, and so what is expected of it at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Editor,
    /// Writes too, and at times sends what is refused.
    Forger,
    Viewer,
    /// From another workspace: must never learn anything.
    Stranger,
}

pub(crate) struct Settings {
    pub(crate) kinds: Vec<Kind>,
    /// The first so many clients bring the document.
    pub(crate) creators: usize,
    /// They made it apart from each other, rather than sharing one beginning.
    pub(crate) creators_differ: bool,
    pub(crate) steps: usize,
    pub(crate) cuts: u64,
    pub(crate) crashes: u64,
    pub(crate) restarts: u64,
    /// How often all leave, so that the room goes too.
    pub(crate) exoduses: u64,
    pub(crate) store_fails: u64,
    /// A compaction is over long before the room hears of it.
    pub(crate) compacts_in_silence: bool,
    /// How many changes one edit makes at the most.
    pub(crate) burst: u64,
    /// Some clients send what stock ones do not (but may), and all move their cursors.
    pub(crate) quirks: bool,
    /// How often somebody gets another role, or is removed, or comes back.
    pub(crate) regrants: u64,
    /// Little of anything may be held.
    pub(crate) small: bool,
    pub(crate) room: RoomConfig,
}

impl Settings {
    pub(crate) fn from(seed: u64, rng: &mut Rng) -> Self {
        let editors = rng.between(2, 4) as usize;
        let mut kinds = vec![Kind::Editor; editors];
        kinds.extend((0..rng.between(0, 2)).map(|_| Kind::Viewer));
        if rng.percent(35) {
            kinds.push(Kind::Forger);
        }
        if rng.percent(30) || kinds.len() < 3 {
            kinds.push(Kind::Stranger);
        }
        let calm = rng.percent(20);
        let mut often = |most: u64| if calm { 0 } else { rng.between(0, most) };
        let (cuts, crashes, restarts, store_fails) = (often(6), often(2), often(2), often(3));
        let exoduses = if calm { 0 } else { rng.pick(&[0, 1, 2, 8]) };
        let regrants = if calm { 0 } else { rng.pick(&[0, 0, 1, 3]) };
        let small = rng.percent(25);
        // All come and go, and whoever comes back finds that the archive has grown.
        let restless = !calm && rng.percent(15);
        let exoduses = if restless { 8 } else { exoduses };
        // Devices lose what they had written last.
        let restarts = if !calm && rng.percent(10) { 6 } else { restarts };
        Self {
            kinds,
            creators: if rng.percent(25) { 2 } else { 1 },
            creators_differ: rng.percent(30),
            steps: rng.between(60, 260) as usize,
            cuts,
            crashes,
            restarts,
            exoduses,
            store_fails,
            compacts_in_silence: restless,
            burst: rng.pick(&[1, 1, 2, 5]),
            quirks: seed.is_multiple_of(3),
            regrants,
            small,
            room: RoomConfig {
                limits: if small { small_limits() } else { Limits::default() },
                ..room_config(rng, restless)
            },
        }
    }
}

fn small_limits() -> Limits {
    Limits {
        orphans: 3,
        orphan_bytes: 2 << 10,
        unsaved_bytes: 1 << 10,
        ephemeral_bytes: 16,
        presence_bytes: 8,
        ..Limits::default()
    }
}

fn room_config(rng: &mut Rng, restless: bool) -> RoomConfig {
    let timing = Timing {
        window_messages: rng.between(1, 4) as usize,
        window_ms: rng.pick(&[500, 5_000]),
        unload_ms: rng.pick(&[200, 5_000]),
        ..Timing::default()
    };
    let compaction = if restless {
        Compaction {
            min_changes: rng.between(1, 2),
            tail_share: 0.0,
            interval_ms: 0,
            retained_changes: rng.between(1, 3) as usize,
            ..Compaction::default()
        }
    } else if rng.percent(75) {
        Compaction {
            min_changes: rng.between(1, 12),
            tail_share: rng.pick(&[0.0, 0.1, 0.5]),
            idle_ms: rng.between(100, 2_000),
            idle_changes: rng.between(0, 5),
            interval_ms: rng.between(0, 2_000),
            retained_changes: rng.between(0, 8) as usize,
            retained_bytes: rng.pick(&[0, 300, 1_000, 256 << 10]),
        }
    } else {
        Compaction::default()
    };
    RoomConfig {
        us: PeerId::new("fieldbook").unwrap(),
        limits: Limits::default(),
        timing,
        compaction,
        // Little: two or three changes fill a step, and the rest of their message waits.
        work_at_once: rng.pick(&[WORK_AT_ONCE, 100, 300]),
    }
}
