//! R4: whatever admission lets pass is harmless for every automerge client; and nothing that a real one makes is refused.
//!
//! `FIELDBOOK_SEEDS=20000` tries more, `FIELDBOOK_FROM=20000` others; `FIELDBOOK_SEED=17` tries one again.

#![allow(clippy::disallowed_types, reason = "the engine is held against real documents")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "admission/harmless.rs"]
mod harmless;
#[path = "admission/mutations.rs"]
mod mutations;
#[path = "world/rng.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod rng;
#[path = "admission/sessions.rs"]
mod sessions;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use automerge::{Change as Real, ChangeHash};
use fieldbook_core::change::Change;
use fieldbook_core::history::{Admission, ArchiveMeta, History, Placed, RetainedFrom, extend_index};
use fieldbook_core::limits::Limits;
use rng::Rng;
use sessions::Session;

const SEEDS: u64 = 100;
const MUTANTS: usize = 40;

type Told = BTreeMap<&'static str, u64>;

#[test]
fn what_is_admitted_is_harmless() {
    // Automerge's panics are what is looked for; each would be told at length.
    if number("FIELDBOOK_SEED").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let told = try_seeds(|rng, told| {
        let Some((session, changes)) = session(rng, 30, told) else {
            return Ok(());
        };
        let (real, _) = admit_what_goes(&changes, rng, told)?;
        for _ in 0..MUTANTS {
            let at = rng.below(real.len());
            let prefix = past_and_others(&real, at, rng);
            let Some(bytes) = mutations::mutate(&real[at], &real, rng) else {
                continue;
            };
            let mut history = history_of(&prefix, rng)?;
            let verdict = match Change::parse(bytes.clone().into(), &Limits::default()) {
                Err(refusal) => refusal.rule(),
                Ok(change) => match history.admit(change, None) {
                    Admission::Admitted(_) => "admitted",
                    Admission::Known => "known",
                    Admission::Waits { .. } => "waits",
                    Admission::Refused(refusal) => refusal.rule(),
                    Admission::Unreadable(error) => return Err(error.to_string()),
                },
            };
            *told.entry(verdict).or_default() += 1;
            *told.entry("mutants").or_default() += 1;
            if verdict == "admitted" {
                let mutant =
                    Real::try_from(bytes.as_slice()).map_err(|error| format!("admitted, not readable: {error}"))?;
                let words = format!("{:?}", mutant.decode());
                check_with(prefix, mutant, session.objects(), &mut history, rng)
                    .map_err(|why| format!("{why}: {words}"))?;
            }
        }
        Ok(())
    });
    let unheard: Vec<_> = RULES.iter().filter(|rule| !told.contains_key(*rule)).collect();
    assert!(
        unheard.is_empty() || number("FIELDBOOK_SEED").is_some(),
        "nothing was refused by {unheard:?}"
    );
}

#[test]
fn nothing_that_a_real_client_makes_is_refused_unless_it_is_harmful() {
    if number("FIELDBOOK_SEED").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    try_seeds(|rng, told| {
        let Some((_, real)) = session(rng, 400, told) else {
            return Ok(());
        };
        let (taken, history) = admit_what_goes(&real, rng, told)?;
        *told.entry("changes").or_default() += history.last();
        let in_another_order = harmless::in_another_order(&taken, rng);
        history_of(&in_another_order, rng).map(drop)
    });
}

/// `make sessions` has stock JavaScript clients write them: each change behind its length (4 bytes, the lowest first), 0 behind
/// each document.
#[test]
#[ignore = "FIELDBOOK_CHANGES names a file that tests/interop/sessions.mjs has written"]
fn nothing_that_a_javascript_client_makes_is_refused() {
    let path = std::env::var("FIELDBOOK_CHANGES").expect("FIELDBOOK_CHANGES");
    let bytes = bytes::Bytes::from(std::fs::read(path).unwrap());
    let (mut at, mut admitted, mut documents) = (0, 0, 0);
    let mut history = History::default();
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let chunk = bytes.slice(at + 4..at + 4 + length);
        at += 4 + length;
        if length == 0 {
            admitted += history.last();
            documents += 1;
            history = History::default();
            continue;
        }
        let change = Change::parse(chunk.clone(), &Limits::default());
        let outcome = change.map(|change| history.admit(change, None));
        let words = || Real::from_bytes(chunk.to_vec()).map(|change| format!("{:?}", change.decode()));
        assert!(
            matches!(outcome, Ok(Admission::Admitted(_))),
            "{outcome:?}: {:?}",
            words()
        );
    }
    println!("{admitted} changes of {documents} documents, none refused");
    assert!(admitted > 0, "there are no changes");
}

