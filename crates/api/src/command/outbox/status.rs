//! How the outbox is.

use agent_config::{Env, WorkerSettings};
use agent_kv::HeartbeatBody;
use agent_persistence::outbox::{self, Backlog, Holder};
use agent_services::Core;
use serde_json::json;

struct Status {
    backlog: Backlog,
    holders: Vec<Holder>,
    /// `None` = Redis is away.
    stream: Option<(u64, Vec<HeartbeatBody>)>,
    /// Entries to which the worker trims the stream, where this environment tells.
    limit: Option<u64>,
}

pub(super) async fn run(core: &Core, as_json: bool) -> anyhow::Result<()> {
    let pool = core.db.pool();
    let status = Status {
        backlog: outbox::backlog(pool).await?,
        holders: outbox::holders(pool).await?,
        stream: stream(core).await,
        limit: WorkerSettings::load(&Env::process())
            .ok()
            .map(|settings| settings.outbox.stream_max_len),
    };
    match as_json {
        true => super::super::say(&status.as_json()),
        false => status
            .lines()
            .iter()
            .try_for_each(|line| super::super::say(line)),
    }
}

async fn stream(core: &Core) -> Option<(u64, Vec<HeartbeatBody>)> {
    let length = core.kv.stream_len().await.ok()?;
    Some((length, core.kv.latest().await.ok()?))
}

impl Status {
    fn held(&self) -> impl Iterator<Item = (i16, &str)> {
        let valid = self.holders.iter().filter(|holder| holder.is_valid);
        valid.filter_map(|holder| Some((holder.shard, holder.owner.as_deref()?)))
    }

    /// Owners and how many shards each holds.
    fn shares(&self) -> Vec<(&str, usize)> {
        let mut owners: Vec<&str> = self.held().map(|(_, owner)| owner).collect();
        owners.sort_unstable();
        let chunks = owners.chunk_by(|a, b| a == b);
        chunks.map(|chunk| (chunk[0], chunk.len())).collect()
    }

    fn lines(&self) -> Vec<String> {
        let backlog = &self.backlog;
        let mut lines = vec![
            format!(
                "waiting   {} events, the oldest for {:.1} s",
                backlog.pending, backlog.oldest_seconds
            ),
            format!("parked    {} events", backlog.parked),
            format!(
                "shards    {} of {} held",
                self.held().count(),
                self.holders.len()
            ),
        ];
        let share = |(owner, shards): (&str, usize)| format!("          {shards:>2} by {owner}");
        lines.extend(self.shares().into_iter().map(share));
        let Some((length, beats)) = &self.stream else {
            lines.push("stream    Redis is away".to_owned());
            return lines;
        };
        let limit = self
            .limit
            .map_or_else(String::new, |limit| format!(" of {limit}"));
        lines.push(format!("stream    {length}{limit} entries"));
        lines.push(format!("workers   {} alive", beats.len()));
        lines
    }

    fn as_json(&self) -> String {
        let shares: Vec<_> = self
            .shares()
            .into_iter()
            .map(|(owner, shards)| json!({ "owner": owner, "shards": shards }))
            .collect();
        json!({
            "waiting": self.backlog.pending,
            "oldest_seconds": self.backlog.oldest_seconds,
            "parked": self.backlog.parked,
            "shards": self.holders.len(),
            "shards_held": self.held().count(),
            "owners": shares,
            "stream_length": self.stream.as_ref().map(|(length, _)| length),
            "stream_limit": self.limit,
            "workers_alive": self.stream.as_ref().map(|(_, beats)| beats.len()),
        })
        .to_string()
    }
}
