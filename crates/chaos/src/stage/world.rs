//! One brand, its agents, their cards, players and coupons, written with the owner's rights.

use agent_crypto::{BlindIndexKind, PiiColumn};
use agent_domain::{AgentGuid, BrandId, BrandScope};
use agent_persistence::brand;
use agent_services::{
    App,
    portal::account::{Adjustment, adjust},
};
use anyhow::{Context as _, anyhow};
use rust_decimal::Decimal;
use sqlx::PgPool;

/// Host of the one brand.
pub(crate) const HOST: &str = "chaos.test";
pub(crate) const BRAND: BrandId = BrandId(1);
/// Who may grant how much in a month: small enough to be used up by a longer run.
const QUOTA: &str = "60000";
const PLAYERS: i64 = 4;

/// An agent with whatever the load needs of it.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) guid: AgentGuid,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) phone: String,
    pub(crate) card: i64,
    pub(crate) template: i64,
    pub(crate) players: Vec<i64>,
}

/// Agents, and texts that must show up nowhere.
pub(crate) struct World {
    pub(crate) agents: Vec<Agent>,
    pub(crate) scope: BrandScope,
    pub(crate) secrets: Vec<String>,
}

/// Fills an empty, migrated database.
pub(crate) async fn make(owner: &PgPool, app: &App, agents: usize) -> anyhow::Result<World> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "INSERT INTO brand (brand_id, code, name, timezone, currency, phone_country, withdraw_min, \
                            withdraw_max, withdraw_fee_rate) \
         VALUES ({BRAND}, 'chaos', 'Chaos', 'Asia/Bangkok', 'THB', '66', 500, 50000, 0.01); \
         INSERT INTO brand_domain (domain, brand_id, kind) VALUES ('{HOST}', {BRAND}, 'agent'); \
         INSERT INTO bank (bank_id, code, name) VALUES (1, 'TEST', 'Test Bank'); \
         INSERT INTO coupon_template (template_id, brand_id, name, amount, wagering, valid_days) \
         VALUES (1, {BRAND}, 'A hundred', 100, 3, 7)"
    )))
    .execute(owner)
    .await?;
    let found = brand::by_id(app.core.db.pool(), BRAND).await?;
    let scope = BrandScope::granted(std::sync::Arc::new(found.context("the brand")?));
    let mut world = World {
        agents: Vec::new(),
        scope,
        secrets: Vec::new(),
    };
    for number in 0..agents {
        let agent = agent(owner, app, &mut world.secrets, number).await?;
        // Some can pay many orders, some hardly one.
        let balance = if number % 3 == 0 { 4_000 } else { 200_000 };
        let start = format!("start-{number}");
        credit(
            app,
            &world.scope,
            agent.guid,
            Decimal::from(balance),
            &start,
        )
        .await
        .map_err(|problem| anyhow!("{problem:?}"))?;
        world.agents.push(agent);
    }
    Ok(world)
}

/// Credits an account through the use case of operators.
pub(crate) async fn credit(
    app: &App,
    scope: &BrandScope,
    agent: AgentGuid,
    amount: Decimal,
    reference: &str,
) -> Result<(), agent_domain::Problem> {
    let adjustment = Adjustment {
        agent,
        scope: scope.clone(),
        amount,
        reference: reference.to_owned(),
        operator: "chaos".to_owned(),
    };
    adjust(&app.core, &adjustment).await.map(|_| ())
}

async fn agent(
    owner: &PgPool,
    app: &App,
    secrets: &mut Vec<String>,
    number: usize,
) -> anyhow::Result<Agent> {
    let username = format!("chaos_{number}");
    let random = uuid::Uuid::new_v4();
    let password = format!("password-{}", random.simple());
    let digits = format!("{:016}", random.as_u128() % 10_000_000_000_000_000);
    let holder = format!("Holder {}", uuid::Uuid::new_v4().simple());
    let phone = format!("668{}", &digits[..8]);
    let keys = (
        app.pii.encrypt(PiiColumn::Phone, &format!("+{phone}"))?,
        app.keys
            .blind_index(BlindIndexKind::Phone, &format!("+{phone}")),
    );
    let guid: i64 = sqlx::query_scalar(
        "WITH made AS ( \
             INSERT INTO agent (username, password_hash, invite_code, nick_name, phone_num, phone_bidx) \
             VALUES ($1, $2, 'invite-' || $1, $1, $3, $4) RETURNING guid), \
         member AS ( \
             INSERT INTO agent_brand (agent_id, brand_id, status) SELECT guid, $5, 'enabled' FROM made), \
         setting AS ( \
             INSERT INTO agent_setting (agent_id, brand_id, coupon_quota_monthly) \
             SELECT guid, $5, $6::numeric FROM made) \
         SELECT guid FROM made",
    )
    .bind(&username)
    .bind(app.passwords.hash(&password).await?)
    .bind(keys.0)
    .bind(&keys.1[..])
    .bind(BRAND.0)
    .bind(QUOTA)
    .fetch_one(owner)
    .await?;
    let card: i64 = sqlx::query_scalar(
        "INSERT INTO agent_bank_card (agent_id, bank_id, card_number, card_last4, holder_name, is_default) \
         VALUES ($1, 1, $2, $3, $4, true) RETURNING id",
    )
    .bind(guid)
    .bind(app.pii.encrypt(PiiColumn::CardNumber, &digits)?)
    .bind(&digits[12..])
    .bind(app.pii.encrypt(PiiColumn::HolderName, &holder)?)
    .fetch_one(owner)
    .await?;
    let players: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) \
         SELECT $1 * 1000 + n, $2, $1, 'player-' || $1 || '-' || n, now() FROM generate_series(1, $3) n \
         RETURNING player_id",
    )
    .bind(guid)
    .bind(BRAND.0)
    .bind(PLAYERS)
    .fetch_all(owner)
    .await?;
    secrets.extend([password.clone(), digits, holder, phone.clone()]);
    Ok(Agent {
        guid: AgentGuid(guid),
        username,
        password,
        phone: format!("+{phone}"),
        card,
        template: 1,
        players,
    })
}
