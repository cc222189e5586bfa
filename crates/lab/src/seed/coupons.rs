//! Coupons that agents gave their players, and what they may still give.

use std::collections::BTreeMap;

use agent_domain::portal::coupon::QuotaPeriod;
use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::{
    dice::Dice,
    ids,
    players::DemoPlayer,
    world::{World, column, own_limits},
};

/// Name, amount, times that it must be wagered, days until it expires.
const TEMPLATES: [(&str, i64, i64, i32); 4] = [
    ("Welcome 100", 100, 3, 14),
    ("Weekend 50", 50, 1, 7),
    ("Comeback 200", 200, 5, 30),
    ("VIP 500", 500, 8, 30),
];
const COUPONS: usize = 360;
const STATES: [&str; 5] = ["granted", "used", "used", "recycled", "expired"];
const OLDEST_DAYS: i64 = 75;

struct Template {
    id: i64,
    brand: usize,
    kind: usize,
}

struct Coupon {
    id: i64,
    brand: usize,
    template: i64,
    agent: usize,
    player: i64,
    amount: Decimal,
    status: &'static str,
    granted_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
}

/// Gives the number of coupons.
pub(super) async fn store(
    conn: &mut PgConnection,
    world: &World,
    players: &[DemoPlayer],
) -> anyhow::Result<usize> {
    let templates = store_templates(conn, world).await?;
    let ids = ids::reserve(conn, "coupon", "coupon_id", COUPONS).await?;
    let coupons = plan(world, players, &templates, &ids);
    store_coupons(conn, world, &coupons).await?;
    store_quotas(conn, world, &coupons).await?;
    store_log(conn, &coupons).await?;
    Ok(coupons.len())
}

async fn store_templates(conn: &mut PgConnection, world: &World) -> anyhow::Result<Vec<Template>> {
    let ids = ids::reserve(
        conn,
        "coupon_template",
        "template_id",
        world.brands.len() * TEMPLATES.len(),
    )
    .await?;
    let kinds = (0..world.brands.len())
        .flat_map(|brand| (0..TEMPLATES.len()).map(move |kind| (brand, kind)));
    let templates: Vec<_> = ids
        .into_iter()
        .zip(kinds)
        .map(|(id, (brand, kind))| Template { id, brand, kind })
        .collect();
    sqlx::query(
        "INSERT INTO coupon_template (template_id, brand_id, name, amount, wagering, valid_days) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::numeric[], $5::numeric[], $6::integer[])",
    )
    .bind(column(&templates, |t| t.id))
    .bind(column(&templates, |t| world.brands[t.brand].id()))
    .bind(column(&templates, |t| TEMPLATES[t.kind].0))
    .bind(column(&templates, |t| Decimal::from(TEMPLATES[t.kind].1)))
    .bind(column(&templates, |t| Decimal::from(TEMPLATES[t.kind].2)))
    .bind(column(&templates, |t| TEMPLATES[t.kind].3))
    .execute(conn)
    .await?;
    Ok(templates)
}

fn plan(world: &World, players: &[DemoPlayer], templates: &[Template], ids: &[i64]) -> Vec<Coupon> {
    let mut dice = Dice::of("coupons");
    let old = world.now - Duration::days(OLDEST_DAYS + 1);
    let eligible: Vec<_> = players
        .iter()
        .filter(|p| p.moved_from.is_none() && p.registered_at < old)
        .collect();
    let mut coupons = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let player = dice.pick(&eligible);
        let Some(agent) = player.agent else { continue };
        let of_brand: Vec<&Template> = templates
            .iter()
            .filter(|t| t.brand == player.brand)
            .collect();
        let template = dice.pick(&of_brand);
        let (_, amount, _, valid_days) = TEMPLATES[template.kind];
        let valid = Duration::days(valid_days.into());
        let status = STATES[index % STATES.len()];
        let granted_at =
            granted_at(&mut dice, world, status, valid).max(world.agents[agent].created_at);
        let expires_at = granted_at + valid;
        let ended = matches!(status, "used" | "recycled");
        coupons.push(Coupon {
            id: *id,
            brand: player.brand,
            template: template.id,
            agent,
            player: player.id,
            amount: amount.into(),
            status,
            granted_at,
            ended_at: ended.then(|| dice.instant(granted_at, expires_at.min(world.now))),
            expires_at,
        });
    }
    coupons.sort_by_key(|coupon| coupon.granted_at);
    for (coupon, id) in coupons.iter_mut().zip(ids) {
        coupon.id = *id;
    }
    coupons
}

