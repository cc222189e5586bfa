//! `/agent/sub/*`: agents below an agent (P-033).

mod add;
mod add_again;
mod edit;
mod isolation;
mod list;
mod reset;
mod shares;
mod stage;
mod status;
mod tree;
