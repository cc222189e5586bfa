//! Pages and date ranges of lists.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::problem::{Code, Problem};

/// Above this many rows a list says so instead of counting on, and shows none.
pub const TOTAL_CAP: i64 = 10_000;
/// Longest range of a list or report, in days.
pub const MAX_RANGE_DAYS: i64 = 92;

/// Which page of a list is asked for: `page` from 1, at most 100 rows. Only the first [`TOTAL_CAP`]
/// rows of a list have a page: farther ones cost the more the farther they are, and a narrower
/// filter finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    page: i64,
    size: i64,
    /// Rows of the list that have a page.
    cap: i64,
}

impl PageRequest {
    /// # Errors
    /// `validation_failed` naming the parameter that is out of bounds.
    pub fn new(page: Option<i64>, size: Option<i64>) -> Result<Self, Problem> {
        let (page, size) = (page.unwrap_or(1), size.unwrap_or(20));
        if !(1..=1_000_000).contains(&page) {
            return Err(Problem::field("page", "must be between 1 and 1000000"));
        }
        if !(1..=100).contains(&size) {
            return Err(Problem::field("page_size", "must be between 1 and 100"));
        }
        Ok(Self {
            page,
            size,
            cap: TOTAL_CAP,
        })
    }

    /// The first `rows` rows of a list as one page, for an export.
    #[must_use]
    pub fn whole(rows: i64) -> Self {
        Self {
            page: 1,
            size: rows,
            cap: rows,
        }
    }

    /// Rows before the page, at most [`TOTAL_CAP`].
    #[must_use]
    pub fn offset(self) -> i64 {
        ((self.page - 1) * self.size).min(self.cap)
    }

    /// Rows of the page; 0 beyond the cap, where a statement then skips nothing either.
    #[must_use]
    pub fn limit(self) -> i64 {
        self.size.min(self.cap - self.offset())
    }
}

/// By what a list is sorted, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort<K> {
    pub key: K,
    pub descending: bool,
}

/// One page of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T, S = ()> {
    pub items: Vec<T>,
    /// Rows that match the filter: exact up to [`TOTAL_CAP`].
    pub total: i64,
    /// The filter matches more rows than `total` says.
    pub total_capped: bool,
    pub page: i64,
    pub page_size: i64,
    pub summary: Option<S>,
}

impl<T, S> Page<T, S> {
    /// `counted` may be one more than [`TOTAL_CAP`], which then means "more".
    #[must_use]
    pub fn new(items: Vec<T>, counted: i64, request: PageRequest, summary: Option<S>) -> Self {
        Self {
            items,
            total: counted.min(TOTAL_CAP),
            total_capped: counted > TOTAL_CAP,
            page: request.page,
            page_size: request.size,
            summary,
        }
    }

    #[must_use]
    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U, S> {
        Page {
            items: self.items.into_iter().map(view).collect(),
            total: self.total,
            total_capped: self.total_capped,
            page: self.page,
            page_size: self.page_size,
            summary: self.summary,
        }
    }
}

/// Calendar days from first to last, both included, in a brand's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    pub first: NaiveDate,
    pub last: NaiveDate,
}

impl DayRange {
    /// A missing end is today.
    ///
    /// # Errors
    /// `validation_failed` when the range runs backwards, `range_too_long` above 92 days.
    pub fn new(
        first: Option<NaiveDate>,
        last: Option<NaiveDate>,
        today: NaiveDate,
    ) -> Result<Self, Problem> {
        let last = last.unwrap_or_else(|| first.map_or(today, |first| first.max(today)));
        let first = first.unwrap_or(last.min(today));
        if first > last {
            return Err(Problem::field("date_from", "must not be after date_to"));
        }
        if (last - first).num_days() >= MAX_RANGE_DAYS {
            return Err(Problem::new(
                Code::RangeTooLong,
                "a range covers at most 92 days",
            ));
        }
        Ok(Self { first, last })
    }

    /// The instants `[from, until)` that the days cover in a time zone.
    #[must_use]
    pub fn instants(self, timezone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        let next = self
            .last
            .checked_add_days(Days::new(1))
            .unwrap_or(self.last);
        (
            start_of_day(self.first, timezone),
            start_of_day(next, timezone),
        )
    }
}

/// First instant of a calendar day. Where a clock change skips midnight, the day begins with the
/// first instant that exists.
#[must_use]
pub fn start_of_day(day: NaiveDate, timezone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..=24)
        .find_map(|quarter| {
            let local = midnight + chrono::Duration::minutes(15 * quarter);
            timezone.from_local_datetime(&local).earliest()
        })
        .map_or_else(
            || Utc.from_utc_datetime(&midnight),
            |start| start.with_timezone(&Utc),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q96_pages_end_where_the_total_does() {
        let shown = |page, size| {
            let request = PageRequest::new(Some(page), Some(size)).unwrap();
            (request.offset(), request.limit())
        };
        assert_eq!(shown(1, 20), (0, 20));
        assert_eq!(shown(100, 100), (9_900, 100));
        // The last page may be cut.
        assert_eq!(shown(334, 30), (9_990, 10));
        for (page, size) in [(101, 100), (10_001, 1), (1_000_000, 1), (1_000_000, 100)] {
            assert_eq!(shown(page, size), (TOTAL_CAP, 0), "{page} of {size}");
        }
    }

    #[test]
    fn an_export_is_one_page_beyond_the_cap_of_lists() {
        let whole = PageRequest::whole(100_000);
        assert_eq!((whole.offset(), whole.limit()), (0, 100_000));
    }
}
