//! An issuer of staff tokens with a key of its own, as an identity provider is.

use anyhow::{Context, bail};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// Bytes before the PKCS #1 key of 2048 bits in a PKCS #8 document.
const PKCS8_HEADER: usize = 26;

/// An issuer with one key.
#[derive(Clone)]
pub struct Issuer {
    algorithm: Algorithm,
    id: String,
    key: EncodingKey,
}

impl Issuer {
    /// Generates a key for RS256, ES256 or EdDSA, named by its `kid`.
    ///
    /// # Errors
    /// If the key cannot be generated, or for another algorithm.
    pub fn generate(algorithm: Algorithm, id: &str) -> anyhow::Result<Self> {
        let key = if algorithm == Algorithm::RS256 {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let document: Pkcs8V1Der<'_> = pair.as_der()?;
            EncodingKey::from_rsa_der(document.as_ref().get(PKCS8_HEADER..).context("a short key")?)
        } else if algorithm == Algorithm::ES256 {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            EncodingKey::from_ec_der(pair.to_pkcs8v1()?.as_ref())
        } else if algorithm == Algorithm::EdDSA {
            EncodingKey::from_ed_der(Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref())
        } else {
            bail!("no key for {algorithm:?}");
        };
        Ok(Self { algorithm, id: id.to_owned(), key })
    }

    /// The public key in a key set.
    ///
    /// # Errors
    /// If the key cannot be read.
    pub fn public_key(&self) -> anyhow::Result<Value> {
        let mut key = Jwk::from_encoding_key(&self.key, self.algorithm)?;
        key.common.key_id = Some(self.id.clone());
        Ok(serde_json::to_value(key)?)
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn sign(&self, claims: &Value) -> anyhow::Result<String> {
        self.sign_with(Header::new(self.algorithm), claims)
    }

    /// A token with these claims and this header, except for the algorithm and the key's id.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn sign_with(&self, header: Header, claims: &Value) -> anyhow::Result<String> {
        let header = Header { alg: self.algorithm, kid: Some(self.id.clone()), ..header };
        Ok(encode(&header, claims, &self.key)?)
    }
}

/// The key set of these issuers.
///
/// # Errors
/// If a key cannot be read.
pub fn key_set(issuers: &[&Issuer]) -> anyhow::Result<String> {
    let keys = issuers.iter().map(|issuer| issuer.public_key()).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(json!({ "keys": keys }).to_string())
}
