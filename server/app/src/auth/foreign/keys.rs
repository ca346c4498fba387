//! Keys that check, each pinned to one algorithm.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// More keys than an issuer has at a time.
const MOST_KEYS: usize = 256;
/// Shortest secret of HS256, in bytes (RFC 7518, section 3.2).
const LEAST_SECRET_BYTES: usize = 32;
/// Shortest RSA modulus, in bits (RFC 7518, section 3.3), and the longest: checking takes time for each bit.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// A key, and the one algorithm that it is for.
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) checking: DecodingKey,
}

/// The keys of an issuer.
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// A secret has no name: whatever a token calls it, it is this one.
    is_secret: bool,
}

/// What was found for a token's header.
pub(super) enum Found<'a> {
    /// The key to check it with.
    Key(&'a Key),
    /// No key has this name; a newer set may have one.
    UnknownName,
    /// The key is for another algorithm.
    OtherAlgorithm,
    /// The token names no key, and there is not exactly one for its algorithm.
    Unnamed,
}

impl KeySet {
    /// The secret of HS256.
    ///
    /// # Errors
    /// In words, if it is too short.
    pub(super) fn of_secret(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.len() < LEAST_SECRET_BYTES {
            return Err(format!("a secret has at least {LEAST_SECRET_BYTES} bytes"));
        }
        let key = Key {
            id: None,
            algorithm: Algorithm::HS256,
            checking: DecodingKey::from_secret(bytes),
        };
        Ok(Self {
            keys: vec![key],
            is_secret: true,
        })
    }

    /// The public keys of a JWKS. Those that we have no use for (encryption, other curves, symmetric ones, which do not
    /// belong there) are left out.
    ///
    /// # Errors
    /// In words, if it is none, or holds nothing that we can use.
    pub(super) fn of_jwks(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Written {
            keys: Vec<serde_json::Value>,
        }
        let written: Written =
            serde_json::from_slice(bytes).map_err(|error| format!("this is not a set of keys (JWKS): {error}"))?;
        if written.keys.len() > MOST_KEYS {
            return Err(format!("there are more than {MOST_KEYS} keys"));
        }
        let keys = written.keys.into_iter().filter_map(|key| {
            // A kind of key that we do not know does not spoil the set.
            serde_json::from_value(key).ok().and_then(|key| usable(&key))
        });
        let keys: Vec<Key> = keys.collect();
        if keys.is_empty() {
            return Err("it holds no public key of RS256, ES256 or EdDSA".to_owned());
        }
        Ok(Self { keys, is_secret: false })
    }

    /// The key for a token with this header.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        if self.is_secret || id.is_none() {
            let mut fitting = self.keys.iter().filter(|key| key.algorithm == algorithm);
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Found::Key(key),
                (None, _) if self.is_secret => Found::OtherAlgorithm,
                _ => Found::Unnamed,
            };
        }
        let mut named = self.keys.iter().filter(|key| key.id.as_deref() == id).peekable();
        if named.peek().is_none() {
            return Found::UnknownName;
        }
        named
            .find(|key| key.algorithm == algorithm)
            .map_or(Found::OtherAlgorithm, Found::Key)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// A key's kind and curve say which algorithm it is for; its own `alg`, if there is one, must say the same.
fn usable(key: &Jwk) -> Option<Key> {
    let algorithm = match &key.algorithm {
        AlgorithmParameters::RSA(parameters) if RSA_BITS.contains(&bits(&parameters.n)) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(parameters) if parameters.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let common = &key.common;
    let says_otherwise = common
        .key_algorithm
        .is_some_and(|named| named != KeyAlgorithm::from(algorithm));
    let is_for_else = common
        .public_key_use
        .as_ref()
        .is_some_and(|purpose| *purpose != PublicKeyUse::Signature);
    let never_checks = common
        .key_operations
        .as_ref()
        .is_some_and(|operations| !operations.contains(&KeyOperations::Verify));
    if says_otherwise || is_for_else || never_checks {
        return None;
    }
    Some(Key {
        id: common.key_id.clone(),
        algorithm,
        checking: DecodingKey::from_jwk(key).ok()?,
    })
}

/// Bits of a number in base64url, to within a byte.
fn bits(number: &str) -> usize {
    number.len() * 6 / 8 * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 8037, appendix A.2, and RFC 7517, appendix A.1.
    const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const EC: &str = r#"{"kty":"EC","crv":"P-256","kid":"ec","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

    fn set(keys: &[&str]) -> Result<KeySet, String> {
        KeySet::of_jwks(format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes())
    }

    #[test]
    fn a_key_is_for_one_algorithm() {
        let keys = set(&[ED, EC]).unwrap();
        assert!(matches!(keys.find(Some("ed"), Algorithm::EdDSA), Found::Key(_)));
        assert!(matches!(keys.find(Some("ec"), Algorithm::ES256), Found::Key(_)));
        for other in [Algorithm::ES256, Algorithm::HS256, Algorithm::RS256] {
            assert!(
                matches!(keys.find(Some("ed"), other), Found::OtherAlgorithm),
                "{other:?}"
            );
        }
        assert!(matches!(keys.find(Some("x"), Algorithm::EdDSA), Found::UnknownName));
        assert!(matches!(keys.find(None, Algorithm::ES256), Found::Key(_)));
        assert!(matches!(keys.find(None, Algorithm::RS256), Found::Unnamed));
        let twice = set(&[ED, &ED.replace("\"ed\"", "\"new\"")]).unwrap();
        assert!(matches!(twice.find(None, Algorithm::EdDSA), Found::Unnamed));
    }

    #[test]
    fn a_secret_is_for_hs256_whatever_it_is_called() {
        let keys = KeySet::of_secret(&[7; 32]).unwrap();
        for id in [None, Some("x")] {
            assert!(matches!(keys.find(id, Algorithm::HS256), Found::Key(_)));
            for other in [Algorithm::HS384, Algorithm::HS512, Algorithm::RS256] {
                assert!(matches!(keys.find(id, other), Found::OtherAlgorithm));
            }
        }
        assert!(KeySet::of_secret(&[7; 31]).is_err());
        let with_line_end = [[7; 31].as_slice(), b"\n"].concat();
        assert!(KeySet::of_secret(&with_line_end).is_err(), "a line end is no secret");
    }

    #[test]
    fn keys_of_no_use_are_left_out() {
        let no_use = [
            // A symmetric key, which anybody who can read the set could sign with.
            r#"{"kty":"oct","kid":"a","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#.to_owned(),
            ED.replace("\"kid\"", "\"use\":\"enc\",\"kid\""),
            ED.replace("\"kid\"", "\"alg\":\"HS256\",\"kid\""),
            ED.replace("\"kid\"", "\"key_ops\":[\"sign\"],\"kid\""),
            r#"{"kty":"RSA","kid":"short","n":"AQAB","e":"AQAB"}"#.to_owned(),
            r#"{"kty":"of tomorrow","kid":"b"}"#.to_owned(),
            "7".to_owned(),
        ];
        for key in &no_use {
            assert_eq!(set(&[key, EC]).unwrap().len(), 1, "{key}");
            assert!(set(&[key]).is_err(), "{key}");
        }
        for garbage in ["", "[]", "{}", "{\"keys\":7}", "{\"keys\":[]}", "<html>"] {
            assert!(KeySet::of_jwks(garbage.as_bytes()).is_err(), "{garbage}");
        }
        assert!(set(&vec![EC; MOST_KEYS + 1]).is_err());
    }
}
