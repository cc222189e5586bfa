//! Plays the history of every account: each balance is the sum of its entries, because the entries
//! are what makes it.

use agent_domain::portal::withdraw::{HoldEffect, Quote, WithdrawStatus};
use agent_persistence::portal::account::{Balance, Movement};
use chrono::{DateTime, Datelike as _, Duration, Utc, Weekday};
use rust_decimal::Decimal;

use super::{
    books::{Account, Books, Entry, Order, Reference},
    dice::Dice,
    world::{BRAND_A, World},
};

/// How far back the books go.
const BOOK_DAYS: i64 = 70;
/// How far back withdrawals go.
const ORDER_DAYS: i64 = 60;
/// Where the first documented login stands, so that examples can name amounts.
const DEMO_BALANCE: i64 = 25_000;
/// Commission is paid on Mondays at this hour (UTC).
const PAY_HOUR: u32 = 3;
/// How every other account's latest order stands.
const OPEN_STATES: [WithdrawStatus; 4] = [
    WithdrawStatus::Pending,
    WithdrawStatus::Reviewing,
    WithdrawStatus::Approved,
    WithdrawStatus::Paying,
];
const CLOSED_STATES: [WithdrawStatus; 6] = [
    WithdrawStatus::Paid,
    WithdrawStatus::Paid,
    WithdrawStatus::Rejected,
    WithdrawStatus::Paid,
    WithdrawStatus::Cancelled,
    WithdrawStatus::Paid,
];
const REASONS: &[&str] = &[
    "holder name does not match",
    "bank returned the transfer",
    "account under review",
    "card is closed",
];
const REMARKS: &[&str] = &["weekly payout", "rent", "please today"];
const REVIEWERS: &[&str] = &["operator:mali", "operator:ramon", "operator:finance"];

/// An order before its amount is known.
struct Intent {
    status: WithdrawStatus,
    created_at: DateTime<Utc>,
    reviewed_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
}

pub(super) fn plan(world: &World) -> anyhow::Result<Books> {
    let mut planner = Planner {
        world,
        dice: Dice::of("money"),
        books: Books::default(),
        opened: 0,
    };
    for (index, agent) in world.agents.iter().enumerate() {
        for member in &agent.memberships {
            // A few never had any money.
            if agent.is_login || index % 10 != 9 {
                planner.account(index, member.brand)?;
            }
        }
    }
    Ok(planner.books)
}

struct Planner<'w> {
    world: &'w World,
    dice: Dice,
    books: Books,
    /// Orders that are still open.
    opened: usize,
}

