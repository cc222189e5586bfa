//! How far the pages of lists go. For players see `player/many.rs`.

use agent_testkit::{Session, TestApp};
use chrono::TimeDelta;

/// More than a list counts.
const MANY: i64 = 10_005;

async fn rows(session: &Session<'_>, path: &str, page: i64, size: i64) -> usize {
    let joint = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{joint}page={page}&page_size={size}");
    let answer = session.get(&path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let body = &answer.body;
    let total = (&body["total"], &body["total_capped"]);
    assert_eq!(total, (&10_000.into(), &true.into()), "{path}");
    body["items"].as_array().unwrap().len()
}

/// Orders, coupons with their log, messages and subs with a day each, many of all.
async fn crowd(app: &TestApp, agent: i64, brand: i64, template: i64, player: i64, today: &str) {
    app.as_owner(&format!(
        "INSERT INTO coupon (brand_id, template_id, agent_id, player_id, amount, status, granted_at, recycled_at, expires_at) \
         SELECT {brand}, {template}, {agent}, {player}, 1, 'recycled', now(), now(), now() FROM generate_series(1, {MANY}); \
         INSERT INTO coupon_log (coupon_id, agent_id, action, actor, created_at) \
         SELECT coupon_id, {agent}, 'recycle', 'test', now() FROM coupon; \
         INSERT INTO message (brand_id, kind, title, body, created_by) \
         SELECT {brand}, 'announcement', 'Title', 'Body', 'test' FROM generate_series(1, {MANY}); \
         WITH made AS (INSERT INTO agent (username, password_hash, parent_guid, invite_code) \
             SELECT 'crowd' || n, 'x', {agent}, 'crowd-' || n FROM generate_series(1, {MANY}) n RETURNING guid) \
         INSERT INTO agent_brand (agent_id, brand_id, status) SELECT guid, {brand}, 'enabled' FROM made; \
         INSERT INTO agent_stat_daily (stat_date, brand_id, agent_id, scope, bet_count) \
         SELECT '{today}', {brand}, guid, scope, 1 FROM agent, (VALUES ('direct'), ('team')) AS s (scope) \
         WHERE parent_guid = {agent}; ANALYZE agent"
    ))
    .await;
}

#[tokio::test]
async fn q96_every_list_ends_where_its_total_does() {
    let app = TestApp::with(&[("DB_STATEMENT_TIMEOUT_MS", "30000")]).await;
    let brand = app.brand("pages").await;
    let payee = app.payee("pages", &brand, "1").await;
    let template = app.coupon_template(&brand, "1").await;
    let player = app.coupon_player(&payee.agent, &brand).await;
    // The brand is in Bangkok.
    let today = (app.clock.now() + TimeDelta::hours(7))
        .date_naive()
        .to_string();
    let (agent, brand) = (payee.agent.guid.0, brand.id.0);
    crowd(&app, agent, brand, template, player, &today).await;
    app.plant_orders(&payee, MANY, "paid", "2026-01-10 00:00:00Z", "1 s")
        .await;
    let coupons = format!("/agent/player/{player}/coupons");
    for path in [
        "/agent/withdraw/list?date_from=2026-01-01&date_to=2026-01-31",
        "/agent/coupon/logs",
        "/agent/coupon/recycle/logs",
        "/agent/messages/list",
        "/agent/sub/list",
        "/agent/sub/list?scope=team",
        "/agent/sub/statistic",
        "/agent/sub/statistic/daily",
        &coupons,
    ] {
        for (page, size, found) in [
            (1, 20, 20),
            (100, 100, 100),
            (334, 30, 10),
            (335, 30, 0),
            (101, 100, 0),
            (1_000_000, 100, 0),
        ] {
            let shown = rows(&payee.session, path, page, size).await;
            assert_eq!(shown, found, "{path} page {page} of {size}");
        }
    }
    app.finish().await;
}
