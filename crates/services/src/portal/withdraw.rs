//! Asking for a withdrawal, seeing it, taking it back (P-029 … P-031, Q-76, Q-88, Q-95).

use agent_crypto::PiiColumn;
use agent_crypto::random;
use agent_domain::{
    BrandScope, CardId, Code, Currency, DomainEvent, EventBody, Money, Problem, WithdrawNo,
    cursor::{Ledger, Stretch},
    event::WithdrawCreated,
    money::parse_request_amount,
    page::DayRange,
    portal::{
        bank::cooldown_left,
        withdraw::{Quote, WithdrawStatus},
    },
};
use agent_persistence::{
    AuditEntry, Tx, outbox,
    portal::{
        account::{self, Movement},
        bank::{self, CardRow},
        withdraw::{
            self as store, FormFacts, NewOrder, OrderFacts, OrderFilter, OrderRow, StatusTotal,
        },
    },
    rows::collect,
};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    app::App,
    core::{Stopped, retrying},
    export::{Export, Opening},
    portal::{
        auth::Source,
        pace::count_change,
        payout_account::cooldown_problem,
        payout_password,
        repeatable::{Begun, Repeatable},
    },
    session::Principal,
};

/// The route that an idempotency key belongs to; its alias shares it.
const ADD: &str = "POST /agent/withdraw/add";

/// What an agent asks for. Holds a payout password: no `Debug`.
pub struct AddRequest {
    /// As the client wrote it; read under the brand's currency.
    pub amount: String,
    pub card: CardId,
    pub payout_password: Option<String>,
    pub remark: Option<String>,
    pub idempotency_key: Option<String>,
}

/// The answer of a request for a withdrawal, stored with its idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct CreatedOrder {
    pub withdraw_no: String,
    pub amount: Money,
    pub fee: Money,
    pub net_amount: Money,
    pub currency: String,
    pub status: String,
}

/// Everything that the withdrawal form shows.
pub struct Form {
    pub facts: FormFacts,
    pub cards: Vec<CardRow>,
}

/// Who asks, where, and from what address.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub principal: &'a Principal,
    pub scope: &'a BrandScope,
    pub source: &'a Source,
}

/// # Errors
/// `unavailable` when the database does not answer.
pub async fn form(app: &App, principal: &Principal, scope: &BrandScope) -> Result<Form, Problem> {
    let pool = app.core.db.pool();
    let day = day_around(scope, app.core.clock.now());
    let max_open = app.policy.max_open_withdrawals;
    let facts = store::form_facts(pool, scope, principal.agent(), day, max_open).await?;
    let cards = bank::cards(pool, principal.agent()).await?;
    Ok(Form { facts, cards })
}

/// First and last instant of the brand's calendar day around an instant.
fn day_around(scope: &BrandScope, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let day = scope.brand().day_of(now);
    let range = DayRange {
        first: day,
        last: day,
    };
    range.instants(scope.brand().timezone)
}

/// Makes an order and holds its amount: account, ledger, order, audit row and event in one
/// transaction. The same idempotency key gives the stored answer.
///
/// # Errors
/// Of the request: `validation_failed`, `below_min_withdrawal`, `above_max_withdrawal`,
/// `payout_password_invalid`, `rate_limited`, `idempotency_conflict`. Of the account:
/// `withdraw_pending`, `daily_limit_reached`, `insufficient_balance`, `payout_cooldown` for a card
/// younger than an unproven change of phone. `unavailable`.
pub async fn add(
    app: &App,
    asking: Asking<'_>,
    request: &AddRequest,
) -> Result<CreatedOrder, Problem> {
    let outcome = add_counted(app, asking, request).await;
    let label = outcome
        .as_ref()
        .map_or_else(|problem| problem.code.as_str(), |_| "created");
    app.core
        .metrics
        .withdrawals_total
        .with_label_values(&[label])
        .inc();
    outcome
}

