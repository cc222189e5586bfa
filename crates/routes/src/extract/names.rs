//! Names of members that a client sent, as they may be shown and logged.
//!
//! A name can hold data: a JSON body sent as a form is one long "name", password included. Only
//! what looks like a name is repeated.

/// Longest name that is repeated, in bytes.
const MAX_NAME: usize = 40;
/// A phone or a code is digits; names have few.
const MAX_DIGITS: usize = 3;
/// Stands for every name that is not repeated.
pub(crate) const OTHER: &str = "<other>";

/// The name if it looks like one, else [`OTHER`].
pub(crate) fn shown(name: &str) -> &str {
    let letters = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'[' | b']'));
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    if letters && plain && name.len() <= MAX_NAME && digits <= MAX_DIGITS {
        name
    } else {
        OTHER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_name_is_repeated() {
        for name in ["username", "bank_id", "ids[]", "address2", "X-Field"] {
            assert_eq!(shown(name), name);
        }
        for data in [
            "",
            "66812345678",
            "u66812345678",
            r#"{"username":"a","password":"b"}"#,
            "a b",
            "line\nbreak",
            "ชื่อ",
            &"n".repeat(41),
        ] {
            assert_eq!(shown(data), OTHER, "{data}");
        }
    }
}
