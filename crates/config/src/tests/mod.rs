//! Tests of loading as a whole; sections have no tests of their own.

mod fixture;
mod guards;
mod required;
mod secrets;
mod table;
mod values;
