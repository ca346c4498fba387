//! `fieldbook audit`

use std::io::Write;

use actix_web::cookie::time::OffsetDateTime;
use fieldbook_store::{AuditEvent, AuditLog, Named};

use super::{Audit, Failure, open_existing};
use crate::config::Config;
use crate::http::AuditEntry;

/// Prints what was done, the last first: a line of words each, or one of JSON.
pub(super) async fn audit(config: &Config, arguments: &Audit) -> Result<(), Failure> {
    let store = open_existing(config).await?;
    let entries = store.audit_log(None, arguments.before, arguments.limit).await?;
    store.close().await;
    let mut output = std::io::stdout().lock();
    for entry in entries {
        let line = if arguments.json {
            serde_json::to_string(&AuditEntry::from(entry))?
        } else {
            format!("{} {}", entry.number, in_words(&entry.event))
        };
        writeln!(output, "{line}")?;
    }
    Ok(())
}

fn in_words(event: &AuditEvent) -> String {
    // Names may hold anything that can be seen; what is quoted cannot be mistaken for another part.
    let name = |named: &Named| format!("{:?} {}", named.name, named.id);
    let parts = [
        Some(utc(event.at_ms)),
        Some(event.action.as_str().to_owned()),
        event.actor.as_ref().map(|actor| format!("by {}", name(actor))),
        Some(format!("with {}", event.credential.as_str())),
        event.subject.as_ref().map(|subject| format!("on {}", name(subject))),
        event.address.map(|address| format!("from {address}")),
        event.detail.as_ref().map(|detail| format!("({detail:?})")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `2026-01-31T23:59:59.001Z`
fn utc(at_ms: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000) else {
        return format!("{at_ms} ms");
    };
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(utc(1_769_903_999_001), "2026-01-31T23:59:59.001Z");
        assert_eq!(utc(i64::MAX), format!("{} ms", i64::MAX));
    }
}
