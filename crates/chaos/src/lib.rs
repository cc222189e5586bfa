//! What tests share with the fault harness (`cargo dev chaos`): a TCP proxy that misbehaves, what
//! must hold of the books, and how a planted secret may be spelled. Never shipped.

pub mod books;
pub mod dice;
pub mod planted;
pub mod proxy;
