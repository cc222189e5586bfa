//! `kill -9` and SIGTERM under load (P-091, P-095, Q-88, Q-94).

mod kill;
mod load;
mod stop;
