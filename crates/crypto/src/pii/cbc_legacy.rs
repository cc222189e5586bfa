//! The old form (P-134, Q-75): standard base64 of AES-256-CBC with PKCS#7 padding under the
//! static `AES_IV`. Only read; nothing here is reached by a new write (P-133).

use aes::Aes256;
use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroizing;

use super::column::PiiColumn;
use crate::secret::{AesIv, AesKey};

const BLOCK: usize = 16;

/// The ciphertext of a value shaped like this form: standard base64 of a positive multiple
/// of 16 bytes.
pub(super) fn ciphertext(stored: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(stored).ok()?;
    (!bytes.is_empty() && bytes.len().is_multiple_of(BLOCK)).then_some(bytes)
}

/// Decrypts, and believes the result only with right padding, UTF-8 and the column's
/// character set. `None` does not say which of them failed, and the text is examined also
/// when the padding is wrong: one answer, so that there is no padding oracle (Q-89).
pub(super) fn open(
    key: &AesKey,
    iv: &AesIv,
    mut ciphertext: Vec<u8>,
    column: PiiColumn,
) -> Option<Zeroizing<String>> {
    decrypt_blocks(key, iv, &mut ciphertext)?;
    let plain = Zeroizing::new(ciphertext);
    let (padded, padding) = padding(&plain)?;
    let text = std::str::from_utf8(&plain[..plain.len() - usize::from(padding)]).ok();
    let believed = text.filter(|text| column.in_character_set(text));
    match (bool::from(padded), believed) {
        (true, Some(text)) => Some(Zeroizing::new(text.to_owned())),
        _ => None,
    }
}

/// The form of `plain`. Deterministic, which is why it is no longer written, and why an old
/// row can be found by it (Q-89).
pub(super) fn seal(key: &AesKey, iv: &AesIv, plain: &str) -> String {
    let encryptor = cbc::Encryptor::<Aes256>::new(key.bytes().into(), iv.bytes().into());
    STANDARD.encode(encryptor.encrypt_padded_vec::<Pkcs7>(plain.as_bytes()))
}

/// In place. `None` only if the length is no multiple of the block.
fn decrypt_blocks(key: &AesKey, iv: &AesIv, bytes: &mut [u8]) -> Option<()> {
    let decryptor = cbc::Decryptor::<Aes256>::new(key.bytes().into(), iv.bytes().into());
    decryptor
        .decrypt_padded::<NoPadding>(bytes)
        .ok()
        .map(|_| ())
}

/// Whether PKCS#7 padding (RFC 5652 section 6.3) is right, and its length (0 when it is not),
/// looking at all of the last block whatever it holds.
fn padding(plain: &[u8]) -> Option<(Choice, u8)> {
    let block = plain.last_chunk::<BLOCK>()?;
    let length = block[BLOCK - 1];
    let mut right = length.ct_gt(&0) & !length.ct_gt(&16);
    for (from_end, byte) in (0_u8..).zip(block.iter().rev()) {
        let is_padding = length.ct_gt(&from_end);
        right &= !is_padding | byte.ct_eq(&length);
    }
    Some((right, u8::conditional_select(&0, &length, right)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> AesKey {
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
            .parse()
            .unwrap()
    }

    fn iv() -> AesIv {
        "000102030405060708090a0b0c0d0e0f".parse().unwrap()
    }

    fn opened(stored: &str, column: PiiColumn) -> Option<String> {
        open(&key(), &iv(), ciphertext(stored)?, column).map(|text| text.to_string())
    }

    /// Raw block encryption, to build ciphertexts with any padding.
    fn seal_blocks(plain: &[u8]) -> Vec<u8> {
        let encryptor = cbc::Encryptor::<Aes256>::new(key().bytes().into(), iv().bytes().into());
        encryptor.encrypt_padded_vec::<NoPadding>(plain)
    }

    /// NIST SP 800-38A F.2.5 and F.2.6 (CBC-AES256).
    #[test]
    fn p134_cbc_known_answers() {
        let plain = hex::decode(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
             30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        )
        .unwrap();
        let cipher = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d\
                      39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b";
        let mut bytes = seal_blocks(&plain);
        assert_eq!(hex::encode(&bytes), cipher);
        decrypt_blocks(&key(), &iv(), &mut bytes).unwrap();
        assert_eq!(bytes, plain);
    }

    /// Computed with another implementation (OpenSSL through Python).
    #[test]
    fn q75_legacy_form_is_interoperable() {
        let key: AesKey = "0123456789abcdefghijklmnopqrstuv".parse().unwrap();
        let iv: AesIv = "0123456789abcdef".parse().unwrap();
        assert_eq!(seal(&key, &iv, "+66812345678"), "huC8PnuTHLGswYddpquBKA==");
    }

    #[test]
    fn q89_shape_is_base64_of_whole_blocks() {
        assert!(ciphertext(&STANDARD.encode([0; 16])).is_some());
        assert!(ciphertext(&STANDARD.encode([0; 48])).is_some());
        for stored in [
            "",
            "+66812345678",
            "4111111111111111",
            &STANDARD.encode([0; 15]),
            "!!!",
        ] {
            assert!(ciphertext(stored).is_none(), "{stored}");
        }
    }

    #[test]
    fn q89_padding_of_every_length_is_recognised_and_wrong_ones_are_not() {
        for length in 1..=16_u8 {
            let mut block = [b'7'; 16];
            block[16 - usize::from(length)..].fill(length);
            let (right, found) = padding(&block).unwrap();
            assert!(bool::from(right));
            assert_eq!(found, length);
            if length > 1 {
                block[16 - usize::from(length)] ^= 1;
                assert!(!bool::from(padding(&block).unwrap().0), "length {length}");
            }
        }
        for last in [0, 17, 255] {
            let mut block = [last; 16];
            block[0] = 1;
            assert!(!bool::from(padding(&block).unwrap().0), "last byte {last}");
        }
    }

    #[test]
    fn q89_wrong_padding_text_or_characters_give_the_same_answer() {
        let wrong_padding = [b'7'; 16];
        let mut not_utf8 = [0xff_u8; 16];
        not_utf8[15] = 1;
        let mut not_a_phone = *b"hello, world!!!\x01";
        not_a_phone[15] = 1;
        for plain in [wrong_padding, not_utf8, not_a_phone] {
            assert_eq!(
                opened(&STANDARD.encode(seal_blocks(&plain)), PiiColumn::Phone),
                None
            );
        }
        let mut phone = *b"0812345678\0\0\0\0\0\0";
        phone[10..].fill(6);
        let stored = STANDARD.encode(seal_blocks(&phone));
        assert_eq!(opened(&stored, PiiColumn::Phone).unwrap(), "0812345678");
    }

    proptest! {
        #[test]
        fn p134_round_trip(phone in r"\+[0-9]{5,20}", name in "[A-Za-zก-ฮ][A-Za-zก-ฮ ]{0,40}") {
            prop_assert_eq!(opened(&seal(&key(), &iv(), &phone), PiiColumn::Phone).unwrap(), phone);
            prop_assert_eq!(opened(&seal(&key(), &iv(), &name), PiiColumn::HolderName).unwrap(), name);
        }

        #[test]
        fn q89_garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let stored = STANDARD.encode(&bytes);
            for column in [PiiColumn::Phone, PiiColumn::HolderName, PiiColumn::Email] {
                if let Some(text) = opened(&stored, column) {
                    prop_assert!(column.in_character_set(&text));
                }
            }
        }
    }
}
