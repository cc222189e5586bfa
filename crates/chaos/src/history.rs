//! Everything that ever was in the stream, kept over every FLUSHALL.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use redis::{aio::MultiplexedConnection, streams::StreamRangeReply};
use serde_json::Value;

/// Where the relay appends. Written out, as a consumer would.
const STREAM: &str = "stream:agent.events";

/// An entry of the stream.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    /// Type and id.
    pub(crate) aggregate: String,
    pub(crate) payload: Value,
    /// Of all fields.
    pub(crate) digest: u64,
}

/// Entries in the order in which they were appended, over all streams there were.
#[derive(Default)]
pub(crate) struct History {
    entries: Vec<Entry>,
    /// How many entries the streams before the present one had.
    before: usize,
    pub(crate) flushed: usize,
}

impl History {
    /// FLUSHALL; what is in the stream at that instant is noted, so that an event which is nowhere
    /// was never published.
    pub(crate) async fn flush(&mut self, redis: &mut MultiplexedConnection) -> anyhow::Result<()> {
        let (range, ()): (StreamRangeReply, ()) = redis::pipe()
            .atomic()
            .cmd("XRANGE")
            .arg(STREAM)
            .arg("-")
            .arg("+")
            .cmd("FLUSHALL")
            .query_async(redis)
            .await?;
        self.entries.truncate(self.before);
        self.entries.extend(range.ids.iter().map(entry));
        self.before = self.entries.len();
        self.flushed += 1;
        Ok(())
    }

    /// The stream since the last FLUSHALL, as [`Self::look`] last saw it.
    pub(crate) fn present(&self) -> &[Entry] {
        &self.entries[self.before..]
    }

    /// Everything up to now.
    pub(crate) async fn look(
        &mut self,
        redis: &mut MultiplexedConnection,
    ) -> anyhow::Result<&[Entry]> {
        let range: StreamRangeReply = redis::cmd("XRANGE")
            .arg(STREAM)
            .arg("-")
            .arg("+")
            .query_async(redis)
            .await?;
        self.entries.truncate(self.before);
        self.entries.extend(range.ids.iter().map(entry));
        Ok(&self.entries)
    }
}

fn entry(id: &redis::streams::StreamId) -> Entry {
    let fields: BTreeMap<&String, String> = id
        .map
        .iter()
        .map(|(name, value)| (name, text(value)))
        .collect();
    let of = |name: &str| fields.get(&name.to_owned()).cloned().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    fields.hash(&mut hasher);
    Entry {
        event_id: of("event_id"),
        event_type: of("event_type"),
        aggregate: format!("{}:{}", of("aggregate_type"), of("aggregate_id")),
        payload: serde_json::from_str(&of("payload")).unwrap_or(Value::Null),
        digest: hasher.finish(),
    }
}

fn text(value: &redis::Value) -> String {
    redis::from_redis_value_ref(value).unwrap_or_default()
}
