//! Lists of players below an agent, made for a million of them.
//!
//! First the numbers of a page's players are found, which needs indexes alone; then what the page
//! shows of them is read. The statements here belong into [`crate::db::Db::report`], whose plans
//! fit the filters and the size of the team.

use agent_domain::{
    AgentGuid,
    page::{DayRange, PageRequest, Sort, TOTAL_CAP},
    portal::player::PlayerSort,
};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use rust_decimal::Decimal;

use super::player_selection::{Selection, over_selected};
use crate::{
    error::DbError,
    rows::{Rows, rows},
    tx::Tx,
};

/// Numbers of the players of a page, of as many as [`count`] found.
///
/// Where few are selected, or all of them are wanted, all are read and sorted. The index of an order,
/// left to itself, is sometimes followed past a million others to find twenty of them.
///
/// # Errors
/// The statement failed.
pub async fn page(
    tx: &mut Tx,
    selection: &Selection,
    counted: i64,
    sort: Sort<PlayerSort>,
    page: PageRequest,
) -> Result<Vec<i64>, DbError> {
    let (offset, limit) = (page.offset(), page.limit());
    if limit == 0 || offset >= counted {
        return Ok(Vec::new());
    }
    let few = counted <= limit.max(TOTAL_CAP);
    // An order cannot be a parameter, if an index is to give it. OFFSET 0 keeps it from that.
    macro_rules! ordered {
        ($order:literal) => {
            if few {
                let asked = over_selected!(
                    query_scalar,
                    r#"SELECT p.player_id AS "id!" FROM (
                       SELECT p.player_id, p.registered_at, p.username, p.last_login_at, p.deposit_amount"#,
                    "OFFSET 0) AS p " $order,
                    selection,
                    limit,
                    offset
                );
                asked.fetch_all(tx.conn()).await
            } else {
                let asked = over_selected!(
                    query_scalar,
                    r#"SELECT p.player_id AS "id!""#,
                    $order,
                    selection,
                    limit,
                    offset
                );
                asked.fetch_all(tx.conn()).await
            }
        };
    }
    let found = match (sort.key, sort.descending) {
        (PlayerSort::RegisteredAt, false) => {
            ordered!("ORDER BY p.registered_at, p.player_id LIMIT $9 OFFSET $10")
        }
        (PlayerSort::RegisteredAt, true) => {
            ordered!("ORDER BY p.registered_at DESC, p.player_id DESC LIMIT $9 OFFSET $10")
        }
        (PlayerSort::Username, false) => {
            ordered!(r#"ORDER BY p.username COLLATE "C", p.player_id LIMIT $9 OFFSET $10"#)
        }
        (PlayerSort::Username, true) => {
            ordered!(
                r#"ORDER BY p.username COLLATE "C" DESC, p.player_id DESC LIMIT $9 OFFSET $10"#
            )
        }
        (PlayerSort::LastLoginAt, false) => {
            ordered!("ORDER BY p.last_login_at NULLS LAST, p.player_id LIMIT $9 OFFSET $10")
        }
        (PlayerSort::LastLoginAt, true) => {
            ordered!(
                "ORDER BY p.last_login_at DESC NULLS LAST, p.player_id DESC LIMIT $9 OFFSET $10"
            )
        }
        (PlayerSort::DepositAmount, false) => {
            ordered!("ORDER BY p.deposit_amount, p.player_id LIMIT $9 OFFSET $10")
        }
        (PlayerSort::DepositAmount, true) => {
            ordered!("ORDER BY p.deposit_amount DESC, p.player_id DESC LIMIT $9 OFFSET $10")
        }
    };
    Ok(found?)
}

/// How many players are selected, counted up to one more than `cap`.
///
/// # Errors
/// The statement failed.
pub async fn count(tx: &mut Tx, selection: &Selection, cap: i64) -> Result<i64, DbError> {
    let count = over_selected!(
        query_scalar,
        r#"SELECT count(*) AS "count!" FROM (SELECT"#,
        "LIMIT $9) AS counted",
        selection,
        cap + 1
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// What players did on some days.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlayerSums {
    pub deposit_amount: Decimal,
    pub withdraw_amount: Decimal,
    pub bet_amount: Decimal,
    pub valid_bet_amount: Decimal,
    pub win_amount: Decimal,
    /// What the house keeps: bets less wins, bonuses, fees and royalties.
    pub ngr: Decimal,
}

/// A player in a list.
#[derive(Clone, Debug)]
pub struct PlayerRow {
    pub player_id: i64,
    pub username: String,
    pub agent_guid: AgentGuid,
    pub agent_username: String,
    pub status: String,
    pub tags: Vec<String>,
    pub registered_at: DateTime<Utc>,
    pub first_deposit_at: Option<DateTime<Utc>>,
    pub last_login_at: Option<DateTime<Utc>>,
    /// Of the player's whole life.
    pub total_deposit_amount: Decimal,
    /// Of the player's whole life.
    pub total_withdraw_amount: Decimal,
    /// Of the days asked for.
    pub sums: PlayerSums,
}

/// The players of a page, in its order, with what they did on some days. A day counts for the
/// agent who had the player then, as in the roll-ups (Q-97).
pub fn list<'t>(
    tx: &'t mut Tx,
    selection: &Selection,
    page: &[i64],
    days: DayRange,
) -> Rows<'t, PlayerRow> {
    let fetched = sqlx::query!(
        r#"
        SELECT p.player_id, p.username, a.guid, a.username AS agent_username, p.status, p.tags, p.registered_at,
               p.first_deposit_at, p.last_login_at, p.deposit_amount AS total_deposit_amount,
               p.withdraw_amount AS total_withdraw_amount, did.deposit_amount AS "deposit_amount!",
               did.withdraw_amount AS "withdraw_amount!", did.bet_amount AS "bet_amount!",
               did.valid_bet_amount AS "valid_bet_amount!", did.win_amount AS "win_amount!", did.ngr AS "ngr!"
        FROM unnest($3::bigint[]) WITH ORDINALITY AS page (player_id, place)
        JOIN player p ON p.player_id = page.player_id JOIN agent a ON a.guid = p.agent_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(s.deposit_amount), 0) AS deposit_amount,
                   coalesce(sum(s.withdraw_amount), 0) AS withdraw_amount,
                   coalesce(sum(s.bet_amount), 0) AS bet_amount,
                   coalesce(sum(s.valid_bet_amount), 0) AS valid_bet_amount,
                   coalesce(sum(s.win_amount), 0) AS win_amount,
                   coalesce(sum(s.bet_amount - s.win_amount - s.bonus_amount - s.fee_amount - s.royalty_amount), 0) AS ngr
            FROM player_stat_daily s
            WHERE s.player_id = page.player_id AND s.brand_id = $1 AND s.stat_date BETWEEN $4 AND $5
              AND (s.agent_id = p.agent_id OR s.agent_id IN (SELECT o.guid FROM agent o WHERE o.path LIKE $2))) AS did
        WHERE p.brand_id = $1 AND p.agent_path LIKE $2
        ORDER BY page.place
        "#,
        selection.brand,
        selection.paths,
        page,
        days.first,
        days.last,
    )
    .fetch(tx.conn());
    rows(fetched.map_ok(|row| PlayerRow {
        player_id: row.player_id,
        username: row.username,
        agent_guid: AgentGuid(row.guid),
        agent_username: row.agent_username,
        status: row.status,
        tags: row.tags,
        registered_at: row.registered_at,
        first_deposit_at: row.first_deposit_at,
        last_login_at: row.last_login_at,
        total_deposit_amount: row.total_deposit_amount,
        total_withdraw_amount: row.total_withdraw_amount,
        sums: PlayerSums {
            deposit_amount: row.deposit_amount,
            withdraw_amount: row.withdraw_amount,
            bet_amount: row.bet_amount,
            valid_bet_amount: row.valid_bet_amount,
            win_amount: row.win_amount,
            ngr: row.ngr,
        },
    }))
}

