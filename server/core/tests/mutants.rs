//! Would the simulator notice? Each mutant of the engine breaks an invariant, and `convergence` must say which.
//!
//! `make test` plants one for each invariant; all of them are planted by `make mutants`, in some minutes.
//! `FIELDBOOK_MUTANT=orphans,cursor` plants those with such words in their names; `FIELDBOOK_SEEDS` sets how many lives each gets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "mutants/list.rs"]
mod list;

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use list::{INVARIANTS, MUTANTS, Mutant, ONE_EACH, UNNOTICED};

/// Lives of each mutant of `make test`: they are those that break nearly every life.
const SEEDS_OF_FEW: &str = "300";
/// Lives of each mutant of `make mutants`: some break one in thousands.
const SEEDS_OF_ALL: &str = "20000";
/// A mutant that has not come to its end by then is cut off, and what it has said counts.
const MOST_SECONDS: &str = "600";

#[test]
fn each_mutant_is_one_place_in_the_sources() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    for mutant in MUTANTS.iter().chain(UNNOTICED) {
        mutate(core, mutant).unwrap_or_else(|why| panic!("{why}"));
    }
}

#[test]
fn the_simulator_notices_a_bug_against_each_invariant() {
    let one_each = MUTANTS.iter().filter(|mutant| ONE_EACH.contains(&mutant.name));
    let invariants: BTreeSet<_> = one_each.clone().map(|mutant| mutant.breaks).collect();
    assert!(invariants.is_superset(&INVARIANTS.into()) && one_each.clone().count() == ONE_EACH.len());
    all_are_noticed(one_each, SEEDS_OF_FEW);
}

#[test]
#[ignore = "compiles the engine once for each mutant: make mutants"]
fn the_simulator_notices_each_mutant() {
    let words = env::var("FIELDBOOK_MUTANT").unwrap_or_default();
    let chosen = |mutant: &&Mutant| words.split(',').any(|word| mutant.name.contains(word));
    all_are_noticed(MUTANTS.iter().filter(chosen), SEEDS_OF_ALL);
}

fn all_are_noticed<'a>(mutants: impl Iterator<Item = &'a Mutant>, seeds: &str) {
    let copy = Copy::make(env::var("FIELDBOOK_SEEDS").unwrap_or_else(|_| seeds.to_owned()));
    let mut missed = Vec::new();
    for mutant in mutants {
        let noticed = copy.notices(mutant);
        let how = noticed.as_deref().unwrap_or("MISSED");
        println!("{:<4} {}: {how}", mutant.breaks, mutant.name);
        missed.extend(noticed.err());
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The mutant's file, with its one change made.
fn mutate(core: &Path, mutant: &Mutant) -> Result<String, String> {
    let source = fs::read_to_string(core.join("src").join(mutant.file)).map_err(|error| error.to_string())?;
    match source.matches(mutant.find).count() {
        1 => Ok(source.replace(mutant.find, mutant.replace)),
        times => Err(format!(
            "\"{}\": src/{} has its text {times} times, not once; mend it in tests/mutants/list.rs",
            mutant.name, mutant.file
        )),
    }
}

/// A workspace of the engine and its simulator alone, outside the clone. It stays for the next run, with what was built of it.
struct Copy {
    core: PathBuf,
    target: PathBuf,
    seeds: String,
    /// Nobody else alters it meanwhile.
    _lock: File,
}

impl Copy {
    fn make(seeds: String) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let clone = from.ancestors().nth(2).unwrap();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| clone.join("target"), PathBuf::from);
        let folder = target.join("mutants");
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let copy = Self {
            core: folder.join("copy/server/core"),
            target: folder,
            seeds,
            _lock: lock,
        };
        let _ = fs::remove_dir_all(copy.workspace());
        copy_tree(&from.join("src"), &copy.core.join("src"));
        copy_tree(&from.join("tests/world"), &copy.core.join("tests/world"));
        fs::copy(
            from.join("tests/convergence.rs"),
            copy.core.join("tests/convergence.rs"),
        )
        .unwrap();
        fs::copy(clone.join("Cargo.lock"), copy.workspace().join("Cargo.lock")).unwrap();
        copy.write_manifests(clone, from);
        copy
    }

    /// Of the clone, but for one member, which needs nothing to be tested with.
    fn write_manifests(&self, clone: &Path, core: &Path) {
        let manifest = fs::read_to_string(clone.join("Cargo.toml")).unwrap();
        let (before, rest) = manifest.split_once("members = [").unwrap();
        let (_, after) = rest.split_once("\n]").unwrap();
        let manifest = format!("{before}members = [\"server/core\"]{after}");
        fs::write(self.workspace().join("Cargo.toml"), manifest).unwrap();
        let manifest = fs::read_to_string(core.join("Cargo.toml")).unwrap();
        let (manifest, _) = manifest.split_once("[dev-dependencies]").unwrap();
        fs::write(self.core.join("Cargo.toml"), manifest).unwrap();
    }

    fn workspace(&self) -> &Path {
        self.core.ancestors().nth(2).unwrap()
    }

    /// Says by which seeds it was noticed, or why it was not.
    fn notices(&self, mutant: &Mutant) -> Result<String, String> {
        let file = self.core.join("src").join(mutant.file);
        let engine = fs::read_to_string(&file).unwrap();
        fs::write(&file, mutate(&self.core, mutant)?).unwrap();
        let built = self.build();
        let lived = built.status.success().then(|| self.live());
        fs::write(&file, engine).unwrap();
        let Some(lived) = lived else {
            return Err(format!("\"{}\" does not compile:\n{}", mutant.name, tell(&built)));
        };
        let told = tell(&lived);
        if told.contains(&format!("{}: ", mutant.breaks)) && !lived.status.success() {
            let seeds = told
                .lines()
                .find(|line| line.contains("seeds failed"))
                .unwrap_or("noticed");
            return Ok(seeds.chars().take(100).collect());
        }
        let mut other: Vec<_> = told
            .lines()
            .filter(|line| line.contains("panicked") || line.contains(": "))
            .collect();
        other.truncate(10);
        Err(format!(
            "\"{}\" is not told as {}:\n{}",
            mutant.name,
            mutant.breaks,
            other.join("\n")
        ))
    }

    /// However long it takes: the first time, dependencies are compiled, too.
    fn build(&self) -> Output {
        self.cargo("0").arg("--no-run").output().unwrap()
    }

    fn live(&self) -> Output {
        let mut command = self.cargo(MOST_SECONDS);
        command
            .args(["--", "--nocapture", "all_have"])
            .env("FIELDBOOK_SEEDS", &self.seeds)
            .env_remove("FIELDBOOK_SEED")
            .env("RUST_BACKTRACE", "0");
        command.output().unwrap()
    }

    /// `timeout` ends those that do not end by themselves; "0": never. One mutant differs little from the next, so what
    /// was compiled of it serves again.
    fn cargo(&self, most_seconds: &str) -> Command {
        let mut command = Command::new("timeout");
        command
            .args([most_seconds, env!("CARGO"), "test", "--offline", "--quiet"])
            .args(["--package", "fieldbook-core", "--test", "convergence"])
            .current_dir(self.workspace())
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "1");
        command
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn tell(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}