/// A time from which a coupon can have got into its state by now.
fn granted_at(dice: &mut Dice, world: &World, status: &str, valid: Duration) -> DateTime<Utc> {
    let oldest = world.now - Duration::days(OLDEST_DAYS);
    match status {
        "granted" => dice.instant(world.now - valid + Duration::hours(6), world.now),
        "expired" => dice.instant(oldest, world.now - valid - Duration::hours(1)),
        _ => dice.instant(oldest, world.now - Duration::hours(2)),
    }
}

async fn store_coupons(
    conn: &mut PgConnection,
    world: &World,
    coupons: &[Coupon],
) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO coupon (coupon_id, brand_id, template_id, agent_id, player_id, amount, status, granted_at, \
                             used_at, recycled_at, expires_at, quota_period) \
         SELECT id, brand_id, template_id, agent_id, player_id, amount, status, granted, \
                CASE status WHEN 'used' THEN ended END, CASE status WHEN 'recycled' THEN ended END, expires, period \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::numeric[], $7::text[], \
                     $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::text[]) \
              AS c (id, brand_id, template_id, agent_id, player_id, amount, status, granted, ended, expires, period)",
    )
    .bind(column(coupons, |c| c.id))
    .bind(column(coupons, |c| world.brands[c.brand].id()))
    .bind(column(coupons, |c| c.template))
    .bind(column(coupons, |c| world.agents[c.agent].guid))
    .bind(column(coupons, |c| c.player))
    .bind(column(coupons, |c| c.amount))
    .bind(column(coupons, |c| c.status))
    .bind(column(coupons, |c| c.granted_at))
    .bind(column(coupons, |c| c.ended_at))
    .bind(column(coupons, |c| c.expires_at))
    .bind(column(coupons, |c| period(world, c.brand, c.granted_at)))
    .execute(conn)
    .await?;
    Ok(())
}

/// Month of the quota that is drawn on at an instant.
fn period(world: &World, brand: usize, at: DateTime<Utc>) -> String {
    QuotaPeriod::of(world.brands[brand].brand.day_of(at)).to_string()
}

/// For each agent on each brand this month's quota, and that of every month with coupons. What is
/// recycled can be given again.
async fn store_quotas(
    conn: &mut PgConnection,
    world: &World,
    coupons: &[Coupon],
) -> anyhow::Result<()> {
    let mut used: BTreeMap<(usize, usize, String), Decimal> = BTreeMap::new();
    for (index, agent) in world.agents.iter().enumerate() {
        for member in agent.memberships.iter().filter(|member| member.enabled) {
            used.insert(
                (index, member.brand, period(world, member.brand, world.now)),
                Decimal::ZERO,
            );
        }
    }
    for coupon in coupons {
        let key = (
            coupon.agent,
            coupon.brand,
            period(world, coupon.brand, coupon.granted_at),
        );
        let recycled = coupon.status == "recycled";
        *used.entry(key).or_default() += if recycled {
            Decimal::ZERO
        } else {
            coupon.amount
        };
    }
    let quotas: Vec<_> = used.into_iter().collect();
    let total = |agent: usize| {
        if world.agents[agent].has_settings {
            own_limits().coupon_quota
        } else {
            10_000.into()
        }
    };
    sqlx::query(
        "INSERT INTO agent_coupon_quota (agent_id, brand_id, period, total, used) \
         SELECT agent_id, brand_id, period, greatest(total, used), used \
         FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::numeric[], $5::numeric[]) \
              AS q (agent_id, brand_id, period, total, used)",
    )
    .bind(column(&quotas, |((agent, _, _), _)| {
        world.agents[*agent].guid
    }))
    .bind(column(&quotas, |((_, brand, _), _)| {
        world.brands[*brand].id()
    }))
    .bind(column(&quotas, |((_, _, period), _)| period.as_str()))
    .bind(column(&quotas, |((agent, _, _), _)| total(*agent)))
    .bind(column(&quotas, |(_, used)| *used))
    .execute(conn)
    .await?;
    Ok(())
}

async fn store_log(conn: &mut PgConnection, coupons: &[Coupon]) -> anyhow::Result<()> {
    let ids = column(coupons, |c| c.id);
    sqlx::query(
        "INSERT INTO coupon_log (coupon_id, agent_id, action, reason, actor, created_at) \
         SELECT coupon_id, agent_id, action, reason, 'agent:' || agent_id, at FROM ( \
             SELECT coupon_id, agent_id, 'grant' AS action, NULL AS reason, granted_at AS at \
             FROM coupon WHERE coupon_id = ANY ($1) \
             UNION ALL \
             SELECT coupon_id, agent_id, 'recycle', 'given by mistake', recycled_at \
             FROM coupon WHERE coupon_id = ANY ($1) AND status = 'recycled') log \
         ORDER BY at",
    )
    .bind(ids)
    .execute(conn)
    .await?;
    Ok(())
}