/// A session and its changes; `None` if automerge panics while it makes them.
fn session(rng: &mut Rng, steps: usize, told: &mut Told) -> Option<(Session, Vec<Real>)> {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let mut session = Session::new(rng);
        session.write(rng, steps);
        let changes = session.changes();
        (session, changes)
    }));
    *told.entry("not made").or_default() += u64::from(made.is_err());
    made.ok()
}

/// The mutant goes with what was there, also when somebody writes on.
fn check_with(
    mut changes: Vec<Real>,
    mutant: Real,
    objects: Vec<(automerge::ObjId, automerge::ObjType)>,
    history: &mut History,
    rng: &mut Rng,
) -> Result<(), String> {
    changes.push(mutant);
    harmless::check(&changes, rng)?;
    let mut after = Session::from(&changes, objects).map_err(|error| error.to_string())?;
    after.write(rng, 10);
    let more = after.changes();
    let known: HashSet<_> = changes.iter().map(Real::hash).collect();
    let more: Vec<_> = more
        .into_iter()
        .filter(|change| !known.contains(&change.hash()))
        .collect();
    admit_unless_harmful(history, &mut changes, &more, rng)
        .map_err(|why| format!("what was written after it: {why}"))?;
    harmless::check(&changes, rng)
}

fn admit_what_goes(real: &[Real], rng: &mut Rng, told: &mut Told) -> Result<(Vec<Real>, History), String> {
    let (mut taken, mut history) = (Vec::new(), History::default());
    let harmful = admit_unless_harmful(&mut history, &mut taken, real, rng)?;
    *told.entry("harmful").or_default() += harmful;
    Ok((taken, history))
}

/// Admits all of these, which automerge's API has made, and says how many were refused. That happens when a transaction
/// was isolated at old heads: automerge then may name an element that is not in the change's past, or leave out the
/// actor's own last change from it. Who gets such a change before what it names is lost, so it must be refused; but
/// nothing else may be. What depends on it goes with it.
fn admit_unless_harmful(
    history: &mut History,
    taken: &mut Vec<Real>,
    more: &[Real],
    rng: &mut Rng,
) -> Result<u64, String> {
    let mut refused: HashSet<ChangeHash> = HashSet::new();
    let mut harmful = 0;
    for change in more {
        if change.deps().iter().any(|dep| refused.contains(dep)) {
            refused.insert(change.hash());
            continue;
        }
        let Err(why) = admit(history, change) else {
            taken.push(change.clone());
            continue;
        };
        let mut past = past_of(taken, change);
        past.push(change.clone());
        let own_refused = refused.iter().any(|hash| is_by(more, *hash, change.actor_id()));
        if harmless::check(&past, rng).is_ok() && !own_refused {
            return Err(why);
        }
        refused.insert(change.hash());
        harmful += 1;
    }
    Ok(harmful)
}

fn is_by(changes: &[Real], hash: ChangeHash, actor: &automerge::ActorId) -> bool {
    changes
        .iter()
        .any(|change| change.hash() == hash && change.actor_id() == actor)
}

/// Those of `changes` that this one depends on, directly or not.
fn past_of(changes: &[Real], change: &Real) -> Vec<Real> {
    let mut past: HashSet<ChangeHash> = change.deps().iter().copied().collect();
    let mut found: Vec<_> = changes
        .iter()
        .rev()
        .filter(|change| {
            let is_in = past.contains(&change.hash());
            if is_in {
                past.extend(change.deps());
            }
            is_in
        })
        .cloned()
        .collect();
    found.reverse();
    found
}

/// Everything that the change at `at` depends on, and some of what does not depend on it.
fn past_and_others(real: &[Real], at: usize, rng: &mut Rng) -> Vec<Real> {
    let mut after: HashSet<ChangeHash> = HashSet::from([real[at].hash()]);
    let until = at + rng.below(real.len() - at);
    let mut prefix = real[..at].to_vec();
    for change in &real[at + 1..=until.max(at)] {
        let same_actor = change.actor_id() == real[at].actor_id();
        if same_actor || change.deps().iter().any(|dep| after.contains(dep)) {
            after.insert(change.hash());
        } else {
            prefix.push(change.clone());
        }
    }
    prefix
}

