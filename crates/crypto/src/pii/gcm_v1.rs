//! The current form (P-131, Q-75): `aesgcm:v1:` and standard base64 of
//! `nonce (12) || ciphertext || tag (16)`; AES-256-GCM under `AES_KEY`, no associated data,
//! because other services of the platform read the same columns.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, Zeroizing};

use crate::secret::AesKey;

/// Marks the form; also fit for `LIKE 'aesgcm:v1:%'` in a backfill.
pub const PREFIX: &str = "aesgcm:v1:";

pub(super) const NONCE_BYTES: usize = 12;

pub(super) fn cipher(key: &AesKey) -> Aes256Gcm {
    Aes256Gcm::new(key.bytes().into())
}

/// The stored text of `plain`. `nonce` must never repeat under one key. `None` only beyond
/// the size that GCM can encrypt (64 GiB).
pub(super) fn seal(cipher: &Aes256Gcm, nonce: [u8; NONCE_BYTES], plain: &str) -> Option<String> {
    let sealed = cipher.encrypt(&Nonce::from(nonce), plain.as_bytes()).ok()?;
    let mut stored = String::from(PREFIX);
    STANDARD.encode_string([nonce.as_slice(), &sealed].concat(), &mut stored);
    Some(stored)
}

/// What follows the prefix, decrypted. `None` for anything not authentic: wrong key, any
/// change, truncation, or base64 that is not canonical.
pub(super) fn open(cipher: &Aes256Gcm, encoded: &str) -> Option<Zeroizing<String>> {
    let bytes = STANDARD.decode(encoded).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let plain = cipher.decrypt(&Nonce::from(*nonce), sealed).ok()?;
    into_text(plain)
}

/// UTF-8 text of decrypted bytes; they are wiped when they are none.
pub(super) fn into_text(plain: Vec<u8>) -> Option<Zeroizing<String>> {
    match String::from_utf8(plain) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn test_cipher() -> Aes256Gcm {
        cipher(&AesKey::from_bytes([0x5a; 32]))
    }

    /// Test cases 13, 14 and 15 of the GCM specification (McGrew and Viega), AES-256: the
    /// vectors that NIST SP 800-38D is checked with.
    #[test]
    fn p131_gcm_known_answers() {
        let zero = "0".repeat(64);
        let key = "feffe9928665731c6d6a8f9467308308".repeat(2);
        let cases = [
            (
                &zero,
                "000000000000000000000000",
                "",
                "530f8afbc74536b9a963b4f1c4cb738b",
            ),
            (
                &zero,
                "000000000000000000000000",
                "00000000000000000000000000000000",
                "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
            ),
            (
                &key,
                "cafebabefacedbaddecaf888",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                 1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                 8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad\
                 b094dac5d93471bdec1a502270e3cc6c",
            ),
        ];
        for (key, nonce, plain, sealed) in cases {
            let key: AesKey = key.parse().unwrap();
            let nonce: [u8; 12] = hex::decode(nonce).unwrap().try_into().unwrap();
            let plain = hex::decode(plain).unwrap();
            let ours = cipher(&key)
                .encrypt(&Nonce::from(nonce), plain.as_slice())
                .unwrap();
            assert_eq!(hex::encode(&ours), sealed);
            assert_eq!(
                cipher(&key)
                    .decrypt(&Nonce::from(nonce), ours.as_slice())
                    .unwrap(),
                plain
            );
        }
    }

    /// The text form, computed with another implementation (OpenSSL through Python).
    #[test]
    fn q75_stored_form_is_interoperable() {
        let key: AesKey = "0123456789abcdefghijklmnopqrstuv".parse().unwrap();
        let stored = "aesgcm:v1:bm9uY2UtMTJieXRljCRNPvgTsoF3hiWxMjccC8Mrtp8G+NcnDhLrjA==";
        assert_eq!(
            seal(&cipher(&key), *b"nonce-12byte", "+66812345678").unwrap(),
            stored
        );
        let opened = open(&cipher(&key), stored.strip_prefix(PREFIX).unwrap()).unwrap();
        assert_eq!(*opened, "+66812345678");
    }

    proptest! {
        #[test]
        fn p131_round_trip(plain in ".{0,80}", nonce: [u8; 12]) {
            let stored = seal(&test_cipher(), nonce, &plain).unwrap();
            let encoded = stored.strip_prefix(PREFIX).unwrap();
            prop_assert_eq!(&*open(&test_cipher(), encoded).unwrap(), &plain);
        }

        #[test]
        fn p142_any_flipped_bit_is_refused(plain in ".{0,40}", nonce: [u8; 12], at: prop::sample::Index) {
            let stored = seal(&test_cipher(), nonce, &plain).unwrap();
            let mut bytes = STANDARD.decode(stored.strip_prefix(PREFIX).unwrap()).unwrap();
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(&test_cipher(), &STANDARD.encode(bytes)).is_none());
        }

        #[test]
        fn p142_any_truncation_is_refused(plain in ".{0,40}", nonce: [u8; 12], at: prop::sample::Index) {
            let stored = seal(&test_cipher(), nonce, &plain).unwrap();
            let bytes = STANDARD.decode(stored.strip_prefix(PREFIX).unwrap()).unwrap();
            let kept = at.index(bytes.len());
            prop_assert!(open(&test_cipher(), &STANDARD.encode(&bytes[..kept])).is_none());
        }

        /// Changed characters, not only changed bytes: base64 must have one spelling.
        #[test]
        fn p142_any_changed_character_is_refused(
            plain in ".{0,40}", nonce: [u8; 12], at: prop::sample::Index, with in "[ -~]",
        ) {
            let stored = seal(&test_cipher(), nonce, &plain).unwrap();
            let encoded = stored.strip_prefix(PREFIX).unwrap();
            let at = at.index(encoded.len());
            let mut changed = encoded.to_owned();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != encoded);
            prop_assert!(open(&test_cipher(), &changed).is_none());
        }
    }
}
