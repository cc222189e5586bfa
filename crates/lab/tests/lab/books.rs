//! What the numbers of `seed` must add up to.

use agent_persistence::portal::account::ledger_mismatches;
use agent_testkit::TestApp;
use rust_decimal::Decimal;

use crate::support::{none, rows, seeded};

#[tokio::test]
async fn q95_every_account_is_the_sum_of_its_ledger() {
    let app = seeded().await;
    assert_eq!(ledger_mismatches(&app.owner).await.unwrap(), 0);
    none(
        &rows(
            &app,
            "SELECT id::text FROM (SELECT *, sum(available_delta) OVER upto AS available, \
                                          sum(frozen_delta) OVER upto AS frozen, \
                                          lag(created_at) OVER upto > created_at AS is_late \
                                   FROM agent_ledger \
                                   WINDOW upto AS (PARTITION BY agent_id, brand_id, currency ORDER BY id)) l \
             WHERE available <> available_after OR frozen <> frozen_after OR is_late OR created_at > now()",
        )
        .await,
        "an entry does not follow from those before it",
    );
    none(
        &rows(
            &app,
            "SELECT a.agent_id::text FROM agent_account a WHERE frozen <> coalesce( \
                 (SELECT sum(amount) FROM agent_withdraw w \
                  WHERE w.agent_id = a.agent_id AND w.brand_id = a.brand_id AND w.currency = a.currency \
                    AND w.status IN ('pending', 'reviewing', 'approved', 'paying')), 0)",
        )
        .await,
        "frozen is not what open orders hold",
    );
    the_first_login_has_a_known_balance_and_nothing_open(&app).await;
    app.finish().await;
}

async fn the_first_login_has_a_known_balance_and_nothing_open(app: &TestApp) {
    let balance: Vec<(Decimal, Decimal, String)> = rows(
        app,
        "SELECT available, frozen, currency::text FROM agent_account JOIN brand USING (brand_id, currency) \
         WHERE code = 'brand-a' AND agent_id = (SELECT guid FROM agent WHERE username = 'demo_agent')",
    )
    .await;
    assert_eq!(
        balance,
        [(
            "25000.0000".parse().unwrap(),
            Decimal::ZERO,
            "THB".to_owned()
        )]
    );
    let orders: Vec<(i64, i64)> = rows(
        app,
        "SELECT count(*) FILTER (WHERE status IN ('paid', 'rejected', 'cancelled')), \
                count(*) FILTER (WHERE status NOT IN ('paid', 'rejected', 'cancelled')) \
         FROM agent_withdraw WHERE agent_id = (SELECT guid FROM agent WHERE username = 'demo_agent')",
    )
    .await;
    assert!(orders[0].0 >= 3 && orders[0].1 == 0, "{orders:?}");
}

