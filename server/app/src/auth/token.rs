//! Tokens: JWTs signed with a key that only this server's data folder has.

use std::fmt;

use fieldbook_core::id::UserId;
use fieldbook_store::{Directory, Role, StoreError};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::role::DocumentRole;
use super::secret::fresh_bytes;

/// Issuer and audience: a token for something else that shares the key by mistake is not taken.
const SELF: &str = "fieldbook";

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: String,
    /// The user's name when the token was made.
    pub name: String,
    /// The most that the token may do with a document; what the user may do bounds it too.
    pub role: DocumentRole,
    /// Who made it: `fieldbook`.
    pub iss: String,
    /// For whom: `fieldbook`.
    pub aud: String,
    /// When it was made; seconds since 1970.
    pub iat: u64,
    /// Until when it is good; seconds since 1970.
    pub exp: u64,
}

/// The key, for making and for checking tokens.
pub struct TokenKey {
    signing: EncodingKey,
    checking: DecodingKey,
    rules: Validation,
}

impl TokenKey {
    /// Reads the key from the store; it is made at the first call.
    ///
    /// # Errors
    /// What the store says.
    pub async fn from_store(store: &(impl Directory + ?Sized)) -> Result<Self, StoreError> {
        Ok(Self::new(&store.secret("token_key", fresh_bytes()).await?))
    }

    /// With a key of one's own.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        // One algorithm, whatever the token's header says; no leeway, since the same machine made it.
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[SELF]);
        rules.set_audience(&[SELF]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.leeway = 0;
        Self {
            signing: EncodingKey::from_secret(key),
            checking: DecodingKey::from_secret(key),
            rules,
        }
    }

    /// Makes a token that is good from `now_s` for `ttl_s` seconds.
    ///
    /// # Errors
    /// [`TokenError`], if it cannot be signed.
    pub fn issue(&self, user: UserId, name: &str, role: Role, now_s: u64, ttl_s: u64) -> Result<String, TokenError> {
        let claims = Claims {
            sub: user.to_string(),
            name: name.to_owned(),
            role: role.into(),
            iss: SELF.to_owned(),
            aud: SELF.to_owned(),
            iat: now_s,
            exp: now_s.saturating_add(ttl_s),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing).map_err(TokenError)
    }

    /// Checks a token and says what is in it.
    ///
    /// # Errors
    /// [`TokenError`], whatever is wrong with it.
    pub fn read(&self, token: &str) -> Result<Claims, TokenError> {
        jsonwebtoken::decode(token, &self.checking, &self.rules)
            .map(|data| data.claims)
            .map_err(TokenError)
    }
}

/// Why a token was not made or not taken.
#[derive(Debug, thiserror::Error)]
#[error("the token is not good: {0}")]
pub struct TokenError(jsonwebtoken::errors::Error);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 4_000_000_000;

    fn user() -> UserId {
        UserId(uuid::Uuid::from_u128(7))
    }

    fn signed(header: &Header, claims: &serde_json::Value, key: &[u8]) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(key)).unwrap()
    }

    fn claims() -> serde_json::Value {
        serde_json::json!({"sub": user().to_string(), "name": "Ann", "role": "editor",
            "iss": "fieldbook", "aud": "fieldbook", "iat": 1, "exp": NOW})
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let key = TokenKey::new(&[1; 32]);
        let token = key.issue(user(), "Ann", Role::Editor, NOW, 60).unwrap();
        let claims = key.read(&token).unwrap();
        assert_eq!(
            (claims.sub, claims.name, claims.role),
            (user().to_string(), "Ann".into(), DocumentRole::Editor)
        );
    }

    #[test]
    fn an_expired_token_is_not_taken() {
        let key = TokenKey::new(&[1; 32]);
        assert!(
            key.read(&key.issue(user(), "Ann", Role::Editor, 1_000, 60).unwrap())
                .is_err()
        );
    }

    #[test]
    fn another_servers_token_is_not_taken() {
        let token = TokenKey::new(&[2; 32])
            .issue(user(), "Ann", Role::Editor, NOW, 60)
            .unwrap();
        assert!(TokenKey::new(&[1; 32]).read(&token).is_err());
    }

    #[test]
    fn another_algorithm_is_not_taken_even_with_the_right_key() {
        let key = TokenKey::new(&[1; 32]);
        assert!(
            key.read(&signed(&Header::new(Algorithm::HS256), &claims(), &[1; 32]))
                .is_ok()
        );
        assert!(
            key.read(&signed(&Header::new(Algorithm::HS512), &claims(), &[1; 32]))
                .is_err()
        );
        let signed = signed(&Header::new(Algorithm::HS256), &claims(), &[1; 32]);
        let payload = signed.split('.').nth(1).unwrap();
        // {"alg":"none"}
        assert!(key.read(&format!("eyJhbGciOiJub25lIn0.{payload}.")).is_err());
    }

    #[test]
    fn every_claim_that_is_checked_is_required() {
        let key = TokenKey::new(&[1; 32]);
        for claim in ["sub", "role", "iss", "aud", "exp"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(claim);
            assert!(
                key.read(&signed(&Header::new(Algorithm::HS256), &claims, &[1; 32]))
                    .is_err(),
                "without {claim}"
            );
        }
        let mut foreign = claims();
        foreign["aud"] = "another".into();
        assert!(
            key.read(&signed(&Header::new(Algorithm::HS256), &foreign, &[1; 32]))
                .is_err()
        );
    }
}
