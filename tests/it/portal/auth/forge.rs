//! Tokens that our service did not write, under its own key.

use agent_crypto::jwt::generate_private_pem;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::Value;

/// A signing key that the tests hold as well as the service.
pub(super) struct Forge {
    pub(super) pem: String,
    key: EncodingKey,
}

impl Forge {
    pub(super) fn new() -> Self {
        agent_crypto::install_provider();
        let pem = generate_private_pem().unwrap().to_string();
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        Self { pem, key }
    }

    /// A token of these parts, signed as RS256 whatever its header says.
    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        sign(header, claims, &self.key, Algorithm::RS256)
    }

    pub(super) fn signed(&self, header: &Value, claims: &Value, algorithm: Algorithm) -> String {
        sign(header, claims, &self.key, algorithm)
    }
}

/// A token signed with a shared secret.
pub(super) fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    sign(
        header,
        claims,
        &EncodingKey::from_secret(secret),
        Algorithm::HS256,
    )
}

/// A token without a signature.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", signing_input(header, claims))
}

/// Header and claims of a token.
pub(super) fn read(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = BASE64.decode(part).unwrap();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

/// The public half as PEM, as it is when it gets into the wrong hands. RSA of 2048 bits with the
/// exponent 65537: everything around the modulus is constant (RFC 8017 A.1.1, RFC 5280 4.1).
pub(super) fn public_pem(jwk: &Value) -> String {
    let modulus = BASE64.decode(jwk["n"].as_str().unwrap()).unwrap();
    assert_eq!((modulus.len(), jwk["e"].as_str()), (256, Some("AQAB")));
    let mut der = vec![
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
    ];
    der.extend([
        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
    ]);
    der.extend([0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00]);
    der.extend(modulus);
    der.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

fn sign(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let input = signing_input(header, claims);
    let signature = crypto::sign(input.as_bytes(), key, algorithm).unwrap();
    format!("{input}.{signature}")
}

fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
