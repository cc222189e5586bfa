//! Money, orders and coupons.

use std::time::Duration;

use agent_chaos::books::{ACCOUNTS, COUPONS, ONE_WAITING_ORDER, Rule as Books, WITHDRAWALS};

use crate::{journal::Rule, stage::Stage};

/// Between two looks at the accounts while others work.
const LOOKS_EVERY: Duration = Duration::from_millis(1_500);

async fn count(stage: &Stage, query: &'static str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(query).fetch_one(&stage.owner).await?)
}

/// Looks at the accounts again and again: their rule holds at every instant.
pub(crate) async fn watch(stage: &Stage) -> anyhow::Result<()> {
    let mut looks = 0;
    loop {
        tokio::time::sleep(LOOKS_EVERY).await;
        looks += 1;
        let broken = count(stage, ACCOUNTS).await?;
        if broken > 0 {
            let text = format!("{broken} accounts are wrong at look {looks}");
            stage.journal.broken(Rule::BooksBalance, text);
        }
    }
}

async fn judge_each(stage: &Stage, rule: Rule, books: &[Books]) -> anyhow::Result<()> {
    for (wrong, query) in books {
        let broken = count(stage, query).await?;
        if broken > 0 {
            let text = format!("{wrong}: {broken} times");
            stage.journal.all_broken(rule, [text]);
        }
    }
    Ok(())
}

pub(crate) async fn judge(stage: &Stage) -> anyhow::Result<()> {
    let orders = count(stage, "SELECT count(*) FROM agent_withdraw").await?;
    let coupons = count(stage, "SELECT count(*) FROM coupon").await?;
    let note = |rule, text| stage.journal.note(rule, text);
    note(Rule::BooksBalance, format!("{orders} orders"));
    note(Rule::CouponsAgree, format!("{coupons} coupons"));
    judge_each(stage, Rule::BooksBalance, WITHDRAWALS).await?;
    judge_each(stage, Rule::OneWaitingOrder, &[ONE_WAITING_ORDER]).await?;
    judge_each(stage, Rule::CouponsAgree, COUPONS).await
}
