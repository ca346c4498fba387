//! The browser's session cookie.

use actix_web::cookie::{Cookie, SameSite, time::Duration};

use super::secret::Secret;

/// The cookie's name.
pub const COOKIE: &str = "fieldbook_session";

/// What the cookie holds: a secret, a dot, and when the session ends (milliseconds since 1970). Stored is the SHA-256
/// of all of it, so neither part can be exchanged.
#[derive(Debug, Clone)]
pub struct SessionCookie {
    value: Secret,
    /// Milliseconds since 1970.
    pub expires_at_ms: i64,
}

impl SessionCookie {
    /// A new session.
    #[must_use]
    pub fn fresh(expires_at_ms: i64) -> Self {
        let value = format!("{}.{expires_at_ms}", Secret::fresh().as_str());
        Self {
            value: Secret::received(&value),
            expires_at_ms,
        }
    }

    /// Another secret for the same session, which ends when it would have.
    #[must_use]
    pub fn next(&self) -> Self {
        Self::fresh(self.expires_at_ms)
    }

    /// What a browser sent; `None` if it cannot be ours.
    #[must_use]
    pub fn received(value: &str) -> Option<Self> {
        let (secret, expires_at_ms) = value.split_once('.')?;
        let plausible = value.len() < 128 && !secret.is_empty();
        let expires_at_ms = expires_at_ms.parse().ok()?;
        plausible.then(|| Self {
            value: Secret::received(value),
            expires_at_ms,
        })
    }

    /// For the store.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.value.hash()
    }

    /// As it is set in the browser.
    #[must_use]
    pub fn to_cookie(&self, secure: bool, now_ms: i64) -> Cookie<'static> {
        let seconds = (self.expires_at_ms - now_ms).max(0) / 1000;
        build(self.value.as_str().to_owned(), secure, Duration::seconds(seconds))
    }

    /// What takes it out of the browser.
    #[must_use]
    pub fn removal(secure: bool) -> Cookie<'static> {
        build(String::new(), secure, Duration::ZERO)
    }
}

fn build(value: String, secure: bool, max_age: Duration) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .max_age(max_age)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_comes_back_as_it_was_set() {
        let session = SessionCookie::fresh(5_000);
        let cookie = session.to_cookie(true, 1_000);
        let received = SessionCookie::received(cookie.value()).unwrap();
        assert_eq!((received.hash(), received.expires_at_ms), (session.hash(), 5_000));
        let text = cookie.to_string();
        for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure", "Max-Age=4"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!session.to_cookie(false, 1_000).to_string().contains("Secure"));
    }

    #[test]
    fn another_end_is_another_session() {
        let value = SessionCookie::fresh(5_000).to_cookie(true, 0).value().to_owned();
        let longer = SessionCookie::received(&value.replace(".5000", ".9000")).unwrap();
        assert_ne!(longer.hash(), SessionCookie::received(&value).unwrap().hash());
    }

    #[test]
    fn nonsense_is_no_session() {
        for value in ["", "x", ".1", "x.y", &format!("{}.1", "x".repeat(200))] {
            assert!(SessionCookie::received(value).is_none(), "{value}");
        }
    }
}
