//! What must be true of the books. Each statement counts the rows that break its rule, so 0 is well.

/// A rule: what is wrong when the statement does not count 0.
pub type Rule = (&'static str, &'static str);

/// Accounts that break a rule, seen at one instant: below zero, other than the sum of the ledger,
/// other than the last entry of the ledger, or with something else frozen than the orders that
/// are under way. True at every instant, so it may be asked while others write.
pub const ACCOUNTS: &str = "
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

/// Withdrawals, once all is quiet.
pub const WITHDRAWALS: &[Rule] = &[
    (
        "an account is below zero, or is not its ledger, or holds other than its open orders",
        ACCOUNTS,
    ),
    (
        "an order has not one hold and then one release or one settlement of its amount",
        "SELECT count(*) FROM agent_withdraw w
         LEFT JOIN LATERAL (
             SELECT string_agg(concat_ws(' ', l.kind, l.available_delta, l.frozen_delta), ',' ORDER BY l.id) AS entries
             FROM agent_ledger l WHERE l.ref_type = 'withdraw' AND l.ref_id = w.withdraw_no
               AND (l.agent_id, l.brand_id, l.currency) = (w.agent_id, w.brand_id, w.currency)) ledger ON true
         WHERE ledger.entries IS DISTINCT FROM
               'withdraw_hold ' || -w.amount || ' ' || w.amount || CASE
                   WHEN w.status IN ('cancelled', 'rejected') THEN ',withdraw_release ' || w.amount || ' ' || -w.amount
                   WHEN w.status = 'paid' THEN ',withdraw_paid 0.0000 ' || -w.amount
                   ELSE '' END",
    ),
    (
        "an order's events are not its making and then an unbroken chain of moves to its state",
        "WITH moves AS (
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
            OR m.latest AND m.moved_to <> w.status",
    ),
    (
        "an order has other audit rows than events",
        "SELECT count(*) FROM agent_withdraw w
         LEFT JOIN (SELECT resource_id, string_agg(new_value ->> 'status', ',' ORDER BY id) AS moves
                    FROM admin_audit WHERE resource = 'agent_withdraw' GROUP BY 1) a ON a.resource_id = w.withdraw_no
         LEFT JOIN (SELECT payload ->> 'withdraw_no' AS number,
                           string_agg(coalesce(payload ->> 'to', 'pending'), ',' ORDER BY id) AS moves
                    FROM agent_outbox WHERE aggregate_type = 'agent_withdraw' GROUP BY 1) e ON e.number = w.withdraw_no
         WHERE a.moves IS DISTINCT FROM e.moves",
    ),
    (
        "money came or went otherwise than by adjustments and payouts",
        "SELECT count(*) FROM agent_account a
         WHERE a.available + a.frozen
            <> (SELECT coalesce(sum(amount), 0) FROM agent_ledger l WHERE l.kind = 'adjust'
                  AND (l.agent_id, l.brand_id, l.currency) = (a.agent_id, a.brand_id, a.currency))
             - (SELECT coalesce(sum(amount), 0) FROM agent_withdraw w WHERE w.status = 'paid'
                  AND (w.agent_id, w.brand_id, w.currency) = (a.agent_id, a.brand_id, a.currency))",
    ),
];

/// An agent may have one order waiting for review. The ledger of an account is in the order of its
/// commits; an order stops waiting before it is released, so this looks at the moves as events.
pub const ONE_WAITING_ORDER: Rule = (
    "an agent had two orders waiting at once",
    "WITH moves AS (
         SELECT payload ->> 'agent_id' AS agent, brand_id,
                sum(CASE WHEN event_type = 'agent.withdraw.created' THEN 1
                         WHEN payload ->> 'from' IN ('pending', 'reviewing')
                              AND payload ->> 'to' NOT IN ('pending', 'reviewing') THEN -1
                         ELSE 0 END) OVER (PARTITION BY payload ->> 'agent_id', brand_id ORDER BY id) AS waiting
         FROM agent_outbox WHERE aggregate_type = 'agent_withdraw')
     SELECT count(*) FROM moves WHERE waiting > 1",
);

/// Coupons, log, quotas, audit rows and events tell the same story.
pub const COUPONS: &[Rule] = &[
    (
        "a quota is not what was granted in its month and not recycled",
        "SELECT count(*) FROM agent_coupon_quota q FULL JOIN (
             SELECT agent_id, brand_id, quota_period AS period,
                    coalesce(sum(amount) FILTER (WHERE status <> 'recycled'), 0) AS used
             FROM coupon WHERE quota_period IS NOT NULL GROUP BY 1, 2, 3) c USING (agent_id, brand_id, period)
         WHERE coalesce(q.used, 0) <> coalesce(c.used, 0) OR q.used > q.total OR q.total IS NULL",
    ),
    (
        "the log of a coupon contradicts its state",
        "SELECT count(*) FROM coupon c
         LEFT JOIN (SELECT coupon_id, agent_id, string_agg(action, ' ' ORDER BY id) AS actions
                    FROM coupon_log GROUP BY 1, 2) l USING (coupon_id, agent_id)
         WHERE quota_period IS NOT NULL
           AND l.actions IS DISTINCT FROM CASE status WHEN 'recycled' THEN 'grant recycle' ELSE 'grant' END",
    ),
    (
        "a coupon has not the events of its state, in their order",
        "SELECT count(*) FROM coupon c
         LEFT JOIN (SELECT aggregate_id, string_agg(event_type, ' ' ORDER BY id) AS events
                    FROM agent_outbox WHERE aggregate_type = 'coupon' GROUP BY 1) o ON o.aggregate_id = coupon_id::text
         WHERE quota_period IS NOT NULL
           AND o.events IS DISTINCT FROM
               'agent.coupon.granted' || CASE status WHEN 'recycled' THEN ' agent.coupon.recycled' ELSE '' END",
    ),
    (
        "the audit log does not name each coupon once for each thing that was done with it",
        "SELECT count(*) FROM coupon c
         LEFT JOIN (SELECT named.coupon_id, a.operator_id, a.brand_id, string_agg(a.action, ' ' ORDER BY a.id) AS actions
                    FROM admin_audit a, unnest(string_to_array(a.resource_id, ',')) AS named (coupon_id)
                    WHERE a.resource = 'coupon' GROUP BY 1, 2, 3) audit
             ON audit.coupon_id = c.coupon_id::text AND audit.operator_id = 'agent:' || c.agent_id
                AND audit.brand_id = c.brand_id
         WHERE quota_period IS NOT NULL
           AND audit.actions IS DISTINCT FROM
               'AGENT_COUPON_GRANT' || CASE status WHEN 'recycled' THEN ' AGENT_COUPON_RECYCLE' ELSE '' END",
    ),
    (
        "a coupon has a time that its state has not",
        "SELECT count(*) FROM coupon WHERE (recycled_at IS NOT NULL) <> (status = 'recycled')
            OR (used_at IS NOT NULL) <> (status = 'used')",
    ),
];
