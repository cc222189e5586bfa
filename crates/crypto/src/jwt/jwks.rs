//! RSA public keys as JSON Web Keys (RFC 7517, RFC 7518 section 6.3) and their thumbprints.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::KeyError;
use crate::mac::sha256;

const MIN_BITS: usize = 2048;
/// The backend verifies no larger key.
const MAX_BITS: usize = 8192;
/// Least public exponent by FIPS 186-5 section 5.1.
const MIN_EXPONENT: u64 = 65_537;

/// Members that a private or symmetric key has.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Modulus and exponent in canonical base64url, without leading zero bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RsaPublic {
    pub(super) n: String,
    pub(super) e: String,
}

impl RsaPublic {
    /// Checks size and exponent: nothing about a key is taken on trust.
    pub(super) fn from_base64url(n: &str, e: &str) -> Result<Self, KeyError> {
        let (n, e) = (decode_integer(n)?, decode_integer(e)?);
        let bits =
            (n.len() * 8).saturating_sub(n.first().map_or(0, |b| b.leading_zeros() as usize));
        if bits < MIN_BITS {
            return Err(KeyError::TooSmall);
        }
        let exponent = small_integer(&e).ok_or(KeyError::Malformed)?;
        let odd = exponent % 2 == 1 && n.last().is_some_and(|b| b % 2 == 1);
        if bits > MAX_BITS || exponent < MIN_EXPONENT || !odd {
            return Err(KeyError::Malformed);
        }
        Ok(Self {
            n: URL_SAFE_NO_PAD.encode(n),
            e: URL_SAFE_NO_PAD.encode(e),
        })
    }

    /// RFC 7638 with SHA-256: the hash of the required members in lexical order.
    pub(super) fn thumbprint(&self) -> String {
        let Self { n, e } = self;
        let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        URL_SAFE_NO_PAD.encode(sha256(&[members.as_bytes()]))
    }

    /// The public JWK, never with private members.
    pub(super) fn to_jwk(&self, kid: &str) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": self.n, "e": self.e,
        })
    }
}

/// Keys of a JWKS document, each with the `kid` it names.
pub(super) fn parse_jwks(text: &str) -> Result<Vec<(Option<String>, RsaPublic)>, KeyError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Map<String, Value>>,
    }
    let set: Set = serde_json::from_str(text).map_err(|_| KeyError::Malformed)?;
    set.keys.into_iter().map(parse_jwk).collect()
}

/// A key that is for another use or algorithm is refused, not skipped: a verification key
/// that is silently missing shows only when tokens start to fail.
fn parse_jwk(members: Map<String, Value>) -> Result<(Option<String>, RsaPublic), KeyError> {
    #[derive(Deserialize)]
    struct Jwk {
        kty: String,
        #[serde(rename = "use")]
        usage: Option<String>,
        alg: Option<String>,
        key_ops: Option<Vec<String>>,
        kid: Option<String>,
        n: Option<String>,
        e: Option<String>,
    }
    if PRIVATE_MEMBERS
        .iter()
        .any(|name| members.contains_key(*name))
    {
        return Err(KeyError::NotPublic);
    }
    let jwk: Jwk =
        serde_json::from_value(Value::Object(members)).map_err(|_| KeyError::Malformed)?;
    let for_rs256 = jwk.kty == "RSA"
        && jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.alg.as_deref().is_none_or(|alg| alg == "RS256")
        && jwk
            .key_ops
            .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    let (true, Some(n), Some(e)) = (for_rs256, jwk.n, jwk.e) else {
        return Err(KeyError::NotRs256);
    };
    Ok((jwk.kid, RsaPublic::from_base64url(&n, &e)?))
}

fn decode_integer(text: &str) -> Result<Vec<u8>, KeyError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| KeyError::Malformed)?;
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    Ok(bytes[zeros..].to_vec())
}

fn small_integer(bytes: &[u8]) -> Option<u64> {
    // No deployed exponent is wider; the backend accepts 33 bits at most.
    (bytes.len() <= 4).then(|| bytes.iter().fold(0, |sum, b| sum << 8 | u64::from(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 7638 section 3.1.
    const RFC7638_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    #[test]
    fn q10_rfc7638_thumbprint() {
        let key = RsaPublic::from_base64url(RFC7638_N, "AQAB").unwrap();
        assert_eq!(
            key.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn leading_zeros_do_not_make_another_key() {
        let mut bytes = vec![0, 0];
        bytes.extend(URL_SAFE_NO_PAD.decode(RFC7638_N).unwrap());
        let padded = URL_SAFE_NO_PAD.encode(bytes);
        assert_eq!(
            RsaPublic::from_base64url(&padded, "AAEAAQ").unwrap(),
            RsaPublic::from_base64url(RFC7638_N, "AQAB").unwrap()
        );
    }

    #[test]
    fn keys_of_bad_size_or_exponent_are_refused() {
        let modulus = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        assert_eq!(
            RsaPublic::from_base64url(&modulus(255), "AQAB"),
            Err(KeyError::TooSmall)
        );
        assert_eq!(
            RsaPublic::from_base64url("", "AQAB"),
            Err(KeyError::TooSmall)
        );
        assert!(RsaPublic::from_base64url(&modulus(256), "AQAB").is_ok());
        assert_eq!(
            RsaPublic::from_base64url(&modulus(1025), "AQAB"),
            Err(KeyError::Malformed)
        );
        for exponent in ["", "Aw", "AQAA", "AQAAAAE", "not base64"] {
            let key = RsaPublic::from_base64url(&modulus(256), exponent);
            assert_eq!(key, Err(KeyError::Malformed), "{exponent}");
        }
        let even = URL_SAFE_NO_PAD.encode(vec![0xfe; 256]);
        assert_eq!(
            RsaPublic::from_base64url(&even, "AQAB"),
            Err(KeyError::Malformed)
        );
    }

    fn jwks(member: &str) -> Result<Vec<(Option<String>, RsaPublic)>, KeyError> {
        parse_jwks(&format!(
            r#"{{"keys":[{{"n":"{RFC7638_N}","e":"AQAB"{member}}}]}}"#
        ))
    }

    #[test]
    fn jwks_keys_must_be_public_rs256_signature_keys() {
        let keys = jwks(r#","kty":"RSA","kid":"a","use":"sig","alg":"RS256","x":1"#).unwrap();
        assert_eq!(keys[0].0.as_deref(), Some("a"));
        assert_eq!(jwks(r#","kty":"RSA""#).unwrap()[0].0, None);
        for member in [
            r#","kty":"oct""#,
            r#","kty":"RSA","use":"enc""#,
            r#","kty":"RSA","alg":"PS256""#,
            r#","kty":"RSA","alg":"HS256""#,
            r#","kty":"RSA","key_ops":["sign"]"#,
        ] {
            assert_eq!(jwks(member), Err(KeyError::NotRs256), "{member}");
        }
        assert_eq!(jwks(r#","kty":"RSA","d":"AQAB""#), Err(KeyError::NotPublic));
        assert_eq!(parse_jwks("{}"), Err(KeyError::Malformed));
        assert_eq!(
            parse_jwks(r#"{"keys":[{"kty":"RSA"}]}"#),
            Err(KeyError::NotRs256)
        );
    }
}
