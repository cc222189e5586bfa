//! The rules of the agent portal: identifiers, money, state machines, events and errors.
//!
//! This crate does no I/O and knows no async. Everything here can be tested by calling a
//! function with values, which is why the rules that money depends on live here and not
//! beside the SQL or the handlers.

pub mod brand;
pub mod cursor;
pub mod event;
pub mod ids;
pub mod money;
pub mod page;
pub mod portal;
pub mod problem;

pub use brand::{Brand, BrandScope, EnforcementMode};
pub use event::{DomainEvent, EventBody};
pub use ids::{AgentGuid, BankId, BrandId, CardId, WithdrawNo};
pub use money::{Currency, Money};
pub use problem::{Code, FieldError, Problem};
