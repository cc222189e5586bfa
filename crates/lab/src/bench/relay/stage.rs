//! Servers with an empty outbox, and the worker as a process of its own.

use std::{
    collections::BTreeMap,
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use agent_devenv::PostgresProfile;
use agent_kv::keys::STREAM;
use anyhow::{Context as _, ensure};
use redis::aio::MultiplexedConnection;
use sqlx::{PgPool, postgres::PgPoolOptions};

use super::cpu;
use crate::servers::Servers;

const PATIENCE: Duration = Duration::from_secs(20);
/// Nothing that is waited for takes longer, also in a build that is not optimised.
const DEADLINE: Duration = Duration::from_secs(180);

/// All of it goes with this value.
pub(super) struct Stage {
    /// Under the owner's rights.
    pub(super) owner: PgPool,
    pub(super) redis: MultiplexedConnection,
    pub(super) servers: Servers,
}

impl Stage {
    pub(super) async fn set() -> anyhow::Result<Self> {
        Self::set_with(PostgresProfile::Throwaway).await
    }

    pub(super) async fn set_with(profile: PostgresProfile) -> anyhow::Result<Self> {
        let servers = Servers::start(profile).await?;
        let owner = PgPoolOptions::new().max_connections(2);
        Ok(Self {
            owner: owner.connect(&servers.database).await?,
            redis: connect(&servers.redis_url).await?,
            servers,
        })
    }

    /// So many events wait, over 2 000 aggregates, and the stream is empty.
    pub(super) async fn fill(&mut self, rows: u32) -> anyhow::Result<()> {
        self.clear().await?;
        self.insert(0, rows).await?;
        // Its work on what was just written is no part of what is measured.
        self.sql("VACUUM ANALYZE agent_outbox_pending").await?;
        self.sql("CHECKPOINT").await
    }

    /// No event is left in outbox and stream, and the shards are nobody's.
    pub(super) async fn clear(&mut self) -> anyhow::Result<()> {
        self.sql(
            "TRUNCATE agent_outbox, agent_outbox_pending; DELETE FROM outbox_worker; \
             UPDATE outbox_lease SET owner = NULL, expires_at = '-infinity'",
        )
        .await?;
        self.forget_stream().await
    }

    /// So many events more in one transaction, numbered from `from` on, in turn of 2 000 aggregates.
    pub(super) async fn insert(&self, from: u32, rows: u32) -> anyhow::Result<()> {
        sqlx::query(
            "WITH place AS ( \
               SELECT n, (n % 2000)::text AS aggregate FROM generate_series($1, $1 + $2 - 1) n), event AS ( \
               INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, aggregate_id, \
                                         brand_id, schema_version, payload) \
               SELECT clock_timestamp(), gen_random_uuid(), \
                      (hashtextextended('agent_withdraw:' || aggregate, 0) & 15)::smallint, \
                      'agent.withdraw.created', 'agent_withdraw', aggregate, 1, 2, \
                      jsonb_build_object('brand_id', 1, 'n', n, 'note', repeat('x', 200)) \
               FROM place ORDER BY n RETURNING shard, id, occurred_at, aggregate_id) \
             INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash) \
             SELECT shard, id, occurred_at, hashtextextended('agent_withdraw:' || aggregate_id, 0) FROM event",
        )
        .bind(i32::try_from(from)?)
        .bind(i32::try_from(rows)?)
        .execute(&self.owner)
        .await?;
        Ok(())
    }

    /// What a count, or another whole number, is.
    pub(super) async fn number(&self, query: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(query).fetch_one(&self.owner).await?)
    }

    /// Waits until a query tells a number.
    pub(super) async fn until(
        &self,
        query: &'static str,
        expected: i64,
    ) -> anyhow::Result<Instant> {
        let started = Instant::now();
        while self.number(query).await? != expected {
            ensure!(started.elapsed() < DEADLINE, "not in time: {query}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Instant::now())
    }

    /// What Postgres and Redis have used of a core, in seconds.
    pub(super) fn servers_cpu_seconds(&self) -> anyhow::Result<f64> {
        let (postgres, redis) = (&self.servers.postgres.0, &self.servers.redis.0);
        Ok(cpu::seconds_of_family(postgres.id().pid)? + cpu::seconds(redis.id().pid)?)
    }

    pub(super) async fn forget_stream(&mut self) -> anyhow::Result<()> {
        Ok(redis::cmd("DEL")
            .arg(STREAM)
            .exec_async(&mut self.redis)
            .await?)
    }

    pub(super) async fn sql(&self, statement: &'static str) -> anyhow::Result<()> {
        sqlx::raw_sql(statement).execute(&self.owner).await?;
        Ok(())
    }

    pub(super) async fn stream_len(&mut self) -> anyhow::Result<u64> {
        Ok(redis::cmd("XLEN")
            .arg(STREAM)
            .query_async(&mut self.redis)
            .await?)
    }

    /// Waits until the stream has so many entries.
    pub(super) async fn until_len(&mut self, entries: u64) -> anyhow::Result<Instant> {
        let started = Instant::now();
        while self.stream_len().await? < entries {
            ensure!(started.elapsed() < DEADLINE, "not published in time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Instant::now())
    }

    /// A worker of the same build as this program.
    pub(super) fn worker(&self, name: &str) -> anyhow::Result<Worker> {
        self.worker_with(name, &[])
    }

    /// With settings that count beside the usual ones.
    pub(super) fn worker_with(
        &self,
        name: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Worker> {
        let environment: BTreeMap<_, _> = [
            ("DATABASE_URL", self.servers.database.as_str()),
            ("REDIS_URL", self.servers.redis_url.as_str()),
            ("WORKER_INSTANCE", name),
            ("WORKER_LISTEN", "127.0.0.1:0"),
            ("LOG_FILTER", "error"),
        ]
        .into();
        let binary = std::env::current_exe()?.with_file_name("agent-worker");
        let child = Command::new(&binary)
            .env_clear()
            .envs(environment)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Worker(child))
    }
}

pub(super) async fn connect(url: &str) -> anyhow::Result<MultiplexedConnection> {
    let patient = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let client = redis::Client::open(url)?;
    Ok(client
        .get_multiplexed_async_connection_with_config(&patient)
        .await?)
}

/// Killed with this value.
pub(super) struct Worker(Child);

impl Worker {
    /// Most memory that it ever held, in MiB.
    pub(super) fn peak_memory(&self) -> anyhow::Result<f64> {
        self.memory("VmHWM:")
    }

    /// Memory that it holds, in MiB.
    pub(super) fn resident_memory(&self) -> anyhow::Result<f64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, field: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: f64 = kib.context("no memory in the status")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// Seconds of a core that it has used.
    pub(super) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu::seconds(self.0.id())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Dead already: nothing to do.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
