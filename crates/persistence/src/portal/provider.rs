//! Game providers of a brand, and the shares that agents have in them (Q-26).
//!
//! A share of a direct sub is judged and written under the locks of the one who gives it and of
//! the sub, in this order. Whoever changes a share above or below waits for one of them, so at no
//! day an agent ends up with more than the one above it.
//!
//! A deleted agent gives and gets nothing any more, but its part is still taken off what the one
//! above earns on its team. It must not hold up those above: where the share above is lowered, its
//! own follows ([`AuditedTx::insert_shares`]), and who counts are those below it.

use agent_domain::{
    AgentGuid, BrandScope,
    portal::provider::{Bounds, Share},
};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::downline::Downline;
use crate::{audit::AuditedTx, error::DbError, pool::Pool, tx::Tx};

/// A provider that a brand offers.
#[derive(Clone, Debug)]
pub struct ProviderRow {
    pub provider_id: i32,
    pub code: String,
    pub name: String,
    pub category: String,
}

/// Providers that the brand offers, of one category or all.
///
/// # Errors
/// The statement failed.
pub async fn providers(
    pool: &Pool,
    scope: &BrandScope,
    category: Option<&str>,
) -> Result<Vec<ProviderRow>, DbError> {
    let rows = sqlx::query_as!(
        ProviderRow,
        r#"
        SELECT p.provider_id, p.code, p.name, p.category
        FROM brand_provider bp JOIN provider p USING (provider_id)
        WHERE bp.brand_id = $1 AND bp.enabled AND p.enabled AND ($2::text IS NULL OR p.category = $2)
        ORDER BY p.category, p.name, p.provider_id
        "#,
        scope.id().0,
        category,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// What an agent has in one provider.
#[derive(Clone, Debug)]
pub struct ShareRow {
    pub provider_id: i32,
    pub code: String,
    pub name: String,
    /// 0 where none was ever set.
    pub percentage: Decimal,
    pub effective_from: Option<NaiveDate>,
    /// What the agent above has; 100 where there is none.
    pub upline_max: Decimal,
    /// What comes next, if something was set.
    pub next_percentage: Option<Decimal>,
    pub next_effective_from: Option<NaiveDate>,
}

/// Shares of an agent on a day, for every provider that the brand offers.
///
/// # Errors
/// The statement failed.
pub async fn shares(
    pool: &Pool,
    scope: &BrandScope,
    agent: &Downline,
    day: NaiveDate,
) -> Result<Vec<ShareRow>, DbError> {
    let rows = sqlx::query_as!(
        ShareRow,
        r#"
        SELECT p.provider_id, p.code, p.name, coalesce(now.percentage, 0) AS "percentage!",
               now.effective_from AS "effective_from?",
               CASE WHEN $3::bigint IS NULL THEN 100 ELSE provider_share($3, $2, p.provider_id, $4) END AS "upline_max!",
               next.percentage AS "next_percentage?", next.effective_from AS "next_effective_from?"
        FROM brand_provider bp JOIN provider p USING (provider_id)
        LEFT JOIN LATERAL (
            SELECT s.percentage, s.effective_from FROM agent_provider_percentage s
            WHERE s.agent_id = $1 AND s.brand_id = $2 AND s.provider_id = p.provider_id AND s.effective_from <= $4
            ORDER BY s.effective_from DESC LIMIT 1) now ON true
        LEFT JOIN LATERAL (
            SELECT s.percentage, s.effective_from FROM agent_provider_percentage s
            WHERE s.agent_id = $1 AND s.brand_id = $2 AND s.provider_id = p.provider_id AND s.effective_from > $4
            ORDER BY s.effective_from LIMIT 1) next ON true
        WHERE bp.brand_id = $2 AND bp.enabled AND p.enabled
        ORDER BY p.category, p.name, p.provider_id
        "#,
        agent.guid().0,
        scope.id().0,
        agent.parent().map(|parent| parent.0),
        day,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// Proof that the shares that an agent gives to its direct subs stay as they are until the end of
/// the transaction, unless this one changes them.
pub struct LockedGiver {
    guid: AgentGuid,
    brand: i64,
}

/// As [`LockedGiver`], and proof that `sub` stands directly below it and is locked as well.
pub struct ShareGrant {
    giver: LockedGiver,
    sub: AgentGuid,
}

impl ShareGrant {
    #[must_use]
    pub fn sub(&self) -> AgentGuid {
        self.sub
    }
}

/// Locks the one who gives; `None` when it is not active any more.
///
/// # Errors
/// The statement failed or waited too long.
pub async fn lock_giver(
    tx: &mut Tx,
    scope: &BrandScope,
    giver: AgentGuid,
) -> Result<Option<LockedGiver>, DbError> {
    let found = sqlx::query_scalar!(
        r#"SELECT guid FROM agent WHERE guid = $1 AND status = 'active' FOR NO KEY UPDATE"#,
        giver.0,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|guid| LockedGiver {
        guid: AgentGuid(guid),
        brand: scope.id().0,
    }))
}

/// Locks a direct sub of the giver that is not deleted and is shown on the brand, one that this
/// transaction made included; `None` for anybody else.
///
/// # Errors
/// The statement failed or waited too long.
pub async fn lock_sub(
    tx: &mut Tx,
    giver: LockedGiver,
    sub: AgentGuid,
) -> Result<Option<ShareGrant>, DbError> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT guid FROM agent
        WHERE guid = $1 AND parent_guid = $2 AND status <> 'deleted' AND brand_status(guid, $3) IS NOT NULL
        FOR NO KEY UPDATE
        "#,
        sub.0,
        giver.guid.0,
        giver.brand,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|guid| ShareGrant {
        giver,
        sub: AgentGuid(guid),
    }))
}

