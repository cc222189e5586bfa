//! Phones and e-mail addresses in the one spelling under which they are stored, indexed, hashed
//! and counted.

/// Digits of an international number: ITU-T E.164 allows 15, and none is shorter than 8.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// Fewest digits of a number without its country code that begins with digits equal to that code.
const SUBSCRIBER_DIGITS: usize = 8;

/// A phone in E.164 form (`+66812345678`). `country_code` (digits only) completes a number in
/// national form, with or without the leading zero. `None` for anything that is no phone number.
#[must_use]
pub fn normalise_phone(text: &str, country_code: &str) -> Option<String> {
    let text = text.trim();
    let (plus, rest) = match text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if !rest
        .chars()
        .all(|c| c.is_ascii_digit() || " -().".contains(c))
    {
        return None;
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let international = if plus {
        digits
    } else if let Some(international) = digits.strip_prefix("00") {
        international.to_owned()
    } else if has_country_code(&digits, country_code) {
        digits
    } else {
        format!("{country_code}{digits}")
    };
    let international = without_trunk_zero(&international, country_code);
    let valid = DIGITS.contains(&international.len()) && !international.starts_with('0');
    valid.then(|| format!("+{international}"))
}

/// Without the zero that is dialled within the country: it is no part of the number, and each
/// spelling would else be another contact. Italian numbers keep theirs.
fn without_trunk_zero(international: &str, country_code: &str) -> String {
    const KEEP_THEIRS: [&str; 2] = ["39", "378"];
    match international.strip_prefix(country_code) {
        Some(national) if !KEEP_THEIRS.contains(&country_code) => {
            format!("{country_code}{}", national.trim_start_matches('0'))
        }
        _ => international.to_owned(),
    }
}

fn has_country_code(digits: &str, country_code: &str) -> bool {
    let subscriber = digits.strip_prefix(country_code);
    subscriber.is_some_and(|subscriber| subscriber.len() >= SUBSCRIBER_DIGITS)
}

/// The spellings in which older rows may hold a phone: with and without `+`, and in national form
/// with and without the leading zero.
#[must_use]
pub fn older_spellings(e164: &str, country_code: &str) -> Vec<String> {
    let digits = e164.trim_start_matches('+');
    let mut spellings = vec![format!("+{digits}"), digits.to_owned()];
    if let Some(national) = digits.strip_prefix(country_code) {
        spellings.push(format!("0{national}"));
        spellings.push(national.to_owned());
    }
    spellings
}

/// An address in lower case. `None` for anything that is no address.
#[must_use]
pub fn normalise_email(text: &str) -> Option<String> {
    let text = text.trim();
    let (mailbox, domain) = text.split_once('@')?;
    let valid = (3..=254).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !mailbox.is_empty()
        && !domain.is_empty()
        && !domain.contains('@');
    valid.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q89_every_spelling_of_a_phone_is_one_number() {
        for text in [
            "+66812345678",
            "0066812345678",
            "66812345678",
            "0812345678",
            "812345678",
            " 081-234-5678 ",
            "(081) 234.5678",
            "+66 81 234 5678",
            "+66 (0)81 234 5678",
            "+660812345678",
            "0066 0812345678",
        ] {
            let phone = normalise_phone(text, "66");
            assert_eq!(phone.as_deref(), Some("+66812345678"), "{text}");
        }
        assert_eq!(
            normalise_phone("+639171234567", "66").as_deref(),
            Some("+639171234567")
        );
    }

    #[test]
    fn q89_a_zero_that_belongs_to_the_number_stays() {
        for text in ["+390612345678", "0612345678", "00390612345678"] {
            let phone = normalise_phone(text, "39");
            assert_eq!(phone.as_deref(), Some("+390612345678"), "{text}");
        }
    }

    #[test]
    fn q89_what_is_no_phone_is_refused() {
        for text in [
            "",
            "+",
            "abc",
            "081234567x",
            "+0812345678",
            "12",
            "+1234567890123456",
            "0８12345678",
            "08123\n45678",
            "++66812345678",
            "+66812345678\0",
        ] {
            assert_eq!(normalise_phone(text, "66"), None, "{text:?}");
        }
    }

    #[test]
    fn q89_older_spellings_normalise_to_the_phone_they_stand_for() {
        for spelling in older_spellings("+66812345678", "66") {
            let phone = normalise_phone(&spelling, "66");
            assert_eq!(phone.as_deref(), Some("+66812345678"), "{spelling}");
        }
        assert_eq!(older_spellings("+639171234567", "66").len(), 2);
    }

    #[test]
    fn addresses_are_compared_in_lower_case() {
        assert_eq!(
            normalise_email(" A.B@Example.COM ").as_deref(),
            Some("a.b@example.com")
        );
        for text in ["", "nobody", "a@", "@b", "a@b@c", "a b@c", "ä@b"] {
            assert_eq!(normalise_email(text), None, "{text:?}");
        }
    }
}
