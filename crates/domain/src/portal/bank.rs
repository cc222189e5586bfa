//! Payout cards: the spelling of numbers and holders, and what an agent sees of them.

/// Characters of a card or account number without spaces: the shortest account numbers have eight,
/// an IBAN at most 34 (ISO 13616).
const CARD_LENGTH: std::ops::RangeInclusive<usize> = 8..=34;
const MIN_CARD_DIGITS: usize = 5;

/// A card or account number without spaces and dashes, letters in capitals. `None` for anything
/// that is no such number.
#[must_use]
pub fn normalise_card(text: &str) -> Option<String> {
    let number: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, ' ' | '-'))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let valid = CARD_LENGTH.contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && digits >= MIN_CARD_DIGITS;
    valid.then_some(number)
}

/// The spelling of a holder's name under which equal names meet: single spaces, capitals.
#[must_use]
pub fn normalise_holder(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_uppercase()
}

/// Whether a text can be the name of a card's holder: 1 to 100 characters, letters of any script
/// and what names hold beside them.
#[must_use]
pub fn is_holder_name(name: &str) -> bool {
    let allowed = |c: char| {
        if c.is_ascii() {
            c.is_ascii_alphanumeric() || " .,'-&/()".contains(c)
        } else {
            !c.is_control() && c != char::REPLACEMENT_CHARACTER && !c.is_whitespace()
        }
    };
    (1..=100).contains(&name.chars().count())
        && name.chars().all(allowed)
        && name.chars().any(char::is_alphabetic)
}

/// The last four characters of a number.
#[must_use]
pub fn last4(number: &str) -> String {
    let count = number.chars().count();
    number.chars().skip(count.saturating_sub(4)).collect()
}

/// The name of a card's holder with only the first letter of each word left.
#[must_use]
pub fn mask_holder(name: &str) -> String {
    name.split_whitespace()
        .map(|word| {
            word.chars()
                .take(1)
                .chain("***".chars())
                .collect::<String>()
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// A phone with only its last four digits left.
#[must_use]
pub fn mask_phone(phone: &str) -> String {
    let count = phone.chars().count();
    let tail: String = phone.chars().skip(count.saturating_sub(4)).collect();
    format!("***{tail}")
}

/// An address with only the first letter of the mailbox and the domain left.
#[must_use]
pub fn mask_email(email: &str) -> String {
    match email.split_once('@') {
        Some((mailbox, domain)) => {
            let first: String = mailbox.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_lose_spaces_and_dashes() {
        for (text, number) in [
            ("4111 1111-1111 1111", "4111111111111111"),
            (" de89 3704 0044 0532 0130 00 ", "DE89370400440532013000"),
        ] {
            assert_eq!(normalise_card(text).as_deref(), Some(number));
        }
        for text in [
            "",
            "1234567",
            "4111_1111_1111",
            "ABCDEFGHIJ",
            "４１１１１１１１",
            "411111111111\n1111",
        ] {
            assert_eq!(normalise_card(text), None, "{text:?}");
        }
        assert_eq!(normalise_card(&"1".repeat(35)), None);
        assert_eq!(last4("DE89370400440532013000"), "3000");
    }

    #[test]
    fn holders_are_compared_without_case_and_spaces() {
        assert_eq!(normalise_holder("  Somchai   jaidee "), "SOMCHAI JAIDEE");
        for name in ["Somchai Jaidee", "สมชาย ใจดี", "O'Brien-Müller, Jr."] {
            assert!(is_holder_name(name), "{name}");
        }
        for name in ["", "12 34", "a\0b", "=cmd|x", "a\u{2028}b"] {
            assert!(!is_holder_name(name), "{name:?}");
        }
    }
}
