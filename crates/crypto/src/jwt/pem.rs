//! RSA keys in PEM (RFC 7468), as they come in environment variables.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use super::KeyError;
use super::jwks::RsaPublic;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const LINE: usize = 64;

/// The signing key and its public half: one PKCS#8 or PKCS#1 block.
pub(super) fn parse_private(pem: &str) -> Result<(EncodingKey, RsaPublic), KeyError> {
    let pem = Zeroizing::new(unescape(pem));
    let [(label, block)] = blocks(&pem)?[..] else {
        return Err(KeyError::Malformed);
    };
    if !matches!(label, "PRIVATE KEY" | "RSA PRIVATE KEY") {
        return Err(KeyError::NotPrivate);
    }
    let key = EncodingKey::from_rsa_pem(block.as_bytes()).map_err(|_| KeyError::NotRs256)?;
    // Reading the public half makes the backend check the whole key, its size included.
    let jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(|_| KeyError::Rejected)?;
    Ok((key, components(jwk)?))
}

/// Public keys: any number of blocks, one after the other.
pub(super) fn parse_public(pem: &str) -> Result<Vec<RsaPublic>, KeyError> {
    blocks(&unescape(pem))?
        .into_iter()
        .map(parse_public_block)
        .collect()
}

fn parse_public_block((label, block): (&str, &str)) -> Result<RsaPublic, KeyError> {
    if !matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY") {
        return Err(KeyError::NotPublic);
    }
    let key = DecodingKey::from_rsa_pem(block.as_bytes()).map_err(|_| KeyError::NotRs256)?;
    let jwk = Jwk::from_decoding_key(&key, None).map_err(|_| KeyError::Rejected)?;
    components(jwk)
}

fn components(jwk: Jwk) -> Result<RsaPublic, KeyError> {
    match jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => RsaPublic::from_base64url(&rsa.n, &rsa.e),
        _ => Err(KeyError::NotRs256),
    }
}

/// A new 2048-bit signing key as PKCS#8 PEM, fit for `JWT_PRIVATE_KEY`.
///
/// # Errors
/// [`KeyError::Generation`] if the backend fails.
pub fn generate_private_pem() -> Result<Zeroizing<String>, KeyError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generation)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generation)?;
    Ok(Zeroizing::new(encode("PRIVATE KEY", der.as_ref())))
}

fn encode(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut pem = format!("{BEGIN}{label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str(END);
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

/// Environment files often write line ends as `\n`.
fn unescape(pem: &str) -> String {
    pem.replace("\\r", "").replace("\\n", "\n")
}

/// The blocks of `text` with their labels. Text between blocks is refused, so that a damaged
/// key is not passed over.
fn blocks(text: &str) -> Result<Vec<(&str, &str)>, KeyError> {
    let mut blocks = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let after_begin = rest.strip_prefix(BEGIN).ok_or(KeyError::Malformed)?;
        let (label, _) = after_begin.split_once("-----").ok_or(KeyError::Malformed)?;
        let end = format!("{END}{label}-----");
        let length = rest.find(&end).ok_or(KeyError::Malformed)? + end.len();
        let (block, tail) = rest.split_at(length);
        blocks.push((label, block));
        rest = tail.trim_start();
    }
    Ok(blocks)
}

#[cfg(test)]
pub(super) mod test_support {
    //! PEM of the public half, which only tests need.

    use super::*;
    use aws_lc_rs::encoding::PublicKeyX509Der;
    use aws_lc_rs::signature::KeyPair as _;

    pub(in crate::jwt) fn public_pem(private_pem: &str) -> String {
        let der: PublicKeyX509Der<'_> = pair(private_pem).public_key().as_der().unwrap();
        encode("PUBLIC KEY", der.as_ref())
    }

    pub(in crate::jwt) fn public_pem_pkcs1(private_pem: &str) -> String {
        encode("RSA PUBLIC KEY", pair(private_pem).public_key().as_ref())
    }

    fn pair(private_pem: &str) -> KeyPair {
        let body: String = private_pem
            .lines()
            .filter(|l| !l.starts_with('-'))
            .collect();
        KeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap()
    }

    pub(in crate::jwt) fn wrap(label: &str, base64_der: &str) -> String {
        encode(label, &STANDARD.decode(base64_der).unwrap())
    }
}
