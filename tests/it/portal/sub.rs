//! `/agent/sub/*`: agents below an agent (P-033).

mod add;
mod add_again;
mod code;
mod edit;
mod isolation;
mod list;
mod locks;
mod pace;
mod reset;
mod shares;
mod stage;
mod status;
mod tree;
