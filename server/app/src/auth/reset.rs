//! Links with which people who forgot their password give themselves another.

use fieldbook_core::id::UserId;
use fieldbook_store::PasswordReset;

use super::{Secret, now_ms};

const HOUR_MS: i64 = 3_600_000;

/// A link for one person, and by whom (`None`: whoever has the data folder): where on the server it leads, and what is kept of it.
#[must_use]
pub fn reset_link(user: UserId, maker: Option<UserId>, hours: u32) -> (String, PasswordReset) {
    let secret = Secret::fresh();
    let reset = PasswordReset {
        secret_hash: secret.hash(),
        user,
        maker,
        expires_at_ms: now_ms() + i64::from(hours) * HOUR_MS,
    };
    (format!("/reset/{}", secret.as_str()), reset)
}
