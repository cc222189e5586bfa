//! What plain text each personal-data column can hold. This decides whether a value without
//! authentication (legacy CBC, legacy plain text) is believed.

/// A kind of encrypted column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PiiColumn {
    /// `phone_num`.
    Phone,
    /// `bank_num`, `card_number`.
    CardNumber,
    /// `holder_name`.
    HolderName,
    /// `email`.
    Email,
}

impl PiiColumn {
    /// Whether `text` stays within the column's character set: asked of what legacy CBC
    /// decrypts to, where a right padding already speaks for the key.
    pub(super) fn in_character_set(self, text: &str) -> bool {
        match self {
            Self::Phone => {
                bounded(text, 32) && text.bytes().all(is_phone_byte) && digits(text) >= 5
            }
            Self::CardNumber => {
                bounded(text, 40) && text.bytes().all(is_card_byte) && digits(text) >= 5
            }
            Self::HolderName => {
                bounded(text, 200)
                    && text.chars().all(is_name_char)
                    && text.chars().any(char::is_alphabetic)
            }
            Self::Email => is_email(text),
        }
    }

    /// Whether `text` is believable as plain text stored before encryption. A name with
    /// digits but no space is rather a damaged ciphertext.
    pub(super) fn is_legacy_plain(self, text: &str) -> bool {
        let damaged = self == Self::HolderName && digits(text) > 0 && !text.contains(' ');
        self.in_character_set(text) && !damaged
    }

    /// Whether `text` is a phone or card number and nothing else: the only plain text that is
    /// believed where a value is also shaped like CBC.
    pub(super) fn is_number(self, text: &str) -> bool {
        match self {
            Self::Phone => {
                let number = text.strip_prefix('+').unwrap_or(text);
                (6..=15).contains(&number.len()) && digits(number) == number.len()
            }
            Self::CardNumber => (8..=34).contains(&text.len()) && digits(text) == text.len(),
            Self::HolderName | Self::Email => false,
        }
    }
}

fn bounded(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count())
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

fn is_phone_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || b"+-(). ".contains(&byte)
}

/// Letters too: account numbers of some countries have them (IBAN).
fn is_card_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"- ".contains(&byte)
}

/// Any script, since names are written in all of them; of ASCII only what names hold.
fn is_name_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || " .,'-&/()".contains(c);
    }
    !c.is_control() && c != char::REPLACEMENT_CHARACTER && !('\u{e000}'..='\u{f8ff}').contains(&c)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    bounded(text, 254)
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !local.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
}

#[cfg(test)]
mod tests {
    use super::PiiColumn::{CardNumber, Email, HolderName, Phone};

    #[test]
    fn q89_believable_plain_text() {
        for (column, text) in [
            (Phone, "+66812345678"),
            (Phone, "081-234-5678"),
            (CardNumber, "4111 1111 1111 1111"),
            (CardNumber, "DE89370400440532013000"),
            (HolderName, "Somchai Jaidee"),
            (HolderName, "สมชาย ใจดี"),
            (HolderName, "O'Brien-Müller, Jr."),
            (HolderName, "Shop 24 Ltd."),
            (Email, "a.b+c@example.com"),
        ] {
            assert!(column.is_legacy_plain(text), "{column:?} {text}");
        }
    }

    #[test]
    fn q89_unbelievable_plain_text() {
        for (column, text) in [
            (Phone, ""),
            (Phone, "+66"),
            (Phone, "call me"),
            (Phone, "٠١٢٣٤٥٦٧٨"),
            (Phone, "0812345678\n"),
            (CardNumber, "4111_1111"),
            (CardNumber, "no digits here"),
            (HolderName, "aesgcm:v2:abcd"),
            (HolderName, "Q2FyZA2x"),
            (HolderName, "12 34"),
            (HolderName, "a\u{0}b"),
            (HolderName, "a\u{fffd}b"),
            (Email, "nobody"),
            (Email, "a@b@c"),
            (Email, "@example.com"),
        ] {
            assert!(!column.is_legacy_plain(text), "{column:?} {text:?}");
        }
    }

    #[test]
    fn q89_numbers() {
        assert!(Phone.is_number("+66812345678") && Phone.is_number("0812345678"));
        assert!(CardNumber.is_number("4111111111111111"));
        for text in [
            "+6681234567890123",
            "081-234-5678",
            "12345",
            "",
            "++66812345678",
        ] {
            assert!(!Phone.is_number(text), "{text}");
        }
        assert!(!CardNumber.is_number("4111 1111 1111 1111"));
        assert!(!HolderName.is_number("12345678") && !Email.is_number("12345678"));
    }
}
