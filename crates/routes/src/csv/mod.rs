//! Lists and reports as CSV (RFC 4180).
//!
//! A row has the members of the JSON item in the same values: money and counts as numbers, times in
//! UTC, an empty cell for null. Members of an object within it are columns of their own
//! (`agent.guid` is `agent_guid`), the parts of a list share one cell with `|` between. The first
//! row names the columns; rows end with CR LF.
//!
//! A spreadsheet takes a text that begins like a formula for one. Such texts get a `'` in front;
//! numbers, also negative ones, stay as they are.

pub(crate) mod cells;
mod file_name;
mod transfer;

pub(crate) use cells::{Cells, Row, columns};
pub(crate) use transfer::{answer, today};

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What the answer is written in.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FormatQuery {
    /// `csv` is a file with every row that the filter leaves, in the same order, at most as many as
    /// the service is set to export. The page does not matter.
    #[param(inline)]
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    #[default]
    Json,
    Csv,
}

impl FormatQuery {
    pub(crate) fn is_csv(self) -> bool {
        self.format == Format::Csv
    }
}
