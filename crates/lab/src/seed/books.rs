//! Accounts, their entries and orders, as they are planned and then written.

use agent_domain::portal::withdraw::{Quote, WithdrawStatus};
use agent_persistence::portal::account::Balance;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

#[derive(Default)]
pub(super) struct Books {
    pub(super) accounts: Vec<Account>,
    /// In the order of time within each account.
    pub(super) entries: Vec<Entry>,
    pub(super) orders: Vec<Order>,
}

pub(super) struct Account {
    pub(super) agent: usize,
    pub(super) brand: usize,
    pub(super) balance: Balance,
    pub(super) entries: i64,
}

pub(super) struct Entry {
    pub(super) account: usize,
    pub(super) kind: &'static str,
    pub(super) ref_type: &'static str,
    pub(super) reference: Reference,
    pub(super) amount: Decimal,
    pub(super) available_delta: Decimal,
    pub(super) frozen_delta: Decimal,
    pub(super) after: Balance,
    pub(super) at: DateTime<Utc>,
}

/// What an entry was made for.
#[derive(Clone, Copy)]
pub(super) enum Reference {
    Opening,
    Commission(NaiveDate),
    /// Index of an order, which gets its number later.
    Order(usize),
}

pub(super) struct Order {
    pub(super) account: usize,
    /// Index into the agent's cards.
    pub(super) card: usize,
    pub(super) quote: Quote,
    pub(super) status: WithdrawStatus,
    pub(super) created_at: DateTime<Utc>,
    pub(super) reviewed: Option<(&'static str, DateTime<Utc>)>,
    pub(super) paid_at: Option<DateTime<Utc>>,
    pub(super) reject_reason: Option<&'static str>,
    pub(super) remark: Option<&'static str>,
}
