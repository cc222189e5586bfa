//! Lists that are read on from a row: their query, their shape, and the text of a cursor.

use agent_domain::{
    Problem,
    cursor::{Position, Stretch},
    page::PageRequest,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{csv::FormatQuery, portal::list::ListView};

const FIELD: &str = "cursor";
const UNKNOWN: &str = "must be the next_cursor of an answer of this list";
/// Of the layout that follows it.
const VERSION: u8 = 1;
/// Version, list, microseconds since 1970, number of the row: 24 letters, and no other text means
/// the same.
const BYTES: usize = 18;
/// What ranges can name, and a little more. Postgres would refuse instants far beyond.
const YEARS: std::ops::RangeInclusive<i32> = -1..=10_000;

/// Whose cursor it is. Numbers of rows mean nothing in another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum List {
    Withdrawals = 1,
    CouponLogs = 2,
    CouponRecycleLogs = 3,
    PlayerCoupons = 4,
}

/// Which rows are asked for: a page, or what follows a cursor.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// From 1. Not together with `cursor`.
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<i64>,
    /// Rows of a page; 20 where nothing is said.
    #[param(minimum = 1, maximum = 100)]
    page_size: Option<i64>,
    /// `next_cursor` of an answer of this list, for the rows that follow, also those that have no
    /// page. Send the same filters and days again. Not together with `page` or `format=csv`.
    #[param(pattern = "^[A-Za-z0-9_-]{24}$")]
    cursor: Option<String>,
}

impl LedgerQuery {
    /// # Errors
    /// `validation_failed` naming the parameter.
    pub(crate) fn stretch(self, list: List, format: FormatQuery) -> Result<Stretch, Problem> {
        let page = PageRequest::new(self.page, self.page_size)?;
        let Some(cursor) = self.cursor else {
            return Ok(page.into());
        };
        if self.page.is_some() {
            return Err(Problem::field(FIELD, "must not be given with page"));
        }
        if format.is_csv() {
            let message = "must not be given with format=csv, which has every row";
            return Err(Problem::field(FIELD, message));
        }
        let position = read(&cursor, list).ok_or_else(|| Problem::field(FIELD, UNKNOWN))?;
        Ok(Stretch::after(position, page))
    }
}

/// One page of a list that can be read on.
#[derive(Serialize, ToSchema)]
pub struct LedgerView<T, S> {
    /// The page is 1 where a cursor was given.
    #[serde(flatten)]
    shown: ListView<T, S>,
    /// For `cursor`: the rows after these. Null where none follow, and on pages beyond the first
    /// 10 000 rows.
    next_cursor: Option<String>,
}

impl<T, S> LedgerView<T, S> {
    pub(crate) fn new(shown: ListView<T, S>, next: Option<Position>, list: List) -> Self {
        Self {
            shown,
            next_cursor: next.map(|position| write(position, list)),
        }
    }
}

/// A position says nothing that its row does not, and a made-up one asks for nothing more: whose rows
/// are shown, and which, is up to the session and the filters alone. So nothing is signed.
fn write(position: Position, list: List) -> String {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend([VERSION, list as u8]);
    bytes.extend(position.at.timestamp_micros().to_be_bytes());
    bytes.extend(position.id.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(cursor: &str, list: List) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let bytes: [u8; BYTES] = bytes.try_into().ok()?;
    let rest = bytes.strip_prefix(&[VERSION, list as u8])?;
    let (micros, id) = rest.split_first_chunk()?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    YEARS.contains(&at.year()).then_some(Position {
        at,
        id: i64::from_be_bytes(id.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients keep them.
    #[test]
    fn q96_a_cursor_that_was_given_stays_good() {
        let position = Position {
            at: "2026-01-10T00:00:00.000001Z".parse().unwrap(),
            id: 7,
        };
        for (list, text) in [
            (List::Withdrawals, "AQEABkf9UrKgAQAAAAAAAAAH"),
            (List::PlayerCoupons, "AQQABkf9UrKgAQAAAAAAAAAH"),
        ] {
            assert_eq!(write(position, list), text);
            assert_eq!(read(text, list), Some(position));
            assert_eq!(read(text, List::CouponLogs), None);
        }
    }
}
