//! `seed --players`: as many more players as asked for, in a deep tree below `demo_agent` on
//! brand-a. Made to see how lists and reports behave at that size; the demo accounts stay as they are.

mod players;
mod progress;
mod tree;

use agent_domain::{Brand, BrandId, page::start_of_day};
use agent_persistence::{Db, brand};
use agent_services::Clock;
use anyhow::Context as _;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};

use self::{players::Crowd, progress::Progress, tree::Branch};
use super::{LOCK, dice::Dice, report, rollup};
use crate::out::say;

/// Days with statistics, today included.
const STAT_DAYS: i64 = 35;
/// Sizes of teams that somebody looks for; the last one is more than there are.
const SIZES: &[i64] = &[1_000, 10_000, 100_000, 10_000_000];
/// Players per `COPY`.
const CHUNK: usize = 20_000;

/// What the demo set holds that the crowd is tied to.
struct Stage {
    now: DateTime<Utc>,
    brand: Brand,
    /// `demo_agent`, at the top of the tree.
    top: i64,
    since: DateTime<Utc>,
    invite_code: String,
    providers: Vec<i32>,
}

impl Stage {
    async fn set(pool: &PgPool, db: &Db) -> anyhow::Result<Self> {
        let (brand, top, since, invite_code): (i64, i64, DateTime<Utc>, String) = sqlx::query_as(
            "SELECT b.brand_id, a.guid, a.created_at, a.invite_code FROM brand b, agent a \
             WHERE b.code = 'brand-a' AND a.username = 'demo_agent'",
        )
        .fetch_one(pool)
        .await
        .context("the demo set has no brand-a or no demo_agent")?;
        let providers = sqlx::query_scalar(
            "SELECT provider_id FROM brand_provider WHERE brand_id = $1 ORDER BY 1",
        )
        .bind(brand)
        .fetch_all(pool)
        .await?;
        let brand = brand::by_id(db.pool(), BrandId(brand)).await?;
        Ok(Self {
            now: Clock::system().now(),
            brand: brand.context("brand-a")?,
            top,
            since,
            invite_code,
            providers,
        })
    }

    fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        self.brand.day_of(at)
    }

    fn first_day(&self) -> NaiveDate {
        self.day_of(self.now) - Duration::days(STAT_DAYS - 1)
    }

    /// Some moment of a day that is past, and not before `earliest`.
    fn instant(&self, dice: &mut Dice, day: NaiveDate, earliest: DateTime<Utc>) -> DateTime<Utc> {
        let from = start_of_day(day, self.brand.timezone).max(earliest);
        let next = start_of_day(day + Duration::days(1), self.brand.timezone);
        dice.instant(from, (next - Duration::seconds(1)).min(self.now))
    }
}

/// Does nothing where there is a crowd already.
pub(super) async fn run(pool: &PgPool, db: &Db, count: usize) -> anyhow::Result<()> {
    let stage = Stage::set(pool, db).await?;
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await?;
    if tree::is_there(&mut tx).await? {
        say!("the crowd is there already; nothing was changed (--reset begins anew)");
        return Ok(());
    }
    let branches = tree::store(&mut tx, &stage, count).await?;
    report("crowd agents", (branches.len() - 1).to_string());
    let days = store_players(&mut tx, &stage, &branches, count).await?;
    report("crowd", format!("{count} players, {days} player days"));
    report("agent days", rollup::store(&mut tx).await?.to_string());
    print_teams(&mut tx, &stage).await?;
    tx.commit().await?;
    // Lists are read out of indexes alone only where a vacuum has been.
    sqlx::raw_sql(
        "VACUUM (ANALYZE) agent, agent_brand, player, player_stat_daily, agent_stat_daily, agent_subs_stat_daily, \
                          agent_provider_stat_daily, agent_active_daily",
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn store_players(
    conn: &mut PgConnection,
    stage: &Stage,
    branches: &[Branch],
    count: usize,
) -> anyhow::Result<usize> {
    sqlx::query("SELECT player_stat_daily_ensure_partitions(4, 2)")
        .execute(&mut *conn)
        .await?;
    let first: i64 = sqlx::query_scalar("SELECT coalesce(max(player_id), 500000) + 1 FROM player")
        .fetch_one(&mut *conn)
        .await?;
    let mut crowd = Crowd::new(stage, branches, first, count);
    let mut progress = Progress::of("players", count);
    let mut days = 0;
    while let Some(batch) = crowd.next_batch(CHUNK) {
        batch.copy(conn).await?;
        days += batch.days;
        progress.advance(batch.players);
    }
    progress.end();
    Ok(days)
}

/// Accounts with teams of different sizes, to sign in with.
async fn print_teams(conn: &mut PgConnection, stage: &Stage) -> anyhow::Result<()> {
    for Team { username, players } in Team::near(conn, stage.brand.id.0, SIZES).await? {
        report("team", format!("{username}: {players} players"));
    }
    Ok(())
}

/// An agent with the players of everybody below.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Team {
    pub(crate) username: String,
    pub(crate) players: i64,
}

impl Team {
    /// Those whose numbers of players are nearest to the sizes, the smallest first.
    pub(crate) async fn near(
        conn: &mut PgConnection,
        brand: i64,
        sizes: &[i64],
    ) -> anyhow::Result<Vec<Self>> {
        let teams = sqlx::query_as(
            "WITH own AS (SELECT agent_path, count(*) AS players FROM player WHERE brand_id = $1 GROUP BY 1), \
                  teams AS (SELECT a.username, sum(own.players)::bigint AS players \
                            FROM agent a JOIN own ON starts_with(own.agent_path, a.path) GROUP BY 1) \
             SELECT DISTINCT near.username, near.players FROM unnest($2::bigint[]) AS size \
             CROSS JOIN LATERAL (SELECT * FROM teams ORDER BY abs(players - size), username LIMIT 1) AS near \
             ORDER BY 2",
        );
        Ok(teams.bind(brand).bind(sizes).fetch_all(conn).await?)
    }
}
