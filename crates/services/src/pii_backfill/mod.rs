//! Brings personal data of older releases into today's form (P-131, Q-07, Q-89): texts under
//! AES-GCM, and the indexes by which equal values meet.
//!
//! What is left to do is in the data alone, so it may be killed at any time and started again. Each
//! batch is one short transaction over rows that nobody else has locked: nobody waits for it, and
//! nothing that changes meanwhile is overwritten.

mod recode;
mod run;

use std::{collections::HashMap, time::Duration};

use agent_crypto::{DerivedKeys, PiiCipher};
use agent_persistence::{
    Db, DbError,
    error::DbErrorKind,
    pii::{self as store, PiiRow, Shapes, Table},
};

use self::recode::{Recoded, recode};
pub use self::run::{Options, Outcome, Progress, TableOutcome};

/// Rows that one statement looks at in search of work: a few milliseconds each.
const WINDOW: i64 = 10_000;
/// Times a batch is tried when somebody else is faster, or Postgres is away for a moment.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The work and the keys for it.
pub struct Backfill<'a> {
    pub db: &'a Db,
    pub pii: &'a PiiCipher,
    pub keys: &'a DerivedKeys,
}

/// Something of a row that could not be done. Names the place, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Table, or table and column.
    pub place: &'static str,
    /// Primary key of the row.
    pub id: i64,
    pub reason: Reason,
}

/// Why it could not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A value of an older form that the keys do not open. It is left as it is.
    Unreadable,
    /// A value of today's form that is damaged, or of another key. It is left as it is.
    Unauthentic,
    /// A phone in national form, of an agent whose brands are in several countries or none: its
    /// index stays empty.
    Ambiguous,
    /// Readable, but nothing that can be looked for: its index stays empty.
    NotCanonical,
    /// Another live card has the number: the index stays empty.
    Conflict {
        /// That card.
        with: i64,
    },
    /// Somebody else had the row locked each time.
    Busy,
}

impl Reason {
    /// A word for tables and programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Unauthentic => "unauthentic",
            Self::Ambiguous => "ambiguous",
            Self::NotCanonical => "not_canonical",
            Self::Conflict { .. } => "conflict",
            Self::Busy => "busy",
        }
    }
}

/// What was done in a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Texts that were encrypted anew.
    pub encrypted: u64,
    /// Indexes that were filled.
    pub indexed: u64,
}

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Batch {
    /// Rows that were written, each once.
    pub written: u64,
    /// For each of [`Table::columns`].
    pub counts: Vec<Counts>,
    pub findings: Vec<Finding>,
    /// Rows that somebody else had locked.
    pub busy: Vec<i64>,
}

impl Backfill<'_> {
    /// Works on some rows of a table in one transaction.
    ///
    /// # Errors
    /// The database failed, more than once.
    pub async fn step(&self, table: Table, ids: &[i64]) -> Result<Batch, DbError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.write(table, ids).await {
                Err(error) if may_pass(&error) => tokio::time::sleep(pause).await,
                done => return done,
            }
            pause *= 2;
        }
        self.write(table, ids).await
    }

    async fn write(&self, table: Table, ids: &[i64]) -> Result<Batch, DbError> {
        let mut tx = self.db.begin().await?;
        let locked = store::lock(&mut tx, table, ids).await?;
        let rows = store::rows(&mut tx, table, &locked).await?;
        let mut recoded = self.recode(table, rows);
        self.keep_numbers_apart(&mut tx, table, &mut recoded, &mut HashMap::new())
            .await?;
        let changed: Vec<PiiRow> = recoded
            .iter()
            .filter(|row| row.is_changed())
            .map(|row| row.after.clone())
            .collect();
        let written = match changed.as_slice() {
            [] => 0,
            rows => store::update(&mut tx, table, rows).await?,
        };
        let _no_events = tx.commit().await?;
        let busy = ids.iter().filter(|id| locked.binary_search(id).is_err());
        Ok(Batch {
            written,
            busy: busy.copied().collect(),
            ..summary(table, recoded)
        })
    }

    /// As [`Self::step`], but writes nothing and locks nothing. `owners` holds the numbers that
    /// earlier batches would have filled.
    ///
    /// # Errors
    /// The database failed.
    pub async fn rehearse(
        &self,
        table: Table,
        ids: &[i64],
        owners: &mut HashMap<Vec<u8>, i64>,
    ) -> Result<Batch, DbError> {
        let mut tx = self.db.snapshot().await?;
        let rows = store::rows(&mut tx, table, ids).await?;
        let mut recoded = self.recode(table, rows);
        self.keep_numbers_apart(&mut tx, table, &mut recoded, owners)
            .await?;
        tx.rollback().await?;
        let written = recoded.iter().filter(|row| row.is_changed()).count();
        Ok(Batch {
            written: written as u64,
            ..summary(table, recoded)
        })
    }

    fn recode(&self, table: Table, rows: Vec<PiiRow>) -> Vec<Recoded> {
        let recoded = rows
            .into_iter()
            .map(|row| recode(self.pii, self.keys, table, row));
        recoded.collect()
    }

    async fn keep_numbers_apart(
        &self,
        tx: &mut agent_persistence::Tx,
        table: Table,
        rows: &mut [Recoded],
        owners: &mut HashMap<Vec<u8>, i64>,
    ) -> Result<(), DbError> {
        if table != Table::BankCard {
            return Ok(());
        }
        let new: Vec<Vec<u8>> = rows
            .iter()
            .filter_map(|row| Some(row.new_number()?.to_vec()))
            .collect();
        owners.extend(store::live_numbers(tx, &new).await?);
        rows.iter_mut().for_each(|row| row.yield_number(owners));
        Ok(())
    }

    /// Shapes of the values in every column, for each of [`Table::columns`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn shapes(db: &Db, table: Table) -> Result<Vec<Shapes>, DbError> {
        let mut sums = vec![Shapes::default(); table.columns().len()];
        let mut after = i64::MIN;
        while let Some((end, shapes)) = store::shapes(db.pool(), table, after, WINDOW).await? {
            sums.iter_mut()
                .zip(shapes)
                .for_each(|(sum, part)| *sum += part);
            after = end;
        }
        Ok(sums)
    }
}

fn summary(table: Table, rows: Vec<Recoded>) -> Batch {
    let mut batch = Batch {
        counts: vec![Counts::default(); table.columns().len()],
        ..Batch::default()
    };
    for row in rows {
        for (sum, counts) in batch.counts.iter_mut().zip(row.counts()) {
            *sum += counts;
        }
        batch.findings.extend(row.findings);
    }
    batch
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.encrypted += other.encrypted;
        self.indexed += other.indexed;
    }
}

/// Whether trying again helps: a lock or a connection that was not there in time, a deadlock, or a
/// card with the same number that came in between.
fn may_pass(error: &DbError) -> bool {
    matches!(
        error.kind(),
        DbErrorKind::Unavailable | DbErrorKind::Retryable
    ) || error.is_constraint(store::NUMBER_KEY)
}
