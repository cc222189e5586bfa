//! The name under which a browser saves a file (RFC 6266).

use std::fmt::Write as _;

use agent_domain::{BrandScope, page::DayRange};
use http::HeaderValue;

/// `Content-Disposition` of a report: `players_brand-a_2026-11-01_2026-11-22.csv`.
pub(super) fn attachment(report: &str, scope: &BrandScope, days: DayRange) -> HeaderValue {
    let DayRange { first, last } = days;
    let mut days = first.to_string();
    if last != first {
        days = format!("{first}_{last}");
    }
    disposition(&format!("{report}_{}_{days}.csv", scope.brand().code))
}

/// A name that needs more than ASCII is also sent as `filename*` (RFC 8187), which browsers prefer.
fn disposition(name: &str) -> HeaderValue {
    let plain: String = name.chars().map(plain).collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if !name.is_ascii() {
        value.push_str("; filename*=UTF-8''");
        encode(name, &mut value);
    }
    // All that is left is visible ASCII.
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("attachment"))
}

/// Letters that mean nothing to a header or to a file system.
fn plain(letter: char) -> char {
    match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => letter,
        _ => '_',
    }
}

fn encode(name: &str, value: &mut String) {
    for letter in name.chars() {
        if letter.is_ascii() {
            value.push(plain(letter));
            continue;
        }
        let mut bytes = [0; 4];
        for byte in letter.encode_utf8(&mut bytes).bytes() {
            // A String takes whatever is written.
            write!(value, "%{byte:02X}").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_headers_and_file_systems() {
        for (name, header) in [
            (
                "players_brand-a_2026-11-01.csv",
                "attachment; filename=\"players_brand-a_2026-11-01.csv\"",
            ),
            (
                "p_a\"b\\c/..;\r\n d.csv",
                "attachment; filename=\"p_a_b_c_..____d.csv\"",
            ),
            (
                "p_ไ/x.csv",
                "attachment; filename=\"p___x.csv\"; filename*=UTF-8''p_%E0%B9%84_x.csv",
            ),
        ] {
            assert_eq!(disposition(name).to_str().unwrap(), header);
        }
    }
}
