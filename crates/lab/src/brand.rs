//! `brand`: membership and settings of agents on brands. The stand-in for the admin service, which
//! alone writes these tables in production.

use agent_domain::{AgentGuid, BrandId};
use clap::{Subcommand, ValueEnum};
use rust_decimal::Decimal;
use sqlx::PgPool;

use crate::{
    context::{Lab, announce_brand_change},
    lookup,
    out::say,
    table,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Brands with their hosts, and how many agents serve them.
    List,
    /// Let an agent serve a brand.
    Enable(Member),
    /// Take a brand from an agent: the next request there is refused.
    Disable(Member),
    /// Set an agent's own limits on a brand; what is not given stays as it is.
    SetLimits(Limits),
    /// Set how many withdrawals of an agent may be open at once on a brand.
    MaxOpen {
        #[command(flatten)]
        member: Member,
        #[arg(value_parser = clap::value_parser!(i32).range(1..))]
        count: i32,
    },
}

#[derive(clap::Args)]
pub(crate) struct Member {
    /// Username or guid.
    agent: String,
    /// Code or id.
    brand: String,
}

#[derive(clap::Args)]
pub(crate) struct Limits {
    #[command(flatten)]
    member: Member,
    /// First forget every limit of the agent's own: the brand's apply again.
    #[arg(long)]
    clear: bool,
    /// Smallest withdrawal.
    #[arg(long)]
    min: Option<Decimal>,
    /// Largest withdrawal.
    #[arg(long)]
    max: Option<Decimal>,
    /// Fee as a fraction of the amount: 0.01 is 1 %.
    #[arg(long)]
    fee_rate: Option<Decimal>,
    /// Withdrawals per calendar day of the brand.
    #[arg(long)]
    daily_count: Option<i32>,
    /// Coupons per month, in the brand's currency.
    #[arg(long)]
    coupon_quota: Option<Decimal>,
    #[arg(long)]
    registration: Option<Registration>,
}

/// How players come to an agent.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Registration {
    #[value(name = "open")]
    Open,
    #[value(name = "invite_only")]
    InviteOnly,
    #[value(name = "closed")]
    Closed,
}

pub(crate) async fn run(lab: &Lab, command: &Command) -> anyhow::Result<()> {
    let pool = lab.owner().await?;
    match command {
        Command::List => list(&pool).await,
        Command::Enable(member) => set_status(lab, &pool, member, "enabled").await,
        Command::Disable(member) => set_status(lab, &pool, member, "disabled").await,
        Command::SetLimits(limits) => set_limits(&pool, limits).await,
        Command::MaxOpen { member, count } => set_max_open(&pool, member, *count).await,
    }
}

async fn list(pool: &PgPool) -> anyhow::Result<()> {
    let rows: Vec<(i64, String, String, String, String, i64)> = sqlx::query_as(
        "SELECT b.brand_id, b.code, b.status, b.currency::text, \
                coalesce((SELECT string_agg(domain, ' ' ORDER BY domain) FROM brand_domain d \
                          WHERE d.brand_id = b.brand_id AND d.kind = 'agent'), '-'), \
                (SELECT count(*) FROM agent_brand m WHERE m.brand_id = b.brand_id AND m.status = 'enabled') \
         FROM brand b ORDER BY b.brand_id",
    )
    .fetch_all(pool)
    .await?;
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(id, code, status, currency, hosts, agents)| {
            [
                id.to_string(),
                code,
                status,
                currency,
                agents.to_string(),
                hosts,
            ]
        })
        .collect();
    table::print(
        ["id", "code", "status", "currency", "agents", "agent hosts"],
        &rows,
    );
    Ok(())
}

async fn resolve(pool: &PgPool, member: &Member) -> anyhow::Result<(AgentGuid, BrandId)> {
    let agent = lookup::agent(pool, &member.agent).await?;
    let brand = lookup::brand(pool, &member.brand).await?;
    Ok((agent, brand))
}

async fn set_status(lab: &Lab, pool: &PgPool, member: &Member, status: &str) -> anyhow::Result<()> {
    let (agent, brand) = resolve(pool, member).await?;
    sqlx::query(
        "INSERT INTO agent_brand (agent_id, brand_id, status) VALUES ($1, $2, $3) \
         ON CONFLICT (agent_id, brand_id) DO UPDATE SET status = excluded.status, updated_at = now()",
    )
    .bind(agent.0)
    .bind(brand.0)
    .bind(status)
    .execute(pool)
    .await?;
    say!("{} is {status} on {}", member.agent, member.brand);
    announce_brand_change(&lab.kv()?, Some(agent.0)).await;
    Ok(())
}

/// A row of settings to write into, where the agent is a member.
async fn setting_of(pool: &PgPool, member: &Member) -> anyhow::Result<(AgentGuid, BrandId)> {
    let (agent, brand) = resolve(pool, member).await?;
    sqlx::query(
        "INSERT INTO agent_setting (agent_id, brand_id) SELECT agent_id, brand_id FROM agent_brand \
         WHERE agent_id = $1 AND brand_id = $2 ON CONFLICT DO NOTHING",
    )
    .bind(agent.0)
    .bind(brand.0)
    .execute(pool)
    .await?;
    Ok((agent, brand))
}

async fn set_limits(pool: &PgPool, limits: &Limits) -> anyhow::Result<()> {
    let (agent, brand) = setting_of(pool, &limits.member).await?;
    let registration = limits
        .registration
        .as_ref()
        .and_then(ValueEnum::to_possible_value);
    let changed = sqlx::query(
        "UPDATE agent_setting SET \
           min_withdrawal_limit = coalesce($4, CASE WHEN NOT $3 THEN min_withdrawal_limit END), \
           max_withdrawal_limit = coalesce($5, CASE WHEN NOT $3 THEN max_withdrawal_limit END), \
           withdraw_fee_rate = coalesce($6, CASE WHEN NOT $3 THEN withdraw_fee_rate END), \
           daily_withdraw_count = coalesce($7, CASE WHEN NOT $3 THEN daily_withdraw_count END), \
           coupon_quota_monthly = coalesce($8, CASE WHEN NOT $3 THEN coupon_quota_monthly END), \
           max_open_withdrawals = CASE WHEN NOT $3 THEN max_open_withdrawals END, \
           registration_mode = coalesce($9, CASE WHEN NOT $3 THEN registration_mode ELSE 'open' END) \
         WHERE agent_id = $1 AND brand_id = $2",
    )
    .bind(agent.0)
    .bind(brand.0)
    .bind(limits.clear)
    .bind(limits.min)
    .bind(limits.max)
    .bind(limits.fee_rate)
    .bind(limits.daily_count)
    .bind(limits.coupon_quota)
    .bind(registration.map(|value| value.get_name().to_owned()))
    .execute(pool)
    .await?;
    confirm(changed.rows_affected(), &limits.member)
}

async fn set_max_open(pool: &PgPool, member: &Member, count: i32) -> anyhow::Result<()> {
    let (agent, brand) = setting_of(pool, member).await?;
    let changed = sqlx::query(
        "UPDATE agent_setting SET max_open_withdrawals = $3 WHERE agent_id = $1 AND brand_id = $2",
    )
    .bind(agent.0)
    .bind(brand.0)
    .bind(count)
    .execute(pool)
    .await?;
    confirm(changed.rows_affected(), member)
}

fn confirm(changed: u64, Member { agent, brand }: &Member) -> anyhow::Result<()> {
    anyhow::ensure!(
        changed == 1,
        "{agent} is no member of {brand}: enable it there first"
    );
    say!("limits of {agent} on {brand} are set");
    Ok(())
}
