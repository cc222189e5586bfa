//! Announcements and private messages, some of them read.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;

use super::{
    dice::Dice,
    ids,
    world::{BRAND_A, BRAND_B, World, column},
};

struct Message {
    brand: Option<usize>,
    title: &'static str,
    body: &'static str,
    pinned: bool,
    /// Days from now; in the future for one that is planned.
    starts: i64,
    ends: Option<i64>,
    /// To so many agents; 0 for everybody.
    recipients: usize,
}

const PLAIN: Message = Message {
    brand: None,
    title: "",
    body: "",
    pinned: false,
    starts: 0,
    ends: None,
    recipients: 0,
};

const MESSAGES: &[Message] = &[
    Message {
        title: "Maintenance on Sunday",
        body: "The portal is not available on Sunday from 04:00 to 05:00 (UTC+7).",
        starts: -2,
        ends: Some(6),
        ..PLAIN
    },
    Message {
        title: "Check your payout account",
        body: "Please make sure that the holder of your payout account is yourself. Payouts to others are returned.",
        pinned: true,
        starts: -45,
        ..PLAIN
    },
    Message {
        brand: Some(BRAND_A),
        title: "New provider: Emerald Live",
        body: "Live tables of Emerald Live are open to all players of Lotus Club.",
        starts: -9,
        ..PLAIN
    },
    Message {
        brand: Some(BRAND_A),
        title: "Songkran campaign",
        body: "Weekend coupons count double for your players during the holidays.",
        starts: -80,
        ends: Some(-60),
        ..PLAIN
    },
    Message {
        brand: Some(BRAND_A),
        title: "Higher limits from next week",
        body: "The largest withdrawal rises. Details follow.",
        starts: 5,
        ..PLAIN
    },
    Message {
        brand: Some(BRAND_B),
        title: "Welcome to Perla Club",
        body: "Perla Club is open. Your invite links work from today.",
        pinned: true,
        starts: -120,
        ..PLAIN
    },
    Message {
        brand: Some(BRAND_B),
        title: "Payouts before the weekend",
        body: "Withdrawals that are asked for by Friday noon are paid on Friday.",
        starts: -4,
        ..PLAIN
    },
    Message {
        brand: Some(BRAND_A),
        title: "Your rate was raised",
        body: "Your share of slot games was raised by half a percent. Thank you for a good month.",
        starts: -40,
        recipients: 3,
        ..PLAIN
    },
    Message {
        brand: Some(BRAND_A),
        title: "Please confirm your phone number",
        body: "We could not reach you. Please check the phone number in your profile.",
        starts: -3,
        recipients: 12,
        ..PLAIN
    },
    Message {
        brand: Some(BRAND_B),
        title: "Your withdrawal was returned",
        body: "The bank returned your last payout. Please check the account and ask again.",
        starts: -1,
        recipients: 4,
        ..PLAIN
    },
];

/// Who reads a message: its recipients, or everybody on its brand.
struct Audience<'a> {
    message: &'a Message,
    id: i64,
    agents: Vec<usize>,
}

/// Gives the number of messages.
pub(super) async fn store(conn: &mut PgConnection, world: &World) -> anyhow::Result<usize> {
    let mut dice = Dice::of("messages");
    let ids = ids::reserve(conn, "message", "id", MESSAGES.len()).await?;
    let audience = |(message, id): (&'static Message, &i64)| Audience {
        message,
        id: *id,
        agents: audience(world, message),
    };
    let audiences: Vec<_> = MESSAGES.iter().zip(&ids).map(audience).collect();
    store_messages(conn, world, &audiences).await?;
    store_recipients(conn, world, &audiences).await?;
    store_reads(conn, world, &audiences, &mut dice).await?;
    Ok(audiences.len())
}

/// The documented logins come first among the agents, so private messages reach them too.
fn audience(world: &World, message: &Message) -> Vec<usize> {
    let serves = |index: &usize| {
        message
            .brand
            .is_none_or(|brand| world.agents[*index].serves(brand))
    };
    let agents = (0..world.agents.len()).filter(serves);
    match message.recipients {
        0 => agents.collect(),
        count => agents.take(count).collect(),
    }
}

fn starts_at(world: &World, message: &Message) -> DateTime<Utc> {
    world.now + Duration::days(message.starts)
}

async fn store_messages(
    conn: &mut PgConnection,
    world: &World,
    audiences: &[Audience<'_>],
) -> anyhow::Result<()> {
    let ends_at = |m: &Message| m.ends.map(|days| world.now + Duration::days(days));
    sqlx::query(
        "INSERT INTO message (id, brand_id, kind, title, body, pinned, starts_at, ends_at, created_by, created_at) \
         SELECT id, brand_id, CASE WHEN private THEN 'private' ELSE 'announcement' END, title, body, pinned, \
                starts, ends, 'operator:mali', least(starts, now()) \
         FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::text[], $5::text[], $6::boolean[], \
                     $7::timestamptz[], $8::timestamptz[]) \
              AS m (id, brand_id, private, title, body, pinned, starts, ends)",
    )
    .bind(column(audiences, |a| a.id))
    .bind(column(audiences, |a| a.message.brand.map(|brand| world.brands[brand].id())))
    .bind(column(audiences, |a| a.message.recipients > 0))
    .bind(column(audiences, |a| a.message.title))
    .bind(column(audiences, |a| a.message.body))
    .bind(column(audiences, |a| a.message.pinned))
    .bind(column(audiences, |a| starts_at(world, a.message)))
    .bind(column(audiences, |a| ends_at(a.message)))
    .execute(conn)
    .await?;
    Ok(())
}

async fn store_recipients(
    conn: &mut PgConnection,
    world: &World,
    audiences: &[Audience<'_>],
) -> anyhow::Result<()> {
    let private = audiences
        .iter()
        .filter(|audience| audience.message.recipients > 0);
    let pairs: Vec<(i64, i64)> = private
        .flat_map(|audience| {
            audience
                .agents
                .iter()
                .map(move |agent| (audience.id, *agent))
        })
        .map(|(id, agent)| (id, world.agents[agent].guid))
        .collect();
    sqlx::query(
        "INSERT INTO message_recipient (message_id, agent_id) SELECT * FROM unnest($1::bigint[], $2::bigint[])",
    )
    .bind(column(&pairs, |(message, _)| *message))
    .bind(column(&pairs, |(_, agent)| *agent))
    .execute(conn)
    .await?;
    Ok(())
}

/// The older a message, the more have read it; nobody before it appeared or they came.
async fn store_reads(
    conn: &mut PgConnection,
    world: &World,
    audiences: &[Audience<'_>],
    dice: &mut Dice,
) -> anyhow::Result<()> {
    let mut reads = Vec::new();
    for audience in audiences
        .iter()
        .filter(|audience| audience.message.starts < 0)
    {
        let chance = (20 - 2 * audience.message.starts).min(85);
        for agent in &audience.agents {
            let agent = &world.agents[*agent];
            let appeared = starts_at(world, audience.message).max(agent.created_at);
            if dice.percent(chance) {
                reads.push((audience.id, agent.guid, dice.instant(appeared, world.now)));
            }
        }
    }
    sqlx::query(
        "INSERT INTO message_read (message_id, agent_id, read_at) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[])",
    )
    .bind(column(&reads, |(message, _, _)| *message))
    .bind(column(&reads, |(_, agent, _)| *agent))
    .bind(column(&reads, |(_, _, at)| *at))
    .execute(conn)
    .await?;
    Ok(())
}
