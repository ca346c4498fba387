//! The jobs themselves: all that is done with automerge.
//!
//! Automerge is lenient where a store must not be: a change whose dependencies are missing waits in silence, garbage is
//! skipped with a warning, checksums of single changes are not compared. So everything is counted.

use std::collections::{BTreeMap, HashSet};

use automerge::{Automerge, Change, ChangeHash, ObjType, ROOT, ReadDoc, ScalarValue, Value};
use bytes::Bytes;

use crate::job::{Job, Outcome};

const TITLE_CHARS: usize = 200;
/// Magic, checksum, type.
const CHUNK_PREFIX: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DOCUMENT_CHUNK: u8 = 0;

/// An error is in words, about the document.
pub(crate) fn perform(job: Job) -> Result<Outcome, String> {
    match job {
        Job::Compact {
            archive,
            tail,
            expected_heads,
        } => compact(archive, tail, expected_heads),
        Job::Expand {
            bytes,
            max_changes,
            max_total_bytes,
        } => expand(&bytes, max_changes, max_total_bytes),
        Job::Summarise { archive, tail } => Ok(Outcome::Summary {
            title: title(&load(archive, tail)?),
        }),
        Job::Verify { archive, tail } => {
            let document = load(archive, tail)?;
            save(&document)?;
            // What cannot be read panics, and a panic is told.
            drop(document.hydrate(None));
            Ok(Outcome::Verified {
                heads: document.get_heads(),
                changes: document.stats().num_changes,
            })
        }
        Job::Export { archive, tail } => Ok(Outcome::Exported {
            bytes: save(&load(archive, tail)?)?,
        }),
    }
}

fn compact(archive: Option<Bytes>, tail: Vec<Bytes>, mut expected: Vec<ChangeHash>) -> Result<Outcome, String> {
    let document = load(archive, tail)?;
    expected.sort_unstable();
    expected.dedup();
    let heads = document.get_heads();
    if heads != expected {
        return Err(format!(
            "the heads are {}, expected were {}",
            in_words(&heads),
            in_words(&expected)
        ));
    }
    let bytes = save(&document)?;
    Ok(Outcome::Compacted {
        bytes,
        clock: clock(&document),
        title: title(&document),
    })
}

fn expand(bytes: &[u8], max_changes: u64, max_total_bytes: u64) -> Result<Outcome, String> {
    let document = load_archive(bytes)?;
    let count = document.stats().num_changes;
    if count > max_changes {
        return Err(format!("the document has {count} changes, allowed are {max_changes}"));
    }
    let mut seen = HashSet::new();
    let mut total_bytes = 0;
    let mut changes = Vec::new();
    for mut change in document.get_changes(&[]) {
        total_bytes += change.raw_bytes().len() as u64;
        if total_bytes > max_total_bytes {
            return Err(format!("the document's changes have more than {max_total_bytes} bytes"));
        }
        if !change.deps().iter().all(|dependency| seen.contains(dependency)) {
            return Err(format!("change {} comes before what it depends on", change.hash()));
        }
        seen.insert(change.hash());
        changes.push(Bytes::from(change.bytes().into_owned()));
    }
    if seen.len() as u64 != count {
        return Err(format!(
            "the document says that it has {count} changes, found were {}",
            seen.len()
        ));
    }
    Ok(Outcome::Expanded { changes })
}

