//! However many withdrawals arrive at once, as many are granted as the rules allow.

use agent_testkit::{AgentFixture, Answer, BrandFixture, Payee, Session, TestApp};
use futures_util::future::join_all;

use super::trail;

/// Sends `count` requests at once, from several sessions in turn.
async fn at_once(sessions: &[&Session<'_>], card: i64, amount: &str, count: usize) -> Vec<Answer> {
    join_all((0..count).map(|turn| sessions[turn % sessions.len()].withdraw(amount, card))).await
}

fn with_code(answers: &[Answer], code: &str) -> usize {
    answers
        .iter()
        .filter(|answer| answer.code() == code)
        .count()
}

fn granted(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 201).count()
}

async fn assert_held(
    app: &TestApp,
    agent: &AgentFixture,
    brand: &BrandFixture,
    orders: i64,
    left: &str,
) {
    let of = format!("agent_id = {} AND brand_id = {}", agent.guid, brand.id);
    let count = |query: String| async move { app.count(&query).await };
    assert_eq!(
        count(format!("SELECT count(*) FROM agent_withdraw WHERE {of}")).await,
        orders
    );
    let holds = format!("SELECT count(*) FROM agent_ledger WHERE kind = 'withdraw_hold' AND {of}");
    assert_eq!(count(holds).await, orders);
    let audits =
        "SELECT count(*) FROM admin_audit WHERE action = 'AGENT_WITHDRAW_ADD' AND operator_id";
    let audits = format!(
        "{audits} = 'agent:{}' AND brand_id = {}",
        agent.guid, brand.id
    );
    assert_eq!(count(audits).await, orders);
    let events = "SELECT count(*) FROM agent_outbox o JOIN agent_outbox_pending p USING (id) \
                  WHERE event_type = 'agent.withdraw.created' AND (payload ->> 'agent_id')::bigint";
    let events = format!("{events} = {} AND brand_id = {}", agent.guid, brand.id);
    assert_eq!(count(events).await, orders);
    assert_eq!(
        app.balance(agent, brand).await.available,
        left.parse().unwrap()
    );
    trail::assert_orders_and_ledger_agree(app).await;
}

async fn more_sessions<'a>(app: &'a TestApp, payee: &Payee<'_>) -> Vec<Session<'a>> {
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(app.session(&payee.agent, &payee.brand).await);
    }
    sessions
}

#[tokio::test]
async fn q95_of_sixty_at_once_one_is_granted_and_the_others_wait_for_it() {
    let app = TestApp::spawn().await;
    let brand = app.brand("sixty").await;
    let payee = app.payee("sixty", &brand, "100000").await;
    let sessions = more_sessions(&app, &payee).await;
    let sessions: Vec<&Session<'_>> = sessions.iter().collect();
    let answers = at_once(&sessions, payee.card, "500", 60).await;
    assert_eq!(granted(&answers), 1, "{answers:?}");
    assert_eq!(with_code(&answers, "withdraw_pending"), 59, "{answers:?}");
    assert_held(&app, &payee.agent, &brand, 1, "99500").await;
    app.finish().await;
}

#[tokio::test]
async fn q95_of_sixty_at_once_as_many_are_granted_as_the_balance_pays_for() {
    let app = TestApp::spawn().await;
    let brand = app.brand("seven").await;
    // Seven times 500, and not quite an eighth.
    let payee = app.payee("seven", &brand, "3999.99").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 1000")
        .await;
    let sessions = more_sessions(&app, &payee).await;
    let sessions: Vec<&Session<'_>> = sessions.iter().collect();
    let answers = at_once(&sessions, payee.card, "500", 60).await;
    assert_eq!(granted(&answers), 7, "{answers:?}");
    assert_eq!(
        with_code(&answers, "insufficient_balance"),
        53,
        "{answers:?}"
    );
    assert_held(&app, &payee.agent, &brand, 7, "499.99").await;
    app.finish().await;
}

#[tokio::test]
async fn q95_of_sixty_at_once_no_more_are_granted_than_the_day_allows() {
    let app = TestApp::spawn().await;
    let brand = app.brand("day").await;
    app.set_brand(&brand, "daily_withdraw_count = 5").await;
    let payee = app.payee("day", &brand, "100000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 1000")
        .await;
    let answers = at_once(&[&payee.session], payee.card, "500", 60).await;
    assert_eq!(granted(&answers), 5, "{answers:?}");
    assert_eq!(
        with_code(&answers, "daily_limit_reached"),
        55,
        "{answers:?}"
    );
    assert_held(&app, &payee.agent, &brand, 5, "97500").await;
    app.finish().await;
}

#[tokio::test]
async fn q95_brands_and_agents_do_not_stand_in_each_others_way() {
    let app = TestApp::spawn().await;
    let (one, two) = (app.brand("one").await, app.brand("two").await);
    let payee = app.payee("both", &one, "1000").await;
    app.join(&payee.agent, &two).await;
    app.credit(&payee.agent, &two, "2000").await;
    let colleague = app.payee("colleague", &one, "3000").await;
    let elsewhere = app.session(&payee.agent, &two).await;
    let here = [&payee.session];
    let there = [&elsewhere];
    let theirs = [&colleague.session];
    let (here, there, theirs) = tokio::join!(
        at_once(&here, payee.card, "500", 20),
        at_once(&there, payee.card, "500", 20),
        at_once(&theirs, colleague.card, "500", 20),
    );
    for answers in [&here, &there, &theirs] {
        assert_eq!(granted(answers), 1, "{answers:?}");
        assert_eq!(with_code(answers, "withdraw_pending"), 19, "{answers:?}");
    }
    assert_held(&app, &payee.agent, &one, 1, "500").await;
    assert_held(&app, &payee.agent, &two, 1, "1500").await;
    assert_held(&app, &colleague.agent, &one, 1, "2500").await;
    app.finish().await;
}
