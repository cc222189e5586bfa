//! Lists and reports as CSV.

mod cut;
mod limits;
mod schema;
mod stage;
mod values;
