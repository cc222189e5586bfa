//! Lists that are read on from a row, however far.
//!
//! Pages count from the newest row: each costs more than the one before, and what comes in meanwhile
//! moves all others on. The place of a row by time and number never changes, and an index finds it.

use chrono::{DateTime, Utc};

use crate::page::{Page, PageRequest};

/// Where a row stands in a list that is newest first; the number decides between those of one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub at: DateTime<Utc>,
    pub id: i64,
}

/// A row of a list that can be read on from it.
pub trait Placed {
    fn position(&self) -> Position;
}

/// Which rows of such a list are asked for: a page, or what follows a row.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    page: PageRequest,
    after: Option<Position>,
}

impl From<PageRequest> for Stretch {
    fn from(page: PageRequest) -> Self {
        Self { page, after: None }
    }
}

impl Stretch {
    /// What follows a row, as much as a first page holds.
    #[must_use]
    pub fn after(position: Position, first: PageRequest) -> Self {
        Self {
            page: first,
            after: Some(position),
        }
    }

    /// Every row of the stretch comes before `until`, and its position is less than this one. One
    /// bound for both, so that a statement has one condition, and its index one end.
    #[must_use]
    pub fn ceiling(self, until: DateTime<Utc>) -> Position {
        let end = Position {
            at: until,
            id: i64::MIN,
        };
        self.after.map_or(end, |after| after.min(end))
    }

    /// Rows to read: one more than is shown, which tells whether anything follows.
    #[must_use]
    pub fn limit(self) -> i64 {
        match self.page.limit() {
            0 => 0,
            shown => shown + 1,
        }
    }

    #[must_use]
    pub fn offset(self) -> i64 {
        self.page.offset()
    }

    /// What a list shows of the rows that were read by [`Self::limit`]. `counted` as for [`Page::new`].
    #[must_use]
    pub fn cut<T: Placed, S>(
        self,
        mut rows: Vec<T>,
        counted: i64,
        summary: Option<S>,
    ) -> Ledger<T, S> {
        let shown = usize::try_from(self.page.limit()).unwrap_or(usize::MAX);
        let goes_on = rows.len() > shown;
        rows.truncate(shown);
        let next = rows.last().filter(|_| goes_on).map(Placed::position);
        Ledger {
            page: Page::new(rows, counted, self.page, summary),
            next,
        }
    }
}

/// A page of a list that can be read on.
#[derive(Clone, Debug)]
pub struct Ledger<T, S = ()> {
    /// What follows a row calls itself the first page.
    pub page: Page<T, S>,
    /// The last row shown, where others follow it.
    pub next: Option<Position>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[derive(Debug, PartialEq)]
    struct Row(i64);

    impl Placed for Row {
        fn position(&self) -> Position {
            Position {
                at: at(0),
                id: self.0,
            }
        }
    }

    fn page(page: i64, size: i64) -> PageRequest {
        PageRequest::new(Some(page), Some(size)).unwrap()
    }

    #[test]
    fn q96_a_stretch_ends_with_its_range_or_below_its_cursor() {
        let row = |second, id| Position { at: at(second), id };
        let below = |after| Stretch::after(after, page(1, 20)).ceiling(at(9));
        assert_eq!(Stretch::from(page(1, 20)).ceiling(at(9)), row(9, i64::MIN));
        assert_eq!(below(row(8, i64::MAX)), row(8, i64::MAX));
        // Of another range.
        for later in [row(9, i64::MIN), row(9, 7), row(10, i64::MIN)] {
            assert_eq!(below(later), row(9, i64::MIN), "{later:?}");
        }
    }

    #[test]
    fn q96_the_last_row_shown_leads_on_where_another_was_read() {
        let cut = |request, read| {
            let ledger = Stretch::from(request).cut(read, 5, None::<()>);
            (ledger.page.items, ledger.next.map(|next| next.id))
        };
        let rows = |ids: &[i64]| ids.iter().copied().map(Row).collect::<Vec<_>>();
        assert_eq!(cut(page(1, 2), rows(&[5, 4, 3])), (rows(&[5, 4]), Some(4)));
        assert_eq!(cut(page(1, 2), rows(&[5, 4])), (rows(&[5, 4]), None));
        assert_eq!(cut(page(1, 2), rows(&[])), (rows(&[]), None));
        assert_eq!(Stretch::from(page(1, 2)).limit(), 3);
        // The last page leads on beyond what pages show; after it there are none.
        let last = Stretch::from(page(334, 30));
        assert_eq!((last.offset(), last.limit()), (9_990, 11));
        let beyond = Stretch::from(page(335, 30));
        assert_eq!((beyond.offset(), beyond.limit()), (10_000, 0));
    }
}