async fn add_counted(
    app: &App,
    asking: Asking<'_>,
    request: &AddRequest,
) -> Result<CreatedOrder, Problem> {
    let amount = read_amount(&request.amount, asking.scope.brand().currency)?;
    let agent = asking.principal.agent();
    // Before any look at the key: a stored answer must not tell whether a guess was right.
    payout_password::check_if_set(app, agent, request.payout_password.as_deref()).await?;
    let hash = request_hash(app, asking.scope, request);
    let key = request.idempotency_key.as_deref();
    let write = Repeatable::new(agent, ADD, key, &hash);
    if let Some(answer) = write.stored(app).await? {
        return Ok(answer);
    }
    count_change(app, agent).await?;
    retrying(|| make_order(app, asking, request, amount, write)).await
}

fn read_amount(text: &str, currency: Currency) -> Result<Decimal, Problem> {
    parse_request_amount(text, currency)
        .map_err(|error| Problem::field("amount", error.to_string()))
}

/// Covers every member that the request may differ in, and the brand. Not the payout password,
/// which proves who asks and is checked each time.
fn request_hash(app: &App, scope: &BrandScope, request: &AddRequest) -> [u8; 32] {
    let members = json!([scope.id(), request.amount, request.card, request.remark]);
    app.keys.request_hash(members.to_string().as_bytes())
}

async fn make_order(
    app: &App,
    asking: Asking<'_>,
    request: &AddRequest,
    amount: Decimal,
    write: Repeatable<'_>,
) -> Result<CreatedOrder, Stopped> {
    let mut tx = match write.begin(app).await? {
        Begun::Now(tx) => tx,
        Begun::Before(answer) => return Ok(answer),
    };
    let order = book(app, &mut tx, asking, request, amount).await?;
    write.commit(app, tx, &order).await?;
    Ok(order)
}

async fn book(
    app: &App,
    tx: &mut Tx,
    asking: Asking<'_>,
    request: &AddRequest,
    amount: Decimal,
) -> Result<CreatedOrder, Stopped> {
    let Asking {
        principal,
        scope,
        source,
    } = asking;
    let agent = principal.agent();
    let currency = scope.brand().currency;
    let account = account::lock_account(tx, agent, scope.id(), currency).await?;
    // Read after the wait for the lock: the order counts for the day it is made on.
    let now = app.core.clock.now();
    let max_open = app.policy.max_open_withdrawals;
    let day = day_around(scope, now);
    let facts = store::order_facts(tx, scope, agent, request.card, day, max_open).await?;
    let (quote, card) = judge(app, facts, amount, now)?;
    let mut account = account
        .filter(|account| account.balance().available >= amount)
        .ok_or_else(|| {
            Problem::new(
                Code::InsufficientBalance,
                "the available balance is too low",
            )
        })?;
    let number = store::next_number(tx, scope.brand().day_of(now)).await?;
    let (card_number, holder_name) = snapshot(app, &card)?;
    let operator = principal.operator_id();
    let mut audited = tx
        .audited(&AuditEntry {
            operator_id: &operator,
            resource: "agent_withdraw",
            resource_id: number.to_string(),
            action: "AGENT_WITHDRAW_ADD",
            brand_id: scope.id().0,
            old_value: None,
            new_value: Some(json!({
                "amount": Money(amount), "currency": currency, "card_id": card.id, "bank_id": card.bank_id,
                "status": WithdrawStatus::Pending,
            })),
            at: now,
        })
        .await?;
    let order = NewOrder {
        withdraw_no: &number,
        quote,
        card: &card,
        card_number: &card_number,
        holder_name: &holder_name,
        remark: request.remark.as_deref(),
        ip_hash: &source.ip_hash(app),
        at: now,
    };
    let withdraw_guid = audited.insert_order(&account, &order).await?;
    let hold = Movement::hold(amount, number.as_str(), now);
    audited.move_money(&mut account, &hold).await?;
    let created = WithdrawCreated {
        withdraw_guid,
        agent_id: agent,
        withdraw_no: number.clone(),
        amount: Money(quote.amount),
        fee: Money(quote.fee),
        net_amount: Money(quote.net_amount),
        currency,
        card_last4: card.card_last4.clone(),
    };
    let event = DomainEvent {
        event_id: random::uuid_v7(now),
        brand_id: scope.id(),
        occurred_at: now,
        body: EventBody::WithdrawCreated(created),
    };
    outbox::append(tx, &event).await?;
    Ok(CreatedOrder {
        withdraw_no: number.to_string(),
        amount: Money(quote.amount),
        fee: Money(quote.fee),
        net_amount: Money(quote.net_amount),
        currency: currency.to_string(),
        status: WithdrawStatus::Pending.as_str().to_owned(),
    })
}