#[tokio::test]
async fn q82_orders_of_every_state_have_the_entries_of_their_state() {
    let app = seeded().await;
    let states: Vec<(String,)> = rows(
        &app,
        "SELECT DISTINCT status FROM agent_withdraw ORDER BY 1",
    )
    .await;
    let states: Vec<&str> = states.iter().map(|(status,)| status.as_str()).collect();
    assert_eq!(
        states,
        [
            "approved",
            "cancelled",
            "paid",
            "paying",
            "pending",
            "rejected",
            "reviewing"
        ]
    );
    none(
        &rows(
            &app,
            "SELECT w.withdraw_no || ' ' || status || ' ' || coalesce(kinds, '-') FROM agent_withdraw w LEFT JOIN ( \
                 SELECT ref_id, string_agg(kind || ' ' || abs(amount), ', ' ORDER BY id) AS kinds FROM agent_ledger \
                 WHERE ref_type = 'withdraw' GROUP BY 1) l ON l.ref_id = w.withdraw_no \
             WHERE kinds IS DISTINCT FROM 'withdraw_hold ' || amount || CASE status \
                 WHEN 'paid' THEN ', withdraw_paid ' || amount \
                 WHEN 'rejected' THEN ', withdraw_release ' || amount \
                 WHEN 'cancelled' THEN ', withdraw_release ' || amount ELSE '' END \
                OR (status = 'paid') <> (paid_at IS NOT NULL) OR (status = 'rejected') <> (reject_reason IS NOT NULL) \
                OR (status IN ('approved', 'paying', 'paid', 'rejected')) <> (reviewed_by IS NOT NULL) \
                OR reviewed_at < created_at OR paid_at < reviewed_at OR greatest(paid_at, reviewed_at) > now()",
        )
        .await,
        "entries do not fit the state",
    );
    none(
        &rows(
            &app,
            "SELECT withdraw_no FROM agent_withdraw w JOIN brand b USING (brand_id) \
             LEFT JOIN agent_setting s USING (agent_id, brand_id) \
             WHERE fee <> round(amount * coalesce(s.withdraw_fee_rate, b.withdraw_fee_rate) + b.withdraw_fee_fixed, 2) \
                OR amount < b.withdraw_min OR amount > coalesce(s.max_withdrawal_limit, b.withdraw_max) \
                OR withdraw_no NOT LIKE 'W' || to_char(w.created_at AT TIME ZONE b.timezone, 'YYYYMMDD') || '%'",
        )
        .await,
        "fee, limits or number are wrong",
    );
    app.finish().await;
}

#[tokio::test]
async fn q26_no_share_exceeds_the_share_above_on_any_day() {
    let app = seeded().await;
    none(
        &rows(
            &app,
            "WITH days AS (SELECT DISTINCT effective_from AS day FROM agent_provider_percentage), \
             share AS (SELECT DISTINCT ON (agent_id, brand_id, provider_id, day) agent_id, brand_id, provider_id, day, \
                              percentage \
                       FROM agent_provider_percentage JOIN days ON effective_from <= day \
                       ORDER BY agent_id, brand_id, provider_id, day, effective_from DESC) \
             SELECT a.username FROM share JOIN agent a ON a.guid = share.agent_id AND a.parent_guid IS NOT NULL \
             LEFT JOIN share above ON above.agent_id = a.parent_guid AND above.brand_id = share.brand_id \
                  AND above.provider_id = share.provider_id AND above.day = share.day \
             WHERE above.percentage IS NULL OR share.percentage > above.percentage",
        )
        .await,
        "more than the agent above",
    );
    let shares: Vec<(i64,)> = rows(&app, "SELECT count(*) FROM agent_provider_percentage").await;
    assert!(shares[0].0 > 300, "{shares:?}");
    app.finish().await;
}

#[tokio::test]
async fn q97_roll_ups_are_the_sums_of_the_days() {
    let app = seeded().await;
    // By brand, because for some hours of each day the brands' calendars differ.
    let days: Vec<(i64, i64, i64)> = rows(
        &app,
        "SELECT sum(rows)::bigint, min(days), max(days) \
         FROM (SELECT count(*) AS rows, count(DISTINCT stat_date) AS days \
               FROM player_stat_daily GROUP BY brand_id) AS brands",
    )
    .await;
    let (rows_in_all, fewest, most) = days[0];
    assert!(
        rows_in_all > 10_000 && (fewest, most) == (92, 92),
        "{days:?}"
    );
    let unsorted: Vec<(i64,)> = rows(&app, "SELECT count(*) FROM player_stat_daily_default").await;
    assert_eq!(unsorted, [(0,)]);
    direct_equals_players(&app).await;
    team_equals_direct_below(&app).await;
    players_agree_with_their_days(&app).await;
    app.finish().await;
}