/// Loads all of it, or says what does not load.
fn load(archive: Option<Bytes>, tail: Vec<Bytes>) -> Result<Automerge, String> {
    let mut document = match archive {
        Some(bytes) => load_archive(&bytes)?,
        None => Automerge::new(),
    };
    let archived = document.stats().num_changes;
    let mut changes = Vec::with_capacity(tail.len());
    let mut hashes = HashSet::new();
    for (index, bytes) in tail.into_iter().enumerate() {
        let change = read_change(&bytes).map_err(|error| format!("change {} of the tail: {error}", index + 1))?;
        if !hashes.insert(change.hash()) || document.get_change_meta_by_hash(&change.hash()).is_some() {
            return Err(format!(
                "change {} of the tail is there twice: {}",
                index + 1,
                change.hash()
            ));
        }
        changes.push(change);
    }
    let expected = archived + changes.len() as u64;
    document
        .apply_changes(changes)
        .map_err(|error| format!("the tail cannot be applied: {error}"))?;
    let missing = document.get_missing_deps(&[]);
    if !missing.is_empty() {
        return Err(format!(
            "changes are missing that others depend on: {}",
            in_words(&missing)
        ));
    }
    let found = document.stats().num_changes;
    if found != expected {
        return Err(format!("{expected} changes were given, {found} are in the document"));
    }
    Ok(document)
}

fn load_archive(bytes: &[u8]) -> Result<Automerge, String> {
    if bytes.len() < 9 || bytes[..4] != CHUNK_PREFIX || bytes[8] != DOCUMENT_CHUNK {
        return Err("this is not a saved automerge document".into());
    }
    let document = Automerge::load(bytes).map_err(|error| format!("the saved document does not load: {error}"))?;
    let missing = document.get_missing_deps(&[]);
    if !missing.is_empty() {
        return Err(format!(
            "the saved document lacks changes that others depend on: {}",
            in_words(&missing)
        ));
    }
    Ok(document)
}

fn read_change(bytes: &[u8]) -> Result<Change, String> {
    let change = Change::try_from(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    // Automerge compares the checksum when it loads a file, but not here.
    if bytes[4..8] != change.hash().0[..4] {
        return Err("its checksum does not fit".into());
    }
    Ok(change)
}

/// One document chunk, which was loaded again and is the same document.
fn save(document: &Automerge) -> Result<Bytes, String> {
    let bytes = document.save();
    let again = Automerge::load(&bytes).map_err(|error| format!("once saved it does not load: {error}"))?;
    let (before, after) = (document.stats(), again.stats());
    if again.get_heads() != document.get_heads() || after.num_changes != before.num_changes {
        return Err("once saved and loaded it is another document".into());
    }
    if after.num_ops != before.num_ops {
        return Err(format!(
            "saved with {} operations, loaded with {}",
            before.num_ops, after.num_ops
        ));
    }
    Ok(bytes.into())
}

fn clock(document: &Automerge) -> Vec<(Vec<u8>, u64)> {
    let mut clock: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for change in document.get_changes_meta(&[]) {
        let last = clock.entry(change.actor.to_bytes().to_vec()).or_default();
        *last = change.seq.max(*last);
    }
    clock.into_iter().collect()
}

fn title(document: &Automerge) -> Option<String> {
    let (Value::Object(ObjType::Map), meta) = document.get(ROOT, "meta").ok()?? else {
        return None;
    };
    match document.get(meta, "title").ok()?? {
        (Value::Object(ObjType::Text), text) => Some(one_line(&document.text(text).ok()?)),
        (Value::Scalar(scalar), _) => match scalar.as_ref() {
            ScalarValue::Str(text) => Some(one_line(text)),
            _ => None,
        },
        _ => None,
    }
}

fn one_line(text: &str) -> String {
    let visible = text
        .chars()
        .map(|character| if is_unprintable(character) { ' ' } else { character });
    let line: String = visible
        .skip_while(|character| character.is_whitespace())
        .take(TITLE_CHARS)
        .collect();
    line.trim_end().to_owned()
}

/// Control characters, line separators, what turns the direction of writing, and what stands for a block.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffc}')
}

/// The first few hashes.
fn in_words(hashes: &[ChangeHash]) -> String {
    match hashes {
        [] => "none".into(),
        [first] => first.to_string(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_of_200_characters() {
        assert_eq!(one_line("  North\nAcme\u{202e} \t "), "North Acme");
        assert_eq!(one_line(&"ß".repeat(300)).chars().count(), 200);
        assert_eq!(one_line(" \n "), "");
    }
}
