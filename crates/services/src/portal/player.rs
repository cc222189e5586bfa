//! One player below an agent.

use agent_domain::{
    BrandScope, Problem,
    cursor::{Ledger, Stretch},
    page::{DayRange, Page, PageRequest, TOTAL_CAP},
};
use agent_persistence::{
    portal::{
        downline::{OwnedPlayer, owned_players},
        player::{self as store, CouponFilter, DaySums, PlayerCoupon, PlayerDay, PlayerDetail},
    },
    rows::collect,
};
use chrono::NaiveDate;

use crate::{
    app::App,
    export::{Export, Opening},
    session::Principal,
};

/// The proof that a player is the asking agent's, or that of one below.
async fn owned(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    player: i64,
) -> Result<OwnedPlayer, Problem> {
    let found = owned_players(app.core.db.pool(), scope, principal.agent(), &[player]).await?;
    found.into_iter().next().ok_or_else(Problem::not_found)
}

/// # Errors
/// `not_found` for a player of somebody else, `unavailable` when the database does not answer.
pub async fn detail(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    player: i64,
) -> Result<PlayerDetail, Problem> {
    let player = owned(app, principal, scope, player).await?;
    let found = store::detail(app.core.db.pool(), principal.agent(), player).await?;
    found.ok_or_else(Problem::not_found)
}

/// One page of the days of a range, newest first; days without anything show zeros. The sums are
/// those of all days.
///
/// # Errors
/// `not_found` for a player of somebody else, `unavailable` when the database does not answer.
pub async fn daily(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    player: i64,
    provider: Option<i32>,
    range: DayRange,
    page: PageRequest,
) -> Result<Page<PlayerDay, DaySums>, Problem> {
    let player = owned(app, principal, scope, player).await?;
    let (pool, asking) = (app.core.db.pool(), principal.agent());
    let played = store::days(pool, asking, player, provider, range).await?;
    let sums = total(&played);
    let all = every_day(range, &played);
    let (offset, limit) = (page.offset(), page.limit());
    let shown = all.iter().copied().skip(whole(offset)).take(whole(limit));
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    Ok(Page::new(shown.collect(), count, page, Some(sums)))
}

fn whole(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn every_day(range: DayRange, played: &[PlayerDay]) -> Vec<PlayerDay> {
    let quiet = |date: NaiveDate| PlayerDay {
        date,
        sums: DaySums::default(),
    };
    let of_date = |date| played.iter().find(|day| day.date == date).copied();
    let mut days: Vec<PlayerDay> = range
        .first
        .iter_days()
        .take_while(|date| *date <= range.last)
        .map(|date| of_date(date).unwrap_or_else(|| quiet(date)))
        .collect();
    days.reverse();
    days
}

fn total(days: &[PlayerDay]) -> DaySums {
    days.iter().fold(DaySums::default(), |sum, day| DaySums {
        deposit_amount: sum.deposit_amount + day.sums.deposit_amount,
        deposit_count: sum.deposit_count + day.sums.deposit_count,
        withdraw_amount: sum.withdraw_amount + day.sums.withdraw_amount,
        withdraw_count: sum.withdraw_count + day.sums.withdraw_count,
        bet_amount: sum.bet_amount + day.sums.bet_amount,
        bet_count: sum.bet_count + day.sums.bet_count,
        valid_bet_amount: sum.valid_bet_amount + day.sums.valid_bet_amount,
        win_amount: sum.win_amount + day.sums.win_amount,
        bonus_amount: sum.bonus_amount + day.sums.bonus_amount,
        ngr: sum.ngr + day.sums.ngr,
    })
}

/// One stretch of a player's coupons and its count, of one instant.
///
/// # Errors
/// `not_found` for a player of somebody else, `unavailable` when the database does not answer.
pub async fn coupons(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    player: i64,
    filter: CouponFilter,
    stretch: Stretch,
) -> Result<Ledger<PlayerCoupon>, Problem> {
    let asking = principal.agent();
    let player = owned(app, principal, scope, player).await?;
    let mut tx = app.core.db.snapshot().await?;
    let found = store::coupons(&mut tx, scope, asking, player, filter, stretch);
    let rows = collect(found).await?;
    let count = store::count_coupons(&mut tx, scope, asking, player, filter, TOTAL_CAP).await?;
    drop(tx);
    Ok(stretch.cut(rows, count, None))
}

/// Every coupon of the same list.
///
/// # Errors
/// As [`coupons`]; `export_too_large`, `rate_limited`.
pub async fn export_coupons(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    player: i64,
    filter: CouponFilter,
) -> Result<Export<PlayerCoupon>, Problem> {
    let player = owned(app, principal, scope, player).await?;
    let (asking, scope) = (principal.agent(), scope.clone());
    let opening = Opening::new(app, principal, "player_coupons").await?;
    let mut tx = opening.begin(app).await?;
    let most = opening.max_rows();
    let count = store::count_coupons(&mut tx, &scope, asking, player, filter, most).await?;
    opening.admit(count)?;
    let all = opening.page().into();
    Ok(opening.stream(tx, move |tx| {
        store::coupons(tx, &scope, asking, player, filter, all)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p032_a_range_has_a_row_for_each_day_newest_first() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let range = DayRange {
            first: date("2028-02-27"),
            last: date("2028-03-01"),
        };
        let played = [PlayerDay {
            date: date("2028-02-29"),
            sums: DaySums {
                bet_count: 7,
                ..DaySums::default()
            },
        }];
        let days = every_day(range, &played);
        let shown: Vec<_> = days
            .iter()
            .map(|day| (day.date, day.sums.bet_count))
            .collect();
        let expected = [
            (date("2028-03-01"), 0),
            (date("2028-02-29"), 7),
            (date("2028-02-28"), 0),
            (date("2028-02-27"), 0),
        ];
        assert_eq!(shown, expected);
    }
}
