//! Names of people and workspaces.

/// Not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} has 1 to 64 visible characters")]
pub struct NameError(&'static str);

/// A name that people can tell from another when they see it; `what` is named in the error.
///
/// # Errors
/// [`NameError`].
pub fn check_name(name: &str, what: &'static str) -> Result<String, NameError> {
    let name = name.trim();
    let is_visible = |character: char| !character.is_control() && !is_invisible(character);
    if (1..=64).contains(&name.chars().count()) && name.chars().all(is_visible) {
        Ok(name.to_owned())
    } else {
        Err(NameError(what))
    }
}

/// Characters without a shape, and those that turn the direction of others around.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_seen() {
        assert_eq!(check_name("  Zoë Ångström ", "the name").as_deref(), Ok("Zoë Ångström"));
        let long = "x".repeat(65);
        for name in ["", "  ", "a\nb", "a\u{202e}b", "\u{200b}", long.as_str()] {
            assert!(check_name(name, "the name").is_err(), "{name:?}");
        }
    }
}
