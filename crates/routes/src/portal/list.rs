//! The shape of every list, and its query.

use agent_domain::{
    BrandScope, Problem,
    page::{DayRange, Page, PageRequest, Sort},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, IntoDeserializer as _, Unexpected, value},
};
use utoipa::{IntoParams, ToSchema};

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub struct ListView<T, S> {
    pub items: Vec<T>,
    /// Rows that match the filter, exact up to 10 000.
    #[schema(minimum = 0, maximum = 10000)]
    pub total: i64,
    /// More rows match than `total` says.
    pub total_capped: bool,
    #[schema(minimum = 1)]
    pub page: i64,
    #[schema(minimum = 1, maximum = 100)]
    pub page_size: i64,
    /// Totals over the whole filter, not the page.
    pub summary: Option<S>,
}

impl<T, S> ListView<T, S> {
    pub(crate) fn new<R, Q>(
        page: Page<R, Q>,
        item: impl FnMut(R) -> T,
        summary: impl FnOnce(Q) -> S,
    ) -> Self {
        Self {
            items: page.items.into_iter().map(item).collect(),
            total: page.total,
            total_capped: page.total_capped,
            page: page.page,
            page_size: page.page_size,
            summary: page.summary.map(summary),
        }
    }
}

/// A list without totals: `summary` is always null.
#[derive(Serialize, ToSchema)]
pub struct NoSummary {}

impl<T> ListView<T, NoSummary> {
    pub(crate) fn plain<R>(page: Page<R>, item: impl FnMut(R) -> T) -> Self {
        Self::new(page, item, |()| NoSummary {})
    }
}

/// Which page is asked for.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// From 1.
    #[param(minimum = 1, maximum = 1_000_000)]
    pub page: Option<i64>,
    /// Rows of a page; 20 where nothing is said.
    #[param(minimum = 1, maximum = 100)]
    pub page_size: Option<i64>,
}

impl PageQuery {
    pub(crate) fn request(self) -> Result<PageRequest, Problem> {
        PageRequest::new(self.page, self.page_size)
    }
}

/// Calendar days in the brand's time zone, both included; today where nothing is said, at most 92.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RangeQuery {
    /// First day, `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "day")]
    pub date_from: Option<NaiveDate>,
    /// Last day, `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "day")]
    pub date_to: Option<NaiveDate>,
}

impl RangeQuery {
    pub(crate) fn range(self, scope: &BrandScope, now: DateTime<Utc>) -> Result<DayRange, Problem> {
        DayRange::new(self.date_from, self.date_to, scope.brand().day_of(now))
    }
}

/// A key by which a list is sorted, after a `-` for the other way round. For fields that are
/// `#[serde(default, deserialize_with = "sort")]`.
pub(crate) fn sort<'de, D, K>(deserializer: D) -> Result<Option<Sort<K>>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de>,
{
    let text = String::deserialize(deserializer)?;
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text.as_str(), false),
    };
    let name = name.to_owned().into_deserializer();
    let key = K::deserialize(name).map_err(|error: value::Error| D::Error::custom(error))?;
    Ok(Some(Sort { key, descending }))
}

/// Exactly `YYYY-MM-DD`. Parsers of dates also read signs, spaces and years that no table holds.
pub(crate) fn day<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NaiveDate>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let fits = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let well_formed = text.len() == 10 && text.bytes().enumerate().all(fits);
    let day = text.parse().ok().filter(|_| well_formed);
    let wanted = &"a date YYYY-MM-DD";
    day.map(Some)
        .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), wanted))
}