/// What the selected players did, added up from their days: for selections that were counted
/// before, because each player costs.
///
/// # Errors
/// The statement failed.
pub async fn sums_of_players(
    tx: &mut Tx,
    selection: &Selection,
    days: DayRange,
) -> Result<PlayerSums, DbError> {
    // One player after the other by its own index; a plan for all at once reads every day of all.
    let row = over_selected!(
        query,
        r#"
        SELECT coalesce(sum(did.deposit_amount), 0) AS "deposit_amount!",
               coalesce(sum(did.withdraw_amount), 0) AS "withdraw_amount!",
               coalesce(sum(did.bet_amount), 0) AS "bet_amount!",
               coalesce(sum(did.valid_bet_amount), 0) AS "valid_bet_amount!",
               coalesce(sum(did.win_amount), 0) AS "win_amount!", coalesce(sum(did.ngr), 0) AS "ngr!"
        FROM (SELECT p.player_id, p.agent_id
        "#,
        r#"
        OFFSET 0) AS p CROSS JOIN LATERAL (
            SELECT sum(s.deposit_amount) AS deposit_amount, sum(s.withdraw_amount) AS withdraw_amount,
                   sum(s.bet_amount) AS bet_amount, sum(s.valid_bet_amount) AS valid_bet_amount,
                   sum(s.win_amount) AS win_amount,
                   sum(s.bet_amount - s.win_amount - s.bonus_amount - s.fee_amount - s.royalty_amount) AS ngr
            FROM player_stat_daily s
            WHERE s.player_id = p.player_id AND s.brand_id = $1 AND s.stat_date BETWEEN $9 AND $10
              AND (s.agent_id = p.agent_id OR s.agent_id IN (SELECT o.guid FROM agent o WHERE o.path LIKE $2))) AS did
        "#,
        selection,
        days.first,
        days.last
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(PlayerSums {
        deposit_amount: row.deposit_amount,
        withdraw_amount: row.withdraw_amount,
        bet_amount: row.bet_amount,
        valid_bet_amount: row.valid_bet_amount,
        win_amount: row.win_amount,
        ngr: row.ngr,
    })
}

/// What all players of the selected agent or team did, out of the roll-ups.
///
/// # Errors
/// The statement failed.
pub async fn sums_of_agent(
    tx: &mut Tx,
    selection: &Selection,
    days: DayRange,
) -> Result<PlayerSums, DbError> {
    let sums = sqlx::query_as!(
        PlayerSums,
        r#"
        SELECT coalesce(sum(deposit_amount), 0) AS "deposit_amount!",
               coalesce(sum(withdraw_amount), 0) AS "withdraw_amount!",
               coalesce(sum(bet_amount), 0) AS "bet_amount!",
               coalesce(sum(valid_bet_amount), 0) AS "valid_bet_amount!",
               coalesce(sum(win_amount), 0) AS "win_amount!",
               coalesce(sum(bet_amount - win_amount - bonus_amount - fee_amount - royalty_amount), 0) AS "ngr!"
        FROM agent_stat_daily
        WHERE brand_id = $1 AND agent_id = $2 AND scope = $3 AND stat_date BETWEEN $4 AND $5
        "#,
        selection.brand,
        selection.agent,
        selection.scope.as_str(),
        days.first,
        days.last,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(sums)
}
