//! Shares of parent and child that are changed at the same time.

use std::collections::{BTreeMap, BTreeSet};

use agent_testkit::{AgentFixture, BrandFixture, Session, TestApp};
use chrono::TimeDelta;
use futures_util::future::join_all;

use super::{
    dice::Dice,
    stage::{before_month_ends, days, give, provider, share, today, written},
};

/// Many at once, who all wait for the same few locks however busy the machine is.
const CROWDED: [(&str, &str); 3] = [
    ("HTTP_REQUESTS_PER_AGENT", "64"),
    ("DB_ACQUIRE_TIMEOUT_MS", "10000"),
    ("DB_LOCK_TIMEOUT_MS", "10000"),
];

/// Days on which somebody has more than the one above.
pub(super) const VIOLATIONS: &str = "\
SELECT count(*) FROM agent child JOIN agent parent ON parent.guid = child.parent_guid
CROSS JOIN (SELECT DISTINCT brand_id, provider_id, effective_from AS day FROM agent_provider_percentage) at
WHERE provider_share(child.guid, at.brand_id, at.provider_id, at.day)
    > provider_share(parent.guid, at.brand_id, at.provider_id, at.day)";

async fn provider_for_each(app: &TestApp, brand: &BrandFixture, count: i32) {
    for id in 1..=count {
        provider(app, id, &format!("p{id}"), &[brand]).await;
    }
}

/// For each provider the parent's share is lowered below what it gives away at the same moment:
/// exactly one of the two may happen.
#[tokio::test]
async fn p063_q26_a_share_cannot_pass_the_one_above_in_a_race() {
    const PROVIDERS: i32 = 24;
    let app = TestApp::with(&CROWDED).await;
    let brand = app.brand("a").await;
    let top = app.agent("top", &[&brand]).await;
    let middle = app.agent_under("middle", Some(top.guid), &[&brand]).await;
    let low = app.agent_under("low", Some(middle.guid), &[&brand]).await;
    provider_for_each(&app, &brand, PROVIDERS).await;
    let from = days(today(&app), -40);
    for id in 1..=PROVIDERS {
        for (agent, percentage) in [(&top, "60"), (&middle, "50"), (&low, "10")] {
            share(&app, &brand, agent, id, from, percentage).await;
        }
    }
    let tops = app.login(&brand.host, "top", &top.password).await;
    let middles = app.login(&brand.host, "middle", &middle.password).await;
    let races = (1..=PROVIDERS).map(async |id| {
        let (lowered, given) = if id % 2 == 0 {
            tokio::join!(
                give(&tops, &middle, id, "20"),
                give(&middles, &low, id, "40")
            )
        } else {
            let (given, lowered) = tokio::join!(
                give(&middles, &low, id, "40"),
                give(&tops, &middle, id, "20")
            );
            (lowered, given)
        };
        let mut statuses = [lowered.status, given.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422], "{id}: {lowered:?} {given:?}");
    });
    join_all(races).await;
    assert_eq!(app.count(VIOLATIONS).await, 0);
    let all = i64::from(PROVIDERS);
    assert_eq!(written(&app).await, (all, all, all));
    app.finish().await;
}

/// Agents in a random tree, each below one of those before it.
async fn tree(
    app: &TestApp,
    brand: &BrandFixture,
    dice: &mut Dice,
    size: usize,
) -> (Vec<AgentFixture>, Vec<Option<usize>>) {
    let (mut agents, mut parents): (Vec<AgentFixture>, Vec<Option<usize>>) =
        (Vec::new(), Vec::new());
    for number in 0..size {
        let parent = number.checked_sub(1).map(|last| {
            // Rather deep than broad: the last three are likelier than others.
            let back = usize::try_from(dice.below(3)).unwrap();
            last.saturating_sub(back)
        });
        let above = parent.map(|parent| agents[parent].guid);
        agents.push(
            app.agent_under(&format!("agent{number}"), above, &[brand])
                .await,
        );
        parents.push(parent);
    }
    (agents, parents)
}

/// In random trees everybody changes the shares of all direct subs at once, month after month; some
/// agents are deleted on the way.
#[tokio::test]
async fn p063_q26_at_every_day_nobody_has_more_than_the_one_above() {
    const PROVIDERS: i32 = 2;
    const SIZE: usize = 7;
    let mut seen = [0_u32; 3];
    for seed in 1..=3 {
        let mut dice = Dice::new(seed);
        let app = TestApp::with(&CROWDED).await;
        let brand = app.brand("a").await;
        let (agents, parents) = tree(&app, &brand, &mut dice, SIZE).await;
        provider_for_each(&app, &brand, PROVIDERS).await;
        let from = days(today(&app), -40);
        for id in 1..=PROVIDERS {
            share(&app, &brand, &agents[0], id, from, "60").await;
        }
        let mut gone = BTreeSet::new();
        for month in 0..5 {
            if (1..4).contains(&month) {
                let deleted = 1 + usize::try_from(dice.below(SIZE as u32 - 1)).unwrap();
                app.set_agent(&agents[deleted], "status", "deleted").await;
                gone.insert(deleted);
            }
            let mut sessions: BTreeMap<usize, Session<'_>> = BTreeMap::new();
            for (number, agent) in agents.iter().enumerate() {
                if !gone.contains(&number) {
                    sessions.insert(number, app.session(agent, &brand).await);
                }
            }
            let mut changes = Vec::new();
            for (child, parent) in parents.iter().enumerate() {
                let Some(parent) = *parent else { continue };
                if gone.contains(&parent) || gone.contains(&child) {
                    continue;
                }
                for id in 1..=PROVIDERS {
                    // Two that contradict each other, so that the first to come decides.
                    for _ in 0..2 {
                        changes.push((parent, child, id, dice.below(60).to_string()));
                    }
                }
            }
            let answers = join_all(changes.into_iter().map(
                async |(parent, child, id, percentage)| {
                    give(&sessions[&parent], &agents[child], id, percentage).await
                },
            ));
            for answer in answers.await {
                match (answer.status, answer.code()) {
                    (200, _) => seen[0] += 1,
                    (422, "percentage_out_of_range") => seen[1] += 1,
                    (409, "conflict") => seen[2] += 1,
                    _ => panic!("{answer:?}"),
                }
            }
            assert_eq!(app.count(VIOLATIONS).await, 0, "seed {seed}");
            // Into the next month.
            before_month_ends(&app, TimeDelta::hours(-1));
        }
        let (_, audited, events) = written(&app).await;
        // Deleted ones that followed are told of too.
        assert!(events >= audited);
        app.finish().await;
    }
    assert!(
        seen.iter().all(|count| *count > 0),
        "not every outcome was met: {seen:?}"
    );
}
