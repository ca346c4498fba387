//! How one value is read, from TOML or from text, and shown.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeValue;

use super::topic::Allowed;

/// A value as it was given.
pub(super) enum Given<'a> {
    /// In the environment or as a flag.
    Text(&'a str),
    /// In the file.
    Toml(&'a DeValue<'a>),
}

impl<'a> Given<'a> {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Toml(value) => value.as_str(),
        }
    }

    /// A list of texts: an array in TOML, separated by commas elsewhere.
    fn texts(&self) -> Option<Vec<&'a str>> {
        match self {
            Self::Text(text) => Some(text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()),
            Self::Toml(value) => value.as_array()?.iter().map(|item| item.get_ref().as_str()).collect(),
        }
    }
}

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// Reads it; `None` if it is not allowed.
    fn read(given: &Given<'_>, allowed: &Allowed) -> Option<Self>;
    /// As it would stand in the file; empty when it is not set.
    fn show(&self) -> String;
}

impl Value for u64 {
    fn read(given: &Given<'_>, allowed: &Allowed) -> Option<Self> {
        let number = match given {
            Given::Text(text) => text.trim().replace('_', "").parse().ok()?,
            Given::Toml(value) => {
                let integer = value.as_integer()?;
                u64::from_str_radix(integer.as_str(), integer.radix()).ok()?
            }
        };
        let Allowed::Whole(least, most) = *allowed else {
            return None;
        };
        (least..=most).contains(&number).then_some(number)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for usize {
    fn read(given: &Given<'_>, allowed: &Allowed) -> Option<Self> {
        u64::read(given, allowed)?.try_into().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for u32 {
    fn read(given: &Given<'_>, allowed: &Allowed) -> Option<Self> {
        u64::read(given, allowed)?.try_into().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for f64 {
    fn read(given: &Given<'_>, allowed: &Allowed) -> Option<Self> {
        let number = match given {
            Given::Text(text) => text.trim().parse().ok()?,
            Given::Toml(value) => match (value.as_float(), value.as_integer()) {
                (Some(float), _) => float.as_str().parse().ok()?,
                (None, integer) => integer?.as_str().parse().ok()?,
            },
        };
        let Allowed::Fraction(least, most) = *allowed else {
            return None;
        };
        (least..=most).contains(&number).then_some(number)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn read(given: &Given<'_>, allowed: &Allowed) -> Option<Self> {
        let text = given.text()?;
        match allowed {
            Allowed::OneOf(words) if !words.contains(&text) => None,
            _ => Some(text.to_owned()),
        }
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Value for PathBuf {
    fn read(given: &Given<'_>, _: &Allowed) -> Option<Self> {
        given.text().filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.display())
    }
}

impl Value for SocketAddr {
    fn read(given: &Given<'_>, _: &Allowed) -> Option<Self> {
        given.text()?.parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl<T: Value> Value for Option<T> {
    fn read(given: &Given<'_>, allowed: &Allowed) -> Option<Self> {
        T::read(given, allowed).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

/// Read from one text each, so that lists of them can be.
pub(super) trait Item: Sized {
    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;
}

impl<T: Item> Value for Vec<T> {
    fn read(given: &Given<'_>, _: &Allowed) -> Option<Self> {
        given.texts()?.into_iter().map(T::parse).collect()
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(T::show).collect::<Vec<_>>().join(", "))
    }
}
