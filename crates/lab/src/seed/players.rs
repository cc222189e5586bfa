//! Players, and who brought them in.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::{
    dice::Dice,
    names::Usernames,
    world::{World, column},
};

/// Days with statistics, today included.
pub(super) const STAT_DAYS: i64 = 92;
const SOURCES: &[&str] = &["invite_code", "landing_page", "qr_code", "friend"];
const TAGS: &[&str] = &[
    "vip",
    "new",
    "high-roller",
    "sleeping",
    "slot-fan",
    "bonus-hunter",
];

pub(super) struct DemoPlayer {
    pub(super) id: i64,
    pub(super) brand: usize,
    pub(super) agent: Option<usize>,
    /// The agent of the first days, where it was another one.
    pub(super) moved_from: Option<usize>,
    pub(super) username: String,
    pub(super) status: &'static str,
    /// Separated by commas.
    pub(super) tags: String,
    pub(super) source: &'static str,
    pub(super) registered_at: DateTime<Utc>,
    pub(super) first_deposit_at: Option<DateTime<Utc>>,
    pub(super) last_login_at: Option<DateTime<Utc>>,
    pub(super) deposited: Decimal,
    pub(super) withdrawn: Decimal,
    /// Plays in the time that statistics cover.
    pub(super) plays: bool,
}

/// First day with statistics on a brand.
pub(super) fn first_stat_day(world: &World, brand: usize) -> NaiveDate {
    world.brands[brand].brand.day_of(world.now) - Duration::days(STAT_DAYS - 1)
}

pub(super) fn plan(world: &World, first_id: i64, count: usize) -> Vec<DemoPlayer> {
    let mut dice = Dice::of("players");
    let mut usernames = Usernames::default();
    let places = places(world, &mut dice);
    let mut players = Vec::with_capacity(count);
    for id in (first_id..).take(count) {
        let (agent, brand) = dice.pick(&places);
        players.push(player(world, &mut dice, &mut usernames, id, agent, brand));
    }
    players
}

/// Agents on brands, once for each share of the players that comes to them.
fn places(world: &World, dice: &mut Dice) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let agents = world.agents.iter().enumerate();
    for (index, agent) in agents.filter(|(_, agent)| agent.status != "deleted") {
        for member in agent.memberships.iter().filter(|member| member.enabled) {
            let shares = if index == 0 { 12 } else { dice.between(1, 7) };
            places.extend((0..shares).map(|_| (index, member.brand)));
        }
    }
    places
}

fn player(
    world: &World,
    dice: &mut Dice,
    usernames: &mut Usernames,
    id: i64,
    agent: usize,
    brand: usize,
) -> DemoPlayer {
    let now = world.now;
    let window = now - Duration::days(STAT_DAYS - 1);
    let recruited = world.agents[agent].created_at;
    let is_new = recruited > window || dice.percent(35);
    let oldest = if is_new {
        window.max(recruited)
    } else {
        recruited.max(now - Duration::days(500))
    };
    let newest = if is_new {
        now
    } else {
        window - Duration::days(2)
    };
    let registered_at = dice.instant(oldest, newest);
    let is_new = registered_at > window - Duration::days(2);
    // A deposit within the window is part of the statistics, so whoever makes one plays.
    let deposits = dice.percent(if is_new { 60 } else { 80 });
    let plays = deposits && (is_new || dice.percent(18));
    let has_agent = plays || dice.percent(96);
    let moved = has_agent && !plays && dice.percent(2);
    let is_tagged = dice.percent(30);
    let tags = if is_tagged { dice.pick(TAGS) } else { "" };
    let mut player = DemoPlayer {
        id,
        brand,
        agent: has_agent.then_some(agent),
        moved_from: world.agents[agent].parent.filter(|_| moved),
        username: usernames.player(dice),
        status: match dice.between(1, 100) {
            ..=3 => "locked",
            4..=5 => "closed",
            _ => "active",
        },
        tags: tags.to_owned(),
        source: dice.pick(SOURCES),
        registered_at,
        first_deposit_at: None,
        last_login_at: Some(registered_at),
        deposited: Decimal::ZERO,
        withdrawn: Decimal::ZERO,
        plays,
    };
    if deposits && !is_new {
        history(dice, &mut player, window - Duration::days(1));
    }
    player
}

