//! The plans hold whenever the seed runs and however many agents it makes.

use agent_domain::portal::withdraw::WithdrawStatus;
use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;

use super::{
    activity,
    catalogue::{self, FirstIds},
    money, percentages,
    players::{self, STAT_DAYS},
    tree,
    world::World,
};

fn world(now: DateTime<Utc>, agents: i64) -> World {
    let first = FirstIds {
        brand: 1,
        bank: 1,
        provider: 1,
        player: 1,
    };
    let banks = catalogue::banks(&first);
    let mut agents = tree::plan(now, &banks, &(1..=agents).collect::<Vec<_>>());
    tree::number_cards(&mut agents, &(1..=10_000).collect::<Vec<_>>());
    World {
        now,
        brands: catalogue::brands(&first).unwrap(),
        providers: catalogue::providers(&first),
        banks,
        agents,
    }
}

/// Ends of days, months and years, in the time zones of the brands too.
fn nows() -> Vec<DateTime<Utc>> {
    let days = [
        "2026-01-01",
        "2026-03-01",
        "2028-02-29",
        "2026-12-31",
        "2027-04-13",
    ];
    let times = ["00:00:01", "15:59:59", "16:00:00", "17:00:00", "23:59:59"];
    let all = days
        .iter()
        .flat_map(|day| times.iter().map(move |time| format!("{day}T{time}Z")));
    all.map(|text| text.parse().unwrap()).collect()
}

#[test]
fn nothing_happens_in_the_future_or_before_the_agent_came() {
    // So many that some came only hours ago.
    for now in nows().into_iter().step_by(6) {
        let world = world(now, 1500);
        for agent in &world.agents {
            let parent = agent.parent.map(|parent| world.agents[parent].created_at);
            assert!(
                agent.created_at < now && parent < Some(agent.created_at),
                "{now}"
            );
        }
        let books = money::plan(&world).unwrap();
        for entry in &books.entries {
            let agent = &world.agents[books.accounts[entry.account].agent];
            assert!(entry.at <= now && entry.at >= agent.created_at, "{now}");
        }
        for order in &books.orders {
            let ends = [order.reviewed.map(|(_, at)| at), order.paid_at];
            assert!(
                ends.into_iter()
                    .flatten()
                    .all(|at| at >= order.created_at && at <= now),
                "{now}"
            );
        }
    }
}

#[test]
fn whoever_came_minutes_ago_has_no_orders_of_the_future() {
    for minutes in 0..30 {
        let mut world = world(nows()[0], 60);
        let now = world.now;
        for agent in world.agents.iter_mut().filter(|agent| !agent.is_login) {
            agent.created_at = now - Duration::minutes(minutes);
        }
        let books = money::plan(&world).unwrap();
        assert!(
            books.entries.iter().all(|entry| entry.at <= now),
            "{minutes}"
        );
    }
}

#[test]
fn q95_entries_follow_from_each_other_and_no_balance_is_negative() {
    for now in nows() {
        let world = world(now, 150);
        let books = money::plan(&world).unwrap();
        for (index, account) in books.accounts.iter().enumerate() {
            let (mut available, mut frozen, mut last) =
                (Decimal::ZERO, Decimal::ZERO, DateTime::UNIX_EPOCH);
            for entry in books.entries.iter().filter(|entry| entry.account == index) {
                available += entry.available_delta;
                frozen += entry.frozen_delta;
                assert_eq!(
                    (entry.after.available, entry.after.frozen),
                    (available, frozen)
                );
                assert!(available >= Decimal::ZERO && frozen >= Decimal::ZERO && entry.at >= last);
                last = entry.at;
            }
            assert_eq!(
                (account.balance.available, account.balance.frozen),
                (available, frozen)
            );
        }
    }
}

#[test]
fn every_state_occurs_with_the_fewest_agents() {
    for now in nows() {
        let books = money::plan(&world(now, 20)).unwrap();
        for status in WithdrawStatus::ALL {
            assert!(
                books.orders.iter().any(|order| order.status == status),
                "{now} {status:?}"
            );
        }
    }
}

#[test]
fn q97_players_play_on_days_that_are_there() {
    for now in nows().into_iter().step_by(3) {
        let world = world(now, 40);
        let mut players = players::plan(&world, 1, 800);
        let days = activity::plan(&world, &mut players);
        assert!(days.len() > 3_000, "{now}");
        for day in &days {
            let today = world.brands[day.brand].brand.day_of(now);
            assert!(
                day.day <= today && day.day > today - Duration::days(STAT_DAYS),
                "{now}"
            );
        }
        for player in &players {
            let instants = [player.first_deposit_at, player.last_login_at];
            let mut instants = instants.into_iter().flatten();
            assert!(
                instants.all(|at| at >= player.registered_at && at <= now),
                "{now}"
            );
        }
    }
}

#[test]
fn q26_shares_fall_down_the_tree() {
    let world = world(nows()[0], 400);
    let shares = percentages::plan(&world);
    for share in &shares {
        let Some(parent) = world.agents[share.agent].parent else {
            continue;
        };
        let mut above = shares.iter().filter(|above| {
            (above.agent, above.brand, above.provider) == (parent, share.brand, share.provider)
                && above.effective_from <= share.effective_from
        });
        assert!(above.any(|above| above.percentage >= share.percentage));
    }
}
