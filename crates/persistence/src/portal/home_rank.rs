//! Who did most over some days.

use agent_domain::{
    AgentGuid, BrandScope,
    page::DayRange,
    portal::report::{RankBy, StatScope},
};
use rust_decimal::Decimal;
use sqlx::PgPool;

use crate::{error::DbError, tx::Tx};

/// A player, or a direct sub with its team.
#[derive(Clone, Debug)]
pub struct RankRow {
    pub id: i64,
    pub username: String,
    pub deposit_amount: Decimal,
    pub bet_amount: Decimal,
    pub ngr: Decimal,
}

/// Players of the agent, or also of everybody below. Those who did nothing are left out.
///
/// # Errors
/// The statement failed or took too long.
pub async fn players(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    whose: StatScope,
    range: DayRange,
    by: RankBy,
    limit: i64,
) -> Result<Vec<RankRow>, DbError> {
    let rows = sqlx::query_as!(
        RankRow,
        r#"
        WITH whose AS (
            SELECT $2::bigint AS guid
            UNION ALL
            SELECT s.guid FROM agent s
            WHERE $3 AND s.guid <> $2 AND s.path ~>=~ (SELECT a.path FROM agent a WHERE a.guid = $2)
              AND s.path ~<~ (SELECT left(a.path, -1) || '0' FROM agent a WHERE a.guid = $2)
        ), best AS (
            SELECT d.player_id, sum(d.deposit_amount) AS deposit_amount, sum(d.bet_amount) AS bet_amount,
                   sum(d.bet_amount - d.win_amount - d.bonus_amount - d.fee_amount - d.royalty_amount) AS ngr
            FROM whose CROSS JOIN LATERAL (
                SELECT * FROM player_stat_daily
                WHERE brand_id = $1 AND agent_id = whose.guid AND stat_date BETWEEN $4 AND $5
                OFFSET 0) AS d
            GROUP BY d.player_id
            ORDER BY CASE $6 WHEN 'deposit' THEN sum(d.deposit_amount) WHEN 'bet' THEN sum(d.bet_amount)
                             ELSE sum(d.bet_amount - d.win_amount - d.bonus_amount - d.fee_amount - d.royalty_amount)
                     END DESC, d.player_id
            LIMIT $7
        )
        SELECT best.player_id AS "id!", p.username, best.deposit_amount AS "deposit_amount!",
               best.bet_amount AS "bet_amount!", best.ngr AS "ngr!"
        FROM best JOIN player p ON p.player_id = best.player_id AND p.brand_id = $1
        ORDER BY CASE $6 WHEN 'deposit' THEN best.deposit_amount WHEN 'bet' THEN best.bet_amount ELSE best.ngr END DESC,
                 best.player_id
        "#,
        scope.id().0,
        agent.0,
        whose == StatScope::Team,
        range.first,
        range.last,
        by.as_str(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Direct subs with their teams. Those whose teams did nothing are left out.
///
/// # Errors
/// The statement failed.
pub async fn subs(
    pool: &PgPool,
    scope: &BrandScope,
    agent: AgentGuid,
    range: DayRange,
    by: RankBy,
    limit: i64,
) -> Result<Vec<RankRow>, DbError> {
    let rows = sqlx::query_as!(
        RankRow,
        r#"
        SELECT s.guid AS id, s.username, sum(d.deposit_amount) AS "deposit_amount!", sum(d.bet_amount) AS "bet_amount!",
               sum(d.bet_amount - d.win_amount - d.bonus_amount - d.fee_amount - d.royalty_amount) AS "ngr!"
        FROM agent s
        JOIN agent_stat_daily d ON d.brand_id = $1 AND d.agent_id = s.guid AND d.scope = 'team'
             AND d.stat_date BETWEEN $3 AND $4
        WHERE s.parent_guid = $2 AND s.status <> 'deleted' AND brand_status(s.guid, $1) IS NOT NULL
        GROUP BY s.guid
        ORDER BY CASE $5 WHEN 'deposit' THEN sum(d.deposit_amount) WHEN 'bet' THEN sum(d.bet_amount)
                         ELSE sum(d.bet_amount - d.win_amount - d.bonus_amount - d.fee_amount - d.royalty_amount)
                 END DESC, s.guid
        LIMIT $6
        "#,
        scope.id().0,
        agent.0,
        range.first,
        range.last,
        by.as_str(),
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
