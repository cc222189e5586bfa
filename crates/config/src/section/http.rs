//! The API's listeners and what a client may cost.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use ipnet::IpNet;

use crate::{reader::Reader, variables::var};

const TIMEOUT_MS: RangeInclusive<u32> = 1..=600_000;
const MAX_BODY_BYTES: u32 = 16 * 1024 * 1024;

/// Where the API listens, and the bounds of a request.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    pub listen: SocketAddr,
    pub metrics_listen: SocketAddr,
    pub head_timeout: Duration,
    pub body_idle_timeout: Duration,
    pub request_timeout: Duration,
    pub max_body_bytes: usize,
    pub max_connections: usize,
    /// Below the size of the database pool, so that one agent cannot occupy it.
    pub requests_per_agent: usize,
    pub drain_timeout: Duration,
    /// `X-Forwarded-For` counts only from these; empty: never.
    pub trusted_proxies: Vec<IpNet>,
}

impl HttpSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            listen: reader.address(&var::HTTP_LISTEN),
            metrics_listen: reader.address(&var::METRICS_LISTEN),
            head_timeout: reader.millis(&var::HTTP_HEAD_TIMEOUT_MS, TIMEOUT_MS),
            body_idle_timeout: reader.millis(&var::HTTP_BODY_IDLE_TIMEOUT_MS, TIMEOUT_MS),
            request_timeout: reader.millis(&var::HTTP_REQUEST_TIMEOUT_MS, TIMEOUT_MS),
            max_body_bytes: reader.count(&var::HTTP_MAX_BODY_BYTES, 1..=MAX_BODY_BYTES),
            max_connections: reader.count(&var::HTTP_MAX_CONNECTIONS, 1..=1_000_000),
            requests_per_agent: reader.count(&var::HTTP_REQUESTS_PER_AGENT, 1..=10_000),
            drain_timeout: reader.millis(&var::HTTP_DRAIN_TIMEOUT_MS, TIMEOUT_MS),
            trusted_proxies: trusted_proxies(reader),
        }
    }
}

fn trusted_proxies(reader: &mut Reader) -> Vec<IpNet> {
    let list = reader.text(&var::TRUSTED_PROXIES).unwrap_or_default();
    let entries = list.split(',').map(str::trim).filter(|e| !e.is_empty());
    let networks: Option<Vec<IpNet>> = entries.map(network).collect();
    networks.unwrap_or_else(|| {
        reader.fault(
            var::TRUSTED_PROXIES.name,
            "must be networks such as 10.0.0.0/8, or addresses, with commas between",
        );
        Vec::new()
    })
}

fn network(entry: &str) -> Option<IpNet> {
    let address = || entry.parse::<IpAddr>().map(IpNet::from);
    entry.parse().or_else(|_| address()).ok()
}
