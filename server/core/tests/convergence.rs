//! Many short lives of a document, with everything that can go wrong: rules R1–R8, R10, and D5, D6, E1, S3, S5–S7, S10.
//!
//! `FIELDBOOK_SEEDS=20000` lives more of them, `FIELDBOOK_FROM=20000` others; `FIELDBOOK_SEED=17` lives one again, aloud.

#![allow(clippy::disallowed_types, reason = "the engine is held against real documents")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod world;

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};

use world::{Story, World};

const SEEDS: u64 = 10_000;
/// So many failures tell what there is to tell.
const MOST_FAILED: u64 = 20;

#[test]
fn all_have_the_same_in_the_end() {
    if let Some(seed) = number("FIELDBOOK_SEED") {
        println!("{:#?}", World::live(seed, true));
        return;
    }
    let seeds = number("FIELDBOOK_SEEDS").unwrap_or(SEEDS);
    let first = number("FIELDBOOK_FROM").unwrap_or(0);
    let (next, failures) = (AtomicU64::new(first), AtomicU64::new(0));
    let lives: Vec<(u64, Option<Story>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| live_all(&next, first + seeds, &failures)))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let stories = lives.iter().filter_map(|(_, story)| *story);
    println!("{:#?}", stories.fold(Story::default(), Story::and));
    let failed: Vec<_> = lives
        .iter()
        .filter(|(_, story)| story.is_none())
        .map(|(seed, _)| seed)
        .collect();
    for seed in &failed {
        println!(
            "to replay: FIELDBOOK_SEED={seed} cargo nextest run -p fieldbook-core --test convergence --no-capture all_have"
        );
    }
    assert!(
        failed.is_empty(),
        "{} of {} seeds failed: {failed:?}",
        failed.len(),
        lives.len()
    );
}

#[test]
fn a_seed_lives_the_same_life_twice() {
    for seed in 0..20 {
        assert_eq!(World::live(seed, false), World::live(seed, false), "seed {seed}");
    }
}

fn live_all(next: &AtomicU64, end: u64, failures: &AtomicU64) -> Vec<(u64, Option<Story>)> {
    std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed))
        .take_while(|seed| *seed < end && failures.load(Ordering::Relaxed) < MOST_FAILED)
        .map(|seed| {
            let story = catch_unwind(|| World::live(seed, false)).ok();
            if story.is_none() {
                println!("seed {seed} failed");
                failures.fetch_add(1, Ordering::Relaxed);
            }
            (seed, story)
        })
        .collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
