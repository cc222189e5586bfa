//! Every name in Redis.
//!
//! Names show up in logs, in slow-command lists and in dumps, so none of them holds a user name,
//! a phone or an address: limits are named by a keyed hash, or by an internal number.

/// The stream of domain events. Nobody trims it but [`crate::Kv::stream_trim`].
pub const STREAM: &str = "stream:agent.events";

/// The highest epoch under which each shard of the outbox was published. May be lost: then
/// only the leases keep two publishers apart.
pub(crate) const EPOCHS: &str = "agent_outbox:epochs";

/// Instances that sent a heartbeat, scored by its time. A list to read from: walking all keys to
/// find the heartbeats would take longer the more attempt counters there are.
pub(crate) const HEARTBEATS: &str = "agent_worker:heartbeats";

/// The last heartbeat of a worker.
#[must_use]
pub fn heartbeat(instance: &str) -> String {
    format!("agent_worker:heartbeat:{instance}")
}

/// Counter of a limit on something secret or personal, by a 32-byte keyed hash of it.
#[must_use]
pub fn limit(purpose: &str, digest: &[u8; 32]) -> String {
    format!("limit:{purpose}:{}", hex::encode(digest))
}

/// Counter of a limit on something of ours that has a number, such as an agent or a brand.
#[must_use]
pub fn limit_of(purpose: &str, id: i64) -> String {
    format!("limit:{purpose}:{id:x}")
}

/// A channel of signals. All databases of a server share the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Somebody changed which brands an agent may serve.
    BrandChanged,
    /// New rows wait in the outbox.
    OutboxWake,
}

impl Channel {
    const ALL: [Self; 2] = [Self::BrandChanged, Self::OutboxWake];

    /// The name in Redis without a prefix, as other services know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BrandChanged => "AGENT_BRAND_CHANGED",
            Self::OutboxWake => "agent_outbox:wake",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

#[cfg(test)]
mod names {
    use super::*;

    #[test]
    fn q18_q19_q98_names_are_those_that_others_know() {
        assert_eq!(STREAM, "stream:agent.events");
        assert_eq!(heartbeat("w-1"), "agent_worker:heartbeat:w-1");
        assert_eq!(
            limit("login", &[0xab; 32]),
            format!("limit:login:{}", "ab".repeat(32))
        );
        assert_eq!(limit_of("payout", 255), "limit:payout:ff");
        assert_eq!(Channel::BrandChanged.name(), "AGENT_BRAND_CHANGED");
        for channel in Channel::ALL {
            assert_eq!(Channel::of_name(channel.name()), Some(channel));
        }
        assert_eq!(Channel::of_name("else"), None);
    }
}