/// The history that these make; at times part of it lies in an archive.
fn history_of(changes: &[Real], rng: &mut Rng) -> Result<History, String> {
    let archived = if rng.percent(50) {
        rng.below(changes.len() + 1)
    } else {
        0
    };
    let mut history = History::default();
    for change in &changes[..archived] {
        admit(&mut history, change)?;
    }
    if archived > 0 {
        history = History::behind(Some(archive(&changes[..archived], &history)));
        let places = (1..).zip(&changes[..archived]);
        history.confirm(places.map(|(position, change)| placed(change, position)));
    }
    for change in &changes[archived..] {
        admit(&mut history, change)?;
    }
    Ok(history)
}

fn archive(changes: &[Real], before: &History) -> ArchiveMeta {
    let places: HashMap<_, _> = changes.iter().map(Real::hash).zip(1..).collect();
    let chunks = changes.iter().map(|change| change.raw_bytes().to_vec().into());
    let index = extend_index(&[], [], chunks, |dep| places.get(dep).copied()).unwrap();
    let mut clock = BTreeMap::new();
    for change in changes {
        clock.insert(change.actor_id().to_bytes().to_vec(), change.seq());
    }
    let deps: HashSet<_> = changes.iter().flat_map(Real::deps).collect();
    let heads = (1..).zip(changes).filter(|(_, change)| !deps.contains(&change.hash()));
    ArchiveMeta {
        position: before.last(),
        heads: heads.map(|(position, change)| placed(change, position)).collect(),
        clock: clock.into_iter().collect(),
        bytes: 0,
        retained: RetainedFrom {
            position: before.last() + 1,
            heads: Vec::new(),
        },
        index: index.encode().into(),
    }
}

fn placed(change: &Real, position: u64) -> Placed {
    Placed {
        hash: change.hash(),
        position,
    }
}

fn admit(history: &mut History, change: &Real) -> Result<(), String> {
    let bytes = change.raw_bytes().to_vec();
    let parsed = Change::parse(bytes.into(), &Limits::default()).map_err(|refusal| refusal.to_string())?;
    match history.admit(parsed, None) {
        Admission::Admitted(_) => Ok(()),
        other => Err(format!(
            "a real change is not admitted: {other:?}: {:?}",
            change.decode()
        )),
    }
}

/// Every rule for operations has refused something.
const RULES: [&str; 13] = [
    "action",
    "actor",
    "author",
    "element",
    "encoding",
    "key",
    "malformed",
    "mark",
    "object",
    "predecessor",
    "start-op",
    "time",
    "value",
];

fn try_seeds(attempt: impl Fn(&mut Rng, &mut Told) -> Result<(), String> + Sync) -> Told {
    let one = number("FIELDBOOK_SEED");
    let first = one.or(number("FIELDBOOK_FROM")).unwrap_or(0);
    let seeds = one.map_or_else(|| number("FIELDBOOK_SEEDS").unwrap_or(SEEDS), |_| 1);
    let next = AtomicU64::new(first);
    let (told, failed) = (Mutex::new(Told::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < first + seeds) {
                    let mut own = Told::new();
                    let outcome = catch_unwind(AssertUnwindSafe(|| attempt(&mut Rng::new(seed), &mut own)));
                    if let Err(why) = outcome.unwrap_or_else(|_| Err("it panics".to_owned())) {
                        failed.lock().unwrap().push((seed, why));
                    }
                    let mut told = told.lock().unwrap();
                    own.into_iter()
                        .for_each(|(rule, times)| *told.entry(rule).or_default() += times);
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    println!("{told:?}");
    assert!(
        told["not made"] <= seeds / 20,
        "automerge makes too few sessions to try anything on"
    );
    let failed = failed.into_inner().unwrap();
    for (seed, why) in &failed {
        println!("FIELDBOOK_SEED={seed}: {}", why.chars().take(1_500).collect::<String>());
    }
    let seeds_failed: Vec<_> = failed.iter().map(|(seed, _)| seed).collect();
    if !failed.is_empty() {
        // Also when panics are not told.
        eprintln!(
            "{} of {seeds} seeds failed: {seeds_failed:?}; replay: FIELDBOOK_SEED=… cargo nextest run -p fieldbook-core --test admission --no-capture",
            failed.len()
        );
    }
    assert!(failed.is_empty(), "{seeds_failed:?}");
    told
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
