//! Payout cards: the spelling of numbers and holders, and what an agent sees of them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

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

/// The spellings in which older rows may hold a number: as it is, and in groups of four.
#[must_use]
pub fn older_card_spellings(number: &str) -> Vec<String> {
    let letters: Vec<char> = number.chars().collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|four| four.iter().collect())
        .collect();
    vec![number.to_owned(), groups.join(" "), groups.join("-")]
}

/// How much is left of the time in which payout accounts stay as they are, after a change of hands
/// that its old owner did not prove. `None` when it is over or never began.
#[must_use]
pub fn cooldown_left(
    since: Option<DateTime<Utc>>,
    cooldown: Duration,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let cooldown = TimeDelta::from_std(cooldown).unwrap_or(TimeDelta::MAX);
    let end = since?
        .checked_add_signed(cooldown)
        .unwrap_or(DateTime::<Utc>::MAX_UTC);
    (end - now).to_std().ok().filter(|left| !left.is_zero())
}

/// The spelling of a holder's name under which equal names meet: single spaces, capitals.
#[must_use]
pub fn normalise_holder(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_uppercase()
}

/// Characters without a look of their own that turn the direction of the text around them or make
/// two names look alike. U+200C and U+200D are none of them: some scripts cannot be spelled without.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether a text can be the name of a card's holder: 1 to 100 characters, letters of any script
/// and what names hold beside them, nothing that hides.
#[must_use]
pub fn is_holder_name(name: &str) -> bool {
    let allowed = |c: char| {
        if c.is_ascii() {
            c.is_ascii_alphanumeric() || " .,'-&/()".contains(c)
        } else {
            !c.is_control()
                && c != char::REPLACEMENT_CHARACTER
                && !c.is_whitespace()
                && !is_hidden(c)
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
    fn q89_older_spellings_are_the_same_number() {
        for number in ["4111111111111111", "DE89370400440532013000"] {
            for spelling in older_card_spellings(number) {
                assert_eq!(normalise_card(&spelling).as_deref(), Some(number));
            }
        }
    }

    #[test]
    fn q85_the_cooldown_ends_when_its_time_is_over() {
        let day = Duration::from_secs(86_400);
        let began = DateTime::<Utc>::UNIX_EPOCH;
        let at = |seconds| began + TimeDelta::seconds(seconds);
        assert_eq!(cooldown_left(None, day, began), None);
        assert_eq!(cooldown_left(Some(began), day, began), Some(day));
        let last = cooldown_left(Some(began), day, at(86_399));
        assert_eq!(last, Some(Duration::from_secs(1)));
        assert_eq!(cooldown_left(Some(began), day, at(86_400)), None);
        // Clocks differ a little between machines.
        assert!(cooldown_left(Some(began), day, at(-1)).is_some());
        let ever = cooldown_left(Some(began), Duration::MAX, at(86_400));
        assert!(ever.is_some());
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

    #[test]
    fn holders_hide_nothing() {
        for hidden in [
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0041}',
        ] {
            let name = format!("Somchai {hidden}Jaidee");
            assert!(!is_holder_name(&name), "{name:?}");
        }
        // Persian and Sinhala are spelled with non-joiner and joiner.
        for name in ["علی\u{200c}رضا", "ශ්\u{200d}රී"] {
            assert!(is_holder_name(name), "{name:?}");
        }
    }
}
