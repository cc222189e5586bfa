//! The AES key and IV as they are configured, and comparison of secrets.

use crate::mac::sha256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// `AES_KEY`: the 32-byte AES-256 key of personal data (P-104, P-138). Wiped when dropped.
#[derive(Clone)]
pub struct AesKey(Zeroizing<[u8; 32]>);

impl AesKey {
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `AES_IV`: the 16-byte static IV of legacy CBC rows, for reading only (P-105, P-133, P-139).
#[derive(Clone)]
pub struct AesIv(Zeroizing<[u8; 16]>);

impl AesIv {
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The text of a key or IV is not `expected_bytes` long in any accepted form. Never holds
/// the text (P-145).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {expected_bytes} bytes: raw text of that length, hex, or standard base64")]
pub struct KeyShapeError {
    pub expected_bytes: usize,
}

impl FromStr for AesKey {
    type Err = KeyShapeError;

    /// Raw text of 32 bytes, 64 hex digits, or 44 characters of standard base64.
    fn from_str(text: &str) -> Result<Self, KeyShapeError> {
        decode_exact(text).map(Self)
    }
}

impl FromStr for AesIv {
    type Err = KeyShapeError;

    /// Raw text of 16 bytes, 32 hex digits, or 24 characters of standard base64.
    fn from_str(text: &str) -> Result<Self, KeyShapeError> {
        decode_exact(text).map(Self)
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey(redacted)")
    }
}

impl fmt::Debug for AesIv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesIv(redacted)")
    }
}

/// The three forms have different lengths for 16 and 32 bytes, so the length decides.
fn decode_exact<const N: usize>(text: &str) -> Result<Zeroizing<[u8; N]>, KeyShapeError> {
    let refused = KeyShapeError { expected_bytes: N };
    let bytes = if text.len() == N {
        Zeroizing::new(text.as_bytes().to_vec())
    } else if text.len() == 2 * N {
        Zeroizing::new(hex::decode(text).map_err(|_| refused)?)
    } else {
        Zeroizing::new(STANDARD.decode(text).map_err(|_| refused)?)
    };
    let exact: [u8; N] = bytes.as_slice().try_into().map_err(|_| refused)?;
    Ok(Zeroizing::new(exact))
}

/// Compares two secrets (service tokens, hashes) in time that depends on neither their
/// content nor where they differ. Both are hashed first, so that lengths do not tell either.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    sha256(&[a]).ct_eq(&sha256(&[b])).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q75_key_is_accepted_as_raw_hex_or_base64() {
        let bytes = *b"0123456789abcdefghijklmnopqrstuv";
        for text in [
            "0123456789abcdefghijklmnopqrstuv".to_owned(),
            hex::encode(bytes),
            hex::encode_upper(bytes),
            STANDARD.encode(bytes),
        ] {
            assert_eq!(text.parse::<AesKey>().unwrap().bytes(), &bytes);
        }
    }

    #[test]
    fn q75_iv_is_accepted_as_raw_hex_or_base64() {
        let bytes = *b"0123456789abcdef";
        for text in [
            "0123456789abcdef".to_owned(),
            hex::encode(bytes),
            STANDARD.encode(bytes),
        ] {
            assert_eq!(text.parse::<AesIv>().unwrap().bytes(), &bytes);
        }
    }

    #[test]
    fn p138_p139_wrong_sizes_are_refused() {
        for text in [
            "",
            "short",
            &"a".repeat(31),
            &"a".repeat(33),
            &"g".repeat(64),
        ] {
            assert!(
                text.parse::<AesKey>().is_err(),
                "key of {} characters",
                text.len()
            );
        }
        assert!(STANDARD.encode([1u8; 31]).parse::<AesKey>().is_err());
        for text in ["", &"a".repeat(15), &"a".repeat(17), &"z".repeat(32)] {
            assert!(
                text.parse::<AesIv>().is_err(),
                "IV of {} characters",
                text.len()
            );
        }
    }

    #[test]
    fn p145_neither_error_nor_debug_shows_key_material() {
        let text = "SENSITIVE-but-of-the-wrong-length";
        let error = text.parse::<AesKey>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SENSITIVE"));
        let key = AesKey::from_bytes([0x41; 32]);
        assert_eq!(format!("{key:?}"), "AesKey(redacted)");
        assert_eq!(
            format!("{:?}", AesIv::from_bytes([0x41; 16])),
            "AesIv(redacted)"
        );
    }

    #[test]
    fn comparison_of_secrets() {
        assert!(constant_time_eq(b"token", b"token"));
        for other in [b"tokem".as_slice(), b"toke", b"token ", b""] {
            assert!(!constant_time_eq(b"token", other));
        }
    }
}
