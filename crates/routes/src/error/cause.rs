//! The cause of an error as a log may show it.
//!
//! Texts of libraries quote what they were given: a database says `invalid input syntax for type
//! integer: "…"`, a parser names the text it could not read. Names of tables and constraints help
//! to find a fault, values of parameters are somebody's data, so only the former are kept.

use std::error::Error;

/// Longest text of one error in the chain, in characters.
const MAX_LINK: usize = 200;
/// Longest chain.
const MAX_LINKS: usize = 6;
/// Runs of digits from this length on may be a phone, a card or a one-time code.
const LONG_NUMBER: usize = 6;

/// Words after which Postgres quotes a name, not a value.
const NAMED: [&str; 9] = [
    "column",
    "constraint",
    "database",
    "function",
    "index",
    "relation",
    "role",
    "schema",
    "table",
];

/// The errors from the outermost to the root, joined by `: `, without quoted values and long
/// numbers.
#[must_use]
pub fn describe(cause: &(dyn Error + 'static)) -> String {
    let mut links: Vec<String> = Vec::new();
    let mut next = Some(cause);
    while let Some(error) = next.filter(|_| links.len() < MAX_LINKS) {
        let link = without_values(&error.to_string());
        // Many errors repeat their source in their own text.
        if !links.last().is_some_and(|last| last.contains(&link)) {
            links.push(link);
        }
        next = error.source();
    }
    links.join(": ")
}

fn without_values(text: &str) -> String {
    let text: String = text.chars().take(MAX_LINK).collect();
    without_long_numbers(&without_quotes(&text))
}

/// Quoted parts stay when the word before says that they are a name.
fn without_quotes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, quote)) = opening_quote(rest) {
        let before = &rest[..start];
        let inner = &rest[start + 1..];
        let end = inner.find(quote);
        let value = &inner[..end.unwrap_or(inner.len())];
        let word = before.split_whitespace().last();
        let is_name = word.is_some_and(|word| NAMED.contains(&word));
        kept.push_str(before);
        kept.push(quote);
        kept.push_str(if is_name { value } else { "…" });
        kept.push(quote);
        rest = end.map_or("", |end| &inner[end + 1..]);
    }
    kept.push_str(rest);
    kept
}

/// Where the next quoted part begins. An apostrophe inside a word opens nothing.
fn opening_quote(text: &str) -> Option<(usize, char)> {
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        let opens = match character {
            '"' | '`' => true,
            '\'' => !before.is_alphanumeric(),
            _ => false,
        };
        if opens {
            return Some((at, character));
        }
        before = character;
    }
    None
}

fn without_long_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut digits = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_numeric() {
            digits.push(character);
            continue;
        }
        let masked = digits.chars().count() >= LONG_NUMBER;
        kept.push_str(if masked { "…" } else { &digits });
        digits.clear();
        kept.push(character);
    }
    kept.pop();
    kept
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[test]
    fn values_in_database_errors_are_not_logged() {
        for (text, logged) in [
            (
                "duplicate key value violates unique constraint \"agent_username_key\"",
                "duplicate key value violates unique constraint \"agent_username_key\"",
            ),
            (
                "invalid input syntax for type bigint: \"hunter2\"",
                "invalid input syntax for type bigint: \"…\"",
            ),
            (
                "value \"66812345678\" is out of range",
                "value \"…\" is out of range",
            ),
            (
                "invalid type: string \"hunter2\", expected i64",
                "invalid type: string \"…\", expected i64",
            ),
            (
                "unknown variant `4111`, expected `a`",
                "unknown variant `…`, expected `…`",
            ),
            (
                "Key (phone)=(+66812345678) exists",
                "Key (phone)=(+…) exists",
            ),
            (
                "SQLSTATE 23505 after 5000 ms",
                "SQLSTATE 23505 after 5000 ms",
            ),
            ("couldn't connect, isn't 'x'", "couldn't connect, isn't '…'"),
            ("unterminated \"secret", "unterminated \"…\""),
        ] {
            assert_eq!(without_values(text), logged);
        }
    }

    #[derive(Debug)]
    struct Outer(std::io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("query failed")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn the_chain_is_told_from_the_outside_in() {
        let error = Outer(std::io::Error::other("connection reset"));
        assert_eq!(describe(&error), "query failed: connection reset");
    }
}
