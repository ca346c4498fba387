//! Who is asking: tokens, sessions, passwords, and where a request comes from.

mod embedded;
mod foreign;
mod identity;
mod name;
mod origin;
mod password;
mod reset;
mod role;
mod secret;
mod session;
mod token;

pub use foreign::{ForeignClaims, ForeignError, ForeignTokens};
pub use identity::{AuthError, Identity, identify, subject_of};
pub use name::{NameError, check_name};
pub use origin::{HostRefused, check_origin, client_address, own_origin};
pub use password::{PasswordError, Passwords};
pub use reset::reset_link;
pub use role::{DocumentRole, RoleName};
pub use secret::{Secret, fresh_bytes};
pub use session::{COOKIE, SessionCookie};
pub use token::{Claims, TokenError, TokenKey};

/// Now, in milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
