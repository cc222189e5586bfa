//! Income by provider.

use agent_testkit::{Answer, BrandFixture, Session, TestApp};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    dice::Dice,
    income_model::{Books, Played, Shared},
    stage::{days, of_provider, provider, today},
};

const PATH: &str = "/agent/provider/income";

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

async fn ask(session: &Session<'_>, (first, last): (NaiveDate, NaiveDate), more: &str) -> Answer {
    session
        .get(&format!("{PATH}?date_from={first}&date_to={last}{more}"))
        .await
}

/// The sums of an item, without what names the provider.
fn sums(mut item: Value) -> Value {
    for name in ["provider_id", "code", "name", "percentage"] {
        item.as_object_mut().unwrap().remove(name);
    }
    item
}

/// Three agents, each below the other, each with a player of its own.
async fn family(app: &TestApp, brand: &BrandFixture) -> Books {
    let top = app.agent("top", &[brand]).await;
    let sub = app.agent_under("sub", Some(top.guid), &[brand]).await;
    let below = app.agent_under("below", Some(sub.guid), &[brand]).await;
    Books {
        agents: vec![top, sub, below],
        parents: vec![None, Some(0), Some(1)],
        ..Books::default()
    }
}

fn played(day: NaiveDate, agent: usize, provider: i32, amounts: [&str; 6]) -> Played {
    let player = 1000 + i64::try_from(agent).unwrap();
    Played {
        day,
        player,
        agent,
        provider,
        amounts: amounts.map(decimal),
    }
}

fn shared(agent: usize, from: NaiveDate, percentage: &str) -> Shared {
    Shared {
        agent,
        provider: 1,
        from,
        percentage: decimal(percentage),
    }
}

#[tokio::test]
async fn p064_q26_income_is_the_share_of_own_players_and_the_difference_on_the_team() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("a").await, app.brand("b").await);
    provider(&app, 1, "one", &[&brand]).await;
    provider(&app, 2, "idle", &[&brand]).await;
    provider(&app, 3, "elsewhere", &[&other]).await;
    let mut books = family(&app, &brand).await;
    let day = today(&app);
    let amounts = ["1000", "900", "600", "50", "20", "30"]; // leaves 300
    books.shares = vec![
        shared(0, day, "60"),
        shared(1, day, "40"),
        shared(2, day, "10"),
    ];
    books.played = vec![
        played(day, 0, 1, amounts),
        played(day, 1, 1, amounts),
        played(day, 2, 1, amounts),
    ];
    books.store(&app, &brand).await;
    let totals = |players: i64, income: &str| {
        let times = |amount: i64| format!("{}.0000", amount * players);
        json!({
            "bet": times(1000), "valid_bet": times(900), "win_loss": times(400), "bonus": times(50),
            "fee": times(20), "royalty": times(30), "ngr": times(300), "income": income,
        })
    };
    let session = app
        .login(&brand.host, "top", &books.agents[0].password)
        .await;
    // Today where no range is given, the team where no scope is.
    let answer = session.get(PATH).await;
    let one = of_provider(&answer, 1);
    assert_eq!(
        (&one["code"], &one["percentage"]),
        (&json!("one"), &json!("60.0000"))
    );
    // 60 of 300, and 60 - 40 of 600.
    assert_eq!(sums(one), totals(3, "300.0000"));
    assert_eq!(answer.body["summary"], totals(3, "300.0000"));
    assert_eq!(sums(of_provider(&answer, 2)), totals(0, "0.0000"));
    assert_eq!(of_provider(&answer, 3), Value::Null);
    assert_eq!(answer.body["total"], 2);
    assert_eq!(session.get("/provider/income").await.body, answer.body);
    let direct = session.get(&format!("{PATH}?scope=direct")).await;
    assert_eq!(sums(of_provider(&direct, 1)), totals(1, "180.0000"));
    assert_eq!(direct.body["summary"], totals(1, "180.0000"));
    // Below: 40 of 300, and 40 - 10 of 300; nothing of those above.
    let session = app
        .login(&brand.host, "sub", &books.agents[1].password)
        .await;
    assert_eq!(
        session.get(PATH).await.body["summary"],
        totals(2, "210.0000")
    );
    let session = app
        .login(&brand.host, "below", &books.agents[2].password)
        .await;
    assert_eq!(
        session.get(PATH).await.body["summary"],
        totals(1, "30.0000")
    );
    app.finish().await;
}

