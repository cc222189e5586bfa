//! What must be true of the books at every instant, and at the end.

use agent_testkit::TestApp;
use sqlx::PgPool;

/// Accounts that break a rule, seen at one instant: below zero, other than the sum of the ledger,
/// other than the last entry of the ledger, or with something else frozen than the orders that
/// are under way.
const BROKEN_ACCOUNTS: &str = "
    SELECT count(*) FROM agent_account a
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(available_delta), 0) AS available, coalesce(sum(frozen_delta), 0) AS frozen
        FROM agent_ledger l
        WHERE (l.agent_id, l.brand_id, l.currency) = (a.agent_id, a.brand_id, a.currency)) ledger ON true
    LEFT JOIN LATERAL (
        SELECT available_after, frozen_after FROM agent_ledger l
        WHERE (l.agent_id, l.brand_id, l.currency) = (a.agent_id, a.brand_id, a.currency)
        ORDER BY id DESC LIMIT 1) latest ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS amount FROM agent_withdraw w
        WHERE (w.agent_id, w.brand_id, w.currency) = (a.agent_id, a.brand_id, a.currency)
          AND w.status IN ('pending', 'reviewing', 'approved', 'paying')) held ON true
    WHERE a.available < 0 OR a.frozen < 0
       OR a.available <> ledger.available OR a.frozen <> ledger.frozen
       OR a.available <> coalesce(latest.available_after, 0) OR a.frozen <> coalesce(latest.frozen_after, 0)
       OR a.frozen <> held.amount";

/// How many accounts are broken at this instant.
pub(super) async fn broken_accounts(pool: &PgPool) -> i64 {
    sqlx::query_scalar(BROKEN_ACCOUNTS)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Orders whose ledger entries do not follow from their state: one hold, then one release or one
/// settlement, of the order's amount.
const BROKEN_ORDERS: &str = "
    SELECT count(*) FROM agent_withdraw w
    LEFT JOIN LATERAL (
        SELECT string_agg(concat_ws(' ', l.kind, l.available_delta, l.frozen_delta), ',' ORDER BY l.id) AS entries
        FROM agent_ledger l WHERE l.ref_type = 'withdraw' AND l.ref_id = w.withdraw_no
          AND (l.agent_id, l.brand_id, l.currency) = (w.agent_id, w.brand_id, w.currency)) ledger ON true
    WHERE ledger.entries IS DISTINCT FROM
          'withdraw_hold ' || -w.amount || ' ' || w.amount || CASE
              WHEN w.status IN ('cancelled', 'rejected') THEN ',withdraw_release ' || w.amount || ' ' || -w.amount
              WHEN w.status = 'paid' THEN ',withdraw_paid 0.0000 ' || -w.amount
              ELSE '' END";

/// Orders whose events are not: created, then an unbroken chain of moves to their state.
const BROKEN_EVENTS: &str = "
    WITH moves AS (
        SELECT payload ->> 'withdraw_no' AS number, id, event_type, payload ->> 'from' AS moved_from,
               coalesce(payload ->> 'to', 'pending') AS moved_to,
               lag(coalesce(payload ->> 'to', 'pending')) OVER same AS before,
               lead(id) OVER same IS NULL AS latest
        FROM agent_outbox WHERE aggregate_type = 'agent_withdraw'
        WINDOW same AS (PARTITION BY payload ->> 'withdraw_no' ORDER BY id)
    )
    SELECT count(*) FROM agent_withdraw w FULL JOIN moves m ON m.number = w.withdraw_no
    WHERE w.guid IS NULL OR m.id IS NULL
       OR (m.event_type = 'agent.withdraw.created') <> (m.before IS NULL)
       OR m.moved_from IS DISTINCT FROM m.before
       OR m.latest AND m.moved_to <> w.status";

/// Orders with other audit rows than events.
const BROKEN_AUDIT: &str = "
    SELECT count(*) FROM agent_withdraw w
    WHERE (SELECT string_agg(new_value ->> 'status', ',' ORDER BY id) FROM admin_audit
           WHERE resource = 'agent_withdraw' AND resource_id = w.withdraw_no)
       IS DISTINCT FROM
          (SELECT string_agg(coalesce(payload ->> 'to', 'pending'), ',' ORDER BY id) FROM agent_outbox
           WHERE aggregate_type = 'agent_withdraw' AND payload ->> 'withdraw_no' = w.withdraw_no)";

/// Money that came or went otherwise than by adjustments and payouts.
const LOST_MONEY: &str = "
    SELECT count(*) FROM agent_account a
    WHERE a.available + a.frozen
       <> (SELECT coalesce(sum(amount), 0) FROM agent_ledger l WHERE l.kind = 'adjust'
             AND (l.agent_id, l.brand_id, l.currency) = (a.agent_id, a.brand_id, a.currency))
        - (SELECT coalesce(sum(amount), 0) FROM agent_withdraw w WHERE w.status = 'paid'
             AND (w.agent_id, w.brand_id, w.currency) = (a.agent_id, a.brand_id, a.currency))";

/// Everything above, once all is quiet.
pub(super) async fn assert_orders_and_ledger_agree(app: &TestApp) {
    for (what, query) in [
        ("accounts", BROKEN_ACCOUNTS),
        ("orders", BROKEN_ORDERS),
        ("events", BROKEN_EVENTS),
        ("audit rows", BROKEN_AUDIT),
        ("sums", LOST_MONEY),
    ] {
        assert_eq!(app.count(query).await, 0, "broken {what}");
    }
}
