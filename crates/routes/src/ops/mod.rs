//! Routes for operators and developers; none of them belongs to a brand.

pub mod docs;
pub mod health;