#[tokio::test]
async fn p064_each_day_counts_with_the_shares_of_that_day() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    provider(&app, 1, "one", &[&brand]).await;
    let mut books = family(&app, &brand).await;
    let day = today(&app);
    let before = days(day, -1);
    books.shares = vec![
        shared(0, before, "60"),
        shared(1, before, "40"),
        shared(0, day, "70"),
        shared(1, day, "65"),
    ];
    let amounts = ["100", "0", "0", "0", "0", "0"];
    books.played = vec![
        played(days(before, -1), 1, 1, amounts),
        played(before, 1, 1, amounts),
        played(day, 1, 1, amounts),
    ];
    books.store(&app, &brand).await;
    let session = app
        .login(&brand.host, "top", &books.agents[0].password)
        .await;
    for (range, income, percentage) in [
        ((days(before, -1), days(before, -1)), "0.0000", "0.0000"),
        ((before, before), "20.0000", "60.0000"),
        ((day, day), "5.0000", "70.0000"),
        ((days(before, -1), day), "25.0000", "70.0000"),
    ] {
        let answer = ask(&session, range, "").await;
        let one = of_provider(&answer, 1);
        assert_eq!(
            (&one["income"], &one["percentage"]),
            (&json!(income), &json!(percentage)),
            "{range:?}"
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn p064_q97_income_agrees_with_its_definition_in_random_trees() {
    for seed in 1..=3 {
        let mut dice = Dice::new(seed);
        let app = TestApp::spawn().await;
        let (brand, other) = (app.brand("a").await, app.brand("b").await);
        for id in 1..=3 {
            provider(&app, id, &format!("p{id}"), &[&brand, &other]).await;
        }
        let books = random_books(&app, (&brand, &other), &mut dice).await;
        books.store(&app, &brand).await;
        // Nothing of the other brand may show.
        let mut noise = Books {
            agents: books.agents.clone(),
            ..Books::default()
        };
        noise.played = books
            .played
            .iter()
            .map(|row| Played {
                player: row.player + 5000,
                ..row.clone()
            })
            .collect();
        noise.store(&app, &other).await;
        let now = today(&app);
        let mut earned = 0;
        for (number, agent) in books.agents.iter().enumerate() {
            let session = app
                .login(&brand.host, &agent.username, &agent.password)
                .await;
            for range in [
                (days(now, -9), now),
                (days(now, -6), days(now, -3)),
                (now, now),
            ] {
                for team in [true, false] {
                    let scope = if team { "&scope=team" } else { "&scope=direct" };
                    let answer = ask(&session, range, scope).await;
                    let (by_provider, all) = books.income(number, range, team);
                    assert_eq!(
                        answer.body["summary"], all,
                        "seed {seed}, {number} {range:?} {team}"
                    );
                    for (provider, expected) in by_provider {
                        let item = of_provider(&answer, provider);
                        assert_eq!(
                            item["percentage"],
                            books.percentage(number, provider, range.1)
                        );
                        assert_eq!(
                            sums(item),
                            expected,
                            "seed {seed}, {number} {range:?} {team}"
                        );
                        earned += 1;
                    }
                }
            }
        }
        assert!(earned > 20, "hardly anybody played");
        app.finish().await;
    }
}

/// Agents below one another, with shares that change, and players' days of every kind.
async fn random_books(
    app: &TestApp,
    (brand, other): (&BrandFixture, &BrandFixture),
    dice: &mut Dice,
) -> Books {
    let mut books = Books::default();
    let now = today(app);
    for number in 0..7_usize {
        let parent = number
            .checked_sub(1)
            .map(|last| usize::try_from(dice.below(u32::try_from(last).unwrap() + 1)).unwrap());
        let above = parent.map(|parent| books.agents[parent].guid);
        let agent = app
            .agent_under(&format!("agent{number}"), above, &[brand, other])
            .await;
        books.agents.push(agent);
        books.parents.push(parent);
    }
    for agent in 0..books.agents.len() {
        for provider in 1..=3 {
            for back in [-20, -7, -4] {
                if dice.below(3) > 0 {
                    let percentage = Decimal::new(i64::from(dice.below(1_000_001)), 4);
                    let from = days(now, back);
                    books.shares.push(Shared {
                        agent,
                        provider,
                        from,
                        percentage,
                    });
                }
            }
        }
    }
    let mut amount = || Decimal::new(i64::from(dice.below(90_000_000)), 4);
    for row in 0..120_usize {
        let amounts = [amount(), amount(), amount(), amount(), amount(), amount()];
        let day = days(now, -i64::try_from(row % 11).unwrap());
        // 0 is cash, which no provider has a part in.
        let provider = i32::try_from(row % 4).unwrap();
        let agent = row % 7;
        books.played.push(Played {
            day,
            player: i64::try_from(row).unwrap(),
            agent,
            provider,
            amounts,
        });
    }
    books
}

#[tokio::test]
async fn p064_q97_income_is_fixed_for_each_provider_and_day_in_every_report() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    provider(&app, 1, "one", &[&brand]).await;
    provider(&app, 2, "two", &[&brand]).await;
    let mut books = family(&app, &brand).await;
    let day = today(&app);
    books.shares = vec![shared(0, days(day, -2), "50")];
    let mut of_two = shared(0, days(day, -2), "50");
    of_two.provider = 2;
    books.shares.push(of_two);
    // Halves go away from zero.
    let row = |back, provider, bet: &str| {
        played(days(day, back), 0, provider, [bet, "0", "0", "0", "0", "0"])
    };
    books.played = vec![
        row(0, 1, "0.0001"),
        row(-1, 1, "0.0001"),
        row(-1, 2, "0.0001"),
        // A loss of the house is the agent's as well.
        played(days(day, -2), 0, 1, ["0", "0", "0.0001", "0", "0", "0"]),
    ];
    books.store(&app, &brand).await;
    let session = app
        .login(&brand.host, "top", &books.agents[0].password)
        .await;
    for (range, one, all) in [
        ((day, day), "0.0001", "0.0001"),
        ((days(day, -1), days(day, -1)), "0.0001", "0.0002"),
        ((days(day, -1), day), "0.0002", "0.0003"),
        ((days(day, -2), day), "0.0001", "0.0002"),
        ((days(day, -2), days(day, -2)), "-0.0001", "-0.0001"),
    ] {
        for scope in ["direct", "team"] {
            let answer = ask(&session, range, &format!("&scope={scope}")).await;
            assert_eq!(answer.body["summary"]["income"], all, "{range:?}");
            assert_eq!(of_provider(&answer, 1)["income"], one, "{range:?}");
            let path = format!("date_from={}&date_to={}&scope={scope}", range.0, range.1);
            let summary = session.get(&format!("/agent/home/summary?{path}")).await;
            assert_eq!(summary.body["current"]["commission"], all, "{range:?}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn p064_the_largest_amounts_that_can_be_stored_are_summed() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    provider(&app, 1, "one", &[&brand]).await;
    let mut books = family(&app, &brand).await;
    let day = today(&app);
    let largest = "9999999999999999.9999";
    books.shares = vec![shared(0, day, "99.9999")];
    for player in 0..30 {
        let mut row = played(day, 0, 1, [largest, largest, "0", "0", "0", "0"]);
        row.player = player;
        books.played.push(row);
    }
    books.store(&app, &brand).await;
    let session = app
        .login(&brand.host, "top", &books.agents[0].password)
        .await;
    let answer = session.get(PATH).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["summary"]["bet"], "299999999999999999.9970");
    // 299999999999999999.997 x 0.999999 = 299999699999999999.997000…
    assert_eq!(answer.body["summary"]["income"], "299999699999999999.9970");
    app.finish().await;
}

#[tokio::test]
async fn p064_providers_that_were_played_stay_in_the_report() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    provider(&app, 1, "one", &[&brand]).await;
    provider(&app, 2, "two", &[&brand]).await;
    let mut books = family(&app, &brand).await;
    let day = today(&app);
    books.played = vec![
        played(day, 0, 1, ["5", "0", "0", "0", "0", "0"]),
        // One that is in no catalogue any more.
        played(day, 0, 77, ["7", "0", "0", "0", "0", "0"]),
    ];
    books.store(&app, &brand).await;
    sqlx::query("UPDATE provider SET enabled = false")
        .execute(&app.owner)
        .await
        .unwrap();
    let session = app
        .login(&brand.host, "top", &books.agents[0].password)
        .await;
    let answer = session.get(PATH).await;
    assert_eq!(of_provider(&answer, 1)["bet"], "5.0000");
    assert_eq!(of_provider(&answer, 77)["bet"], "7.0000");
    assert_eq!(of_provider(&answer, 2), Value::Null);
    assert_eq!(
        (&answer.body["total"], &answer.body["summary"]["bet"]),
        (&json!(2), &json!("12.0000"))
    );
    let second = session.get(&format!("{PATH}?page=2&page_size=1")).await;
    assert_eq!(second.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        second.body["summary"], answer.body["summary"],
        "of all pages"
    );
    for (bad, code) in [
        ("?date_from=2026-01-01&date_to=2026-04-03", "range_too_long"),
        (
            "?date_from=2026-01-02&date_to=2026-01-01",
            "validation_failed",
        ),
        ("?date_from=yesterday", "validation_failed"),
        ("?scope=all", "validation_failed"),
        ("?page_size=0", "validation_failed"),
    ] {
        session
            .get(&format!("{PATH}{bad}"))
            .await
            .assert_problem(422, code);
    }
    let longest = session
        .get(&format!("{PATH}?date_from=2026-01-01&date_to=2026-04-02"))
        .await;
    assert_eq!(longest.status, 200, "{longest:?}");
    app.finish().await;
}
