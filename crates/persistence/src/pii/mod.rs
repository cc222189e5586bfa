//! Columns of personal data as the backfill sees them: whole rows of a table, a window of the
//! primary key at a time, so that no statement is long however large a table is.

mod agent;
mod bank_card;
mod shapes;
mod withdraw;

use crate::{error::DbError, pool::Pool, tx::Tx};

pub use bank_card::{NUMBER_KEY, live_numbers};
pub use shapes::{Shapes, shapes};

/// A table with columns of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Agent,
    BankCard,
    Withdraw,
}

impl Table {
    pub const ALL: [Self; 3] = [Self::Agent, Self::BankCard, Self::Withdraw];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::BankCard => "agent_bank_card",
            Self::Withdraw => "agent_withdraw",
        }
    }

    /// In the order of [`PiiRow::cells`].
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Agent => &[Column::AgentPhone, Column::AgentEmail, Column::AgentBankNum],
            Self::BankCard => &[Column::CardNumber, Column::CardHolder],
            Self::Withdraw => &[
                Column::WithdrawCardNumber,
                Column::WithdrawBankNum,
                Column::WithdrawHolder,
            ],
        }
    }
}

/// A column of personal data (P-130, Q-08).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    AgentPhone,
    AgentEmail,
    AgentBankNum,
    CardNumber,
    CardHolder,
    WithdrawCardNumber,
    WithdrawBankNum,
    WithdrawHolder,
}

impl Column {
    /// With its table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AgentPhone => "agent.phone_num",
            Self::AgentEmail => "agent.email",
            Self::AgentBankNum => "agent.bank_num",
            Self::CardNumber => "agent_bank_card.card_number",
            Self::CardHolder => "agent_bank_card.holder_name",
            Self::WithdrawCardNumber => "agent_withdraw.card_number",
            Self::WithdrawBankNum => "agent_withdraw.bank_num",
            Self::WithdrawHolder => "agent_withdraw.holder_name",
        }
    }

    /// Whether an index stands beside it, by which equal values meet.
    #[must_use]
    pub const fn has_index(self) -> bool {
        matches!(
            self,
            Self::AgentPhone | Self::AgentEmail | Self::CardNumber | Self::CardHolder
        )
    }
}

/// A row as stored. The texts may be plain: no `Debug`.
#[derive(Clone)]
pub struct PiiRow {
    pub id: i64,
    /// Not soft-deleted; numbers of live cards are unique.
    pub live: bool,
    /// Country codes of the brands that an agent serves, each once; of other tables none.
    pub countries: Vec<String>,
    /// One for each of [`Table::columns`].
    pub cells: Vec<Cell>,
}

/// A column of a row.
#[derive(Clone, PartialEq, Eq)]
pub struct Cell {
    pub text: Option<String>,
    /// Always `None` for a column without an index.
    pub index: Option<Vec<u8>>,
}

/// Part of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its last row; `None` behind the end of the table.
    pub end: Option<i64>,
    /// Rows with a text of another form than today's, or without the index that belongs to it.
    pub pending: Vec<i64>,
}

/// The next `size` rows of a table behind the row `after`.
///
/// # Errors
/// The statement failed.
pub async fn window(pool: &Pool, table: Table, after: i64, size: i64) -> Result<Window, DbError> {
    match table {
        Table::Agent => agent::window(pool, after, size).await,
        Table::BankCard => bank_card::window(pool, after, size).await,
        Table::Withdraw => withdraw::window(pool, after, size).await,
    }
}

/// Locks those of some rows that nobody else has locked, and never waits. Rows that refer to them
/// may still be written, so that nobody's sign-in waits for the backfill.
///
/// # Errors
/// The statement failed.
pub async fn lock(tx: &mut Tx, table: Table, ids: &[i64]) -> Result<Vec<i64>, DbError> {
    match table {
        Table::Agent => agent::lock(tx, ids).await,
        Table::BankCard => bank_card::lock(tx, ids).await,
        Table::Withdraw => withdraw::lock(tx, ids).await,
    }
}

/// Some rows, in the order of their ids. What is read after [`lock`] stays true until the commit.
///
/// # Errors
/// The statement failed.
pub async fn rows(tx: &mut Tx, table: Table, ids: &[i64]) -> Result<Vec<PiiRow>, DbError> {
    match table {
        Table::Agent => agent::rows(tx, ids).await,
        Table::BankCard => bank_card::rows(tx, ids).await,
        Table::Withdraw => withdraw::rows(tx, ids).await,
    }
}

/// Writes the cells of rows that were locked in the transaction, each row once. The values stay
/// what they were, only their form changes: there is nothing to audit.
///
/// # Errors
/// The statement failed; a number of a live card stands in another live card ([`NUMBER_KEY`]).
pub async fn update(tx: &mut Tx, table: Table, rows: &[PiiRow]) -> Result<u64, DbError> {
    match table {
        Table::Agent => agent::update(tx, rows).await,
        Table::BankCard => bank_card::update(tx, rows).await,
        Table::Withdraw => withdraw::update(tx, rows).await,
    }
}

fn ids(rows: &[PiiRow]) -> Vec<i64> {
    rows.iter().map(|row| row.id).collect()
}

/// A column of rows as an array that may hold NULLs.
fn texts(rows: &[PiiRow], cell: usize) -> Vec<Option<&str>> {
    let text = |row| -> Option<&str> { PiiRow::cell(row, cell)?.text.as_deref() };
    rows.iter().map(text).collect()
}

fn indexes(rows: &[PiiRow], cell: usize) -> Vec<Option<&[u8]>> {
    let index = |row| -> Option<&[u8]> { PiiRow::cell(row, cell)?.index.as_deref() };
    rows.iter().map(index).collect()
}

impl PiiRow {
    fn cell(&self, at: usize) -> Option<&Cell> {
        self.cells.get(at)
    }
}

impl Cell {
    fn new(text: Option<String>, index: Option<Vec<u8>>) -> Self {
        Self { text, index }
    }

    fn without_index(text: Option<String>) -> Self {
        Self { text, index: None }
    }
}
