//! Each target, on real inputs that were altered, for a bounded time.
//!
//! `FIELDBOOK_SEEDS=1000000` tries more, `FIELDBOOK_FROM=1000000` others; `FIELDBOOK_SEED=17` tries one again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use fieldbook_fuzz::mutate::mutate;
use fieldbook_fuzz::{TARGETS, Target, session};

#[test]
fn wire() {
    run("wire", 600_000);
}

#[test]
fn change() {
    run("change", 10_000);
}

#[test]
fn message() {
    run("message", 1_000_000);
}

#[test]
fn session() {
    run("session", 5_000);
}

#[test]
fn real_inputs_go_through() {
    for Target { run, corpus, .. } in &TARGETS {
        corpus().iter().for_each(|input| run(input));
    }
}

/// Somebody from elsewhere sends a change before there is a document, and somebody of ours what it depends on.
#[test]
fn a_strangers_waiting_change_is_not_let_in() {
    let mut play = session::script(0, &[[0, 3, 0, 0], [0, 0, 0, 0]]);
    play.extend(session::steps(&[
        [2, 0, 6, 1],
        [2, 1, 0, 6],
        [10, 0, 0, 0],
        [10, 0, 0, 0],
    ]));
    session::target(&play);
}

fn run(name: &str, seeds: u64) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let corpus = (target.corpus)();
    let one = number("FIELDBOOK_SEED");
    let first = one.or(number("FIELDBOOK_FROM")).unwrap_or(0);
    let seeds = one.map_or_else(|| number("FIELDBOOK_SEEDS").unwrap_or(seeds), |_| 1);
    let mut failed = Vec::new();
    for seed in first..first + seeds {
        let input = mutate(&corpus, &mut Rng::with_seed(seed));
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            println!(
                "replay: FIELDBOOK_SEED={seed} cargo nextest run -p fieldbook-fuzz --test bounded --no-capture {name}"
            );
            println!("input: {input:02x?}");
            failed.push(seed);
            if failed.len() == 10 {
                break;
            }
        }
    }
    assert!(failed.is_empty(), "{name} fails for the seeds {failed:?}");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
