//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};
use ipnet::IpNet;

use crate::error::ApiError;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client: the peer, or what a trusted proxy says of it. IPv4 addresses
/// written as IPv6 are turned back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

impl ClientAddr {
    /// What limits per source count by: an IPv4 address, or the /64 of an IPv6 address, of which
    /// one client has as many as it likes.
    #[must_use]
    pub fn source(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                format!("{}/64", Ipv6Addr::from(network))
            }
        }
    }

    /// Walks from the peer to the left through `X-Forwarded-For` as long as each hop is trusted.
    /// The walk stops at what is no address: left of it anything may be forged.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
        let mut client = peer.to_canonical();
        // Several header lines are one list, in their order.
        let lines = headers.get_all(FORWARDED_FOR).iter();
        let hops: Vec<Option<IpAddr>> = lines
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .map(address)
            .collect();
        for hop in hops.into_iter().rev() {
            match hop {
                Some(hop) if is_trusted(client) => client = hop,
                _ => break,
            }
        }
        Self(client)
    }
}

/// An entry of the list: an address, with or without a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?.trim();
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|addr| addr.ip());
    bare.or_else(with_port)
        .map(|address| address.to_canonical())
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddr {
    type Rejection = ApiError;

    /// Never refuses: outside the stack all clients are one, which makes limits stricter.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let known = parts.extensions.get().copied();
        Ok(known.unwrap_or(Self(Ipv4Addr::UNSPECIFIED.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&[u8]], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = http::HeaderValue::from_bytes(line).unwrap();
            headers.append(FORWARDED_FOR, value);
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        ClientAddr::of(peer.parse().unwrap(), &headers, &trusted)
            .0
            .to_string()
    }

    const PROXIES: &[&str] = &["10.0.0.0/8", "fd00::/8"];

    #[test]
    fn q92_only_a_trusted_proxy_is_believed() {
        assert_eq!(client("203.0.113.9", &[b"1.2.3.4"], PROXIES), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &[b"1.2.3.4"], &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[b"1.2.3.4"], PROXIES), "1.2.3.4");
        assert_eq!(
            client("::ffff:10.0.0.1", &[b"::ffff:1.2.3.4"], PROXIES),
            "1.2.3.4"
        );
    }

    #[test]
    fn q92_the_right_most_untrusted_entry_is_the_client() {
        assert_eq!(
            client("10.0.0.1", &[b"9.9.9.9, 1.2.3.4, 10.0.0.2"], PROXIES),
            "1.2.3.4"
        );
        assert_eq!(
            client("10.0.0.1", &[b"9.9.9.9", b"1.2.3.4", b"10.0.0.2"], PROXIES),
            "1.2.3.4"
        );
        assert_eq!(
            client("10.0.0.1", &[b"10.0.0.3,10.0.0.2"], PROXIES),
            "10.0.0.3"
        );
        assert_eq!(client("fd00::1", &[b"2001:db8::7"], PROXIES), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &[b"1.2.3.4:5678"], PROXIES), "1.2.3.4");
        assert_eq!(
            client("10.0.0.1", &[b"[2001:db8::7]:443"], PROXIES),
            "2001:db8::7"
        );
        assert_eq!(client("10.0.0.1", &[], PROXIES), "10.0.0.1");
    }

    #[test]
    fn q92_what_is_no_address_stops_the_walk() {
        for broken in [
            &b"unknown"[..],
            b"",
            b" ",
            b"1.2.3",
            b"_hidden",
            b"1.2.3.4.5",
            b"\xff",
        ] {
            let line = [b"9.9.9.9, ", broken, b", 10.0.0.2"].concat();
            assert_eq!(
                client("10.0.0.1", &[&line], PROXIES),
                "10.0.0.2",
                "{broken:?}"
            );
        }
    }

    #[test]
    fn a_source_of_ipv6_is_its_network() {
        let source = |text: &str| ClientAddr(text.parse().unwrap()).source();
        assert_eq!(source("1.2.3.4"), "1.2.3.4");
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::1"));
    }
}