async fn direct_equals_players(app: &TestApp) {
    none(
        &rows(
            app,
            "SELECT coalesce(s.agent_id, p.agent_id) || ' ' || coalesce(s.stat_date, p.stat_date) \
             FROM (SELECT * FROM agent_stat_daily WHERE scope = 'direct') s \
             FULL JOIN (SELECT brand_id, agent_id, stat_date, sum(deposit_amount) AS deposit_amount, \
                               sum(bet_count) AS bet_count, sum(win_amount) AS win_amount, \
                               sum(royalty_amount) AS royalty_amount, \
                               count(DISTINCT player_id) FILTER (WHERE bet_count > 0) AS active_players \
                        FROM player_stat_daily GROUP BY 1, 2, 3) p USING (brand_id, agent_id, stat_date) \
             WHERE s.agent_id IS NULL OR (s.deposit_amount, s.bet_count, s.win_amount, s.royalty_amount, s.active_players) \
                   IS DISTINCT FROM (coalesce(p.deposit_amount, 0), coalesce(p.bet_count, 0), coalesce(p.win_amount, 0), \
                                     coalesce(p.royalty_amount, 0), coalesce(p.active_players, 0))",
        )
        .await,
        "direct is not the sum of the players",
    );
}

async fn team_equals_direct_below(app: &TestApp) {
    none(
        &rows(
            app,
            "SELECT a.username FROM agent a JOIN brand b ON true, \
             LATERAL (SELECT coalesce(sum(bet_amount), 0) AS bets, coalesce(sum(new_players), 0) AS players, \
                             coalesce(sum(new_subs), 0) AS subs, coalesce(sum(ftd_amount), 0) AS ftd FROM agent_stat_daily \
                      WHERE scope = 'team' AND brand_id = b.brand_id AND agent_id = a.guid) team, \
             LATERAL (SELECT coalesce(sum(bet_amount), 0) AS bets, coalesce(sum(new_players), 0) AS players, \
                             coalesce(sum(new_subs), 0) AS subs, coalesce(sum(ftd_amount), 0) AS ftd FROM agent_stat_daily s \
                      JOIN agent below ON below.guid = s.agent_id \
                      WHERE scope = 'direct' AND s.brand_id = b.brand_id AND below.path LIKE a.path || '%') direct \
             WHERE team IS DISTINCT FROM direct",
        )
        .await,
        "team is not the sum of direct below",
    );
    // What the tops' teams earned, all its players' agents keep between them.
    let split: Vec<(bool, bool)> = rows(
        app,
        "SELECT abs(sum(commission) FILTER (WHERE scope = 'team') - (SELECT sum( \
                    (bet_amount - win_amount - royalty_amount) * (SELECT percentage / 100 \
                        FROM agent_provider_percentage p WHERE p.agent_id = split_part(a.path, '/', 2)::bigint \
                          AND p.brand_id = d.brand_id AND p.provider_id = d.provider_id \
                          AND p.effective_from <= d.stat_date ORDER BY effective_from DESC LIMIT 1)) \
                FROM player_stat_daily d JOIN agent a ON a.guid = d.agent_id WHERE provider_id <> 0)) < 5, \
                sum(commission) FILTER (WHERE scope = 'team') > 0 \
         FROM agent_stat_daily",
    )
    .await;
    assert_eq!(split, [(true, true)]);
}

async fn players_agree_with_their_days(app: &TestApp) {
    let players: Vec<(i64, i64)> = rows(
        app,
        "SELECT count(*), count(*) FILTER (WHERE agent_id IS NULL) FROM player",
    )
    .await;
    assert!(players[0].0 == 1980 && players[0].1 > 0, "{players:?}");
    none(
        &rows(
            app,
            "SELECT p.username FROM player p JOIN brand b USING (brand_id) LEFT JOIN ( \
                 SELECT player_id, sum(deposit_amount) AS deposited, min(stat_date) AS first_day, \
                        min(agent_id) AS agent_id, max(agent_id) AS last_agent FROM player_stat_daily GROUP BY 1) d \
                 USING (player_id) \
             WHERE p.deposit_amount < coalesce(d.deposited, 0) OR (p.first_deposit_at IS NULL) <> (p.deposit_amount = 0) \
                OR p.registered_at > p.first_deposit_at OR greatest(p.first_deposit_at, p.last_login_at) > now() \
                OR (p.first_deposit_at AT TIME ZONE b.timezone)::date > d.first_day \
                OR d.agent_id <> p.agent_id OR d.last_agent <> p.agent_id",
        )
        .await,
        "a player's days contradict the player",
    );
    none(
        &rows(
            app,
            "SELECT p.username FROM player p LEFT JOIN LATERAL (SELECT to_agent FROM player_attribution_log l \
                 WHERE l.player_id = p.player_id ORDER BY id DESC LIMIT 1) l ON true \
             WHERE p.agent_id IS DISTINCT FROM l.to_agent",
        )
        .await,
        "the log of attributions names another agent",
    );
}

