//! The tables in a document: each stands between two markers that name it, and is replaced by what a run has measured.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Replaces these sections of a file, each named, and leaves everything else as it is.
pub(crate) fn write(path: &Path, sections: &[(&str, String)]) -> Result<()> {
    let mut text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    for (name, section) in sections {
        text = replaced(&text, name, section).with_context(|| format!("{} was left as it is", path.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

fn replaced(text: &str, name: &str, section: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
    let between = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let Some((before, after)) = between else {
        bail!("it has no place for this table: a line {begin}, and below it a line {end}");
    };
    Ok(format!("{before}{begin}\n{}\n{end}{after}", section.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "One\n<!-- begin a -->\nold\n<!-- end a -->\nTwo\n<!-- begin b -->\n<!-- end b -->\n";

    #[test]
    fn only_what_is_named_is_replaced() {
        let once = replaced(TEXT, "a", "\nnew\n\n").unwrap();
        assert_eq!(once, TEXT.replace("old", "new"));
        assert_eq!(replaced(&once, "a", "new").unwrap(), once);
    }

    #[test]
    fn a_table_without_a_place_is_an_error_that_says_what_to_do() {
        let error = replaced(TEXT, "c", "new").unwrap_err().to_string();
        assert!(error.contains("<!-- begin c -->"), "{error}");
    }
}