/// Deposits and withdrawals of the time before the statistics.
fn history(dice: &mut Dice, player: &mut DemoPlayer, until: DateTime<Utc>) {
    let first = dice.instant(
        player.registered_at,
        (player.registered_at + Duration::days(3)).min(until),
    );
    player.first_deposit_at = Some(first);
    player.last_login_at = Some(dice.instant(first, until));
    player.deposited = dice.amount(100, 40_000, 100);
    player.withdrawn = (player.deposited * Decimal::new(dice.between(0, 8), 1)).trunc();
}

pub(super) async fn store(
    conn: &mut PgConnection,
    world: &World,
    players: &[DemoPlayer],
) -> anyhow::Result<()> {
    let agent = |player: &DemoPlayer| player.agent.map(|index| world.agents[index].guid);
    let code = |player: &DemoPlayer| {
        player
            .agent
            .map(|index| world.agents[index].invite_code.as_str())
    };
    sqlx::query(
        "INSERT INTO player (player_id, brand_id, agent_id, username, status, tags, registered_at, attributed_at, \
                             attribution, first_deposit_at, last_login_at, deposit_amount, withdraw_amount) \
         SELECT id, brand_id, agent_id, username, status, string_to_array(tags, ','), registered, \
                CASE WHEN agent_id IS NOT NULL THEN registered END, \
                jsonb_strip_nulls(jsonb_build_object('source', source, 'invite_code', code)), deposit, login, \
                deposited, withdrawn \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], \
                     $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::numeric[], $13::numeric[]) \
              AS p (id, brand_id, agent_id, username, status, tags, registered, source, code, deposit, login, \
                    deposited, withdrawn)",
    )
    .bind(column(players, |p| p.id))
    .bind(column(players, |p| world.brands[p.brand].id()))
    .bind(column(players, agent))
    .bind(column(players, |p| p.username.as_str()))
    .bind(column(players, |p| p.status))
    .bind(column(players, |p| p.tags.as_str()))
    .bind(column(players, |p| p.registered_at))
    .bind(column(players, |p| p.source))
    .bind(column(players, code))
    .bind(column(players, |p| p.first_deposit_at))
    .bind(column(players, |p| p.last_login_at))
    .bind(column(players, |p| p.deposited))
    .bind(column(players, |p| p.withdrawn))
    .execute(&mut *conn)
    .await?;
    log_attributions(conn, world, players).await
}

async fn log_attributions(
    conn: &mut PgConnection,
    world: &World,
    players: &[DemoPlayer],
) -> anyhow::Result<()> {
    let guid = |index: usize| world.agents[index].guid;
    let attributed: Vec<&DemoPlayer> = players
        .iter()
        .filter(|player| player.agent.is_some())
        .collect();
    sqlx::query(
        "INSERT INTO player_attribution_log (player_id, from_agent, to_agent, reason, actor, created_at) \
         SELECT id, NULL, coalesce(origin, agent_id), 'registration', 'system', registered \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS p (id, origin, agent_id, registered) \
         UNION ALL \
         SELECT id, origin, agent_id, 'wrong invite code', 'operator:mali', least(registered + interval '3 days', now()) \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS p (id, origin, agent_id, registered) \
         WHERE origin IS NOT NULL \
         ORDER BY 6",
    )
    .bind(column(&attributed, |p| p.id))
    .bind(column(&attributed, |p| p.moved_from.map(guid)))
    .bind(column(&attributed, |p| p.agent.map(guid)))
    .bind(column(&attributed, |p| p.registered_at))
    .execute(conn)
    .await?;
    Ok(())
}
