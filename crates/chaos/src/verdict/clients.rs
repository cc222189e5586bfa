//! What clients were told against what is there.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;
use sqlx::Row as _;

use crate::{
    journal::{Journal, Rule},
    load::claims::{Claim, Claims, Fate},
    out::say,
    stage::Stage,
};

/// Effects of each request, by its mark.
type Effects<T> = HashMap<String, Vec<(T, Decimal)>>;

/// Fewer requests that were carried out, per second, are no load.
const LEAST_PER_SECOND: f64 = 1.0;

/// Holds the claims of one kind against their effects. `of_one` makes one effect of what a client
/// was told.
fn compare<T, E: PartialEq + Ord>(
    journal: &Journal,
    what: &str,
    claims: &[Claim<T>],
    effects: &Effects<E>,
    expected: impl Fn(&Claim<T>, &T) -> Vec<(E, Decimal)>,
    most: impl Fn(&Claim<T>) -> usize,
) {
    let broken = |text: String| journal.all_broken(Rule::ClientsWereToldTheTruth, [text]);
    let mut unknown: Vec<&String> = effects.keys().collect();
    for claim in claims {
        let found = effects.get(&claim.mark).map_or(&[][..], Vec::as_slice);
        unknown.retain(|mark| **mark != claim.mark);
        let mark = &claim.mark;
        match &claim.fate {
            Fate::Done(told) if found != expected(claim, told) => broken(format!(
                "{what} {mark} was done, and there are {} of it, or other ones",
                found.len()
            )),
            Fate::Refused if !found.is_empty() => {
                broken(format!("{what} {mark} was refused, and there it is"));
            }
            Fate::Unsure if !(found.is_empty() || found.len() == most(claim)) => broken(format!(
                "{what} {mark} was sent for one effect and has {}",
                found.len()
            )),
            _ => {}
        }
    }
    for mark in unknown {
        broken(format!("{what} {mark} was asked for by nobody"));
    }
}

async fn effects<E>(stage: &Stage, query: &'static str) -> anyhow::Result<Effects<E>>
where
    E: Ord + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let mut effects: Effects<E> = HashMap::new();
    for row in sqlx::query(query).fetch_all(&stage.owner).await? {
        let effect = (row.get(1), row.get(2));
        effects.entry(row.get(0)).or_default().push(effect);
    }
    for of_one in effects.values_mut() {
        of_one.sort();
    }
    Ok(effects)
}

pub(crate) async fn judge(stage: &Stage, claims: &Claims, seconds: f64) -> anyhow::Result<()> {
    let journal = &stage.journal;
    let orders: Effects<String> = effects(
        stage,
        "SELECT remark, withdraw_no, amount FROM agent_withdraw",
    )
    .await?;
    let claimed = claims.orders();
    let order = |claim: &Claim<String>, number: &String| vec![(number.clone(), claim.amount)];
    compare(journal, "order", &claimed, &orders, order, |_| 1);

    let coupons: Effects<i64> = effects(
        stage,
        "SELECT l.reason, c.coupon_id, 1::numeric FROM coupon c JOIN coupon_log l USING (coupon_id) \
         WHERE l.action = 'grant'",
    )
    .await?;
    let granted = claims.coupons();
    let each = |_: &Claim<Vec<i64>>, ids: &Vec<i64>| {
        let mut each: Vec<_> = ids.iter().map(|id| (*id, Decimal::ONE)).collect();
        each.sort();
        each
    };
    let all = |claim: &Claim<Vec<i64>>| usize::try_from(claim.amount).unwrap_or(0);
    compare(journal, "coupon", &granted, &coupons, each, all);

    let credits: Effects<i32> = effects(
        stage,
        "SELECT ref_id, 1, amount FROM agent_ledger WHERE kind = 'adjust' AND ref_id NOT LIKE 'start-%'",
    )
    .await?;
    let credited = |claim: &Claim<()>, (): &()| vec![(1, claim.amount)];
    compare(
        journal,
        "credit",
        &claims.credits(),
        &credits,
        credited,
        |_| 1,
    );

    judge_moves(stage, claims).await?;
    load(journal, claims, seconds);
    let sure = |fate: &Fate<String>| matches!(fate, Fate::Done(_));
    let done = claimed.iter().filter(|claim| sure(&claim.fate)).count();
    let refused = |claim: &&Claim<String>| claim.fate == Fate::Refused;
    let refused = claimed.iter().filter(refused).count();
    journal.note(
        Rule::ClientsWereToldTheTruth,
        format!(
            "of {} orders {done} were made, {refused} refused, {} unknown",
            claimed.len(),
            claimed.len() - done - refused
        ),
    );
    Ok(())
}

/// Orders that are said to be somewhere are there, or have been.
async fn judge_moves(stage: &Stage, claims: &Claims) -> anyhow::Result<()> {
    let broken = |text: String| {
        stage
            .journal
            .all_broken(Rule::ClientsWereToldTheTruth, [text]);
    };
    let rows = sqlx::query(
        "SELECT payload ->> 'withdraw_no', payload ->> 'to' FROM agent_outbox \
         WHERE event_type = 'agent.withdraw.status_changed'",
    )
    .fetch_all(&stage.owner)
    .await?;
    let mut moves: HashMap<String, Vec<String>> = HashMap::new();
    for row in rows {
        moves.entry(row.get(0)).or_default().push(row.get(1));
    }
    let has_been = |number: &str, state: &str| {
        let of_order = moves.get(number).map_or(&[][..], Vec::as_slice);
        of_order.iter().filter(|to| *to == state).count() == 1
    };
    for number in claims.all_cancelled() {
        if !has_been(&number, "cancelled") {
            broken(format!("{number} was cancelled, and is not"));
        }
    }
    for (number, states) in claims.all_moved() {
        for state in states {
            if !has_been(&number, state) {
                broken(format!("{number} was {state}, and never was"));
            }
        }
    }
    let recycled: Vec<i64> =
        sqlx::query_scalar("SELECT coupon_id FROM coupon WHERE status = 'recycled'")
            .fetch_all(&stage.owner)
            .await?;
    for coupon in claims.all_recycled() {
        if !recycled.contains(&coupon) {
            broken(format!("coupon {coupon} was taken back, and is not"));
        }
    }
    Ok(())
}

/// A run without load proves nothing.
fn load(journal: &Journal, claims: &Claims, seconds: f64) {
    let answers = claims.answers();
    let all: u64 = answers.values().sum();
    let done = |(what, count): (&String, &u64)| what.contains(" 20").then_some(*count);
    let done: u64 = answers.iter().filter_map(done).sum();
    let mut by_kind: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (what, count) in &answers {
        let (kind, answer) = what.split_once(' ').unwrap_or((what, ""));
        by_kind
            .entry(kind)
            .or_default()
            .push(format!("{answer} x {count}"));
    }
    say!("\nanswers");
    for (kind, counts) in by_kind {
        say!("  {kind:10} {}", counts.join(", "));
    }
    journal.note(
        Rule::ThereWasLoad,
        format!("{all} requests, {done} carried out, in {seconds:.0} s"),
    );
    let done = f64::from(u32::try_from(done).unwrap_or(u32::MAX));
    if done < seconds * LEAST_PER_SECOND {
        journal.all_broken(
            Rule::ThereWasLoad,
            ["too little to mean anything".to_owned()],
        );
    }
}