#[tokio::test]
async fn coupons_of_every_state_stay_within_their_quotas() {
    let app = seeded().await;
    let states: Vec<(String,)> = rows(&app, "SELECT DISTINCT status FROM coupon ORDER BY 1").await;
    let states: Vec<&str> = states.iter().map(|(status,)| status.as_str()).collect();
    assert_eq!(states, ["expired", "granted", "recycled", "used"]);
    none(
        &rows(
            &app,
            "SELECT coupon_id || ' ' || c.status FROM coupon c JOIN player p USING (player_id) \
             JOIN brand b ON b.brand_id = c.brand_id \
             WHERE p.agent_id <> c.agent_id OR p.brand_id <> c.brand_id OR granted_at > now() \
                OR quota_period IS DISTINCT FROM to_char(granted_at AT TIME ZONE b.timezone, 'YYYY-MM') \
                OR CASE c.status WHEN 'used' THEN used_at NOT BETWEEN granted_at AND expires_at \
                               WHEN 'recycled' THEN recycled_at NOT BETWEEN granted_at AND expires_at \
                               WHEN 'granted' THEN expires_at <= now() ELSE expires_at > now() END \
                OR (SELECT string_agg(action, ' ' ORDER BY id) FROM coupon_log l WHERE l.coupon_id = c.coupon_id) \
                   IS DISTINCT FROM CASE c.status WHEN 'recycled' THEN 'grant recycle' ELSE 'grant' END",
        )
        .await,
        "a coupon contradicts its state",
    );
    none(
        &rows(
            &app,
            "SELECT coalesce(q.agent_id, c.agent_id)::text FROM agent_coupon_quota q FULL JOIN ( \
                 SELECT c.agent_id, brand_id, to_char(granted_at AT TIME ZONE timezone, 'YYYY-MM') AS period, \
                        sum(amount) FILTER (WHERE c.status <> 'recycled') AS given \
                 FROM coupon c JOIN brand USING (brand_id) GROUP BY 1, 2, 3) c USING (agent_id, brand_id, period) \
             WHERE q.used IS DISTINCT FROM coalesce(c.given, 0)",
        )
        .await,
        "a quota does not count its coupons",
    );
    app.finish().await;
}

#[tokio::test]
async fn messages_are_for_all_for_a_brand_and_for_some() {
    let app = seeded().await;
    let kinds: Vec<(String, bool)> = rows(
        &app,
        "SELECT DISTINCT kind, brand_id IS NULL FROM message ORDER BY 1, 2",
    )
    .await;
    let kind = |kind: &str, for_all| (kind.to_owned(), for_all);
    assert_eq!(
        kinds,
        [
            kind("announcement", false),
            kind("announcement", true),
            kind("private", false)
        ]
    );
    let reads: Vec<(i64, i64)> = rows(
        &app,
        "SELECT count(*), count(*) FILTER (WHERE read_at < starts_at OR read_at > now() OR kind = 'private' AND NOT EXISTS ( \
             SELECT FROM message_recipient r WHERE r.message_id = m.id AND r.agent_id = d.agent_id)) \
         FROM message_read d JOIN message m ON m.id = d.message_id",
    )
    .await;
    assert!(reads[0].0 > 50 && reads[0].1 == 0, "{reads:?}");
    app.finish().await;
}
