//! How many values of which shape a column holds. Judged by the look of the text alone; whether a
//! value can be read is only known to who has the key.

use std::ops::AddAssign;

use super::{Column, Table};
use crate::{error::DbError, pool::Pool};

/// Values of a column by shape (Q-89).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shapes {
    pub gcm: u64,
    pub cbc: u64,
    pub plain: u64,
    /// Of no known shape.
    pub other: u64,
    /// Values of any shape without the index that belongs to them.
    pub without_index: u64,
}

impl AddAssign for Shapes {
    fn add_assign(&mut self, other: Self) {
        self.gcm += other.gcm;
        self.cbc += other.cbc;
        self.plain += other.plain;
        self.other += other.other;
        self.without_index += other.without_index;
    }
}

/// What plain text of a column looks like: at least five digits and nothing that a number does not
/// hold; a name has a letter, and digits only beside a space.
const fn plain(column: Column) -> &'static str {
    match column {
        Column::AgentPhone => r"^(?=(.*[0-9]){5})[0-9+(). -]{1,32}$",
        Column::AgentEmail => r"^[!-?A-~]+@[!-?A-~]+$",
        Column::AgentBankNum
        | Column::CardNumber
        | Column::WithdrawCardNumber
        | Column::WithdrawBankNum => r"^(?=(.*[0-9]){5})[A-Za-z0-9 -]{1,40}$",
        Column::CardHolder | Column::WithdrawHolder => {
            r"^(?=.*[^\x01-@\[-`{-~])([^\x01-\x1f!-%*+0-@\[-`{-\x7f]{1,200}|(?=.* )[^\x01-\x1f!-%*+:-@\[-`{-\x7f]{1,200})$"
        }
    }
}

/// Shapes in the next `size` rows behind the row `after`, for each of the table's columns, and the
/// last of these rows; `None` behind the end of the table.
///
/// # Errors
/// The statement failed.
pub async fn shapes(
    pool: &Pool,
    table: Table,
    after: i64,
    size: i64,
) -> Result<Option<(i64, Vec<Shapes>)>, DbError> {
    let columns = table.columns();
    let patterns: Vec<String> = columns.iter().map(|c| plain(*c).to_owned()).collect();
    let rows = sqlx::query!(
        r#"
        WITH part AS MATERIALIZED (
            (SELECT guid AS id, ARRAY[phone_num, email, bank_num] AS texts,
                    ARRAY[phone_bidx IS NULL, email_bidx IS NULL, false] AS bare
             FROM agent WHERE $1 = 'agent' AND guid > $2 ORDER BY guid LIMIT $3)
            UNION ALL
            (SELECT id, ARRAY[card_number, holder_name], ARRAY[card_bidx IS NULL, holder_bidx IS NULL]
             FROM agent_bank_card WHERE $1 = 'agent_bank_card' AND id > $2 ORDER BY id LIMIT $3)
            UNION ALL
            (SELECT guid, ARRAY[card_number, bank_num, holder_name], ARRAY[false, false, false]
             FROM agent_withdraw WHERE $1 = 'agent_withdraw' AND guid > $2 ORDER BY guid LIMIT $3)
        ), value AS (
            SELECT part.id, v.at, v.bare AND v.text IS NOT NULL AS bare,
                   CASE WHEN v.text IS NULL THEN NULL
                        WHEN starts_with(v.text, 'aesgcm:v1:') THEN 'gcm'
                        WHEN v.text ~ '^[A-Za-z0-9+/]+={0,2}$' AND length(v.text) % 4 = 0
                             AND length(rtrim(v.text, '=')) * 3 / 4 % 16 = 0 THEN 'cbc'
                        WHEN v.text ~ ($4::text[])[v.at] THEN 'plain'
                        ELSE 'other' END AS shape
            FROM part CROSS JOIN LATERAL unnest(part.texts, part.bare) WITH ORDINALITY AS v (text, bare, at)
        )
        SELECT max(id) AS "end!",
               count(*) FILTER (WHERE shape = 'gcm') AS "gcm!", count(*) FILTER (WHERE shape = 'cbc') AS "cbc!",
               count(*) FILTER (WHERE shape = 'plain') AS "plain!", count(*) FILTER (WHERE shape = 'other') AS "other!",
               count(*) FILTER (WHERE bare) AS "bare!"
        FROM value GROUP BY at ORDER BY at
        "#,
        table.name(),
        after,
        size,
        &patterns,
    )
    .fetch_all(pool)
    .await?;
    let Some(end) = rows.first().map(|row| row.end) else {
        return Ok(None);
    };
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let shapes = rows.iter().map(|row| Shapes {
        gcm: count(row.gcm),
        cbc: count(row.cbc),
        plain: count(row.plain),
        other: count(row.other),
        without_index: count(row.bare),
    });
    Ok(Some((end, shapes.collect())))
}
