//! HMAC-SHA-256, HKDF-SHA-256 and SHA-256: the three functions everything keyed is built on.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// HMAC-SHA-256 (RFC 2104) over the concatenation of `parts`.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // Zero padding to the block size is what HMAC does with a short key; a long key is
    // hashed first. Doing it here avoids the fallible constructor.
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() > block.len() {
        block[..32].copy_from_slice(&sha256(&[key]));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA-256 over `parts`, each preceded by its length, so that `("a", "bc")` and
/// `("ab", "c")` differ.
pub(crate) fn hmac_sha256_framed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let lengths: Vec<[u8; 8]> = parts
        .iter()
        .map(|p| (p.len() as u64).to_be_bytes())
        .collect();
    let framed: Vec<&[u8]> = lengths
        .iter()
        .zip(parts)
        .flat_map(|(length, part)| [length.as_slice(), part])
        .collect();
    hmac_sha256(key, &framed)
}

/// HKDF-Extract (RFC 5869 section 2.2): a uniform key out of configured text.
pub(crate) fn hkdf_extract(salt: &[u8], input: &[u8]) -> Zeroizing<[u8; 32]> {
    let (key, _) = Hkdf::<Sha256>::extract(Some(salt), input);
    Zeroizing::new(key.into())
}

/// HKDF-Expand (RFC 5869 section 2.3) to 32 bytes.
///
/// That length is one block, for which the definition is a single HMAC over `info || 0x01`.
pub(crate) fn hkdf_expand(key: &[u8; 32], info: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac_sha256(key, &[info, &[1]]))
}

/// SHA-256 over the concatenation of `parts`.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4231_hmac_sha256_vectors() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(hex::encode(hmac_sha256(key, &[data])), expected);
        }
    }

    #[test]
    fn rfc5869_hkdf_sha256_vectors() {
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = hkdf_extract(&salt, &[0x0b; 22]);
        assert_eq!(
            hex::encode(*key),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
        );
        // The vector asks for 42 bytes; HKDF output is prefix-consistent.
        assert_eq!(
            hex::encode(*hkdf_expand(&key, &info)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
        );
    }

    #[test]
    fn framing_separates_parts() {
        let key = [7u8; 32];
        assert_ne!(
            hmac_sha256_framed(&key, &[b"a", b"bc"]),
            hmac_sha256_framed(&key, &[b"ab", b"c"])
        );
        assert_ne!(
            hmac_sha256_framed(&key, &[b"abc"]),
            hmac_sha256_framed(&key, &[b"abc", b""])
        );
    }
}