/// What shares of the sub have to keep to if they hold from `day` on, for those of the given
/// providers that the brand offers.
///
/// # Errors
/// The statement failed.
pub async fn bounds(
    tx: &mut Tx,
    grant: &ShareGrant,
    providers: &[i32],
    day: NaiveDate,
) -> Result<Vec<Bounds>, DbError> {
    let rows = sqlx::query_as!(
        Bounds,
        r#"
        WITH RECURSIVE asked AS (
            SELECT p.provider_id,
                   (SELECT min(s.effective_from) FROM agent_provider_percentage s
                    WHERE s.agent_id = $2 AND s.brand_id = $3 AND s.provider_id = p.provider_id
                      AND s.effective_from > $5) AS until
            FROM brand_provider bp JOIN provider p USING (provider_id)
            WHERE bp.brand_id = $3 AND bp.enabled AND p.enabled AND p.provider_id = ANY($4)
        ), below AS (
            SELECT guid, status FROM agent WHERE parent_guid = $2
            UNION ALL
            SELECT c.guid, c.status FROM below b JOIN agent c ON c.parent_guid = b.guid WHERE b.status = 'deleted'
        )
        SELECT a.provider_id,
               greatest(0,
                   (SELECT max(provider_share(c.guid, $3, a.provider_id, $5)) FROM below c WHERE c.status <> 'deleted'),
                   -- Of a deleted one too: what was set is never changed.
                   (SELECT max(s.percentage) FROM below c
                    JOIN agent_provider_percentage s ON s.agent_id = c.guid
                    WHERE s.brand_id = $3 AND s.provider_id = a.provider_id
                      AND (s.effective_from > $5 OR (s.effective_from = $5 AND c.status = 'deleted'))
                      AND (a.until IS NULL OR s.effective_from < a.until))) AS "min!",
               least(provider_share($1, $3, a.provider_id, $5),
                   (SELECT min(s.percentage) FROM agent_provider_percentage s
                    WHERE s.agent_id = $1 AND s.brand_id = $3 AND s.provider_id = a.provider_id
                      AND s.effective_from > $5 AND (a.until IS NULL OR s.effective_from < a.until))) AS "max!",
               provider_share($2, $3, a.provider_id, $5) AS "current!",
               (SELECT s.percentage FROM agent_provider_percentage s
                WHERE s.agent_id = $2 AND s.brand_id = $3 AND s.provider_id = a.provider_id
                  AND s.effective_from = $5) AS "set?"
        FROM asked a
        "#,
        grant.giver.guid.0,
        grant.sub.0,
        grant.giver.brand,
        providers,
        day,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A share of a deleted agent that followed the one above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lowered {
    pub agent: AgentGuid,
    /// What would hold on that day otherwise.
    pub before: Decimal,
    pub share: Share,
}

impl AuditedTx<'_> {
    /// Writes shares of a sub that hold from a day on, and lowers to them what deleted agents below
    /// it have more; gives the latter. They were judged by [`bounds`] in this transaction.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn insert_shares(
        &mut self,
        grant: &ShareGrant,
        day: NaiveDate,
        shares: &[Share],
        at: DateTime<Utc>,
    ) -> Result<Vec<Lowered>, DbError> {
        let providers: Vec<i32> = shares.iter().map(|share| share.provider_id).collect();
        let percentages: Vec<Decimal> = shares.iter().map(|share| share.percentage).collect();
        let lowered = sqlx::query!(
            r#"
            WITH RECURSIVE given AS (
                SELECT * FROM unnest($6::integer[], $7::numeric[]) AS s (provider_id, percentage)
            ), gone AS (
                SELECT guid FROM agent WHERE parent_guid = $1 AND status = 'deleted'
                UNION ALL
                SELECT c.guid FROM gone g JOIN agent c ON c.parent_guid = g.guid WHERE c.status = 'deleted'
            ), followed AS MATERIALIZED (
                SELECT guid, given.*, provider_share(guid, $2, provider_id, $3) AS before FROM gone, given
            ), written AS (
                INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage,
                                                       set_by, created_at)
                SELECT agent_id, $2, provider_id, $3, percentage, $4, $5
                FROM (SELECT $1 AS agent_id, * FROM given
                      UNION ALL
                      SELECT guid, provider_id, percentage FROM followed WHERE before > percentage) AS held
                RETURNING agent_id, provider_id, percentage
            )
            SELECT w.agent_id, w.provider_id, w.percentage, f.before AS "before!"
            FROM written w JOIN followed f ON f.guid = w.agent_id AND f.provider_id = w.provider_id
            ORDER BY w.agent_id, w.provider_id
            "#,
            grant.sub.0,
            grant.giver.brand,
            day,
            grant.giver.guid.0,
            at,
            &providers,
            &percentages,
        )
        .fetch_all(self.tx().conn())
        .await?;
        let lowered = lowered.into_iter().map(|row| Lowered {
            agent: AgentGuid(row.agent_id),
            before: row.before,
            share: Share {
                provider_id: row.provider_id,
                percentage: row.percentage,
            },
        });
        Ok(lowered.collect())
    }
}
