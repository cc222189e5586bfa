//! `seed`: a database that looks as if people had worked with it for two years.
//!
//! Each area is planned in memory and then written in few statements, all in one transaction:
//! either the whole world is there or nothing of it. Written under the owner's rights, because
//! most of these tables belong to other services. No event is written: what is told
//! here happened before anybody listened.

mod activity;
mod agents;
mod books;
pub(crate) mod bulk;
mod catalogue;
mod coupons;
mod dice;
mod ids;
mod ledger;
pub(crate) mod logins;
mod messages;
mod money;
mod names;
mod percentages;
mod players;
mod reset;
mod rollup;
#[cfg(test)]
mod tests;
mod tree;
mod vault;
mod world;

use std::time::Instant;

use agent_services::Clock;
use anyhow::{Context as _, ensure};
use sqlx::{PgConnection, PgPool};

use self::{vault::Vault, world::World};
use crate::{
    context::{Lab, announce_brand_change},
    out::say,
};

const AGENTS: u32 = 60;
const PLAYERS_PER_AGENT: usize = 33;
/// Any number; two seeds at once take turns by it.
const LOCK: i64 = 7_246_152_001;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// First empty the whole database, except for the schema.
    #[arg(long)]
    reset: bool,
    /// Afterwards show the accounts to sign in with.
    #[arg(long)]
    print_logins: bool,
    /// How many agents; players and all else grow with them.
    #[arg(long, default_value_t = AGENTS, value_parser = clap::value_parser!(u32).range(20..=2000))]
    agents: u32,
    /// So many more players, in a deep tree below demo_agent; takes minutes for a million.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    players: Option<u32>,
}

impl Args {
    /// What `cargo dev up` fills in.
    pub(crate) fn demo() -> Self {
        Self {
            reset: false,
            print_logins: false,
            agents: AGENTS,
            players: None,
        }
    }
}

pub(crate) async fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    ensure!(
        !lab.settings.environment.is_prod_grade(),
        "the environment is production-grade: accounts with a public password do not belong there"
    );
    let pool = lab.owner().await?;
    if seed(lab, &pool, args).await? {
        announce_brand_change(&lab.kv()?, None).await;
    }
    if let Some(count) = args.players {
        bulk::run(&pool, &lab.core()?.db, usize::try_from(count)?).await?;
    }
    if args.print_logins {
        logins::print(&pool).await?;
    }
    pool.close().await;
    Ok(())
}

/// Tells whether anything was written.
async fn seed(lab: &Lab, pool: &PgPool, args: &Args) -> anyhow::Result<bool> {
    let start = Instant::now();
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await?;
    let has_demo: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM brand WHERE code IN ('brand-a', 'brand-b'))",
    )
    .fetch_one(&mut *tx)
    .await
    .context("is the schema there? run the migrations first")?;
    if has_demo && !args.reset {
        // Whoever asks for the logins wants to read them alone, and who asks for more gets more.
        if !args.print_logins && args.players.is_none() {
            say!("demo data is there already; nothing was changed (--reset begins anew)");
        }
        return Ok(false);
    }
    if args.reset {
        reset::run(&mut tx, has_demo).await?;
        say!("emptied the database");
    }
    write(&mut tx, lab, args).await?;
    tx.commit().await?;
    sqlx::raw_sql("ANALYZE").execute(pool).await?;
    say!("done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(true)
}

async fn write(conn: &mut PgConnection, lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let vault = Vault::open(&lab.settings).await?;
    let first = catalogue::first_ids(conn).await?;
    let banks = catalogue::banks(&first);
    let now = Clock::system().now();
    let guids = ids::reserve(conn, "agent", "guid", usize::try_from(args.agents)?).await?;
    let mut agents = tree::plan(now, &banks, &guids);
    let cards = agents.iter().map(|agent| agent.cards.len()).sum();
    tree::number_cards(
        &mut agents,
        &ids::reserve(conn, "agent_bank_card", "id", cards).await?,
    );
    let world = World {
        now,
        brands: catalogue::brands(&first)?,
        providers: catalogue::providers(&first),
        banks,
        agents,
    };

    catalogue::store_brands(conn, &world.brands).await?;
    catalogue::store_banks(conn, &world.banks).await?;
    catalogue::store_providers(conn, &world.providers, &world.brands).await?;
    report("brands", format!("{} with hosts", world.brands.len()));
    report(
        "catalogue",
        format!(
            "{} banks, {} providers",
            world.banks.len(),
            world.providers.len()
        ),
    );

    agents::store(conn, &world, &vault).await?;
    let cards = agents::store_cards(conn, &world, &vault).await?;
    report("agents", format!("{}, {cards} cards", world.agents.len()));

    let books = money::plan(&world)?;
    ledger::store(conn, &world, &books, &vault).await?;
    let (accounts, entries, orders) = (
        books.accounts.len(),
        books.entries.len(),
        books.orders.len(),
    );
    report(
        "money",
        format!("{accounts} accounts, {entries} ledger entries, {orders} withdrawals"),
    );

    let shares = percentages::plan(&world);
    percentages::store(conn, &world, &shares).await?;
    report("percentages", shares.len().to_string());

    write_players(conn, &world, first.player).await?;
    report("messages", messages::store(conn, &world).await?.to_string());
    Ok(())
}

async fn write_players(
    conn: &mut PgConnection,
    world: &World,
    first_id: i64,
) -> anyhow::Result<()> {
    let mut players = players::plan(world, first_id, world.agents.len() * PLAYERS_PER_AGENT);
    let days = activity::plan(world, &mut players);
    players::store(conn, world, &players).await?;
    report("players", players.len().to_string());

    sqlx::query("SELECT player_stat_daily_ensure_partitions(4, 2)")
        .execute(&mut *conn)
        .await?;
    activity::store(conn, world, &days).await?;
    report("player days", days.len().to_string());
    report("agent days", rollup::store(conn).await?.to_string());
    report(
        "coupons",
        coupons::store(conn, world, &players).await?.to_string(),
    );
    Ok(())
}

fn report(step: &str, what: impl AsRef<str>) {
    say!("  {step:<12} {}", what.as_ref());
}
