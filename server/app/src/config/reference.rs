//! `docs/configuration.md`, written from the topics.

use std::fmt::Write;

use super::SECTIONS;

const OPENING: &str = "\
# Configuration

<!-- Written from server/app/src/config by a test; do not edit. To renew it:
     UPDATE_DOCS=1 cargo test -p fieldbook --lib config -->

Every setting has a default, so a server needs no configuration file. What is given later wins:

1. the default,
2. the TOML file named by `--config`, or `fieldbook.toml` in the folder in which the server is started, if there is one,
3. the environment: `FIELDBOOK_<SECTION>__<KEY>`, for example `FIELDBOOK_LIMITS__FRAME_BYTES=1048576`; lists are
   separated by commas,
4. flags: `--listen`, `--data`, `--public-url`, `--tls-cert`, `--tls-key`.

A mistake stops the start with a line that names the setting, where it stands and what is allowed. A setting that does
not exist is a mistake too. Variables that begin with `FIELDBOOK_` and have no `__` set nothing: one that would be a
setting with two underscores is a mistake, the others are named in a warning when the server starts.

```toml
[server]
listen = \"0.0.0.0:8080\"
public_url = \"https://fieldbook.example.com\"
trusted_proxies = [\"10.0.0.0/8\"]

[limits]
frame_bytes = 33554432
```
";

/// The reference of all settings, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = OPENING.to_owned();
    for section in SECTIONS {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## [{}]\n\n{}\n\n", section.name, sentence(section.about));
        text.push_str("| Setting | Default | Allowed | Meaning |\n|---|---|---|---|\n");
        for key in (section.keys)() {
            let default = if key.default.is_empty() {
                "none".to_owned()
            } else {
                format!("`{}`", key.default)
            };
            let _ = writeln!(
                text,
                "| `{}.{}` | {default} | {} | {} |",
                key.section,
                key.name,
                key.allowed,
                sentence(key.about)
            );
        }
    }
    text
}

fn sentence(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
