//! One spelling per host: whatever a client writes, a host has a single normal form.

use std::{fmt, net::Ipv6Addr, sync::Arc};

use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};

/// Longest host name in ASCII, without the trailing dot (RFC 1035 section 2.3.4).
const MAX_ASCII: usize = 253;
/// Longest spelling that is looked at: a name of 253 characters of four bytes each and a port.
/// Keeps the cost of the Unicode mapping bounded.
const MAX_RAW: usize = 4 * MAX_ASCII + 6;

/// A host in normal form: IDNA to ASCII, lower case, without port and trailing dot.
/// IP literals and `localhost` are hosts like any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(Arc<str>);

/// The text is no host, with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a valid host")]
pub struct InvalidHost;

impl Host {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port` as it stands in a `Host` field or in the
    /// authority of a request target (RFC 9110 section 7.2). Everything that stores hosts should
    /// store this form.
    ///
    /// # Errors
    /// Anything else: empty, longer than 253 bytes, empty or overlong labels, user information,
    /// characters that no host has, a port above 65535.
    pub fn parse(authority: &[u8]) -> Result<Self, InvalidHost> {
        if authority.len() > MAX_RAW {
            return Err(InvalidHost);
        }
        let (name, port) = split_port(authority);
        if !port.is_none_or(is_port) {
            return Err(InvalidHost);
        }
        match name {
            [b'[', literal @ .., b']'] => ipv6(literal),
            _ => domain(name),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits at the last colon outside brackets.
fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    let from = authority.iter().rposition(|&b| b == b']').unwrap_or(0);
    match authority[from..].iter().rposition(|&b| b == b':') {
        Some(colon) => (
            &authority[..from + colon],
            Some(&authority[from + colon + 1..]),
        ),
        None => (authority, None),
    }
}

/// RFC 3986 allows an empty port; `str::parse` alone would allow a sign.
fn is_port(port: &[u8]) -> bool {
    let value = port.iter().try_fold(0_u16, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    });
    value.is_some()
}

fn ipv6(literal: &[u8]) -> Result<Host, InvalidHost> {
    let address: Ipv6Addr = std::str::from_utf8(literal)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(InvalidHost)?;
    Ok(Host(format!("[{address}]").into()))
}

fn domain(name: &[u8]) -> Result<Host, InvalidHost> {
    let ascii = Uts46::new()
        .to_ascii(
            name,
            AsciiDenyList::URL,
            Hyphens::Allow,
            DnsLength::VerifyAllowRootDot,
        )
        .map_err(|_| InvalidHost)?;
    let host = ascii.strip_suffix('.').unwrap_or(&ascii);
    // Underscores are no host name by RFC 1123, but container networks use them.
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if host.is_empty() || host.len() > MAX_ASCII || !host.bytes().all(plain) {
        return Err(InvalidHost);
    }
    Ok(Host(host.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> Option<String> {
        Host::parse(text.as_bytes())
            .ok()
            .map(|host| host.as_str().to_owned())
    }

    #[test]
    fn q14_a_host_has_one_normal_form() {
        for (spelling, expected) in [
            ("agent.brand-a.example", "agent.brand-a.example"),
            ("AGENT.Brand-A.Example", "agent.brand-a.example"),
            ("agent.brand-a.example:8443", "agent.brand-a.example"),
            ("agent.brand-a.example:", "agent.brand-a.example"),
            ("agent.brand-a.example.", "agent.brand-a.example"),
            ("agent.brand-a.example.:080", "agent.brand-a.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("brand-a\u{3002}example", "brand-a.example"),
            ("agent_api:8080", "agent_api"),
            ("localhost:8080", "localhost"),
            ("127.0.0.1:8080", "127.0.0.1"),
            ("[::1]:8080", "[::1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("[2001:DB8::A]", "[2001:db8::a]"),
        ] {
            assert_eq!(normal(spelling).as_deref(), Some(expected), "{spelling}");
        }
    }

    #[test]
    fn q14_what_is_no_host_is_refused() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = vec!["a".repeat(63); 4].join(".");
        for text in [
            "",
            ".",
            "..",
            ":8080",
            "a..b",
            ".a",
            "a.example..",
            "a b",
            " a",
            "a\tb",
            "a,b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "a%41",
            "user@a.example",
            "a.example:65536",
            "a.example:-1",
            "a.example:+80",
            "a.example: 80",
            "a.example:80:80",
            "a.example:http",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[]",
            "[fe80::1%eth0]",
            "[v1.a]",
            "[127.0.0.1]",
            "xn--a.example",
            "\u{2100}.example",
            "a\u{ff0f}b.example",
            long_label.as_str(),
            long_name.as_str(),
        ] {
            assert_eq!(normal(text), None, "{text:?}");
        }
        assert_eq!(Host::parse(b"\xff.example"), Err(InvalidHost));
        assert_eq!(Host::parse(&[b'a'; 4096]), Err(InvalidHost));
    }

    #[test]
    fn q14_the_longest_host_is_253_bytes() {
        let longest = format!("{}.{}", vec!["a".repeat(63); 3].join("."), "a".repeat(61));
        assert_eq!(longest.len(), 253);
        assert_eq!(normal(&longest), Some(longest.clone()));
        assert_eq!(normal(&format!("{longest}.:443")), Some(longest.clone()));
        assert_eq!(normal(&format!("{longest}a")), None);
    }

    fn host() -> impl Strategy<Value = String> {
        prop::collection::vec("[a-z0-9_]([a-z0-9_]{0,20}[a-z0-9_])?", 1..5)
            .prop_map(|labels| labels.join("."))
    }

    proptest! {
        #[test]
        fn q14_port_case_and_trailing_dot_never_change_the_host(
            host in host(),
            upper in any::<u64>(),
            dot in any::<bool>(),
            port in proptest::option::of(any::<u16>()),
        ) {
            let mut spelling: String = host
                .chars()
                .enumerate()
                .map(|(i, c)| if upper >> (i % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c })
                .collect();
            if dot {
                spelling.push('.');
            }
            if let Some(port) = port {
                spelling.push_str(&format!(":{port}"));
            }
            prop_assert_eq!(normal(&spelling), Some(host));
        }

        #[test]
        fn q14_any_bytes_are_refused_or_have_a_stable_normal_form(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..80),
                ".{0,40}".prop_map(String::into_bytes),
            ],
        ) {
            if let Ok(host) = Host::parse(&bytes) {
                prop_assert!(host.as_str().is_ascii());
                prop_assert!((1..=253).contains(&host.as_str().len()));
                prop_assert_eq!(Host::parse(host.as_str().as_bytes()), Ok(host));
            }
        }
    }
}