fn judge(
    app: &App,
    facts: OrderFacts,
    amount: Decimal,
    now: DateTime<Utc>,
) -> Result<(Quote, store::PayoutCard), Problem> {
    let quote = facts.terms.quote(amount)?;
    let card = facts
        .card
        .ok_or_else(|| Problem::field("card_id", "is not one of your cards"))?;
    let since = facts
        .payout_cooldown_since
        .filter(|since| card.created_at > *since);
    if let Some(left) = cooldown_left(since, app.policy.payout_cooldown, now) {
        return Err(cooldown_problem(left));
    }
    facts
        .terms
        .check_counts(facts.open_orders, facts.orders_today)?;
    Ok((quote, card))
}

/// The card's number and holder for the order, in today's form whatever the form of the card's
/// row (P-131, P-133).
fn snapshot(app: &App, card: &store::PayoutCard) -> Result<(String, String), Problem> {
    let renew = |column, stored: &str| {
        let plain = app.pii.decrypt(column, stored)?;
        app.pii.encrypt(column, &plain)
    };
    let number = renew(PiiColumn::CardNumber, &card.card_number).map_err(Problem::internal)?;
    let holder = renew(PiiColumn::HolderName, &card.holder_name).map_err(Problem::internal)?;
    Ok((number, holder))
}

/// # Errors
/// `not_found` for anything but an own order on this brand.
pub async fn find(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    number: &str,
) -> Result<OrderRow, Problem> {
    let number = WithdrawNo::parse(number).ok_or_else(Problem::not_found)?;
    let order = store::order(app.core.db.pool(), scope, principal.agent(), &number).await?;
    order.ok_or_else(Problem::not_found)
}

/// One stretch of the agent's orders with totals by state, all of one instant.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn list(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    range: DayRange,
    status: Option<WithdrawStatus>,
    stretch: Stretch,
) -> Result<Ledger<OrderRow, Vec<StatusTotal>>, Problem> {
    let filter = OrderFilter::new(scope, range, status);
    let mut tx = app.core.db.snapshot().await?;
    let agent = principal.agent();
    let rows = collect(store::list(&mut tx, scope, agent, &filter, stretch)).await?;
    let totals = store::totals(&mut tx, scope, agent, &filter).await?;
    drop(tx);
    let count = totals.iter().map(|total| total.count).sum();
    Ok(stretch.cut(rows, count, Some(totals)))
}

/// Every order of the same list.
///
/// # Errors
/// `export_too_large`, `rate_limited`, `unavailable`.
pub async fn export(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    range: DayRange,
    status: Option<WithdrawStatus>,
) -> Result<Export<OrderRow>, Problem> {
    let filter = OrderFilter::new(scope, range, status);
    let (agent, scope) = (principal.agent(), scope.clone());
    let opening = Opening::new(app, principal, "withdrawals").await?;
    let mut tx = opening.begin(app).await?;
    let totals = store::totals(&mut tx, &scope, agent, &filter).await?;
    opening.admit(totals.iter().map(|total| total.count).sum())?;
    let all = opening.page().into();
    Ok(opening.stream(tx, move |tx| store::list(tx, &scope, agent, &filter, all)))
}
