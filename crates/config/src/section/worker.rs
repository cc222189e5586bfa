//! The worker process and its sign of life.

use std::{fs, net::SocketAddr, process, time::Duration};

use crate::{reader::Reader, variables::var};

/// The worker as a process.
#[derive(Clone, Debug)]
pub struct ProcessSettings {
    pub listen: SocketAddr,
    /// Tells workers apart in leases and heartbeats.
    pub instance: String,
    pub drain_timeout: Duration,
}

/// How the worker shows that its loops run (P-094, Q-18).
#[derive(Clone, Debug)]
pub struct HeartbeatSettings {
    pub interval: Duration,
    /// A heartbeat of this age means that the worker hangs.
    pub stale: Duration,
}

impl ProcessSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            listen: reader.address(&var::WORKER_LISTEN),
            instance: reader
                .identifier(&var::WORKER_INSTANCE)
                .unwrap_or_else(own_instance),
            drain_timeout: reader.millis(&var::WORKER_DRAIN_TIMEOUT_MS, 1..=600_000),
        }
    }
}

impl HeartbeatSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let heartbeat = Self {
            interval: reader.millis(&var::HEARTBEAT_INTERVAL_MS, 1..=600_000),
            stale: reader.millis(&var::HEARTBEAT_STALE_MS, 1..=3_600_000),
        };
        if heartbeat.stale <= heartbeat.interval {
            reader.fault(
                var::HEARTBEAT_STALE_MS.name,
                "must be above HEARTBEAT_INTERVAL_MS",
            );
        }
        heartbeat
    }
}

/// Host name and process id: unique among workers, also in containers, where every process id
/// may be 1.
fn own_instance() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(64)
        .collect();
    let host = if host.is_empty() { "worker" } else { &host };
    format!("{host}:{}", process::id())
}
