//! Who did most over some days.

use agent_domain::{
    AgentGuid, BrandScope,
    page::DayRange,
    portal::report::{RankBy, StatScope},
};
use rust_decimal::Decimal;

use super::downline::Downline;
use crate::{error::DbError, pool::Pool, tx::Tx};

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
/// Takes time with the number of players' days: about a second for each million and a half. So only
/// what is ranked by is added up for all of them, and the rest for those who are shown.
///
/// # Errors
/// The statement failed or took too long.
pub async fn players(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: &Downline,
    whose: StatScope,
    range: DayRange,
    by: RankBy,
    limit: i64,
) -> Result<Vec<RankRow>, DbError> {
    // Sums of a large team's players stay in memory.
    sqlx::query!(r#"SELECT set_config('work_mem', '64MB', true) AS memory"#)
        .fetch_one(tx.conn())
        .await?;
    let rows = sqlx::query_as!(
        RankRow,
        r#"
        WITH best AS MATERIALIZED (
            SELECT d.player_id,
                   sum(CASE $6 WHEN 'deposit' THEN d.deposit_amount WHEN 'bet' THEN d.bet_amount
                            ELSE d.bet_amount - d.win_amount - d.bonus_amount - d.fee_amount - d.royalty_amount END) AS most
            FROM player_stat_daily d
            WHERE d.brand_id = $1 AND d.stat_date BETWEEN $4 AND $5
              AND d.agent_id IN (SELECT s.guid FROM agent s WHERE s.path LIKE $8 || '%' AND ($3 OR s.guid = $2))
            GROUP BY d.player_id
            ORDER BY most DESC, d.player_id LIMIT $7
        )
        SELECT best.player_id AS "id!", p.username, done.deposit_amount AS "deposit_amount!",
               done.bet_amount AS "bet_amount!", done.ngr AS "ngr!"
        FROM best JOIN player p ON p.player_id = best.player_id AND p.brand_id = $1
        CROSS JOIN LATERAL (
            SELECT sum(d.deposit_amount) AS deposit_amount, sum(d.bet_amount) AS bet_amount,
                   sum(d.bet_amount - d.win_amount - d.bonus_amount - d.fee_amount - d.royalty_amount) AS ngr
            FROM player_stat_daily d
            WHERE d.player_id = best.player_id AND d.brand_id = $1 AND d.stat_date BETWEEN $4 AND $5
              AND d.agent_id IN (SELECT s.guid FROM agent s WHERE s.path LIKE $8 || '%' AND ($3 OR s.guid = $2))
        ) AS done
        ORDER BY best.most DESC, best.player_id
        "#,
        scope.id().0,
        agent.guid().0,
        whose == StatScope::Team,
        range.first,
        range.last,
        by.as_str(),
        limit,
        agent.path(),
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
    pool: &Pool,
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