impl Planner<'_> {
    fn account(&mut self, agent: usize, brand: usize) -> anyhow::Result<()> {
        let account = self.books.accounts.len();
        let balance = Balance::default();
        self.books.accounts.push(Account {
            agent,
            brand,
            balance,
            entries: 0,
        });
        let oldest = self.world.now - Duration::days(BOOK_DAYS);
        let since = oldest.max(self.world.agents[agent].created_at);
        let start = self
            .dice
            .instant(since, (since + Duration::hours(30)).min(self.world.now));
        let is_login = self.world.agents[agent].is_login;
        let (least, most) = if is_login {
            (22_000, 26_000)
        } else {
            (6_000, 60_000)
        };
        let opening = self.dice.amount(least, most, 500);
        self.credit(
            account,
            "adjust",
            "adjustment",
            Reference::Opening,
            opening,
            start,
        );
        let mut paydays = self.paydays(start).into_iter().peekable();
        for intent in self.intents(account, start) {
            while let Some(payday) = paydays.next_if(|payday| *payday <= intent.created_at) {
                self.commission(account, payday);
            }
            let Some((reference, Some(end))) = self.order(account, &intent)? else {
                continue;
            };
            while let Some(payday) = paydays.next_if(|payday| *payday <= end.at) {
                self.commission(account, payday);
            }
            self.post(account, &end, reference);
        }
        for payday in paydays {
            self.commission(account, payday);
        }
        if agent == 0 && brand == BRAND_A {
            self.settle_at(account, DEMO_BALANCE.into());
        }
        Ok(())
    }

    fn paydays(&self, start: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let days = start
            .date_naive()
            .iter_days()
            .filter(|day| day.weekday() == Weekday::Mon);
        let paydays = days.filter_map(|day| Some(day.and_hms_opt(PAY_HOUR, 0, 0)?.and_utc()));
        let latest = self.world.now - Duration::hours(3);
        paydays
            .skip_while(|at| *at <= start)
            .take_while(|at| *at < latest)
            .collect()
    }

    /// Orders one after the other, each over before the next begins; the last may still be open.
    fn intents(&mut self, account: usize, start: DateTime<Utc>) -> Vec<Intent> {
        let now = self.world.now;
        let first = start.max(now - Duration::days(ORDER_DAYS));
        let days = (now - first).num_days() - 4;
        let is_login = self.world.agents[self.books.accounts[account].agent].is_login;
        let mut intents = Vec::new();
        if days > 0 {
            let most = (days / 5).clamp(1, 6);
            let least = if is_login { most } else { 1 };
            let count = i32::try_from(self.dice.between(least, most)).unwrap_or(1);
            let spacing = Duration::days(days) / count;
            for (number, state) in (0..count).zip(account..) {
                let from = first + spacing * number;
                let created_at = self.dice.instant(from, from + spacing - Duration::days(3));
                intents.push(self.intent(CLOSED_STATES[state % CLOSED_STATES.len()], created_at));
            }
        }
        let from = (now - Duration::hours(36)).max(start + Duration::minutes(5));
        let until = now - Duration::minutes(10);
        if !is_login && account % 2 == 1 && from < until {
            let created_at = self.dice.instant(from, until);
            let state = OPEN_STATES[self.opened % OPEN_STATES.len()];
            intents.push(self.intent(state, created_at));
        }
        intents
    }

    fn intent(&mut self, status: WithdrawStatus, created_at: DateTime<Utc>) -> Intent {
        let latest = |hours| (created_at + Duration::hours(hours)).min(self.world.now);
        let (within, until) = (latest(8), latest(48));
        let reviewed_at = self.dice.instant(created_at, within);
        let ended_at = self.dice.instant(reviewed_at, until);
        Intent {
            status,
            created_at,
            reviewed_at,
            ended_at,
        }
    }

    /// Holds the amount; gives the movement that ends the hold, where the state has one.
    fn order(
        &mut self,
        account: usize,
        intent: &Intent,
    ) -> anyhow::Result<Option<(Reference, Option<Movement<'static>>)>> {
        let Some(quote) = self.quote(account)? else {
            return Ok(None);
        };
        let rejected = intent.status == WithdrawStatus::Rejected;
        let ended_at = if rejected {
            intent.reviewed_at
        } else {
            intent.ended_at
        };
        let reference = Reference::Order(self.books.orders.len());
        let order = self.order_of(account, intent, quote);
        self.opened += usize::from(OPEN_STATES.contains(&order.status));
        self.books.orders.push(order);
        self.post(
            account,
            &Movement::hold(quote.amount, "", intent.created_at),
            reference,
        );
        let end = Movement::of_effect(effect(intent.status)?, quote.amount, "", ended_at);
        Ok(Some((reference, end)))
    }

    /// An amount that the account and the limits allow; `None` where there is none.
    fn quote(&mut self, account: usize) -> anyhow::Result<Option<Quote>> {
        let Account {
            agent,
            brand,
            balance,
            ..
        } = self.books.accounts[account];
        let terms = self.world.terms(agent, brand);
        let whole = |amount: Decimal| i64::try_from(amount.trunc()).unwrap_or(i64::MAX);
        let least = whole(terms.min_amount);
        let most = whole(balance.available * Decimal::new(7, 1)).min(whole(terms.max_amount));
        if self.world.agents[agent].cards.is_empty() || most < least {
            return Ok(None);
        }
        let multiple = if self.world.agents[agent].is_login {
            8
        } else {
            30
        };
        let amount = self.dice.amount(least, most.min(least * multiple), 100);
        let quote = terms
            .quote(amount)
            .map_err(|problem| anyhow::anyhow!("{problem}"))?;
        Ok(Some(quote))
    }

    fn order_of(&mut self, account: usize, intent: &Intent, quote: Quote) -> Order {
        use WithdrawStatus::{Approved, Paid, Paying, Rejected};
        let status = intent.status;
        let reviewed = matches!(status, Approved | Paying | Paid | Rejected);
        let reviewer = self.dice.pick(REVIEWERS);
        let agent = self.books.accounts[account].agent;
        Order {
            account,
            card: self.dice.below(self.world.agents[agent].cards.len()),
            quote,
            status,
            created_at: intent.created_at,
            reviewed: reviewed.then_some((reviewer, intent.reviewed_at)),
            paid_at: (status == Paid).then_some(intent.ended_at),
            reject_reason: (status == Rejected).then(|| self.dice.pick(REASONS)),
            remark: self.dice.percent(25).then(|| self.dice.pick(REMARKS)),
        }
    }

    fn commission(&mut self, account: usize, at: DateTime<Utc>) {
        let is_login = self.world.agents[self.books.accounts[account].agent].is_login;
        let earned = self.dice.cents(150, if is_login { 1_600 } else { 7_500 });
        let reference = Reference::Commission(at.date_naive());
        self.credit(account, "commission", "settlement", reference, earned, at);
    }

    /// A last credit or debit that leads to a known balance.
    fn settle_at(&mut self, account: usize, target: Decimal) {
        let missing = target - self.books.accounts[account].balance.available;
        let at = self.world.now - Duration::hours(2);
        let reference = Reference::Commission(at.date_naive());
        self.credit(account, "adjust", "adjustment", reference, missing, at);
    }

    fn credit(
        &mut self,
        account: usize,
        kind: &'static str,
        ref_type: &'static str,
        reference: Reference,
        amount: Decimal,
        at: DateTime<Utc>,
    ) {
        let movement = Movement {
            kind,
            amount,
            available_delta: amount,
            frozen_delta: Decimal::ZERO,
            ref_type,
            ref_id: "",
            at,
        };
        self.post(account, &movement, reference);
    }

    fn post(&mut self, account: usize, movement: &Movement<'_>, reference: Reference) {
        let state = &mut self.books.accounts[account];
        state.balance.available += movement.available_delta;
        state.balance.frozen += movement.frozen_delta;
        state.entries += 1;
        self.books.entries.push(Entry {
            account,
            kind: movement.kind,
            ref_type: movement.ref_type,
            reference,
            amount: movement.amount,
            available_delta: movement.available_delta,
            frozen_delta: movement.frozen_delta,
            after: state.balance,
            at: movement.at,
        });
    }
}

/// What became of the hold of an order in a state, by the moves that led there.
fn effect(status: WithdrawStatus) -> anyhow::Result<HoldEffect> {
    use WithdrawStatus::{Approved, Cancelled, Paid, Paying, Pending, Rejected, Reviewing};
    let moves: &[WithdrawStatus] = match status {
        Pending => &[],
        Reviewing => &[Reviewing],
        Approved => &[Reviewing, Approved],
        Paying => &[Reviewing, Approved, Paying],
        Paid => &[Reviewing, Approved, Paying, Paid],
        Rejected => &[Reviewing, Rejected],
        Cancelled => &[Cancelled],
    };
    let mut effect = HoldEffect::Keep;
    let mut from = Pending;
    for to in moves {
        let allowed = from.move_to(*to);
        effect = allowed.ok_or_else(|| anyhow::anyhow!("{from:?} cannot become {to:?}"))?;
        from = *to;
    }
    Ok(effect)
}
