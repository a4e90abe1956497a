//! The public keys of a JSON Web Key Set (RFC 7517) that can verify staff tokens.
//!
//! It must never hold a symmetric key: a key set is public, so everybody could sign with it.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of a set that are used.
const MAX_KEYS: usize = 64;

/// Sizes of an RSA modulus, in bytes: 2048 to 8192 bits.
const RSA_MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// Size of an Ed25519 key and of a coordinate on P-256, in bytes.
const POINT: usize = 32;

/// The usable keys of a set, by their `kid`.
#[derive(Default)]
pub(super) struct PublicKeys {
    keys: HashMap<Box<str>, PublicKey>,
    /// Number of keys of the set that are not used.
    pub(super) skipped: usize,
}

/// A key and the only algorithm that it verifies.
struct PublicKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct KeySetDocument {
    keys: Vec<Value>,
}

impl PublicKeys {
    /// Reads a key set. Keys for other purposes or of other kinds are skipped, as RFC 7517 asks.
    pub(super) fn parse(document: &[u8]) -> Result<Self, serde_json::Error> {
        let KeySetDocument { keys } = serde_json::from_slice(document)?;
        let mut usable = Self::default();
        for key in keys {
            match read_key(key) {
                Some((id, key)) if usable.keys.len() < MAX_KEYS && !usable.keys.contains_key(&id) => {
                    usable.keys.insert(id, key);
                }
                _ => usable.skipped += 1,
            }
        }
        Ok(usable)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// The key with this id, if it is for this algorithm.
    pub(super) fn find(&self, id: &str, algorithm: Algorithm) -> Option<&DecodingKey> {
        self.keys.get(id).filter(|key| key.algorithm == algorithm).map(|key| &key.key)
    }
}

/// The id of a key and the key; none if it has no id or cannot be used.
fn read_key(key: Value) -> Option<(Box<str>, PublicKey)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let common = &key.common;
    let is_for_signatures =
        common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let (algorithm, name) = algorithm_of(&key.algorithm)?;
    if !is_for_signatures || common.key_algorithm.is_some_and(|named| named != name) {
        return None;
    }
    let id = common.key_id.as_deref().filter(|id| !id.is_empty())?.into();
    Some((id, PublicKey { algorithm, key: DecodingKey::from_jwk(&key).ok()? }))
}

/// The algorithm of a key, by its kind and size.
fn algorithm_of(parameters: &AlgorithmParameters) -> Option<(Algorithm, KeyAlgorithm)> {
    if let AlgorithmParameters::RSA(rsa) = parameters {
        let is_sound = RSA_MODULUS.contains(&length(&rsa.n)?) && length(&rsa.e)? > 0;
        return is_sound.then_some((Algorithm::RS256, KeyAlgorithm::RS256));
    }
    if let AlgorithmParameters::EllipticCurve(point) = parameters {
        let is_sound =
            point.curve == EllipticCurve::P256 && length(&point.x)? == POINT && length(&point.y)? == POINT;
        return is_sound.then_some((Algorithm::ES256, KeyAlgorithm::ES256));
    }
    if let AlgorithmParameters::OctetKeyPair(point) = parameters {
        let is_sound = point.curve == EllipticCurve::Ed25519 && length(&point.x)? == POINT;
        return is_sound.then_some((Algorithm::EdDSA, KeyAlgorithm::EdDSA));
    }
    None
}

fn length(base64: &str) -> Option<usize> {
    BASE64_URL_SAFE_NO_PAD.decode(base64).ok().map(|bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn bytes(length: usize) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(vec![0xc5; length])
    }

    fn parse(keys: Value) -> PublicKeys {
        PublicKeys::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_key_verifies_one_algorithm_only() {
        let keys = parse(json!([
            {"kty": "RSA", "kid": "r", "n": bytes(256), "e": "AQAB", "use": "sig", "alg": "RS256"},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": bytes(32), "y": bytes(32)},
            {"kty": "OKP", "kid": "o", "crv": "Ed25519", "x": bytes(32), "key_ops": ["verify"]},
        ]));
        let all = [Algorithm::HS256, Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
        for (id, own) in [("r", Algorithm::RS256), ("e", Algorithm::ES256), ("o", Algorithm::EdDSA)] {
            for algorithm in all {
                assert_eq!(keys.find(id, algorithm).is_some(), algorithm == own, "{id} {algorithm:?}");
            }
        }
        assert!(keys.find("x", Algorithm::RS256).is_none());
    }

    #[test]
    fn keys_that_are_not_for_staff_tokens_are_skipped() {
        let point = bytes(32);
        let keys = parse(json!([
            {"kty": "oct", "kid": "symmetric", "k": point},
            {"kty": "oct", "kid": "symmetric-256", "k": point, "alg": "HS256"},
            {"kty": "OKP", "crv": "Ed25519", "x": point},
            {"kty": "OKP", "kid": "", "crv": "Ed25519", "x": point},
            {"kty": "OKP", "kid": "encryption", "crv": "Ed25519", "x": point, "use": "enc"},
            {"kty": "OKP", "kid": "signing", "crv": "Ed25519", "x": point, "key_ops": ["sign"]},
            {"kty": "OKP", "kid": "short", "crv": "Ed25519", "x": bytes(31)},
            {"kty": "OKP", "kid": "other-curve", "crv": "X25519", "x": point},
            {"kty": "EC", "kid": "p384", "crv": "P-384", "x": bytes(48), "y": bytes(48)},
            {"kty": "EC", "kid": "half", "crv": "P-256", "x": point, "y": ""},
            {"kty": "RSA", "kid": "1024", "n": bytes(128), "e": "AQAB"},
            {"kty": "RSA", "kid": "huge", "n": bytes(1025), "e": "AQAB"},
            {"kty": "RSA", "kid": "pss", "n": bytes(256), "e": "AQAB", "alg": "PS256"},
            {"kty": "RSA", "kid": "hmac", "n": bytes(256), "e": "AQAB", "alg": "HS256"},
            {"kty": "RSA", "kid": "not-base64", "n": "ä", "e": "AQAB"},
            {"kty": "AKP", "kid": "future", "pub": point},
            "not a key",
            {"kty": "OKP", "kid": "good", "crv": "Ed25519", "x": point},
            {"kty": "EC", "kid": "good", "crv": "P-256", "x": point, "y": point},
        ]));
        assert_eq!((keys.len(), keys.skipped), (1, 18));
        assert!(
            keys.find("good", Algorithm::EdDSA).is_some() && keys.find("good", Algorithm::ES256).is_none()
        );
    }

    #[test]
    fn a_set_has_at_most_64_keys() {
        let key = |id: usize| json!({"kty": "OKP", "kid": id.to_string(), "crv": "Ed25519", "x": bytes(32)});
        let keys = parse((0..70).map(key).collect());
        assert_eq!((keys.len(), keys.skipped), (64, 6));
    }

    #[test]
    fn what_is_not_a_key_set_is_refused() {
        for wrong in ["", "{}", "[]", r#"{"keys": {}}"#, r#"{"keys": ["#, "-----BEGIN PUBLIC KEY-----"] {
            assert!(PublicKeys::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert_eq!(PublicKeys::parse(br#"{"keys": []}"#).unwrap().len(), 0);
    }
}
