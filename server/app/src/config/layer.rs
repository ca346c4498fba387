//! The layers over the defaults: file, environment, flags.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Mistake, Place};
use super::topic::Refusal;
use super::value::Given;
use super::{Config, SECTIONS};

/// The file that is read without being named, if it is there.
const DEFAULT_FILE: &str = "fieldbook.toml";
const PREFIX: &str = "FIELDBOOK_";

/// A setting given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// As it is written: `--listen`.
    pub flag: &'static str,
    /// What it sets: section and key.
    pub setting: (&'static str, &'static str),
    /// To what.
    pub value: String,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file that must be there. `None`: `fieldbook.toml` in the current folder, if there is one.
    pub file: Option<PathBuf>,
    /// Names and values of the environment; those that are not ours are ignored.
    pub environment: Vec<(String, String)>,
    /// In the order in which they were given.
    pub flags: Vec<Flag>,
}

impl Sources {
    /// This process's environment, with a file and flags.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            file,
            environment,
            flags,
        }
    }

    /// Variables whose names begin like ours and that set nothing. They need not be mistakes: orchestrators set names
    /// like `FIELDBOOK_PORT` and `FIELDBOOK_SERVICE_HOST` for a service that is called fieldbook.
    #[must_use]
    pub fn strays(&self) -> Vec<&str> {
        let names = self.environment.iter().map(|(name, _)| name.as_str());
        let mut strays: Vec<&str> = names
            .filter(|name| name.strip_prefix(PREFIX).is_some_and(|rest| !rest.contains("__")))
            .collect();
        strays.sort_unstable();
        strays
    }
}

/// Puts all layers over `config`; what is wrong goes to `mistakes`.
pub(super) fn apply(config: &mut Config, sources: &Sources, mistakes: &mut Vec<Mistake>) {
    apply_file(config, sources.file.as_deref(), mistakes);
    for (variable, value) in &sources.environment {
        let Some(name) = variable.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else {
            continue;
        };
        let place = || Place::Environment(variable.clone());
        match name.split_once("__") {
            Some(setting) => set(config, setting, &Given::Text(value), value, place, mistakes),
            None => mistakes.extend(too_few_underscores(&name, place)),
        }
    }
    for Flag { flag, setting, value } in &sources.flags {
        set(
            config,
            *setting,
            &Given::Text(value),
            value,
            || Place::Flag(flag),
            mistakes,
        );
    }
}

/// A variable that would be a setting if section and key stood apart by two underscores is meant to be one.
fn too_few_underscores(name: &str, place: impl FnOnce() -> Place) -> Option<Mistake> {
    let keys = Config::keys();
    let meant = keys
        .iter()
        .find(|key| format!("{}_{}", key.section, key.name) == name)?;
    let meant = format!("{PREFIX}{}__{}", meant.section, meant.name).to_ascii_uppercase();
    Some(Mistake::Unknown {
        name: name.to_owned(),
        place: place(),
        suggestion: format!("did you mean {meant}?"),
    })
}

fn apply_file(config: &mut Config, named: Option<&Path>, mistakes: &mut Vec<Mistake>) {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            mistakes.push(Mistake::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            });
            return;
        }
    };
    let table = match DeTable::parse(&text) {
        Ok(table) => table,
        Err(error) => {
            let line = line_of(&text, error.span().map_or(0, |span| span.start));
            let reason = error.message().replace('\n', "; ");
            mistakes.push(Mistake::NotToml {
                path: path.to_owned(),
                line,
                reason,
            });
            return;
        }
    };
    for (section, value) in table.get_ref() {
        apply_section(config, &File { path, text: &text }, section, value, mistakes);
    }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn place<T>(&self, at: &Spanned<T>) -> Place {
        Place::File(self.path.to_owned(), line_of(self.text, at.span().start))
    }
}

fn apply_section(
    config: &mut Config,
    file: &File<'_>,
    section: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    mistakes: &mut Vec<Mistake>,
) {
    let keys = match known_table(file, section, value) {
        Ok(keys) => keys,
        Err(mistake) => return mistakes.push(mistake),
    };
    let name: &str = section.get_ref();
    for (key, value) in keys {
        let found = &file.text[value.span()];
        set(
            config,
            (name, key.get_ref()),
            &Given::Toml(value.get_ref()),
            found,
            || file.place(key),
            mistakes,
        );
    }
}

/// The settings of a section that there is.
fn known_table<'a, 'i>(
    file: &File<'_>,
    section: &Spanned<std::borrow::Cow<'_, str>>,
    value: &'a Spanned<DeValue<'i>>,
) -> Result<&'a DeTable<'i>, Mistake> {
    let name: &str = section.get_ref();
    let place = file.place(section);
    let is_known = SECTIONS.iter().any(|known| known.name == name);
    Err(match value.get_ref().as_table() {
        Some(keys) if is_known => return Ok(keys),
        Some(_) => Mistake::Unknown {
            name: format!("[{name}]"),
            place,
            suggestion: suggest_section(name),
        },
        None if is_known => Mistake::NotAllowed {
            name: name.to_owned(),
            place,
            found: format!("a value ({})", value.get_ref().type_str()),
            allowed: format!("a table: a line [{name}], and its settings below that line"),
        },
        None => Mistake::Unknown {
            name: name.to_owned(),
            place,
            suggestion: format!("settings stand in a section: {}", section_names()),
        },
    })
}

fn set(
    config: &mut Config,
    (section, key): (&str, &str),
    given: &Given<'_>,
    found: &str,
    place: impl FnOnce() -> Place,
    mistakes: &mut Vec<Mistake>,
) {
    let name = format!("{section}.{key}");
    match config.set(section, key, given) {
        Ok(()) => {}
        Err(Refusal::Unknown) => {
            let suggestion = suggest(section, key);
            mistakes.push(Mistake::Unknown {
                name,
                place: place(),
                suggestion,
            });
        }
        Err(Refusal::NotAllowed(allowed)) => {
            let found = if found.is_empty() {
                "nothing".to_owned()
            } else {
                found.to_owned()
            };
            mistakes.push(Mistake::NotAllowed {
                name,
                place: place(),
                found,
                allowed: allowed.to_string(),
            });
        }
    }
}

fn suggest(section: &str, key: &str) -> String {
    let Some(known) = SECTIONS.iter().find(|known| known.name == section) else {
        return suggest_section(section);
    };
    let names: Vec<&str> = (known.keys)().iter().map(|key| key.name).collect();
    match nearest(key, &names) {
        Some(name) => format!("did you mean {section}.{name}?"),
        None => format!("known in [{section}]: {}", names.join(", ")),
    }
}

fn suggest_section(name: &str) -> String {
    let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
    match nearest(name, &names) {
        Some(name) => format!("did you mean the section [{name}]?"),
        None => format!("known sections: {}", section_names()),
    }
}

fn section_names() -> String {
    SECTIONS
        .iter()
        .map(|section| format!("[{}]", section.name))
        .collect::<Vec<_>>()
        .join(", ")
}

fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    let (name, likeness) = names
        .iter()
        .map(|name| (*name, strsim::normalized_damerau_levenshtein(written, name)))
        .max_by(|left, right| left.1.total_cmp(&right.1))?;
    (likeness >= 0.6).then_some(name)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
}
